"""Ctrl-C and SIGTERM: one message, then the process ends at once.

Every job can be killed at any point and continued by the same command, so nothing has to be undone
first. What runs in Java ends with the process, whose pipe it holds.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NamedTuple

SIGNALS = (signal.SIGINT, signal.SIGTERM)
LONGEST_SECONDS = 10
CONTINUES = "The same command continues where this one stopped."


class Standing(NamedTuple):
    """How far the work is: ``done`` says what is finished, ``fix`` how to go on."""

    done: str = "what was finished is kept."
    fix: str = CONTINUES


_work: list[Callable[[], Standing]] = []
_installed = False


class Asking(NamedTuple):
    """The handler of a block that is asked to end, and the event that it sets."""

    handler: Callable[[int, FrameType | None], None]
    event: threading.Event


_asking: list[Asking] = []
"""One at most; its handler stays where others would put their own."""


@contextmanager
def working(standing: Callable[[], Standing]) -> Iterator[None]:
    """While this is open, an interrupt tells what ``standing`` returns; the innermost speaks.

    Args:
        standing: called in the signal's handler, in the middle of the work.
    """
    _work.append(standing)
    try:
        yield
    finally:
        _work.remove(standing)


def _release_semaphores() -> None:
    """Remove the semaphores of dbt's locks: otherwise Python warns of them behind the message."""
    synchronize = sys.modules.get("multiprocessing.synchronize")
    if synchronize is None:
        return
    from multiprocessing import util

    for finalizer in list(util._finalizer_registry.values()):  # type: ignore[attr-defined]
        if finalizer._callback is synchronize.SemLock._cleanup:
            finalizer()


def _end(number: int, _frame: FrameType | None) -> None:
    for other in SIGNALS:
        signal.signal(other, signal.SIG_IGN)
    # The work may have been interrupted with a lock in hand that a standing waits for.
    last = threading.Timer(LONGEST_SECONDS, os._exit, [128 + number])
    last.daemon = True
    last.start()
    try:
        standings = [standing() for standing in reversed(_work)] or [Standing()]
        how = "Interrupted" if number == signal.SIGINT else "Terminated"
        # Not by print: the signal may have come in the middle of one.
        os.write(2, f"{how}: {standings[0].done}\n  → {standings[0].fix}\n".encode())
        _release_semaphores()
    finally:
        os._exit(128 + number)


def install() -> None:
    """End this process by one message at Ctrl-C and SIGTERM.

    Only the main thread may set a handler; elsewhere nothing happens.
    """
    global _installed
    _installed = True
    if threading.current_thread() is threading.main_thread():
        for number in SIGNALS:
            signal.signal(number, _asking[-1].handler if _asking else _end)


@contextmanager
def kept() -> Iterator[None]:
    """Keep the handlers, where they are installed, through a block that sets others."""
    try:
        yield
    except KeyboardInterrupt:
        if _installed:
            _end(signal.SIGINT, None)
        raise
    finally:
        if _installed:
            install()


@contextmanager
def installed() -> Iterator[None]:
    """Install the handlers, and put back those that were there before."""
    global _installed
    before = {number: signal.getsignal(number) for number in SIGNALS}
    already = _installed
    install()
    try:
        yield
    finally:
        _installed = already
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def asked_to_end() -> Iterator[threading.Event]:
    """Turn the first Ctrl-C or SIGTERM into a request; a second one ends the process at once.

    Yields:
        An event that is set by the first; the same one in a block within another.
    """
    if _asking:
        yield _asking[-1].event
        return
    asked = threading.Event()

    def ask(number: int, frame: FrameType | None) -> None:
        if asked.is_set():
            _end(number, frame)
        asked.set()
        os.write(2, b"Ending after the work in hand; once more ends at once.\n")

    before = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        for number in SIGNALS:
            signal.signal(number, ask)
        _asking.append(Asking(ask, asked))
        yield asked
    finally:
        _asking.clear()
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def suspended() -> Iterator[None]:
    """Give Ctrl-C and SIGTERM back to Python's own handlers for a while."""
    if not _installed or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        yield
    finally:
        install()
