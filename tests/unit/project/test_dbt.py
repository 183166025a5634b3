"""dbt from Python."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from footfall.project.dbt import run_dbt


def test_dbt_logs_its_own_command_line_and_not_the_process_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["footfall", "erase", "--user", "needle-7f3a"])
    monkeypatch.setenv("DBT_LOG_PATH", str(tmp_path))
    run_dbt("parse", "--target-path", str(tmp_path / "target"), quiet=True)
    log = (tmp_path / "dbt.log").read_text()
    assert "invocation_command': 'dbt parse" in log
    assert "needle-7f3a" not in log
    assert sys.argv[1] == "erase"
