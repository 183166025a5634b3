"""Messages of a Kafka topic into the bronze table of an entity, each exactly once.

Spark's checkpoint says which offsets a micro-batch has; Delta refuses a batch that it knows. So a
batch that was committed before a kill is passed over when it comes again. Where the checkpoint is
lost, a new one begins behind the offsets that the record of loads has.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import structlog
from pydantic import BaseModel
from pyspark.sql import functions as F

from footfall import interrupts
from footfall.errors import FootfallError, UsageError
from footfall.ingest.files import (
    FileRejectedError,
    FileShape,
    PhysicalColumn,
    ReadPlan,
    plan_read,
)
from footfall.ingest.mapping import Mapping, load_mapping, source_path
from footfall.ingest.queue import Queue
from footfall.ingest.read import ERRORS, read_messages, ready_to_read
from footfall.ingest.record import Batch, FileRecord, IngestRecord, name_of_offsets
from footfall.paths import as_local_uri
from footfall.project.contracts import Contract, get_contract
from footfall.settings import Settings, get_settings
from footfall.spark.explain import explain
from footfall.spark.session import get_session
from footfall.words import count

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.streaming.query import StreamingQuery

log = structlog.get_logger(__name__)

SERVERS = re.compile(r"[A-Za-z0-9.-]+:\d+(,[A-Za-z0-9.-]+:\d+)*")
TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")
MESSAGES_PER_GIB = 100_000
"""Of a micro-batch, for each GiB of Spark's heap: a message of a kilobyte takes about ten there."""
ROWS_PER_FILE = 1_000_000
POLL_SECONDS = 0.5
EARLIEST = -2
"""A partition's oldest offset (Spark, Structured Streaming + Kafka Integration Guide)."""
SECURITY = {
    "FOOTFALL_KAFKA_SECURITY_PROTOCOL": "kafka.security.protocol",
    "FOOTFALL_KAFKA_SASL_MECHANISM": "kafka.sasl.mechanism",
    "FOOTFALL_KAFKA_SASL_JAAS_CONFIG": "kafka.sasl.jaas.config",
    "FOOTFALL_KAFKA_TRUSTSTORE": "kafka.ssl.truststore.location",
    "FOOTFALL_KAFKA_TRUSTSTORE_PASSWORD": "kafka.ssl.truststore.password",
    "FOOTFALL_KAFKA_KEYSTORE": "kafka.ssl.keystore.location",
    "FOOTFALL_KAFKA_KEYSTORE_PASSWORD": "kafka.ssl.keystore.password",
    "FOOTFALL_KAFKA_KEY_PASSWORD": "kafka.ssl.key.password",
}
"""Options of Kafka's client, which come from the environment alone."""
PEM = ".pem"


class StreamReport(BaseModel):
    """What a call read.

    Attributes:
        source: the entity, ``source.entity``.
        table: its bronze table.
        topic: that was read.
        rows: messages that were loaded.
        rows_with_errors: those of them that are no JSON object, or have a value that does not fit.
        load_ids: the loads that the call committed.
        oldest_seconds: when the oldest of the messages was sent, in seconds since 1970.
    """

    source: str
    table: str
    topic: str
    rows: int = 0
    rows_with_errors: int = 0
    load_ids: list[int] = []
    oldest_seconds: float | None = None


@dataclass(frozen=True)
class Topic:
    """What to read: servers as ``host:port,…`` and the topic's name."""

    servers: str
    name: str

    def __post_init__(self) -> None:
        if not SERVERS.fullmatch(self.servers):
            raise UsageError(
                f"--kafka {self.servers!r} names no server.", "Write it as host:9092,other:9092."
            )
        if not TOPIC.fullmatch(self.name):
            raise UsageError(
                f"{self.name!r} is no name of a topic.", "Letters, digits, dots, _ and -."
            )


@dataclass(frozen=True)
class Feed:
    """A topic that goes into an entity.

    Attributes:
        entity: ``source.entity``.
        topic: whose values are JSON objects.
        mapping: a mapping file, for objects whose names are not the contract's.
    """

    entity: str
    topic: Topic
    mapping: Path | None = None


