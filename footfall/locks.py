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
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (fcntl.LOCK_NB if taken else 0))
        except BlockingIOError:
            assert taken is not None
            raise taken(os.pread(descriptor, 20, 0).decode() or "unknown") from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)
