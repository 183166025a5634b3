"""`footfall erase` on the command line: wrong calls, nothing to erase, and what is printed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner, Result

from footfall.cli import app
from footfall.errors import FootfallError, UsageError
from footfall.ingest import ingest
from footfall.settings import get_settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SCHEMA = "erase_cli"
HOSTILE = "x' or '1'='1"
Erase = Callable[..., Result]


@pytest.fixture(scope="module")
def landing_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Interactions of three users."""
    file = tmp_path_factory.mktemp("landing") / "interactions.csv"
    row = "2025-08-20 10:00:00,{},p1,view\n"
    users = ("u1", "u1", "u10", f'"{HOSTILE}"')
    header = "event_time,user_id,product_id,interaction_type\n"
    file.write_text(header + "".join(map(row.format, users)))
    return file


@pytest.fixture(scope="module")
def erase(spark: SparkSession, landing_file: Path) -> Iterator[Erase]:
    """Return the command, on bronze rows of which dbt has built nothing yet."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FOOTFALL_DB_SCHEMA", SCHEMA)
        get_settings.cache_clear()
        ingest("product.interactions", [str(landing_file)])
        yield lambda *arguments: CliRunner().invoke(app, ["erase", *arguments])
    get_settings.cache_clear()


def users(spark: SparkSession) -> list[str]:
    rows = spark.table(f"{SCHEMA}_bronze.product__interactions").orderBy("user_id").collect()
    return [row["user_id"] for row in rows]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--reason", "ticket 1"), "--user"),
        (("--user", "", "--reason", "ticket 1"), "--user"),
        (("--user", "u1"), "--reason"),
        (("--user", "u1", "--reason", "asked by u1"), "reason names the id"),
        (("--check",), "--user"),
    ],
)
def test_a_wrong_call_ends_with_exit_code_2(
    erase: Erase, arguments: tuple[str, ...], named: str
) -> None:
    error = erase(*arguments).exception
    assert isinstance(error, UsageError)
    assert error.exit_code == 2
    assert named in str(error)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--user", "u2"),
        ("--user", "U1"),
        ("--user", "' or '1'='1"),
        ("--customer", "9"),
        ("--customer", "u1"),
        ("--user", "u2", "--dry-run"),
    ],
)
def test_an_unknown_id_ends_with_exit_code_1_and_nothing_is_written(
    erase: Erase, spark: SparkSession, arguments: tuple[str, ...]
) -> None:
    error = erase(*arguments, "--reason", "ticket 1").exception
    assert isinstance(error, FootfallError)
    assert error.exit_code == 1
    assert "Nothing was found" in str(error)
    assert not spark.catalog.tableExists(f"{SCHEMA}_quality.dq_erasures")


def test_rows_are_erased_before_anything_was_built(erase: Erase, spark: SparkSession) -> None:
    table = f"{SCHEMA}_bronze.product__interactions"
    dry = json.loads(erase("--user", HOSTILE, "--dry-run", "--json").stdout)
    assert dry["rows"] == {table: 1}
    assert users(spark) == ["u1", "u1", "u10", HOSTILE]
    done = erase("--user", HOSTILE, "--reason", "ticket 1")
    assert done.exit_code == 0, done.exception
    assert table in done.stdout.replace("\n", "")
    assert "footfall maintain" in done.stdout
    assert users(spark) == ["u1", "u1", "u10"]
    assert not spark.catalog.tableExists(f"{SCHEMA}_silver.stg_product__interactions")


def test_check_tells_whether_and_why(erase: Erase) -> None:
    assert erase("--user", "u1", "--reason", "ticket 2", "--json").exit_code == 0
    [entry] = json.loads(erase("--user", "u1", "--check", "--json").stdout)
    assert (entry["state"], entry["reason"], entry["rows"]) == ("done", "ticket 2", 2)
    shown = erase("--user", "u1", "--check")
    assert (shown.exit_code, "ticket 2" in shown.stdout) == (0, True)
    error = erase("--user", "u10", "--check").exception
    assert isinstance(error, FootfallError)
    assert error.exit_code == 1


def test_files_come_back_after_a_table_was_dropped_and_not_after_an_erasure(
    erase: Erase, spark: SparkSession, landing_file: Path
) -> None:
    assert erase("--user", "u10", "--reason", "ticket 3").exit_code == 0
    assert users(spark) == []
    again = ingest("product.interactions", [str(landing_file)])
    assert (len(again.skipped), again.rows) == (1, 0)
    spark.sql(f"drop table {SCHEMA}_bronze.product__interactions")
    assert ingest("product.interactions", [str(landing_file)]).rows == 4
