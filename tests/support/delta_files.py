"""Read Delta tables from their files alone: what stands there while no Spark is running.

It follows the protocol by the letter for tables without deletion vectors and column mapping, and
refuses others. An independent reader: Delta's own mending of a broken log is not in the way.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq

LOG = "_delta_log"


class BrokenTableError(Exception):
    """A table's log or one of its files is not what the log says."""


@dataclass
class DeltaTable:
    """The newest version of a table.

    Attributes:
        files: per path of a data file its entry in the log.
        properties: of the table.
    """

    folder: Path
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    properties: dict[str, str] = field(default_factory=dict)

    def rows(self, without: set[str]) -> Counter[str]:
        """Return the rows as a bag of texts.

        Args:
            without: columns to leave out.
        """
        # A file from before a column was added lacks it: null, as Delta reads it.
        return Counter(
            repr(sorted((k, v) for k, v in row.items() if k not in without and v is not None))
            for row in self.records()
        )

    def records(self) -> Iterator[dict[str, Any]]:
        """Return the rows; values of partition columns as texts."""
        for path, entry in self.files.items():
            for row in self._read(path, entry).to_pylist():
                yield row | entry["partitionValues"]

    def check(self) -> None:
        """Fail where a file is missing, or is cut short.

        Raises:
            BrokenTableError: with the file's name.
        """
        for path, entry in self.files.items():
            file = self.folder / path
            size = file.stat().st_size if file.is_file() else None
            if size != entry["size"]:
                raise BrokenTableError(f"{file}: {size} bytes, the log says {entry['size']}")

    def _read(self, path: str, entry: dict[str, Any]) -> pa.Table:
        # Not through a dataset, which would take values from the folders' names.
        with (self.folder / path).open("rb") as file:
            table = pq.read_table(file)
        stats = json.loads(entry.get("stats") or "{}")
        if stats.get("numRecords", table.num_rows) != table.num_rows:
            raise BrokenTableError(f"{self.folder / path}: {table.num_rows} rows, {stats}")
        # Spark and DuckDB write the same instants in UTC as values of different types.
        return table.cast(
            pa.schema(
                field.with_type(pa.timestamp("us")) if pa.types.is_timestamp(field.type) else field
                for field in table.schema
            )
        )


def table_folders(warehouse: Path) -> dict[str, Path]:
    """Return the folder of each table that has a log, by ``schema.table``."""
    return {
        f"{log.parent.parent.name.removesuffix('.db')}.{log.parent.name}": log.parent
        for log in sorted(warehouse.glob(f"*.db/*/{LOG}"))
    }


def commits(warehouse: Path) -> set[str]:
    """Return the commits in the logs of all tables, as ``schema.table/version``."""
    return {
        f"{name}/{file.stem}"
        for name, folder in table_folders(warehouse).items()
        for file in (folder / LOG).glob("[0-9]*.json")
    }


def read_table(folder: Path) -> DeltaTable | None:
    """Return a table's newest version; None where no version was ever committed.

    Raises:
        BrokenTableError: the log has a gap, or no end that can be read.
    """
    table = DeltaTable(folder)
    logs = {int(file.stem): file for file in (folder / LOG).glob("[0-9]*.json")}
    checkpoints = {
        int(file.name.split(".")[0]): file
        for file in (folder / LOG).glob("[0-9]*.checkpoint.parquet")
    }
    if not logs and not checkpoints:
        return None
    first = 0
    if 0 not in logs:
        if not checkpoints:
            raise BrokenTableError(f"{folder}: the log begins with {min(logs)}, no checkpoint")
        start = max(checkpoints)
        _apply(table, _checkpoint_actions(checkpoints[start]))
        first = start + 1
    newest = max(logs, default=0)
    for version in range(first, newest + 1):
        if version not in logs:
            raise BrokenTableError(f"{folder}: commit {version} of {newest} is missing")
        lines = logs[version].read_text().splitlines()
        _apply(table, (json.loads(line) for line in lines))
    return table


def _checkpoint_actions(file: Path) -> Iterator[dict[str, Any]]:
    for row in pq.read_table(file).to_pylist():
        action = {name: value for name, value in row.items() if value is not None}
        for entry in action.values():
            for name in ("partitionValues", "configuration"):
                if name in entry:
                    entry[name] = dict(entry[name])
        yield action


def _apply(table: DeltaTable, actions: Iterator[dict[str, Any]]) -> None:
    for action in actions:
        if "add" in action:
            entry = action["add"]
            if entry.get("deletionVector"):
                raise NotImplementedError(f"{table.folder}: deletion vectors")
            table.files[unquote(entry["path"])] = entry
        elif "remove" in action:
            table.files.pop(unquote(action["remove"]["path"]), None)
        elif "metaData" in action:
            table.properties = dict(action["metaData"]["configuration"])
            if "delta.columnMapping.mode" in table.properties:
                raise NotImplementedError(f"{table.folder}: column mapping")
