"""Files that are there as a whole or not at all, whenever their writer dies."""

from __future__ import annotations

import os
import threading
from pathlib import Path


def write_atomically(file: Path, content: str | bytes, mode: int = 0o666) -> None:
    """Write a file that its readers see before or after, and never in between.

    Args:
        file: in a folder that exists.
        content: text is written as UTF-8.
        mode: the permissions of a new file, less those that the umask takes away.

    Raises:
        OSError: it cannot be written; what was there before still is.
    """
    # Spark passes over names with a dot in front.
    fresh = file.with_name(f".{file.name}.{os.getpid()}.{threading.get_ident()}")
    fresh.unlink(missing_ok=True)
    try:
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with open(handle, "wb") as written:  # noqa: PTH123
            written.write(content.encode() if isinstance(content, str) else content)
        fresh.replace(file)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise
