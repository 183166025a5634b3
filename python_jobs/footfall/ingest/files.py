"""Files as they are offered: which ones, what they hold, and whether that fits the contract."""

from __future__ import annotations

import csv
import difflib
import fnmatch
import glob
import gzip
import io
import json
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath, PurePosixPath
from typing import IO, Any, cast
from urllib.parse import unquote

import pyarrow as pa

from footfall.errors import UsageError, first_line
from footfall.ingest.avro import avro_batches, avro_columns
from footfall.ingest.fields import (
    Every,
    Field,
    FieldPath,
    Step,
    as_text,
    text_within,
    type_at,
    values_at,
)
from footfall.ingest.mapping import (
    ColumnMapping,
    CsvOptions,
    FileFormat,
    Mapping,
    RowKind,
    source_path,
)
from footfall.ingest.types import (
    contract_type,
    converts_by_row,
    fits,
    is_list,
    is_same,
    is_text,
    value_type,
)
from footfall.ingest.types import spark_read_type as read_type
from footfall.object_store import (
    AnyPath,
    DataPath,
    ObjectPath,
    data_path,
    open_orc,
    open_parquet,
    unreachable,
)
from footfall.paths import WILDCARDS, require_readable
from footfall.project.contracts import Column, Contract
from footfall.settings import Settings, get_settings

SUFFIXES: dict[str, FileFormat] = {
    ".parquet": "parquet",
    ".orc": "orc",
    ".avro": "avro",
    ".csv": "csv",
    ".tsv": "csv",
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
}
COMPRESSED = re.compile(r"\.(gz|zst)$", re.IGNORECASE)
"""How the name of a compressed text file ends."""
JSON_SAMPLE_BYTES = 1 << 20
ROWS_AT_A_TIME = 65_536
FOLDER_VALUE = re.compile(r"([A-Za-z_]\w*)=(.*)")
NO_FOLDER_VALUE = "__HIVE_DEFAULT_PARTITION__"
"""What Hive calls the folder of the rows that have no value."""
PREFIX_OF_HIDDEN = (".", "_")


class FileRejectedError(Exception):
    """A file that cannot be loaded as a whole; the text says why and what to do."""


@dataclass(frozen=True)
class PhysicalColumn:
    """A column as the file stores it; a text file's columns are all strings.

    Attributes:
        of_folder: whether the value stands in the name of a folder of the file, ``name=value``.
        below: for a value within a column, the column and the way down.
    """

    name: str
    type: Any
    int96: bool = False
    of_folder: bool = False
    below: Below | None = None

    @property
    def root(self) -> PhysicalColumn:
        """The column that the value lies in; the column itself, if it is none within another."""
        return self.below.root if self.below else self

    @property
    def steps(self) -> tuple[Step, ...]:
        """The way from the root's value down."""
        return self.below.steps if self.below else ()

    @property
    def nanoseconds(self) -> bool:
        """Whether Spark can only read the column as a number of nanoseconds."""
        return bool(pa.types.is_timestamp(self.type)) and self.type.unit == "ns" and not self.int96


@dataclass(frozen=True)
class Below:
    """Where a nested value lies.

    Attributes:
        root: the column it lies in.
        steps: from the column's value down.
        row_kind: number of the kind of row whose list the steps go through with ``[]``.
    """

    root: PhysicalColumn
    steps: tuple[Step, ...]
    row_kind: int | None = None


