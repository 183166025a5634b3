"""One message in place of a trace: settings, Spark's errors, interrupts, the log."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from py4j.protocol import Py4JError
from pyspark.errors import AnalysisException

from footfall.errors import UsageError
from footfall.settings import get_settings
from footfall.spark.explain import explain
from footfall.trace_log import LARGEST_BYTES, hide, log_trace
from footfall.words import count

FRAMES = "\n".join(f"\tat org.apache.spark.Some{number}.java:{number})" for number in range(200))
TABLE = "/data/home/warehouse/footfall_gold.db/fct_sessions"
COMMIT = f"{TABLE}/_delta_log/00000000000000000001.json"
DATA = f"{TABLE}/event_date=2025-08-01/part-00000-e1ba2176.c000.snappy.parquet"
REBUILD = "dbt build --full-refresh --select fct_sessions+"

SPARKS = {
    "truncated commit": (
        f"[FAILED_READ_FILE.NO_HINT] Encountered error while reading file file://{COMMIT}.  "
        f"SQLSTATE: KD001\n{FRAMES}\nCaused by: org.apache.hadoop.fs.ChecksumException: "
        f"Checksum error: file:{COMMIT} at 1024 exp: -80018437 got: -36887451\n{FRAMES}",
        ("Delta log of footfall_gold.fct_sessions", COMMIT, REBUILD),
    ),
    "first commit gone": (
        f"[DELTA_TRUNCATED_TRANSACTION_LOG] file:{COMMIT}: Unable to reconstruct state at version "
        f"1 as the transaction log has been truncated\n{FRAMES}",
        ("Delta log of footfall_gold.fct_sessions", COMMIT, REBUILD),
    ),
    "missing data file": (
        f"[FAILED_READ_FILE.FILE_NOT_EXIST] Encountered error while reading file file:{DATA}. "
        f"File does not exist. It is possible the underlying files have been updated.\n{FRAMES}",
        ("A data file of footfall_gold.fct_sessions is missing", DATA, REBUILD),
    ),
    "damaged data file": (
        f"[FAILED_READ_FILE.NO_HINT] Encountered error while reading file file:{DATA}.\n{FRAMES}",
        ("A data file of footfall_gold.fct_sessions cannot be read", DATA, REBUILD),
    ),
    "table's folder gone": (
        "[DELTA_TABLE_NOT_FOUND] Delta table `footfall_gold`.`fct_sessions` doesn't exist.",
        ("files of footfall_gold.fct_sessions are gone", REBUILD),
    ),
    "table that the metastore does not know": (
        "[DELTA_CREATE_TABLE_WITH_NON_EMPTY_LOCATION] Cannot create table "
        "('`footfall_gold`.`fct_sessions`'). The associated location "
        f"('file:{TABLE}') is not empty and also not a Delta table.",
        ("folder of footfall_gold.fct_sessions is not empty", "footfall repair --dry-run"),
    ),
    "bronze, which dbt does not build": (
        f"[FAILED_READ_FILE.NO_HINT] Encountered error while reading file "
        f"file:/h/warehouse/footfall_bronze.db/crm__events/part-1.parquet.\n{FRAMES}",
        ("footfall_bronze.crm__events cannot be read", "backup"),
    ),
    "full disk": (
        f"[TASK_WRITE_FAILED] Task failed while writing rows to file:{TABLE}. SQLSTATE: 58030\n"
        f"{FRAMES}\nCaused by: org.apache.hadoop.fs.FSError: java.io.IOException: "
        f"No space left on device\n{FRAMES}",
        ("disk is full", "Free space"),
    ),
    "folder that cannot be written": (
        f"Job aborted due to stage failure: Task 1 failed\n{FRAMES}\nCaused by: "
        f"java.io.IOException: Mkdirs failed to create file:/proc/nope/_temporary\n{FRAMES}",
        ("Mkdirs failed to create file:/proc/nope",),
    ),
}  # fmt: skip


@pytest.mark.parametrize("text, says", SPARKS.values(), ids=SPARKS)
def test_a_java_trace_becomes_one_line_with_table_file_and_remedy(
    text: str, says: tuple[str, ...]
) -> None:
    called = "An error occurred while calling o61.sql.\n: org.apache.spark.SparkException: "
    told = explain(Py4JError(called + text))
    assert told.exit_code == 1
    assert "\n" not in told.message
    assert "\tat " not in told.message
    assert "org.apache" not in told.message
    assert told.fix
    assert [said for said in says if said not in f"{told.message} {told.fix}"] == []


def test_a_query_s_error_is_its_sentence_with_the_place_and_without_the_plan() -> None:
    told = explain(
        AnalysisException(
            "[UNRESOLVED_COLUMN.WITH_SUGGESTION] A column, variable, or function parameter with "
            "name `nope` cannot be resolved. Did you mean one of the following? [`user_id`]. "
            "SQLSTATE: 42703; line 1 pos 7;\n'Project ['nope]\n+- SubqueryAlias spark_catalog"
        )
    )
    assert told.message == (
        "A column, variable, or function parameter with name `nope` cannot be resolved. "
        "Did you mean one of the following? [`user_id`]. (line 1, position 7) "
        "[UNRESOLVED_COLUMN.WITH_SUGGESTION]"
    )
    assert "describe" in told.fix


def test_a_syntax_error_is_one_line_without_the_statement() -> None:
    told = explain(
        AnalysisException(
            "\n[PARSE_SYNTAX_ERROR] Syntax error at or near 'selec'. SQLSTATE: 42601 "
            "(line 1, pos 0)\n\n== SQL ==\nselec 1\n^^^\n"
        )
    )
    assert told.message == (
        "Syntax error at or near 'selec'. (line 1, position 0) [PARSE_SYNTAX_ERROR]"
    )


def test_dbt_still_recognises_that_a_table_does_not_exist() -> None:
    from dbt.adapters.spark.impl import TABLE_OR_VIEW_NOT_FOUND_MESSAGES

    told = explain(
        AnalysisException(
            "[TABLE_OR_VIEW_NOT_FOUND] The table or view `a`.`b` cannot be found. Verify the "
            "spelling.\nIf you did not qualify the name, verify the current_schema() output. "
            "SQLSTATE: 42P01; line 1 pos 14;\n'Project [*]"
        )
    )
    assert any(sign in told.message for sign in TABLE_OR_VIEW_NOT_FOUND_MESSAGES)
    assert "footfall status" in told.fix


def test_an_error_of_the_operating_system_names_the_file() -> None:
    told = explain(PermissionError(13, "Permission denied", "/data/x"))
    assert told.message == "/data/x: Permission denied."


def test_an_error_that_nobody_expected_says_that_it_is_a_fault_of_footfall() -> None:
    told = explain(KeyError("days"))
    assert told.message == "Unexpected KeyError: 'days'"
    assert "report" in told.fix


# ---------- settings


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("DRIVER_MEMORY_GIB", "abc", "a whole number, 1 or more"),
        ("DRIVER_MEMORY_GIB", "9999", "what this machine has"),
        ("CORES", "0", "a whole number, 1 or more"),
        ("JIT_LEVEL", "9", "a whole number, 1 to 4"),
        ("CONFLICT_RETRIES", "-1", "a whole number, 0 or more"),
        ("DB_SCHEMA", "a`b", "a lower-case letter"),
        ("DATA_SKIPPING", "perhaps", "true or false"),
        ("IVY_SETTINGS", "/no/such.xml", "a file that exists"),
        ("PROJECT_DIR", "/no/such", "dbt_project.yml"),
        ("HOME", __file__, "a folder"),
        ("CACHE", __file__, "a folder"),
    ],
)
def test_a_wrong_setting_is_named_with_its_value_and_what_is_allowed(
    name: str, value: str, allowed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"FOOTFALL_{name}", value)
    get_settings.cache_clear()
    with pytest.raises(UsageError) as caught:
        get_settings()
    assert caught.value.exit_code == 2
    assert caught.value.message.startswith(f"FOOTFALL_{name}={value} is not valid; allowed: ")
    assert allowed in caught.value.message
    assert "\n" not in caught.value.message
    assert f"FOOTFALL_{name}" in caught.value.fix


def test_several_wrong_settings_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOOTFALL_CORES", "0")
    monkeypatch.setenv("FOOTFALL_JIT_LEVEL", "5")
    get_settings.cache_clear()
    with pytest.raises(UsageError, match=r"FOOTFALL_CORES=0 .*\n.*FOOTFALL_JIT_LEVEL=5 "):
        get_settings()


def test_a_secret_s_value_is_not_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOOTFALL_ERASURE_KEY", "tooshort")
    get_settings.cache_clear()
    with pytest.raises(UsageError, match="FOOTFALL_ERASURE_KEY is not valid") as caught:
        get_settings()
    assert "tooshort" not in str(caught.value)


# ---------- processes


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FOOTFALL_HOME", str(tmp_path / "home"))
    get_settings.cache_clear()
    return tmp_path / "home"


@pytest.fixture(autouse=True)
def settings_of_the_run() -> object:
    yield
    get_settings.cache_clear()


def run(*command: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", *command],
        env=os.environ | env, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


MAIN = "import sys; from footfall import cli; sys.argv[0] = 'footfall'; "
BUG = MAIN + (
    "import footfall.doctor as doctor\n"
    "def run_checks(settings): raise KeyError('days of u000001')\n"
    "doctor.run_checks = run_checks\n"
    "cli.main()"
)


def test_a_bug_is_one_message_and_its_trace_is_in_the_log_that_it_names(home: Path) -> None:
    ended = run(BUG, "doctor")
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert "Traceback" not in ended.stderr
    assert len(ended.stderr.splitlines()) == 3
    log = home / "logs" / "footfall.log"
    assert str(log) in ended.stderr
    assert "footfall doctor" in log.read_text()
    assert "Traceback" in log.read_text()


def test_debug_prints_the_trace_too(home: Path) -> None:
    ended = run(BUG, "--debug", "doctor")
    assert ended.returncode == 1
    assert "Traceback" in ended.stderr
    assert "Unexpected KeyError" in ended.stderr


@pytest.mark.parametrize("command", ["status", "doctor"])
def test_a_wrong_setting_ends_a_command_with_two_lines_and_exit_code_2(
    command: str, home: Path
) -> None:
    ended = run(MAIN + "cli.main()", command, FOOTFALL_CORES="0")
    assert ended.returncode == 2
    assert len(ended.stderr.splitlines()) == 2
    assert "FOOTFALL_CORES=0" in ended.stderr
    assert not home.exists()


def test_a_log_level_that_does_not_exist_is_refused() -> None:
    ended = run(MAIN + "cli.main()", "doctor", FOOTFALL_LOG_LEVEL="loud")
    assert ended.returncode == 2
    assert "FOOTFALL_LOG_LEVEL=loud" in ended.stderr
    assert "WARNING" in ended.stderr


STUCK = (
    "import signal, sys, threading, time\n"
    "from footfall import interrupts\n"
    "interrupts.LONGEST_SECONDS = 1\n"
    "lock = threading.Lock(); lock.acquire()\n"
    "with interrupts.installed(), interrupts.working(lock.acquire):\n"
    "    signal.raise_signal(signal.SIGTERM)\n"
)


def test_an_interrupt_ends_the_process_even_where_the_work_holds_a_lock() -> None:
    assert run(STUCK).returncode == 143


KEPT = (
    "import signal\n"
    "from footfall import interrupts\n"
    "with interrupts.installed():\n"
    "    with interrupts.kept():\n"
    "        signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    "    signal.raise_signal(signal.SIGINT)\n"
)


def test_an_interrupt_is_one_message_after_spark_has_set_its_own_handler() -> None:
    ended = run(KEPT)
    assert ended.returncode == 130
    assert ended.stderr.startswith("Interrupted: ")
    within = run(KEPT.replace("\n    signal.raise", "\n        signal.raise"))
    assert within.returncode == 130
    assert len(within.stderr.splitlines()) == 2


def test_a_wrong_setting_ends_dbt_with_one_message(home: Path, tmp_path: Path) -> None:
    dbt = Path(sys.executable).with_name("dbt")
    ended = subprocess.run(
        [str(dbt), "parse", "--target-path", str(tmp_path)],
        env=os.environ | {"FOOTFALL_CORES": "0", "DBT_LOG_PATH": str(tmp_path)},
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert ended.returncode == 2
    assert "FOOTFALL_CORES=0 is not valid; allowed: a whole number, 1 or more." in ended.stdout
    assert "Traceback" not in ended.stdout + ended.stderr
    assert len(ended.stdout.splitlines()) <= 6


@pytest.mark.parametrize(
    ("number", "code", "word"),
    [(signal.SIGINT, 130, "Interrupted"), (signal.SIGTERM, 143, "Terminated")],
)
def test_an_interrupt_is_one_message_with_the_shell_s_exit_code(
    number: signal.Signals, code: int, word: str, tmp_path: Path
) -> None:
    out = tmp_path / "landing"
    with subprocess.Popen(
        [
            sys.executable, "-m", "footfall", "generate", "--out", str(out),
            "--days", "40", "--users", "40000",
        ],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        deadline = time.monotonic() + 60
        while not out.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(number)
        answer, errors = process.communicate(timeout=60)
    assert process.returncode == code
    assert answer == ""
    assert re.fullmatch(rf"{word}: generate had finished .*\n  → .*same command.*\n", errors)


# ---------- the log and the words


def test_the_log_stays_small_and_keeps_hidden_values_out(home: Path) -> None:
    hide("needle-7f3a")
    for _ in range(30):
        file = log_trace(ValueError("needle-7f3a " + "x" * (LARGEST_BYTES // 5)), "footfall erase")
    assert file == home / "logs" / "footfall.log"
    files = list(file.parent.iterdir())
    assert 2 <= len(files) <= 4
    assert all(kept.stat().st_size <= LARGEST_BYTES for kept in files)
    assert all("needle" not in kept.read_text() for kept in files)


def test_a_log_that_cannot_be_written_hides_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOOTFALL_HOME", "/proc/footfall")
    get_settings.cache_clear()
    assert log_trace(ValueError("x"), "footfall status") is None


@pytest.mark.parametrize(
    ("number", "noun", "text"),
    [
        (0, "file", "0 files"),
        (1, "file", "1 file"),
        (1234, "row", "1,234 rows"),
        (2, "entity", "2 entities"),
        (2, "day", "2 days"),
    ],
)
def test_nouns_are_counted(number: int, noun: str, text: str) -> None:
    assert count(number, noun) == text
