"""Ways to a day's training sequences: ``python -m benchmarks.sequence_peers --json FILE``.

Raw days of the training workload stand as Parquet, and beside them the same history as footfall
keeps it, made before the clock starts: a checkpoint, and the segments since. `Spark, naive` and
`Spark, one pass` read all raw history, as one would without that store; footfall, DuckDB and Polars
read the store. So the first two show what the store saves, the last two how fast the same step is
elsewhere. Each engine writes the last day's sequences as Parquet; the results are compared. Engines
start warm: each has run a step before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Annotated

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import typer
from pyspark.sql import functions as F

from benchmarks.harness import (
    Row,
    Work,
    folder_bytes,
    measure,
    require_same,
    temporary_home,
    write_report,
)
from footfall.by_day.compute import Resources, connected
from footfall.by_day.files import cast_for_parquet, write_file
from footfall.by_day.translate import translate
from footfall.generate import TrainingPlan, generate_training
from footfall.project.dbt import project_vars
from footfall.spark.session import get_session

SEED = 7
START = date(2025, 8, 1)
STORED = ("customers", "segments", "checkpoint")
MEMORY_MIB = 4096
SINCE = 4
"""Segments between the checkpoint and the day."""
RAW = """
    select customer_id, cast(click_time as date) as event_date, click_time as action_time,
        1 as action_type, item_id from {clicks}
    union all
    select customer_id, cast(occurred_at as date), occurred_at, 2, config_id from {add_to_carts}
    union all
    select customer_id, cast(occurred_at as date), occurred_at, 3, config_id from {orders}
"""


@dataclass
class Store:
    """The files that the engines read, and where they write."""

    folder: Path
    days: int
    length: int

    @property
    def day(self) -> date:
        return START + timedelta(days=self.days - 1)

    @property
    def checkpoint_date(self) -> date:
        return self.day - timedelta(days=SINCE)

    def landing(self, entity: str) -> str:
        return str(self.folder / "shop" / entity)

    def raw(self, reader: str) -> str:
        """Return the query of all actions.

        Args:
            reader: SQL that reads a folder, with {} in its place.
        """
        entities = ("clicks", "add_to_carts", "orders")
        return RAW.format(**{entity: reader.format(self.landing(entity)) for entity in entities})

    def prepare(self) -> None:
        """Write impressions, segments and the checkpoint from the raw files."""
        raw = self.raw("read_parquet('{}/*.parquet')")
        newest = "action_time desc, action_type desc, item_id desc"
        with duckdb.connect() as connection:
            connection.execute("set timezone = 'UTC'")
            connection.execute(
                f"copy (select distinct customer_id from read_parquet("
                f"'{self.landing('impressions')}/*.parquet') where dt = date '{self.day}') "
                f"to '{self.folder}/customers.parquet'"
            )
            for name, group, where in (
                ("segments", "customer_id, event_date", f">= date '{self.checkpoint_date}'"),
                ("checkpoint", "customer_id", f"< date '{self.checkpoint_date}'"),
            ):
                connection.execute(
                    f"""
                    copy (
                        select {group},
                            list(cast(item_id as int) order by {newest})[:{self.length}] as actions,
                            list(cast(action_type as tinyint) order by {newest})[:{self.length}]
                                as action_types
                        from ({raw})
                        where event_date {where} and event_date < date '{self.day}'
                        group by {group}
                    ) to '{self.folder}/{name}.parquet'
                    """
                )

    def runs(self, source: Callable[[str], str]) -> str:
        """Return the query of the runs that the day's sequences are made of."""
        customers, segments, checkpoint = map(source, STORED)
        return f"""
            select customer_id, date '0001-01-01' as event_date,
                cast(null as int[]) as actions, cast(null as tinyint[]) as action_types
            from {customers}
            union all
            select customer_id, event_date, actions, action_types from {segments}
            where customer_id in (select customer_id from {customers})
            union all
            select customer_id, date '{self.checkpoint_date}' - 1, actions, action_types
            from {checkpoint} where customer_id in (select customer_id from {customers})
        """


def naive_spark(store: Store) -> Callable[[Path], None]:
    """All history joined, numbered by a window, collected and cut."""
    spark = get_session()
    query = f"""
        with numbered as (
            select customers.customer_id, action_type, item_id, row_number() over (
                partition by customers.customer_id
                order by action_time desc, action_type desc, item_id desc
            ) as place
            from {customers_and_history(store)}
        ),
        newest as (
            select customer_id, sort_array(collect_list(
                if(item_id is null, null, struct(place, item_id, action_type))
            )) as newest
            from numbered
            where place <= {store.length}
            group by customer_id
        )
        select customer_id, newest.item_id as actions,
            cast(newest.action_type as array<tinyint>) as action_types
        from newest
    """
    return lambda out: spark.sql(query).write.mode("overwrite").parquet(str(out))