@dataclass(frozen=True)
class FileShape:
    """What the head or footer of a file tells; equal shapes can be read together.

    Attributes:
        columns: in the file's order.
        complete: whether the file has no columns but these (a JSON line may always bring more).
        json_array: one JSON array instead of a line for each row.
        delimiter: of a CSV file.
        rows: where the footer tells.
        sample: the first objects of a JSON file.
    """

    file_format: FileFormat
    columns: tuple[PhysicalColumn, ...]
    complete: bool = True
    json_array: bool = False
    delimiter: str = ","
    rows: int | None = field(default=None, compare=False)
    sample: tuple[dict[str, Any], ...] = field(default=(), compare=False, repr=False)

    @property
    def is_text(self) -> bool:
        """Whether the files hold text, and not values of types of their own."""
        return self.file_format in ("csv", "json")

    def find(self, name: str, row_kind: int | None = None) -> PhysicalColumn | None:
        """Return the column that a name stands for, or the value within one that a path leads to.

        Args:
            row_kind: number of the kind of row that names it.
        """
        present = {column.name: column for column in self.columns}
        if name in present:
            return present[name]
        path = source_path(name)
        root = present.get(path.root)
        if root is None and not self.complete:
            root = PhysicalColumn(path.root, pa.string())
        if root is None:
            return None
        if not path.is_nested:
            return root
        kind = type_at(root.type, path.steps)
        of_list = row_kind if path.list_path is not None else None
        below = Below(root, path.steps, of_list)
        return None if kind is None else PhysicalColumn(path.text, kind, below=below)


@dataclass(frozen=True)
class ColumnPlan:
    """Where a contract column comes from in files of one shape.

    ``sources`` is empty for a constant and for a column that the file does not have. ``clock`` is
    when a message was sent and when it was received.
    """

    column: Column
    mapped: ColumnMapping | None
    sources: tuple[PhysicalColumn, ...]
    clock: tuple[PhysicalColumn, PhysicalColumn] | None = None


@dataclass(frozen=True)
class ListPlan:
    """A list each of whose elements becomes a row, and the fields they are chosen by."""

    source: PhysicalColumn
    where: dict[str, list[str]]


@dataclass(frozen=True)
class KindPlan:
    """How rows of one kind become rows of the contract, in files of one shape."""

    columns: tuple[ColumnPlan, ...]
    where: tuple[tuple[PhysicalColumn, tuple[str, ...]], ...] = ()
    each: ListPlan | None = None

    def values(self) -> Iterator[PhysicalColumn]:
        """Yield the columns and nested values that rows of the kind need."""
        for plan in self.columns:
            yield from plan.sources
            yield from plan.clock or ()
        for source, _values in self.where:
            yield source


@dataclass(frozen=True)
class ReadPlan:
    """How files of one shape become rows of the contract.

    Attributes:
        ignored: columns of the file that nothing uses.
        conversions: columns that are stored as another type than the contract's, for example
            ``user_id: int64 read as string``.
    """

    shape: FileShape
    kinds: tuple[KindPlan, ...]
    ignored: tuple[str, ...] = ()
    conversions: tuple[str, ...] = ()

    @property
    def multiplies(self) -> bool:
        """Whether a row of a file may give several rows."""
        return any(row_kind.each is not None for row_kind in self.kinds)

    def used(self) -> list[PhysicalColumn]:
        """Return the columns and nested values that the plan reads, each once."""
        lists = [row_kind.each.source for row_kind in self.kinds if row_kind.each]
        return list(dict.fromkeys([*self._values(), *lists]))

    def nested(self) -> list[PhysicalColumn]:
        """Return the nested values that the plan reads, each once."""
        return [source for source in dict.fromkeys(self._values()) if source.below is not None]

    def columns(self) -> list[PhysicalColumn]:
        """Return the columns that the plan reads, those of nested values among them, each once."""
        return list(dict.fromkeys(source.root for source in self.used()))

    def ways_below(self, root: PhysicalColumn) -> list[tuple[Step, ...]]:
        """Return the ways from a column's value down to all that the plan reads of it."""
        ways = [source.steps for source in self._values() if source.root == root]
        for each in (row_kind.each for row_kind in self.kinds if row_kind.each):
            if each.source.root == root:
                ways.append((*each.source.steps, Every()))
                ways += [(*each.source.steps, Every(), Field(name)) for name in each.where]
        return [way for way in dict.fromkeys(ways) if way]

    def only_below(self) -> dict[PhysicalColumn, list[tuple[Step, ...]]]:
        """Return the columns of which the plan reads parts and never the whole, with the ways."""
        whole = {source for source in self.used() if not source.steps}
        return {
            root: ways
            for root in self.columns()
            if root not in whole and (ways := self.ways_below(root))
        }

    def _values(self) -> Iterator[PhysicalColumn]:
        for row_kind in self.kinds:
            yield from row_kind.values()


