"""The job: offer files, queue those that fit, and stream the queue into the bronze table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, get_args

import structlog

from footfall.checksum import sha256_of
from footfall.errors import FootfallError, UsageError
from footfall.ingest.files import (
    FileRejectedError,
    FileShape,
    ReadPlan,
    damage,
    expand_paths,
    format_of,
    inspect,
    plan_read,
)
from footfall.ingest.mapping import FileFormat, Mapping, load_mapping
from footfall.ingest.queue import MANIFEST_DDL, Offer, Queue
from footfall.ingest.read import read_files, ready_to_read
from footfall.ingest.record import Batch, FileRecord, IngestRecord
from footfall.ingest.report import IngestReport, LoadedFile, RejectedFile, SkippedFile
from footfall.ingest.settled import Settled
from footfall.object_store import DataPath, data_path
from footfall.paths import as_local_uri, literal_pattern
from footfall.project.contracts import Contract, get_contract
from footfall.settings import Settings, get_settings
from footfall.spark.explain import FIX_THE_CAUSE, explain, first_sentence
from footfall.spark.session import get_session

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

log = structlog.get_logger(__name__)

FORMATS: tuple[FileFormat, ...] = get_args(FileFormat)
FILES_PER_BATCH = 200
NEVER_TOO_OLD = "36500d"
"""Spark's file source passes over files older than a week than the newest; a queue must not."""

LOADED_BEFORE = "its content was loaded before"

Progress = Callable[[int, int, str], None]
Tell = Callable[[RejectedFile], None]


def ingest(
    name: str,
    paths: Sequence[str],
    mapping: Path | None = None,
    file_format: str | None = None,
    progress: Progress | None = None,
    tell: Tell | None = None,
    settings: Settings | None = None,
) -> IngestReport:
    """Load files into the bronze table of a source entity, each file's content exactly once.

    Args:
        name: the entity, ``source.entity``.
        paths: files, folders (searched through) and globs.
        mapping: a mapping file, for files whose columns are not the contract's.
        file_format: parquet, csv or json; by default what each file's name tells.
        progress: called with files done, files in all, and what was done last.
        tell: called once for each rejected file, before Spark starts where the file alone says it.
        settings: home and schemas; the process's own by default.

    Returns:
        What was loaded, skipped and rejected. A rejected file stops none of the others.

    Raises:
        UsageError: an unknown entity or format, a path without files, a mapping that does not fit.
        FootfallError: another call loads the same entity, or Spark failed.
    """
    settings = settings or get_settings()
    contract = get_contract(name)
    if file_format is not None and file_format not in FORMATS:
        raise UsageError(
            f"There is no format {file_format!r}.", f"Choose one of: {', '.join(FORMATS)}."
        )
    columns = load_mapping(mapping, contract) if mapping else Mapping()
    given = cast("FileFormat | None", file_format) or columns.format
    files = expand_paths(paths, given, settings)
    queue = Queue(settings.ingest_dir / contract.name)
    with queue.lock(contract.name):
        settled = Settled(settings, contract, queue)
        loaded = settled.loaded()
        fresh = _fresh(files, loaded, queue)
        if not fresh:
            return _nothing_new(files, contract, settings)
        rejections = _Rejections(tell or (lambda _rejected: None))
        if settled.knows():
            rejections.look(fresh, columns, given, contract, loaded)
        record = IngestRecord(get_session(settings), settings, contract)
        job = _Job(
            contract, record, queue, progress or (lambda _done, _total, _text: None), rejections
        )
        report = job.run(files, columns, given)
        settled.note(record.sha_loaded, record.sha_rejected)
        return report


def _fresh(files: Sequence[DataPath], loaded: set[str], queue: Queue) -> list[DataPath]:
    """Return the files that are not known to be loaded."""
    known = queue.known_content() if loaded else {}

    def is_loaded(file: DataPath) -> bool:
        try:
            status = file.stat()
        except OSError:
            return False
        return known.get((str(file), status.st_size, status.st_mtime_ns)) in loaded

    return [file for file in files if not is_loaded(file)]


def _nothing_new(files: Sequence[DataPath], contract: Contract, settings: Settings) -> IngestReport:
    """Return the report where all files are known to be loaded, which needs no Spark."""
    skipped = [SkippedFile(source_file=str(file), reason=LOADED_BEFORE) for file in files]
    table = contract.bronze_table(settings)
    return IngestReport(source=contract.name, table=table, skipped=skipped)


