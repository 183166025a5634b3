"""Servers on a home that run in the background, in processes of their own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

from footfall.errors import FootfallError, UsageError
from footfall.settings import LOOPBACK

START_SECONDS = 180
STOP_SECONDS = 60
POLL_SECONDS = 0.2


class Server(Protocol):
    """A server that runs."""

    @property
    def pid(self) -> int: ...


AnyServer = TypeVar("AnyServer", bound=Server)
Find = Callable[[Path], AnyServer | None]


def start_in_background(
    home: Path, name: str, find: Find[AnyServer], module: str, *arguments: str
) -> AnyServer:
    """Start a server in a process of its own and wait until it serves.

    Args:
        home: FOOTFALL_HOME.
        name: what it is called; its output goes to a log of this name in the home.
        find: returns the server that runs on a home.
        module: of Python, that runs the server until SIGTERM.
        arguments: of the module.

    Raises:
        FootfallError: it did not start.
    """
    (home / "logs").mkdir(parents=True, exist_ok=True)
    log = home / "logs" / f"{name}.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            env=os.environ | {"FOOTFALL_HOME": str(home)},
        )
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        server = find(home)
        if server and server.pid == process.pid:
            return server
        time.sleep(POLL_SECONDS)
    process.kill()
    raise FootfallError(
        f"The {name} server did not start.", f"Its own messages are at the end of {log}."
    )


def stop_in_background(home: Path, name: str, find: Find[AnyServer]) -> AnyServer | None:
    """End the server of a home and wait until it is gone.

    Args:
        home: FOOTFALL_HOME.
        name: what it is called.
        find: returns the server that runs on a home.

    Returns:
        The server that was ended; None where none ran.

    Raises:
        FootfallError: it does not end.
    """
    server = find(home)
    if server is None:
        return None
    os.kill(server.pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while find(home):
        if time.monotonic() > deadline:
            raise FootfallError(
                f"The {name} server (process {server.pid}) does not end.",
                f"Kill it: `kill -9 {server.pid}`. Nothing that was committed is lost.",
            )
        time.sleep(POLL_SECONDS)
    return server


def await_end() -> None:
    """Wait for SIGTERM or SIGINT; to be called by the process that serves."""
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: ended.set())
    ended.wait()


def require_free(port: int) -> None:
    """Refuse a port that is taken.

    Raises:
        UsageError: another process listens on it.
    """
    with socket.socket() as probe:
        if probe.connect_ex((LOOPBACK, port)) == 0:
            raise UsageError(
                f"Port {port} of {LOOPBACK} is taken.", "Name another, or none for a free one."
            )


def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])
