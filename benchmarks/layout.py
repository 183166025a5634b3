"""Files that hourly loads leave, and what queries read of them: ``python -m benchmarks.layout``.

A history is loaded and built at once; then hours follow one by one, each ingested and built. The
first rows say what a load and its build cost, and for each table what all loads' commits wrote,
compaction included, as a multiple of what the table grew by; ``rows`` are the files that are left.
Then three queries of BI tools run on the tables as they are, and again after OPTIMIZE of all
partitions, with ZORDER BY where the model names columns: ``MiB read`` and ``rows`` are the sizes
and the number of the files that Spark's scans read (a table's other files are passed over by
partition and by statistics).
"""

from __future__ import annotations

import json as jsonlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, time, timedelta, timezone
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import typer

from benchmarks.harness import NO_TESTS, Row, Work, as_one, measure, temporary_home, write_report
from benchmarks.incremental import CLEAN, bytes_added
from footfall.generate import generate
from footfall.generate.entities import GENERATED
from footfall.ingest import ingest
from footfall.project.dbt import run_dbt
from footfall.settings import get_settings
from footfall.spark.conf import FOR_TINY_TABLES, temporary_conf
from footfall.spark.delta_log import DeltaTable, read_delta_table
from footfall.spark.session import get_session

LAST_DAY = date(2025, 9, 1)
SEED = 7
SOURCES = ["product", "app"]
EVENTS = ("product.interactions", "app.interactions")
TABLES = {
    "stg_product__interactions": ("silver", []),
    "fct_product_daily": ("gold", ["product_id"]),
    "fct_user_product_daily": ("gold", ["user_id", "product_id"]),
    "fct_user_activity_daily": ("gold", []),
    "fct_active_users_daily": ("gold", []),
}
"""Schema and columns of ZORDER BY."""