class _Rejections:
    """Tells of each rejected file once."""

    def __init__(self, tell: Tell) -> None:
        self.tell = tell
        self.told: set[str] = set()

    def say(self, rejected: RejectedFile) -> None:
        if rejected.source_file not in self.told:
            self.told.add(rejected.source_file)
            self.tell(rejected)

    def look(
        self,
        files: Sequence[DataPath],
        mapping: Mapping,
        file_format: FileFormat | None,
        contract: Contract,
        loaded: set[str],
    ) -> None:
        """Tell of the files whose header alone rules them out.

        Args:
            loaded: contents that are skipped, whatever the mapping says of them now.
        """
        for file in files:
            try:
                shape = inspect(file, format_of(file, file_format), mapping.csv)
                plan_read(file, shape, contract, mapping)
            except FileRejectedError as error:
                if not loaded or _content_of(file) not in loaded:
                    self.say(RejectedFile(source_file=str(file), reason=str(error)))


def _content_of(file: DataPath) -> str:
    try:
        return sha256_of(file)
    except OSError:
        return ""


@dataclass(frozen=True)
class _Entry:
    """A file of a micro-batch that is ready to be read."""

    offer: Offer
    file: DataPath
    mapping: Mapping
    plan: ReadPlan

    @property
    def group(self) -> tuple[object, ...]:
        """Return what files must share to be read together."""
        shape = self.plan.shape
        columns = shape.columns if shape.file_format == "csv" else self.plan.used()
        return (
            shape.file_format,
            shape.json_array,
            shape.delimiter,
            tuple((column.name, str(column.type), column.int96) for column in columns),
            self.offer.mapping,
        )


