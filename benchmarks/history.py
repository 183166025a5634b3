"""A day's build of what depends on all of history: ``python -m benchmarks.history --json FILE``.

200,000 users come and go, 200,000 customers buy; histories of 30, 90 and 365 days end on the same
day. The tables below the models are filled as they would have been built: activity by user and
month, interactions by user, product and day, and what the CRM delivered. From them the models are
built whole, and then the day that follows is. dbt's own start and Delta's commits are included. At
last, what analysts pay for lifetimes being a view: one user's, and all.
"""

from __future__ import annotations

import json as jsonlib
from collections.abc import Iterator
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Annotated

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
from footfall.project.dbt import run_dbt
from footfall.settings import get_settings
from footfall.spark.session import get_session

USERS = 200_000
HISTORIES = (30, 90, 365)
LAST = date(2024, 12, 20)
RUNS = 3
PAIRS_A_DAY = 50_000
TRANSACTIONS_A_DAY = 20_000
SOURCES = {"sources": ["product", "crm"]}
GROUPS = {
    "growth and retention": (
        "int_user_active_spans",
        "int_cohort_activity",
        "fct_growth_accounting",
        "fct_retention_cohorts",
    ),
    "active days": ("fct_active_days_histogram",),
    "user × product": ("int_user_product_monthly", "fct_user_product"),
    "customer features": ("int_customer_totals", "fct_customer_features"),
}


def fill(first: date, last: date, users: int, scale: float) -> None:
    """Add days to the tables that the models read, both ends included."""
    settings, spark = get_settings(), get_session()
    gold, silver = settings.schema_of("gold"), settings.schema_of("silver")
    days = f"(select explode(sequence(date'{first}', date'{last}')) as day)"

    def per_day(rows: int) -> str:
        return f"{days} cross join (select id from range({max(1, round(rows * scale))}))"

    # Half of the users joined in the year before the last day; they come on 2 to 41 of 100 days.
    spark.sql(f"""
        insert into {gold}.fct_user_activity_monthly (
            month_start, user_id, basic_days, core_days, engaged_days,
            core_once_days, core_twice_days
        )
        select month_start, user_id, bit_or(bit), bit_or(if(kind < 4, bit, 0)),
            bit_or(if(kind = 5, bit, 0)), bit_or(if(kind < 4, bit, 0)), bit_or(if(kind < 4, bit, 0))
        from (
            select trunc(day, 'MM') as month_start, concat('user ', id) as user_id,
                shiftleft(1, day(day) - 1) as bit, pmod(xxhash64(id, day, 1), 10) as kind
            from {days} cross join (select id from range({users}))
            where pmod(xxhash64(id, day), 100) < 2 + pmod(xxhash64(id), 40)
                and day > date_sub(date'{LAST}', cast(pmod(xxhash64(id, 2), 730) as int))
        )
        group by month_start, user_id
    """)
    # The calendar of activity is read from its first and last day alone.
    spark.sql(
        f"insert into {gold}.fct_user_activity_daily (user_id, event_date) "
        f"values ('user', date'{first}'), ('user', date'{last}')"
    )
    spark.sql(f"""
        insert into {gold}.fct_user_product_daily (
            user_id, product_id, event_date, view_count, click_count, purchase_count,
            last_interaction_time
        )
        select concat('user ', pmod(xxhash64(id, day), {users})),
            concat('product ', pmod(xxhash64(id, day, 1), 5000)), day, 3, 1, 0, timestamp(day)
        from {per_day(PAIRS_A_DAY)}
    """)
    customer = f"pmod(xxhash64(id, day), {users})"
    for table, columns, values, rows in (
        ("customers", "", "", PAIRS_A_DAY // 100),
        (
            "transactions",
            ", transaction_status, amount, currency",
            ", if(pmod(id, 9) = 0, 'failed', 'completed'), "
            "cast(pmod(id, 100) as decimal(18, 2)), 'EUR'",
            TRANSACTIONS_A_DAY,
        ),
        (
            "events",
            ", event_type",
            ", if(pmod(id, 5) = 0, 'purchase', 'page_view')",
            2 * TRANSACTIONS_A_DAY,
        ),
        ("sessions", ", session_duration", ", cast(pmod(id, 3600) as int)", TRANSACTIONS_A_DAY),
    ):
        spark.sql(f"""
            insert into {silver}.stg_crm__{table} (event_key, customer_id, event_date{columns})
            select concat('{table}', day, id), {customer}, day{values} from {per_day(rows)}
        """)


def build(models: tuple[str, ...], *options: str, **variables: object) -> Work:
    chosen = jsonlib.dumps(SOURCES | variables)
    run_dbt("run", "--select", *models, *options, "--vars", chosen, quiet=True)
    return Work()


def read(query: str) -> Work:
    row = get_session().sql(query.format(gold=get_settings().schema_of("gold"))).collect()[0]
    return Work(rows=int(row[0]))


def history(days: int, users: int, scale: float) -> list[Row]:
    """Measure the builds of one history, in a home of its own."""
    with temporary_home():
        return list(steps(days, users, scale))


def steps(days: int, users: int, scale: float) -> Iterator[Row]:
    above = [f"+{model}" for group in GROUPS.values() for model in group]
    variables = jsonlib.dumps(SOURCES)
    run_dbt("build", *NO_TESTS, "--select", *above, "--vars", variables, quiet=True)
    fill(LAST - timedelta(days=days - 1), LAST, users, scale)
    for name, group in GROUPS.items():
        whole = partial(build, group, "--full-refresh")
        yield measure(f"{days} days: {name}, whole", "footfall", whole)
    following = LAST + timedelta(days=1)
    fill(following, following, users, scale)
    for name, group in GROUPS.items():
        one_day = partial(build, group, dates=[following.isoformat()])
        yield measure(f"{days} days: {name}, a day more", "footfall", one_day, RUNS)
    totals = "select count(*), sum(view_count) from {gold}.fct_user_product"
    one_user = partial(read, f"{totals} where user_id = 'user 5'")
    yield measure(f"{days} days: read one user's lifetimes", "footfall", one_user, RUNS)
    yield measure(f"{days} days: read all lifetimes", "footfall", partial(read, totals), RUNS)


def main(
    scale: Annotated[float, typer.Option(help=f"Multiplies {USERS:,} users.")] = 1.0,
    json: Annotated[Path | None, typer.Option(help="Where to write the report.")] = None,
) -> None:
    """Measure a day's build after histories of 30, 90 and 365 days.

    Example: `python -m benchmarks.history --scale 0.1`
    """
    rows: list[Row] = []
    users = max(1, round(USERS * scale))
    for days in HISTORIES:
        rows.extend(in_own_process(history, days, users, scale))
    write_report("history", rows, json)


if __name__ == "__main__":
    typer.run(main)
