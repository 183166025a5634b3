"""Locks on files: the kernel's, so that they end with their process, however it ends."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked(file: Path, taken: Callable[[str], Exception] | None = None) -> Iterator[None]:
    """Hold the exclusive lock on a file, which is created where it is missing.

    Args:
        file: the lock; its content is the id of the process that holds it.
        taken: given the id of the process that holds the lock (or ``unknown``), returns the error
            to raise. Without it the call waits.

    Raises:
        Exception: what ``taken`` returned.
    """
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def refuse() -> None:
        if taken:
            raise taken(os.pread(descriptor, 20, 0).decode() or "unknown")

    with held(descriptor, refuse):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield


@contextmanager
def held(descriptor: int, contended: Callable[[], None]) -> Iterator[None]:
    """Hold the exclusive lock on an open file or folder, and close it behind.

    Args:
        descriptor: of the file; closed in any case.
        contended: called where another process holds the lock. It may raise; if it returns, the
            call waits.
    """
    try:
        if not _lock_at_once(descriptor):
            contended()
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _lock_at_once(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
