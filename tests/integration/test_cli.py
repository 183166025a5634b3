"""The command line: output formats, exit codes, messages and help."""

from __future__ import annotations

import csv
import io
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import typer
from typer.testing import CliRunner

from footfall.cli import app
from footfall.settings import get_settings
from footfall.spark.shared import hold
from support.answer import Answer, Footfall

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

COMMANDS = sorted(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
TABLE = "cli_gold.visits"
DAYS_AGO = 10


@pytest.fixture
def table(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A small table under a schema prefix of its own; the value is its folder."""
    monkeypatch.setenv("FOOTFALL_DB_SCHEMA", "cli")
    get_settings.cache_clear()
    spark.sql("drop schema if exists cli_gold cascade")
    spark.sql("create schema cli_gold")
    spark.sql(
        f"""
        create table {TABLE} using delta as
        select * from values
            ('u, 1', timestamp'2025-08-20 10:00:00', 1234567, array(1, 2)),
            ('u"2', null, 2, null)
            as visits (user_id, seen_at, visit_count, items)
        """
    )
    yield get_settings().local_warehouse / "cli_gold.db" / "visits"
    spark.sql("drop schema cli_gold cascade")
    monkeypatch.undo()
    get_settings.cache_clear()


def fresh_process(home: Path, *arguments: str) -> Answer:
    """Run the command line in a process and a JVM of its own."""
    ended = subprocess.run(
        [sys.executable, "-m", "footfall", *arguments],
        env=os.environ | {"FOOTFALL_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    return Answer(ended.returncode, ended.stdout, ended.stderr)


# ---------- query and status


def test_query_prints_json_with_nulls_and_lists(table: Path, footfall: Footfall) -> None:
    answer = footfall("query", f"select * from {TABLE} order by visit_count", "--format", "json")
    assert answer.exit_code == 0
    assert answer.json == [
        {"user_id": 'u"2', "seen_at": None, "visit_count": 2, "items": None},
        {
            "user_id": "u, 1",
            "seen_at": "2025-08-20 10:00:00",
            "visit_count": 1_234_567,
            "items": [1, 2],
        },
    ]


def test_query_prints_csv_that_a_csv_reader_takes(table: Path, footfall: Footfall) -> None:
    answer = footfall("query", f"select * from {TABLE} order by visit_count", "--format", "csv")
    assert answer.exit_code == 0
    assert list(csv.reader(io.StringIO(answer.out))) == [
        ["user_id", "seen_at", "visit_count", "items"],
        ['u"2', "", "2", ""],
        ["u, 1", "2025-08-20 10:00:00", "1234567", "[1, 2]"],
    ]


def test_query_prints_a_table_by_default(table: Path, footfall: Footfall) -> None:
    answer = footfall("query", f"select user_id, visit_count from {TABLE}")
    assert answer.exit_code == 0
    assert "visit_count" in answer.out
    assert "1,234,567" in answer.out


def test_query_s_table_rounds_what_json_has_whole(table: Path, footfall: Footfall) -> None:
    sql = "select 0.12345678d as share, 1234567.5d as total, 3.0d as whole, 1e-7d as small"
    assert footfall("query", sql).out.split()[-4:] == ["0.1235", "1,234,567.5", "3", "1e-07"]
    [row] = footfall("query", sql, "--format", "json").json
    assert row == {"share": 0.12345678, "total": 1234567.5, "whole": 3.0, "small": 1e-7}


def test_query_of_a_table_that_is_not_there_fails_with_the_name_and_the_next_step(
    spark: SparkSession, footfall: Footfall
) -> None:
    answer = footfall("query", "select * from footfall_gold.no_such_table")
    assert answer.exit_code == 1
    assert answer.out == ""
    assert "no_such_table" in answer.err
    assert "footfall status" in answer.err
    assert "Traceback" not in answer.err


def test_query_of_broken_sql_fails_and_names_the_place(
    spark: SparkSession, footfall: Footfall
) -> None:
    answer = footfall("query", "selec 1")
    assert answer.exit_code == 1
    assert "selec" in answer.err
    assert "Traceback" not in answer.err


def test_query_that_writes_is_refused_and_runs_with_the_option(
    spark: SparkSession, table: Path, footfall: Footfall
) -> None:
    refused = footfall("query", f"drop table {TABLE}")
    assert (refused.exit_code, refused.out) == (2, "")
    assert "drop table" in refused.err and "--write" in refused.err
    assert spark.catalog.tableExists(TABLE)
    written = footfall("query", "--write", f"delete from {TABLE} where visit_count = 2")
    assert written.exit_code == 0
    assert spark.table(TABLE).count() == 1
    dropped = footfall("query", "--write", f"drop table {TABLE}")
    assert dropped.exit_code == 0 and "Done" in dropped.out
    assert not spark.catalog.tableExists(TABLE)


def test_status_lists_each_table_with_rows_and_freshness(table: Path, footfall: Footfall) -> None:
    answer = footfall("status", "--json")
    assert answer.exit_code == 0
    [status] = answer.json
    assert (status["layer"], status["table"], status["rows"]) == ("gold", TABLE, 2)
    assert status["size_bytes"] > 0
    assert 0 <= status["age_hours"] < 1


def test_status_without_tables_fails_and_names_the_first_command(
    spark: SparkSession, footfall: Footfall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOOTFALL_DB_SCHEMA", "nothing")
    get_settings.cache_clear()
    answer = footfall("status")
    monkeypatch.undo()
    get_settings.cache_clear()
    assert answer.exit_code == 1
    assert "footfall demo" in answer.err


# ---------- maintain


@pytest.fixture
def orphan(table: Path) -> Path:
    """A file in the table's folder that no version needs, old enough to be deleted."""
    file = table / "part-orphan.parquet"
    file.write_bytes(b"left by a writer that died")
    written = time.time() - DAYS_AGO * 24 * 3600
    os.utime(file, (written, written))
    return file


def test_maintain_dry_run_lists_the_statements_and_deletes_nothing(
    table: Path, orphan: Path, footfall: Footfall
) -> None:
    before = sorted(table.rglob("*"))
    answer = footfall("maintain", "--dry-run")
    assert answer.exit_code == 0
    assert f"VACUUM {TABLE} RETAIN 168 HOURS" in answer.out
    [result] = footfall("maintain", "--dry-run", "--json").json
    size = sum(file.stat().st_size for file in table.glob("*.parquet") if file != orphan)
    assert result == {
        "table": TABLE,
        "statement": f"VACUUM {TABLE} RETAIN 168 HOURS",
        "files": 1,
        "bytes": orphan.stat().st_size,
        "optimize": None,
        "files_before": len(list(table.glob("*.parquet"))) - 1,
        "files_after": len(list(table.glob("*.parquet"))) - 1,
        "bytes_before": size,
        "bytes_after": size,
        "problem": None,
    }
    assert sorted(table.rglob("*")) == before


def test_maintain_deletes_what_no_version_of_the_last_168_hours_needs(
    spark: SparkSession, table: Path, orphan: Path, footfall: Footfall
) -> None:
    spark.sql(f"delete from {TABLE} where visit_count = 2")
    needed = {file for file in table.rglob("*.parquet") if file != orphan}
    size = orphan.stat().st_size
    [done] = footfall("maintain", "--json").json
    assert (done["files"], done["bytes"]) == (1, size)
    assert not orphan.exists()
    assert needed <= set(table.rglob("*.parquet"))
    earlier = spark.sql(f"select count(*) from {TABLE} version as of 0").collect()
    assert earlier[0][0] == 2


def test_maintain_refuses_a_retention_that_readers_cannot_rely_on(
    table: Path, orphan: Path, footfall: Footfall
) -> None:
    answer = footfall("maintain", "--retain-hours", "1")
    assert answer.exit_code == 2
    assert "168" in answer.err
    assert "--force" in answer.err
    assert orphan.exists()


# ---------- wrong calls and help


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("query",), "{sql}"),
        (("query", "select 1", "--format", "xml"), "xml"),
        (("no-such-command",), "no-such-command"),
        (("demo", "--days", "0"), "days"),
        (("generate", "--out", "x", "--start", "2025-02-30"), "2025-02-30"),
        (("ingest", "product.visits", "file.parquet"), "product.visits"),
        (("ingest",), "nothing to load"),
        (("ingest", "--landing", "/no/such/folder"), "/no/such/folder"),
        (("ingest", "product.interactions", "--landing", "/tmp"), "--landing"),
        (("ingest", "product.interactions", "/no/such/file.parquet"), "/no/such/file.parquet"),
    ],
)
def test_a_wrong_call_ends_with_exit_code_2_and_names_what_is_wrong(
    footfall: Footfall, arguments: tuple[str, ...], named: str
) -> None:
    answer = footfall(*arguments)
    assert answer.exit_code == 2
    assert named in answer.err
    assert "Traceback" not in answer.err


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_every_command_has_an_example_of_it(command: str) -> None:
    result = CliRunner().invoke(app, [command, "--help"])
    assert result.exit_code == 0
    text = re.sub(r"\W*\n\W*", " ", result.output)
    assert "Example" in text
    assert f"footfall {command}" in text


