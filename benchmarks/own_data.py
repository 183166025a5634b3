"""From somebody's own file to a dashboard: ``python -m benchmarks.own_data --json FILE``.

1,000,000 events, in 200,000 visits of 50,000 users, as CSV, as JSON lines with nested values, and
as Segment would export them, each by `footfall try` with no mapping given: Spark's start,
suggestion, loading, all marts and the dashboard are included. DuckDB makes daily active users of
the same CSV file for scale. At last a folder of 100,000 files that are all loaded already is
offered again.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Annotated

import duckdb
import typer

from benchmarks.harness import (
    Row,
    Work,
    in_own_process,
    measure,
    temporary_home,
    write_report,
)
from footfall.generate.trackers import generate_as
from footfall.ingest import ingest
from footfall.ingest.queue import Offer, Queue
from footfall.ingest.settled import Settled
from footfall.onboard import suggest_mapping, try_files
from footfall.project.contracts import get_contract
from footfall.settings import get_settings
from footfall.spark.own_home import spark_starting

EVENTS = 1_000_000
KNOWN_FILES = 100_000
RUNS = 3
DAYS = 30
VISIT = 5
"""Events of a visit."""

PLAIN = f"""
    with events as (
        select i, i // {VISIT} as visit, i % {VISIT} as position
        from range({{rows}}) as t(i)
    )
    select
        strftime(
            timestamp '2025-03-01' + to_seconds(
                cast(visit * {VISIT} * {DAYS * 86400} / {{rows}} as bigint)
                + position * (20 + hash(visit) % 60)
            ),
            '%Y-%m-%dT%H:%M:%SZ'
        ) as event_time,
        'user ' || hash(visit, 1) % 50000 as user_id,
        'product ' || cast(power(hash(i, 2) % 10000 / 10000.0, 3) * 5000 as int) as product_id,
        ['view', 'view', 'view', 'click', 'purchase'][cast(1 + hash(i, 3) % 5 as bigint)]
            as event_type
    from events
"""


def write_events(folder: Path, rows: int) -> tuple[Path, Path]:
    """Write events as CSV and as JSON lines with nested values."""
    plain, nested = folder / "shop.csv", folder / "web.jsonl"
    events = PLAIN.format(rows=rows)
    duckdb.sql(f"copy ({events}) to '{plain}' (header)")
    duckdb.sql(
        f"""
        copy (
            select event_time as ts, {{'id': user_id}} as user,
                {{'id': product_id, 'price': 9.5}} as product, event_type as event
            from ({events})
        ) to '{nested}' (format json)
        """
    )
    return plain, nested


def tried(path: str, folder: Path) -> Work:
    """Suggest a mapping, and try it up to the dashboard."""
    mapping, home = folder / "mapping.yml", folder / "trial"
    home.mkdir()
    with spark_starting(home):
        mapping.write_text(suggest_mapping(path).text)
        trial = try_files(path, mapping, home)
    return Work(rows=sum(found.accepted for found in trial.results))


def trial_of(kind: str, rows: int) -> list[Row]:
    """Measure one trial in this process, which starts its Spark."""
    with temporary_home() as folder:
        files = dict(zip(("CSV", "JSON"), map(str, write_events(folder, rows)), strict=True))
        if kind == "Segment":
            generate_as("segment", folder / "segment", 14, rows // 60, 1, date(2025, 3, 1))
            files[kind] = str(folder / "segment" / "events")
        return [measure(f"try, {kind}", "footfall", partial(tried, files[kind], folder))]


def by_duckdb(rows: int) -> list[Row]:
    """Measure daily active users alone, from the CSV file."""
    with temporary_home() as folder:
        plain, _nested = write_events(folder, rows)

        def daily() -> Work:
            duckdb.execute(
                "select event_time::date as day, count(distinct user_id) as users "
                f"from '{plain}' group by day order by day"
            ).fetchall()
            return Work(rows=rows)

        return [measure("daily active users alone, CSV", "duckdb", daily)]


def offered_again(files: int) -> list[Row]:
    """Measure an ingestion of a folder whose files are all loaded."""
    with temporary_home() as folder:
        landing = folder / "landing"
        landing.mkdir()
        header = "event_time,user_id,product_id,interaction_type\n"
        first = landing / "0.csv"
        first.write_text(header + "2025-03-01T00:00:00Z,u,p,view\n")
        name = "product.interactions"
        ingest(name, [str(first)])
        queue = Queue(get_settings().ingest_dir / name)
        [((path, size, modified_ns), content)] = queue.known_content().items()
        offered = [Offer(path, content, size, modified_ns, "csv", "{}")]
        for number in range(1, files):
            file = landing / f"{number}.csv"
            file.write_text(f"{header}2025-03-01T00:00:00Z,u{number},p,view\n")
            status = file.stat()
            offered.append(
                replace(
                    offered[0],
                    path=str(file),
                    sha256=sha256(file.read_bytes()).hexdigest(),
                    bytes=status.st_size,
                    modified_ns=status.st_mtime_ns,
                )
            )
            queue.put(offered[-1], again=False)
        # As many loads would take an hour; what they leave for the next call is written as they do.
        settled = Settled(get_settings(), get_contract(name), queue)
        contents = [offer.sha256 for offer in offered]
        queue.settle(contents)
        settled.note(contents, [])

        def again() -> Work:
            return Work(rows=len(ingest(name, [str(landing)]).skipped))

        return [measure(f"{files:,} known files offered again", "footfall", again, RUNS)]


def main(
    scale: Annotated[
        float, typer.Option(help=f"Multiplies {EVENTS:,} events and the files.")
    ] = 1.0,
    json: Annotated[Path | None, typer.Option(help="Where to write the report.")] = None,
) -> None:
    """Measure `footfall try` on 1,000,000 events, and a folder of files that are all loaded.

    Example: `python -m benchmarks.own_data --json report.json`
    """
    events, files = round(EVENTS * scale), round(KNOWN_FILES * scale)
    rows: list[Row] = []
    for kind in ("CSV", "JSON", "Segment"):
        rows += in_own_process(trial_of, kind, events)
    rows += in_own_process(by_duckdb, events)
    rows += in_own_process(offered_again, files)
    write_report("own_data", rows, json)


if __name__ == "__main__":
    typer.run(main)
