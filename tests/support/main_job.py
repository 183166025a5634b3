"""The main job in a home of its own, and what it leaves there."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from pathlib import Path

import pyarrow.parquet as pq

from footfall.settings import PROJECT_DIR
from support.delta_files import read_table, table_folders

UNSAID = {"_ingested_at", "ingested_at", "_source_file", "source_file", "_load_id", "load_id"}
"""When and where a row arrived; entities that load side by side take their turns as they come."""
OF_THE_RUN = ("dq_ingested_files", "dq_run_results")
DAYS, USERS = 3, 60
Home = tuple[dict[str, Counter[str]], Counter[str]]


def environment(home: Path, **more: str) -> dict[str, str]:
    """Return the environment of a command in a home of its own, with the jars of this one."""
    cache = os.environ.get("FOOTFALL_CACHE", str(PROJECT_DIR / ".footfall" / "cache"))
    own = {
        "FOOTFALL_HOME": str(home),
        "FOOTFALL_CACHE": cache,
        "FOOTFALL_DRIVER_MEMORY_GIB": "2",
        "FOOTFALL_JIT_LEVEL": "1",
    }
    return os.environ | own | more


def start(arguments: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[str]:
    """Start a footfall command; its output is one stream."""
    return subprocess.Popen(
        [sys.executable, "-m", "footfall", *arguments],
        env=dict(environment),
        cwd=PROJECT_DIR,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def demo(home: Path, **more: str) -> subprocess.Popen[str]:
    """Start the main job on little data in a home of its own."""
    return start(["demo", "--days", str(DAYS), "--users", str(USERS)], environment(home, **more))


def finished(job: subprocess.Popen[str]) -> str:
    """Wait for a command that must succeed; return its output."""
    output, _ = job.communicate(timeout=1500)
    assert job.returncode == 0, output[-4000:]
    return output


def rows_of_tables(warehouse: Path, without: Set[str] = frozenset()) -> dict[str, Counter[str]]:
    """Return the rows of all tables as bags, without the records of files and runs.

    Args:
        warehouse: the folder of the schemas.
        without: columns to leave out, besides those of arrival.
    """
    tables = {}
    for name, folder in table_folders(warehouse).items():
        table = read_table(folder)
        if table and not name.endswith(OF_THE_RUN):
            table.check()
            tables[name] = table.rows(UNSAID | without)
    return tables


def contents(home: Path, warehouse: Path | None = None) -> Home:
    """Return the rows of all tables, and those of the export, as bags.

    Args:
        home: the home.
        warehouse: a copy of the tables, where they lie elsewhere.
    """
    tables = rows_of_tables(warehouse or home / "warehouse")
    exported: Counter[str] = Counter()
    for file in (home / "demo" / "sequences").glob("*.parquet"):
        exported.update(map(repr, pq.read_table(file).to_pylist()))
    assert len(tables) > 40 and exported
    return tables, exported


def unlike(found: Home, expected: Home) -> list[str]:
    tables, exported = found
    assert set(tables) == set(expected[0])
    different = [name for name, rows in tables.items() if rows != expected[0][name]]
    return different + ([] if exported == expected[1] else ["the export"])
