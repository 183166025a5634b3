"""What Spark, Delta, Java and the operating system report, as the one error that a user reads."""

from __future__ import annotations

import re
from typing import NamedTuple

from footfall.errors import FootfallError
from footfall.settings import get_settings

TABLE_IN_PATH = re.compile(r"/(\w+\.db/\w+)/")
TABLE_IN_TEXT = re.compile(r"[Tt]able \(?'?(`?(?!org\.)\w+`?\.`?\w+`?)")
"""Delta also prints a table as the Java object that it is to it: org.apache.spark…"""
LOG_FILE = re.compile(r"(?:file:)?(/[^\n'\"`]*?/_delta_log/[\w.]+\.(?:json|crc|parquet))")
DATA_FILE = re.compile(r"(?:file:)?(/[^\n'\"`]*?\.parquet)\b")
JAVA_TYPE = re.compile(r"^(?:Caused by: |: )?(?:[a-z]\w*\.)+[A-Z][\w$]*: ")
CONDITION = re.compile(r"^\s*\[([A-Z][A-Z0-9_.]+)\] ")
SQLSTATE = re.compile(r"\s*SQLSTATE: \w+;?")
POSITION = re.compile(r"[;(]?\s*\(?line (\d+),? pos (\d+)\)?;?")
LONGEST = 400


class _Fault(NamedTuple):
    """A failure that is known by its text.

    ``what`` and ``fix`` may use ``{table}``, ``{model}``, ``{file}`` and ``{at_file}``.
    """

    signs: re.Pattern[str]
    what: str
    fix: str
    file: re.Pattern[str]


def _fault(signs: str, what: str, fix: str, file: re.Pattern[str] = DATA_FILE) -> _Fault:
    return _Fault(re.compile(signs), what, fix, file)


REBUILD = "Rebuild the table from its upstream: `dbt build --full-refresh --select {model}+`."
RESTORE = "Restore its folder from a backup, or load the files again into a new FOOTFALL_HOME."
"""What dbt does not build (bronze, records) has no upstream to be built from."""

FAULTS = (
    _fault(
        r"No space left on device|Disk quota exceeded",
        "The disk is full{at_file}. What was committed before is kept.",
        "Free space (`footfall maintain` removes files of old versions), then run it again.",
    ),
    _fault(
        r"FAILED_READ_FILE[^\n]*/_delta_log/|DELTA_STATE_RECOVER_ERROR"
        r"|DELTA_TRUNCATED_TRANSACTION_LOG|DELTA_LOG_|/_delta_log/[^\n]*(Json|Checksum)\w*Exception",
        "The Delta log of {table} is damaged{at_file}.",
        'Drop it with `footfall query --write "drop table {table}"`, then rebuild it: '
        "`dbt build --full-refresh --select {model}+`.",
        LOG_FILE,
    ),
    _fault(
        r"DELTA_TABLE_NOT_FOUND|DELTA_PATH_DOES_NOT_EXIST",
        "The files of {table} are gone.",
        REBUILD,
    ),
    _fault(
        r"DELTA_CREATE_TABLE_WITH_NON_EMPTY_LOCATION",
        "The folder of {table} is not empty, but the metastore does not list the table.",
        "`footfall repair --dry-run` shows whether it is a table; `footfall repair` registers it.",
    ),
    _fault(
        r"FAILED_READ_FILE\.FILE_NOT_EXIST|DELTA_FILE_NOT_FOUND|FileNotFoundException",
        "A data file of {table} is missing{at_file}.",
        REBUILD,
    ),
    _fault(
        r"FAILED_READ_FILE",
        "A data file of {table} cannot be read{at_file}.",
        REBUILD,
    ),
    _fault(
        r"OutOfMemoryError",
        "Spark ran out of memory.",
        "Set FOOTFALL_DRIVER_MEMORY_GIB higher, or work on fewer days at a time.",
    ),
    _fault(
        r"JAVA_GATEWAY_EXITED",
        "Java ended before Spark had started.",
        "Run `footfall doctor`.",
    ),
    _fault(
        r"StatusCode\.UNAVAILABLE",
        "The process whose Spark this one used has ended.",
        "Run it again.",
    ),
)

FIX_THE_CAUSE = "Fix the cause, then run it again."

