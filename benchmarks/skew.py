"""Hot keys, plain and salted: ``python -m benchmarks.skew --json FILE``.

20 million interactions of one day (`--rows`), twice: a tenth of the products takes 90 % of them;
one product takes 30 %, and one user. By product rows are counted, users are counted once each, the
median of the times is found, users are collected into a list, the newest 100 rows are taken, and
the median gap between a row and the next is found. Then each row is joined to its user. `plain` is
Spark without adaptive execution, `AQE` with it, `salted` in two phases, by the macros of
`fct_product_daily` and `fct_user_product_daily`. All results are compared.

A shuffle has 64 parts, which AQE does not merge here: on few rows it would leave two. `critical s`
adds up the longest task of each stage, in processor time: on any number of cores a step takes no
less. `rows a task` and `MiB of a shuffle a task` are those of the task that reads most of a
shuffle, `× median` is that by the median of its stage. On some number of cores a stage takes as
long as its longest task, or as a core's mean load where that is more; `pays from` is the fewest
cores on which a step then takes less than the plain one.
"""

from __future__ import annotations

import os
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any

import typer
from jinja2 import Environment

from benchmarks.event_log import Stage, log_events, read_events, stages_of
from benchmarks.harness import (
    Row,
    Work,
    folder_bytes,
    in_own_process,
    measure,
    require_same,
    temporary_home,
    write_report,
)
from benchmarks.interactions import use_two_cores
from footfall.project.dbt import project_vars
from footfall.settings import get_settings
from footfall.spark.conf import temporary_conf
from footfall.spark.session import get_session

DAY = "2025-08-01"
ROWS_A_USER, ROWS_A_PRODUCT = 20, 200
PARTS = 64
MOST_CORES = 4096
SKEWS = ("a tenth of the products takes 90 %", "one product takes 30 %")
CONF = {
    "spark.sql.shuffle.partitions": str(PARTS),
    "spark.sql.adaptive.coalescePartitions.enabled": "false",
    # What is broadcast says a hint.
    "spark.sql.autoBroadcastJoinThreshold": "-1",
}


EXECUTORS = {
    "FOOTFALL_EXECUTORS": "8",
    "FOOTFALL_EXECUTOR_CORES": "1",
    "FOOTFALL_EXECUTOR_MEMORY_GIB": "1",
}


def _macros() -> Any:
    """Return the macros of skew, as functions that render them."""
    values = project_vars()
    footfall = SimpleNamespace(setting=values.__getitem__)
    environment = Environment()
    for file in sorted((get_settings().project_dir / "macros" / "skew").glob("*.sql")):
        module: Any = environment.from_string(file.read_text()).make_module({"footfall": footfall})
        vars(footfall).update(vars(module))
    return footfall


@dataclass(frozen=True)
class Step:
    """What is computed, in several ways.

    Args:
        name: for the report.
        result: the columns of the result, in an order that does not depend on the way.
        ways: queries by name; the first is what the others are held against.
    """

    name: str
    result: str
    ways: Mapping[str, str]


