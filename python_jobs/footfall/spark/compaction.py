"""Compaction: a partition's small files are merged where the table's log says that there are many.

A build compacts the partitions that it has just touched, and ingestion bronze. What is left are
partitions that got many small files from other runs than the one that compacted.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from footfall.spark.delta_log import DeltaTable
from footfall.spark.sizing import target_file_bytes
from footfall.spark.sql_text import quoted_name, text_literal

SMALL_FILES = 8
"""So many in a partition are merged; fewer cost a reader less than their rewriting."""


class Compaction(NamedTuple):
    """An OPTIMIZE that pays.

    Args:
        statement: the OPTIMIZE.
        files_after: how many files the table then has, about.
        conf: what the session is to be set to for it.
    """

    statement: str
    files_after: int
    conf: dict[str, str]


def plan_compaction(
    table: str, log: DeltaTable, zorder_by: Sequence[str] = ()
) -> Compaction | None:
    """Return the OPTIMIZE of a table's partitions with :data:`SMALL_FILES` small files or more.

    A file is small below half of the size that files of so large a table should have.

    Args:
        table: its qualified name.
        log: the newest version.
        zorder_by: columns to cluster by; each partition is then rewritten as a whole.

    Returns:
        None where no partition has that many, or the log does not tell.
    """
    if log.maps_columns:
        return None
    target = target_file_bytes(log.size_bytes)
    small: dict[tuple[str | None, ...], list[int]] = defaultdict(list)
    for file in log.files or []:
        if file["size"] < target // 2:
            values = tuple(file["partitionValues"].get(name) for name in log.partition_columns)
            small[values].append(file["size"])
    due = {values: sizes for values, sizes in small.items() if len(sizes) >= SMALL_FILES}
    if not due:
        return None
    merged = sum(len(sizes) - math.ceil(sum(sizes) / target) for sizes in due.values())
    statement = f"OPTIMIZE {table}"
    if log.partition_columns:
        chosen = sorted(_predicate(log.partition_columns, values) for values in due)
        statement += f" WHERE {' OR '.join(chosen)}"
    if zorder_by:
        statement += f" ZORDER BY ({', '.join(map(quoted_name, zorder_by))})"
    conf = {
        "spark.databricks.delta.optimize.maxFileSize": str(target),
        "spark.databricks.delta.optimize.minFileSize": str(target // 2),
    }
    return Compaction(statement, len(log.files or []) - merged, conf)


def _predicate(columns: Sequence[str], values: Sequence[str | None]) -> str:
    tests = [
        f"{quoted_name(column)} {'IS NULL' if value is None else '= ' + text_literal(value)}"
        for column, value in zip(columns, values, strict=True)
    ]
    return f"({' AND '.join(tests)})" if len(tests) > 1 else tests[0]