def test_the_version_is_printed(footfall: Footfall) -> None:
    from footfall import __version__

    answer = footfall("--version")
    assert (answer.exit_code, answer.out.strip()) == (0, __version__)


# ---------- processes of their own


def test_doctor_finds_a_fresh_home_well(footfall_home: Path, tmp_path: Path) -> None:
    if (footfall_home / "cache").is_dir():
        (tmp_path / "cache").symlink_to((footfall_home / "cache").resolve())
    answer = fresh_process(tmp_path, "doctor", "--json")
    checks = {check["name"]: check for check in answer.json}
    assert [check for check in checks.values() if not check["ok"]] == []
    assert answer.exit_code == 0
    assert {"Python", "Java", "Delta's jars", "Metastore", "Spark"} <= set(checks)
    assert "4.2" in checks["Spark"]["found"]


def test_doctor_names_the_process_that_holds_the_metastore(
    spark: SparkSession, footfall_home: Path
) -> None:
    answer = fresh_process(footfall_home, "doctor", "--json")
    checks = {check["name"]: check for check in answer.json}
    assert answer.exit_code == 1
    holder = re.fullmatch(r"in use by process (\d+)", checks["Metastore"]["found"])
    assert holder
    assert Path(f"/proc/{holder.group(1)}").exists()
    assert checks["Metastore"]["fix"]
    assert "Spark" not in checks


def test_a_second_process_on_a_home_is_told_that_it_is_in_use(
    footfall_home: Path, tmp_path: Path
) -> None:
    (tmp_path / "cache").symlink_to(footfall_home / "cache")
    assert hold(tmp_path)
    answer = fresh_process(tmp_path, "query", "select 1", "--engine", "spark")
    assert answer.exit_code == 1
    assert "Another process is using" in answer.err
    assert f"(process {os.getpid()})" in answer.err
    assert str(tmp_path) in answer.err
    assert "Traceback" not in answer.err
