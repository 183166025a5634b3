"""One Spark session serves several processes of a home: who holds it, and how others join.

The embedded metastore serves one process. That process holds a lock on ``spark.lock`` in the home
and may serve its session to others by Spark Connect on 127.0.0.1. The locks are the kernel's: they
end with their process, however it ends, so nothing of this ever has to be cleaned up by hand.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from footfall.errors import FootfallError
from footfall.spark.explain import silence_spark

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

LOCK_FILE = "spark.lock"
GUESTS_FILE = "spark.guests"
SERVER_FILE = "metastore.json"
JOIN_SECONDS = 120
"""How long to wait for a server that starts, or for one that ends to make way."""
JVM_END_SECONDS = 60
"""How long the JVM of a killed process may need to end and to release the metastore."""
POLL_SECONDS = 0.5
LOOK_SECONDS = 0.1

Say = Callable[[str], None]

_held: dict[Path, int] = {}
_joined: dict[Path, int] = {}
_serving: set[Path] = set()
_closed: dict[Path, int] = {}


class Holder(NamedTuple):
    """The process that holds a home's Spark session.

    ``port`` and ``token`` are those of its server, once it serves.
    """

    pid: int
    command: str
    serves: bool
    port: int | None = None
    token: str = ""


def _open(file: Path) -> int:
    return os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _lock(descriptor: int, mode: int) -> bool:
    try:
        fcntl.flock(descriptor, mode | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def hold(home: Path, *, serves: bool = False) -> bool:
    """Take the right to run Spark on a home, until this process ends.

    Args:
        home: FOOTFALL_HOME.
        serves: this process will call :func:`serve`, so that others may wait for it.

    Returns:
        False where another process has it.

    Raises:
        FootfallError: a JVM that nobody holds any more does not release the metastore.
    """
    if home in _held:
        return True
    descriptor = _open(home / LOCK_FILE)
    if not _lock(descriptor, fcntl.LOCK_EX):
        # It may have been another process's look, which takes no longer than this.
        time.sleep(LOOK_SECONDS)
        if not _lock(descriptor, fcntl.LOCK_EX):
            os.close(descriptor)
            return False
    _held[home] = descriptor
    _write(descriptor, Holder(os.getpid(), _command(), serves))
    await_metastore(home)
    return True


def _command() -> str:
    # Without the arguments: they may name a person who is to be erased.
    return " ".join([Path(sys.argv[0]).name, *sys.argv[1:2]])


def _write(descriptor: int, holder: Holder) -> None:
    text = json.dumps(holder._asdict()).encode()
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, text, 0)


def await_metastore(home: Path) -> None:
    """Wait until the JVM of a process that ended, which outlives it by seconds, has let go.

    Raises:
        FootfallError: it has not within a minute.
    """
    lock_file = home / "metastore" / "dbex.lck"
    deadline = time.monotonic() + JVM_END_SECONDS
    while lock_file.exists() and not _is_free(lock_file):
        if time.monotonic() > deadline:
            raise FootfallError(
                f"Another process is using {home} (the embedded metastore serves one at a time).",
                f"Stop it (`fuser {lock_file}` names it), or set FOOTFALL_HOME to another folder.",
            )
        time.sleep(POLL_SECONDS)


def _is_free(lock_file: Path) -> bool:
    with lock_file.open("r+b") as file:
        try:
            # Java locks by record, which flock does not see.
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True


def find_holder(home: Path) -> Holder | None:
    """Return the live process that holds a home's session, None where there is none."""
    file = home / LOCK_FILE
    if not file.exists():
        return None
    descriptor = _open(file)
    try:
        if home not in _held and _lock(descriptor, fcntl.LOCK_EX):
            return None
        text = os.pread(descriptor, 65536, 0)
        # Between the lock and the first write there is nothing to read yet.
        return Holder(**json.loads(text)) if text else Holder(0, "a process that starts", True)
    except ValueError:
        return Holder(0, "a process that starts", True)
    finally:
        os.close(descriptor)


class MetastoreServer(NamedTuple):
    """A metastore server that runs on a home."""

    pid: int
    uri: str


def find_server(home: Path) -> MetastoreServer | None:
    """Return the server that runs on a home, None where there is none.

    Args:
        home: FOOTFALL_HOME.
    """
    file = home / SERVER_FILE
    if not file.is_file():
        return None
    with suppress(ValueError, TypeError):
        server = MetastoreServer(**json.loads(file.read_text()))
        holder = find_holder(home)
        if holder and holder.pid == server.pid:
            return server
    return None


