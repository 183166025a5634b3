"""What Spark's event log says of tasks and executors."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

EVENTS = "events"


def log_events(folder: Path, further: Mapping[str, str] | None = None) -> None:
    """Let the Spark that this process or a child starts from now on log its events in a folder.

    Args:
        folder: gets a folder :data:`EVENTS`.
        further: settings of Spark's besides.
    """
    (folder / EVENTS).mkdir(parents=True, exist_ok=True)
    conf = {
        "spark.eventLog.enabled": "true",
        "spark.eventLog.compress": "false",
        "spark.eventLog.dir": (folder / EVENTS).as_uri(),
        **(further or {}),
    }
    told = " ".join(f"--conf {key}={value}" for key, value in conf.items())
    os.environ["PYSPARK_SUBMIT_ARGS"] = f"{told} pyspark-shell"


@dataclass(frozen=True)
class Tasks:
    """The tasks of some events.

    Args:
        spilled_bytes: that they wrote to disk because memory was full.
        most_shuffled_bytes: the most that one of them read of a shuffle.
        most_memory_bytes: the most that one of them held for sorts and aggregates.
    """

    spilled_bytes: int
    most_shuffled_bytes: int
    most_memory_bytes: int


def tasks_of(events: list[dict[str, Any]]) -> Tasks:
    """Return what the tasks among events did."""
    found = [
        event.get("Task Metrics") or {}
        for event in events
        if event["Event"] == "SparkListenerTaskEnd"
    ]
    read = [task.get("Shuffle Read Metrics", {}) for task in found]
    return Tasks(
        sum(task.get("Disk Bytes Spilled", 0) for task in found),
        max((sum(one.get(f"{side} Bytes Read", 0) for side in SIDES) for one in read), default=0),
        max((task.get("Peak Execution Memory", 0) for task in found), default=0),
    )


SIDES = ("Local", "Remote")


@dataclass
class Stage:
    """The tasks of a stage, one after the other.

    Args:
        cpu_seconds: of each, its processor time.
        shuffled_rows: that each read of a shuffle.
        shuffled_bytes: likewise.
    """

    cpu_seconds: list[float] = field(default_factory=list)
    shuffled_rows: list[int] = field(default_factory=list)
    shuffled_bytes: list[int] = field(default_factory=list)


def stages_of(events: list[dict[str, Any]]) -> list[Stage]:
    """Return the stages that the tasks among events are of."""
    stages: dict[int, Stage] = defaultdict(Stage)
    for event in events:
        if event["Event"] == "SparkListenerTaskEnd":
            metrics = event.get("Task Metrics") or {}
            read = metrics.get("Shuffle Read Metrics", {})
            stage = stages[event["Stage ID"]]
            stage.cpu_seconds.append(metrics.get("Executor CPU Time", 0) / 1e9)
            stage.shuffled_rows.append(read.get("Total Records Read", 0))
            stage.shuffled_bytes.append(sum(read.get(f"{side} Bytes Read", 0) for side in SIDES))
    return list(stages.values())


def largest_executor(events: list[dict[str, Any]]) -> int:
    """Return the most memory that the process of one executor took, in bytes.

    The log holds it where Spark was told ``spark.eventLog.logStageExecutorMetrics`` and
    ``spark.executor.processTreeMetrics.enabled``.
    """
    return max(
        (
            event["Executor Metrics"].get("ProcessTreeJVMRSSMemory", 0)
            for event in events
            if event["Event"] == "SparkListenerStageExecutorMetrics"
            and event["Executor ID"] != "driver"
        ),
        default=0,
    )


def read_events(folder: Path, after: int = 0) -> list[dict[str, Any]]:
    """Return the events of a folder's logs that concern tasks and executors.

    Args:
        folder: as given to :func:`log_events`.
        after: so many of them are left out, the first ones.
    """
    return list(_events(folder))[after:]


def _events(folder: Path) -> Iterator[dict[str, Any]]:
    kinds = ("SparkListenerTaskEnd", "SparkListenerStageExecutorMetrics")
    for file in sorted(path for path in (folder / EVENTS).rglob("*") if path.is_file()):
        with file.open(encoding="utf-8") as lines:
            yield from (
                json.loads(line)
                for line in lines
                # The last line of a log that is being written may not be whole.
                if line.endswith("\n") and any(f'"{kind}"' in line[:80] for kind in kinds)
            )
