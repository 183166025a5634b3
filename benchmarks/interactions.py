"""Product interactions for benchmarks: visits by Zipf's law, in one Parquet file by time."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import chain
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow.parquet as pq

from footfall.generate.columns import (
    DAY,
    MINUTE,
    Array,
    Columns,
    choose,
    concatenate,
    days_since_epoch,
    random_stream,
    take,
)
from footfall.generate.sessions import exclusive_sums
from footfall.generate.shop import ACTIVITY_EXPONENT
from footfall.generate.strings import Numbered, StringEncoder, Vocabulary
from footfall.generate.world import time_of_day
from footfall.generate.writer import encode, landing_options
from footfall.generate.zipf import Popularity
from footfall.project.contracts import get_contract
from footfall.project.dbt import run_dbt
from footfall.settings import get_settings
from footfall.spark.session import get_session

ROWS = 20_000_000
USERS = 1_000_000
PRODUCTS = 100_000
TYPES = {"view": 0.8, "click": 0.17, "purchase": 0.03}
EVENTS_A_VISIT = 2
MEAN_GAP = 10 * MINUTE
START = date(2024, 9, 1)
SEED = 7
CORES = 2
HEAP_GIB = 4
CONTRACT = "product.interactions"


@dataclass(frozen=True)
class Days:
    """All days from the first to the last.

    Args:
        first: the first day.
        last: the last day, included.
    """

    first: date
    last: date

    def __len__(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def dates(self) -> list[date]:
        return [self.first + timedelta(days=number) for number in range(len(self))]

    def hold(self, time: str) -> str:
        """Return the SQL condition that a time lies in these days, where the session is in UTC."""
        end = self.last + timedelta(days=1)
        return f"{time} >= timestamp '{self.first}' and {time} < timestamp '{end}'"


@dataclass(frozen=True)
class Interactions:
    """Interactions of some days, and of the day that follows them.

    Args:
        folder: where the file lies.
        days: how many days, without the one that follows.
        scale: 1.0 is 20 million interactions of a million users in the days.
        left_out: how many of the days, the first ones, are in the file but not in the period.
    """

    folder: Path
    days: int
    scale: float
    left_out: int = 0

    @property
    def file(self) -> Path:
        return self.folder / "interactions.parquet"

    @property
    def period(self) -> Days:
        first = START + timedelta(days=self.left_out)
        return Days(first, START + timedelta(days=self.days - 1))

    @property
    def new_day(self) -> Days:
        """The day that follows the period."""
        return Days(START + timedelta(days=self.days), START + timedelta(days=self.days))

    @property
    def users(self) -> int:
        return max(1, round(USERS * self.scale))

    def write(self) -> None:
        """Write the file, a row group a day.

        How active a user is follows a Zipf law, the same every day. A visit has two interactions
        in the mean, gaps are exponential, and the last may come after midnight.
        """
        tables = self._tables()
        first = next(tables)
        options = landing_options(get_contract(CONTRACT), None)
        with pq.ParquetWriter(self.file, first.schema, **options) as writer:
            for table in chain([first], tables):
                writer.write_table(table)

    def _tables(self) -> Iterator[Any]:
        strings: dict[str, StringEncoder] = {
            "user_id": Numbered("u", len(str(self.users))),
            "product_id": Numbered("p", len(str(PRODUCTS))),
            "interaction_type": Vocabulary(TYPES),
        }
        numbers = np.arange(1, self.users + 1, dtype=np.int32)
        by_rank = random_stream(SEED, "benchmark users").permutation(numbers)
        visitors = Popularity(by_rank, ACTIVITY_EXPONENT)
        after_midnight: list[Columns] = []
        for index in range(self.days + 1):
            begin = (days_since_epoch(START) + index) * DAY
            rng = random_stream(SEED, "benchmark visits", index)
            visits = round(ROWS * self.scale / self.days / EVENTS_A_VISIT)
            rows = concatenate([*after_midnight, _visits(visitors, visits, begin, rng)])
            in_time = rows["event_time"] < begin + DAY
            after_midnight = [take(rows, ~in_time)]
            rows = take(rows, in_time)
            yield encode(get_contract(CONTRACT), take(rows, rows["event_time"].argsort()), strings)

    def count(self, days: Days) -> int:
        """Return how many interactions days have."""
        with connect_duckdb(self.folder) as connection:
            found = connection.execute(
                f"select count(*) from '{self.file}' where {days.hold('event_time')}"
            ).fetchone()
        assert found is not None
        return int(found[0])

    def stage(self, days: Days, load: int) -> None:
        """Put the interactions of days into the table of staging, as one load."""
        contract = get_contract(CONTRACT)
        table = contract.staging_table(get_settings())
        key = ", ".join(
            "string(unix_micros(event_time))" if name == contract.event_time else name
            for name in contract.key
        )
        get_session().sql(
            f"""
            insert into {table} by name
            select md5(concat_ws('\\u001f', {key})) as event_key,
                event_time, date(event_time) as event_date, user_id, product_id,
                interaction_type, {load}L as _load_id
            from parquet.`{self.file}`
            where {days.hold("event_time")}
            """
        )
        reflect(table, load)


def _visits(visitors: Popularity, size: int, begin: int, rng: np.random.Generator) -> Columns:
    """Return the interactions of ``size`` visits that begin on the day of ``begin``."""
    counts = rng.geometric(1 / EVENTS_A_VISIT, size)
    rows = int(counts.sum())
    gaps: Array = (rng.standard_exponential(rows) * MEAN_GAP).astype(np.int64)
    starts = begin + time_of_day(size, rng)
    return {
        "event_time": np.repeat(starts, counts) + exclusive_sums(gaps, counts),
        "user_id": np.repeat(visitors.draw(size, rng), counts),
        "product_id": rng.integers(1, PRODUCTS + 1, rows, dtype=np.int32),
        "interaction_type": choose(rng, TYPES.values(), rows),
    }


def reflect(table: str, load: int, entity: str = CONTRACT) -> None:
    """Record that a table holds the rows of an entity of all loads up to this one."""
    get_session().sql(
        f"alter table {table} set tblproperties ('footfall.loads.{entity}' = '{load}')"
    )


def build(*models: str, full_refresh: bool = False) -> None:
    """Build models of the product source, with the seeds that they need and without tests."""
    run_dbt(
        "build", "--select", *models, *(["--full-refresh"] if full_refresh else []),
        "--exclude-resource-type", "test", "--exclude-resource-type", "unit_test",
        "--vars", json.dumps({"sources": ["product"]}), quiet=True,
    )  # fmt: skip


def connect_duckdb(folder: Path) -> duckdb.DuckDBPyConnection:
    """Return DuckDB with two threads and the clock of UTC, spilling into a folder."""
    connection = duckdb.connect(config={"threads": CORES, "temp_directory": f"{folder}/spilled"})
    connection.execute("set timezone = 'UTC'")
    return connection


def use_two_cores() -> None:
    """Give each engine that a process starts from now on two cores, and Spark a small heap."""
    os.environ["FOOTFALL_CORES"] = os.environ["POLARS_MAX_THREADS"] = str(CORES)
    os.environ.setdefault("FOOTFALL_DRIVER_MEMORY_GIB", str(HEAP_GIB))
