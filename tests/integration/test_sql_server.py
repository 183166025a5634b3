"""`footfall serve`: real clients read the tables by SQL, and only read."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyspark
import pytest
import sqlalchemy

from footfall.errors import UsageError
from footfall.settings import PROJECT_DIR, Settings
from footfall.spark.sql_server import (
    SERVER_FILE,
    SqlServer,
    find_sql_server,
    server_conf,
    start_sql_server,
)
from support.delta_files import commits
from support.main_job import demo, environment, finished, rows_of_tables
from support.thorough import only_thorough

SESSIONS = "footfall_gold.fct_sessions"
READERS = 10
READING = [
    f"select count(*) from {SESSIONS}",
    f"select max(event_date), min(session_start) from {SESSIONS}",
    "select count(*) from footfall_gold.fct_customer_features",
    f"select * from {SESSIONS} version as of 0 limit 1",
    "use footfall_gold",
    "show tables in footfall_gold",
    f"describe history {SESSIONS}",
    f"describe detail {SESSIONS}",
    f"explain select * from {SESSIONS}",
    "with a as (select 1 as x) select * from a where x in (select x from a)",
]
WRITING = [
    "create table footfall_gold.x as select 1 as a",
    "create temp view v as select 1",
    "create or replace view footfall_gold.dim_dates as select 1",
    "create function f as 'x.Y'",
    f"drop table {SESSIONS}",
    "insert into footfall_gold.dim_users select * from footfall_gold.dim_users",
    "insert overwrite directory '/tmp/footfall-sql' using csv select 1",
    f"delete from {SESSIONS}",
    f"update {SESSIONS} set user_id = 'x'",
    f"merge into {SESSIONS} t using {SESSIONS} s on t.session_id = s.session_id "
    "when matched then delete",
    f"truncate table {SESSIONS}",
    f"optimize {SESSIONS}",
    f"vacuum {SESSIONS}",
    f"restore table {SESSIONS} to version as of 0",
    f"alter table {SESSIONS} set tblproperties ('a' = 'b')",
    f"analyze table {SESSIONS} compute statistics",
    f"execute immediate 'drop table {SESSIONS}'",
    f"begin drop table {SESSIONS}; end",
    "set spark.sql.ansi.enabled = true",
    "add jar '/tmp/x.jar'",
    f"cache table {SESSIONS}",
]
REACHING = [
    "select * from text.`/etc/passwd`",
    f"select * from {SESSIONS} where user_id in (select value from text.`/etc/passwd`)",
    "select * from delta.`{sessions}`",
    "select * from json.`{sessions}/_delta_log/00000000000000000000.json`",
    "select reflect('java.lang.System', 'getProperty', 'user.home')",
    "select try_reflect('java.lang.System', 'getProperty', 'user.home')",
    f"select transform(user_id) using 'cat' as (b) from {SESSIONS}",
]


def footfall(home: Path, *arguments: str) -> str:
    ended = subprocess.run(
        [sys.executable, "-m", "footfall", *arguments],
        env=environment(home, FOOTFALL_TINY_TABLES="true"),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def dbt(home: Path, *arguments: str, **more: str) -> None:
    ended = subprocess.run(
        [Path(sys.executable).with_name("dbt"), *arguments, "--target-path", str(home / "target")],
        env=environment(home, FOOTFALL_TINY_TABLES="true", **more),
        cwd=PROJECT_DIR,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout[-4000:]


def ask(port: int, sql: str) -> list[tuple[Any, ...]]:
    from pyhive import hive

    with hive.connect(host="127.0.0.1", port=port, username="reader") as connection:
        cursor = connection.cursor()
        cursor.execute(sql)
        return cursor.fetchall() if cursor.description else []


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with what the main job makes."""
    home = tmp_path_factory.mktemp("served") / "home"
    finished(demo(home))
    return home


@pytest.fixture
def server(home: Path, request: pytest.FixtureRequest) -> Iterator[SqlServer]:
    """A server on that home; its parameters are options."""
    options = getattr(request, "param", ())
    footfall(home, "serve", "start", "--port", "0", *options)
    running = find_sql_server(home)
    assert running
    yield running
    footfall(home, "serve", "stop")
    assert find_sql_server(home) is None


def test_a_record_of_a_server_that_was_killed_is_no_server(tmp_path: Path) -> None:
    record = SqlServer(os.getpid(), 1.0, 10000, False)
    (tmp_path / SERVER_FILE).write_text(json.dumps(record._asdict()))
    assert find_sql_server(tmp_path) is None
    (tmp_path / SERVER_FILE).write_text("half a rec")
    assert find_sql_server(tmp_path) is None


