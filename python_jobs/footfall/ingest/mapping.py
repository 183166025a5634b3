"""Mapping files: how somebody's own columns become the columns of a contract, without code.

A mapping is a YAML file::

    description: What this delivery is.
    where: {behavior_type: [pv]}             # other rows are counted, not loaded
    columns:
      user_id: [client_id, clientId]         # the first of them that the file has
      event_time: {from: ts, unit: ms}       # s, ms, us or iso
      dt: {from: ts, unit: ms, zone: Asia/Shanghai}
      interaction_type: {from: kind, values: {pv: view, buy: purchase}}
      app_version: {constant: web}

A contract column that ``columns`` does not mention is taken by its own name where the file has it.
A name may be a path into nested values (:mod:`footfall.ingest.fields`). Where the rows of a file
are of several kinds, ``kinds`` says for each kind what ``where``, ``each`` and ``columns`` would
say; where a file feeds several entities, ``entities`` has a mapping for each::

    entities:
      product.interactions:
        columns:
          event_time: timestamp
          user_id: [userId, anonymousId]     # in each row the first that is there
        kinds:                               # the first whose `where` fits the row
          - where: {event: Product Viewed}
            columns: {product_id: properties.product_id, interaction_type: {constant: view}}
          - where: {event: Order Completed}
            each: properties.products        # a row for each element
            columns:
              product_id: "properties.products[].product_id"
              interaction_type: {constant: purchase}
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import pyarrow as pa
import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from footfall.errors import UsageError
from footfall.ingest.fields import FieldPath, conflict, parse_path
from footfall.ingest.types import contract_type, is_list
from footfall.project.contracts import Contract
from footfall.settings import get_settings

FileFormat = Literal["parquet", "orc", "avro", "csv", "json"]


def _text(value: Any) -> Any:
    """Accept the numbers and dates that YAML makes of unquoted text, but not its booleans."""
    if isinstance(value, bool):
        raise ValueError("YAML read this as true or false; write it in quotes to make it a text")
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    return str(value) if isinstance(value, (int, float, Decimal)) else value


def _list(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


Text = Annotated[str, BeforeValidator(_text)]
TextList = Annotated[list[Text], BeforeValidator(_list), Field(min_length=1)]
Separator = Annotated[str, Field(min_length=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True, frozen=True)


class ItemsMapping(_Strict):
    """How a list of shown items becomes ``array<struct<item_id, is_order>>``.

    Either two lists (``shown``, and ``clicked`` with those of them that were chosen), or one list
    of labelled ids (``labelled``: ``N55689-1``, with 1 for chosen and 0 for not).
    In a text file a list is a JSON array, or ids with ``delimiter`` between them.
    """

    shown: str | None = None
    clicked: str | None = None
    labelled: str | None = None
    separator: Separator = "-"
    delimiter: Separator = " "
    strip_prefix: str = ""

    @model_validator(mode="after")
    def _one_form(self) -> ItemsMapping:
        if (self.labelled is None) == (self.shown is None and self.clicked is None):
            raise ValueError("give either `shown` and `clicked`, or `labelled`")
        if self.labelled is None and (self.shown is None or self.clicked is None):
            raise ValueError("`shown` and `clicked` belong together")
        return self

    @property
    def sources(self) -> list[str]:
        return [name for name in (self.shown, self.clicked, self.labelled) if name is not None]


class ClockMapping(_Strict):
    """By how much a device's clock is wrong: the time of receipt less the time of sending.

    A tracker that stamps its messages with both documents this rule; what is left is the way
    through the network. A row that lacks one of the two keeps its time.

    Attributes:
        sent: when the device sent the message, by its own clock.
        received: when the server received it.
    """

    sent: Text
    received: Text


class ColumnMapping(_Strict):
    """Where one contract column comes from.

    Attributes:
        from_: names of the source column (``from`` in the file), or paths. Of several, each row
            takes the first that it has; a blank text counts as absent then.
        unit: what a number or text means as a time: s, ms or us since 1970, or iso text.
        zone: whose wall clock a time without an offset shows, and whose day a date is.
        values: source value → contract value; a value not listed is an error of its row.
        constant: the same value for all rows.
        strip_prefix: text to take off an id, exactly: ``U13740`` with ``U`` gives 13740. An id
            without it, or with leading zeros behind it, is an error of its row, so that two ids
            never become one.
        clock: see :class:`ClockMapping`.
        items: see :class:`ItemsMapping`.
    """

    from_: TextList | None = Field(default=None, alias="from")
    unit: Literal["s", "ms", "us", "iso"] | None = None
    zone: str = "UTC"
    values: dict[Text, Text] | None = None
    constant: Text | None = None
    strip_prefix: str = ""
    clock: ClockMapping | None = None
    items: ItemsMapping | None = None

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (KeyError, ValueError, OSError):
            raise ValueError(
                f"{zone!r} is not an IANA time zone (such as Asia/Shanghai or UTC)"
            ) from None
        return zone

    @model_validator(mode="after")
    def _one_origin(self) -> ColumnMapping:
        if self.constant is not None and (self.from_ or self.values or self.unit or self.items):
            raise ValueError("`constant` excludes `from`, `values`, `unit` and `items`")
        if self.items and (self.from_ or self.values or self.unit or self.strip_prefix):
            raise ValueError(
                "`items` names its own columns; it excludes `from`, `values`, `unit` and "
                "`strip_prefix`"
            )
        return self


class CsvOptions(_Strict):
    """How a CSV file is written.

    Attributes:
        quote: what stands around a value that holds the delimiter; empty, if nothing does.
        columns: the columns' names, for a file without a header line.
        multiline: false where no value holds a line break; large files are then read in parallel.
    """

    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    quote: Annotated[str, Field(max_length=1)] = '"'
    encoding: Literal["UTF-8", "ISO-8859-1", "UTF-16"] = "UTF-8"
    columns: list[str] | None = None
    multiline: bool = True


def _column(value: Any) -> Any:
    return {"from": value} if isinstance(value, (str, list)) else value


def _each(value: Any) -> Any:
    return {"list": value} if isinstance(value, str) else value


class EachMapping(_Strict):
    """A list of objects, each of which becomes a row.

    A row of the file whose list is empty gives no row; one without the list gives one, in which
    what should come from an element is null.

    Attributes:
        list_: path of the list (``list`` in the file).
        where: fields of the elements, and the values of one of which they must have.
    """

    list_: Text = Field(alias="list")
    where: dict[str, TextList] = {}


Columns = dict[str, Annotated[ColumnMapping, BeforeValidator(_column)]]


class RowKind(_Strict):
    """How rows of one kind become rows of the contract.

    Attributes:
        where: columns or paths, and the texts of one of which they must have.
        each: see :class:`EachMapping`.
        columns: where contract columns come from.
    """

    where: dict[str, TextList] = {}
    each: Annotated[EachMapping | None, BeforeValidator(_each)] = None
    columns: Columns = {}

    def sources_of(self, column: str) -> list[str]:
        """Return the source columns that a contract column may come from."""
        mapped = self.columns.get(column)
        if mapped is None:
            return [column]
        if mapped.constant is not None:
            return []
        return mapped.items.sources if mapped.items else mapped.from_ or [column]

    def names(self) -> list[str]:
        """Return all source columns and paths that the kind names."""
        names = list(self.where)
        for column, mapped in self.columns.items():
            names += self.sources_of(column)
            if mapped.clock:
                names += [mapped.clock.sent, mapped.clock.received]
        if self.each:
            names += [self.each.list_]
            names += [f"{self.each.list_}[].{name}" for name in self.each.where]
        return names

    @model_validator(mode="after")
    def _paths_agree(self) -> RowKind:
        if problem := self.problem():
            raise ValueError(problem)
        return self

    def problem(self) -> str | None:
        """Return what the kind's paths say that no row can be made of."""
        paths = [source_path(name) for name in self.names()]
        this = self.each.list_ if self.each else None
        for path in paths:
            if path.list_path is not None and path.list_path != this:
                return f"{path.text!r} reads the elements of a list; add `each: {path.list_path}`"
        return conflict(path for path in paths if path.text != this)