def expand_paths(
    paths: Sequence[str],
    file_format: FileFormat | None = None,
    settings: Settings | None = None,
) -> list[DataPath]:
    """Return the data files behind folders (searched through), globs and files, each once.

    A path that exists is no glob, nor is the part of a glob that names an existing folder. In an
    object store a glob begins with the first part of the key that holds a wildcard.
    Hidden files (names that start with ``.`` or ``_``) in folders and globs are left out.

    Args:
        paths: of this machine, or ``s3a://…``.
        file_format: parquet, csv or json; by default what each file's name tells.
        settings: how to reach an object store; the process's own by default.

    Raises:
        UsageError: a path matches nothing, or a file's name cannot be read by Spark or does not
            tell its format.
        FootfallError: an object store cannot be read.
    """
    found: dict[DataPath, None] = {}
    for text in paths:
        path = data_path(text, settings or get_settings())
        if isinstance(path, ObjectPath):
            matches = _in_store(path, file_format)
        else:
            matches = _on_this_machine(path, file_format)
        if not matches:
            raise UsageError(
                f"There is no data file at {text}.",
                "Pass a file, a folder or a quoted glob with files that end in "
                f"{', '.join(SUFFIXES)} (text also with .gz or .zst), or name "
                "the format with --format.",
            )
        found.update(dict.fromkeys(matches))
    for file in found:
        format_of(file, file_format)
    return list(found)


def _on_this_machine(path: Path, file_format: FileFormat | None) -> list[DataPath]:
    if path.is_dir():
        matches = _data_files(path.rglob("*"), path, file_format)
    elif path.exists():
        matches = [path]
    else:
        # Path.glob takes no absolute pattern.
        candidates = [Path(match) for match in glob.glob(_pattern(path), recursive=True)]  # noqa: PTH207
        matches = [file for file in sorted(candidates) if not is_hidden(file.name)]
        folders = [file for file in matches if file.is_dir()]
        matches = [file for file in matches if file.is_file()] + [
            file
            for folder in folders
            for file in _data_files(folder.rglob("*"), folder, file_format)
        ]
    for file in matches:
        require_readable("The file", file.absolute())
    return [file.absolute() for file in matches]


def _in_store(path: ObjectPath, file_format: FileFormat | None) -> list[DataPath]:
    try:
        if path.is_file():
            return [path]
        if path.is_dir():
            return list(_of_format(path.files(), path.key, file_format))
        return list(_matches(path, file_format))
    except OSError as error:
        raise unreachable(path, error) from error


def _matches(pattern: ObjectPath, file_format: FileFormat | None) -> Iterator[ObjectPath]:
    """Yield the files that a glob names, and the data files in the folders that it names."""
    parts = pattern.key.split("/")
    literal = next((at for at, part in enumerate(parts) if WILDCARDS.search(part)), 0)
    if not literal:
        return
    for file in ObjectPath("/".join(parts[:literal]), pattern.store).files():
        names = file.key.split("/")
        if _fits_glob(names, parts):
            if not is_hidden(file.name):
                yield file
            continue
        folders = (names[:depth] for depth in range(literal + 1, len(names)))
        folder = next((folder for folder in folders if _fits_glob(folder, parts)), None)
        if folder is not None:
            yield from _of_format([file], "/".join(folder), file_format)


def _fits_glob(names: Sequence[str], pattern: Sequence[str]) -> bool:
    """Return whether the parts of a key fit those of a glob.

    ``**`` stands for any number of folders; no other wildcard stands for a slash.
    """
    if not pattern or not names:
        return not names and all(part == "**" for part in pattern)
    if pattern[0] == "**":
        return any(_fits_glob(names[at:], pattern[1:]) for at in range(len(names) + 1))
    return fnmatch.fnmatchcase(names[0], pattern[0]) and _fits_glob(names[1:], pattern[1:])


def _pattern(path: Path) -> str:
    """Return a glob whose first folders stand for themselves, as far as such folders exist."""
    literal = next(parent for parent in path.parents if parent.is_dir())
    return str(Path(glob.escape(str(literal)), path.relative_to(literal)))