def test_a_port_that_is_taken_is_refused_before_java_starts(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(UsageError, match="is taken"):
            start_sql_server(Settings(home=tmp_path), other.getsockname()[1])


def test_the_server_listens_on_the_loopback_address() -> None:
    assert server_conf(10000)["spark.hadoop.hive.server2.thrift.bind.host"] == "127.0.0.1"


@only_thorough
@pytest.mark.timeout(1800)
def test_clients_read_and_what_else_they_try_is_refused(home: Path, server: SqlServer) -> None:
    before = commits(home / "warehouse")
    for sql in READING:
        ask(server.port, sql)
    [[sessions]] = ask(server.port, f"select count(*) from {SESSIONS}")
    assert sessions > 0
    folder = Settings(home=home).table_folder(SESSIONS)
    for sql in (*WRITING, *REACHING):
        with pytest.raises(Exception, match="footfall serve only reads tables"):
            ask(server.port, sql.format(sessions=folder))
    assert commits(home / "warehouse") == before
    assert not Path("/tmp/footfall-sql").exists()
    address = socket.gethostbyname(socket.gethostname())
    if not address.startswith("127."):
        with pytest.raises(OSError), socket.create_connection((address, server.port), timeout=5):
            pass


@only_thorough
@pytest.mark.timeout(1800)
def test_beeline_and_sqlalchemy_read_the_tables(home: Path, server: SqlServer) -> None:
    beeline = subprocess.run(
        [
            str(Path(pyspark.__file__).parent / "bin" / "beeline"), "-u",
            f"{server.url}footfall_gold", "--silent=true", "--outputformat=csv2", "-e",
            "select count(*) as n from fct_sessions",
        ],
        env=os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )  # fmt: skip
    assert beeline.returncode == 0, beeline.stderr
    [[sessions]] = ask(server.port, f"select count(*) from {SESSIONS}")
    # Its prompt comes first.
    assert beeline.stdout.split()[-2:] == ["n", str(sessions)]
    engine = sqlalchemy.create_engine(f"hive://reader@127.0.0.1:{server.port}/footfall_gold")
    table = sqlalchemy.Table("fct_sessions", sqlalchemy.MetaData(), autoload_with=engine)
    with engine.connect() as connection:
        counted = sqlalchemy.select(sqlalchemy.func.count()).select_from(table)
        assert connection.execute(counted).scalar() == sessions


@only_thorough
@pytest.mark.timeout(1800)
def test_ten_readers_beside_a_build_see_whole_tables(home: Path, server: SqlServer) -> None:
    question = (
        "select count(*), count(distinct user_id), sum(action_count), min(event_date), "
        "max(event_date) from footfall_gold.fct_user_activity_daily"
    )
    expected = ask(server.port, question)
    ended, reads, torn, errors = threading.Event(), [0] * READERS, [], []

    def read(number: int) -> None:
        while not ended.is_set():
            try:
                found = ask(server.port, question)
            except Exception as error:
                errors.append(error)
                return
            reads[number] += 1
            if found != expected:
                torn.append(found)

    readers = [
        threading.Thread(target=read, args=[number], daemon=True) for number in range(READERS)
    ]
    for reader in readers:
        reader.start()
    before = commits(home / "warehouse")
    try:
        # In the server's Spark, which holds the home. The table that the readers ask is replaced.
        dbt(home, "run", "--full-refresh", "--select", "fct_user_activity_daily")
    finally:
        ended.set()
        for reader in readers:
            reader.join(timeout=300)
    assert not any(reader.is_alive() for reader in readers), "a client waits forever"
    replaced = {commit.partition("/")[0] for commit in commits(home / "warehouse") - before}
    assert "footfall_gold.fct_user_activity_daily" in replaced
    assert (errors, torn) == ([], [])
    assert min(reads) > 1, reads


@only_thorough
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("server", [("--writable",)], indirect=True)
def test_dbt_builds_through_a_writable_server(home: Path, server: SqlServer) -> None:
    before = rows_of_tables(home / "warehouse")
    old = commits(home / "warehouse")
    dbt(
        home, "run", "--target", "thrift", "--full-refresh",
        "--select", "fct_transactions", "dim_customers", "fct_user_product_daily",
        FOOTFALL_THRIFT_PORT=str(server.port), FOOTFALL_THRIFT_USER="dbt",
    )  # fmt: skip
    replaced = {commit.partition("/")[0] for commit in commits(home / "warehouse") - old}
    assert "footfall_gold.fct_transactions" in replaced
    assert rows_of_tables(home / "warehouse") == before


@only_thorough
@pytest.mark.timeout(1800)
def test_the_server_works_beside_others_on_a_shared_metastore(home: Path) -> None:
    footfall(home, "metastore", "start")
    try:
        footfall(home, "serve", "start", "--port", "0")
        server = find_sql_server(home)
        assert server
        by_spark = footfall(
            home, "query", f"select count(*) as n from {SESSIONS}",
            "--engine", "spark", "--format", "json",
        )  # fmt: skip
        counted = ask(server.port, f"select count(*) from {SESSIONS}")
        assert [(row["n"],) for row in json.loads(by_spark)] == counted
    finally:
        footfall(home, "serve", "stop")
        footfall(home, "metastore", "stop")
