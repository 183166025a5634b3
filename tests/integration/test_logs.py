"""The log of a load, as lines of JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from footfall.cli.logs import configure_logs
from footfall.settings import get_settings
from support.answer import Footfall

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

HEAD = "event_time,user_id,product_id,interaction_type,event_id\n"
ROWS = (
    "2025-08-01 10:00:00,u1,p1,view,a\n"
    "2025-08-01 10:00:01,u1,p1,view,b\n"
    "no time,u2,p1,view,c\n"
)  # fmt: skip


@pytest.fixture
def own_schemas(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Bronze tables that no other test loads into."""
    monkeypatch.setenv("FOOTFALL_DB_SCHEMA", "logged")
    get_settings.cache_clear()
    yield
    spark.sql("drop schema if exists logged_bronze cascade")
    spark.sql("drop schema if exists logged_quality cascade")
    monkeypatch.undo()
    get_settings.cache_clear()
    configure_logs()


@pytest.mark.usefixtures("own_schemas")
def test_a_load_is_logged_with_its_counts_and_nothing_else_is_on_standard_error(
    footfall: Footfall, tmp_path: Path
) -> None:
    (tmp_path / "good.csv").write_text(HEAD + ROWS)
    (tmp_path / "bad.csv").write_text("colour,size\nred,1\n")
    ingest = ("--log-format", "json", "ingest", "product.interactions", str(tmp_path))
    answer = footfall(*ingest)
    assert answer.exit_code == 1
    logged = [json.loads(line) for line in answer.err.splitlines()]
    [rejected] = [line for line in logged if line["event"] == "file_rejected"]
    assert "bad.csv" in rejected["reason"]
    [load] = [line for line in logged if line["event"] == "load_committed"]
    counts = ("files", "files_rejected", "rows", "rows_with_errors", "load_id")
    assert [load[name] for name in counts] == [1, 1, 3, 1, 1]
    assert load["source"] == "product.interactions"
    again = [json.loads(line) for line in footfall(*ingest).err.splitlines()]
    [skipped] = [line for line in again if line["event"] == "file_skipped"]
    assert "good.csv" in skipped["file"]
    assert [line for line in again if line["event"] == "load_committed"] == []
