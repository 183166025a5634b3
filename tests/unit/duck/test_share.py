"""`footfall share`: the tables for readers without Spark. Their tables are written by delta-rs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from footfall.cli import app
from footfall.duck import share
from footfall.duck.views import connect
from footfall.errors import FootfallError, UsageError
from footfall.settings import PROJECT_DIR, Settings, get_settings
from support.homes import make_home, write_table

SESSIONS = "footfall_gold.fct_sessions"
SEEN = datetime(2025, 8, 14, 23, 30, tzinfo=timezone.utc)
SNIPPET = re.compile(r"<!-- tested: (\w+) -->\n```python\n(.*?)```", re.DOTALL)


def write(home: Path, table: str, *ids: int, mode: Any = "append") -> None:
    """Write a version of a table into a home."""
    rows = pa.table({
        "id": pa.array(ids, pa.int64()),
        "seen_at": pa.array([SEEN] * len(ids), pa.timestamp("us", "UTC")),
        "event_date": pa.array([SEEN.date()] * len(ids)),
    })  # fmt: skip
    write_table(home, table, rows, mode)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A home of an unusual name with tables of two layers, and bronze."""
    home = make_home(tmp_path / "a b#[ü]'")
    write(home, SESSIONS, 1, 2)
    write(home, "footfall_quality.dq_quarantine", 3)
    write(home, "footfall_bronze.product__interactions", 4)
    return Settings(home=home)


def ids(connection: duckdb.DuckDBPyConnection, table: str) -> list[int]:
    return [row[0] for row in connection.sql(f"select id from {table} order by id").fetchall()]


def test_a_duckdb_file_shows_each_table_as_it_is_when_it_is_read(settings: Settings) -> None:
    report = share(settings, "duckdb")
    assert [(table.table, table.version) for table in report.tables] == [
        (SESSIONS, 0),
        ("footfall_quality.dq_quarantine", 0),
    ]
    write(settings.home, SESSIONS, 5)
    with connect(str(report.out)) as connection:
        assert ids(connection, SESSIONS) == [1, 2, 5]
        with pytest.raises(duckdb.CatalogException):
            ids(connection, "footfall_bronze.product__interactions")
        listed = connection.sql("select table_name, folder from footfall_shared").fetchall()
        assert (SESSIONS, str(settings.table_folder(SESSIONS))) in listed
        connection.execute("set TimeZone = 'Asia/Tokyo'")
        [[seen]] = connection.sql(f"select max(seen_at) from {SESSIONS}").fetchall()
    assert seen == SEEN.replace(tzinfo=None)


def test_a_file_is_replaced_as_a_whole_beside_a_reader(settings: Settings) -> None:
    out = share(settings, "duckdb").out
    with duckdb.connect(str(out), read_only=True) as reader:
        write(settings.home, "footfall_gold.fct_more", 1)
        share(settings, "duckdb")
        shared = reader.sql("select count(*) from footfall_shared").fetchall()
    assert shared == [(2,)]
    with duckdb.connect(str(out), read_only=True) as reader:
        assert reader.sql("select count(*) from footfall_shared").fetchall() == [(3,)]
    assert [file.name for file in out.parent.iterdir()] == [out.name]


def test_parquet_files_are_copies_and_what_is_gone_goes(settings: Settings) -> None:
    write(settings.home, "footfall_gold.fct_gone", 1)
    out = share(settings, "parquet").out
    (out / "footfall_gold" / "mine.txt").write_text("kept")
    assert (out / "footfall_gold" / "fct_gone" / "fct_gone.parquet").is_file()
    for file in settings.table_folder("footfall_gold.fct_gone").glob("_delta_log/*"):
        file.unlink()
    write(settings.home, SESSIONS, 9, mode="overwrite")
    report = share(settings, "parquet", layers=["gold", "quality"])
    sessions = pq.read_table(out / "footfall_gold" / "fct_sessions" / "fct_sessions.parquet")
    assert sessions["id"].to_pylist() == [9]
    assert sessions["seen_at"].to_pylist() == [SEEN.replace(tzinfo=None)]
    files = json.loads((out / "footfall-shared.json").read_text())["files"]
    assert files == {str(table.path.relative_to(out)): table.version for table in report.tables}
    assert not (out / "footfall_gold" / "fct_gone").exists()
    assert (out / "footfall_gold" / "mine.txt").is_file()
    assert not list(out.rglob(".*"))


