"""`footfall status --prometheus`: what the node exporter reads."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import NoReturn

import pyarrow as pa
import pytest
from prometheus_client.parser import text_string_to_metric_families

from footfall.errors import FootfallError, UsageError
from footfall.metrics import metrics_file, write_metrics
from footfall.project.tables import TableStatus
from footfall.project.turns import RECORD, Turn
from footfall.settings import Settings
from support.homes import make_home, write_table

NOW = datetime(2025, 8, 14, 6, 0, tzinfo=timezone.utc)
RESULTS = "footfall_quality.dq_run_results"
LOADS = "footfall_quality.dq_load_reconciliation"


def no_spark() -> NoReturn:
    raise AssertionError("Spark was asked for.")


def status(table: str, **figures: object) -> TableStatus:
    return TableStatus(layer="quality", table=table, **figures)  # type: ignore[arg-type]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A home with two runs of dbt, two loads of a source, and a turn."""
    home = make_home(tmp_path / "home")
    nodes = [
        ("old", NOW - timedelta(days=1), "fct_sessions", "model", "success", 99.0),
        ("new", NOW, "fct_sessions", "model", "success", 2.5),
        ("new", NOW, "unique_grain", "test", "fail", 0.5),
        ("new", NOW, "stg_app__users", "model", "error", 1.0),
    ]
    columns = ["invocation_id", "run_started_at", "node", "kind", "status", "seconds"]
    write_table(home, RESULTS, pa.table(dict(zip(columns, zip(*nodes, strict=True), strict=True))))
    loads = [
        ("app.users", 1, 10, 0, 0, 10),
        ("app.users", 2, 8, 5, 1, 2),
        ("crm.events", 1, 0, 0, 0, 0),
    ]
    columns = ["source", "load_id", "rows_in", "accepted", "duplicates", "quarantined"]
    write_table(home, LOADS, pa.table(dict(zip(columns, zip(*loads, strict=True), strict=True))))
    (home / RECORD).write_text(
        Turn(started_at=NOW, rows=7, lag_seconds=42.5).model_dump_json() + "\n"
    )
    return Settings(home=home)


def metrics(file: Path) -> dict[tuple[str, ...], float]:
    """Return each sample by its name and the values of its labels."""
    return {
        (sample.name.removeprefix("footfall_"), *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(file.read_text())
        for sample in family.samples
    }


def test_tables_loads_runs_and_turns_are_written(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "footfall.prom"
    tables = [
        status(RESULTS, rows=4, size_bytes=1000, updated_at=NOW),
        status(LOADS, rows=3, last_load=2),
        status("footfall_quality.dq_quarantine", problem="damaged"),
    ]
    write_metrics(file, tables, settings, no_spark)
    found = metrics(file)
    expected = {
        ("table_rows", RESULTS): 4,
        ("table_bytes", RESULTS): 1000,
        ("table_updated_timestamp_seconds", RESULTS): NOW.timestamp(),
        ("table_last_load", LOADS): 2,
        ("table_readable", LOADS): 1,
        ("table_readable", "footfall_quality.dq_quarantine"): 0,
        ("turn_started_timestamp_seconds",): NOW.timestamp(),
        ("turn_failed",): 0,
        ("turn_rows",): 7,
        ("turn_lag_seconds",): 42.5,
        ("load_rows", "accepted", "app.users"): 5,
        ("load_rows", "quarantined", "app.users"): 2,
        ("load_quarantined_share", "app.users"): 0.25,
        ("run_started_timestamp_seconds",): NOW.timestamp(),
        ("node_seconds", "model", "fct_sessions"): 2.5,
        ("run_nodes", "test", "fail"): 1,
        ("run_failures",): 2,
    }
    assert {key: found.get(key) for key in expected} == expected
    assert ("load_quarantined_share", "crm.events") not in found, "it has no rows"
    assert ("table_rows", "footfall_quality.dq_quarantine") not in found
    assert ("node_seconds", "test", "unique_grain") not in found
    assert list(tmp_path.glob("footfall.prom*")) == [file]


def test_a_home_without_records_has_its_tables_alone(tmp_path: Path) -> None:
    file = tmp_path / "footfall.prom"
    settings = Settings(home=make_home(tmp_path / "home"))
    write_metrics(file, [status("footfall_gold.fct_sessions", rows=1)], settings, no_spark)
    assert set(metrics(file)) == {
        ("table_readable", "footfall_gold.fct_sessions"),
        ("table_rows", "footfall_gold.fct_sessions"),
    }


def test_a_file_that_the_node_exporter_would_not_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"end in \.prom") as refused:
        metrics_file(tmp_path / "footfall.txt")
    assert "footfall.prom" in refused.value.fix
    with pytest.raises(UsageError, match="no folder"):
        metrics_file(tmp_path / "none" / "footfall.prom")


def test_a_file_that_cannot_be_written_is_told(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "footfall.prom").mkdir()
    with pytest.raises(FootfallError, match="cannot be written"):
        write_metrics(tmp_path / "footfall.prom", [], settings, no_spark)
