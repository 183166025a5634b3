"""From Kafka to bronze and to marts: ``python -m benchmarks.stream --kafka HOST:PORT --json FILE``.

`footfall generate --stream` sends interactions to topics of four partitions of a broker that runs
already; `footfall ingest --every 1s` and `footfall run --every 10s` read them. The producer is a
process of its own on the same machine, and so is the broker: what they take is missing to the
reader. Seconds are, for each message, from when it was sent to Delta's commit, or to the end of the
build that takes it in; CPU s and GiB are the reader's. The backlog is read by one call, its start
included. Rates grow by 5,000 as long as they hold: the messages of the last quarter of a minute are
at most 2 seconds later in bronze than those of the first, in the median.
"""

from __future__ import annotations

import contextlib
import json as jsonlib
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import unquote

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import typer

from benchmarks.harness import PROGRESS, Row, temporary_home, write_report
from footfall.project.contracts import get_contract
from footfall.settings import GIB, PROJECT_DIR, get_settings

ENTITY = "product.interactions"
PARTITIONS = 4
RATES = (1_000, 10_000)
RATES_GROW_BY = 5_000
SECONDS = 60
MOST_GROWTH_SECONDS = 2.0
BACKLOG = 1_000_000
MART_RATE = 1_000
FIRST_SECONDS, LAST_SECONDS = 300, 600
START_SECONDS = 10
"""The producer's own start."""


def footfall(*arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "footfall", *arguments], cwd=PROJECT_DIR)


def create_topic(servers: str) -> str:
    from confluent_kafka.admin import AdminClient, NewTopic

    topic = f"footfall-{uuid.uuid4().hex[:8]}"
    new = [NewTopic(topic, num_partitions=PARTITIONS, replication_factor=1)]
    admin = AdminClient({"bootstrap.servers": servers})
    for created in admin.create_topics(new).values():
        created.result()
    return topic


def send(servers: str, topic: str, rate: int, seconds: int) -> float:
    """Send messages at a rate, and return the seconds that it took."""
    started = time.monotonic()
    into = ("--kafka", servers, "--topic", f"{ENTITY}={topic}")
    pace = ("--rows-per-second", str(rate), "--for", f"{seconds}s")
    producer = footfall("generate", "--stream", *into, *pace)
    assert producer.wait() == 0
    return time.monotonic() - started


def bronze() -> Path:
    settings = get_settings()
    return settings.table_folder(get_contract(ENTITY).bronze_table(settings))


def commits(table: Path) -> list[tuple[float, Any]]:
    """Return when each load was committed and its messages were sent, in seconds since 1970."""
    found = []
    for file in sorted((table / "_delta_log").glob("[0-9]*.json")):
        actions = [jsonlib.loads(line) for line in file.read_text().splitlines()]
        committed = next((a["commitInfo"]["timestamp"] for a in actions if "commitInfo" in a), 0)
        added = [a["add"] for a in actions if "add" in a and a["add"]["dataChange"]]
        for path in (table / unquote(add["path"]) for add in added):
            messages = pq.ParquetFile(path).read(columns=["_kafka.timestamp"])["_kafka"]
            [sent] = messages.combine_chunks().flatten()
            micros = sent.cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_numpy()
            found.append((committed / 1000, micros / 1e6))
    return found


def messages(table: Path) -> int:
    return sum(len(sent) for _, sent in commits(table)) if table.is_dir() else 0