def test_what_another_wrote_is_not_replaced(settings: Settings, tmp_path: Path) -> None:
    text, database, folder = tmp_path / "a.txt", tmp_path / "own.duckdb", tmp_path / "full"
    text.write_text("mine")
    duckdb.connect(str(database)).execute("create table mine (n int)").close()
    folder.mkdir()
    (folder / "mine.parquet").touch()
    for kind, out in (("duckdb", text), ("duckdb", database), ("parquet", folder)):
        with pytest.raises(UsageError, match="did not write it"):
            share(settings, kind, out)  # type: ignore[arg-type]
    assert text.read_text() == "mine"
    assert list(folder.iterdir()) == [folder / "mine.parquet"]


def test_views_of_spark_are_named_as_left_out(settings: Settings) -> None:
    left_out = share(settings, "duckdb", layers=["gold"]).left_out
    assert {"fct_customer_features", "dim_dates"} <= set(left_out)
    assert not {"fct_sessions", "dq_quarantine", "stg_app__users"} & set(left_out)


def test_a_table_that_cannot_be_read_is_named_and_stops_no_other(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    log = settings.table_folder("footfall_quality.dq_quarantine") / "_delta_log"
    (log / f"{0:020}.json").write_text('{"add": ')
    monkeypatch.setenv("FOOTFALL_HOME", str(settings.home))
    get_settings.cache_clear()
    out = tmp_path / "marts.duckdb"
    result = CliRunner().invoke(app, ["share", "--out", str(out)])
    get_settings.cache_clear()
    assert isinstance(result.exception, FootfallError)
    assert "footfall_quality.dq_quarantine" in str(result.exception)
    with connect(str(out)) as connection:
        assert ids(connection, SESSIONS) == [1, 2]


def test_a_layer_that_is_not_there_and_an_empty_home_are_said(tmp_path: Path) -> None:
    settings = Settings(home=make_home(tmp_path / "home"))
    with pytest.raises(UsageError, match="no schema golden"):
        share(settings, "duckdb", layers=["golden"])
    with pytest.raises(FootfallError, match=r"no tables.*(?s:.)*footfall demo"):
        share(settings, "duckdb")


def test_a_path_that_duckdb_cannot_read_is_told(tmp_path: Path) -> None:
    settings = Settings(home=make_home(tmp_path / "a%20b"))
    write(settings.home, SESSIONS, 1)
    out = tmp_path / "marts.duckdb"
    with pytest.raises(FootfallError, match=r"(?s)read none of 1 table.*percent sign"):
        share(settings, "duckdb", out)
    assert not out.exists()


def test_the_snippets_of_the_docs_run_without_a_home_folder_of_the_user(tmp_path: Path) -> None:
    home = make_home(tmp_path / ".footfall")
    for table in (SESSIONS, "footfall_gold.fct_active_users_daily"):
        write(home, table, 1, 2)
    settings = Settings(home=home)
    share(settings, "duckdb", tmp_path / "marts.duckdb")
    share(settings, "parquet", tmp_path / "marts")
    snippets = dict(SNIPPET.findall((PROJECT_DIR / "docs" / "bi.md").read_text()))
    assert set(snippets) == {"duckdb", "polars", "deltalake", "parquet"}
    code = "\n".join(snippets.values()).replace("/mnt/marts", str(tmp_path / "marts"))
    ended = subprocess.run(
        [sys.executable, "-c", code.replace("metric_date, definition, dau", "event_date, id")],
        cwd=tmp_path,
        env=os.environ | {"HOME": "/nonexistent"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("2025-08-14") >= 3 and "\n0 2\n" in ended.stdout
