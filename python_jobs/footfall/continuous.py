"""Turns of ingestion and build over a landing folder or Kafka topics, again and again.

A turn loads what is new in ``LANDING/<source>/<entity>`` or in the topics, then builds what reads
the entities whose bronze tables have changed since the last build of a turn. All turns of a process
share one Spark, which starts with the first that has work, and in which other commands may work
beside them.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any

import structlog
from pyspark.sql import functions as F

from footfall import interrupts
from footfall.alerts import Destination, send_alerts
from footfall.atomic import write_atomically
from footfall.errors import FootfallError, UsageError
from footfall.ingest import Feed, RejectedFile, ingest, ingest_topics, mapped_entities
from footfall.ingest.files import is_hidden
from footfall.locks import locked
from footfall.object_store import DataPath, ObjectPath, data_path, table_path
from footfall.project.contracts import get_contract, load_contracts
from footfall.project.dbt import project_vars, run_dbt
from footfall.project.turns import RECORD, Turn
from footfall.settings import Settings, get_settings
from footfall.spark.delta_log import read_delta_table
from footfall.spark.explain import explain
from footfall.spark.session import get_session

log = structlog.get_logger(__name__)

STATE = "turns.json"
LARGEST_RECORD_BYTES = 10 * 1024**2
LONGEST_PAUSE_SECONDS = 3600.0
Say = Callable[[str], None]
Versions = dict[str, str]
FileState = tuple[int, int]
"""Size in bytes and time of change in nanoseconds."""


def landing_folder(text: str | None, settings: Settings | None = None) -> DataPath | None:
    """Return the folder of landing files, if there is one.

    Args:
        text: a path or a URI; by default FOOTFALL_LANDING.
        settings: the process's own by default.

    Raises:
        UsageError: Spark cannot read from there.
    """
    settings = settings or get_settings()
    if not (named := text or settings.landing):
        return None
    folder = data_path(named, settings)
    return folder if isinstance(folder, ObjectPath) else folder.absolute()


class Turns:
    """The turns of one process.

    Args:
        landing: its folders ``source/entity`` are looked through; None where there are only topics.
        feeds: topics of Kafka, which are read until nothing is left of what there was.
        settings: home and schemas; the process's own by default.
        say: called with a line for each turn that had work.
        mapping: a mapping file that names its entities; the landing folder then has files that
            feed all of them, in folders of any names.
        alerts: where each build's changes of state are sent; None for nowhere.
    """

    def __init__(
        self,
        landing: DataPath | None,
        settings: Settings | None = None,
        say: Say = print,
        feeds: Sequence[Feed] = (),
        mapping: Path | None = None,
        alerts: Destination | None = None,
    ) -> None:
        self.mapping = mapping
        self.alerts = alerts
        self.feeds = list(feeds)
        self.settings = settings or get_settings()
        if self.feeds:
            self.settings = self.settings.model_copy(update={"kafka": True})
        self.say = say
        self.entities = built_entities()
        self.state = self.settings.home / STATE
        self._passed_over: dict[tuple[str, str], FileState] = {}
        self._folders = self._look_at(landing) if landing is not None else {}

    def _look_at(self, landing: DataPath) -> dict[str, DataPath]:
        """Return the folder of each entity's files; refuse one in which no turn finds anything."""
        if self.mapping is None:
            return entity_folders(landing, self.entities)
        _require_folder(landing)
        return dict.fromkeys(self._mapped(self.mapping), landing)

    def _mapped(self, mapping: Path) -> list[str]:
        names = mapped_entities(mapping)
        if not names:
            raise UsageError(
                f"The mapping {mapping} does not say which entities it feeds.",
                "Put what it has under `entities: {SOURCE.ENTITY: …}`.",
            )
        if unknown := [name for name in names if name not in self.entities]:
            raise UsageError(
                f"The mapping {mapping} feeds {unknown[0]}, which is not among the sources that "
                "are built.",
                "Add its source to the var `sources`, or take it out of the mapping.",
            )
        return names

    def turn(self) -> Turn:
        """Load what is new, and build what reads it.

        The first turn of a home builds everything; later ones also what other commands loaded.
        """
        turn = Turn(started_at=datetime.now(timezone.utc))
        changed: list[float] = []
        builds = False
        try:
            started = time.perf_counter()
            for name, folder in self._folders.items():
                changed += self._ingest(name, folder, turn)
            if self.feeds:
                changed += self._ingest_topics(turn)
            if turn.files or turn.messages:
                turn.ingest_seconds = time.perf_counter() - started
            # What arrives during the build belongs to the next turn.
            versions, built = self._versions(), self._built()
            if versions != built:
                started, builds = time.perf_counter(), True
                turn.built = self._build(versions, built)
                turn.build_seconds = time.perf_counter() - started
                self._note_built(self._with_made(versions))
                self._log_reconciled(turn.loads)
                turn.lag_seconds = time.time() - min(changed) if changed else None
        except Exception as error:
            told = error if isinstance(error, FootfallError) else explain(error)
            turn.error = " ".join(told.message.split())
        if builds:
            turn.alerts = self._send_alerts()
        if turn.had_work:
            self._record(turn)
            log.info("turn_ended", **turn.model_dump(mode="json"))
            self.say(turn.line())
        return turn

    def _ingest_topics(self, turn: Turn) -> list[float]:
        """Load the topics' new messages; return when the oldest of each was sent."""
        reports = ingest_topics(self.feeds, until_caught_up=True, settings=self.settings)
        loaded = [report for report in reports if report.rows]
        turn.messages = {report.source: report.rows for report in loaded}
        turn.rows += sum(turn.messages.values())
        turn.loads |= {report.source: report.load_ids for report in loaded}
        return [report.oldest_seconds for report in loaded if report.oldest_seconds is not None]

    def _ingest(self, name: str, folder: DataPath, turn: Turn) -> list[float]:
        """Load an entity's new files; return when each was changed, in seconds since 1970."""
        seen = dict(_files(folder))
        files = [
            path for path, state in seen.items() if self._passed_over.get((name, path)) != state
        ]
        if not files:
            return []
        report = ingest(name, files, self.mapping, settings=self.settings, tell=_quiet)
        # What is loaded or rejected needs no second look while it stays as it is.
        self._passed_over |= {(name, path): seen[path] for path in files}
        turn.rejected += [rejected.reason for rejected in report.rejected]
        turn.rows += report.rows
        if report.loaded:
            turn.files[name] = len(report.loaded)
            turn.loads[name] = report.load_ids
        loaded = [seen[file.source_file] for file in report.loaded if file.source_file in seen]
        return [changed_ns / 1e9 for _, changed_ns in loaded]

    def _versions(self) -> Versions:
        """Return the version of each entity's bronze table, whoever loaded it."""
        versions = {}
        for name in self.entities:
            folder = table_path(get_contract(name).bronze_table(self.settings), self.settings)
            if known := read_delta_table(folder):
                versions[name] = f"{known.table_id} {known.version}"
            elif folder.is_dir():
                # Only Spark can tell: each turn builds.
                versions[name] = f"unknown at {time.time_ns()}"
        return versions

    def _with_made(self, versions: Versions) -> Versions:
        """Add the tables without rows that the build made for entities that were never loaded."""
        made = {
            name: version
            for name, version in self._versions().items()
            if name not in versions and version.endswith(" 0")
        }
        return versions | made

    def _built(self) -> Versions | None:
        """Return the versions that the last build of a turn began with."""
        try:
            known: Versions = json.loads(self.state.read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return None
        return known

    def _note_built(self, versions: Versions) -> None:
        write_atomically(self.state, json.dumps(versions))

    def _build(self, versions: Versions, built: Versions | None) -> int:
        get_session(self.settings, join_others=True, serves=True)
        changed = (
            []
            if built is None
            else sorted(name for name in self.entities if versions.get(name) != built.get(name))
        )
        select = [f"source:{name}+" for name in changed]
        result: Any = run_dbt(
            "build",
            *(("--select", *select) if select else ()),
            *("--exclude-resource-type", "unit_test"),
            quiet=True,
        )
        kinds = ("model", "snapshot", "seed")
        return sum(run.node.resource_type in kinds for run in result.results)

    def _send_alerts(self) -> int:
        """Send what the build changed; what does not arrive is sent after the next one."""
        if self.alerts is None:
            return 0
        try:
            session = get_session(self.settings, join_others=True)
            return len(send_alerts(session, self.settings, self.alerts))
        except Exception as error:
            told = error if isinstance(error, FootfallError) else explain(error)
            log.warning("alerts_not_sent", destination=self.alerts.name, reason=told.message)
            self.say(f"Alerts were not sent: {told.message}")
            return 0

    def _log_reconciled(self, loads: dict[str, list[int]]) -> None:
        """Log what became of the rows of each load; Spark is asked only where it is logged."""
        if not loads or not log.is_enabled_for(logging.INFO):
            return
        table = f"{self.settings.schema_of('quality')}.dq_load_reconciliation"
        spark = get_session(self.settings, join_others=True)
        if not spark.catalog.tableExists(table):
            return
        wanted = reduce(
            or_,
            (
                (F.col("source") == name) & F.col("load_id").isin(load_ids)
                for name, load_ids in loads.items()
            ),
        )
        for row in spark.table(table).where(wanted).orderBy("source", "load_id").collect():
            log.info("load_reconciled", **row.asDict())

    def _record(self, turn: Turn) -> None:
        file = self.settings.home / RECORD
        if file.is_file() and file.stat().st_size > LARGEST_RECORD_BYTES:
            file.replace(file.with_suffix(".jsonl.1"))
        with file.open("a") as record:
            record.write(turn.model_dump_json() + "\n")


def built_entities() -> list[str]:
    """Return the entities of the sources that are delivered, as the var `sources` has them."""
    sources = project_vars()["sources"]
    return [name for name, contract in load_contracts().items() if contract.source in sources]


def entity_folders(landing: DataPath, entities: Sequence[str]) -> dict[str, DataPath]:
    """Return the folder ``LANDING/<source>/<entity>`` of each entity; some may be missing.

    Raises:
        UsageError: it is no folder, or has none of an entity.
    """
    _require_folder(landing)
    folders = {name: _folder(landing, name) for name in entities}
    if not any(folder.is_dir() for folder in folders.values()):
        raise UsageError(
            f"{landing} has no folder of an entity, such as {folders[entities[0]]}.",
            "Put files into LANDING/<source>/<entity>, or add --mapping for files of another "
            "shape.",
        )
    return folders


def landing_files(landing: DataPath) -> dict[str, list[str]]:
    """Return the files of each entity that a landing folder has files of.

    Raises:
        UsageError: it is no folder, or has none of an entity.
    """
    folders = entity_folders(landing, built_entities())
    found = {name: [path for path, _ in _files(folder)] for name, folder in folders.items()}
    return {name: files for name, files in found.items() if files}


def _require_folder(landing: DataPath) -> None:
    if not landing.is_dir():
        raise UsageError(f"{landing} is no folder.", "Name the folder of landing files.")


def _folder(landing: DataPath, entity: str) -> DataPath:
    source, _, name = entity.partition(".")
    return landing / source / name


def _files(folder: DataPath) -> Iterator[tuple[str, FileState]]:
    """Yield each file of a folder, and of the folders in it, that is not hidden, with its state."""
    if isinstance(folder, ObjectPath):
        for file in folder.files():
            if not any(map(is_hidden, file.parts_below(folder))):
                yield str(file), (file.stat().st_size, file.stat().st_mtime_ns)
        return
    folders = [folder]
    while folders:
        folder = folders.pop()
        if not folder.is_dir():
            continue
        with os.scandir(folder) as entries:
            for entry in entries:
                if is_hidden(entry.name):
                    continue
                if entry.is_dir():
                    folders.append(Path(entry.path))
                else:
                    status = entry.stat()
                    yield entry.path, (status.st_size, status.st_mtime_ns)


def _quiet(_rejected: RejectedFile) -> None:
    """The turn's own line and record tell of it."""


def run_turns(
    landing: DataPath | None,
    every_seconds: float,
    *,
    feeds: Sequence[Feed] = (),
    mapping: Path | None = None,
    alerts: Destination | None = None,
    most: int | None = None,
    settings: Settings | None = None,
    say: Say = print,
) -> list[Turn]:
    """Take turns until SIGTERM or Ctrl-C, which end after the turn in hand.

    After a failed turn the pause doubles, up to an hour.

    Args:
        landing: the folder of landing files; None where there are only topics.
        every_seconds: from the start of a turn to that of the next.
        feeds: topics of Kafka.
        mapping: for landing files of another shape, see :class:`Turns`.
        alerts: where each build's changes of state are sent; None for nowhere.
        most: end after so many turns.
        settings: home and schemas; the process's own by default.
        say: called with a line for each turn that had work, and at the end.

    Returns:
        The turns that had work, or failed.

    Raises:
        UsageError: the folder is none, or has no folder of an entity.
        FootfallError: another process takes turns on this home.
    """
    settings = settings or get_settings()
    turns = Turns(landing, settings, say, feeds, mapping, alerts)
    done: list[Turn] = []
    failures, taken = 0, 0
    with _alone(settings.home), interrupts.asked_to_end() as asked:
        while not asked.is_set():
            started = time.monotonic()
            turn = turns.turn()
            taken += 1
            failures = failures + 1 if turn.error else 0
            if turn.had_work:
                done.append(turn)
            if most is not None and taken >= most:
                break
            pause = min(every_seconds * 2**failures, max(every_seconds, LONGEST_PAUSE_SECONDS))
            asked.wait(max(0.0, started + pause - time.monotonic()))
    return done


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    home.mkdir(parents=True, exist_ok=True)
    with locked(
        home / "turns.lock",
        lambda process: FootfallError(
            f"Another `footfall run` works on {home} (process {process}).", "Stop that one first."
        ),
    ):
        yield