def one_pass_spark(store: Store) -> Callable[[Path], None]:
    """All history in one aggregation: collected, sorted and cut."""
    spark = get_session()
    query = f"""
        with newest as (
            select customers.customer_id,
                slice(
                    sort_array(collect_list(
                        if(item_id is null, null, struct(action_time, action_type, item_id))
                    ), false),
                    1, {store.length}
                ) as newest
            from {customers_and_history(store)}
            group by customers.customer_id
        )
        select customer_id, newest.item_id as actions,
            cast(newest.action_type as array<tinyint>) as action_types
        from newest
    """
    return lambda out: spark.sql(query).write.mode("overwrite").parquet(str(out))


def customers_and_history(store: Store) -> str:
    """Return the join of the day's customers to all of their actions before it."""
    raw = store.raw("parquet.`{}`")
    return f"""
        parquet.`{store.folder}/customers.parquet` as customers
        left join (select * from ({raw}) where event_date < date'{store.day}') as actions
            on customers.customer_id = actions.customer_id
    """


def spark_runs(store: Store) -> str:
    """Return the CTE of the runs of the day's customers in the checkpoint and the segments."""
    customers, segments, checkpoint = (
        f"parquet.`{store.folder}/{name}.parquet`" for name in STORED
    )
    return f"""
        customers as (select customer_id from {customers}),
        runs as (
            select customer_id, date'0001-01-01' as event_date,
                cast(array() as array<int>) as actions,
                cast(array() as array<tinyint>) as action_types
            from customers
            union all
            select /*+ broadcast(customers) */ segments.*
            from {segments} as segments join customers using (customer_id)
            union all
            select /*+ broadcast(customers) */ customer_id,
                date_sub(date'{store.checkpoint_date}', 1), actions, action_types
            from {checkpoint} as checkpoints join customers using (customer_id)
        )
    """


def footfall_query(store: Store, tables: Mapping[str, str]) -> str:
    """Return what models/training/training_sequences.sql does, in Spark's dialect.

    Args:
        store: the files.
        tables: what stands for customers, segments and checkpoint.
    """

    def newest(name: str) -> str:
        return f"""
            slice(flatten(array(
                coalesce(flatten(transform(since.newest_runs, run -> run.{name})), array()),
                coalesce(checkpoints.{name}, array())
            )), 1, {store.length}) as {name}
        """

    return f"""
        with customers as (select customer_id from {tables["customers"]}),
        since as (
            select customer_id, sort_array(
                collect_list(struct(event_date, actions, action_types)), false
            ) as newest_runs
            from (
                select /*+ broadcast(customers) */ segments.*
                from {tables["segments"]} as segments
                join customers on segments.customer_id = customers.customer_id
            )
            group by customer_id
        ),
        checkpoints as (
            select /*+ broadcast(customers) */ checkpoint.*
            from {tables["checkpoint"]} as checkpoint
            join customers on checkpoint.customer_id = customers.customer_id
        )
        select customers.customer_id, {newest("actions")}, {newest("action_types")}
        from customers
        left join checkpoints on customers.customer_id = checkpoints.customer_id
        left join since on customers.customer_id = since.customer_id
    """


def footfall_spark(store: Store) -> Callable[[Path], None]:
    """The model's query by Spark, on the same files as the other engines."""
    spark = get_session()
    files = {name: f"parquet.`{store.folder}/{name}.parquet`" for name in STORED}
    query = footfall_query(store, files)
    return lambda out: spark.sql(query).write.mode("overwrite").parquet(str(out))


def footfall_duckdb(store: Store) -> Callable[[Path], None]:
    """The model's query by DuckDB, translated and written as a run does it."""
    query = translate(footfall_query(store, {name: f"store.{name}" for name in STORED})).sql
    types = {"customer_id": "BIGINT", "actions": "INT[]", "action_types": "TINYINT[]"}

    def run(out: Path) -> None:
        out.mkdir(exist_ok=True)
        with connected(Resources(2, MEMORY_MIB, store.folder / "spilled")) as connection:
            connection.execute("create schema store")
            for name in STORED:
                connection.execute(
                    f"create view store.{name} as from '{store.folder}/{name}.parquet'"
                )
            selected = f"select {cast_for_parquet(types)} from ({query})"
            write_file(connection, selected, out / "sequences.parquet", types)

    return run


