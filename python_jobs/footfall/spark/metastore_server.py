"""A Hive metastore server over a home's own metastore, out of the jars that Spark ships.

The embedded metastore serves one process. Behind a server ingestion, dbt and BI tools each have a
Spark of their own, on the same tables. The server listens on 127.0.0.1 only: Hive's protocol asks
for no password, so every user of this machine may use it while it runs.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
import threading
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from footfall.atomic import write_atomically
from footfall.home.checks import check_folders, check_metastore
from footfall.home.metastore import URL, in_use
from footfall.settings import LOOPBACK, Settings, get_settings
from footfall.spark.background import (
    await_end,
    require_free,
    start_in_background,
    stop_in_background,
)
from footfall.spark.session import prepare
from footfall.spark.shared import (
    SERVER_FILE,
    MetastoreServer,
    describe,
    find_holder,
    find_server,
    hold,
)

NAME = "metastore"
HEAP_MIB = 512
CONNECTIONS = 200
"""Clients at a time; each Spark session keeps a few."""


def start_server(settings: Settings, port: int = 0) -> MetastoreServer:
    """Start a server on the home in a process of its own; one that runs already is returned.

    Args:
        settings: the home and how to run Java.
        port: to listen on; 0 takes a free one.

    Raises:
        UsageError: the port is taken.
        FootfallError: another process has the metastore, or the server did not start.
    """
    home = settings.home
    if running := find_server(home):
        return running
    check_folders(home)
    if holder := find_holder(home):
        raise in_use(home, describe(holder))
    if port:
        require_free(port)
    return start_in_background(home, NAME, find_server, __name__, str(port))


def stop_server(home: Path) -> MetastoreServer | None:
    """End the server of a home, and wait until its metastore is free.

    Args:
        home: FOOTFALL_HOME.

    Returns:
        The server that was ended; None where none ran.

    Raises:
        FootfallError: it does not end.
    """
    return stop_in_background(home, NAME, find_server)


def main(port: int) -> None:
    """Serve the metastore of this process's home until SIGTERM.

    Args:
        port: to listen on; 0 takes a free one.
    """
    home = prepare(get_settings()).home
    if not hold(home):
        raise in_use(home)
    jvm = _java(home)
    check_metastore(SimpleNamespace(_jvm=jvm), home)  # type: ignore[arg-type]
    listener = jvm.java.net.ServerSocket()
    listener.bind(jvm.java.net.InetSocketAddress(LOOPBACK, port))
    server = _server(jvm, listener, home)
    record = home / SERVER_FILE
    uri = f"thrift://{LOOPBACK}:{listener.getLocalPort()}"
    threading.Thread(target=server.serve, daemon=True).start()
    write_atomically(record, json.dumps(MetastoreServer(os.getpid(), uri)._asdict()))
    await_end()
    record.unlink(missing_ok=True)
    server.stop()
    with suppress(Exception):
        # So does Derby end well; it says so by an exception.
        jvm.java.sql.DriverManager.getConnection("jdbc:derby:;shutdown=true")


def _java(home: Path) -> Any:
    """Start a Java with Spark's jars and no Spark in it."""
    from pyspark.java_gateway import launch_gateway

    properties = home / "conf" / "spark-defaults.conf"
    arguments = ("--properties-file", str(properties), "--driver-memory", f"{HEAP_MIB}m")
    os.environ["PYSPARK_SUBMIT_ARGS"] = shlex.join([*arguments, "pyspark-shell"])
    gateway: Any = launch_gateway()  # type: ignore[no-untyped-call]
    return gateway.jvm


def _server(jvm: Any, listener: Any, home: Path) -> Any:
    """Return Hive's server on a socket, with Derby's tables made where they are missing."""
    conf = jvm.org.apache.hadoop.hive.conf.HiveConf()
    for key, value in {
        "javax.jdo.option.ConnectionURL": URL,
        "datanucleus.schema.autoCreateAll": "true",
        "hive.metastore.schema.verification": "false",
        "hive.metastore.warehouse.dir": str(home / "warehouse"),
        "hive.warehouse.subdir.inherit.perms": "false",
        "hive.async.log.enabled": "false",
    }.items():
        conf.set(key, value)
    metastore = jvm.org.apache.hadoop.hive.metastore
    handler = getattr(metastore, "HiveMetaStore$HMSHandler")("footfall", conf, False)
    proxy = metastore.RetryingHMSHandler.getProxy(conf, handler, True)
    thrift = jvm.org.apache.thrift
    arguments = getattr(thrift.server, "TThreadPoolServer$Args")(
        thrift.transport.TServerSocket(listener)
    )
    arguments = arguments.processor(metastore.TSetIpAddressProcessor(proxy))
    return thrift.server.TThreadPoolServer(arguments.maxWorkerThreads(CONNECTIONS))


if __name__ == "__main__":
    main(int(sys.argv[1]))