def is_hidden(name: str) -> bool:
    """Return whether Spark passes over a file or folder of this name."""
    return name.startswith(PREFIX_OF_HIDDEN)


def _data_files(files: Iterable[Path], root: Path, file_format: FileFormat | None) -> list[Path]:
    found = _of_format(files, str(root), file_format)
    return sorted(file for file in found if file.is_file())


def _of_format(
    files: Iterable[AnyPath], root: str, file_format: FileFormat | None
) -> Iterator[AnyPath]:
    """Yield the files below a folder that are not hidden and have a format, or the given one."""
    for file in files:
        path = PurePosixPath(file.key) if isinstance(file, ObjectPath) else PurePath(file)
        if any(is_hidden(part) for part in path.relative_to(root).parts):
            continue
        known = _suffix_format(file)
        if known is not None if file_format is None else known == file_format or not file.suffix:
            yield file


def _suffix_format(file: DataPath | PurePath) -> FileFormat | None:
    return SUFFIXES.get(Path(_plain_name(file)).suffix)


def _plain_name(file: DataPath | PurePath) -> str:
    return COMPRESSED.sub("", file.name).lower()


def is_zstd(file: DataPath) -> bool:
    """Return whether a text file's name says that it is compressed by Zstandard."""
    return file.name.lower().endswith(".zst")


def format_of(file: DataPath, file_format: FileFormat | None = None) -> FileFormat:
    """Return a file's format: the given one, or the one that its name tells.

    Raises:
        UsageError: no format is given and the name tells none.
    """
    if known := file_format or _suffix_format(file):
        return known
    raise UsageError(
        f"The name of {file} does not tell its format.",
        "Pass --format parquet, orc, avro, csv or json.",
    )


def inspect(file: DataPath, file_format: FileFormat, options: CsvOptions) -> FileShape:
    """Read the head or footer of a file.

    Raises:
        FileRejectedError: it cannot be read, or holds no rows and no header.
    """
    shape = _inspect(file, file_format, options)
    present = {column.name for column in shape.columns}
    of_folders = [
        PhysicalColumn(name, pa.string(), of_folder=True)
        for name in folder_values(file)
        if name not in present
    ]
    return replace(shape, columns=(*shape.columns, *of_folders))


def folder_values(file: DataPath) -> dict[str, str | None]:
    """Return what the folders of a file say in Hive's way, ``name=value``, by name."""
    text = file.key if isinstance(file, ObjectPath) else str(file)
    found = (FOLDER_VALUE.fullmatch(part) for part in PurePosixPath(text).parts[:-1])
    return {
        match[1]: None if match[2] == NO_FOLDER_VALUE else unquote(match[2])
        for match in found
        if match
    }


def _inspect(file: DataPath, file_format: FileFormat, options: CsvOptions) -> FileShape:
    if is_hidden(file.name):
        raise FileRejectedError(
            f"{file}: Spark treats a file whose name starts with '{file.name[0]}' as a "
            "hidden file. Rename it."
        )
    try:
        if file.stat().st_size == 0:
            raise FileRejectedError(f"{file}: the file is empty. Have it delivered again.")
        if file_format == "parquet":
            return _inspect_parquet(file)
        if file_format == "orc":
            return _inspect_orc(file)
        if file_format == "avro":
            return _inspect_avro(file)
        with open_text(file) as content:
            if file_format == "csv":
                return _inspect_csv(file, content, options)
            return _inspect_json(file, content)
    except (OSError, EOFError, zlib.error, UnicodeError, pa.ArrowException) as error:
        raise FileRejectedError(_unreadable(file, file_format, error)) from error


def _unreadable(file: DataPath, file_format: FileFormat, error: Exception) -> str:
    return (
        f"{file}: not a readable {file_format} file (truncated or damaged?): {first_line(error)}. "
        "Have it delivered again, or name another --format."
    )


