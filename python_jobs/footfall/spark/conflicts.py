"""Delta's commit conflicts: recognised, tried again after a pause, and at last explained."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import structlog
from tenacity import (
    RetryCallState,
    Retrying,
    stop_after_attempt,
    wait_random_exponential,
)

from footfall.errors import FootfallError
from footfall.settings import get_settings

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

log = structlog.get_logger(__name__)
T = TypeVar("T")

CONFLICT = re.compile(
    r"Concurrent(Append|DeleteRead|DeleteDelete|Transaction|Write|Modification)Exception"
    r"|(MetadataChanged|ProtocolChanged)Exception"
    r"|DELTA_CONCURRENT_|DELTA_METADATA_CHANGED|DELTA_PROTOCOL_CHANGED"
)
CREATED_MEANWHILE = re.compile(
    r"DELTA_CREATE_TABLE_WITH_NON_EMPTY_LOCATION|AlreadyExistsException"
    r"|(TABLE_OR_VIEW|SCHEMA)_ALREADY_EXISTS"
)
"""What `create … if not exists` says where another process creates the same at that moment."""
CREATION_RETRIES = 3
TARGET = re.compile(
    r"\b(?:insert\s+(?:into|overwrite)|merge\s+into|alter\s+table|delete\s+from|optimize"
    r"|create\s+(?:or\s+replace\s+)?table(?:\s+if\s+not\s+exists)?|update)\s+(?:table\s+)?([\w.`]+)",
    re.IGNORECASE,
)
LONGEST_PAUSE_SECONDS = 20


def is_conflict(error: BaseException) -> bool:
    """Return whether Delta refused a commit because another writer came first."""
    return bool(CONFLICT.search(f"{type(error).__name__}: {error}"))


def _is_worth_another_try(state: RetryCallState) -> bool:
    error = state.outcome.exception() if state.outcome else None
    if error is None:
        return False
    # Where it lasts, it is no race: the folder holds something else.
    races = state.attempt_number <= CREATION_RETRIES and CREATED_MEANWHILE.search(str(error))
    return is_conflict(error) or bool(races)


def table_of(statement: str) -> str:
    """Return the table that a statement writes to, as it stands there."""
    found = TARGET.search(statement)
    return found.group(1).replace("`", "") if found else "a table"


def retry_conflicts(action: Callable[[], T], table: str) -> T:
    """Run a single Delta write, again while it loses against other writers or creators.

    A refused commit has written nothing, and the write computes anew from what its inputs now
    hold. Pauses grow exponentially and at random, so that two writers do not meet again.

    Args:
        action: the write; one statement.
        table: what it writes to, for the log and the error.

    Raises:
        FootfallError: FOOTFALL_CONFLICT_RETRIES tries in a row lost.
    """
    retries = get_settings().conflict_retries

    def tell(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        log.warning(
            "conflict_retried",
            table=table,
            attempt=state.attempt_number,
            of=retries + 1,
            pause_seconds=round(state.upcoming_sleep, 1),
            cause=str(error).splitlines()[0][:200],
        )

    attempts = Retrying(
        stop=stop_after_attempt(retries + 1),
        wait=wait_random_exponential(multiplier=0.5, max=LONGEST_PAUSE_SECONDS),
        retry=_is_worth_another_try,
        before_sleep=tell,
        reraise=True,
    )
    try:
        return attempts(action)
    except Exception as error:
        if not is_conflict(error):
            raise
        raise FootfallError(
            f"{table}: {retries + 1} attempts to write failed: other runs wrote the same rows "
            f"({str(error).splitlines()[0][:200]}).",
            "Run it again when the other run has ended, or set FOOTFALL_CONFLICT_RETRIES higher.",
        ) from error


def run_statement(session: SparkSession, statement: str) -> DataFrame:
    """Run a SQL statement, again while it loses against other writers or creators.

    Raises:
        FootfallError: FOOTFALL_CONFLICT_RETRIES tries in a row lost.
    """
    return retry_conflicts(lambda: session.sql(statement), table_of(statement))
