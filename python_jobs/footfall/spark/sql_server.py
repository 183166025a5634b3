"""Spark's Thrift server on a home's tables, for BI tools; out of the jars that Spark ships.

Its process holds the home and lets other commands work in its Spark, or uses the metastore server
that runs. It listens on 127.0.0.1 only: without Kerberos, LDAP or a class of one's own, Hive's
protocol takes every name and password.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from footfall.atomic import write_atomically
from footfall.home.checks import check_folders
from footfall.home.metastore import in_use
from footfall.settings import LOOPBACK, Settings, get_settings
from footfall.spark.background import (
    await_end,
    free_port,
    require_free,
    start_in_background,
    stop_in_background,
)
from footfall.spark.conf import DELTA_EXTENSION
from footfall.spark.jars import ensure_read_only_jar
from footfall.spark.java import find_java_home
from footfall.spark.session import get_session
from footfall.spark.shared import await_guests, describe, find_holder, find_server

SERVER_FILE = "sql_server.json"
NAME = "SQL"


class SqlServer(NamedTuple):
    """A Thrift server that runs on a home.

    Attributes:
        pid: its process.
        started: when the process began, in seconds since 1970: another of its number began later.
        port: on 127.0.0.1.
        writable: whether clients may write.
    """

    pid: int
    started: float
    port: int
    writable: bool

    @property
    def url(self) -> str:
        """As JDBC's drivers and beeline take it."""
        return f"jdbc:hive2://{LOOPBACK}:{self.port}/"


def start_sql_server(settings: Settings, port: int = 0, *, writable: bool = False) -> SqlServer:
    """Start a server on the home in a process of its own; one that runs already is returned.

    Args:
        settings: the home and how to run Spark.
        port: to listen on; 0 takes a free one.
        writable: let clients write.

    Raises:
        UsageError: the port is taken.
        FootfallError: another process has the home, or the server did not start.
    """
    home = settings.home
    if running := find_sql_server(home):
        return running
    check_folders(home)
    if not find_server(home) and (holder := find_holder(home)):
        raise in_use(home, describe(holder))
    if port:
        require_free(port)
    return start_in_background(home, NAME, find_sql_server, __name__, str(port), str(int(writable)))


def stop_sql_server(home: Path) -> SqlServer | None:
    """End the server of a home; None where none ran.

    Raises:
        FootfallError: it does not end.
    """
    return stop_in_background(home, NAME, find_sql_server)


def find_sql_server(home: Path) -> SqlServer | None:
    """Return the server that runs on a home, None where there is none."""
    with suppress(OSError, ValueError, TypeError, psutil.Error):
        server = SqlServer(**json.loads((home / SERVER_FILE).read_text()))
        if psutil.Process(server.pid).create_time() == server.started:
            return server
    return None


def server_conf(port: int) -> dict[str, str]:
    """Return what has to stand in the first configuration of the server's session.

    Args:
        port: to listen on.
    """
    hive = "spark.hadoop.hive.server2"
    return {
        f"{hive}.thrift.bind.host": LOOPBACK,
        f"{hive}.thrift.port": str(port),
        f"{hive}.transport.mode": "binary",
        # Statements run as the server's user in any case.
        f"{hive}.enable.doAs": "false",
        # Delta answers max(date) out of its log by a value of a type that the server cannot send.
        "spark.databricks.delta.optimizeMetadataQuery.enabled": "false",
    }


def main(port: int, writable: bool) -> None:
    """Serve SQL on this process's home until SIGTERM.

    Args:
        port: to listen on; 0 takes a free one.
        writable: let clients write.
    """
    settings = get_settings()
    port = port or free_port()
    conf = server_conf(port)
    arguments = []
    if not writable:
        jar = ensure_read_only_jar(settings, find_java_home())
        arguments = ["--jars", str(jar)]
        conf["spark.sql.extensions"] = f"{DELTA_EXTENSION},footfall.ReadOnly"
    for key, value in conf.items():
        arguments += ["--conf", f"{key}={value}"]
    os.environ["PYSPARK_SUBMIT_ARGS"] = shlex.join([*arguments, "pyspark-shell"])
    session: Any = get_session(settings, serves=True)
    thriftserver = session._jvm.org.apache.spark.sql.hive.thriftserver
    thriftserver.HiveThriftServer2.startWithSparkSession(session._jsparkSession, False)
    server = SqlServer(os.getpid(), psutil.Process().create_time(), port, writable)
    _connect_once(session._jvm, server.url)
    record = settings.home / SERVER_FILE
    write_atomically(record, json.dumps(server._asdict()))
    await_end()
    await_guests(settings.home, print)
    session.stop()
    record.unlink(missing_ok=True)


def _connect_once(java: Any, url: str) -> None:
    """Open and close a client's session.

    Hive registers its functions when the first session ends; of several that end first at once,
    some would wait for that forever.
    """
    driver = java.org.apache.hive.jdbc.HiveDriver()
    driver.connect(url, java.java.util.Properties()).close()


if __name__ == "__main__":
    main(int(sys.argv[1]), bool(int(sys.argv[2])))