def arrow_spark(store: Store) -> Callable[[Path], None]:
    """The same step with the merge in Arrow: sorted runs of a customer lie side by side."""
    spark = get_session()
    runs = spark.sql(f"with {spark_runs(store)} select * from runs")
    length = store.length

    def merge(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        parts = list(batches)
        if not parts:
            return
        table = pa.Table.from_batches(parts).combine_chunks()
        customer = table["customer_id"].to_numpy()
        starts = np.flatnonzero(np.r_[True, customer[1:] != customer[:-1]])
        ends = np.r_[0, np.cumsum(pc.list_value_length(table["actions"]).to_numpy())]
        first, last = ends[starts], ends[np.r_[starts[1:], len(customer)]]
        kept = np.minimum(last - first, length)
        offsets = np.r_[0, np.cumsum(kept)]
        index = np.repeat(first - offsets[:-1], kept) + np.arange(offsets[-1])
        yield pa.RecordBatch.from_pydict(
            {
                "customer_id": customer[starts],
                **{
                    name: pa.ListArray.from_arrays(
                        pa.array(offsets, pa.int32()),
                        pc.list_flatten(table[name]).combine_chunks().take(pa.array(index)),
                    )
                    for name in ("actions", "action_types")
                },
            }
        )

    schema = "customer_id bigint, actions array<int>, action_types array<tinyint>"
    merged = (
        runs.repartition("customer_id")
        .sortWithinPartitions("customer_id", F.desc("event_date"))
        .mapInArrow(merge, schema)
    )
    return lambda out: merged.write.mode("overwrite").parquet(str(out))


def with_duckdb(store: Store) -> Callable[[Path], None]:
    """The same step in DuckDB."""
    runs = store.runs(lambda name: f"read_parquet('{store.folder}/{name}.parquet')")
    query = f"""
        select customer_id,
            coalesce(flatten(list(actions order by event_date desc)
                filter (actions is not null))[:{store.length}], []) as actions,
            coalesce(flatten(list(action_types order by event_date desc)
                filter (actions is not null))[:{store.length}], []) as action_types
        from ({runs}) group by customer_id
    """

    def run(out: Path) -> None:
        out.mkdir(exist_ok=True)
        with duckdb.connect() as connection:
            connection.execute(f"copy ({query}) to '{out}/sequences.parquet'")

    return run


def with_polars(store: Store) -> Callable[[Path], None]:
    """The same step in Polars."""

    def scan(name: str) -> pl.LazyFrame:
        return pl.scan_parquet(store.folder / f"{name}.parquet")

    def run(out: Path) -> None:
        out.mkdir(exist_ok=True)
        customers = scan("customers")
        base = scan("checkpoint").with_columns(
            event_date=pl.lit(store.checkpoint_date - timedelta(days=1))
        )
        columns = ["customer_id", "event_date", "actions", "action_types"]
        runs = pl.concat([scan("segments").select(columns), base.select(columns)])
        lists = ["actions", "action_types"]
        sequences = (
            runs.join(customers, on="customer_id", how="semi")
            .sort("event_date", descending=True)
            .group_by("customer_id", maintain_order=False)
            .agg(pl.col(name).explode().head(store.length) for name in lists)
        )
        customers.join(sequences, on="customer_id", how="left").sink_parquet(
            out / "sequences.parquet"
        )

    return run


ENGINES: dict[str, Callable[[Store], Callable[[Path], None]]] = {
    "Spark, naive": naive_spark,
    "Spark, one pass": one_pass_spark,
    "footfall (Spark)": footfall_spark,
    "footfall (DuckDB)": footfall_duckdb,
    "footfall (Spark, merged in Arrow)": arrow_spark,
    "DuckDB": with_duckdb,
    "Polars": with_polars,
}


def fingerprint(out: Path) -> tuple[int, int, int]:
    """Return figures of a result that depend on each customer's list and its order."""
    with duckdb.connect() as connection:
        found = connection.execute(
            f"""
            select count(*), coalesce(sum(len(actions)), 0), bit_xor(hash(
                customer_id,
                array_to_string(coalesce(actions, []), ','),
                array_to_string(coalesce(action_types, []), ',')
            )) from read_parquet('{out}/*.parquet')
            """
        ).fetchone()
    assert found is not None
    return found[0], found[1], found[2]


def _write(step: Callable[[Path], None], out: Path) -> Work:
    step(out)
    return Work(bytes_written=folder_bytes(out))


def main(
    scale: Annotated[float, typer.Option(help="1 is a day of 10M customers.")] = 0.02,
    days: Annotated[int, typer.Option(min=SINCE + 2, help="Raw days, the last one shown.")] = 30,
    runs: Annotated[int, typer.Option(min=1, help="Runs of each engine.")] = 3,
    json: Annotated[Path | None, typer.Option(help="Where to write the report.")] = None,
) -> None:
    """Measure one day's sequences from raw history, and from footfall's store by three engines.

    Example: `python -m benchmarks.sequence_peers --scale 0.02 --days 90`
    """
    rows: list[Row] = []
    with temporary_home() as folder:
        store = Store(folder / "landing", days, int(project_vars()["sequence_length"]))
        generate_training(store.folder, TrainingPlan(days, SEED, START, scale))
        store.prepare()
        results: dict[str, tuple[int, int, int]] = {}
        for engine, make in ENGINES.items():
            out = folder / f"out-{len(results)}"
            once = partial(_write, make(store), out)
            once()
            rows.append(measure(f"sequences of a day, {days} days of history", engine, once, runs))
            results[engine] = fingerprint(out)
        require_same(f"the sequences of {store.day}", results)
    write_report("sequence_peers", rows, json)


if __name__ == "__main__":
    typer.run(main)