@contextmanager
def open_text(file: DataPath) -> Iterator[IO[bytes]]:
    """Open a text file to read its bytes, decompressed."""
    with file.open("rb") as content:
        if file.name.lower().endswith(".gz"):
            with gzip.open(content, "rb") as plain:
                yield cast("IO[bytes]", plain)
        elif is_zstd(file):
            with io.BufferedReader(pa.CompressedInputStream(content, "zstd")) as plain:
                yield plain
        else:
            yield content


def _inspect_parquet(file: DataPath) -> FileShape:
    with open_parquet(file) as parquet:
        int96 = {
            parquet.schema.column(index).path
            for index in range(len(parquet.schema))
            if parquet.schema.column(index).physical_type == "INT96"
        }
        columns = tuple(
            PhysicalColumn(name, value_type(kind), name in int96)
            for name, kind in zip(
                parquet.schema_arrow.names, parquet.schema_arrow.types, strict=True
            )
        )
        rows = parquet.metadata.num_rows
    _refuse_repeated(file, [column.name for column in columns])
    return FileShape("parquet", columns, rows=rows)


def _inspect_orc(file: DataPath) -> FileShape:
    orc = open_orc(file)
    columns = tuple(PhysicalColumn(part.name, _in_micros(part.type)) for part in orc.schema)
    _refuse_repeated(file, [column.name for column in columns])
    return FileShape("orc", columns, rows=orc.nrows)


def _inspect_avro(file: DataPath) -> FileShape:
    columns = tuple(PhysicalColumn(part.name, part.type) for part in avro_columns(file))
    _refuse_repeated(file, [column.name for column in columns])
    return FileShape("avro", columns)


def _in_micros(kind: Any) -> Any:
    """Return the type of a stored value as Spark reads it: its times have no nanoseconds."""
    kind = value_type(kind)
    if pa.types.is_timestamp(kind):
        return pa.timestamp("us", kind.tz)
    if is_list(kind):
        return pa.list_(_in_micros(kind.value_type))
    if pa.types.is_map(kind):
        return pa.map_(_in_micros(kind.key_type), _in_micros(kind.item_type))
    if pa.types.is_struct(kind):
        return pa.struct([(part.name, _in_micros(part.type)) for part in kind])
    return kind


def stored_batches(file: DataPath, file_format: FileFormat, rows: int) -> Iterator[Any]:
    """Yield the rows of a Parquet, ORC or Avro file, at most so many at a time."""
    if file_format == "avro":
        yield from avro_batches(file, rows)
        return
    if file_format == "parquet":
        with open_parquet(file) as parquet:
            yield from parquet.iter_batches(rows)
        return
    orc = open_orc(file)
    for number in range(orc.nstripes):
        stripe = orc.read_stripe(number)
        for first in range(0, stripe.num_rows, rows):
            yield stripe.slice(first, rows)


def _inspect_csv(file: DataPath, content: IO[bytes], options: CsvOptions) -> FileShape:
    tab = _plain_name(file).endswith(".tsv")
    delimiter = options.delimiter or ("\t" if tab else ",")
    names = options.columns
    if names is None:
        encoding = "utf-8-sig" if options.encoding == "UTF-8" else options.encoding
        text = io.TextIOWrapper(content, encoding=encoding, newline="")
        try:
            names = next(csv_rows(text, delimiter, options), [])
        except csv.Error as error:
            raise FileRejectedError(
                f"{file}: the first line is not a CSV header: {error}. "
                "Have it delivered again, or name another --format."
            ) from error
    if not any(name.strip() for name in names):
        raise FileRejectedError(
            f"{file}: the first line is empty, but should be the CSV header. "
            "Add a header, or list the names under `csv.columns` in a mapping."
        )
    _refuse_repeated(file, names)
    columns = tuple(PhysicalColumn(name, pa.string()) for name in names)
    return FileShape("csv", columns, delimiter=delimiter)


def csv_rows(text: Iterable[str], delimiter: str, options: CsvOptions) -> Iterator[list[str]]:
    """Return the rows of a CSV text as lists of texts."""
    if not options.quote:
        return csv.reader(text, delimiter=delimiter, quoting=csv.QUOTE_NONE)
    return csv.reader(text, delimiter=delimiter, quotechar=options.quote)


