"""What Delta's log says of a table, read without Spark."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from footfall.errors import UsageError
from footfall.object_store import (
    DataPath,
    ObjectPath,
    data_path,
    files_in,
    open_parquet,
    unreachable,
)
from footfall.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql.types import StructType

LOG = "_delta_log"
COMMIT = re.compile(r"\d{20}\.json")
CHECKPOINT = re.compile(r"\d{20}\.checkpoint\.parquet")
ANY_CHECKPOINT = re.compile(r"\d{20}\.checkpoint.*\.parquet")
LOCATION = re.compile(r"^Location: (?:file:/+(?P<path>.*?)|(?P<uri>s3a://.*?))\s*$", re.MULTILINE)


@dataclass(frozen=True)
class DeltaTable:
    """The newest version of a Delta table.

    Attributes:
        log: the files of its log, by name.
        version: the newest.
        modified_at: when it was committed, in UTC.
        checksum: what Delta wrote beside the commit: metadata, size and, up to 50, the files.
    """

    log: dict[str, DataPath]
    version: int
    modified_at: datetime
    checksum: dict[str, Any]

    @property
    def table_id(self) -> str:
        """Another one where the table was dropped and created again."""
        return str(self.checksum["metadata"]["id"])

    @property
    def schema(self) -> StructType:
        # Here: few ask, and pyspark takes longer to load than all logs to read.
        from pyspark.sql.types import StructType

        return StructType.fromJson(json.loads(self.checksum["metadata"]["schemaString"]))

    @property
    def columns(self) -> list[tuple[str, str]]:
        """Names and types."""
        return [(field.name, field.dataType.simpleString()) for field in self.schema]

    @property
    def partition_columns(self) -> list[str]:
        return list(self.checksum["metadata"]["partitionColumns"])

    @property
    def properties(self) -> dict[str, str]:
        return dict(self.checksum["metadata"].get("configuration", {}))

    @property
    def maps_columns(self) -> bool:
        """Whether files and log have other names for the columns than the table."""
        return self.properties.get("delta.columnMapping.mode", "none") != "none"

    @property
    def size_bytes(self) -> int:
        """Without the files of older versions."""
        return int(self.checksum["tableSizeBytes"])

    @cached_property
    def files(self) -> list[dict[str, Any]] | None:
        """The files of this version; None where only Spark can tell."""
        listed: list[dict[str, Any]] | None = self.checksum.get("allFiles")
        return _live_files(self.log) if listed is None else listed

    @property
    def rows(self) -> int | None:
        """None where the files are unknown, or one has no statistics."""
        return None if self.files is None else _sum_rows(self.files)

    def commits_since(self, operation: str, most: int) -> list[dict[str, Any]]:
        """Return operation and metrics of the newest commits, the newest first.

        Args:
            operation: such as ``OPTIMIZE``; commits up to the last of it are not looked at.
            most: at most so many commits; fewer where Delta has removed them.
        """
        found: list[dict[str, Any]] = []
        for commit in reversed(_commits(self.log)[-most:]):
            [info] = [a["commitInfo"] for a in _actions(commit) if "commitInfo" in a] or [{}]
            if info.get("operation") == operation:
                break
            found.append({key: info.get(key) for key in ("operation", "operationMetrics")})
        return found

    def largest(self, column: str) -> int | None:
        """Return the largest value of a column of integers, by the files' statistics.

        Returns:
            0 where there is no file, None where they are unknown or one has no statistics of it.
            Rows that a deletion vector hides count.
        """
        if self.files is None:
            return None
        stats = [json.loads(file.get("stats") or "{}") for file in self.files]
        values = [known.get("maxValues", {}).get(column) for known in stats]
        return None if None in values else max(values, default=0)


def table_location(information: str, settings: Settings) -> DataPath | None:
    """Return a table's folder from what ``show table extended`` says of it.

    Returns:
        None where it lies neither on this machine nor in an object store that the settings name.
    """
    found = LOCATION.search(information)
    if found is None:
        return None
    if found["uri"] is None:
        return Path("/" + found["path"])
    try:
        return data_path(found["uri"], settings)
    except UsageError:
        return None


def newest_version(folder: DataPath) -> int | None:
    """Return the version of a table's newest commit; None where the folder holds no table."""
    try:
        commits = _commits({file.name: file for file in files_in(folder / LOG)})
    except (FileNotFoundError, NotADirectoryError):
        return None
    return _version(commits[-1]) if commits else None