def serve(session: SparkSession, home: Path) -> None:
    """Let other processes of this user work in this process's Spark, each in a session of its own.

    Args:
        session: the session of the process that holds the home.
        home: FOOTFALL_HOME; the port and the token are written there, for this user only.
    """
    if home in _closed:
        os.close(_closed.pop(home))
    if home in _serving or home not in _held:
        return
    token = secrets.token_urlsafe(32)
    context: Any = session.sparkContext._jsc.sc()  # type: ignore[attr-defined]
    conf = context.conf()
    conf.set("spark.connect.grpc.binding.address", "127.0.0.1")
    conf.set("spark.connect.grpc.binding.port", "0")
    conf.set("spark.connect.authenticate.token", token)
    services: Any = session.sparkContext._jvm.org.apache.spark.sql.connect.service  # type: ignore
    service = getattr(getattr(services, "SparkConnectService$"), "MODULE$")
    service.start(context)
    _write(_held[home], Holder(os.getpid(), _command(), True, service.localPort(), token))
    _serving.add(home)


def join(home: Path, say: Say | None = None) -> SparkSession | None:
    """Connect to the session that another process serves, waiting for it while it starts.

    Args:
        home: FOOTFALL_HOME.
        say: called once with a line, where there is something to wait for.

    Returns:
        A session of this process's own in the other's Spark; None where nobody serves (any more),
        or lets nobody in for two minutes.
    """
    deadline = time.monotonic() + JOIN_SECONDS
    while (holder := find_holder(home)) and holder.serves:
        if home in _joined and os.environ.get("SPARK_REMOTE") != _url(holder):
            # A successor: this process's session went with the one before.
            return None
        if holder.port is not None and _become_guest(home):
            # The holder may have ended between the two looks.
            if find_holder(home) == holder:
                return _connect(holder)
            os.close(_joined.pop(home))
        if time.monotonic() > deadline:
            return None
        if say:
            say(f"Waiting for {describe(holder)}.")
            say = None
        time.sleep(POLL_SECONDS)
    return None


def _become_guest(home: Path) -> bool:
    if home in _joined:
        return True
    descriptor = _open(home / GUESTS_FILE)
    if not _lock(descriptor, fcntl.LOCK_SH):
        os.close(descriptor)
        return False
    _joined[home] = descriptor
    return True


def _url(holder: Holder) -> str:
    # Not 127.0.0.1: only for this name does the client send a token without TLS.
    return f"sc://localhost:{holder.port}"


def _connect(holder: Holder) -> SparkSession:
    from pyspark.sql import SparkSession
    from pyspark.sql.connect.client.retries import DefaultPolicy

    silence_spark()
    os.environ["SPARK_REMOTE"] = _url(holder)
    os.environ["SPARK_CONNECT_AUTHENTICATE_TOKEN"] = holder.token
    session = SparkSession.builder.getOrCreate()
    # The server is on this machine: when it does not answer, it has ended.
    session.client.set_retry_policies([DefaultPolicy(max_retries=4, max_backoff=1000)])
    return session


def is_guest(home: Path) -> bool:
    """Return whether this process works in another process's Spark."""
    return home in _joined


def remote_url(home: Path) -> str | None:
    """Return the Spark Connect server that SPARK_REMOTE names; None where footfall set it itself.

    Args:
        home: FOOTFALL_HOME.
    """
    return None if is_guest(home) else os.environ.get("SPARK_REMOTE") or None


def is_lost(error: Exception) -> bool:
    """Return whether a statement failed because the process that serves Spark has ended."""
    return "StatusCode.UNAVAILABLE" in str(error)


def holder_ended() -> FootfallError:
    """Return the error for a process whose session went with the process that served it."""
    return FootfallError("The process whose Spark this one used has ended.", "Run it again.")


def await_guests(home: Path, say: Say) -> None:
    """Wait until no other process works in this process's Spark; let none in until it serves again.

    Args:
        home: FOOTFALL_HOME.
        say: called once with a line, where there is something to wait for.
    """
    if home not in _serving or home in _closed:
        return
    _closed[home] = descriptor = _open(home / GUESTS_FILE)
    if not _lock(descriptor, fcntl.LOCK_EX):
        say("Done; waiting for the other processes that use this one's Spark.")
        fcntl.flock(descriptor, fcntl.LOCK_EX)


def describe(holder: Holder) -> str:
    """Return the holder as a user knows it: the command and the process id."""
    return f"`{holder.command}` (process {holder.pid})" if holder.pid else holder.command