def _refuse_repeated(file: DataPath, names: Sequence[str]) -> None:
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise FileRejectedError(
            f"{file}: the column {repeated[0]!r} occurs twice. Rename one of the two."
        )


def _inspect_json(file: DataPath, content: IO[bytes]) -> FileShape:
    raw = content.read(JSON_SAMPLE_BYTES)
    # The sample may end inside a character.
    text = raw.decode("utf-8-sig", errors="ignore").lstrip()
    is_array = text.startswith("[")
    values = _array_elements(text) if is_array else _line_values(text)
    objects = tuple(value for value in values if isinstance(value, dict))
    names = dict.fromkeys(name for value in objects for name in value)
    if not objects and text.replace(" ", "").rstrip() != "[]":
        raise FileRejectedError(
            f"{file}: neither lines of JSON objects nor a JSON array of objects. "
            "Write one object per line, or name another --format."
        )
    columns = tuple(PhysicalColumn(name, pa.string()) for name in names)
    return FileShape("json", columns, complete=False, json_array=is_array, sample=objects)


def _line_values(text: str) -> Iterable[Any]:
    for line in text.splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            continue


def _array_elements(text: str) -> Iterable[Any]:
    decoder = json.JSONDecoder()
    position = 1
    while True:
        while position < len(text) and text[position] in " \t\r\n,":
            position += 1
        try:
            value, position = decoder.raw_decode(text, position)
        except ValueError:
            return
        yield value


def plan_read(
    file: DataPath | str, shape: FileShape, contract: Contract, mapping: Mapping
) -> ReadPlan:
    """Decide where each contract column comes from.

    Args:
        file: what the rows are of, for the message.

    Raises:
        FileRejectedError: a required column is missing or a column's type does not fit; the text
            names each, what was found, what was expected and the fix.
    """
    planned = [
        _Planner(shape, contract, row_kind, number).plan()
        for number, row_kind in enumerate(mapping.all_kinds())
    ]
    if problems := dict.fromkeys(problem for _kind, found in planned for problem in found):
        raise FileRejectedError(f"{file}: " + "; ".join(problems))
    plan = ReadPlan(replace(shape, sample=()), tuple(row_kind for row_kind, _problems in planned))
    used = {column.name for column in plan.columns()}
    ignored = tuple(column.name for column in shape.columns if column.name not in used)
    return replace(plan, ignored=ignored, conversions=tuple(_conversions(plan)))


def selects(row_kind: RowKind, row: dict[str, Any]) -> bool:
    """Return whether a row of a file, as a JSON object, is of a kind."""
    return all(
        any(as_text(value) in wanted for value in values_at(row, source_path(name)))
        for name, wanted in row_kind.where.items()
    )