def ingest_topics(
    feeds: Sequence[Feed],
    *,
    until_caught_up: bool = False,
    from_earliest: bool = False,
    every_seconds: float = 10.0,
    settings: Settings | None = None,
    say: Callable[[str], None] = lambda _line: None,
) -> list[StreamReport]:
    """Load topics' messages, from the oldest that was not loaded yet, until asked to end.

    Args:
        feeds: what to load, side by side; each entity once.
        until_caught_up: end once all messages that there were at the start are loaded.
        from_earliest: begin with the oldest messages that there are, whatever was loaded before.
        every_seconds: between the starts of two micro-batches of a topic.
        settings: home and schemas; the process's own by default.
        say: called with a line for each micro-batch.

    Returns:
        What was loaded, in the order of the feeds.

    Raises:
        UsageError: an unknown entity, one that is named twice, or a mapping that does not fit.
        FootfallError: another call loads an entity, Kafka does not answer, offsets that were not
            read are gone, or Spark failed. All topics are stopped then.
    """
    settings = (settings or get_settings()).model_copy(update={"kafka": True})
    names = [feed.entity for feed in feeds]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise UsageError(
            f"{repeated[0]} is named twice.", "Each call loads one topic into an entity."
        )
    with ExitStack() as held, interrupts.asked_to_end() as asked:
        for name in names:
            files = Queue(settings.ingest_dir / get_contract(name).name)
            held.enter_context(files.lock(name))
        streams = [_Stream(feed, settings, say) for feed in feeds]
        try:
            for stream in streams:
                stream.start(until_caught_up, from_earliest, every_seconds)
            while any(stream.is_active for stream in streams) and not asked.is_set():
                for stream in streams:
                    stream.raise_failure()
                time.sleep(POLL_SECONDS)
            while any(stream.is_busy for stream in streams):
                time.sleep(POLL_SECONDS)
            for stream in streams:
                stream.raise_failure()
        finally:
            for stream in streams:
                stream.stop()
    return [stream.report for stream in streams]


def security_options() -> dict[str, str]:
    """Return how Spark's connector names itself and whom it trusts, by the environment.

    A store whose name ends in ``.pem`` is read as such, any other by Java's default type.
    """
    options = {
        option: os.environ[variable]
        for variable, option in SECURITY.items()
        if os.environ.get(variable)
    }
    stores = {name: value for name, value in options.items() if name.endswith("store.location")}
    for name, file in stores.items():
        if file.endswith(PEM):
            options[name.replace(".location", ".type")] = "PEM"
    return options


def partitions_of(spark: SparkSession, topic: Topic) -> list[int]:
    """Return the numbers of a topic's partitions, as the broker says."""
    java: Any = spark._jvm
    properties = java.java.util.Properties()
    properties.put("bootstrap.servers", topic.servers)
    for option, value in security_options().items():
        properties.put(option.removeprefix("kafka."), value)
    admin = java.org.apache.kafka.clients.admin.Admin.create(properties)
    try:
        names = java.java.util.ArrayList()
        names.add(topic.name)
        described = admin.describeTopics(names).allTopicNames().get().get(topic.name)
        return sorted(info.partition() for info in described.partitions())
    finally:
        admin.close()


def starting_offsets(topic: str, partitions: Sequence[int], next_offsets: dict[int, int]) -> str:
    """Return Spark's option ``startingOffsets``.

    Args:
        partitions: all that the topic has.
        next_offsets: by partition, the first offset that was not loaded; what is missing begins
            with its oldest.
    """
    known = {str(number): next_offsets.get(number, EARLIEST) for number in partitions}
    return json.dumps({topic: known})


def plan_of_messages(topic: str, contract: Contract, mapping: Mapping) -> ReadPlan:
    """Return how JSON objects become rows of the contract; any object may lack any name.

    Args:
        topic: its name, for the message.

    Raises:
        UsageError: the mapping does not fit.
    """
    own = {column.name for column in contract.columns}
    named = (name for row_kind in mapping.all_kinds() for name in row_kind.names())
    present = dict.fromkeys([*own, *(source_path(name).root for name in named)])
    columns = tuple(PhysicalColumn(name, pa.string()) for name in present)
    try:
        return plan_read(Path(topic), FileShape("json", columns, complete=False), contract, mapping)
    except FileRejectedError as error:
        raise UsageError(str(error)) from error