def steps() -> list[Step]:
    """Return what is computed."""
    macros = _macros()
    by_row = macros.salted("interactions", macros.salt("interactions.event_key", BUCKETS))
    by_user = macros.salted("interactions", macros.salt("interactions.user_id", BUCKETS))
    minutes = macros.salted("interactions", macros.minute_of_hot("interactions.event_time"))
    counts = macros.user_product_counts
    newest = "row_number() over (partition by product_id{} order by event_time desc, event_key)"
    median = "select product_id, median(gap_micros) as gap from ({}) group by product_id"
    joined = {
        strategy or "plain": macros.skewed_join(
            "interactions", "users", "user_id", ["country"], "true", strategy
        )
        for strategy in (None, "broadcast", "shuffle_hash", "salted")
    }
    return [
        Step(
            "counts",
            "product_id, view_count, click_count, purchase_count, last_interaction_time",
            {
                "plain": counts("interactions", ["product_id"]),
                "salted": f"""
                    select product_id, sum(view_count) as view_count,
                        sum(click_count) as click_count, sum(purchase_count) as purchase_count,
                        max(last_interaction_time) as last_interaction_time
                    from ({counts(f"({by_row})", ["product_id", "salt"])})
                    group by product_id
                """,
            },
        ),
        Step(
            "distinct users",
            "product_id, users",
            {
                "plain": "select product_id, count(distinct user_id) as users from interactions "
                "group by product_id",
                "salted": f"""
                    select product_id, sum(users) as users
                    from (
                        select product_id, salt, count(distinct user_id) as users
                        from ({by_user}) group by product_id, salt
                    )
                    group by product_id
                """,
            },
        ),
        Step(
            "median of times",
            "product_id, middle",
            {
                "plain": "select product_id, median(unix_micros(event_time)) as middle "
                "from interactions group by product_id",
                "salted": """
                    select product_id, percentile(micros, 0.5, rows) as middle
                    from (
                        select product_id, unix_micros(event_time) as micros, count(*) as rows
                        from interactions group by product_id, unix_micros(event_time)
                    )
                    group by product_id
                """,
            },
        ),
        Step(
            "list of users",
            "product_id, array_sort(users)",
            {
                "plain": "select product_id, collect_list(user_id) as users from interactions "
                "group by product_id",
                "salted": f"""
                    select product_id, flatten(collect_list(users)) as users
                    from (
                        select product_id, salt, collect_list(user_id) as users
                        from ({by_row}) group by product_id, salt
                    )
                    group by product_id
                """,
            },
        ),
        Step(
            "newest 100 rows",
            "product_id, event_key, place",
            {
                "plain": f"""
                    select * from (select *, {newest.format("")} as place from interactions)
                    where place <= 100
                """,
                "salted": f"""
                    select * from (
                        select *, {newest.format("")} as place from (
                            select *, {newest.format(", salt")} as place_in_salt from ({by_row})
                        )
                        where place_in_salt <= 100
                    )
                    where place <= 100
                """,
            },
        ),
        Step(
            "median gap",
            "product_id, gap",
            {
                "plain": median.format(macros.product_gaps("interactions")),
                "salted": median.format(macros.product_gaps(f"({minutes})", "salt")),
            },
        ),
        Step("join to users", "event_key, country", joined),
    ]


BUCKETS = "hot_products.salt_buckets"