FIXES = {
    "TABLE_OR_VIEW_NOT_FOUND": "`footfall status` lists the tables.",
    "SCHEMA_NOT_FOUND": "`footfall status` lists the tables.",
    "UNRESOLVED_COLUMN": "Correct the name; `describe TABLE` lists a table's columns.",
}
"""The next step, by the beginning of Spark's error condition."""


def silence_spark() -> None:
    """Keep pyspark from logging each failed statement with its plan: the error says it."""
    from pyspark.logger import PySparkLogger

    for name in ("SQLQueryContextLogger", "DataFrameQueryContextLogger"):
        PySparkLogger.getLogger(name).disabled = True


def explain(error: BaseException, table: str = "", code_at: str = "") -> FootfallError:
    """Return an error as one message: what is wrong, where, and the next step.

    Args:
        error: of Spark, Delta, Java, the operating system, or one that nobody expected.
        table: ``schema.table`` that was read or written, where the caller knows.
        code_at: file and line that raised it, where that may be the user's own code.
    """
    if isinstance(error, FootfallError):
        return error
    text = str(error)
    for fault in FAULTS:
        if fault.signs.search(text):
            return _known(fault, text, table)
    if isinstance(error, OSError) and error.strerror:
        place = f"{error.filename}: " if error.filename else ""
        return FootfallError(f"{place}{error.strerror}.", "Fix it, then run the command again.")
    if _is_sparks(error):
        sentence, condition = first_sentence(text)
        fix = next((fix for sign, fix in FIXES.items() if condition.startswith(sign)), "")
        analysis = type(error).__name__ in ("AnalysisException", "ParseException")
        default = "Correct the statement." if analysis else FIX_THE_CAUSE
        return FootfallError(sentence, fix or default)
    raised = f"{type(error).__name__}: {_shortened(text)}"
    if code_at:
        return FootfallError(raised, f"Correct {code_at}, or what it reads.")
    return FootfallError(
        f"Unexpected {raised}",
        "This is a bug in footfall: please report it with the trace.",
    )


def _is_sparks(error: BaseException) -> bool:
    return type(error).__module__.startswith(("pyspark.", "py4j."))


def _known(fault: _Fault, text: str, table: str) -> FootfallError:
    found = fault.file.search(text)
    file = "/" + found.group(1).lstrip("/") if found else ""
    if named := TABLE_IN_PATH.search(file) or TABLE_IN_PATH.search(text):
        table = named.group(1).replace(".db/", ".")
    elif named := TABLE_IN_TEXT.search(text):
        table = named.group(1).replace("`", "")
    values = {
        "table": table or "a table",
        "model": table.rpartition(".")[2] or "MODEL",
        "at_file": f": {file}" if file else "",
    }
    rebuilt = "{model}" in fault.fix
    fix = RESTORE if rebuilt and not _is_model(values["model"]) else fault.fix
    return FootfallError(fault.what.format(**values), fix.format(**values))


def _is_model(name: str) -> bool:
    folders = (
        project / kind
        for project in get_settings().model_dirs
        for kind in ("models", "snapshots", "seeds")
    )
    return any(next(folder.rglob(f"{name}.*"), None) for folder in folders)


def first_sentence(text: str) -> tuple[str, str]:
    """Return what Spark says of a failed statement, and its error condition.

    The plan, the statement and Java's stack that follow are left out.

    Args:
        text: of the exception.
    """
    lines = [line for line in text.split("JVM stacktrace")[0].splitlines() if line.strip()]
    if lines and lines[0].startswith("An error occurred while calling"):
        lines = lines[1:]
    causes = [line for line in lines if line.startswith("Caused by: ")]
    line = causes[-1] if causes else (lines[0] if lines else "no message")
    line = JAVA_TYPE.sub("", line)
    condition = CONDITION.match(line)
    position = POSITION.search(text)
    line = POSITION.sub("", SQLSTATE.sub("", CONDITION.sub("", line))).strip(" ;")
    where = f" (line {position.group(1)}, position {position.group(2)})" if position else ""
    # Spark's documentation is looked up by the condition, and dbt recognises some by it.
    named = f" [{condition.group(1)}]" if condition else ""
    return _shortened(line) + where + named, condition.group(1) if condition else ""


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}…"
