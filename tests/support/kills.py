"""Kill the real commands at random moments, run them again, and hold the tables against a home
where the same commands ran undisturbed.

A round starts from a prepared home. Each job of it is killed (SIGKILL), the same command is started
again at once and perhaps killed again, until it completes. Then everything that the home holds is
compared: rows of all tables, their load properties, the record of backfills and of erasures, the
exported shards, and after the erasure every byte. No file of the home is touched in between.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import psutil
import pyarrow.parquet as pq
import typer
import yaml

from footfall.checksum import sha256_of
from footfall.project.records import RUN_RESULTS
from footfall.settings import PROJECT_DIR
from footfall.spark.shared import JVM_END_SECONDS
from support import crash_home
from support.delta_files import BrokenTableError, DeltaTable, commits, read_table, table_folders
from support.object_store import TABLES, ObjectStore

JOBS = ("ingest", "build", "backfill", "export", "maintain", "erase")
"""In the order of a round."""
SOURCES = ("product", "app", "shop", "crm")
PROJECT_PARTS = ("macros", "models", "seeds", "snapshots", "data_tests/generic", "profiles.yml")
EXPORT_DAY = crash_home.START + timedelta(days=1)
MOST_KILLS_IN_A_CHAIN = 10
LONGEST_CHAIN_SECONDS = 220
"""About how long a job is killed before it may complete: quick jobs are killed more often."""
LONGEST_RUN_SECONDS = 900 + JVM_END_SECONDS
POLL_SECONDS = 0.02
ARRIVAL = {"_load_id", "load_id", "ingested_at", "_ingested_at", "recorded_at"}
"""Columns that tell how and when rows arrived, and not what they say."""
RECORDS = {"dq_backfills", "dq_erasures", "dq_load_reconciliation", RUN_RESULTS}
"""Tables with times and random keys; what must hold of them is asked on its own."""

Say = Callable[[str], None]


@dataclass
class Kill:
    """One SIGKILL.

    Attributes:
        job: what was killed.
        template: whether the round began with built tables (``built``) or without (``fresh``).
        group: the JVM was killed too, and not only the Python process.
        at_seconds: after the process was started.
        share: of the job's time from Spark's start to its end.
        commits: how many the attempt had made until then.
    """

    job: str
    template: str
    group: bool
    at_seconds: float
    share: float
    commits: int


@dataclass
class Report:
    """What was done, and what was found broken (``breaches``)."""

    seed: int
    kills: list[Kill] = field(default_factory=list)
    completed: Counter[str] = field(default_factory=Counter)
    breaches: list[str] = field(default_factory=list)

    def of(self, job: str) -> dict[str, int]:
        """Return the figures of a job."""
        kills = [kill for kill in self.kills if kill.job == job]
        return {
            "kills": len(kills),
            "with its JVM": sum(kill.group for kill in kills),
            "before the first commit": sum(not kill.commits for kill in kills),
            "after it": sum(kill.commits > 0 for kill in kills),
            "completed": self.completed[job],
            "breaches": sum(breach.startswith(f"{job}:") for breach in self.breaches),
        }


@dataclass
class Timing:
    """How long an undisturbed run took until Spark was there, and in all."""

    start_up: float
    end: float


@dataclass
class State:
    """What a home holds.

    Attributes:
        rows: of each table, as a bag; see ``delta_files``.
        loads: the properties of each table that say what it reflects and was built under.
        reconciliation: per source the rows in, accepted, duplicates and quarantined.
        export: the rows of all shards that the manifest names.
    """

    rows: dict[str, Counter[str]]
    loads: dict[str, dict[str, str]]
    reconciliation: Counter[str]
    export: Counter[str]

    @classmethod
    def of(cls, known: dict[str, Any]) -> State:
        """Return the state that was written as JSON."""
        rows = {name: Counter(bag) for name, bag in known["rows"].items()}
        totals = Counter(known["reconciliation"]), Counter(known["export"])
        return cls(rows, known["loads"], *totals)


class Run:
    """One attempt of a command, in a process group of its own."""

    def __init__(self, lab: Lab, command: Sequence[str], log: Path) -> None:
        self.lab = lab
        self.log = log
        self.metastore_lock = lab.home / "metastore" / "dbex.lck"
        self.before = _stamp(self.metastore_lock)
        self.commits_before = lab.commits()
        self.started = time.monotonic()
        with log.open("w") as file:
            self.process = subprocess.Popen(
                command, cwd=lab.folder, env=lab.environment, stdin=subprocess.DEVNULL,
                stdout=file, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started

    @property
    def ended(self) -> bool:
        return self.process.poll() is not None

    def until(self, seconds: float) -> bool:
        """Wait; return False where the process ended before."""
        while not self.ended and self.seconds < seconds:
            time.sleep(POLL_SECONDS)
        return not self.ended

    def until_spark(self) -> bool:
        """Wait until Spark has opened the metastore; False where the process ends before."""
        while not self.ended and self.seconds < LONGEST_RUN_SECONDS:
            if _stamp(self.metastore_lock) != self.before:
                return True
            time.sleep(POLL_SECONDS)
        return False

    def kill(self, group: bool) -> int:
        """Kill, and return how many commits the attempt had made."""
        (os.killpg if group else os.kill)(self.process.pid, signal.SIGKILL)
        self.process.wait()
        made = len(self.lab.commits() - self.commits_before)
        if group:
            _await_group(self.process.pid)
        return made

    def finish(self) -> int | None:
        """Wait for the end and return the exit code; None where it hung and had to be killed."""
        in_time = not self.until(LONGEST_RUN_SECONDS)
        if not in_time:
            self.kill(group=True)
            return None
        _await_group(self.process.pid)
        return self.process.returncode

    def tail(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()
        return " | ".join(line.strip() for line in lines[-12:] if line.strip())[-1500:]


def _stamp(file: Path) -> tuple[int, int] | None:
    try:
        status = file.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_mtime_ns


def _members(group: int) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (ProcessLookupError, psutil.NoSuchProcess):
            continue
    return found


def _await_group(group: int) -> None:
    """Wait until the JVM and all other processes of a group are gone."""
    deadline = time.monotonic() + JVM_END_SECONDS
    while _members(group):
        if time.monotonic() > deadline:
            raise TimeoutError(f"processes of the group {group} live on")
        time.sleep(POLL_SECONDS)


@dataclass(frozen=True)
class Place:
    """What the commands run on.

    Attributes:
        environment: the settings that name it.
        store: holds the tables, below the key :data:`TABLES`; None for files of this machine.
    """

    environment: Mapping[str, str] = field(default_factory=dict)
    store: ObjectStore | None = None


class Lab:
    """A folder with a project, landing files and the home in which jobs are killed.

    Tables and catalog hold absolute paths: a home is put back where it was prepared.
    """

    def __init__(
        self,
        folder: Path,
        jobs: Sequence[str],
        sources: Sequence[str],
        say: Say,
        place: Place,
    ) -> None:
        self.folder = folder
        self.place = place
        self.jobs = tuple(job for job in JOBS if job in jobs)
        self.sources = tuple(sources)
        self.say = say
        self.state = folder / "state"
        self.home = self.state / "home"
        self.warehouse = self.state / TABLES if place.store else self.home / "warehouse"
        self.export = self.state / "export"
        self.landing = folder / "landing"
        self.logs = folder / "logs"
        self.memory = folder / "measured.json"
        self.attempts = 0
        self.running: int | None = None
        self.references: dict[tuple[str, str], tuple[Timing, State]] = {}
        self.catalogs: dict[str, dict[str, Any]] = {}
        self.environment = self._environment()
        if self._is_ready():
            return
        if folder.is_dir() and any(folder.iterdir()) and not self.memory.is_file():
            raise ValueError(f"{folder} is not empty and not of an earlier call")
        shutil.rmtree(folder, ignore_errors=True)
        self.logs.mkdir(parents=True)
        self._copy_project(folder / "project")
        crash_home.write_landing(self.landing, sources)
        self._save()

    @property
    def _identity(self) -> list[object]:
        return [list(self.jobs), list(self.sources)]

    def _is_ready(self) -> bool:
        """Take over what an earlier lab of the same kind has prepared and measured."""
        if not self.memory.is_file():
            return False
        known = json.loads(self.memory.read_text())
        if known["identity"] != self._identity:
            return False
        self.catalogs = known["catalogs"]
        for template, job, timing, state in known["references"]:
            self.references[template, job] = Timing(**timing), State.of(state)
        return True

    def _save(self) -> None:
        references = [
            (*key, vars(timing), vars(state)) for key, (timing, state) in self.references.items()
        ]
        known = {"identity": self._identity, "catalogs": self.catalogs, "references": references}
        self.memory.write_text(json.dumps(known))

    def _copy_project(self, project: Path) -> None:
        """Copy the dbt project: one that has these sources only."""
        for part in PROJECT_PARTS:
            source = PROJECT_DIR / part
            (project / part).parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, project / part)
            else:
                shutil.copy(source, project / part)
        settings = yaml.safe_load((PROJECT_DIR / "dbt_project.yml").read_text())
        settings["vars"]["sources"] = list(self.sources)
        # So few rows would seldom leave enough small files for an OPTIMIZE.
        settings["vars"]["optimize_small_files"] = 12
        (project / "dbt_project.yml").write_text(yaml.safe_dump(settings))

    def _environment(self) -> dict[str, str]:
        own = {
            "FOOTFALL_HOME": str(self.home),
            "FOOTFALL_PROJECT_DIR": str(self.folder / "project"),
            "DBT_PROJECT_DIR": str(self.folder / "project"),
            "DBT_PROFILES_DIR": str(self.folder / "project"),
            "DBT_TARGET_PATH": str(self.home / "target"),
            "DBT_LOG_PATH": str(self.home / "dbt_logs"),
            "FOOTFALL_DB_SCHEMA": "kills",
            "COLUMNS": "200",
        }
        jars = Path(os.environ.get("FOOTFALL_HOME", PROJECT_DIR / ".footfall")) / "cache"
        usual = {
            "FOOTFALL_CACHE": str(jars.resolve()),
            "FOOTFALL_DRIVER_MEMORY_GIB": "2",
            "FOOTFALL_JIT_LEVEL": "1",
            "FOOTFALL_DATA_SKIPPING": "false",
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        }
        return usual | os.environ | own | dict(self.place.environment)

    def command(self, job: str) -> list[str]:
        """Return the command of a job, as a user types it."""
        program = "dbt" if job == "build" else "footfall"
        return [str(Path(sys.executable).with_name(program)), *self._arguments(job)]

    def _arguments(self, job: str) -> list[str]:
        first, last = crash_home.START, crash_home.LAST_DAY
        newest = crash_home.newest_entity(self.sources)
        person = ["--user", crash_home.USER] if {"product", "app"} & {*self.sources} else []
        if {"shop", "crm"} & {*self.sources}:
            person += ["--customer", str(crash_home.CUSTOMER)]
        models = []
        if {"product", "app"} & {*self.sources}:
            models += ["fct_sessions", "fct_session_metrics_daily", "fct_active_users_daily"]
        if "product" in self.sources:
            models += ["fct_user_product_daily", "int_user_product_monthly"]
        if "shop" in self.sources:
            models += ["training_samples", "training_sequences"]
        match job:
            case "ingest":
                return [
                    "ingest",
                    newest,
                    *(str(self.landing / kind / newest) for kind in ("first", "new")),
                ]
            case "build":
                tests = ("--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")
                return ["build", *tests]
            case "backfill":
                days = ["--start", str(first), "--end", str(last), "--chunk-days", "2"]
                return ["backfill", *days, "--parallel", "2", "--select", " ".join(models)]
            case "export":
                return ["export-sequences", "--date", str(EXPORT_DAY), "--out", str(self.export)]
            case "maintain":
                return ["maintain", "--retain-hours", "0", "--force"]
            case "erase":
                return ["erase", *person, "--reason", "request 2025-118", "--purge"]
            case _:
                raise ValueError(job)

    def commits(self) -> set[str]:
        """Return all commits, and the exported files, as they stand in the home now."""
        exported = {f"{file.name} {_stamp(file)}" for file in self.export.glob("[!.]*")}
        if store := self.place.store:
            keys = {key for key in store.keys(TABLES) if "/_delta_log/" in key}
            return {key for key in keys if key.endswith(".json")} | exported
        return commits(self.warehouse) | exported

    def start(self, job: str) -> Run:
        self.attempts += 1
        run = Run(self, self.command(job), self.logs / f"{self.attempts:04}-{job}.log")
        self.running = run.process.pid
        return run

    def stop(self) -> None:
        """End what is still running of the last attempt."""
        if self.running is not None and _members(self.running):
            os.killpg(self.running, signal.SIGKILL)

    def spark(self, *arguments: str) -> None:
        """Run a command of ``crash_home.py``."""
        script = [sys.executable, str(Path(crash_home.__file__)), *arguments]
        log = self.logs / f"{arguments[0]}.log"
        with log.open("w") as file:
            process = subprocess.Popen(
                script, cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL,
                stdout=file, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        if process.wait():
            raise RuntimeError(f"{arguments[0]} failed: {log.read_text()[-3000:]}")
        _await_group(process.pid)

    def template(self, name: str) -> Path:
        """Return the folder of a prepared state, made on the first call."""
        folder = self.folder / f"template-{name}"
        if not folder.exists():
            self.say(f"preparing a home: {name}")
            shutil.rmtree(self.state, ignore_errors=True)
            self.home.mkdir(parents=True)
            if self.place.store:
                self.place.store.clear(TABLES)
            paths = (str(self.landing), str(self.export), ",".join(self.sources))
            self.spark("prepare", *paths, name)
            self._download()
            shutil.copytree(self.state, folder, symlinks=True)
        return folder

    def restore(self, name: str) -> None:
        """Put a prepared state in place."""
        template = self.template(name)
        shutil.rmtree(self.state, ignore_errors=True)
        shutil.copytree(template, self.state, symlinks=True)
        if store := self.place.store:
            store.clear(TABLES)
            store.upload(self.warehouse, TABLES)

    def _download(self) -> None:
        """Make the tables of a bucket readable as files."""
        if self.place.store:
            shutil.rmtree(self.warehouse, ignore_errors=True)
            self.place.store.download(TABLES, self.warehouse)

    def catalog(self) -> dict[str, Any]:
        """Return what Spark finds in the catalog, with the number of rows."""
        file = self.folder / "catalog.json"
        self.spark("catalog", str(file))
        found: dict[str, Any] = json.loads(file.read_text())
        return found

    def measure(self, template: str) -> None:
        """Run the jobs undisturbed; remember how long each took and what the home held then."""
        if all((template, job) in self.references for job in self.jobs):
            return
        self.restore(template)
        for job in self.jobs:
            run = self.start(job)
            run.until_spark()
            start_up = run.seconds
            if run.finish() != 0:
                raise RuntimeError(f"{job} fails undisturbed: {run.tail()}")
            timing = Timing(start_up, run.seconds)
            self.say(f"{job} ({template}) takes {timing.end:.0f} s, {start_up:.0f} to Spark")
            self.references[template, job] = timing, self.look()
        self.catalogs[template] = self.catalog()
        self._save()

    # ---------- what a home holds

    def tables(self) -> dict[str, DeltaTable]:
        """Return all tables, each of whose files is there.

        Raises:
            BrokenTableError: a table cannot be read.
        """
        found = {}
        self._download()
        for name, folder in table_folders(self.warehouse).items():
            if table := read_table(folder):
                table.check()
                found[name] = table
        return found

    def look(self) -> State:
        tables = self.tables()
        rows = {
            name: table.rows(without=ARRIVAL)
            for name, table in tables.items()
            if name.split(".")[1] not in RECORDS
        }
        loads = {
            name: {
                key: value
                for key, value in table.properties.items()
                if key.startswith(("footfall.loads.", "footfall.definitions."))
            }
            for name, table in tables.items()
        }
        return State(rows, loads, self._reconciliation(tables), self.exported())

    @staticmethod
    def _reconciliation(tables: dict[str, DeltaTable]) -> Counter[str]:
        totals: Counter[str] = Counter()
        for row in _records(tables, "dq_load_reconciliation"):
            for column in ("rows_in", "accepted", "duplicates", "quarantined"):
                totals[f"{row['source']} {column}"] += int(row[column])
        return totals

    def exported(self) -> Counter[str]:
        """Return the rows of the export; hold each shard against the manifest.

        Raises:
            BrokenTableError: a shard is missing or is not what the manifest says.
        """
        rows: Counter[str] = Counter()
        for manifest in self.export.glob("_manifest-*.json"):
            for shard in json.loads(manifest.read_text())["shards"]:
                file = self.export / shard["file"]
                if not file.is_file() or sha256_of(file) != shard["sha256"]:
                    raise BrokenTableError(f"{file} is not what {manifest.name} says")
                rows.update(map(repr, pq.read_table(file).to_pylist()))
        return rows

    # ---------- what must hold of it

    def breaches_after(self, job: str, template: str) -> Iterator[str]:
        """Say what is wrong with the home after a job has completed."""
        try:
            found, tables = self.look(), self.tables()
        except BrokenTableError as error:
            yield str(error)
            return
        _, expected = self.references[template, job]
        yield from _unequal(found, expected)
        for row in _records(tables, "dq_backfills"):
            if row["state"] != "done":
                yield f"dq_backfills says {row['state']} of chunk {row['chunk']}"
        named = {
            shard["file"]
            for manifest in self.export.glob("_manifest-*.json")
            for shard in json.loads(manifest.read_text())["shards"]
        }
        if job == "export":
            files = {f.name for f in self.export.iterdir() if not f.name.startswith("_manifest-")}
            yield from (f"{name} lies beside the shards" for name in sorted(files - named))
        if job == "erase":
            yield from self._traces(tables)

    def _traces(self, tables: dict[str, DeltaTable]) -> Iterator[str]:
        erasures = list(_records(tables, "dq_erasures"))
        if not erasures:
            yield "dq_erasures has no row"
        for row in erasures:
            if row["state"] != "done" or not row["purged_at"]:
                yield f"dq_erasures says {row['state']}, purged at {row['purged_at']}"
        for file in (*self.home.rglob("*"), *self.warehouse.rglob("*")):
            if file.is_file() and crash_home.mentions_person(file):
                yield f"{file.relative_to(self.state)} mentions the person"


def _records(tables: dict[str, DeltaTable], name: str) -> Iterator[dict[str, Any]]:
    for full_name, table in tables.items():
        if full_name.endswith(f".{name}"):
            yield from table.records()


def _unequal(found: State, expected: State) -> Iterator[str]:
    for name in sorted(found.rows.keys() | expected.rows.keys()):
        if name not in found.rows or name not in expected.rows:
            yield f"{name} is {'missing' if name in expected.rows else 'there and should not be'}"
            continue
        lost, more = expected.rows[name] - found.rows[name], found.rows[name] - expected.rows[name]
        if lost or more:
            example = next(iter(lost or more))[:300]
            yield f"{name}: {lost.total()} rows lost, {more.total()} too many, such as {example}"
        if found.loads[name] != expected.loads[name]:
            yield f"{name} reflects {found.loads[name]}, not {expected.loads[name]}"
    if found.reconciliation != expected.reconciliation:
        yield f"reconciliation: {found.reconciliation}, not {expected.reconciliation}"
    if found.export != expected.export:
        yield f"export: {found.export.total()} rows differ from {expected.export.total()}"


class Harness:
    """Rounds of jobs, killed until enough kills were made."""

    def __init__(self, lab: Lab, kills: int, seed: int, again: float, say: Say) -> None:
        self.lab = lab
        self.kills = kills
        self.again = again
        self.say = say
        self.round = 0
        self.report = Report(seed)

    def run(self, templates: Sequence[str]) -> Report:
        """Kill until the number is reached; every round ends with all its jobs compared."""
        while self._left > 0:
            template = templates[self.round % len(templates)]
            self.round += 1
            self.lab.measure(template)
            self.lab.restore(template)
            self.say(f"round {self.round} ({template}), {self._left} kills to go")
            if all(self._job(job, template) for job in self.lab.jobs):
                self._compare_catalog(template)
        return self.report

    def _compare_catalog(self, template: str) -> None:
        found, expected = self.lab.catalog(), self.lab.catalogs[template]
        if found != expected:
            self._breach("catalog", f"{found}, not {expected}")

    @property
    def _left(self) -> int:
        return self.kills - len(self.report.kills)

    def _breach(self, job: str, text: str) -> None:
        self.report.breaches.append(f"{job}: {text}")
        self.say(f"BREACH {job}: {text}")

    def _job(self, job: str, template: str) -> bool:
        """Kill a job again and again, let it complete, compare; return whether all is well."""
        before = len(self.report.breaches)
        for number in range(self._chain(job, template)):
            if not self._kill(job, template, number):
                break
        else:
            self._complete(job)
        self.report.completed[job] += 1
        for breach in self.lab.breaches_after(job, template):
            self._breach(job, f"{breach} [{template}, attempt {self.lab.attempts}]")
        return len(self.report.breaches) == before

    def _chain(self, job: str, template: str) -> int:
        timing, _ = self.lab.references[template, job]
        seconds_per_kill = (timing.start_up + timing.end) / 2
        most = min(int(LONGEST_CHAIN_SECONDS / seconds_per_kill) or 1, MOST_KILLS_IN_A_CHAIN)
        kills = min(1, self._left)
        chance = self._random(job, "chain")
        while kills < min(self._left, most) and chance.random() < self.again:
            kills += 1
        return kills

    def _random(self, *about: object) -> random.Random:
        """Return random numbers that do not depend on how often others were drawn before."""
        return random.Random(repr((self.report.seed, self.round, *about)))

    def _kill(self, job: str, template: str, number: int) -> bool:
        """Start a job and kill it; return False where it came to its end before."""
        timing, _ = self.lab.references[template, job]
        chance = self._random(job, number)
        share, group = chance.random(), chance.random() < 0.5
        run = self.lab.start(job)
        alive = run.until_spark() and run.until(
            run.seconds + share * (timing.end - timing.start_up)
        )
        if not alive:
            self._judge(job, run)
            # The machine is faster now than when it was measured: the next moments come earlier.
            timing.end = min(timing.end, run.seconds)
            return False
        at = run.seconds
        made = run.kill(group)
        self.report.kills.append(Kill(job, template, group, round(at, 2), round(share, 3), made))
        self.say(f"{job}: killed {'group' if group else 'python'} at {at:.1f} s, {made} commits")
        if group:
            self._look_at_once(job)
        return True

    def _complete(self, job: str) -> None:
        self._judge(job, self.lab.start(job))

    def _judge(self, job: str, run: Run) -> None:
        """Wait for an attempt's end; a failure is a breach."""
        code = run.finish()
        if code is None:
            self._breach(job, f"did not end within {LONGEST_RUN_SECONDS} s: {run.tail()}")
        elif code != 0 and not self._was_complete(job, run):
            self._breach(job, f"exit code {code} after a kill: {run.tail()}")

    @staticmethod
    def _was_complete(job: str, run: Run) -> bool:
        """Return whether the killed attempt had done it all, so that this one found nothing."""
        return job == "erase" and "Nothing was found" in run.log.read_text()

    def _look_at_once(self, job: str) -> None:
        """Nothing half-written is visible, not even before the command runs again."""
        try:
            self.lab.tables()
            self.lab.exported()
        except BrokenTableError as error:
            self._breach(job, f"right after a kill: {error}")


