"""Tables with damaged files: one message, the other tables in sight, nothing changed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from footfall.settings import get_settings
from support.answer import Footfall

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

BROKEN = "faults_gold.fct_sessions"
WHOLE = "faults_gold.fct_user_activity_daily"
READ = f"select max(visit) from {BROKEN}"


@pytest.fixture
def table(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Two small tables, under a schema prefix of their own; the value is the first one's folder."""
    monkeypatch.setenv("FOOTFALL_DB_SCHEMA", "faults")
    get_settings.cache_clear()
    spark.sql("drop schema if exists faults_gold cascade")
    spark.sql("create schema faults_gold")
    for name in (BROKEN, WHOLE):
        spark.sql(f"create table {name} using delta as select id as visit from range(100)")
        spark.sql(f"insert into {name} select id from range(100, 200)")
    yield get_settings().local_warehouse / "faults_gold.db" / "fct_sessions"
    for layer in ("bronze", "gold", "quality"):
        spark.sql(f"drop schema if exists faults_{layer} cascade")
    monkeypatch.undo()
    get_settings.cache_clear()


def truncate_newest_commit(table: Path) -> Path:
    commit = max((table / "_delta_log").glob("*.json"))
    commit.write_bytes(commit.read_bytes()[:300])
    return commit


def remove_data_file(table: Path) -> Path:
    file = next(table.glob("*.parquet"))
    file.unlink()
    return file


def remove_log(table: Path) -> Path:
    for file in (table / "_delta_log").glob("*"):
        if file.is_file():
            file.unlink()
    return table


FAULTS = {
    "truncated commit": truncate_newest_commit,
    "missing data file": remove_data_file,
    "log gone": remove_log,
}


def state(table: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted(file for file in table.parent.rglob("*") if file.is_file()):
        digest.update(f"{file}".encode() + file.read_bytes())
    return digest.hexdigest()


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_broken_table_is_named_with_the_remedy_and_the_others_are_shown(
    fault: Callable[[Path], Path], table: Path, footfall: Footfall
) -> None:
    named = fault(table)
    before = state(table)
    answers = [footfall("query", READ)]
    assert answers[0].exit_code == 1
    assert answers[0].out == ""
    # Delta counts rows from its log: only a query misses a data file.
    if fault is not remove_data_file:
        status = footfall("status")
        assert status.exit_code == 1
        assert status.out.count("✗") == 1
        assert "200" in status.out
        answers.append(status)
    for answer in answers:
        assert "Traceback" not in answer.err
        assert "\tat " not in answer.err
        assert len(answer.err.splitlines()) <= 5
        assert BROKEN in answer.err
        assert str(named.name) in answer.err
        assert "dbt build --full-refresh --select fct_sessions+" in answer.err
    assert state(table) == before


def test_status_as_json_says_what_is_wrong_with_a_table(table: Path, footfall: Footfall) -> None:
    commit = truncate_newest_commit(table)
    answer = footfall("status", "--json")
    assert answer.exit_code == 1
    found = {entry["table"]: entry for entry in answer.json}
    assert str(commit) in found[BROKEN]["problem"]
    assert found[BROKEN]["rows"] is None
    assert (found[WHOLE]["rows"], found[WHOLE]["problem"]) == (200, None)


def test_a_query_s_error_is_printed_once(table: Path, footfall: Footfall) -> None:
    answer = footfall("query", f"select nope from {BROKEN}")
    assert answer.exit_code == 1
    assert answer.err.count("nope") == 1
    assert "line 1" in answer.err
    assert len(answer.err.splitlines()) <= 3


def test_a_rejected_file_is_said_once_and_one_file_is_no_plural(
    table: Path, footfall: Footfall, tmp_path: Path
) -> None:
    header = "event_id,customer_id,event_type,event_timestamp"
    (tmp_path / "good.csv").write_text(f"{header}\ne1,1,search,2024-01-01T00:00:00Z\n")
    (tmp_path / "empty.csv").write_text("")
    answer = footfall("ingest", "crm.events", str(tmp_path))
    assert answer.exit_code == 1
    assert "1 row from 1 file loaded, 0 files loaded before, 1 rejected." in answer.out
    assert len(answer.err.splitlines()) == 1
    assert answer.err.count("empty.csv") == 1
    again = footfall("ingest", "crm.events", str(tmp_path / "good.csv"))
    assert (again.exit_code, again.err) == (0, "")
    assert "1 file loaded before" in again.out
