"""Features as of month ends, beside DuckDB: ``python -m benchmarks.features --json FILE``.

At scale 1.0, 20 million transactions of a million customers in a year, by Zipf's law and in two
currencies; then those of one more day. footfall finds them in the table of staging, from which dbt
builds `fct_transactions` and `int_customer_totals`, in Delta; dbt's own start is included. DuckDB
reads the same transactions from Parquet, takes the newest version of each, converts the amounts and
writes the totals as of all month ends and the newest day as Parquet, both times of everything. All
totals of both engines are compared. Each has two cores and a process of its own; Spark has a heap
of 4 GiB, or of `FOOTFALL_DRIVER_MEMORY_GIB`.
"""

from __future__ import annotations

import json as jsonlib
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.harness import (
    NO_TESTS,
    Row,
    Work,
    in_own_process,
    measure,
    require_same,
    temporary_home,
    write_report,
)
from benchmarks.interactions import connect_duckdb, reflect, use_two_cores
from footfall.project.contracts import get_contract
from footfall.project.dbt import project_vars, run_dbt
from footfall.settings import PROJECT_DIR, get_settings
from footfall.spark.session import get_session

ROWS, CUSTOMERS, DAYS = 20_000_000, 1_000_000, 365
START = date(2025, 1, 1)
NEW_DAY = START + timedelta(days=DAYS)
TRANSACTIONS = "crm.transactions"
VARS = ("--vars", jsonlib.dumps({"sources": ["crm"]}))
ZIPF_EXPONENT = 2.0
"""Of the density by which a uniform number becomes a customer: few customers buy most."""


@dataclass(frozen=True)
class Transactions:
    """The transactions of a year and a day, in one Parquet file.

    Args:
        folder: where the file lies.
        scale: 1.0 is 20 million rows of a million customers.
    """

    folder: Path
    scale: float

    @property
    def file(self) -> Path:
        return self.folder / "transactions.parquet"

    @property
    def totals(self) -> Path:
        """What footfall found last, as Parquet."""
        return self.folder / "totals"

    def write(self) -> None:
        with connect_duckdb(self.folder) as connection:
            connection.execute("select setseed(0.7)")
            connection.execute(
                f"""
                copy (
                    select
                        'k' || range as event_key,
                        't' || range as transaction_id,
                        1 + floor({CUSTOMERS * self.scale} * random() ** {ZIPF_EXPONENT})::bigint
                            as customer_id,
                        timestamptz '{START} 00:00:00+00'
                            + to_microseconds((random() * {DAYS + 1} * 86400e6)::bigint)
                            as transaction_time,
                        (1 + floor(random() * 20000) / 100)::decimal(18, 2) as amount,
                        if(random() < 0.9, 'EUR', 'USD') as currency,
                        if(random() < 0.92, 'completed', 'refunded') as transaction_status
                    from range({round(ROWS * self.scale * (DAYS + 1) / DAYS)})
                    order by transaction_time
                ) to '{self.file}' (row_group_size 500000)
                """
            )

    def until(self, day: date) -> str:
        """Return the condition that a transaction was made before a day."""
        return f"transaction_time < timestamp '{day}'"

    def count(self, condition: str) -> int:
        with connect_duckdb(self.folder) as connection:
            found = connection.execute(
                f"select count(*) from '{self.file}' where {condition}"
            ).fetchone()
        assert found is not None
        return int(found[0])


def stage(data: Transactions, condition: str, load: int) -> None:
    """Put transactions into the table of staging, as one load."""
    table = get_contract(TRANSACTIONS).staging_table(get_settings())
    get_session().sql(
        f"""
        insert into {table} by name
        select event_key, transaction_id, transaction_time, date(transaction_time) as event_date,
            customer_id, 'p1' as product_id, 1 as quantity, amount as price, amount, currency,
            'card' as payment_method, transaction_status, transaction_time as updated_at,
            {load}L as _load_id
        from parquet.`{data.file}` where {condition}
        """
    )
    reflect(table, load, TRANSACTIONS)


def build(*options: str) -> None:
    run_dbt(
        "build", "--select", "fct_transactions", "int_customer_totals", "dim_exchange_rates",
        *options, *NO_TESTS, *VARS, quiet=True,
    )  # fmt: skip


