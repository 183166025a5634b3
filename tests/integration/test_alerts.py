"""`footfall alerts`: one message for each change of state, whatever happens between the calls."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from footfall.alerts import destination
from footfall.project.records import RUN_RESULTS, record_table
from footfall.settings import get_settings
from support.answer import Footfall
from support.web_server import Receiver, receiving

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

FIRST_RUN = datetime(2025, 8, 1, tzinfo=timezone.utc)
Run = Callable[..., None]


@pytest.fixture
def run(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Return a function that records a run, an hour after the one before, given nodes' statuses."""
    monkeypatch.setenv("FOOTFALL_DB_SCHEMA", "alerts")
    get_settings.cache_clear()
    declared, runs = record_table(RUN_RESULTS), iter(range(100))
    declared.create(spark, get_settings())

    def record(**statuses: str) -> None:
        number = next(runs)
        rows = [
            {
                "invocation_id": f"run {number}",
                "run_started_at": FIRST_RUN + timedelta(hours=number),
                "node_id": f"test.footfall.{node}",
                "node": node,
                "kind": "unit_test" if node == "unit" else "test",
                "status": status.replace("_", " "),
                "message": f"Got {number} results" if status in ("fail", "warn") else None,
            }
            for node, status in statuses.items()
        ]
        frame = spark.createDataFrame(rows, declared.ddl)
        frame.write.format("delta").mode("append").saveAsTable(declared.name_in(get_settings()))

    yield record
    spark.sql(f"drop schema {get_settings().schema_of('quality')} cascade")
    monkeypatch.undo()
    get_settings.cache_clear()


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    monkeypatch.setattr(destination, "LONGEST_PAUSE_SECONDS", 0.1)
    with receiving() as server:
        yield server


def test_each_change_of_state_is_one_message(
    run: Run, receiver: Receiver, footfall: Footfall
) -> None:
    def sent() -> list[tuple[str, str, str]]:
        before = len(receiver.posts)
        assert footfall("alerts", "--webhook", receiver.url).exit_code == 0
        bodies = receiver.bodies[before:]
        return [(body["node"], body["previous_state"], body["state"]) for body in bodies]

    run(a="pass", b="pass", unit="fail")
    assert sent() == []
    run(a="fail", b="warn", c="error")
    assert sent() == [
        ("a", "passes", "fails"), ("b", "passes", "warns"), ("c", "passes", "fails"),
    ]  # fmt: skip
    assert sent() == []
    run(a="fail", b="fail", c="skipped")
    assert sent() == [("b", "warns", "fails")]
    run(b="pass")
    run(c="success")
    assert sent() == [("b", "fails", "passes"), ("c", "fails", "passes")]
    run(a="pass")
    run(a="runtime_error")
    assert sent() == []
    texts = [body["text"] for body in receiver.bodies]
    assert texts[0] == "test a fails: Got 1 results" and texts[-1] == "test c is fine again."
    assert len({body["alert_id"] for body in receiver.bodies}) == len(texts) == 6


def test_what_does_not_arrive_is_sent_by_the_next_call(
    run: Run, receiver: Receiver, footfall: Footfall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOOTFALL_ALERT_WEBHOOK", f"{receiver.url}/s3cret")
    monkeypatch.setenv("FOOTFALL_ALERT_TOKEN", "t0ken")
    get_settings.cache_clear()
    run(a="fail", b="fail")
    receiver.answers = [200, *[503] * 4]
    told = footfall("alerts")
    assert told.exit_code == 1 and "it answered 503" in told.err
    assert "s3cret" not in told.err and "Trace" not in told.err
    assert footfall("alerts").exit_code == 0
    assert [body["node"] for body in receiver.bodies] == ["a", *["b"] * 5]
    assert {post[:2] for post in receiver.posts} == {("/s3cret", "Bearer t0ken")}


def test_each_destination_is_told(
    run: Run, receiver: Receiver, footfall: Footfall, tmp_path: Path, spark: SparkSession
) -> None:
    run(a="fail")
    file = tmp_path / "alerts.jsonl"
    assert footfall("alerts", "--file", str(file), "--dry-run", "--json").json[0]["node"] == "a"
    assert not file.exists()
    for _ in range(2):
        footfall("alerts", "--file", str(file))
        footfall("alerts", "--webhook", receiver.url)
    [line] = file.read_text().splitlines()
    [posted] = receiver.bodies
    different = {"alert_id"}
    assert {k: v for k, v in json.loads(line).items() if k not in different} == {
        k: v for k, v in posted.items() if k not in different
    }
    recorded = spark.table(f"{get_settings().schema_of('quality')}.dq_alerts").collect()
    assert {(row["destination"], row["state"], row["run_started_at"]) for row in recorded} == {
        (f"file {file}", "fails", FIRST_RUN.astimezone().replace(tzinfo=None)),
        (f"webhook {receiver.url[7:]}", "fails", FIRST_RUN.astimezone().replace(tzinfo=None)),
    }


def test_without_a_destination_or_a_run_the_next_step_is_told(
    spark: SparkSession, footfall: Footfall, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "set FOOTFALL_ALERT_WEBHOOK" in footfall("alerts").err
    monkeypatch.setenv("FOOTFALL_DB_SCHEMA", "never_built")
    get_settings.cache_clear()
    told = footfall("alerts", "--file", str(tmp_path / "alerts.jsonl"))
    assert told.exit_code == 1 and "Run `dbt build`" in told.err
    get_settings.cache_clear()
