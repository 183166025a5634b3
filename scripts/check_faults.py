"""Provoke faults and check what each command says: few lines, no trace, the right exit code.

Each case runs as a process of its own on a small home. Cases without Spark come first.

    .venv/bin/python scripts/check_faults.py                     # all; writes docs/reliability.md
    .venv/bin/python scripts/check_faults.py --only 'setting'    # some, by a pattern of their names
    .venv/bin/python scripts/check_faults.py --list

To add a case, add it to CASES.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
PAGE = PROJECT / "docs" / "reliability.md"
MARK = "<!-- cases: written by scripts/check_faults.py -->"
TRACE = re.compile(r"^Traceback \(most recent|^\s+at [\w.$]+\(|hs_err_pid", re.MULTILINE)
SECONDS_AT_MOST = 300
FEW_LINES = 5
DBT_LINES = 70
SOURCES = "{sources: [product]}"
TABLE = "footfall_silver.stg_product__interactions"


@dataclass(frozen=True)
class Home:
    """The home of the cases, and a copy of it as it was built."""

    work: Path

    @property
    def path(self) -> Path:
        return self.work / "home"

    @property
    def landing(self) -> Path:
        return self.work / "landing"

    @property
    def pristine(self) -> Path:
        return self.work / "pristine"

    @property
    def table(self) -> Path:
        schema, name = TABLE.split(".")
        return self.path / "warehouse" / f"{schema}.db" / name

    def restore(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        shutil.copytree(self.pristine, self.path, symlinks=True)

    def state(self, path: Path | None = None) -> str:
        """Return a hash over the Delta logs and the state of ingestion."""
        root = path or self.path
        digest = hashlib.sha256()
        files = [*root.glob("warehouse/**/_delta_log/**/*"), *root.glob("ingest/**/*")]
        for file in sorted(file for file in files if file.is_file() and file.name != "lock"):
            digest.update(str(file.relative_to(root)).encode())
            digest.update(file.read_bytes())
        return digest.hexdigest()


Fault = Callable[[Home], AbstractContextManager[None]]


@contextmanager
def no_fault(home: Home) -> Iterator[None]:
    yield


@dataclass(frozen=True)
class Case:
    """A call that has to fail well.

    Attributes:
        name: what is wrong, and with which command.
        command: ``footfall …`` or ``dbt …``; ``{home}``, ``{landing}`` and ``{work}`` are replaced.
        exit_code: the expected one.
        says: texts that the output has to have.
        env: environment variables.
        fault: puts the fault into the home, and takes it out.
        interrupt: a signal, and the seconds or the text of the output after which it is sent.
        most_lines: how many lines the output may have.
        changes: the state may change (a load is committed before the fault strikes).
        needs_home: works on the home that is built, by Spark.
    """

    name: str
    command: str | tuple[str, ...]
    exit_code: int
    says: tuple[str, ...] = ()
    env: dict[str, str] = field(default_factory=dict)
    fault: Fault = no_fault
    interrupt: tuple[signal.Signals, float | str] | None = None
    most_lines: int = FEW_LINES
    changes: bool = False
    needs_home: bool = False


# ---------- faults


@contextmanager
def truncated_commit(home: Home) -> Iterator[None]:
    commit = max((home.table / "_delta_log").glob("*.json"))
    commit.write_bytes(commit.read_bytes()[: commit.stat().st_size // 2])
    yield


@contextmanager
def missing_data_file(home: Home) -> Iterator[None]:
    for file in home.table.rglob("*.parquet"):
        if "_delta_log" not in file.parts:
            file.unlink()
    yield


@contextmanager
def lost_metastore(home: Home) -> Iterator[None]:
    shutil.rmtree(home.path / "metastore")
    yield


@contextmanager
def full_disk(home: Home) -> Iterator[None]:
    """The home on a file system with room for half of what is offered."""
    shutil.move(home.path, home.work / "aside")
    home.path.mkdir()
    used = sum(f.stat().st_size for f in home.pristine.rglob("*") if f.is_file()) >> 10
    size = f"size={used + 2048}k"
    subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(home.path)], check=True)
    try:
        shutil.copytree(home.work / "aside", home.path, dirs_exist_ok=True, symlinks=True)
        yield
    finally:
        subprocess.run(["umount", "-l", str(home.path)], check=True)
        shutil.rmtree(home.work / "aside")


@contextmanager
def home_copied(home: Home) -> Iterator[None]:
    """The home elsewhere, the original gone."""
    moved = home.work / "moved"
    shutil.rmtree(moved, ignore_errors=True)
    shutil.move(home.path, moved)
    try:
        yield
    finally:
        shutil.rmtree(moved, ignore_errors=True)


@contextmanager
def holder(home: Home) -> Iterator[None]:
    """A process that has Spark for itself on the home."""
    script = (
        "from pathlib import Path; import sys, time; from footfall.spark.shared import hold; "
        "assert hold(Path(sys.argv[1])); print('held', flush=True); time.sleep(600)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(home.path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    try:
        yield
    finally:
        process.kill()
        process.wait()


@contextmanager
def killed_holder(home: Home) -> Iterator[None]:
    with holder(home):
        pass
    yield


# ---------- files that cannot be loaded


def write_bad_files(folder: Path, good: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    header = "interaction_id,user_id,product_id,interaction_type,event_time\n"
    (folder / "empty.parquet").write_bytes(b"")
    (folder / "truncated.parquet").write_bytes(good.read_bytes()[:1000])
    (folder / "text.parquet").write_text("this is no Parquet\n")
    (folder / "no_header.csv").write_text("\n1,2,3\n")
    (folder / "repeated.csv").write_text("user_id,user_id\n1,2\n")
    (folder / "other_columns.csv").write_text("colour,size\nred,1\n")
    (folder / "broken.json").write_text('{"user_id": 1\n[}\n')
    (folder / "broken.csv.gz").write_bytes(gzip.compress(header.encode())[:-12])
    (folder / "no.format").write_text(header)
    (folder / "mapping_no_yaml.yml").write_text("columns: [unclosed\n")
    (folder / "mapping_unknown_column.yml").write_text("columns:\n  no_such_column: x\n")
    (folder / "folder_without_files").mkdir(exist_ok=True)


def write_broken_java(folder: Path) -> None:
    """A Java that tells its version and nothing else."""
    java = folder / "bin" / "java"
    java.parent.mkdir(parents=True, exist_ok=True)
    java.write_text(
        '#!/bin/sh\n[ "$1" = -version ] && echo \'openjdk version "17.0.1"\' && exit\n'
        "echo 'Error: Could not reserve enough space' >&2\nexit 1\n"
    )
    java.chmod(0o755)


# ---------- cases


def setting(name: str, value: str, allowed: str, command: str = "footfall status") -> Case:
    return Case(
        f"setting {name}={value}, {command}", command, 2, (f"FOOTFALL_{name}", allowed),
        env={f"FOOTFALL_{name}": value}, most_lines=FEW_LINES if "footfall" in command else 10,
    )  # fmt: skip


def argument(command: str, *says: str, exit_code: int = 2, most_lines: int = 8) -> Case:
    return Case(f"argument: {command}", command, exit_code, says, most_lines=most_lines)


def bad_file(name: str, *says: str) -> Case:
    command = f"footfall ingest product.interactions {{work}}/bad/{name}"
    return Case(
        f"bad file {name}, ingest", command, 1, (name, *says), changes=True, needs_home=True
    )


def broken(
    name: str, fault: Fault, command: str | tuple[str, ...], *says: str, exit_code: int = 1
) -> Case:
    text = command if isinstance(command, str) else " ".join(command)
    is_dbt = text.startswith("dbt")
    return Case(
        f"{name}, {text}", command, exit_code, says, fault=fault, needs_home=True, changes=is_dbt,
        most_lines=DBT_LINES if is_dbt else 60 if "status" in text else FEW_LINES,
    )  # fmt: skip


def stopped(command: str, number: signal.Signals, after: float | str, needs_home: bool) -> Case:
    is_dbt = command.startswith("dbt")
    return Case(
        f"{'Ctrl-C' if number == signal.SIGINT else number.name} in {command}", command,
        128 + number, ("finished", "→"), interrupt=(number, after), changes=True,
        needs_home=needs_home, most_lines=DBT_LINES if is_dbt else FEW_LINES,
    )  # fmt: skip


BUILD = f"dbt build --select stg_product__interactions --vars '{SOURCES}'"
MORE = "footfall ingest product.interactions {work}/more/product/interactions"
INGEST = "footfall ingest product.interactions {landing}/product/interactions"
CASES: list[Case] = [
    setting("DRIVER_MEMORY_GIB", "abc", "whole number"),
    setting("DRIVER_MEMORY_GIB", "0", "1 or more"),
    setting("DRIVER_MEMORY_GIB", "9999", "this machine has"),
    setting("CORES", "0", "1 or more"),
    setting("CORES", "two", "whole number"),
    setting("DB_SCHEMA", "a`b", "lower-case"),
    setting("DB_SCHEMA", "Footfall", "lower-case"),
    setting("JIT_LEVEL", "9", "1 to 4"),
    setting("CONFLICT_RETRIES", "-1", "0 or more"),
    setting("DATA_SKIPPING", "perhaps", "true or false"),
    setting("IVY_SETTINGS", "/no/such.xml", "file that exists"),
    setting("ERASURE_KEY", "short", "16 characters"),
    setting("PROJECT_DIR", "/no/such", "dbt_project.yml"),
    setting("HOME", "/etc/passwd", "a folder"),
    setting("CACHE", "/etc/passwd", "a folder"),
    setting("LOG_LEVEL", "loud", "DEBUG"),
    setting("CORES", "0", "1 or more", "footfall doctor"),
    setting("CORES", "0", "1 or more", "dbt parse"),
    setting("DB_SCHEMA", "a`b", "lower-case", "dbt parse"),
    setting("DRIVER_MEMORY_GIB", "9999", "this machine has", "dbt parse"),
    Case(
        "home that cannot be written, footfall status", "footfall status", 1, ("/proc/footfall",),
        env={"FOOTFALL_HOME": "/proc/footfall"},
    ),
    Case(
        "cache that cannot be written, footfall query --engine spark",
        ("footfall", "query", "--engine", "spark", "select 1"), 1, ("FOOTFALL_CACHE",),
        env={"FOOTFALL_CACHE": "/proc/footfall"},
    ),
    Case(
        "Java that does not start, footfall query --engine spark",
        ("footfall", "query", "--engine", "spark", "select 1"), 1,
        ("Spark could not start", "spark.log"), env={"JAVA_HOME": "{work}/java"},
    ),
    argument("footfall no-such-command", "no-such-command"),
    argument("footfall query", "sql"),
    argument("footfall query --format xml 'select 1'", "xml"),
    argument("footfall demo --days 0", "days"),
    argument("footfall demo --days many", "days"),
    argument("footfall generate", "--out"),
    argument("footfall generate --out {work}/x --start 2025-02-30", "2025-02-30"),
    argument("footfall generate --out {work}/x --workload training --users 5", "--users"),
    argument("footfall generate --out /proc/footfall --days 1 --users 5", "/proc", exit_code=1),
    argument("footfall ingest product.visits {work}/x.csv", "product.visits"),
    argument("footfall ingest product.interactions {work}/nothing.csv", "nothing.csv"),
    argument("footfall ingest product.interactions {work}/*.none", "none"),
    argument("footfall ingest product.interactions {work}/bad/folder_without_files", "folder"),
    argument("footfall ingest product.interactions {work}/bad/no.format", "no.format"),
    argument(
        "footfall ingest product.interactions {work}/bad/other_columns.csv "
        "--mapping {work}/none.yml",
        "none.yml",
    ),
    argument(
        "footfall ingest product.interactions {work}/bad/other_columns.csv "
        "--mapping {work}/bad/mapping_no_yaml.yml",
        "mapping_no_yaml.yml",
    ),
    argument(
        "footfall ingest product.interactions {work}/bad/other_columns.csv "
        "--mapping {work}/bad/mapping_unknown_column.yml",
        "no_such_column",
    ),
    argument("footfall export-sequences --out {work}/export", "--date"),
    argument(
        "footfall export-sequences --out {work}/export --start 2025-08-03 --end 2025-08-01", "after"
    ),
    argument("footfall export-sequences --out {work}/export --start 2025-08-03", "--end"),
    argument("footfall export-sequences --out {work}/export --date yesterday", "yesterday"),
    argument("footfall export-sequences --out s3://bucket/x --date 2025-08-01", "s3"),
    argument("footfall export-sequences --verify --out {work}/none", "none", exit_code=1),
    argument("footfall export-sequences --verify --shard-rows 5 --out {work}", "--verify"),
    argument("footfall backfill"),
    argument("footfall backfill --start 2025-08-03 --end 2025-08-01"),
    argument("footfall backfill --days 2025-08-03,soon", "soon"),
    argument("footfall backfill --resume --gaps", "--resume"),
    argument("footfall backfill fct_sessions", "fct_sessions"),
    argument("footfall maintain --retain-hours 1", "168", most_lines=FEW_LINES),
    argument("footfall erase", "--user"),
    stopped("footfall generate --out {work}/x --days 30 --users 30000", signal.SIGINT, 4.0, False),
    stopped("footfall generate --out {work}/y --days 30 --users 30000", signal.SIGTERM, 4.0, False),
    broken("wrong column", no_fault, ("footfall", "query", f"select nope from {TABLE}"),
           "nope", "line 1"),
    broken("wrong SQL", no_fault, ("footfall", "query", "selec 1"), "selec"),
    broken("no such table", no_fault,
           ("footfall", "query", "select * from footfall_gold.nothing"), "nothing"),
    broken("truncated commit", truncated_commit, "footfall status", TABLE, "_delta_log"),
    broken("truncated commit", truncated_commit,
           ("footfall", "query", f"select count(*) from {TABLE}"), TABLE, "_delta_log"),
    broken("truncated commit", truncated_commit, BUILD, TABLE, "_delta_log"),
    broken("missing data file", missing_data_file,
           ("footfall", "query", f"select max(user_id) from {TABLE}"), TABLE, ".parquet"),
    broken("metastore lost", lost_metastore, "footfall status", "missing", "footfall repair"),
    # dbt ends so where its connection fails, before any node.
    broken("metastore lost", lost_metastore, BUILD, "missing", "footfall repair", exit_code=2),
    Case(
        "home moved, footfall query", ("footfall", "query", f"select max(user_id) from {TABLE}"), 1,
        ("moved", "footfall repair"), env={"FOOTFALL_HOME": "{work}/moved"}, fault=home_copied,
        needs_home=True,
    ),
    Case(
        "home in use, footfall status --catalog", "footfall status --catalog", 1,
        ("Another process", "process "),
        fault=holder, needs_home=True,
    ),
    Case(
        "holder killed, footfall status --catalog", "footfall status --catalog", 0,
        (TABLE.partition(".")[2],),
        fault=killed_holder,
        needs_home=True, most_lines=60,
    ),
    Case(
        "disk full, footfall ingest", MORE, 1,
        ("disk is full",), fault=full_disk, needs_home=True, changes=True,
    ),
    stopped(MORE, signal.SIGINT, 9.0, True),
    stopped(MORE, signal.SIGTERM, 9.0, True),
    stopped(f"{BUILD} --full-refresh", signal.SIGINT, "START sql", True),
    stopped(f"{BUILD} --full-refresh", signal.SIGTERM, "START sql", True),
    bad_file("empty.parquet"),
    bad_file("truncated.parquet"),
    bad_file("text.parquet"),
    bad_file("no_header.csv"),
    bad_file("repeated.csv", "twice"),
    bad_file("other_columns.csv"),
    bad_file("broken.json"),
    bad_file("broken.csv.gz"),
]  # fmt: skip


# ---------- running


@dataclass(frozen=True)
class Outcome:
    name: str
    exit_code: int
    lines: int
    seconds: float
    unchanged: bool
    problems: list[str]
    output: str


def environment(home: Home) -> dict[str, str]:
    cache = os.environ.get("FOOTFALL_CACHE", str(PROJECT / ".footfall" / "cache"))
    quick = {
        "FOOTFALL_DRIVER_MEMORY_GIB": "2",
        "FOOTFALL_JIT_LEVEL": "1",
        "FOOTFALL_DATA_SKIPPING": "false",
    }
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("FOOTFALL_", "DBT_"))}
    return inherited | quick | {
        "FOOTFALL_HOME": str(home.path), "FOOTFALL_CACHE": cache, "COLUMNS": "200",
        "DBT_TARGET_PATH": str(home.work / "target"), "DBT_LOG_PATH": str(home.work / "dbt-logs"),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "NO_COLOR": "1",
    }  # fmt: skip


def arguments(case: Case, home: Home) -> list[str]:
    words = shlex.split(case.command) if isinstance(case.command, str) else list(case.command)
    places = {"{home}": home.path, "{work}": home.work, "{landing}": home.landing}
    for mark, folder in places.items():
        words = [word.replace(mark, str(folder)) for word in words]
    return [str(BIN / words[0]), *words[1:]]


def run_case(case: Case, home: Home) -> Outcome:
    env = environment(home) | {k: v.replace("{work}", str(home.work)) for k, v in case.env.items()}
    with case.fault(home):
        state = Path(env["FOOTFALL_HOME"])
        before = home.state(state)
        started = time.monotonic()
        with tempfile.NamedTemporaryFile("w+") as output:
            process = subprocess.Popen(
                arguments(case, home), env=env, cwd=PROJECT, stdout=output,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
            if case.interrupt:
                number, after = case.interrupt
                await_moment(process, Path(output.name), after)
                process.send_signal(number)
            try:
                code = process.wait(SECONDS_AT_MOST)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                code = process.wait()
            seconds = time.monotonic() - started
            output.seek(0)
            text = output.read()
        unchanged = home.state(state) == before
    lines = [line for line in text.splitlines() if line.strip()]
    problems = []
    if code != case.exit_code:
        problems.append(f"exit code {code}, expected {case.exit_code}")
    if len(lines) > case.most_lines:
        problems.append(f"{len(lines)} lines, expected {case.most_lines} at most")
    if TRACE.search(text):
        problems.append("a trace")
    problems += [f"does not say {said!r}" for said in case.says if said not in text]
    if not unchanged and not case.changes:
        problems.append("the state changed")
    return Outcome(case.name, code, len(lines), seconds, unchanged, problems, text)


def await_moment(process: subprocess.Popen[bytes], output: Path, after: float | str) -> None:
    """Wait for seconds, or until the output has a text."""
    deadline = time.monotonic() + (SECONDS_AT_MOST if isinstance(after, str) else after)
    while time.monotonic() < deadline and process.poll() is None:
        if isinstance(after, str) and after in output.read_text():
            time.sleep(3)
            return
        time.sleep(0.1)


def build(home: Home, with_tables: bool) -> None:
    """Generate files, and load and build tables where cases need them."""

    def run(command: str) -> None:
        print(f"$ {command}", file=sys.stderr)
        subprocess.run(
            arguments(Case("", command, 0), home), env=environment(home), cwd=PROJECT, check=True,
            stdout=subprocess.DEVNULL,
        )  # fmt: skip

    home.work.mkdir(parents=True, exist_ok=True)
    if not home.landing.is_dir():
        run("footfall generate --out {landing} --days 2 --users 50")
        run("footfall generate --out {work}/more --days 20 --users 4000 --seed 5")
        good = next((home.landing / "product" / "interactions").rglob("*.parquet"))
        write_bad_files(home.work / "bad", good)
        write_broken_java(home.work / "java")
    if with_tables:
        if not home.pristine.is_dir():
            run(INGEST)
            run(BUILD)
            shutil.move(home.path, home.pristine)
        home.restore()


def table_of(outcomes: list[Outcome]) -> str:
    rows = [
        "| case | exit code | lines | seconds | state |",
        "| --- | ---: | ---: | ---: | --- |",
    ]
    for outcome in outcomes:
        state = "as before" if outcome.unchanged else "a whole step further"
        if outcome.problems:
            state = f"**fails**: {'; '.join(outcome.problems)}"
        name = outcome.name.replace("|", "\\|").replace("`", "'")
        seconds = f"{outcome.seconds:.1f}"
        rows.append(f"| {name} | {outcome.exit_code} | {outcome.lines} | {seconds} | {state} |")
    return "\n".join(rows)


def write_page(outcomes: list[Outcome]) -> None:
    text = PAGE.read_text().split(MARK)[0]
    PAGE.write_text(f"{text}{MARK}\n\n{table_of(outcomes)}\n")


def run_cases(cases: list[Case], home: Home) -> Iterator[Outcome]:
    """Run the cases that have not passed in this folder before, those without Spark first."""
    file = home.work / "passed.json"
    passed = json.loads(file.read_text()) if file.is_file() else {}
    for with_tables in (False, True):
        chosen = [case for case in cases if case.needs_home == with_tables]
        if any(case.name not in passed for case in chosen):
            build(home, with_tables)
        for case in chosen:
            if case.name in passed:
                yield Outcome(**passed[case.name])
                continue
            if with_tables:
                home.restore()
            outcome = run_case(case, home)
            if not outcome.problems:
                passed[case.name] = asdict(outcome)
                file.write_text(json.dumps(passed))
            yield outcome


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--only", metavar="PATTERN", help="cases whose name has this (a regex)")
    parser.add_argument("--list", action="store_true", help="name the cases")
    parser.add_argument("--show", action="store_true", help="print what each case printed")
    parser.add_argument(
        "--work", type=Path, help="a folder to keep; the next run there skips what has passed"
    )
    options = parser.parse_args()
    cases = [case for case in CASES if re.search(options.only or "", case.name)]
    if options.list:
        print("\n".join(case.name for case in cases))
        return
    outcomes = []
    with tempfile.TemporaryDirectory(prefix="faults-") as temporary:
        for outcome in run_cases(cases, Home((options.work or Path(temporary)).absolute())):
            outcomes.append(outcome)
            if not options.only:
                write_page(outcomes)
            verdict = "; ".join(outcome.problems) or "ok"
            print(
                f"{verdict[:60]:<4} exit {outcome.exit_code:>4} {outcome.lines:>4} lines "
                f"{outcome.seconds:>6.1f} s  {outcome.name}",
                flush=True,
            )
            if options.show or outcome.problems:
                print("    " + outcome.output[-3000:].strip().replace("\n", "\n    "))
    failed = [outcome for outcome in outcomes if outcome.problems]
    print(f"{len(outcomes)} cases, {len(failed)} failed")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
