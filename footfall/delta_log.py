"""What Delta's log says of a table, read without Spark."""

from __future__ import annotations

import json
import re
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlparse

from pyspark.sql.types import StructType

LOCATION = re.compile(r"^Location: (.*)$", re.MULTILINE)


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
    location = urlparse(found.group(1).strip()) if found else None
    if location is None or location.scheme != "file":
        return None
    return Path(unquote(location.path))


def read_delta_table(folder: Path) -> DeltaTable | None:
    """Read a table from the checksum file of its newest version, without Spark.

    Args:
        folder: the table's folder.

    Returns:
        None where the folder holds no Delta table, or its newest version no checksum.
    """
    versions = sorted((folder / "_delta_log").glob("[0-9]*.json"))
    if not versions:
        return None
    try:
        checksum = json.loads(versions[-1].with_suffix(".crc").read_text())
    except FileNotFoundError:
        return None
    schema = StructType.fromJson(json.loads(checksum["metadata"]["schemaString"]))
    return DeltaTable(
        table_id=checksum["metadata"]["id"],
        version=int(versions[-1].stem),
        columns=[(field.name, field.dataType.simpleString()) for field in schema],
        rows=_count_rows(checksum.get("allFiles")),
        size_bytes=checksum["tableSizeBytes"],
        modified_at=datetime.fromtimestamp(versions[-1].stat().st_mtime, timezone.utc),
    )


def _count_rows(files: list[dict[str, Any]] | None) -> int | None:
    if files is None:
        return None
    rows = 0
    for file in files:
        written = json.loads(file.get("stats") or "{}").get("numRecords")
        if written is None:
            return None
        rows += written - (file.get("deletionVector") or {}).get("cardinality", 0)
    return rows
