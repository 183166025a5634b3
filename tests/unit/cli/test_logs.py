"""What is said beside a result, as lines of JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import datetime, timezone
from typing import Any

import pytest
import structlog

from footfall.cli.arguments import LogFormat
from footfall.cli.logs import configure_logs
from footfall.cli.output import progress_bar, say


@pytest.fixture(autouse=True)
def text_afterwards() -> object:
    yield
    configure_logs()


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def run(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "footfall", *arguments],
        env=os.environ | env, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


def test_what_is_said_is_a_line_of_json_with_its_level_and_time_in_utc(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logs(LogFormat.json)
    say("two\nlines of [bold]ümlauts[/bold]")
    say("a.csv", "rejected", "red")
    structlog.get_logger().info("load_committed", source="app.users", rows=3)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "ümlauts" in printed.err
    first, second, third = lines(printed.err)
    time = datetime.fromisoformat(first.pop("timestamp").replace("Z", "+00:00"))
    assert abs((datetime.now(timezone.utc) - time).total_seconds()) < 60
    assert first == {
        "event": "remark", "level": "info", "text": "two\nlines of [bold]ümlauts[/bold]",
    }  # fmt: skip
    assert second["text"] == "rejected a.csv"
    assert third["event"] == "load_committed"
    assert (third["source"], third["rows"]) == ("app.users", 3)


def test_text_is_the_default_and_logs_warnings_only(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(LogFormat.json)
    configure_logs()
    say("a line")
    structlog.get_logger().info("load_committed")
    structlog.get_logger().warning("batch_retried")
    printed = capsys.readouterr().err.splitlines()
    assert printed[0] == "a line"
    assert "batch_retried" in printed[1] and not printed[1].startswith("{")
    assert len(printed) == 2


def test_the_level_holds_for_json_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOOTFALL_LOG_LEVEL", "warning")
    configure_logs(LogFormat.json)
    structlog.get_logger().info("load_committed")
    structlog.get_logger().warning("batch_retried")
    assert [line["event"] for line in lines(capsys.readouterr().err)] == ["batch_retried"]


def test_no_bar_is_drawn_between_lines_of_json(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("footfall.cli.output.log._force_terminal", True)
    configure_logs(LogFormat.json)
    with progress_bar("vacuum") as progress:
        progress(1, 2, "a table")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("by", ["option", "setting"])
def test_an_error_is_one_line_of_json_with_the_next_step(by: str) -> None:
    if by == "option":
        ended = run("--log-format", "json", "maintain", "--retain-hours", "1")
    else:
        ended = run("maintain", "--retain-hours", "1", FOOTFALL_LOG_FORMAT="json")
    assert (ended.returncode, ended.stdout) == (2, "")
    [line] = lines(ended.stderr)
    assert (line["event"], line["level"]) == ("command_failed", "critical")
    assert (line["command"], line["exit_code"]) == ("footfall maintain", 2)
    assert "168" in line["message"] and "--force" in line["fix"]


def test_an_unknown_level_is_told_in_the_form_that_is_asked_for() -> None:
    ended = run("doctor", FOOTFALL_LOG_FORMAT="json", FOOTFALL_LOG_LEVEL="loud")
    [line] = lines(ended.stderr)
    assert "FOOTFALL_LOG_LEVEL=loud" in line["message"]


def test_a_form_that_does_not_exist_is_refused_with_those_that_do() -> None:
    ended = run("doctor", FOOTFALL_LOG_FORMAT="xml")
    assert ended.returncode == 2
    for told in ("FOOTFALL_LOG_FORMAT", "xml", "text", "json"):
        assert told in ended.stderr
