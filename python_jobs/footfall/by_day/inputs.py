"""What a query reads, down to the Parquet files of Delta tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from footfall.by_day.translate import Translated, duckdb_type, translate
from footfall.spark.catalog import describe
from footfall.spark.delta_log import DeltaTable, read_delta_table

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


class NotComputable(Exception):
    """DuckDB cannot read an input as Delta has it."""


@dataclass(frozen=True)
class ByDay:
    """How the days of a table read its inputs.

    Attributes:
        column: by which the table is partitioned; so are inputs that are read by day.
        inputs: models that are read by day whichever their column. Where there are any, a day
            reads inputs with other partitions whole.
    """

    column: str
    inputs: frozenset[str] = frozenset()

    def column_of(self, table: str, partitioned_by: Sequence[str]) -> str | None:
        """Return the column by which a day reads a table; None where it reads it whole.

        Args:
            table: ``schema.table``.
            partitioned_by: its columns.

        Raises:
            NotComputable: the partitions are not days.
        """
        is_named = table.split(".")[-1] in self.inputs
        if [*partitioned_by] == [self.column] or (is_named and len(partitioned_by) == 1):
            return partitioned_by[0]
        if is_named or (partitioned_by and not self.inputs):
            raise NotComputable(
                f"{table} is partitioned by {', '.join(partitioned_by) or 'nothing'}"
            )
        return None


@dataclass(frozen=True)
class Input:
    """A Delta table in the version that is read.

    Attributes:
        name: ``schema.table``.
        types: DuckDB's types of the columns, in their order.
        partition_column: by which each day reads it; None where a day reads it whole.
        files: by value of the partition column.
        named_in_folders: columns that the files lack: ``column=value`` in their path has them.
    """

    name: str
    types: dict[str, str]
    partition_column: str | None
    files: dict[str | None, list[Path]]
    named_in_folders: frozenset[str] = frozenset()

    @property
    def model(self) -> str:
        return self.name.split(".")[-1]

    def of_day(self, day: str) -> list[Path]:
        return self.files.get(day if self.partition_column else None, [])


@dataclass
class Inputs:
    """The tables and views that a query is made of.

    Attributes:
        tables: Delta tables.
        views: queries of views, by name, each after those that it reads.
    """

    tables: dict[str, Input] = field(default_factory=dict)
    views: dict[str, str] = field(default_factory=dict)

    def days(self) -> set[str]:
        """Return the days on which an input has rows."""
        partitioned = (table for table in self.tables.values() if table.partition_column)
        return {day for table in partitioned for day in table.files if day}

    def nested_columns(self) -> set[str]:
        """Return the columns of lists and structs: DuckDB has nulls in them last, Spark first."""
        return {
            name
            for table in self.tables.values()
            for name, kind in table.types.items()
            if kind.endswith("[]") or kind.startswith(("STRUCT", "MAP"))
        }


def find_inputs(session: SparkSession, query: Translated, by_day: ByDay | None) -> Inputs:
    """Return what a query reads, through views.

    Args:
        session: Spark's, in this process: it knows where tables are and what views say.
        query: translated.
        by_day: which inputs each day reads by day; None where all are read whole.

    Raises:
        NotComputable: an input is no Delta table on this machine, or DuckDB would misread it.
        NotTranslatable: a view is not understood.
    """
    found = Inputs()
    _add(session, query.relations, by_day, found)
    if by_day:
        read_by_day = {table.model for table in found.tables.values() if table.partition_column}
        if missing := by_day.inputs - read_by_day:
            raise NotComputable(f"it does not read {', '.join(sorted(missing))}")
        if not read_by_day:
            raise NotComputable("no input has a day's rows in a partition of their own")
    return found


def _add(session: SparkSession, names: Iterable[str], by_day: ByDay | None, found: Inputs) -> None:
    for name in sorted(names):
        if name in found.tables or name in found.views:
            continue
        described = describe(session, name)
        if described.viewText().isDefined():
            view = translate(described.viewText().get())
            _add(session, view.relations, by_day, found)
            found.views[name] = view.sql
        else:
            found.tables[name] = read_input(name, folder_of(described), by_day)


def folder_of(described: Any) -> Path:
    """Return where a table lies.

    Args:
        described: by :func:`footfall.spark.catalog.describe`.

    Raises:
        NotComputable: it lies not on this machine.
    """
    location = described.location()
    if location.getScheme() not in (None, "file"):
        raise NotComputable(f"{described.identifier().unquotedString()} lies at {location}")
    return Path(location.getPath())


def read_input(name: str, folder: Path, by_day: ByDay | None) -> Input:
    """Return a Delta table's newest version.

    Args:
        name: ``schema.table``.
        folder: where it lies.
        by_day: which inputs are read by day; None to read it whole.

    Raises:
        NotComputable: Spark alone can read it.
        NotTranslatable: a column's type.
    """
    table = read_delta_table(folder)
    files = table.files if table else None
    if table is None or files is None:
        raise NotComputable(f"Delta's log of {name} takes Spark to read")
    require_plain(name, table)
    if any(file.get("deletionVector") for file in files):
        raise NotComputable(f"{name} has deletion vectors")
    if any(urlsplit(file["path"]).scheme for file in files):
        raise NotComputable(f"{name} has files elsewhere than in its folder")
    types = {column: duckdb_type(kind) for column, kind in table.columns}
    partitioned_by = table.partition_columns
    day_column = by_day.column_of(name, partitioned_by) if by_day else None
    if day_column is None:
        paths = [Path(unquote(file["path"])) for file in files]
        _require_named_in_folders(name, partitioned_by, paths)
        whole: dict[str | None, list[Path]] = {None: [folder / path for path in paths]}
        return Input(name, types, None, whole, frozenset(partitioned_by))
    of_days: dict[str | None, list[Path]] = {}
    for file in files:
        day = file["partitionValues"].get(day_column)
        if day is None:
            raise NotComputable(f"{name} has rows without {day_column}")
        of_days.setdefault(day, []).append(folder / unquote(file["path"]))
    return Input(name, types, day_column, of_days)


def _require_named_in_folders(name: str, columns: Sequence[str], paths: Iterable[Path]) -> None:
    """Require that the values of partition columns can be read from the files' paths.

    Raises:
        NotComputable: Delta's log alone has them.
    """
    for path in paths:
        if [part.partition("=")[0] for part in path.parts[:-1]] != [*columns]:
            raise NotComputable(f"{name} has files outside the folders of its partitions")


def require_plain(name: str, table: DeltaTable) -> None:
    """Require that the columns of a table's files are those of the table.

    Raises:
        NotComputable: they have other names.
    """
    if table.maps_columns:
        raise NotComputable(f"{name} maps its columns to other names")