def create_views(folder: Path, skew: str, rows: int) -> None:
    """Write the rows, and name them, the users and the hot keys for queries.

    Args:
        folder: gets the files.
        skew: one of :data:`SKEWS`.
        rows: how many.
    """
    spark, macros = get_session(), _macros()
    products, users = max(100, rows // ROWS_A_PRODUCT), max(100, rows // ROWS_A_USER)
    share, hot = (900, products // 10) if skew == SKEWS[0] else (300, 1)

    def drawn(number: int, below: int) -> str:
        return f"pmod(xxhash64(id, {number}), {below})"

    file = folder / f"{rows} rows {SKEWS.index(skew)}"
    spark.sql(
        f"""
        select
            string(id) as event_key,
            concat('u', if({drawn(1, 1000)} < {share if hot == 1 else 0}, 0, 1 + {drawn(2, users)}))
                as user_id,
            concat(
                'p',
                if({drawn(3, 1000)} < {share}, {drawn(4, hot)}, {hot} + {drawn(5, products - hot)})
            ) as product_id,
            date'{DAY}' as event_date,
            timestamp_micros(unix_micros(timestamp'{DAY}') + {drawn(6, 86_400_000_000)})
                as event_time,
            element_at(array('view', 'view', 'click', 'purchase'), 1 + int({drawn(7, 4)}))
                as interaction_type
        from range(0, {rows}, 1, {PARTS})
        """
    ).write.parquet(str(file))
    spark.conf.set("spark.sql.files.maxPartitionBytes", str(folder_bytes(file) // PARTS))
    spark.read.parquet(str(file)).createOrReplaceTempView("interactions")
    spark.sql(
        f"select event_date, product_id, {macros.salt_buckets('share')} as salt_buckets from ("
        f"select event_date, product_id, count(*) / {rows} as share from interactions "
        f"group by event_date, product_id) where share > {project_vars()['hot_product_share']}"
    ).write.parquet(f"{file} hot")
    spark.read.parquet(f"{file} hot").createOrReplaceTempView("hot_products")
    spark.sql(
        f"select concat('u', id) as user_id, if(id % 2 = 0, 'SE', 'NO') as country "
        f"from range(0, {users + 1}, 1, {PARTS})"
    ).write.parquet(f"{file} users")
    spark.read.parquet(f"{file} users").createOrReplaceTempView("users")


def measured(folder: Path, skew: str, rows: int, chosen: list[str] | None) -> list[Row]:
    """Measure all steps on rows of one skew."""
    create_views(folder, skew, rows)
    found: list[Row] = []
    with temporary_conf(get_session(), CONF):
        for step in steps():
            if chosen and step.name not in chosen:
                continue
            found += _ways(folder, step, skew, rows)
    return found


def _ways(folder: Path, step: Step, skew: str, rows: int) -> list[Row]:
    spark = get_session()
    plain, *others = step.ways
    adaptive_ways = {"AQE": plain, **{way: way for way in others}}
    ways = [(plain, plain, "false"), *((*way, "true") for way in adaptive_ways.items())]
    results: dict[str, object] = {}
    measured_ways: list[tuple[Row, list[Stage]]] = []
    for name, way, adaptive in ways:
        query = step.ways[way]

        def run(query: str = query) -> Work:
            spark.sql(query).write.format("noop").mode("overwrite").save()
            return Work(rows=rows)

        with temporary_conf(spark, {"spark.sql.adaptive.enabled": adaptive}):
            # It also warms Java up.
            results[name] = tuple(
                spark.sql(
                    f"select count(*), sum(cast(xxhash64({step.result}) as decimal(38, 0))) "
                    f"from ({query})"
                ).first()
                or ()
            )
            before = len(_events(folder))
            row = measure(f"{skew}: {step.name}", name, run)
            measured_ways.append((row, stages_of(_events(folder)[before:])))
    require_same(step.name, results)
    reference = measured_ways[0][1]
    return [_told(row, stages, reference) for row, stages in measured_ways]


def _events(folder: Path) -> list[dict[str, Any]]:
    """Return the events so far, those that are still under way included."""
    get_session()._jsparkSession.sparkContext().listenerBus().waitUntilEmpty()
    return read_events(folder)


def _told(row: Row, stages: list[Stage], plain: list[Stage]) -> Row:
    largest = max(stages, key=lambda stage: max(stage.shuffled_bytes))
    median = statistics.median(largest.shuffled_bytes)
    most = max(largest.shuffled_bytes)
    pays = (
        cores
        for cores in range(1, MOST_CORES)
        if seconds_on(stages, cores) < seconds_on(plain, cores)
    )
    return replace(
        row,
        critical_seconds=round(seconds_on(stages, MOST_CORES**2), 3),
        most_shuffled_rows=largest.shuffled_rows[largest.shuffled_bytes.index(most)],
        most_shuffled_bytes=most,
        most_over_median=round(most / median, 1) if median else None,
        pays_from_cores=next(pays, None) if stages is not plain else None,
    )


def seconds_on(stages: list[Stage], cores: int) -> float:
    """Return what stages take on some number of cores, one after the other, in processor time."""
    return sum(max(max(stage.cpu_seconds), sum(stage.cpu_seconds) / cores) for stage in stages)


def main(
    rows: Annotated[int, typer.Option(min=10_000, help="Interactions.")] = 20_000_000,
    step: Annotated[list[str] | None, typer.Option(help="Only this step; all by default.")] = None,
    master: Annotated[
        str | None,
        typer.Option(help="A stand-alone cluster of eight workers of a core, spark://HOST:PORT."),
    ] = None,
    json: Annotated[Path | None, typer.Option(help="Where to write the report.")] = None,
) -> None:
    """Measure where salting pays, and from how many cores on.

    Example: `python -m benchmarks.skew --rows 1000000 --step "median gap"`
    """
    use_two_cores()
    if master:
        os.environ |= {"FOOTFALL_SPARK_MASTER": master, **EXECUTORS}
    found: list[Row] = []
    for skew in SKEWS:
        with temporary_home() as folder:
            log_events(folder)
            found += in_own_process(measured, folder, skew, rows, step)
    write_report("skew", found, json)


if __name__ == "__main__":
    typer.run(main)