class _Planner:
    """Plans one kind of row of a mapping for files of one shape, and notes what does not fit.

    Args:
        number: of the kind.
    """

    def __init__(
        self, shape: FileShape, contract: Contract, row_kind: RowKind, number: int
    ) -> None:
        self.shape = shape
        self.contract = contract
        self.row_kind = row_kind
        self.number = number
        self.present = {column.name: column for column in shape.columns}
        self.problems: list[str] = []
        self.rows = [row for row in shape.sample if selects(row_kind, row)]

    def plan(self) -> tuple[KindPlan, list[str]]:
        """Return the plan, and what keeps the file from being read by it."""
        columns = tuple(self._column(column) for column in self.contract.columns)
        where = []
        for name, values in self.row_kind.where.items():
            source = self.shape.find(name)
            if source is None or (not self.shape.complete and not self._in_sample(name)):
                self.problems.append(f"column {name!r}, by which `where` selects, is missing")
            else:
                where.append((source, tuple(values)))
        return KindPlan(columns, tuple(where), self._each()), self.problems

    def _in_sample(self, name: str) -> bool:
        """Return whether some object of the sample has the column of a name or path."""
        root = name if name in self.present else source_path(name).root
        return not self.shape.sample or root in self.present

    def _path(self, name: str) -> FieldPath:
        return FieldPath(name, name, ()) if name in self.present else source_path(name)

    def _has(self, name: str) -> bool:
        """Return whether files of the shape have what a name or path leads to."""
        if self.shape.complete:
            return self.shape.find(name) is not None
        path = self._path(name)
        if not self.shape.sample:
            return path.root in self.present
        return any(True for row in self.rows for _value in values_at(row, path))

    def _column(self, column: Column) -> ColumnPlan:
        mapped = self.row_kind.columns.get(column.name)
        names = self.row_kind.sources_of(column.name)
        found = [name for name in names if self._has(name)]
        # Where none of the first objects is of the kind, they tell nothing.
        told = bool(self.rows) or not (self.shape.sample and self.row_kind.where)
        if column.required and names and not found and told:
            self.problems.append(_missing(column, names, self._known()))
        sources = [self.shape.find(name, self.number) for name in names]
        if mapped is not None and mapped.items is not None:
            missing = [name for name in names if name not in found]
            if missing and found:
                self.problems.append(
                    f"column {missing[0]!r}, which {column.name} needs, is missing"
                )
            sources = [] if missing else sources
        chosen = tuple(source for source in sources if source is not None)
        if not self.shape.is_text:
            chosen = self._stored(chosen, column, mapped)
        return ColumnPlan(column, mapped, chosen, self._clock(mapped))

    def _stored(
        self, sources: tuple[PhysicalColumn, ...], column: Column, mapped: ColumnMapping | None
    ) -> tuple[PhysicalColumn, ...]:
        for source in sources:
            if text_within(source.root.type, source.steps):
                self.problems.append(
                    f"the path {source.name!r} goes on below a text within an object; only a text "
                    "that is itself a column is read as JSON"
                )
            elif problem := _misfit(source, column, mapped):
                self.problems.append(problem)
        sources = tuple(source for source in sources if not pa.types.is_null(source.type))
        if mapped is None or mapped.items is None:
            for other in sources[1:]:
                if not is_same(other.type, sources[0].type):
                    self.problems.append(
                        f"column {other.name!r} is {other.type}, but {sources[0].name!r}, beside "
                        f"which {column.name} names it, is {sources[0].type}. Fix: name one of them"
                    )
        return sources

    def _clock(self, mapped: ColumnMapping | None) -> tuple[PhysicalColumn, PhysicalColumn] | None:
        if mapped is None or mapped.clock is None:
            return None
        sent = self.shape.find(mapped.clock.sent, self.number)
        received = self.shape.find(mapped.clock.received, self.number)
        return None if sent is None or received is None else (sent, received)

    def _each(self) -> ListPlan | None:
        each = self.row_kind.each
        if each is None:
            return None
        source = self.shape.find(each.list_)
        if source is None or not (is_list(source.type) or is_text(source.type)):
            kind = "is missing" if source is None else f"is {source.type}, not a list"
            self.problems.append(f"the list {each.list_!r} of `each` {kind}")
            return None
        return ListPlan(source, {name: list(values) for name, values in each.where.items()})

    def _known(self) -> list[str]:
        """Return the columns, or below them the paths, that a missing one may have meant."""
        if any(source_path(name).is_nested for name in self.row_kind.names()):
            return known_paths(self.shape, self.rows or self.shape.sample)
        return list(self.present)


def known_paths(shape: FileShape, rows: Iterable[dict[str, Any]] = ()) -> list[str]:
    """Return the columns of files of a shape, and in place of an object the paths of its values.

    Args:
        rows: objects of a JSON file, whose paths count.
    """
    found: dict[str, None] = {}
    for row in rows:
        found.update(dict.fromkeys(path for path, _value in leaves(row)))
    for column in shape.columns:
        if not found or column.of_folder or shape.complete:
            found.update(dict.fromkeys(_stored_paths(column.name, column.type)))
    return list(found)


