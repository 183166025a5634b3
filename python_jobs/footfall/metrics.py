"""The state of the tables and of the last run, as Prometheus reads it from a text file."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping
from datetime import timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from footfall.duck import ask
from footfall.errors import FootfallError, UsageError
from footfall.project.records import RUN_RESULTS
from footfall.project.turns import Turn, last_turn
from footfall.settings import Settings

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from pyspark.sql import SparkSession

    from footfall.project.tables import TableStatus

SUFFIX = ".prom"
"""The node exporter's textfile collector reads no other files."""
OF_A_TABLE = {
    "readable": "1 where the table can be read, else 0.",
    "rows": "Rows.",
    "bytes": "Bytes of the newest version's files.",
    "last_load": "The newest load that it holds or reflects.",
    "updated_timestamp_seconds": "When it last changed; time() less this is its age.",
}
RECONCILIATION = "dq_load_reconciliation"
BUILT = ("model", "snapshot", "seed")
FAILED = ("error", "fail", "runtime error")
OUTCOMES = ("accepted", "duplicates", "quarantined")


def metrics_file(file: Path) -> Path:
    """Return the absolute path of the file to write; needs no Spark.

    Raises:
        UsageError: the name does not end in ``.prom``, or its folder is not there.
    """
    file = file.expanduser().absolute()
    if file.suffix != SUFFIX:
        raise UsageError(
            f"{file}: the node exporter reads files that end in {SUFFIX}.",
            f"Write {file.with_suffix(SUFFIX).name}.",
        )
    if not file.parent.is_dir():
        raise UsageError(
            f"There is no folder {file.parent}.",
            "Name the one that the node exporter's --collector.textfile.directory names.",
        )
    return file


def write_metrics(
    file: Path,
    statuses: Collection[TableStatus],
    settings: Settings,
    open_session: Callable[[], SparkSession],
) -> None:
    """Write the metrics; who reads the file finds the former ones or these.

    Args:
        file: of :func:`metrics_file`.
        statuses: of all tables.
        settings: the home.
        open_session: called where the records cannot be read without Spark.

    Raises:
        FootfallError: the file cannot be written.
    """
    from prometheus_client import CollectorRegistry, write_to_textfile

    registry = CollectorRegistry()
    _add_tables(registry, statuses)
    if turn := last_turn(settings.home):
        _add_turn(registry, turn)
    readable = {status.table for status in statuses if not status.problem}

    def read(record: str, sql: str) -> list[tuple[Any, ...]]:
        table = f"{settings.schema_of('quality')}.{record}"
        if table not in readable:
            return []
        return ask(sql.format(table=table), settings, open_session).rows

    _add_sources(registry, read)
    _add_run(registry, read)
    try:
        write_to_textfile(str(file), registry)
    except OSError as error:
        raise FootfallError(
            f"{file} cannot be written: {error.strerror}.", "Give this process write permission."
        ) from error


Read = Callable[[str, str], list[tuple[Any, ...]]]


def _set(
    registry: CollectorRegistry,
    name: str,
    about: str,
    values: Mapping[Any, float],
    labels: tuple[str, ...] = (),
) -> None:
    """Add a gauge with its values, by the values of its labels; one without any is left out."""
    from prometheus_client import Gauge

    if not values:
        return
    gauge = Gauge(f"footfall_{name}", about, labels, registry=registry)
    for labelled, value in values.items():
        (gauge.labels(*labelled) if labels else gauge).set(value)


def _add_tables(registry: CollectorRegistry, statuses: Collection[TableStatus]) -> None:
    figures: dict[str, dict[tuple[str], float]] = defaultdict(dict)
    for status in statuses:
        updated = status.updated_at
        for name, value in (
            ("readable", not status.problem),
            ("rows", status.rows),
            ("bytes", status.size_bytes),
            ("last_load", status.last_load),
            ("updated_timestamp_seconds", updated.timestamp() if updated else None),
        ):
            if value is not None:
                figures[name][(status.table,)] = float(value)
    for name, about in OF_A_TABLE.items():
        _set(registry, f"table_{name}", about, figures[name], ("table",))


def _add_turn(registry: CollectorRegistry, turn: Turn) -> None:
    started = {(): turn.started_at.timestamp()}
    _set(registry, "turn_started_timestamp_seconds", "When the last turn began.", started)
    _set(registry, "turn_failed", "1 where it failed, else 0.", {(): float(bool(turn.error))})
    _set(registry, "turn_rows", "Rows that it loaded.", {(): float(turn.rows)})
    lag = {} if turn.lag_seconds is None else {(): turn.lag_seconds}
    _set(registry, "turn_lag_seconds", "From its oldest file to the end of its build.", lag)


def _add_sources(registry: CollectorRegistry, read: Read) -> None:
    """Add what became of the rows of the newest load of each source."""
    found = read(
        RECONCILIATION,
        "select r.source, r.rows_in, r.accepted, r.duplicates, r.quarantined from {table} r "
        "join (select source, max(load_id) as load_id from {table} group by source) newest "
        "on r.source = newest.source and r.load_id = newest.load_id",
    )
    _set(
        registry, "load_rows", "Rows of a source's newest load, by what became of them.",
        {
            (source, outcome): float(rows)
            for source, _, *counts in found
            for outcome, rows in zip(OUTCOMES, counts, strict=True)
        },
        ("source", "outcome"),
    )  # fmt: skip
    _set(
        registry, "load_quarantined_share", "Share of a source's newest load in quarantine.",
        {(source,): quarantined / rows for source, rows, *_, quarantined in found if rows},
        ("source",),
    )  # fmt: skip


def _add_run(registry: CollectorRegistry, read: Read) -> None:
    """Add the results of the last run of dbt."""
    found = read(
        RUN_RESULTS,
        "select node, kind, status, seconds, run_started_at from {table} where invocation_id in "
        "(select invocation_id from {table} where run_started_at in "
        "(select max(run_started_at) from {table}))",
    )
    if not found:
        return
    started = max(row[-1] for row in found)
    _set(
        registry, "run_started_timestamp_seconds", "When dbt's last run began.",
        {(): started.replace(tzinfo=timezone.utc).timestamp()},
    )  # fmt: skip
    _set(
        registry, "node_seconds", "Seconds of a model, snapshot or seed in dbt's last run.",
        {(node, kind): seconds for node, kind, _, seconds, _ in found if kind in BUILT},
        ("node", "kind"),
    )  # fmt: skip
    counted = Counter((kind, status) for _, kind, status, *_ in found)
    _set(
        registry, "run_nodes", "Nodes of dbt's last run, by kind and status.",
        dict(counted), ("kind", "status"),
    )  # fmt: skip
    failed = sum(status in FAILED for _, _, status, *_ in found)
    _set(registry, "run_failures", "Nodes that failed in it.", {(): float(failed)})
