"""Backfills on Spark and Delta: gaps, records, resumption, and several runs at a time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from footfall.errors import FootfallError
from footfall.generate import generate
from footfall.ingest import ingest
from footfall.project.dbt import run_dbt
from footfall.settings import PROJECT_DIR, get_settings
from footfall.spark.conflicts import retry_conflicts
from footfall.spark.session import get_session
from support.answer import Answer, Footfall
from support.thorough import only_thorough

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PREFIX = "backfill"
START = date(2025, 8, 1)
DAYS = [f"2025-08-0{day}" for day in range(1, 6)]
MODELS = [
    "int_hot_products",
    "fct_user_product_daily",
    "int_user_product_monthly",
    "fct_sessions",
    "fct_session_duration_daily",
]
TABLES = [f"{PREFIX}_gold.{model}" for model in MODELS]
DAILY = f"{PREFIX}_gold.fct_user_product_daily"
SESSIONS = f"{PREFIX}_gold.fct_sessions"
RECORD = f"{PREFIX}_quality.dq_backfills"
ONE_SOURCE = ("--vars", '{"sources": ["product"]}')
SECONDS = 400


@dataclass
class Project:
    """A built project, the folder of its landing files and one for what dbt writes."""

    spark: SparkSession
    landing: Path
    target: Path

    def table(self, name: str) -> list[tuple[Any, ...]]:
        """Return all rows of a table, in an order of their own."""
        return sorted((tuple(row) for row in self.spark.table(name).collect()), key=repr)

    def tables(self) -> dict[str, list[tuple[Any, ...]]]:
        return {name: self.table(name) for name in TABLES}

    def record(self) -> list[Any]:
        """Return the record's rows, the newest backfill's last; none before the first backfill."""
        if not self.spark.catalog.tableExists(RECORD):
            return []
        return self.spark.table(RECORD).orderBy("requested_at", "backfill_id", "chunk").collect()

    def dbt(self, *arguments: str) -> None:
        """Run dbt on the one source that is delivered, which the project does not say."""
        run_dbt(*arguments, *ONE_SOURCE, "--target-path", str(self.target), quiet=True)

    def process(self, *command: str) -> subprocess.Popen[str]:
        """Start a command beside this process, which serves its Spark to it."""
        get_session(serves=True)
        return subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=PROJECT_DIR,
            env=os.environ | {"FOOTFALL_LOG_LEVEL": "WARNING"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


@pytest.fixture(scope="module")
def project(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Five days of one source, of which the third and fifth also have files not loaded yet."""
    landing = tmp_path_factory.mktemp("landing")
    generate(landing, days=5, users=60, seed=5, start=START)
    target = tmp_path_factory.mktemp("target")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FOOTFALL_DB_SCHEMA", PREFIX)
        patch.setenv("DBT_LOG_PATH", str(target / "logs"))
        patch.setenv("DBT_TARGET_PATH", str(target))
        get_settings.cache_clear()
        built = Project(spark, landing / "product" / "interactions", target)
        files = sorted(built.landing.glob("*.parquet"))
        assert len(files) == len(DAYS)
        ingest("product.interactions", [str(file) for file in files[:4]])
        built.dbt("run", "--select", *(f"+{model}" for model in MODELS))
        yield built
    get_settings.cache_clear()


@pytest.fixture
def backfill(footfall: Footfall) -> Footfall:
    """Return a function that runs the command in this process, with its Spark session."""
    return partial(footfall, "backfill")


def gaps_of(answer: Answer) -> dict[tuple[str, str], list[str]]:
    return {(gap["model"], gap["state"]): gap["dates"] for gap in answer.json["gaps"]}


# ---------- gaps