def by_footfall(data: Transactions) -> list[tuple[Row, Any]]:
    """Measure the year and one more day; return what was found."""
    run_dbt("build", "--select", "+int_customer_totals", *NO_TESTS, *VARS, quiet=True)
    steps = {
        f"features of {DAYS} days": (data.until(NEW_DAY), ("--full-refresh",)),
        "one more day": (f"not {data.until(NEW_DAY)}", ()),
    }
    found = []
    for load, (step, (condition, options)) in enumerate(steps.items(), start=1):
        rows = data.count(condition)
        stage(data, condition, load)

        def run(options: tuple[str, ...] = options, rows: int = rows) -> Work:
            build(*options)
            return Work(rows=rows)

        measured = measure(step, "footfall", run)
        totals = f"{get_settings().schema_of('gold')}.int_customer_totals"
        get_session().table(totals).write.mode("overwrite").parquet(str(data.totals))
        found.append((measured, checksum(data.folder, f"{data.totals}/*.parquet")))
    return found


def by_duckdb(data: Transactions) -> list[tuple[Row, Any]]:
    """Measure the same, of everything each time."""
    found = []
    target = data.folder / "totals.parquet"
    ends = {f"features of {DAYS} days": NEW_DAY, "one more day": NEW_DAY + timedelta(days=1)}
    for step, end in ends.items():
        condition = data.until(end)
        rows = data.count(condition)

        def run(condition: str = condition, rows: int = rows) -> Work:
            with connect_duckdb(data.folder) as connection:
                connection.execute(f"copy ({totals_sql(data, condition)}) to '{target}'")
            return Work(rows=rows)

        measured = measure(step, "DuckDB", run)
        found.append((measured, checksum(data.folder, str(target))))
    return found


def totals_sql(data: Transactions, condition: str) -> str:
    """Return DuckDB's query of totals as of month ends and the newest day."""
    rates = PROJECT_DIR / "seeds" / "exchange_rates.csv"
    days = project_vars()["exchange_rate_days"]
    return f"""
        with rates as (
            select currency, rate_date,
                least(
                    coalesce(lead(rate_date) over (partition by currency order by rate_date)
                        - interval 1 day, date '9999-01-01'),
                    rate_date + interval {int(days) - 1} day
                )::date as last_date,
                rate::decimal(18, 8) as rate
            from read_csv('{rates}', types = {{'rate': 'varchar'}})
        ),
        newest as (
            select *, transaction_time::date as event_date
            from '{data.file}'
            where {condition}
            qualify row_number() over (
                partition by transaction_id order by transaction_time desc, event_key desc
            ) = 1
        ),
        priced as (
            select customer_id, event_date, transaction_status = 'completed' as is_purchase,
                round(
                    amount * if(newest.currency = 'EUR', 1::decimal(18, 8), rates.rate), 2
                )::decimal(38, 2) as amount
            from newest
            left join rates on newest.currency = rates.currency
                and event_date between rate_date and last_date
        ),
        customer_days as (
            select customer_id, event_date, count(*) as transactions,
                count(*) filter (is_purchase) as purchases,
                coalesce(sum(amount) filter (is_purchase), 0) as spend,
                max(event_date) filter (is_purchase) as last_purchase
            from priced
            group by customer_id, event_date
        ),
        edges as (select min(event_date) as first, max(event_date) as last from customer_days),
        as_of_dates as (
            select day::date as as_of_date
            from edges, unnest(generate_series(first::timestamp, last, interval 1 day)) as t(day)
            where day::date = last_day(day::date) or day::date = last
        )
        select customer_id, as_of_date, sum(purchases) as purchase_count,
            sum(spend)::decimal(38, 2) as spend, max(last_purchase) as last_purchase_date,
            sum(if(event_date > as_of_date - 30, transactions, 0)) as recent_transaction_count
        from as_of_dates
        join customer_days on event_date <= as_of_date
        group by customer_id, as_of_date
    """


def checksum(folder: Path, files: str) -> Any:
    """Return the number of totals, their sums and a hash of all rows."""
    with connect_duckdb(folder) as connection:
        return connection.execute(
            f"""
            select count(*), sum(purchase_count), sum(spend),
                bit_xor(hash(
                    customer_id, as_of_date, purchase_count::bigint, spend, last_purchase_date,
                    recent_transaction_count::bigint
                ))
            from '{files}'
            """
        ).fetchone()


def main(
    scale: Annotated[float, typer.Option(help="1 is 20 million transactions.")] = 1.0,
    json: Annotated[Path | None, typer.Option(help="Where to write the report.")] = None,
) -> None:
    """Measure features of a year, and of the day after it, by two engines.

    Example: `python -m benchmarks.features --scale 0.02`
    """
    use_two_cores()
    with temporary_home() as folder:
        data = Transactions(folder, scale)
        data.write()
        footfall = in_own_process(by_footfall, data)
        duckdb_ = in_own_process(by_duckdb, data)
    rows = []
    for (own, own_result), (other, other_result) in zip(footfall, duckdb_, strict=True):
        require_same(own.step, {"footfall": own_result, "DuckDB": other_result})
        rows += [own, other]
    write_report("features", rows, json)


if __name__ == "__main__":
    typer.run(main)
