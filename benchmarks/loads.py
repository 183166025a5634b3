"""A load and a build after many loads: ``python -m benchmarks.loads --json FILE``.

A year of hourly loads is 8,760. Each table of bronze gets so many loads of few rows, a file each;
they are written straight into its log, as ingestion would have committed and merged them, and into
its queue, since as many calls would take two days. A load that is not counted lets the stream read
the queue. The first build takes them all; then one more load follows, and a build of it. ``rows``
counts the files of bronze and of the record of files before that load.
"""

from __future__ import annotations

import hashlib
import json as jsonlib
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from itertools import count
from pathlib import Path
from typing import Annotated

import pyarrow as pa
import pyarrow.parquet as pq
import typer

from benchmarks.harness import (
    NO_TESTS,
    Row,
    Work,
    in_own_process,
    measure,
    temporary_home,
    write_report,
)
from footfall.ingest import ingest
from footfall.ingest.queue import Offer, Queue
from footfall.ingest.record import COMPACT_AFTER
from footfall.project.contracts import get_contract
from footfall.project.dbt import run_dbt
from footfall.settings import get_settings
from footfall.spark.delta_log import read_delta_table
from footfall.spark.session import get_session

LOADS = (10, 1000, 8760)
ENTITIES = ("product.interactions", "app.interactions")
ROWS_A_LOAD = 100
FIRST = datetime(2024, 1, 1, tzinfo=timezone.utc)
RUNS = 3
VARS = ("--vars", jsonlib.dumps({"sources": ["product", "app"]}))


def rows_of(name: str, number: int) -> list[dict[str, object]]:
    """Return the rows of a load: some users of one hour."""
    hour = FIRST + timedelta(hours=number % 720)
    users = [f"user {(number * 37 + place * 11) % 5000}" for place in range(ROWS_A_LOAD)]
    times = [hour + timedelta(seconds=30 * place) for place in range(ROWS_A_LOAD)]
    if name == "product.interactions":
        return [
            {
                "event_time": time,
                "user_id": user,
                "product_id": f"product {place % 20}",
                "interaction_type": "view",
            }
            for place, (time, user) in enumerate(zip(times, users, strict=True))
        ]
    return [
        {"event_time": time, "user_id": user, "action_type": "page_view", "page_id": "page 1"}
        for time, user in zip(times, users, strict=True)
    ]


def load(name: str, number: int, landing: Path) -> None:
    file = landing / f"{name}-{number}.parquet"
    pq.write_table(pa.Table.from_pylist(rows_of(name, number)), file)
    ingest(name, [str(file)])


def repeat(name: str, loads: int) -> None:
    """Add loads to a bronze table and their files to the record, as its first load is there.

    Ingestion merges small files once :data:`COMPACT_AFTER` loads have each added one, so that a
    year of them leaves one large file and fewer small ones than that.
    """
    spark, settings = get_session(), get_settings()
    bronze = get_contract(name).bronze_table(settings)
    record = f"{settings.schema_of('quality')}.dq_ingested_files"
    [((path, size, modified_ns), sha256)] = (
        Queue(settings.ingest_dir / name).known_content().items()
    )
    offer = Offer(path, sha256, size, modified_ns, "parquet", "{}")
    merged = loads - loads % COMPACT_AFTER
    small = range(max(merged, 2), loads + 1)
    steps = [(2, merged)] if merged > 1 else []
    for first, last in steps + [(number, number) for number in small if number > merged]:
        ids = f"(select explode(sequence({first}L, {last}L)) as number)"
        hours = "make_interval(0, 0, 0, 0, cast(pmod(number, 720) as int))"
        spark.sql(f"""
            insert into {bronze} by name
            select one.* except (event_time, user_id, _load_id),
                one.event_time + {hours} as event_time,
                concat('user ', pmod(number * 37 + xxhash64(one.user_id), 5000)) as user_id,
                number as _load_id
            from (select * from {bronze} where _load_id = 1) as one cross join {ids}
        """)
        queue_files(name, range(first, last + 1), offer)
        spark.sql(f"""
            insert into {record} by name
            select one.* except (source_file, sha256, load_id),
                concat(source_file, number) as source_file,
                sha2(concat(sha256, number), 256) as sha256, number as load_id
            from (select * from {record} where source = '{name}' and load_id = 1) as one
            cross join {ids}
        """)


def queue_files(name: str, loads: range, first: Offer) -> None:
    """Put the files of loads into the queue, as their offers did."""
    queue = Queue(get_settings().ingest_dir / name)
    for number in loads:
        content = hashlib.sha256(f"{first.sha256}{number}".encode()).hexdigest()
        queue.put(replace(first, path=f"{first.path}{number}", sha256=content), again=False)


def files_in_bronze() -> int:
    settings = get_settings()
    names = [get_contract(name).bronze_table(settings) for name in ENTITIES]
    names.append(f"{settings.schema_of('quality')}.dq_ingested_files")
    found = [read_delta_table(settings.table_folder(name)) for name in names]
    return sum(len(table.files or []) for table in found if table)


def after(loads: int) -> list[Row]:
    """Measure one more load and its build after so many, in a home of its own."""
    with temporary_home() as folder:
        for name in ENTITIES:
            load(name, 0, folder)
            repeat(name, loads)
            load(name, loads + 1, folder)
        files, following = files_in_bronze(), count(loads + 2)

        def build() -> Work:
            run_dbt("build", *NO_TESTS, *VARS, quiet=True)
            return Work(rows=files)

        def one_more() -> Work:
            load(ENTITIES[0], next(following), folder)
            return Work(rows=files)

        rows = [measure(f"{loads:,} loads: the first build", "footfall", build)]
        rows.append(measure(f"{loads:,} loads: one more load", "footfall", one_more, RUNS))
        rows.append(measure(f"{loads:,} loads: its build", "footfall", build))
        one_more()
        rows.append(measure(f"{loads:,} loads: the next build", "footfall", build))
        # They are files, not what the step worked on.
        return [replace(row, rows_per_second=None) for row in rows]


def main(
    json: Annotated[Path | None, typer.Option(help="Where to write the report.")] = None,
) -> None:
    """Measure a load and a build after 10, 1,000 and 8,760 loads.

    Example: `python -m benchmarks.loads --json report.json`
    """
    rows = [row for loads in LOADS for row in in_own_process(after, loads)]
    write_report("loads", rows, json)


if __name__ == "__main__":
    typer.run(main)
