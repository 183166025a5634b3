"""How the jobs' log is written: its one configuration."""

from __future__ import annotations

import logging
import os
import sys

import structlog

from footfall.cli.arguments import LogFormat
from footfall.errors import UsageError

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
DEFAULT_LEVELS = {LogFormat.text: "WARNING", LogFormat.json: "INFO"}
LEVEL = "FOOTFALL_LOG_LEVEL"
FORMAT = "FOOTFALL_LOG_FORMAT"


class _State:
    log_format = LogFormat.text


def is_structured() -> bool:
    """Return whether all that is said beside a result is a line of JSON."""
    return _State.log_format is LogFormat.json


def configure_logs(log_format: LogFormat = LogFormat.text) -> None:
    """Let all jobs of this process log in a form, from FOOTFALL_LOG_LEVEL on.

    Args:
        log_format: text for people, or one JSON object a line with the time in UTC.

    Raises:
        UsageError: there is no such level. The form holds for this error's message too.
    """
    _State.log_format = log_format
    level = os.environ.get(LEVEL) or DEFAULT_LEVELS[log_format]
    is_known = level.upper() in LEVELS
    structlog.reset_defaults()
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(
            getattr(logging, level.upper()) if is_known else logging.INFO
        ),
        # Looked up at each use: whoever calls the command line may have put another in its place.
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )
    if log_format is LogFormat.json:
        structlog.configure(
            processors=[
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(default=str, ensure_ascii=False),
            ]
        )
    if not is_known:
        raise UsageError(
            f"{LEVEL}={level} is not valid; allowed: {', '.join(LEVELS)}.",
            f"Correct or unset {LEVEL}.",
        )
