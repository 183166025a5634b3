"""What profiles need before Spark starts, and which columns are personal."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from typer.testing import CliRunner

from footfall.cli import app
from footfall.errors import FootfallError, UsageError
from footfall.project.described import personal_columns
from footfall.settings import Settings
from footfall.spark import session as spark

PERSONAL = {"name", "email", "phone"}


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("bronze.crm__customers", PERSONAL | {"_ingest_errors"}),
        ("silver.stg_crm__customers", PERSONAL),
        ("quality.dq_quarantine", {"payload", "reject_reasons"}),
        ("bronze.crm__events", set()),
        ("gold.fct_sessions", set()),
        ("gold.table_of_somebody_else", set()),
    ],
)
def test_the_columns_that_are_tagged_are_personal(table: str, expected: set[str]) -> None:
    settings = Settings(db_schema="mine")
    assert personal_columns(f"mine_{table}", settings) == expected


def refused(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> BaseException | None:
    """Return the error of a command that must not start Spark."""

    def prepare(_settings: Settings | None = None) -> Settings:
        raise AssertionError("Spark was asked for.")

    monkeypatch.setattr(spark, "prepare", prepare)
    return CliRunner().invoke(app, ["profile", *arguments]).exception


def test_a_file_in_the_folder_s_place_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "page.html"
    file.touch()
    error = refused(monkeypatch, "footfall_gold.fct_sessions", "--out", str(file))
    assert isinstance(error, UsageError)
    assert f"{file} is a file" in error.message and error.fix


def test_without_the_library_the_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    error = refused(monkeypatch, "footfall_gold.fct_sessions", "--out", str(tmp_path))
    assert isinstance(error, FootfallError)
    assert error.exit_code == 1
    assert "footfall[profile]" in error.fix
    assert list(tmp_path.iterdir()) == []
