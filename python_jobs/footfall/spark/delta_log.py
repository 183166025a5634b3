"""What Delta's log says of a table, read without Spark."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from pyspark.sql.types import StructType

from footfall.object_store import DataPath, ObjectPath, unreachable

LOG = "_delta_log"
COMMIT = re.compile(r"\d{20}\.(json|crc)$")
LOCATION = re.compile(r"^Location: file:/+(.*?)\s*$", re.MULTILINE)


@dataclass(frozen=True)
class DeltaTable:
    """The newest version of a Delta table.

    Attributes:
        folder: the table's.
        version: the newest.
        modified_at: when it was committed, in UTC.
        checksum: what Delta wrote beside the commit: metadata, size and, up to 50, the files.
    """

    folder: Path
    version: int
    modified_at: datetime
    checksum: dict[str, Any]

    @property
    def table_id(self) -> str:
        """Another one where the table was dropped and created again."""
        return str(self.checksum["metadata"]["id"])

    @property
    def columns(self) -> list[tuple[str, str]]:
        """Names and types."""
        schema = StructType.fromJson(json.loads(self.checksum["metadata"]["schemaString"]))
        return [(field.name, field.dataType.simpleString()) for field in schema]

    @property
    def properties(self) -> dict[str, str]:
        return dict(self.checksum["metadata"].get("configuration", {}))

    @property
    def size_bytes(self) -> int:
        """Without the files of older versions."""
        return int(self.checksum["tableSizeBytes"])

    @cached_property
    def files(self) -> list[dict[str, Any]] | None:
        """The files of this version; None where only Spark can tell."""
        listed: list[dict[str, Any]] | None = self.checksum.get("allFiles")
        return _live_files(self.folder) if listed is None else listed

    @property
    def rows(self) -> int | None:
        """None where the files are unknown, or one has no statistics."""
        return None if self.files is None else _sum_rows(self.files)

    def history(self, commits: int) -> list[dict[str, Any]]:
        """Return operation and metrics of the newest commits, the newest first.

        Args:
            commits: at most so many; fewer where Delta has removed them.
        """
        infos = (
            action["commitInfo"]
            for commit in reversed(_commits(self.folder)[-commits:])
            for action in _actions(commit)
            if "commitInfo" in action
        )
        return [{key: info.get(key) for key in ("operation", "operationMetrics")} for info in infos]

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


def local_folder(information: str) -> Path | None:
    """Return a table's folder from what ``show table extended`` says of it, None if not local."""
    found = LOCATION.search(information)
    return Path("/" + found.group(1)) if found else None


def read_delta_table(folder: Path) -> DeltaTable | None:
    """Read a table from the checksum file of its newest version, without Spark.

    Args:
        folder: the table's folder.

    Returns:
        None where the folder holds no Delta table, its newest version no checksum, or a commit
        that Spark would read is damaged.
    """
    commits = _commits(folder)
    if not commits:
        return None
    newest = commits[-1]
    try:
        checksum = json.loads(newest.with_suffix(".crc").read_text())
        for commit in _since_checkpoint(folder, commits):
            _actions(commit)
    except (FileNotFoundError, ValueError):
        return None
    modified_at = datetime.fromtimestamp(newest.stat().st_mtime, timezone.utc)
    return DeltaTable(folder, int(newest.stem), modified_at, checksum)


def read_version(folder: DataPath) -> tuple[str, int] | None:
    """Return a table's id, another one where it was made anew, and its newest version.

    Args:
        folder: the table's, on this machine or in an object store.

    Returns:
        None where only Spark can tell, or there is no table.

    Raises:
        FootfallError: the object store cannot be read.
    """
    if not isinstance(folder, ObjectPath):
        table = read_delta_table(folder)
        return (table.table_id, table.version) if table else None
    try:
        commits = {file.name: file for file in (folder / LOG).iterdir() if COMMIT.match(file.name)}
        newest = max((name for name in commits if name.endswith(".json")), default="")
        checksum = commits.get(newest.replace(".json", ".crc"))
        if checksum is None:
            return None
        return json.loads(checksum.read_bytes())["metadata"]["id"], int(newest[:20])
    except OSError as error:
        raise unreachable(folder, error) from error


def _live_files(folder: Path) -> list[dict[str, Any]] | None:
    """Return the files of the newest version from the newest checkpoint and the commits after it.

    Returns:
        None where a commit is missing, or the checkpoint is damaged or of a newer kind.
    """
    checkpoint = max((folder / LOG).glob("[0-9]" * 20 + ".checkpoint.parquet"), default=None)
    live: dict[tuple[Any, ...], dict[str, Any]] = {}
    following = 0
    if checkpoint:
        try:
            content = pq.ParquetFile(checkpoint)
            if "sidecar" in content.schema_arrow.names:
                return None
            columns = ["add.path", "add.stats", "add.deletionVector"]
            adds = content.read(columns)["add"].drop_null().to_pylist()
        except (OSError, ValueError):
            return None
        live.update({_identity(add): add for add in adds})
        following = int(checkpoint.name[:20]) + 1
    commits = [commit for commit in _commits(folder) if int(commit.stem) >= following]
    if [int(commit.stem) for commit in commits] != [*range(following, following + len(commits))]:
        return None
    for commit in commits:
        actions = _actions(commit)
        for removed in (action["remove"] for action in actions if "remove" in action):
            live.pop(_identity(removed), None)
        live.update({_identity(a["add"]): a["add"] for a in actions if "add" in a})
    return list(live.values())


def _commits(folder: Path) -> list[Path]:
    return sorted((folder / LOG).glob("[0-9]" * 20 + ".json"))


def _since_checkpoint(folder: Path, commits: list[Path]) -> list[Path]:
    checkpoints = (folder / LOG).glob("[0-9]" * 20 + ".checkpoint*.parquet")
    newest = max((checkpoint.name[:20] for checkpoint in checkpoints), default="")
    return [commit for commit in commits if commit.stem > newest]


def _actions(commit: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in commit.read_text().splitlines()]


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
