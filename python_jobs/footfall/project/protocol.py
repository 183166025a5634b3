"""What models write down of their runs, and Python reads: see docs/incremental.md.

``macros/incremental/watermarks`` and ``macros/run/run_note.sql`` write it; nowhere else does Python
know its form.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

LOADS = "footfall.loads."
"""Prefix of the table properties with the newest load of each entity that a table reflects."""

DEFINITIONS = "footfall.definitions."
"""Prefix of the table properties with the vars, seeds and contracts a table was built under."""

_RUN_NOTE = re.compile(r"(?:/\*|#) footfall:run (\{.*?\})(?: \*/|\n|$)")


def table_properties(spark: SparkSession, name: str) -> dict[str, str]:
    """Return the Delta properties of a table, or those of a view.

    Args:
        spark: the session.
        name: as it stands in SQL.
    """
    return {row["key"]: row["value"] for row in spark.sql(f"show tblproperties {name}").collect()}


def reflected_loads(properties: Mapping[str, str]) -> dict[str, int]:
    """Return the newest load of each entity, ``source.entity``, that a table reflects.

    Args:
        properties: the table's Delta properties.
    """
    return {
        name.removeprefix(LOADS): int(load)
        for name, load in properties.items()
        if name.startswith(LOADS)
    }


def built_under(properties: Mapping[str, str]) -> dict[str, str]:
    """Return the definitions that a table or view was built under, by name.

    Args:
        properties: the table's Delta properties, or the view's.
    """
    return {
        name.removeprefix(DEFINITIONS): value
        for name, value in properties.items()
        if name.startswith(DEFINITIONS)
    }


def run_note_of(compiled_code: str | None) -> dict[str, Any] | None:
    """Return what a compiled model says that its run replaces; None where it says nothing.

    ``dates`` are ISO dates, None for the whole table; ``loads`` the newest load per entity.
    """
    note = _RUN_NOTE.search(compiled_code or "")
    if note is None:
        return None
    run: dict[str, Any] = json.loads(note.group(1))
    return run