def read_delta_table(folder: DataPath) -> DeltaTable | None:
    """Read a table from the checksum file of its newest version, without Spark.

    Args:
        folder: the table's, on this machine or in an object store.

    Returns:
        None where the folder holds no Delta table, its newest version no checksum, or a commit
        that Spark would read is damaged. An object in a store is there as a whole or not at all:
        its content is not looked at.

    Raises:
        FootfallError: the object store cannot be read.
    """
    is_object = isinstance(folder, ObjectPath)
    try:
        log = {file.name: file for file in files_in(folder / LOG)}
        commits = _commits(log)
        if not commits:
            return None
        newest = commits[-1]
        checksum = json.loads(log[newest.name.replace(".json", ".crc")].read_bytes())
        for commit in [] if is_object else _since_checkpoint(log):
            _actions(commit)
        modified_at = datetime.fromtimestamp(newest.stat().st_mtime_ns / 1e9, timezone.utc)
    except (FileNotFoundError, NotADirectoryError, KeyError, ValueError):
        return None
    except OSError as error:
        if is_object:
            raise unreachable(folder, error) from error
        raise
    return DeltaTable(log, _version(newest), modified_at, checksum)


def _live_files(log: dict[str, DataPath]) -> list[dict[str, Any]] | None:
    """Return the files of the newest version from the newest checkpoint and the commits after it.

    Returns:
        None where a commit is missing, or the checkpoint is damaged or of a newer kind.
    """
    checkpoint = max((name for name in log if CHECKPOINT.fullmatch(name)), default=None)
    live: dict[tuple[Any, ...], dict[str, Any]] = {}
    following = 0
    if checkpoint:
        try:
            with open_parquet(log[checkpoint]) as content:
                if "sidecar" in content.schema_arrow.names:
                    return None
                columns = ["path", "partitionValues", "size", "stats", "deletionVector"]
                read = content.read([f"add.{name}" for name in columns])
                adds = [_plain(add) for add in read["add"].drop_null().to_pylist()]
        except (OSError, ValueError):
            return None
        live.update({_identity(add): add for add in adds})
        following = int(checkpoint[:20]) + 1
    commits = [commit for commit in _commits(log) if _version(commit) >= following]
    if list(map(_version, commits)) != [*range(following, following + len(commits))]:
        return None
    for commit in commits:
        actions = _actions(commit)
        for removed in (action["remove"] for action in actions if "remove" in action):
            live.pop(_identity(removed), None)
        live.update({_identity(a["add"]): a["add"] for a in actions if "add" in a})
    return list(live.values())


def _plain(add: dict[str, Any]) -> dict[str, Any]:
    """Return a file as commits have it: Arrow gives a map as a list of pairs."""
    return add | {"partitionValues": dict(add["partitionValues"])}


def _commits(log: dict[str, DataPath]) -> list[DataPath]:
    return [log[name] for name in sorted(log) if COMMIT.fullmatch(name)]


def _version(commit: DataPath) -> int:
    return int(commit.name[:20])


def _since_checkpoint(log: dict[str, DataPath]) -> list[DataPath]:
    newest = max((name[:20] for name in log if ANY_CHECKPOINT.fullmatch(name)), default="")
    return [commit for commit in _commits(log) if commit.name[:20] > newest]


def _actions(commit: DataPath) -> list[dict[str, Any]]:
    return [json.loads(line) for line in commit.read_bytes().splitlines()]


def _identity(file: dict[str, Any]) -> tuple[Any, ...]:
    """Return what tells a file of one commit from the same file with other rows deleted."""
    vector = file.get("deletionVector") or {}
    return file["path"], vector.get("pathOrInlineDv"), vector.get("offset")


def _sum_rows(files: Iterable[dict[str, Any]]) -> int | None:
    rows = 0
    for file in files:
        written = json.loads(file.get("stats") or "{}").get("numRecords")
        if written is None:
            return None
        rows += written - (file.get("deletionVector") or {}).get("cardinality", 0)
    return rows
