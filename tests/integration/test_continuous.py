"""Turns of ingestion and build: what each does, what an idle one costs, and how they end."""

from __future__ import annotations

import json
import resource
import shutil
import signal
import subprocess
import time
from datetime import date, datetime, timezone
from pathlib import Path

import pytest

from footfall.continuous import Turns
from footfall.errors import UsageError
from footfall.generate import generate
from footfall.generate.trackers import EVENTS_FOLDER, generate_as
from footfall.ingest import shipped_mapping
from footfall.project.turns import RECORD, Turn, last_turn
from footfall.settings import Settings
from support.main_job import environment, finished, start
from support.projects import project_with
from support.thorough import only_thorough


def footfall_run(home: Path, landing: Path, *more: str, **env: str) -> subprocess.Popen[str]:
    tiny = environment(home, FOOTFALL_TINY_TABLES="true", **env)
    return start(["run", "--landing", str(landing), *more], tiny)


def turns_of(home: Path) -> list[dict[str, object]]:
    file = home / RECORD
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def deliver(generated: Path, landing: Path, day: str) -> None:
    """Move a day's files of interactions into the landing folder, each in one step."""
    for file in generated.rglob(f"*{day}*.parquet"):
        target = landing / file.relative_to(generated)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target.with_name(f".{target.name}"))
        target.with_name(f".{target.name}").rename(target)


@pytest.mark.parametrize("what", ["nothing", "a folder without entities"])
def test_a_folder_without_an_entity_is_refused(what: str, tmp_path: Path) -> None:
    landing = tmp_path / "landing"
    if what != "nothing":
        (landing / "somewhere").mkdir(parents=True)
    with pytest.raises(UsageError, match=str(landing)):
        Turns(landing, Settings(home=tmp_path / "home"))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("columns: {user_id: u}", "does not say which entities it feeds"),
        ("entities: {ads.clicks: {}}", "feeds ads.clicks"),
    ],
)
def test_a_mapping_of_a_landing_folder_names_entities_that_are_built(
    text: str, problem: str, tmp_path: Path
) -> None:
    mapping = tmp_path / "mapping.yml"
    mapping.write_text(text)
    with pytest.raises(UsageError, match=problem):
        Turns(tmp_path, Settings(home=tmp_path / "home"), mapping=mapping)


def test_an_idle_turn_leaves_no_record_and_passes_over_hidden_files(tmp_path: Path) -> None:
    (tmp_path / "product" / "interactions").mkdir(parents=True)
    turns = Turns(tmp_path, Settings(home=tmp_path / "home"), say=lambda _line: None)
    turns.settings.home.mkdir()
    turns._note_built({})
    (tmp_path / "product" / "interactions" / ".hidden.csv").write_text("x")
    assert not turns.turn().had_work
    assert last_turn(turns.settings.home) is None


def test_the_newest_turn_is_read_back_and_told_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "product" / "interactions").mkdir(parents=True)
    turns = Turns(tmp_path, Settings(home=tmp_path / "home"), say=lambda _line: None)
    turns.settings.home.mkdir()
    at = datetime(2025, 8, 1, 10, tzinfo=timezone.utc)
    turns._record(Turn(started_at=at, error="no room"))
    loaded = Turn(
        started_at=at, files={"product.interactions": 2}, rows=3000, built=22,
        ingest_seconds=1.5, build_seconds=20.4, lag_seconds=61.7,
    )  # fmt: skip
    turns._record(loaded)
    assert last_turn(turns.settings.home) == loaded
    assert loaded.line() == (
        "2025-08-01 10:00:00 UTC  2 files, 3,000 rows (2,000 rows/s), 0 files rejected, "
        "22 nodes built in 20 s, lag 62 s"
    )


@only_thorough
@pytest.mark.timeout(1800)
def test_turns_take_files_of_another_shape_into_all_entities_that_the_mapping_names(
    tmp_path: Path,
) -> None:
    landing, home = tmp_path / "landing", tmp_path / "home"
    truth = generate_as("segment", landing, 2, 40, 5)
    mapped = ("--mapping", str(shipped_mapping("segment")))
    finished(footfall_run(home, landing / EVENTS_FOLDER, *mapped))
    [turn] = turns_of(home)
    entities = ("product.interactions", "app.interactions", "app.identify_calls")
    assert turn["files"] == dict.fromkeys(entities, 2)
    assert int(str(turn["rows"])) > truth["events"] / 2
    assert "Nothing new." in finished(footfall_run(home, landing / EVENTS_FOLDER, *mapped))


@only_thorough
@pytest.mark.timeout(1800)
def test_turns_build_what_arrived_skip_what_did_not_and_end_when_asked(tmp_path: Path) -> None:
    generated, landing, home = (tmp_path / name for name in ("generated", "landing", "home"))
    generate(generated, days=3, users=30, seed=5, start=date(2025, 8, 1))
    deliver(generated, landing, "2025-08-01")
    job = footfall_run(home, landing, "--every", "2s", FOOTFALL_LOG_FORMAT="json")
    try:
        wait_for_turns(home, 1, job)
        deliver(generated / "product", landing / "product", "2025-08-02")
        wait_for_turns(home, 2, job)
    finally:
        job.send_signal(signal.SIGTERM)
    output = finished(job)
    assert "Ending after the work in hand" in output
    first, second = turns_of(home)
    logged = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    committed, reconciled = (
        [line for line in logged if line["event"] == event]
        for event in ("load_committed", "load_reconciled")
    )
    assert {(line["source"], line["load_id"]): line["rows"] for line in committed} == {
        (line["source"], line["load_id"]): line["rows_in"] for line in reconciled
    }
    assert len(reconciled) > 10 and sum(line["duplicates"] for line in reconciled) > 0
    for line in reconciled:
        assert line["rows_in"] == line["accepted"] + line["duplicates"] + line["quarantined"]
    assert sum(line["event"] == "turn_ended" for line in logged) == 2
    assert set(second["files"]) == {"product.interactions"}  # type: ignore[call-overload]
    assert 0 < int(str(second["built"])) < int(str(first["built"]))
    assert float(str(second["lag_seconds"])) > 0
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert "Nothing new." in finished(footfall_run(home, landing))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert len(turns_of(home)) == 2
    print("an idle call:", after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, "s")

    alerts = tmp_path / "alerts.jsonl"
    deliver(generated / "product", landing / "product", "2025-08-03")
    always_fails = "select * from {{ ref('fct_sessions') }}"
    with project_with({"data_tests/singular/always_fails.sql": always_fails}):
        failed = footfall_run(home, landing, "--alert-file", str(alerts))
        output, _ = failed.communicate(timeout=600)
    assert failed.returncode == 1, output
    sent = [json.loads(line) for line in alerts.read_text().splitlines()]
    assert [alert["state"] for alert in sent if alert["node"] == "always_fails"] == ["fails"]
    assert turns_of(home)[-1]["alerts"] == len(sent)

    bad = landing / "product" / "interactions" / "bad.parquet"
    bad.write_text("no parquet")
    finished(footfall_run(home, landing))
    assert "bad.parquet" in str(turns_of(home)[-1]["rejected"])


def wait_for_turns(home: Path, number: int, job: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 600
    while len(turns_of(home)) < number:
        assert job.poll() is None, job.stdout and job.stdout.read()
        assert time.monotonic() < deadline
        time.sleep(0.5)
