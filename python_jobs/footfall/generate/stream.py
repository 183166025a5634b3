"""Interactions that happen now, at a steady rate: into landing files, or into Kafka topics.

The rows are those of a simulated day, with its duplicates, late and broken rows. Each happens when
it is written; a late one as many days before as it was late. When the day is used up, it begins
again.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from threading import Event
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from footfall.atomic import write_atomically
from footfall.errors import FootfallError, UsageError
from footfall.generate.run import generate
from footfall.project.contracts import get_contract
from footfall.words import count

STREAMED = ("product.interactions", "app.interactions")
DAYS = 3
"""Simulated, so that rows of the last one can be two days late."""
START = date(2025, 8, 1)
TICKS_A_SECOND, ROWS_AT_ONCE = 10, 20_000
PRODUCER_SECONDS = 30
MICROSECONDS_A_DAY = 86_400_000_000

Rows = list[dict[str, Any]]


class Sink(Protocol):
    """Where rows go."""

    def write(self, entity: str, rows: Rows) -> None: ...

    def close(self) -> None: ...


class FileSink:
    """Files ``<folder>/<source>/<entity>/<time>.jsonl``, which appear when they are complete.

    Args:
        folder: LANDING.
        seconds: of rows in a file.
    """

    def __init__(self, folder: Path, seconds: float) -> None:
        self.folder = folder
        self.seconds = seconds
        self._waiting: dict[str, list[str]] = {}
        self._begun = time.monotonic()

    def write(self, entity: str, rows: Rows) -> None:
        self._waiting.setdefault(entity, []).extend(json.dumps(row) for row in rows)
        if time.monotonic() - self._begun >= self.seconds:
            self.close()

    def close(self) -> None:
        self._begun = time.monotonic()
        name = f"{datetime.now(timezone.utc):%Y-%m-%dT%H-%M-%S-%f}.jsonl"
        for entity, lines in self._waiting.items():
            folder = self.folder.joinpath(*entity.split("."))
            folder.mkdir(parents=True, exist_ok=True)
            write_atomically(folder / name, "".join(f"{line}\n" for line in lines))
        self._waiting = {}


class KafkaSink:
    """Messages with the user as key, so that those of one user stay in order.

    Args:
        servers: ``host:port,…``.
        topics: by entity.

    Raises:
        UsageError: the client is not installed.
    """

    def __init__(self, servers: str, topics: Mapping[str, str]) -> None:
        try:
            from confluent_kafka import Producer
        except ImportError:
            raise UsageError(
                "The Kafka client is not installed.", "Run `pip install confluent-kafka`."
            ) from None
        self.topics = topics
        self.failures: list[str] = []
        self.producer = Producer({"bootstrap.servers": servers, "acks": "all", "linger.ms": 5})

    def write(self, entity: str, rows: Rows) -> None:
        for row in rows:
            value, key = json.dumps(row), str(row.get("user_id") or "")
            while True:
                try:
                    self.producer.produce(
                        self.topics[entity], value, key, on_delivery=self._delivered
                    )
                    break
                except BufferError:
                    self.producer.poll(0.1)
        self.producer.poll(0)
        self._raise_failure()

    def close(self) -> None:
        """Wait until the servers have everything.

        Raises:
            FootfallError: they do not take it.
        """
        if left := self.producer.flush(PRODUCER_SECONDS):
            self.failures.append(f"{count(left, 'message')} not taken in {PRODUCER_SECONDS} s")
        self._raise_failure()

    def _delivered(self, error: object, _message: object) -> None:
        if error is not None:
            self.failures.append(str(error))

    def _raise_failure(self) -> None:
        if self.failures:
            raise FootfallError(
                f"Kafka did not take a message: {self.failures[0]}.",
                "Check the servers and the topics.",
            )


@dataclass(frozen=True)
class Stream:
    """The rows of one entity in the order in which they arrive.

    Attributes:
        entity: ``source.entity``.
        rows: with the contract's columns.
        event_time: the name of the time's column.
        late_days: how many days each row arrives after it happened.
        first: the place of the first row that is the same: a duplicate happens when it did.
    """

    entity: str
    rows: pa.Table
    event_time: str
    late_days: Any
    first: Any

    @classmethod
    def of(cls, entity: str, folder: Path) -> Stream:
        """Return the last day's file of a generated data set as a stream."""
        contract = get_contract(entity)
        [*_, file] = sorted(folder.joinpath(*entity.split(".")).glob("*.parquet"))
        rows = pq.read_table(file)
        times = rows[contract.event_time].cast(pa.int64()).to_numpy(zero_copy_only=False)
        arrived = (START + timedelta(days=DAYS - 1) - date(1970, 1, 1)).days
        known = ~np.isnan(times.astype(float))
        late = np.where(known, arrived - np.where(known, times, 0) // MICROSECONDS_A_DAY, 0)
        first: dict[str, int] = {}
        places = [first.setdefault(repr(row), place) for place, row in enumerate(rows.to_pylist())]
        return cls(entity, rows, contract.event_time, late.astype(int), np.array(places))

    def take(self, begin: int, end: int, at: Callable[[int], datetime]) -> Rows:
        """Return the rows ``begin`` to ``end``, which count on when the day begins again.

        Args:
            begin: the first.
            end: behind the last.
            at: when a row is written, by its number.
        """
        rows: Rows = []
        size = len(self.rows)
        while begin < end:
            place = begin % size
            part = self.rows.slice(place, min(end - begin, size - place)).to_pylist()
            for offset, row in enumerate(part):
                if row[self.event_time] is not None:
                    number = begin - place + int(self.first[place + offset])
                    happened = at(number) - timedelta(days=int(self.late_days[place + offset]))
                    row[self.event_time] = happened.isoformat(timespec="microseconds")
            rows += part
            begin += len(part)
        return rows


def streams(users: int, seed: int, entities: Sequence[str] = STREAMED) -> Iterator[Stream]:
    """Yield the stream of each entity, out of one simulated day.

    Args:
        users: how many users there are.
        seed: of all random numbers.
        entities: whose rows are wanted.

    Raises:
        UsageError: an entity has no stream.
    """
    for entity in entities:
        if entity not in STREAMED:
            raise UsageError(
                f"There is no stream of {entity}.", f"Choose from {' and '.join(STREAMED)}."
            )
    with tempfile.TemporaryDirectory() as folder:
        generated = Path(folder) / "generated"
        generate(generated, DAYS, users, seed, START)
        for entity in entities:
            yield Stream.of(entity, generated)


def write_stream(
    found: Sequence[Stream],
    sink: Sink,
    rows_per_second: float,
    asked: Event,
    seconds: float | None = None,
) -> dict[str, int]:
    """Write rows at a steady rate until asked to end.

    Args:
        found: the streams, among which the rate is shared evenly.
        sink: where the rows go; it is closed at the end.
        rows_per_second: of all streams together. Where the machine is slower, what is behind is
            written as fast as it goes.
        asked: set to end it.
        seconds: end after so long.

    Returns:
        The rows written, by entity.
    """
    began, begun_at = time.monotonic(), datetime.now(timezone.utc)
    rate = rows_per_second / len(found)
    written = dict.fromkeys((stream.entity for stream in found), 0)

    def at(number: int) -> datetime:
        return begun_at + timedelta(seconds=number / rate)

    try:
        ends = False
        while not asked.is_set() and not ends:
            now = time.monotonic() - began
            wanted = int(min(now, now if seconds is None else seconds) * rate)
            for stream in found:
                done = written[stream.entity]
                written[stream.entity] = min(wanted, done + ROWS_AT_ONCE)
                sink.write(stream.entity, stream.take(done, written[stream.entity], at))
            is_behind = any(rows < wanted for rows in written.values())
            ends = seconds is not None and now >= seconds and not is_behind
            if not (ends or is_behind):
                asked.wait(1 / TICKS_A_SECOND)
    finally:
        sink.close()
    return written
