"""A home's metastore behind a server: several Spark processes on the same tables at once."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from footfall.errors import UsageError
from footfall.settings import Settings
from footfall.spark.metastore_server import start_server
from footfall.spark.shared import SERVER_FILE, find_server
from support.main_job import environment
from support.thorough import only_thorough

ROUNDS = 5
WRITER = """
import sys
from footfall.spark.conflicts import run_statement
from footfall.spark.session import get_session

spark = get_session()
for statement in (
    "create schema if not exists served",
    "create table if not exists served.counts (writer string, n int) using delta",
    *(f"insert into served.counts values ('{sys.argv[1]}', {n})" for n in range(int(sys.argv[2]))),
):
    run_statement(spark, statement)
"""


def footfall(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "footfall", *arguments],
        env=environment(home, FOOTFALL_TINY_TABLES="true"),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def counts(home: Path) -> dict[str, int]:
    answer = footfall(
        home, "query", "--format", "json",
        "select writer, count(distinct n) as commits from served.counts group by writer",
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    return {row["writer"]: row["commits"] for row in json.loads(answer.stdout)}


def write_at_once(home: Path, *writers: str) -> None:
    jobs = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, writer, str(ROUNDS)],
            env=environment(home, FOOTFALL_TINY_TABLES="true"),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for writer in writers
    ]
    for job in jobs:
        output, _ = job.communicate(timeout=300)
        assert job.returncode == 0, output[-3000:]


def test_a_record_of_a_server_that_was_killed_is_no_server(tmp_path: Path) -> None:
    (tmp_path / SERVER_FILE).write_text('{"pid": 1, "uri": "thrift://127.0.0.1:9083"}')
    assert find_server(tmp_path) is None
    (tmp_path / SERVER_FILE).write_text("half a rec")
    assert find_server(tmp_path) is None


def test_a_port_that_is_taken_is_refused_before_java_starts(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(UsageError, match="is taken"):
            start_server(Settings(home=tmp_path), other.getsockname()[1])


@only_thorough
@pytest.mark.timeout(1800)
def test_processes_write_side_by_side_and_the_home_is_embedded_again_behind(
    tmp_path: Path,
) -> None:
    home = tmp_path / "home"
    write_at_once(home, "embedded")
    started = footfall(home, "metastore", "start", "--json")
    assert started.returncode == 0, started.stderr
    server = json.loads(started.stdout)
    try:
        again = footfall(home, "metastore", "start", "--json")
        assert json.loads(again.stdout) == server
        assert footfall(home, "metastore", "status").returncode == 0
        refused = footfall(home, "repair")
        assert refused.returncode == 1 and "footfall metastore stop" in refused.stderr
        write_at_once(home, "one", "other")
        expected = {"embedded": ROUNDS, "one": ROUNDS, "other": ROUNDS}
        assert counts(home) == expected
    finally:
        stopped = footfall(home, "metastore", "stop")
    assert stopped.returncode == 0, stopped.stderr
    assert footfall(home, "metastore", "status").returncode == 1
    assert counts(home) == expected


@only_thorough
@pytest.mark.timeout(1800)
def test_two_processes_that_create_the_first_schema_and_table_at_once_both_succeed(
    tmp_path: Path,
) -> None:
    home = tmp_path / "home"
    server = json.loads(footfall(home, "metastore", "start", "--json").stdout)
    try:
        write_at_once(home, "one", "other", "third")
        assert counts(home) == {"one": ROUNDS, "other": ROUNDS, "third": ROUNDS}
    finally:
        # A server that is killed leaves a home that opens as before.
        os.kill(server["pid"], signal.SIGKILL)
    assert counts(home) == {"one": ROUNDS, "other": ROUNDS, "third": ROUNDS}
