"""What every benchmark shares: the machine, a measured step, a table, a JSON report."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import platform
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from itertools import compress
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import psutil
from rich import box
from rich.console import Console
from rich.table import Table

from footfall.errors import FootfallError
from footfall.settings import GIB, get_settings, usable_cores, usable_memory_gib

SAMPLE_SECONDS = 0.05
MOST_FOREIGN_LOAD = 0.05
LAST_SECONDS = 60
"""How long the processes that a step started may take to end."""

PROGRESS = Console(stderr=True)

NO_TESTS = ("--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")
"""Options of ``dbt build``."""

T = TypeVar("T")


@dataclass(frozen=True)
class Work:
    """What one run of a step did; None where it does not apply."""

    rows: int | None = None
    bytes_read: int | None = None
    bytes_written: int | None = None


@dataclass(frozen=True)
class Row:
    """One measured step.

    Args:
        step: what was done.
        engine: what did it.
        seconds: median of the runs' wall-clock times.
        runs: all of them.
        cpu_seconds: median of the processor time of the process and its children, which a busy
            machine hardly changes.
        peak_rss_gib: most memory of the process and its children at one moment, in GiB. It
            includes what the process held before. None where it was not measured.
        bytes_read: input of one run.
        bytes_written: output of one run.
        bytes_spilled: what Spark's tasks wrote to disk because memory was full.
        most_shuffled_bytes: the most that one task read of a shuffle.
        most_task_memory_bytes: the most that one task held for sorts and aggregates.
        largest_executor_bytes: the most memory that the process of one executor took.
        most_shuffled_rows: the rows of a shuffle that the task read which read most bytes of one.
        most_over_median: those bytes by the median of the tasks of its stage.
        critical_seconds: processor time of the longest task of each stage, all stages together.
        pays_from_cores: the fewest cores on which the step beats the one that it is held against.
        rows: rows of one run.
        rows_per_second: rows / seconds.
        projected: whether the figures were not measured but follow from those of another step.
        foreign_load: share of the cores' time that went to other processes of the machine
            meanwhile, 0 to 1; None in reports from before it was recorded.
    """

    step: str
    engine: str
    seconds: float
    runs: list[float]
    cpu_seconds: float
    peak_rss_gib: float | None = None
    bytes_read: int | None = None
    bytes_written: int | None = None
    bytes_spilled: int | None = None
    most_shuffled_bytes: int | None = None
    most_task_memory_bytes: int | None = None
    largest_executor_bytes: int | None = None
    most_shuffled_rows: int | None = None
    most_over_median: float | None = None
    critical_seconds: float | None = None
    pays_from_cores: int | None = None
    rows: int | None = None
    rows_per_second: float | None = None
    projected: bool = False
    foreign_load: float | None = None

    @property
    def is_disturbed(self) -> bool:
        """Whether other processes took so much that the seconds say little."""
        return (self.foreign_load or 0.0) > MOST_FOREIGN_LOAD


def _process_tree() -> list[psutil.Process]:
    process = psutil.Process()
    return [process, *process.children(recursive=True)]


def _cpu_seconds() -> float:
    """Return the processor time so far of this process and all its children, ended ones too."""
    total = 0.0
    for process in _process_tree():
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system
            total += getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
    return total


def busy_seconds() -> float:
    """Return the processor time so far of all processes of the machine, that of its host too."""
    times = psutil.cpu_times()._asdict()
    idle = ("idle", "iowait", "guest", "guest_nice")
    return sum(float(seconds) for kind, seconds in times.items() if kind not in idle)


def foreign_share(all_seconds: float, cpu_seconds: float, seconds: float) -> float:
    """Return the share of the cores' time that other processes took, 0 to 1.

    Args:
        all_seconds: processor time of all processes.
        cpu_seconds: of that, one's own.
        seconds: that went by meanwhile.
    """
    share = (all_seconds - cpu_seconds) / ((seconds or 1.0) * usable_cores())
    return round(max(0.0, share), 3)


def io_bytes() -> tuple[int, int]:
    """Return the bytes that this process and its children have read and written so far.

    It counts calls, whether or not the disk had to be touched.
    """
    read = written = 0
    for process in _process_tree():
        with contextlib.suppress(psutil.NoSuchProcess):
            counters = process.io_counters()
            read += counters.read_chars
            written += counters.write_chars
    return read, written


class PeakMemory:
    """Samples the memory of this process and all its children while the context is open.

    A process counts from its second sample on: one that is just being spawned shares all memory of
    its parent (Java's, say) until it runs its own program.
    """

    def __init__(self) -> None:
        self.gib = 0.0
        self._known: set[int] = set()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> PeakMemory:
        self._sample()
        self._thread.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._done.set()
        self._thread.join()
        self._sample()

    def _watch(self) -> None:
        while not self._done.wait(SAMPLE_SECONDS):
            self._sample()

    def _sample(self) -> None:
        total = 0
        processes = _process_tree()
        for process in processes:
            if process.pid in self._known:
                with contextlib.suppress(psutil.NoSuchProcess):
                    total += process.memory_info().rss
        self._known = {process.pid for process in processes}
        self.gib = max(self.gib, total / GIB)


def measure(step: str, engine: str, function: Callable[[], Work | None], runs: int = 1) -> Row:
    """Run a step and measure wall-clock time and peak memory.

    Args:
        step: what is done, in a few words.
        engine: what does it: ``footfall``, ``spark``, ``duckdb`` …
        function: does it once, and says how much it did.
        runs: how often; time is the median.
    """
    seconds: list[float] = []
    cpu_seconds: list[float] = []
    work: Work | None = None
    busy_started = busy_seconds()
    with PeakMemory() as peak:
        for _ in range(runs):
            started, cpu_started = time.perf_counter(), _cpu_seconds()
            work = function()
            seconds.append(round(time.perf_counter() - started, 4))
            cpu_seconds.append(_cpu_seconds() - cpu_started)
    foreign_load = foreign_share(busy_seconds() - busy_started, sum(cpu_seconds), sum(seconds))
    work = work or Work()
    median = statistics.median(seconds)
    PROGRESS.log(
        f"{engine}: {step}: {median:.1f} s, peak {peak.gib:.1f} GiB, "
        f"other processes {foreign_load:.0%}"
    )
    return Row(
        step=step,
        engine=engine,
        seconds=round(median, 4),
        runs=seconds,
        cpu_seconds=round(statistics.median(cpu_seconds), 4),
        peak_rss_gib=round(peak.gib, 3),
        bytes_read=work.bytes_read,
        bytes_written=work.bytes_written,
        rows=work.rows,
        rows_per_second=round(work.rows / median) if work.rows and median else None,
        foreign_load=foreign_load,
    )


def as_one(step: str, rows: Sequence[Row]) -> Row:
    """Return measurements of a step, made one by one, as :func:`measure` returns several runs.

    Args:
        step: what was done, in a few words.
        rows: one for each run; how much was done is taken from the run in the middle.
    """
    middle = sorted(rows, key=lambda row: row.seconds)[len(rows) // 2]
    return replace(
        middle,
        step=step,
        seconds=statistics.median(row.seconds for row in rows),
        runs=[row.seconds for row in rows],
        cpu_seconds=statistics.median(row.cpu_seconds for row in rows),
        peak_rss_gib=max(row.peak_rss_gib or 0.0 for row in rows),
        foreign_load=max(row.foreign_load or 0.0 for row in rows),
    )


@contextlib.contextmanager
def temporary_home() -> Iterator[Path]:
    """Let footfall and dbt keep all they write in a temporary folder, and yield it.

    Java and the jars are those of the settings before.
    """
    os.environ["FOOTFALL_CACHE"] = str(get_settings().cache)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        os.environ["FOOTFALL_HOME"] = f"{folder}/home"
        os.environ["DBT_TARGET_PATH"] = f"{folder}/target"
        os.environ["DBT_LOG_PATH"] = f"{folder}/logs"
        get_settings.cache_clear()
        yield Path(folder)


def in_own_process(function: Callable[..., T], *arguments: object) -> T:
    """Run a function in a new process, so that its memory holds nothing of other engines.

    Returns when the processes that it started (a Java, say) have ended too.

    Args:
        function: of a module, by name; it and the arguments must be picklable.
        arguments: what to call it with.
    """
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        result, started = pool.submit(_with_started_processes, function, arguments).result()
    for pid in started:
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.Process(pid).wait(LAST_SECONDS)
    return result


def _with_started_processes(
    function: Callable[..., T], arguments: tuple[object, ...]
) -> tuple[T, list[int]]:
    result = function(*arguments)
    return result, [child.pid for child in psutil.Process().children(recursive=True)]


def require_same(what: str, results: Mapping[str, object]) -> None:
    """Compare what the engines found.

    Args:
        what: it is, for the message.
        results: by engine, at least one.

    Raises:
        FootfallError: the results are not all equal.
    """
    first = next(iter(results.values()))
    if any(result != first for result in results.values()):
        lines = "".join(f"\n  {engine}: {result}" for engine, result in results.items())
        raise FootfallError(f"The engines disagree on {what}:{lines}", "No report was written.")


def folder_bytes(folder: Path) -> int:
    """Return the size of all files under a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def machine() -> dict[str, Any]:
    """Describe the machine (cores, memory, processor, Python) and what footfall was told of it.

    The settings are those that the environment names, folders and schemas left out.
    """
    speed = ("CORES", "DRIVER_MEMORY_GIB", "JIT_LEVEL", "DATA_SKIPPING", "CLASS_ARCHIVE")
    names = [f"FOOTFALL_{name}" for name in speed]
    return {
        "settings": {name: os.environ[name] for name in names if name in os.environ},
        "cores": usable_cores(),
        "memory_gib": round(usable_memory_gib(), 1),
        "python": platform.python_version(),
        "cpu": _processor(),
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _cells(row: Row) -> list[str]:
    def mebibytes(size: int | None) -> str:
        return NOTHING if size is None else f"{size / 1024**2:,.1f}"

    def told(figure: float | None, form: str) -> str:
        return NOTHING if figure is None else format(figure, form)

    return [
        f"projection: {row.step}" if row.projected else row.step,
        row.engine,
        f"{row.seconds:.2f}{' †' if row.is_disturbed else ''}",
        f"{min(row.runs):.2f}–{max(row.runs):.2f}",
        f"{row.cpu_seconds:.2f}",
        told(row.critical_seconds, ".2f"),
        told(row.peak_rss_gib, ".2f"),
        mebibytes(row.bytes_read),
        mebibytes(row.bytes_written),
        mebibytes(row.bytes_spilled),
        mebibytes(row.most_shuffled_bytes),
        mebibytes(row.most_task_memory_bytes),
        mebibytes(row.largest_executor_bytes),
        told(row.most_shuffled_rows, ","),
        told(row.most_over_median, ",.1f"),
        told(row.pays_from_cores, ","),
        told(row.rows, ","),
        told(row.rows_per_second, ",.0f"),
    ]


NOTHING = "–"
HEADINGS = (
    "step",
    "engine",
    "s",
    "min–max",
    "CPU s",
    "critical s",
    "GiB",
    "MiB read",
    "MiB written",
    "MiB spilled",
    "MiB of a shuffle a task",
    "MiB held a task",
    "MiB an executor",
    "rows a task",
    "× median",
    "pays from",
    "rows",
    "rows/s",
)


def markdown_table(rows: Sequence[Row]) -> str:
    """Return the rows as a Markdown table, for the docs."""
    headings, cells = _table(rows)
    lines = [headings, ["---", "---", *["---:"] * (len(headings) - 2)], *cells]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _table(rows: Sequence[Row]) -> tuple[list[str], list[list[str]]]:
    """Return headings and cells, without the columns that say nothing of any row."""
    cells = [_cells(row) for row in rows]
    told = [any(line[place] != NOTHING for line in cells) for place in range(len(HEADINGS))]
    return list(compress(HEADINGS, told)), [list(compress(line, told)) for line in cells]


def write_report(name: str, rows: Sequence[Row], json_path: Path | None) -> dict[str, Any]:
    """Print a benchmark's table and write its JSON.

    Args:
        name: of the benchmark.
        rows: its measured steps.
        json_path: the file to write; none if None.

    Returns:
        The report, as written.
    """
    report = {
        "benchmark": name,
        "machine": machine(),
        "rows": [asdict(row) for row in rows],
    }
    headings, cells = _table(rows)
    table = Table(*headings[:2], title=f"benchmark: {name}", box=box.SIMPLE)
    for heading in headings[2:]:
        table.add_column(heading, justify="right")
    for line in cells:
        table.add_row(*line)
    # A pipe has no width of its own; the table must not be cut there.
    Console(width=None if sys.stdout.isatty() else 160).print(table)
    if json_path:
        json_path.parent.mkdir(parents=True, exist_ok=True)
        json_path.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    return report