def test_gaps_finds_the_missing_days_and_mends_them(project: Project, backfill: Footfall) -> None:
    before = project.tables()
    project.spark.sql(f"delete from {DAILY} where event_date in ('2025-08-02', '2025-08-04')")
    project.spark.sql(f"delete from {SESSIONS} where event_date = '2025-08-03'")
    versions = {name: version(project, name) for name in TABLES}

    listed = backfill("--gaps", "--dry-run", "--json", "--select", *MODELS)
    assert listed.exit_code == 0
    assert gaps_of(listed) == {
        ("fct_user_product_daily", "missing"): ["2025-08-02", "2025-08-04"],
        ("int_user_product_monthly", "follows"): ["2025-08-02", "2025-08-04"],
        ("fct_sessions", "missing"): ["2025-08-03"],
        ("fct_session_duration_daily", "follows"): ["2025-08-03"],
    }
    assert {name: version(project, name) for name in TABLES} == versions
    assert not project.spark.catalog.tableExists(RECORD)

    mended = backfill("--gaps", "--json", "--reason", "lost days", "--select", *MODELS)
    assert mended.exit_code == 0, mended.err
    assert project.tables() == before
    rows = project.record()
    assert [[str(day) for day in row["dates"]] for row in rows] == [
        ["2025-08-02", "2025-08-04"],
        ["2025-08-03"],
        ["2025-08-02", "2025-08-04"],
    ]
    assert {row["state"] for row in rows} == {"done"}
    assert {row["reason"] for row in rows} == {"lost days"}
    assert rows[2]["models"] == ["int_user_product_monthly"]
    assert all(row["requested_at"] <= row["started_at"] <= row["finished_at"] for row in rows)

    nothing = backfill("--gaps", "--select", *MODELS)
    assert nothing.exit_code == 0
    assert "No gaps" in nothing.out


def version(project: Project, table: str) -> int:
    history = project.spark.sql(f"describe history {table} limit 1").first()
    assert history is not None
    return int(history["version"])


# ---------- several at a time


@only_thorough
def test_two_backfills_and_a_daily_run_at_a_time_equal_a_full_refresh(
    project: Project, backfill: Footfall
) -> None:
    late = sorted(project.landing.glob("*.parquet"))[4:]
    ingest("product.interactions", [str(file) for file in late])
    project.dbt("run", "--select", "stg_product__interactions")
    stale = gaps_of(backfill("--gaps", "--dry-run", "--json", "--select", *MODELS))
    loaded = project.spark.sql(
        f"select distinct event_date from {PREFIX}_silver.stg_product__interactions "
        "where _load_id = 2 order by 1"
    ).collect()
    assert stale["fct_user_product_daily", "stale"] == [str(row[0]) for row in loaded]

    select = ["--select", *MODELS]
    project.spark.sql(f"update {DAILY} set view_count = view_count + 1")
    runs = [
        project.process("footfall", "backfill", "--start", DAYS[0], "--end", DAYS[1], *select),
        project.process("footfall", "backfill", "--start", DAYS[2], "--end", DAYS[3], *select),
        project.process(
            "dbt.cli.main",
            "run",
            *select,
            *ONE_SOURCE,
            "--target-path",
            str(project.target / "daily"),
        ),
    ]
    for run in runs:
        output, _ = run.communicate(timeout=SECONDS)
        assert run.returncode == 0, output
    together = project.tables()
    assert DAYS[4] in {str(row["event_date"]) for row in project.spark.table(DAILY).collect()}

    project.dbt("run", "--full-refresh", *select)
    assert project.tables() == together


# ---------- resumption


