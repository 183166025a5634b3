"""What needs no Spark is said, or done, without it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from footfall.cli import app
from footfall.doctor import check_metastore
from footfall.errors import UsageError
from footfall.ingest import RejectedFile, ingest, job
from footfall.maintain import require_retention
from footfall.settings import Settings
from footfall.spark import session as spark


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("maintain", "--retain-hours", "-5"), "--retain-hours -5 is negative"),
        (("maintain", "--retain-hours", "-5", "--force"), "--retain-hours -5 is negative"),
        (("maintain", "--retain-hours", "167"), "below 168"),
        (("erase",), "No person is given"),
        (("erase", "--check"), "No person is given"),
        (("erase", "--user", " ", "--dry-run"), "--user is empty"),
        (("erase", "--user", "U1"), "No reason is given"),
        (("erase", "--user", "U1", "--reason", "asked by U1"), "names the id"),
        (("metric",), "No metric is named"),
        (("metric", "dau", "--json", "--csv"), "exclude each other"),
        (("metric", "--list", "--by", "country"), "--list takes names"),
        (("metric", "dau", "--from", "2025-08-02", "--to", "2025-08-01"), "is after --to"),
        (("backfill", "--days", "2025-08-01", "--select", "nonsense"), "no model 'nonsense'"),
        (("backfill", "--gaps", "--select", "marts,fct_session+"), "Did you mean fct_sessions"),
    ],
)
def test_a_wrong_call_is_refused_before_spark_starts(
    monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], message: str
) -> None:
    def prepare(_settings: Settings | None = None) -> Settings:
        raise AssertionError("Spark was asked for.")

    monkeypatch.setattr(spark, "prepare", prepare)
    refused = CliRunner().invoke(app, arguments).exception
    assert isinstance(refused, UsageError)
    assert message in str(refused) and refused.fix


def test_a_file_that_does_not_fit_is_told_of_before_spark_starts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def get_session(_settings: Settings) -> None:
        raise AssertionError(f"told of {len(told)}")

    told: list[RejectedFile] = []
    monkeypatch.setattr(job, "get_session", get_session)
    (tmp_path / "bad.csv").write_text("colour,size\nred,1\n")
    (tmp_path / "good.csv").write_text("event_time,user_id,product_id,interaction_type\n")
    files = [str(tmp_path / name) for name in ("bad.csv", "good.csv")]
    with pytest.raises(AssertionError, match="told of 1"):
        ingest(
            "product.interactions", files, tell=told.append, settings=Settings(home=tmp_path / "h")
        )
    assert [rejected.source_file for rejected in told] == files[:1]
    assert "event_time" in told[0].reason


def test_less_than_a_week_is_allowed_where_forced() -> None:
    require_retention(0, force=True)
    require_retention(168, force=False)


def test_doctor_waits_for_the_java_of_a_process_that_ended(tmp_path: Path) -> None:
    lock_file = tmp_path / "metastore" / "dbex.lck"
    lock_file.parent.mkdir()
    lock_file.touch()
    java = (
        "import fcntl, sys, time\n"
        "file = open(sys.argv[1], 'r+b')\n"
        "fcntl.lockf(file, fcntl.LOCK_EX)\n"
        "print('locked', flush=True)\n"
        "time.sleep(2)\n"
    )
    command = [sys.executable, "-c", java, str(lock_file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stdout.readline() == "locked\n"
        check = check_metastore(Settings(home=tmp_path))
    assert (check.ok, check.found) == (True, "free")