class Home:
    """A home of a history, and the hours of the days after it.

    Args:
        folder: for generated and landing files.
        history: days loaded at once.
        hours: that follow.
        users: of the generated data.
    """

    def __init__(self, folder: Path, history: int, hours: int, users: int) -> None:
        self.settings, self.folder = get_settings(), folder
        self.first_hour = datetime.combine(LAST_DAY, time(), timezone.utc)
        days = history + -(-hours // 24)
        start = LAST_DAY - timedelta(days=history)
        generate(folder / "generated", days, users, SEED, start, dirt=CLEAN)

    def load(self, name: str, first: datetime | None, end: datetime) -> int:
        """Load an entity's events of a time, or what arrived in its days; return the rows."""
        source, entity = name.split(".")
        files = sorted((self.folder / "generated" / source / entity).glob("*.parquet"))
        table = pa.concat_tables(map(pq.read_table, files), promote_options="default")
        if name in EVENTS:
            happened = table["event_time"].cast(pa.timestamp("us", "UTC"))
            chosen = pc.less(happened, pa.scalar(end, happened.type))
            if first:
                since = pc.greater_equal(happened, pa.scalar(first, happened.type))
                chosen = pc.and_(chosen, since)
            table = table.filter(chosen)
        landing = self.folder / f"{name}-{end:%Y-%m-%dT%H}.parquet"
        pq.write_table(table, landing)
        return ingest(name, [str(landing)], settings=self.settings).rows

    def build(self) -> None:
        models = [f"+{table}" for table in TABLES]
        variables = jsonlib.dumps({"sources": SOURCES})
        run_dbt("build", *NO_TESTS, "--select", *models, "--vars", variables, quiet=True)

    def take_history(self) -> Work:
        names = [name for name in GENERATED if name.split(".")[0] in SOURCES]
        rows = sum(self.load(name, None, self.first_hour) for name in names)
        self.build()
        return Work(rows=rows)

    def take_hour(self, number: int) -> Work:
        first = self.first_hour + timedelta(hours=number)
        rows = sum(self.load(name, first, first + timedelta(hours=1)) for name in EVENTS)
        self.build()
        return Work(rows=rows)

    def table(self, name: str) -> DeltaTable:
        found = read_delta_table(self.settings.table_folder(self.qualified(name)))
        assert found and found.files is not None, name
        return found

    def qualified(self, name: str) -> str:
        return f"{self.settings.schema_of(TABLES[name][0])}.{name}"

    def commits(self, name: str) -> set[Path]:
        folder = self.settings.local_warehouse / f"{self.qualified(name).replace('.', '.db/')}"
        return set(folder.glob("_delta_log/*.json"))


def _queries(home: Home) -> dict[str, str]:
    """Return what BI tools ask most, on a product and a user in the middle of the ranks."""
    spark = get_session()

    def middle(column: str) -> str:
        table = home.qualified("fct_user_product_daily")
        query = f"select {column} from {table} group by 1 order by count(*) desc, 1 limit 50"
        return str(spark.sql(query).collect()[-1][0])

    yesterday = LAST_DAY - timedelta(days=1)
    return {
        "one product over 90 days": f"""
            select event_date, sum(view_count) from {home.qualified("fct_product_daily")}
            where product_id = '{middle("product_id")}'
                and event_date > date'{LAST_DAY}' - 90 group by 1""",
        "one user's history": f"""
            select * from {home.qualified("fct_user_product_daily")}
            where user_id = '{middle("user_id")}'""",
        "a day's active users by segment": f"""
            select * from {home.qualified("fct_active_users_daily")}
            where metric_date = date'{yesterday}'""",
    }


def files_read(query: str) -> Work:
    """Run a query and return how many files its scans read, as rows, and their bytes."""
    spark = get_session()
    with temporary_conf(spark, FOR_TINY_TABLES):
        frame = spark.sql(query)
        frame.collect()
        leaves = _sequence(frame._jdf.queryExecution().executedPlan().collectLeaves())
    totals = dict.fromkeys(("numFiles", "filesSize"), 0)
    for leaf in leaves:
        for name in totals:
            metric = leaf.metrics().get(name)
            totals[name] += metric.get().value() if metric.isDefined() else 0
    return Work(rows=totals["numFiles"], bytes_read=totals["filesSize"])


def _sequence(scala: Any) -> list[Any]:
    return [scala.apply(number) for number in range(scala.size())]


def _optimize(home: Home, name: str) -> Work:
    columns = TABLES[name][1]
    clause = f" zorder by ({', '.join(columns)})" if columns else ""
    get_session().sql(f"optimize {home.qualified(name)}{clause}")
    table = home.table(name)
    return Work(rows=len(table.files or []), bytes_written=table.size_bytes)


def _measure(home: Home, hours: int) -> Iterator[Row]:
    yield measure("the history, and its build", "footfall", home.take_history)
    before = {name: (home.commits(name), home.table(name).size_bytes) for name in TABLES}
    turns = [
        measure(f"hour {number}", "footfall", partial(home.take_hour, number))
        for number in range(hours)
    ]
    yield as_one("an hour's load, and its build", turns)
    for name, (commits, size) in before.items():
        table = home.table(name)
        written = sum(map(bytes_added, home.commits(name) - commits))
        times = written / max(1, table.size_bytes - size)
        label = f"{name}: {hours} loads wrote {times:.1f} times what they added"
        counted = partial(Work, rows=len(table.files or []), bytes_written=written)
        yield measure(label, "footfall", counted)
    yield from _asked(home, "as the builds left them")
    for name in TABLES:
        yield measure(f"{name}: OPTIMIZE", "delta", partial(_optimize, home, name))
    yield from _asked(home, "after OPTIMIZE")


def _asked(home: Home, state: str) -> Iterator[Row]:
    for label, query in _queries(home).items():
        yield measure(f"{label}, {state}", "spark", partial(files_read, query))


def main(
    history: Annotated[int, typer.Option(help="Days that are loaded at once.", min=1)] = 90,
    days: Annotated[float, typer.Option(help="Days of hourly loads after them.", min=0.05)] = 30,
    users: Annotated[int, typer.Option(help="Users of the generated data.", min=1)] = 2000,
    json: Annotated[Path | None, typer.Option(help="Where to write the report.")] = None,
) -> None:
    """Measure hourly loads and three queries in a home of its own.

    Example: `python -m benchmarks.layout --days 2 --json report.json`
    """
    hours = max(1, round(days * 24))
    with temporary_home() as folder:
        get_session()
        rows = list(_measure(Home(folder, history, hours, users), hours))
    # What is counted here are files, not what a step worked on.
    write_report("layout", [replace(row, rows_per_second=None) for row in rows], json)


if __name__ == "__main__":
    typer.run(main)