@only_thorough
def test_a_killed_backfill_continues_with_the_chunks_not_done(
    project: Project, backfill: Footfall
) -> None:
    before = project.tables()
    request = ["--days", ",".join(DAYS[:3]), "--chunk-days", "1", "--select", MODELS[1]]
    project.spark.sql(f"delete from {DAILY} where event_date = '{DAYS[2]}'")
    killed = project.process("footfall", "backfill", *request)
    deadline = time.monotonic() + SECONDS
    while not any(row["state"] == "done" and row["chunk"] == 1 for row in newest(project)):
        assert killed.poll() is None and time.monotonic() < deadline
        time.sleep(0.2)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    states = {row["chunk"]: row["state"] for row in newest(project)}
    assert "done" in states.values() and set(states.values()) != {"done"}
    finished = {row["chunk"]: row["finished_at"] for row in newest(project)}

    answer = backfill(*request)
    assert answer.exit_code == 0, answer.err
    assert "Continuing backfill" in answer.err
    after = {row["chunk"]: row for row in newest(project)}
    assert {row["state"] for row in after.values()} == {"done"}
    for chunk, state in states.items():
        if state == "done":
            assert after[chunk]["finished_at"] == finished[chunk]
            assert after[chunk]["attempts"] == 1
    assert project.tables() == before
    assert backfill("--resume").exit_code == 2


def newest(project: Project) -> list[Any]:
    rows = project.record()
    backfill_id = rows[-1]["backfill_id"] if rows else None
    return [row for row in rows if row["backfill_id"] == backfill_id and len(row["models"]) == 1]


# ---------- what is refused


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--start", "2025-08-05", "--end", "2025-08-01"], "lies after"),
        (["--start", "2025-08-05"], "--start and --end"),
        (["--days", "2025-8-5"], "is not a date"),
        (["--gaps", "--days", "2025-08-05"], "exclude each other"),
        (["fct_sessions", "--days", "2025-08-05"], "Unexpected argument"),
        (["--days", "2025-08-05", "--select", "fct_sesions"], "fct_sessions"),
        (["--days", "2025-08-05", "--select", "stg_product__interactions"], "not backfilled"),
        (["--resume", "nothing-like-it"], "There is no backfill"),
    ],
)
def test_wrong_calls_are_refused_with_a_next_step(
    project: Project, backfill: Footfall, arguments: list[str], expected: str
) -> None:
    answer = backfill(*arguments)
    assert answer.exit_code == 2
    assert expected in answer.err
    assert "→" in answer.err


def test_a_model_never_built_is_named(project: Project, backfill: Footfall) -> None:
    answer = backfill("--days", "2025-08-05", "--select", "fct_active_users_daily")
    assert answer.exit_code == 1
    assert "dbt build --select fct_active_users_daily" in answer.err


# ---------- conflicts


@pytest.fixture
def counter(project: Project) -> str:
    """A table of one row, which two writers cannot change at a time."""
    name = f"{PREFIX}_gold.counter"
    project.spark.sql(f"create or replace table {name} using delta as select 0 as n")
    return name


def increment_from_two_threads(project: Project, table: str) -> list[Exception]:
    failures: list[Exception] = []
    together = threading.Barrier(2)

    def work() -> None:
        for _ in range(3):
            together.wait(60)
            try:
                retry_conflicts(
                    lambda: project.spark.sql(f"update {table} set n = n + 1").collect(), table
                )
            except FootfallError as error:
                failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    return failures


@only_thorough
def test_a_write_that_loses_a_conflict_is_tried_again(project: Project, counter: str) -> None:
    with capture_logs() as logs:
        assert increment_from_two_threads(project, counter) == []
    assert project.table(counter) == [(6,)]
    retried = [entry for entry in logs if entry["event"] == "conflict_retried"]
    assert retried
    assert {entry["table"] for entry in retried} == {counter}


def test_a_conflict_that_lasts_names_the_table_and_the_next_step(
    project: Project, counter: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOOTFALL_CONFLICT_RETRIES", "0")
    get_settings.cache_clear()
    failures = increment_from_two_threads(project, counter)
    monkeypatch.delenv("FOOTFALL_CONFLICT_RETRIES")
    get_settings.cache_clear()
    assert failures
    assert counter in str(failures[0])
    assert "FOOTFALL_CONFLICT_RETRIES" in str(failures[0])
    assert project.table(counter) == [(6 - len(failures),)]