class Mapping(RowKind):
    """A mapping for one entity; empty, it takes every contract column by its own name.

    Attributes:
        format: of the files, where their names do not tell it.
        csv: how CSV files are written.
        kinds: for rows of several kinds; each row goes by the first whose ``where`` fits it.
            ``where`` and ``columns`` beside them hold for all of them.
    """

    description: str = ""
    format: FileFormat | None = None
    csv: CsvOptions = CsvOptions()
    kinds: Annotated[list[RowKind], Field(max_length=100)] = []

    def problem(self) -> str | None:
        """Return what the kinds say that no row can be made of."""
        if not self.kinds:
            return super().problem()
        if self.each:
            return "`each` belongs into a kind, where there are `kinds`"
        problems = (
            (number, row_kind.problem()) for number, row_kind in enumerate(self.all_kinds())
        )
        return next((f"kinds.{number}: {text}" for number, text in problems if text), None)

    def all_kinds(self) -> list[RowKind]:
        """Return the kinds, each with what holds for all of them."""
        return [
            # What they say together is validated by the mapping.
            RowKind.model_construct(
                where=self.where | row_kind.where,
                each=row_kind.each,
                columns=self.columns | row_kind.columns,
            )
            for row_kind in self.kinds or [RowKind.model_construct(each=self.each)]
        ]

    @property
    def selects(self) -> bool:
        """Whether a row of a file may give no row, or several."""
        return bool(self.where or self.kinds or self.each)

    def canonical(self) -> str:
        """Return the mapping as JSON, the same for equal mappings."""
        return self.model_dump_json(by_alias=True, exclude_defaults=True)


