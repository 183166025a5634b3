"""dbt on a Spark Connect server: the tables are those of an embedded Spark."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyspark
import pytest

from footfall.demo import SEED, START
from footfall.generate import generate
from footfall.settings import PROJECT_DIR
from footfall.spark.background import free_port
from footfall.spark.java import find_java_home
from support.main_job import DAYS, USERS, Home, environment, finished, rows_of_tables, start
from support.thorough import only_thorough

pytestmark = [only_thorough, pytest.mark.timeout(3600)]

INGEST_ALL = """
import sys
from footfall.generate.entities import GENERATED
from footfall.ingest import ingest

for name in GENERATED:
    ingest(name, [f"{sys.argv[1]}/{name.replace('.', '/')}"])
"""
SERVER = "org.apache.spark.sql.connect.service.SparkConnectServer"
START_SECONDS = 120


def answers(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def connect_server(home: Path, folder: Path) -> Iterator[str]:
    """Start a server on a home's catalog and tables, as its own Spark would be configured."""
    port = free_port()
    spark = Path(pyspark.__file__).parent
    own = os.environ | {"SPARK_CONF_DIR": str(home / "conf"), "JAVA_HOME": str(find_java_home())}
    binding = "spark.connect.grpc.binding"
    address = ("--conf", f"{binding}.address=127.0.0.1", "--conf", f"{binding}.port={port}")
    with (folder / "connect.log").open("wb") as log:
        server = subprocess.Popen(
            [spark / "bin" / "spark-submit", "--class", SERVER, *address, "spark-internal"],
            env=own,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not answers(port):
            assert server.poll() is None, (folder / "connect.log").read_text()[-3000:]
            assert time.monotonic() < deadline
            time.sleep(0.5)
        yield f"sc://127.0.0.1:{port}"
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(60)


def test_dbt_on_a_connect_server_builds_the_tables_of_an_embedded_spark(
    expected: Home, tmp_path: Path
) -> None:
    home, landing = tmp_path / "home", tmp_path / "landing"
    generate(landing, DAYS, USERS, SEED, START)
    own = environment(home)
    subprocess.run(
        [sys.executable, "-c", INGEST_ALL, str(landing)], env=own, cwd=PROJECT_DIR, check=True
    )
    with connect_server(home, tmp_path) as url:
        client = environment(tmp_path / "client", SPARK_REMOTE=url, FOOTFALL_TARGET="connect")

        def dbt(*arguments: str) -> None:
            done = subprocess.run(
                [str(Path(sys.executable).with_name("dbt")), *arguments],
                env=client, cwd=PROJECT_DIR, capture_output=True, text=True, check=False,
            )  # fmt: skip
            assert done.returncode == 0, done.stdout[-4000:]

        for _ in range(2):
            dbt("build", "--exclude-resource-type", "unit_test")
        count = "select count(*) > 0 as any from footfall_gold.fct_sessions"
        assert "true" in finished(start(["query", count], client)).lower()
        refused = start(["ingest", "app.interactions", str(landing)], client)
        assert "FOOTFALL_SPARK_MASTER" in refused.communicate(timeout=300)[0]
        assert refused.returncode
    found, (tables, _) = rows_of_tables(home / "warehouse"), expected
    assert [name for name, rows in tables.items() if rows != found.get(name)] == []
    assert not (tmp_path / "client" / "warehouse").exists()