class _Job:
    def __init__(
        self,
        contract: Contract,
        record: IngestRecord,
        queue: Queue,
        progress: Progress,
        rejections: _Rejections,
    ) -> None:
        self.contract = contract
        self.record = record
        self.queue = queue
        self.progress = progress
        self.rejections = rejections
        self.spark: SparkSession = record.spark
        self.report = IngestReport(source=contract.name, table=record.bronze)
        self.known_content: dict[tuple[str, int, int], str] = {}
        self.offers: dict[str, Offer] = {}
        self.ignored: dict[str, None] = {}
        self.conversions: dict[str, None] = {}
        self.failure: Exception | None = None
        self.done = 0
        self.total = 0

    def run(
        self, files: Sequence[DataPath], mapping: Mapping, file_format: FileFormat | None
    ) -> IngestReport:
        self.total = len(files)
        if not self.record.open():
            self.queue.forget()
        elif self.queue.was_moved():
            self.queue.renew(self.record.sha_rejected - self.record.sha_loaded)
        self.known_content = self.queue.known_content()
        rejected = []
        for file in files:
            try:
                self._offer(file, mapping, format_of(file, file_format))
            except FileRejectedError as error:
                rejected.append(self._reject(file, str(error)))
        self.record.append(rejected)
        settled = self.record.sha_loaded | (self.record.sha_rejected - set(self.offers))
        if self.queue.sha_queued() - settled:
            self._stream()
            self.queue.settle(self.record.sha_loaded | self.record.sha_rejected)
        self.record.compact()
        self._finish()
        return self.report

    def _offer(self, file: DataPath, mapping: Mapping, file_format: FileFormat) -> None:
        try:
            status = file.stat()
            identity = (str(file), status.st_size, status.st_mtime_ns)
            sha256 = self.known_content.get(identity) or sha256_of(file)
        except OSError as error:
            raise FileRejectedError(
                f"{file}: cannot be read: {error.strerror}. Give this process read permission."
            ) from error
        if sha256 in self.record.sha_loaded:
            self._skip(str(file), LOADED_BEFORE)
            return
        if sha256 in self.offers:
            self._skip(str(file), f"it has the same content as {self.offers[sha256].path}")
            return
        shape = inspect(file, file_format, mapping.csv)
        self._plan(file, shape, mapping)
        path, size, modified = identity
        offer = Offer(path, sha256, size, modified, file_format, mapping.canonical())
        self.offers[sha256] = offer
        self.queue.put(offer, again=sha256 in self.record.sha_rejected)

    def _skip(self, path: str, reason: str) -> None:
        log.info("file_skipped", source=self.contract.name, file=path, reason=reason)
        self.report.skipped.append(SkippedFile(source_file=path, reason=reason))
        self._advance(f"skipped {Path(path).name}")

    def _reject(self, file: DataPath, reason: str, offer: Offer | None = None) -> FileRecord:
        log.info("file_rejected", source=self.contract.name, reason=reason)
        rejected = RejectedFile(source_file=str(file), reason=reason)
        self.report.rejected.append(rejected)
        self.rejections.say(rejected)
        self._advance(f"rejected {file.name}")
        if offer is not None:
            sha256, size = offer.sha256, offer.bytes
        else:
            sha256 = _content_of(file)
            size = file.stat().st_size if sha256 else 0
        return FileRecord(str(file), sha256, size, "rejected", reason=reason)

    def _advance(self, text: str) -> None:
        self.done += 1
        self.total = max(self.total, self.done)
        self.progress(self.done, self.total, text)

    def _stream(self) -> None:
        """Run the queue through foreachBatch until it is empty."""
        self.queue.sweep()
        query = (
            self.spark.readStream.schema(MANIFEST_DDL)
            .option("maxFilesPerTrigger", FILES_PER_BATCH)
            .option("maxFileAge", NEVER_TOO_OLD)
            .json(literal_pattern(as_local_uri(self.queue.manifests)))
            .writeStream.foreachBatch(self._batch)
            .option("checkpointLocation", as_local_uri(self.queue.checkpoint))
            .trigger(availableNow=True)
            .start()
        )
        try:
            query.awaitTermination()
        except Exception as error:
            failure = self.failure or error
            if isinstance(failure, FootfallError):
                raise failure from error
            told = explain(failure, self.record.bronze)
            again = (
                "Run the command again: nothing is loaded twice. If the error repeats, remove "
                f"{self.queue.checkpoint} first."
            )
            raise FootfallError(
                f"Loading into {self.record.bronze} failed: {told.message}",
                again if told.fix == FIX_THE_CAUSE else told.fix,
            ) from failure
        finally:
            query.stop()

    def _batch(self, manifests: DataFrame, batch_id: int) -> None:
        try:
            self._load(manifests, batch_id)
        except Exception as error:
            self.failure = error
            raise

    def _load(self, manifests: DataFrame, batch_id: int) -> None:
        listed = {
            row["sha256"]: Offer(**row.asDict())
            for row in manifests.collect()
            if row["sha256"] not in self.record.sha_loaded
        }
        # A file left in the queue by an earlier call and offered again is read as offered now.
        listed = {sha256: self.offers.get(sha256, offer) for sha256, offer in listed.items()}
        entries, records = [], []
        for offer in listed.values():
            try:
                entries.append(self._prepare(offer))
            except FileRejectedError as error:
                records.append(self._reject(self._file(offer), str(error), offer))
        session = ready_to_read(manifests.sparkSession)
        load_id = self.record.last_load_id + 1
        while entries:
            try:
                file_rows = self._write(session, entries, load_id, batch_id)
                break
            except FootfallError:
                raise
            except Exception as error:
                bad = self._unreadable(session, entries)
                if not bad:
                    raise
                log.warning("batch_retried", source=self.contract.name, without=len(bad))
                records += [
                    self._reject(entry.file, bad[entry.offer.sha256], entry.offer)
                    for entry in entries
                    if entry.offer.sha256 in bad
                ]
                entries = [entry for entry in entries if entry.offer.sha256 not in bad]
                self.failure = error
        self.failure = None
        if entries:
            records += self._loaded(entries, load_id, file_rows)
        self.record.append(records)

    def _prepare(self, offer: Offer) -> _Entry:
        file = self._file(offer)
        try:
            changed = offer.differs_from(file)
        except OSError as error:
            raise FileRejectedError(
                f"{file}: the file was queued and is gone ({error.strerror}). Offer it again."
            ) from error
        if changed:
            raise FileRejectedError(
                f"{file}: the file changed after it was queued. Offer it again when it is complete."
            )
        mapping = Mapping.model_validate_json(offer.mapping)
        shape = inspect(file, cast(FileFormat, offer.file_format), mapping.csv)
        plan = self._plan(file, shape, mapping)
        return _Entry(offer, file, mapping, plan)

    def _file(self, offer: Offer) -> DataPath:
        return data_path(offer.path, self.record.settings)

    def _plan(self, file: DataPath, shape: FileShape, mapping: Mapping) -> ReadPlan:
        plan = plan_read(file, shape, self.contract, mapping)
        self.ignored.update(dict.fromkeys(plan.ignored))
        self.conversions.update(dict.fromkeys(plan.conversions))
        return plan

    def _read(self, session: SparkSession, entries: Sequence[_Entry]) -> DataFrame:
        groups: dict[tuple[object, ...], list[_Entry]] = {}
        for entry in entries:
            groups.setdefault(entry.group, []).append(entry)
        frames = [
            read_files(
                session,
                [entry.file for entry in group],
                group[0].plan,
                self.contract,
                group[0].mapping,
            )
            for group in groups.values()
        ]
        return reduce(lambda left, right: left.unionByName(right), frames)

    def _write(
        self, session: SparkSession, entries: Sequence[_Entry], load_id: int, batch_id: int
    ) -> dict[str, int]:
        """Commit a load, and return the rows of each file where the load does not tell them."""
        rows = self._read(session, entries)
        file_rows = self._file_rows(rows, entries)
        files: list[dict[str, Any]] = [
            {
                "source_file": entry.offer.path,
                "sha256": entry.offer.sha256,
                "bytes": entry.offer.bytes,
                "file_rows": file_rows.get(entry.offer.path),
            }
            for entry in entries
        ]
        query = f"footfall-ingest-{self.contract.name}-{self.queue.query_id()}"
        self.record.commit(rows, load_id, files, Batch(query, batch_id))
        return file_rows

    @staticmethod
    def _file_rows(rows: DataFrame, entries: Sequence[_Entry]) -> dict[str, int]:
        """Return the rows of the files of which a load may take a part only, or whose footer tells.

        For all others the load itself tells.
        """
        known = {
            entry.offer.path: entry.plan.shape.rows
            for entry in entries
            if entry.plan.shape.rows is not None and not entry.plan.multiplies
        }
        if any(entry.mapping.selects and entry.offer.path not in known for entry in entries):
            counted = rows.groupBy("_source_file").count().collect()
            known = {row["_source_file"]: row["count"] for row in counted} | known
        return known

    def _unreadable(self, session: SparkSession, entries: Sequence[_Entry]) -> dict[str, str]:
        """Return the files that cannot be read, by content, with the reason."""
        bad = {
            entry.offer.sha256: problem
            for entry in entries
            if (problem := damage(entry.file, cast(FileFormat, entry.offer.file_format)))
        }
        if bad:
            return bad
        for entry in entries:
            try:
                self._read(session, [entry]).write.format("noop").mode("overwrite").save()
            except Exception as error:
                reason, _ = first_sentence(str(error))
                bad[entry.offer.sha256] = (
                    f"{entry.file}: Spark cannot read it: {reason.rstrip('.')}. Write it again."
                )
        # If Spark reads no file at all, the files are not to blame.
        return bad if len(bad) < len(entries) or len(entries) == 1 else {}

    def _loaded(
        self, entries: Sequence[_Entry], load_id: int, file_rows: dict[str, int]
    ) -> list[FileRecord]:
        counts = self.record.counts_of(load_id)
        records = []
        for entry in entries:
            path = entry.offer.path
            count = counts.get(path)
            rows = count.rows if count else 0
            known = file_rows.get(path, rows)
            records.append(
                FileRecord(
                    path,
                    entry.offer.sha256,
                    entry.offer.bytes,
                    "loaded",
                    file_rows=known,
                    load_id=load_id,
                )
            )
            self.report.loaded.append(
                LoadedFile(
                    source_file=path,
                    load_id=load_id,
                    file_rows=known,
                    rows=rows,
                    rows_with_errors=count.rows_with_errors if count else 0,
                )
            )
            self._advance(f"loaded {entry.file.name}")
        self.report.load_ids.append(load_id)
        log.info(
            "load_committed",
            source=self.contract.name,
            load_id=load_id,
            files=len(entries),
            files_skipped=len(self.report.skipped),
            files_rejected=len(self.report.rejected),
            rows=sum(count.rows for count in counts.values()),
            rows_with_errors=sum(count.rows_with_errors for count in counts.values()),
        )
        return records

    def _finish(self) -> None:
        report = self.report
        report.rows = sum(file.rows for file in report.loaded)
        report.rows_with_errors = sum(file.rows_with_errors for file in report.loaded)
        report.rows_not_selected = sum(file.file_rows - file.rows for file in report.loaded)
        report.ignored_columns = list(self.ignored)
        report.conversions = list(self.conversions)
        settled = {file.source_file for file in report.loaded}
        settled |= {file.source_file for file in report.rejected}
        for offer in self.offers.values():
            if offer.path not in settled:
                self._skip(offer.path, "it was read from the queue before")
        if report.ignored_columns:
            log.info("columns_ignored", source=self.contract.name, columns=report.ignored_columns)
        if report.conversions:
            log.info("columns_converted", source=self.contract.name, columns=report.conversions)