class MappingFile(Mapping):
    """A mapping file: one mapping, or one for each of several entities.

    Attributes:
        entities: mappings by ``source.entity``; ``format`` and ``csv`` beside them hold for all.
    """

    entities: dict[str, Mapping] = {}

    @model_validator(mode="after")
    def _one_place(self) -> MappingFile:
        if self.entities and (self.columns or self.where or self.kinds or self.each):
            raise ValueError(
                "`entities` has the mappings; put `columns`, `where`, `each` and `kinds` into them"
            )
        return self

    def mapping_of(self, entity: str) -> Mapping:
        """Return the mapping for an entity; the one that there is, where none is named.

        Raises:
            KeyError: the file has mappings for other entities only.
        """
        if not self.entities:
            return Mapping(**{name: getattr(self, name) for name in Mapping.model_fields})
        shared = {
            name: getattr(self, name)
            for name in ("description", "format", "csv")
            if name not in self.entities[entity].model_fields_set
        }
        return self.entities[entity].model_copy(update=shared)


def source_path(name: str) -> FieldPath:
    """Return a source's name as a path; a name that is none is that of a column, as it stands."""
    try:
        return parse_path(name)
    except ValueError:
        return FieldPath(name, name, ())


def load_mapping(file: Path, contract: Contract) -> Mapping:
    """Read a mapping file and check it against the contract it is meant for.

    Raises:
        UsageError: the file cannot be read, says something that a mapping cannot mean, or maps
            other entities; the message names the file and the key.
    """
    found = read_mapping(file)
    if found.entities and contract.name not in found.entities:
        raise UsageError(
            f"The mapping {file} has none for {contract.name}.",
            f"It has mappings for {', '.join(found.entities)}.",
        )
    mapping = found.mapping_of(contract.name)
    if problems := list(contract_problems(mapping, contract)):
        raise _does_not_fit(file, contract.name, problems)
    return mapping


def shipped_mapping(name: str) -> Path:
    """Return a mapping file that comes with footfall, for example that of ``segment``."""
    return get_settings().package_dir / "mappings" / f"{name}.yml"


def mapped_entities(file: Path) -> list[str]:
    """Return the entities that a mapping file names; none where it has a mapping for just one.

    Raises:
        UsageError: see :func:`read_mapping`.
    """
    return list(read_mapping(file).entities)


