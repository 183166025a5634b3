"""`footfall databricks`: the command lines, and the calls, beside a program that records them."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from footfall.cli import app
from footfall.errors import FootfallError, UsageError

RECORDS = f"""#!{sys.executable}
import json, os, pathlib, sys
calls = pathlib.Path(os.environ["CALLS"])
calls.write_text(calls.read_text() + json.dumps([os.getcwd(), *sys.argv[1:]]) + "\\n")
if "summary" in sys.argv:
    print(json.dumps({{"resources": {{"jobs": {{"build": {{"id": "7"}}, "maintain": {{}}}}}}}}))
sys.exit("destroy" in sys.argv)
"""


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    program = tmp_path / "bin" / "databricks"
    program.parent.mkdir()
    program.write_text(RECORDS)
    program.chmod(0o755)
    file = tmp_path / "calls"
    file.touch()
    monkeypatch.setenv("PATH", str(program.parent))
    monkeypatch.setenv("CALLS", str(file))
    return file


def called(file: Path) -> list[str]:
    return [shlex.join(json.loads(line)[1:]) for line in file.read_text().splitlines()]


def run(*arguments: str) -> str:
    answer = CliRunner().invoke(app, ["databricks", *arguments], catch_exceptions=False)
    assert answer.exit_code == 0
    return answer.stdout


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        (("deploy",), ["bundle validate --target dev", "bundle deploy --target dev"]),
        (
            ("run", "backfill", "--param", "start=2025-08-01", "-t", "prod"),
            ["bundle run --target prod backfill --params=start=2025-08-01"],
        ),
        (("cleanup", "--yes", "-t", "dev"), ["bundle destroy --target dev --auto-approve"]),
        (
            ("monitor", "-t", "staging"),
            [
                "bundle summary --target staging --output json",
                "jobs list-runs --job-id JOB_ID --limit 5",
            ],
        ),
    ],
)
def test_a_dry_run_prints_the_command_lines_and_runs_none(
    arguments: tuple[str, ...], lines: list[str], calls: Path
) -> None:
    printed = run(*arguments, "--dry-run")
    assert printed.splitlines() == [f"databricks {line}" for line in lines]
    assert called(calls) == []


def test_commands_run_in_the_project_s_folder(calls: Path) -> None:
    from footfall.settings import PROJECT_DIR

    run("deploy")
    assert called(calls) == ["bundle validate --target dev", "bundle deploy --target dev"]
    assert json.loads(calls.read_text().splitlines()[0])[0] == str(PROJECT_DIR)


def test_the_runs_of_each_deployed_job_are_shown(calls: Path) -> None:
    run("monitor")
    assert called(calls)[1:] == ["jobs list-runs --job-id 7 --limit 5"]


def test_a_failed_call_is_named(calls: Path) -> None:
    with pytest.raises(FootfallError, match="destroy --target dev` ended with exit code 1"):
        run("cleanup")


def test_a_missing_program_is_named_with_the_next_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FootfallError, match="not installed") as caught:
        run("deploy")
    assert "databricks auth login" in caught.value.fix


@pytest.mark.parametrize(
    ("arguments", "choice"),
    [
        (("deploy", "-t", "live"), "dev, staging, prod"),
        (("run", "everything"), "daily"),
        (("run", "backfill", "--param", "start"), "NAME=VALUE"),
    ],
)
def test_what_there_is_not_is_named_with_what_there_is(
    arguments: tuple[str, ...], choice: str
) -> None:
    with pytest.raises(UsageError) as caught:
        run(*arguments, "--dry-run")
    assert choice in caught.value.fix