class _Stream:
    """One feed and its query."""

    def __init__(self, feed: Feed, settings: Settings, say: Callable[[str], None]) -> None:
        self.contract = get_contract(feed.entity)
        self.topic = feed.topic
        self.settings = settings
        self.say = say
        self.mapping = load_mapping(feed.mapping, self.contract) if feed.mapping else Mapping()
        self.plan = plan_of_messages(feed.topic.name, self.contract, self.mapping)
        # A topic has a checkpoint of its own beside that of files.
        self.queue = Queue(settings.ingest_dir / self.contract.name / "kafka" / feed.topic.name)
        self.record = IngestRecord(get_session(settings), settings, self.contract)
        if not self.record.open() or self.record.undone_offsets(feed.topic.name):
            self.queue.forget()
        self.spark: SparkSession = self.record.spark
        self.report = StreamReport(
            source=self.contract.name, table=self.record.bronze, topic=feed.topic.name
        )
        self.failure: Exception | None = None
        self.query: StreamingQuery | None = None

    def start(self, until_caught_up: bool, from_earliest: bool, every_seconds: float) -> None:
        if from_earliest:
            self.queue.forget()
        messages = (
            self.spark.readStream.format("kafka")
            .option("kafka.bootstrap.servers", self.topic.servers)
            .option("subscribe", self.topic.name)
            .option("startingOffsets", "earliest" if from_earliest else self._first_offsets())
            .option("failOnDataLoss", True)
            .option("includeHeaders", True)
            .option("maxOffsetsPerTrigger", MESSAGES_PER_GIB * self.settings.driver_memory_gib)
            .options(**security_options())
            .load()
        )
        writer = messages.writeStream.foreachBatch(self._batch).option(
            "checkpointLocation", as_local_uri(self.queue.checkpoint)
        )
        trigger: dict[str, Any] = (
            {"availableNow": True}
            if until_caught_up
            else {"processingTime": f"{every_seconds:g} seconds"}
        )
        self.query = writer.trigger(**trigger).start()

    def _first_offsets(self) -> str:
        """Return where a new checkpoint begins: behind what the record says was loaded."""
        loaded = {} if self.queue.was_read() else self.record.next_offsets(self.topic.name)
        if not loaded:
            return "earliest"
        log.warning("checkpoint_lost", source=self.contract.name, topic=self.topic.name)
        partitions = partitions_of(self.spark, self.topic)
        return starting_offsets(self.topic.name, partitions, loaded)

    @property
    def is_active(self) -> bool:
        return self.query is not None and self.query.isActive

    @property
    def is_busy(self) -> bool:
        """Whether a micro-batch is in hand."""
        return self.is_active and self.query is not None and self.query.status["isTriggerActive"]

    def raise_failure(self) -> None:
        """Raise the error that ended the query, if one did."""
        if self.query is not None and (error := self.query.exception()):
            raise self._explained(self.failure or error) from error

    def stop(self) -> None:
        if self.query is not None:
            self.query.stop()

    def _explained(self, error: Exception) -> FootfallError:
        if isinstance(error, FootfallError):
            return error
        told = explain(error, self.record.bronze)
        if "OffsetOutOfRange" in str(error) or "failOnDataLoss" in str(error):
            return FootfallError(
                f"Topic {self.topic.name}: messages that were not loaded yet are gone: the topic's "
                "retention is shorter than the pause was, or the topic was made anew.",
                "Load them from elsewhere; then `footfall ingest … --kafka … --from-earliest` "
                "begins with the oldest that there is. Staging counts what comes twice as "
                "duplicates.",
            )
        return FootfallError(
            f"Topic {self.topic.name} of {self.topic.servers}: {told.message}",
            "Check the servers and the topic, then run the command again: nothing is loaded twice.",
        )

    def _batch(self, messages: DataFrame, batch_id: int) -> None:
        messages.persist()
        try:
            self._load(messages, batch_id)
        except Exception as error:
            self.failure = error
            raise
        finally:
            messages.unpersist()

    def _load(self, messages: DataFrame, batch_id: int) -> None:
        started = datetime.now(timezone.utc)
        load_id = self.record.last_load_id + 1
        records = self._ranges(messages, load_id)
        if {known.sha256 for known in records} <= self.record.sha_loaded:
            return
        rows_in = sum(known.file_rows or 0 for known in records)
        session = ready_to_read(messages.sparkSession)
        rows = read_messages(messages, self.plan, self.contract, self.mapping)
        listed: list[dict[str, Any]] = [
            {key: getattr(known, key) for key in ("source_file", "sha256", "bytes", "file_rows")}
            for known in records
        ]
        rows = rows.coalesce(1 + rows_in // ROWS_PER_FILE)
        query = f"footfall-kafka-{self.contract.name}-{self.queue.query_id()}"
        self.record.commit(rows, load_id, listed, Batch(query, batch_id))
        self.record.append(records)
        bad = (
            session.table(self.record.bronze)
            .where((F.col("_load_id") == load_id) & (F.size(ERRORS) > 0))
            .count()
        )
        self.report.rows += rows_in
        self.report.rows_with_errors += bad
        self.report.load_ids.append(load_id)
        self.record.compact()
        seconds = (datetime.now(timezone.utc) - started).total_seconds()
        sent = messages.agg(
            *(F.unix_micros(edge("timestamp")) / 1e6 for edge in (F.min, F.max))
        ).first()
        assert sent is not None
        known = self.report.oldest_seconds
        self.report.oldest_seconds = sent[0] if known is None else min(known, sent[0])
        lag = time.time() - sent[1]
        self.say(
            f"{self.contract.name} load {load_id}: {count(rows_in, 'message')}, {bad} with errors, "
            f"{rows_in / seconds:,.0f} rows/s, {max(lag, 0):,.0f} s behind the newest"
        )
        log.info(
            "load_committed",
            source=self.contract.name,
            load_id=load_id,
            rows=rows_in,
            rows_with_errors=bad,
        )

    def _ranges(self, messages: DataFrame, load_id: int) -> list[FileRecord]:
        """Return what the record says of a micro-batch: a line for each partition's offsets."""
        found = (
            messages.groupBy("topic", "partition")
            .agg(
                F.min("offset").alias("first"),
                F.max("offset").alias("last"),
                F.count("*").alias("rows"),
                F.coalesce(F.sum(F.octet_length("value")), F.lit(0)).alias("bytes"),
            )
            .orderBy("topic", "partition")
            .collect()
        )
        records = []
        for row in found:
            name = name_of_offsets(row["topic"], row["partition"], row["first"], row["last"])
            sha256 = hashlib.sha256(f"{self.queue.query_id()} {name}".encode()).hexdigest()
            records.append(
                FileRecord(
                    name, sha256, row["bytes"], "loaded", file_rows=row["rows"], load_id=load_id
                )
            )
        return records
