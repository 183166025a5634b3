"""An adopted table beside the same rows ingested: ``python -m benchmarks.adopted --json FILE``.

20 million interactions of a million users in 30 days. The first 27 days come at once, the others
one by one: as Parquet files that are ingested, and in a Delta table that is adopted with row
tracking, or by a column of arrival. Each build makes staging, sessions, days of users and the
accounts of loads; of files the loading is measured with it. Before the second day the table is
optimised, and built; before the third the rows of one user in a hundred are deleted from it.
Staging and sessions are compared after each build. Each way has a process and a home of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from benchmarks.harness import (
    Row,
    Work,
    in_own_process,
    measure,
    require_same,
    temporary_home,
    write_report,
)
from benchmarks.interactions import CONTRACT, ROWS, Days, Interactions, build, connect_duckdb
from footfall.adopt import adopt
from footfall.ingest import ingest
from footfall.project.contracts import get_contract
from footfall.settings import get_settings
from footfall.spark.session import get_session

DAYS, AT_ONCE = 30, 27
MODELS = ("+fct_sessions", "+fct_user_activity_daily", "dq_quarantine", "dq_load_reconciliation")
TABLE, ARRIVAL = "theirs.events", "loaded_at"
Found = dict[str, tuple[object, ...]]


@dataclass(frozen=True)
class Ingested:
    """Files that are ingested."""

    data: Interactions
    name = "ingested"

    def file(self, days: Days) -> Path:
        return self.data.folder / f"{days.first}.parquet"

    def deliver(self, days: Days) -> None:
        """Put the rows of days where they are taken from, which is not measured."""
        rows = f"(select * from '{self.data.file}' where {days.hold('event_time')})"
        with connect_duckdb(self.data.folder) as connection:
            connection.execute(f"copy {rows} to '{self.file(days)}'")

    def take(self, days: Days) -> None:
        ingest(CONTRACT, [str(self.file(days))])


@dataclass(frozen=True)
class Adopted:
    """A table that is adopted with row tracking."""

    data: Interactions
    name = "row tracking"
    arrival: str | None = None

    def deliver(self, days: Days) -> None:
        """Append the rows of days; they arrive on the day after."""
        spark = get_session()
        rows = (
            f"select *, timestamp(date_add(date(event_time), 1)) as {ARRIVAL} "
            f"from parquet.`{self.data.file}` where {days.hold('event_time')}"
        )
        if days.first > self.data.period.first:
            spark.sql(f"insert into {TABLE} {rows}")
            return
        tracked = str(self.arrival is None).lower()
        spark.sql("create schema if not exists theirs")
        spark.sql(
            f"create table {TABLE} using delta "
            f"tblproperties ('delta.enableRowTracking' = '{tracked}') as {rows}"
        )

    def take(self, days: Days) -> None:
        if days.first == self.data.period.first:
            adopt(get_session(), CONTRACT, table=TABLE, arrival=self.arrival)


@dataclass(frozen=True)
class AdoptedByArrival(Adopted):
    """A table that is adopted by a column of arrival."""

    name = "arrival column"
    arrival: str | None = ARRIVAL


def measured(way: type[Ingested | Adopted], data: Interactions) -> tuple[list[Row], Found]:
    """Measure one way; return what each build left, too."""
    with temporary_home():
        one, spark = way(data), get_session()
        first = data.period.first
        later = [first + timedelta(days=number) for number in range(AT_ONCE, DAYS)]
        rows: list[Row] = []
        found: Found = {}

        def step(name: str, days: Days | None) -> None:
            if days:
                one.deliver(days)
            delivered = data.count(days) if days else None

            def run() -> Work:
                if days:
                    one.take(days)
                build(*MODELS)
                return Work(rows=delivered)

            rows.append(measure(name, one.name, run))
            found[name] = built()

        step(f"the first {AT_ONCE} days", Days(first, later[0] - timedelta(days=1)))
        step("a day more", Days(later[0], later[0]))
        if isinstance(one, Adopted):
            spark.sql(f"optimize {TABLE}")
            step("after OPTIMIZE", None)
            step("a second day", Days(later[1], later[1]))
            spark.sql(f"delete from {TABLE} where pmod(xxhash64(user_id), 100) = 0")
            step("a third day, and rows deleted", Days(later[2], later[2]))
        else:
            step("a second day", Days(later[1], later[1]))
        return rows, found


def built() -> tuple[object, ...]:
    """Return numbers of rows and sums of their hashes: of staging, and of sessions."""
    settings = get_settings()
    columns = {
        get_contract(CONTRACT).staging_table(settings): "event_key, event_time, product_id",
        f"{settings.schema_of('gold')}.fct_sessions": "session_id, session_end, action_count",
    }
    return tuple(
        tuple(row)
        for table, values in columns.items()
        for row in get_session()
        .sql(f"select count(*), sum(cast(xxhash64({values}) as decimal(38, 0))) from {table}")
        .collect()
    )


def main(
    rows: Annotated[int, typer.Option(help="Interactions, of a twentieth as many users.")] = ROWS,
    json: Annotated[Path | None, typer.Option(help="Where to write the report.")] = None,
) -> None:
    """Measure first and following builds of an adopted table, beside the same rows ingested.

    Example: `python -m benchmarks.adopted --rows 20_000_000 --json report.json`
    """
    with TemporaryDirectory() as folder:
        data = Interactions(Path(folder), DAYS, rows / ROWS)
        data.write()
        ways = (Ingested, Adopted, AdoptedByArrival)
        told = {way.name: in_own_process(measured, way, data) for way in ways}
    for step in told[Adopted.name][1]:
        built_by = {name: found.get(step) for name, (_rows, found) in told.items()}
        require_same(step, {name: left for name, left in built_by.items() if left})
    write_report("adopted", [row for rows_of, _found in told.values() for row in rows_of], json)


if __name__ == "__main__":
    typer.run(main)