def run_kills(
    kills: int,
    seed: int,
    jobs: Sequence[str] = JOBS,
    *,
    sources: Sequence[str] = SOURCES,
    templates: Sequence[str] = ("built", "fresh"),
    again: float = 0.6,
    folder: Path | None = None,
    place: Place | None = None,
    say: Say = lambda _line: None,
) -> Report:
    """Kill jobs and return what was found.

    Args:
        kills: how many.
        seed: of the moments and of the processes that are killed.
        jobs: of :data:`JOBS`; a round runs them in that order.
        sources: which the project has.
        templates: what rounds begin with in turn: ``built`` tables, or ``fresh``: files of which
            nothing is built, the newest entity's not even loaded.
        again: how likely the command that follows a kill is killed too.
        folder: where to work; by default a temporary folder. What was prepared and measured there
            for the same jobs and sources is used again; anything else in it is removed.
        place: what the commands run on; by default this machine and its files.
        say: called with a line on what is done.
    """
    with tempfile.TemporaryDirectory(prefix="footfall-kills-") as name:
        work = (folder or Path(name) / "lab").absolute()
        lab = Lab(work, jobs, sources, say, place or Place())
        try:
            return Harness(lab, kills, seed, again, say).run(templates)
        finally:
            lab.stop()


def main(
    kills: Annotated[int, typer.Option(min=1, help="How many kills.")] = 50,
    seed: Annotated[int, typer.Option(help="Same seed, same moments.")] = 1,
    jobs: Annotated[str, typer.Option(help="Which jobs to kill.")] = ",".join(JOBS),
    sources: Annotated[str, typer.Option(help="Which sources there are.")] = ",".join(SOURCES),
    templates: Annotated[str, typer.Option(help="What rounds begin with.")] = "built,fresh",
    again: Annotated[float, typer.Option(help="How likely a kill follows a kill.")] = 0.6,
    folder: Annotated[
        Path | None, typer.Option(help="Work here and keep all; the next call starts sooner.")
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the report here.")] = None,
) -> None:
    """Kill footfall's commands at random moments and prove that nothing is lost or doubled.

    Exit code 1 says that something was.

    Example: PYTHONPATH=tests python -m support.kills --kills 20 --jobs ingest,build
    """
    chosen = jobs.split(",")
    if unknown := set(chosen) - set(JOBS):
        raise typer.BadParameter(f"{', '.join(sorted(unknown))}; there are {', '.join(JOBS)}")
    started = time.monotonic()
    # So that the harness takes its commands along when it is stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    report = run_kills(
        kills,
        seed,
        chosen,
        sources=sources.split(","),
        templates=templates.split(","),
        again=again,
        folder=folder,
        say=lambda line: print(
            f"{time.monotonic() - started:6.0f} {line}", file=sys.stderr, flush=True
        ),
    )
    figures = {job: report.of(job) for job in JOBS if job in chosen}
    for job, counts in figures.items():
        print(f"{job:9} " + ", ".join(f"{count} {name}" for name, count in counts.items()))
    for breach in report.breaches:
        print(breach)
    if json_file:
        killed = [vars(kill) for kill in report.kills]
        content = vars(report) | {"kills": killed, "jobs": figures}
        json_file.write_text(json.dumps(content, indent=2) + "\n")
    if report.breaches:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
