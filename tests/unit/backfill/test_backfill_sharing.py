"""Who holds a home's Spark, as other processes see it; and which errors are conflicts."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from footfall.spark.conflicts import is_conflict, table_of
from footfall.spark.shared import find_holder, hold, join

HOLD = """
import sys, time
from pathlib import Path
from footfall.spark.shared import hold
print(hold(Path(sys.argv[1])), flush=True)
time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path: Path) -> subprocess.Popen[str]:
    """Another process that holds the home ``tmp_path``."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "True\n"
    return process


def test_a_held_home_is_refused_and_its_holder_named(
    holder: subprocess.Popen[str], tmp_path: Path
) -> None:
    try:
        assert not hold(tmp_path)
        found = find_holder(tmp_path)
        assert found is not None
        assert (found.pid, found.serves) == (holder.pid, False)
        assert join(tmp_path) is None
    finally:
        holder.kill()
        holder.wait()


def test_a_killed_process_leaves_nothing_to_clean_up(
    holder: subprocess.Popen[str], tmp_path: Path
) -> None:
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert find_holder(tmp_path) is None
    assert hold(tmp_path)


def test_the_lock_file_is_for_this_user_only(tmp_path: Path) -> None:
    assert hold(tmp_path)
    assert (tmp_path / "spark.lock").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[DELTA_CONCURRENT_APPEND.WITHOUT_HINT] ConcurrentAppendException: added", True),
        ("io.delta.exceptions.MetadataChangedException: the metadata was changed", True),
        ("[DELTA_METADATA_CHANGED] The metadata has been changed", True),
        ("[TABLE_OR_VIEW_NOT_FOUND] the table concurrent_append", False),
    ],
)
def test_conflicts_are_told_from_other_errors(text: str, expected: bool) -> None:
    assert is_conflict(RuntimeError(text)) is expected


@pytest.mark.parametrize(
    ("statement", "table"),
    [
        ("/* x */ insert into gold.t replace where d = 1 select 1", "gold.t"),
        ("merge into `gold`.`t` as old using s", "gold.t"),
        ("alter table gold.t set tblproperties ('a' = '1')", "gold.t"),
        ("create or replace table gold.t using delta as select 1", "gold.t"),
        ("select 1", "a table"),
    ],
)
def test_the_table_of_a_write_is_named(statement: str, table: str) -> None:
    assert table_of(statement) == table
