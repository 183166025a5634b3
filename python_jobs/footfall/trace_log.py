"""The traces that messages leave out: a bounded log file in the home."""

from __future__ import annotations

import os
import traceback
from datetime import datetime, timezone
from logging import INFO, LogRecord
from logging.handlers import RotatingFileHandler
from pathlib import Path

from footfall.errors import FootfallError
from footfall.settings import get_settings

LARGEST_BYTES = 1_000_000
KEPT = 3

_hidden: set[str] = set()


def hide(*values: str | None) -> None:
    """Keep values, such as the id of a person who is erased, out of this process's traces."""
    _hidden.update(value for value in values if value)


def trace_of(error: BaseException) -> str:
    """Return an error's trace with those of its causes; hidden values are replaced."""
    text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    for value in _hidden:
        text = text.replace(value, "…")
    return text.rstrip()


def log_trace(error: BaseException, command: str) -> Path | None:
    """Append an error's trace to ``logs/footfall.log`` of the home, which rotates at 1 MB.

    Args:
        error: what went wrong.
        command: which command ran; without its arguments, which may name a person.

    Returns:
        The log file; None where it cannot be written.
    """
    try:
        file = get_settings().home / "logs" / "footfall.log"
        file.parent.mkdir(parents=True, exist_ok=True)
        now = f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M:%S}"
        text = f"{now} UTC, process {os.getpid()}, {command}\n{trace_of(error)}\n"
        handler = _StrictHandler(file, maxBytes=LARGEST_BYTES, backupCount=KEPT, encoding="utf-8")
        try:
            handler.emit(LogRecord("footfall", INFO, "", 0, text, None, None))
        finally:
            handler.close()
    except (OSError, FootfallError):
        return None
    return file


class _StrictHandler(RotatingFileHandler):
    def handleError(self, record: LogRecord) -> None:
        # Called from emit's except clause: what could not be written is the caller's to know.
        raise
