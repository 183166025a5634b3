"""What Delta's log says of a table, read without Spark."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NamedTuple

from pyspark.sql.types import StructType

LOCATION = re.compile(r"^Location: file:/+(.*?)\s*$", re.MULTILINE)


class DeltaTable(NamedTuple):
    """The newest version of a Delta table.

    ``table_id`` changes when the table is dropped and created again. ``columns`` are names and
    types. ``rows`` is None where the checksum does not list the files: Delta lists up to 50.
    ``size_bytes`` leaves out the files of older versions.
    """

    table_id: str
    version: int
    columns: list[tuple[str, str]]
    rows: int | None
    size_bytes: int
    modified_at: datetime


def local_folder(information: str) -> Path | None:
    """Return a table's folder from what ``show table extended`` says of it, None if not local."""
    found = LOCATION.search(information)
    return Path("/" + found.group(1)) if found else None


def read_delta_table(folder: Path) -> DeltaTable | None:
    """Read a table from the checksum file of its newest version, without Spark.

    Args:
        folder: the table's folder.

    Returns:
        None where the folder holds no Delta table, or its newest version no checksum.
    """
    versions = _commits(folder)
    if not versions:
        return None
    try:
        checksum = json.loads(versions[-1].with_suffix(".crc").read_text())
    except FileNotFoundError:
        return None
    files = checksum.get("allFiles")
    schema = StructType.fromJson(json.loads(checksum["metadata"]["schemaString"]))
    return DeltaTable(
        table_id=checksum["metadata"]["id"],
        version=int(versions[-1].stem),
        columns=[(field.name, field.dataType.simpleString()) for field in schema],
        rows=None if files is None else _sum_rows(files),
        size_bytes=checksum["tableSizeBytes"],
        modified_at=datetime.fromtimestamp(versions[-1].stat().st_mtime, timezone.utc),
    )


def count_rows(folder: Path) -> int | None:
    """Return the rows of a table's newest version from all its commits, without Spark.

    Args:
        folder: the table's folder.

    Returns:
        None where old commits were cleaned up, or a file has no statistics.
    """
    live: dict[tuple[Any, ...], dict[str, Any]] = {}
    commits = _commits(folder)
    if not commits or int(commits[-1].stem) != len(commits) - 1:
        return None
    for commit in commits:
        actions = [json.loads(line) for line in commit.read_text().splitlines()]
        for removed in (action["remove"] for action in actions if "remove" in action):
            live.pop(_identity(removed), None)
        live.update({_identity(a["add"]): a["add"] for a in actions if "add" in a})
    return _sum_rows(live.values())


def _commits(folder: Path) -> list[Path]:
    return sorted((folder / "_delta_log").glob("[0-9]" * 20 + ".json"))


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