def read_mapping(file: Path) -> MappingFile:
    """Read a mapping file.

    Raises:
        UsageError: the file cannot be read, or says something that a mapping cannot mean.
    """
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(
            f"The mapping {file} cannot be read: {error.strerror}.",
            "Pass the path of a YAML file; footfall's own are in mappings/.",
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        problem = getattr(error, "problem", None) or error
        raise UsageError(
            f"The mapping {file} is not valid YAML: {problem}{place}.", "Fix the file."
        ) from error
    if not isinstance(content, dict):
        raise UsageError(
            f"The mapping {file} is not a map with the key `columns`.",
            "Write `columns:` and below it one line for each contract column.",
        )
    try:
        return MappingFile.model_validate(content)
    except ValidationError as error:
        problems = [
            f"{_key(problem['loc'])}: {problem['msg'].removeprefix('Value error, ')}"
            for problem in error.errors()
        ]
        raise _does_not_fit(file, "the form of a mapping", problems) from error


def _does_not_fit(file: Path, what: str, problems: list[str]) -> UsageError:
    listed = "".join(f"\n  - {problem}" for problem in problems)
    return UsageError(
        f"The mapping {file} does not fit {what}:{listed}", "Fix the keys named above."
    )


def _key(location: tuple[int | str, ...]) -> str:
    # Pydantic appends the name of a validator to the path; it says nothing to the file's author.
    return ".".join(str(part) for part in location if "[" not in str(part)) or "(top)"


def contract_problems(mapping: Mapping, contract: Contract) -> Iterator[str]:
    """Yield what a mapping says that its contract does not allow, with the key."""
    yield from _kind_problems(mapping, contract, "")
    for number, row_kind in enumerate(mapping.kinds):
        yield from _kind_problems(row_kind, contract, f"kinds.{number}.")


def _kind_problems(row_kind: RowKind, contract: Contract, above: str) -> Iterator[str]:
    contract_columns = {column.name: column for column in contract.columns}
    for name, mapped in row_kind.columns.items():
        key = f"{above}columns.{name}"
        if name not in contract_columns:
            close = difflib.get_close_matches(name, contract_columns, n=1)
            known = ", ".join(contract_columns)
            hint = f"did you mean {close[0]!r}?" if close else f"it has {known}"
            yield f"{key}: {contract.name} has no such column; {hint}"
            continue
        column = contract_columns[name]
        kind = contract_type(column.data_type)
        if mapped.unit and not (pa.types.is_timestamp(kind) or pa.types.is_date(kind)):
            yield f"{key}.unit: only for a timestamp or a date; {name} is {column.data_type}"
        if mapped.clock and not pa.types.is_timestamp(kind):
            yield f"{key}.clock: only for a timestamp; {name} is {column.data_type}"
        if mapped.strip_prefix and not pa.types.is_integer(kind):
            yield f"{key}.strip_prefix: only for an integer id; {name} is {column.data_type}"
        if mapped.items and not _holds_items(kind):
            yield (
                f"{key}.items: only for array<struct<item_id:…,is_order:boolean>>; "
                f"{name} is {column.data_type}"
            )
        if mapped.constant is not None and not _reads_as(mapped.constant, kind):
            yield f"{key}.constant: {mapped.constant!r} is not a valid {column.data_type}"
        accepted = column.accepted_values
        results = list((mapped.values or {}).values())
        for value in results + ([mapped.constant] if mapped.constant is not None else []):
            if accepted is not None and value not in accepted:
                yield f"{key}: {value!r} is not one of the accepted values {', '.join(accepted)}"
        for value in results:
            if not _reads_as(value, kind):
                yield f"{key}.values: {value!r} is not a valid {column.data_type}"


def _holds_items(kind: Any) -> bool:
    if not (is_list(kind) and pa.types.is_struct(kind.value_type)):
        return False
    return [field.name for field in kind.value_type] == ["item_id", "is_order"]


def _reads_as(text: str, kind: Any) -> bool:
    try:
        if pa.types.is_integer(kind):
            return bool(-(2 ** (kind.bit_width - 1)) <= int(text) < 2 ** (kind.bit_width - 1))
        if pa.types.is_decimal(kind) or pa.types.is_floating(kind):
            return Decimal(text).is_finite()
        if pa.types.is_date(kind):
            date.fromisoformat(text)
        elif pa.types.is_timestamp(kind):
            datetime.fromisoformat(text.replace("Z", "+00:00"))
        elif pa.types.is_boolean(kind):
            return text.lower() in ("true", "false")
    except (ValueError, InvalidOperation):
        return False
    return not pa.types.is_nested(kind)