def wait_for(rows: int, reader: psutil.Popen, table: Path, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while messages(table) < rows:
        assert reader.poll() is None and time.monotonic() < deadline
        time.sleep(1)


class Reader:
    """A command that reads, with what it takes of the machine until it is ended."""

    def __init__(self, *arguments: str) -> None:
        self.process = psutil.Popen(
            [sys.executable, "-m", "footfall", *arguments],
            cwd=PROJECT_DIR,
            stdout=subprocess.DEVNULL,
        )
        self.peak = 0.0

    def cpu_seconds(self) -> float:
        memory = seconds = 0.0
        for process in (self.process, *self.process.children(recursive=True)):
            # A process that Java starts to set a file's mode ends at any moment.
            with contextlib.suppress(psutil.NoSuchProcess):
                memory += process.memory_info().rss / GIB
                seconds += sum(process.cpu_times()[:2])
        self.peak = max(self.peak, memory)
        return seconds

    def end(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(LAST_SECONDS) == 0


def rows_of(step: str, latencies: Sequence[float], cpu: float, peak: float, rate: int) -> list[Row]:
    spread = [round(float(edge), 2) for edge in (np.min(latencies), np.max(latencies))]
    return [
        Row(
            step=f"{step}, {name}",
            engine="footfall",
            seconds=round(float(np.percentile(latencies, share)), 2),
            runs=spread,
            cpu_seconds=round(cpu, 1),
            peak_rss_gib=round(peak, 2),
            rows=len(latencies),
            rows_per_second=rate,
        )
        for name, share in (("median", 50), ("p99", 99))
    ]


def holds(found: list[tuple[float, Any]]) -> bool:
    """Return whether the messages of the last quarter came about as soon as those of the first."""
    sent = np.concatenate([times for _, times in found])
    late = np.concatenate([committed - times for committed, times in found])
    in_order = np.array_split(late[np.argsort(sent)], 4)
    return bool(np.median(in_order[-1]) <= np.median(in_order[0]) + MOST_GROWTH_SECONDS)


def highest_rate(servers: str, known: int) -> list[Row]:
    """Measure rates above a known one until one does not hold; return the last that did.

    A rate that the producer does not reach ends the search, too.
    """
    rows: list[Row] = []
    for rate in range(known + RATES_GROW_BY, 20 * known, RATES_GROW_BY):
        measured, held = at_rate(servers, rate)
        if not held:
            break
        rows = [replace(row, step=f"{row.step}, the highest that held") for row in measured]
    return rows


def at_rate(servers: str, rate: int) -> tuple[list[Row], bool]:
    """Measure the way to bronze at a rate, once the reader has loaded its first messages.

    Returns:
        The rows, and whether the producer sent at the rate and the reader kept up with it.
    """
    topic = create_topic(servers)
    with temporary_home():
        send(servers, topic, 100, 1)
        reader = Reader("ingest", ENTITY, "--kafka", servers, "--topic", topic, "--every", "1s")
        wait_for(100, reader.process, bronze(), FIRST_SECONDS)
        cpu = reader.cpu_seconds()
        sending = send(servers, topic, rate, SECONDS)
        wait_for(100 + rate * SECONDS, reader.process, bronze(), LAST_SECONDS)
        cpu = reader.cpu_seconds() - cpu
        reader.end()
        found = commits(bronze())
        late = np.concatenate([committed - sent for committed, sent in found])[100:]
    held = holds(found[1:]) and sending < SECONDS * 1.1 + START_SECONDS
    PROGRESS.log(
        f"{rate:,}/s: {np.median(late):.2f} s to bronze, {sending:.0f} s sent, held {held}"
    )
    return rows_of(f"{rate:,} messages/s to bronze", late, cpu, reader.peak, rate), held


def to_marts(servers: str) -> list[Row]:
    """Measure the way to the marts, after the first turn has built everything."""
    topic = create_topic(servers)
    with temporary_home() as folder:
        send(servers, topic, 100, 1)
        feed = ("--kafka", servers, "--topic", f"{ENTITY}={topic}")
        reader = Reader("run", *feed, "--every", "10s")
        record = folder / "home" / "turns.jsonl"
        deadline = time.monotonic() + FIRST_SECONDS
        while not record.is_file():
            assert reader.process.poll() is None and time.monotonic() < deadline
            time.sleep(0.5)
        cpu = reader.cpu_seconds()
        send(servers, topic, MART_RATE, SECONDS)
        wait_for(100 + MART_RATE * SECONDS, reader.process, bronze(), LAST_SECONDS)
        cpu = reader.cpu_seconds() - cpu
        reader.end()
        turns = [jsonlib.loads(line) for line in record.read_text().splitlines()]
        assert not any(turn["error"] for turn in turns)
        built = []
        for turn in turns:
            began = datetime.fromisoformat(turn["started_at"]).timestamp()
            loaded = began + turn["ingest_seconds"]
            built.append((loaded, loaded + turn["build_seconds"]))
        late = np.concatenate(
            [
                next(end for loaded, end in built if loaded >= committed) - sent
                for committed, sent in commits(bronze())
            ]
        )[100:]
    return rows_of(f"{MART_RATE:,} messages/s to the marts", late, cpu, reader.peak, MART_RATE)


def backlog(servers: str, rows: int) -> Row:
    """Measure one call that reads all there is."""
    topic = create_topic(servers)
    with temporary_home():
        send(servers, topic, rows, 1)
        started = time.perf_counter()
        topics = ("--kafka", servers, "--topic", topic)
        reader = Reader("ingest", ENTITY, *topics, "--until-caught-up")
        cpu = 0.0
        while reader.process.poll() is None:
            cpu = max(cpu, reader.cpu_seconds())
            time.sleep(0.5)
        seconds = time.perf_counter() - started
        assert reader.process.returncode == 0 and messages(bronze()) == rows
    return Row(
        step=f"a backlog of {rows:,} messages",
        engine="footfall",
        seconds=round(seconds, 2),
        runs=[round(seconds, 2)],
        cpu_seconds=round(cpu, 1),
        peak_rss_gib=round(reader.peak, 2),
        rows=rows,
        rows_per_second=round(rows / seconds),
    )


def main(
    kafka: Annotated[str, typer.Option(help="A broker that is running, HOST:PORT.")],
    scale: Annotated[float, typer.Option(help=f"Multiplies {BACKLOG:,} messages.")] = 1.0,
    json: Annotated[Path | None, typer.Option(help="Where to write the report.")] = None,
) -> None:
    """Measure how fast messages come to bronze and to the marts.

    Example: `python -m benchmarks.stream --kafka 127.0.0.1:9092`
    """
    os.environ["FOOTFALL_KAFKA"] = "true"
    rows = [backlog(kafka, round(BACKLOG * scale))]
    for rate in RATES:
        rows += at_rate(kafka, rate)[0]
    rows += highest_rate(kafka, RATES[-1])
    rows += to_marts(kafka)
    write_report("stream", rows, json)


if __name__ == "__main__":
    typer.run(main)