def leaves(value: Any, above: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the values of a JSON object that are none themselves, with their paths.

    A list of objects gives the values of each element, with ``[]`` in their paths.
    """
    if isinstance(value, dict) and value:
        for name, part in value.items():
            quoted = name if re.fullmatch(r'[^.\[\]"]+', name) else json.dumps(name)
            yield from leaves(part, f"{above}.{quoted}" if above else quoted)
    elif isinstance(value, list) and value and isinstance(value[0], dict) and "[]" not in above:
        for part in value:
            yield from leaves(part, f"{above}[]")
    elif above:
        yield above, value


def _stored_paths(name: str, kind: Any) -> Iterator[str]:
    kind = value_type(kind)
    if pa.types.is_struct(kind):
        for part in kind:
            yield from _stored_paths(f"{name}.{part.name}", part.type)
    elif is_list(kind) and pa.types.is_struct(kind.value_type) and "[]" not in name:
        yield from _stored_paths(f"{name}[]", kind.value_type)
    else:
        yield name


def _conversions(plan: ReadPlan) -> Iterable[str]:
    if plan.shape.is_text:
        return
    for column_plan in (columns for row_kind in plan.kinds for columns in row_kind.columns):
        column = column_plan.column
        if column_plan.mapped is None:
            for source in column_plan.sources:
                if not is_same(source.type, contract_type(column.data_type)):
                    yield f"{column.name}: {source.type} read as {column.data_type}"


def _missing(column: Column, names: list[str], present: Iterable[str]) -> str:
    close = [
        match
        for name in names
        for match in difflib.get_close_matches(
            name.lower(), [other.lower() for other in present], n=1, cutoff=0.7
        )
    ]
    original = next((other for other in present if close and other.lower() == close[0]), None)
    wanted = " or ".join(repr(name) for name in names)
    hint = (
        f"`{column.name}: {original}`" if original else f"`{column.name}: <its name in the file>`"
    )
    return (
        f"the required column {wanted} ({column.data_type}) is missing; found "
        f"{', '.join(list(present)[:12]) or 'no columns'}. Fix: add {hint} under `columns` in a "
        "mapping"
    )


def _misfit(source: PhysicalColumn, column: Column, mapped: ColumnMapping | None) -> str | None:
    target = contract_type(column.data_type)
    name = column.name

    def problem(fix: str) -> str:
        return (
            f"column {source.name!r} is {source.type}, expected {column.data_type} for {name}. "
            f"Fix: {fix}"
        )

    if pa.types.is_null(source.type):
        return None
    try:
        read_type(source.type, source.int96)
    except ValueError:
        return problem("write it as a type that Spark reads")
    if mapped is not None and mapped.items is not None:
        readable = is_list(source.type) or is_text(source.type)
        return None if readable else problem("name a column with a list of items")
    timestamp = pa.types.is_timestamp(source.type)
    if mapped is not None and mapped.unit in ("s", "ms", "us") and timestamp:
        return problem(f"remove `unit: {mapped.unit}`; the column is a time already")
    plain = mapped is None or not (mapped.values or mapped.strip_prefix)
    if plain and fits(source.type, target):
        return None
    if mapped is not None and converts_by_row(
        source.type, target, unit=mapped.unit, has_values=bool(mapped.values)
    ):
        return None
    if converts_by_row(source.type, target):
        return problem(
            f"convert it row by row with `{name}: {{from: {source.name}}}` in a mapping, "
            f"or deliver it as {column.data_type}"
        )
    is_time = pa.types.is_timestamp(target) or pa.types.is_date(target)
    if is_time and (pa.types.is_integer(source.type) or pa.types.is_floating(source.type)):
        return problem(f"say what it counts: `{name}: {{from: {source.name}, unit: s|ms|us}}`")
    return problem(f"deliver it as {column.data_type}")


def damage(file: DataPath, file_format: FileFormat) -> str | None:
    """Read a file to its end and return what is wrong with it, or None."""
    try:
        if file_format in ("parquet", "orc", "avro"):
            for _batch in stored_batches(file, file_format, ROWS_AT_A_TIME):
                pass
        else:
            with open_text(file) as content:
                while content.read(1 << 20):
                    pass
    except (OSError, EOFError, zlib.error, UnicodeError, pa.ArrowException) as error:
        return _unreadable(file, file_format, error)
    return None
