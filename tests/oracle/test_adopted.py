"""Adopted tables: appended to, updated, deleted from, optimised and vacuumed between builds."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable, Iterator
from datetime import date, datetime, timezone
from typing import Any

import pytest

from footfall.adopt import release
from footfall.errors import FootfallError
from footfall.ingest import ingest
from support.adopted import Upstream, fed
from support.data_sets import DataSet
from support.law import breaches_by_load, breaches_of_full_refresh, breaches_of_oracle, refused
from support.reference import Oracle
from support.thorough import only_thorough

pytestmark = only_thorough
SEED = os.environ.get("FOOTFALL_LAW_SEED", date.today().isoformat())
SCHEDULES = int(os.environ.get("FOOTFALL_LAW_EXAMPLES", "4"))
PRODUCT = "product.interactions"


def with_sources(*sources: str) -> tuple[str, str]:
    return "--vars", json.dumps({"sources": sources, "user_sketches": True})


ONE_SOURCE = with_sources("product")
STAGING_ALONE = ("--select", "stg_product__interactions")
PARTS = (STAGING_ALONE, ("--exclude", "fct_sessions+"), ("--select", "+fct_user_activity_daily"))


@pytest.fixture(scope="module")
def new_data(data_set: Callable[[str], DataSet]) -> Iterator[Callable[[str], DataSet]]:
    """Return a function that makes a data set whose upstream tables may be vacuumed at once."""
    made: list[DataSet] = []

    def make(prefix: str) -> DataSet:
        data = data_set(prefix)
        data.spark.conf.set("spark.databricks.delta.retentionDurationCheck.enabled", "false")
        made.append(data)
        return data

    yield make
    for data in made:
        data.spark.conf.unset("spark.databricks.delta.retentionDurationCheck.enabled")


@pytest.mark.parametrize("by_arrival", [False, True], ids=["row tracking", "arrival column"])
@pytest.mark.parametrize("number", range(SCHEDULES))
@pytest.mark.timeout(1200)
def test_whatever_happens_upstream_the_tables_are_those_of_a_full_refresh(
    new_data: Callable[[str], DataSet],
    new_oracle: Callable[[], Oracle],
    number: int,
    by_arrival: bool,
) -> None:
    rng = random.Random(f"{SEED} adopted {number}")
    data = new_data(f"adopted_{'by_arrival_' if by_arrival else ''}{number}")
    tables = [Upstream(data, PRODUCT, rng, by_arrival)]
    options = ONE_SOURCE
    if number % 2:
        tables.append(Upstream(data, "app.interactions", rng, by_arrival))
        options = with_sources("product", "app")
    for table in tables:
        table.create()
        table.append(table.drawn(20))
        table.adopt()
    data.build(*options)
    happened = []
    for turn in range(3):
        for table in tables:
            happened += [table.happen() for _ in range(rng.randint(1, 3))]
        # What a partial build read is as old as the next change to it.
        happened.append("build a part" if turn == 0 else "build")
        data.build(*options, *(rng.choice(PARTS) if turn == 0 else ()))
    print(f"FOOTFALL_LAW_SEED={SEED} {number}: {happened}")
    data.build(*options)
    oracle = fed(new_oracle(), *tables)
    breaches = breaches_of_oracle(data, oracle) | breaches_by_load(data, oracle)
    assert breaches | breaches_of_full_refresh(data, *options) == {}


DAYS_OF_USERS = ("--select", "+fct_user_activity_daily", "dq_load_reconciliation", "dq_quarantine")


@pytest.mark.parametrize("by_arrival", [False, True], ids=["row tracking", "arrival column"])
def test_rows_that_are_updated_or_deleted_upstream_are_taken_back(
    new_data: Callable[[str], DataSet], new_oracle: Callable[[], Oracle], by_arrival: bool
) -> None:
    data = new_data("changed_by_arrival" if by_arrival else "changed")
    table = Upstream(data, PRODUCT, random.Random(f"{SEED} changes"), by_arrival)
    table.create()
    table.append(table.drawn(20))
    table.adopt()
    data.build(*ONE_SOURCE, *DAYS_OF_USERS)
    for statement in (
        f"update {table.table} set event_time = event_time + interval 1 day where user_id = 'U1'",
        f"delete from {table.table} where user_id = 'U0' and day(event_time) % 2 = 0",
        f"optimize {table.table}",
        f"vacuum {table.table} retain 0 hours",
    ):
        data.spark.sql(statement)
    table.append(table.drawn(5))
    data.build(*ONE_SOURCE, *DAYS_OF_USERS)
    oracle = fed(new_oracle(), table)
    assert breaches_of_oracle(data, oracle) | breaches_by_load(data, oracle) == {}


def one_row_a_day(table: Upstream) -> None:
    """Fill a table, adopt it with changes refused, and build staging."""
    table.create()
    for day in range(1, 6):
        table.append([at(day)])
    table.adopt("refuse")
    table.data.build(*ONE_SOURCE, *STAGING_ALONE)


def at(day: int) -> dict[str, Any]:
    time = datetime(2025, 3, day, 10, tzinfo=timezone.utc)
    names = {"user_id": f"U{day}", "product_id": "P1", "interaction_type": "view"}
    return {"event_time": time, "event_id": None, **names}


@pytest.fixture(scope="module")
def arriving(new_data: Callable[[str], DataSet]) -> Upstream:
    """A table without row tracking, of one row a day, adopted with changes refused, and built."""
    table = Upstream(new_data("arriving"), PRODUCT, random.Random(1), by_arrival=True)
    one_row_a_day(table)
    return table


def test_a_row_that_arrives_behind_others_stops_the_build_where_changes_are_refused(
    arriving: Upstream,
) -> None:
    data = arriving.data
    arriving.append([at(6)], minutes=-90)
    message = refused(data, *ONE_SOURCE, *STAGING_ALONE)
    assert "arrived late" in message and "--on-change refuse" in message
    data.build(*ONE_SOURCE, "--full-refresh", *STAGING_ALONE)
    assert data.rows("select count(*) from {silver}.stg_product__interactions") == [(6,)]
    before = data.versions()
    data.build(*ONE_SOURCE, *STAGING_ALONE)
    assert data.versions() == before
    arriving.append([at(7)], minutes=1)
    data.build(*ONE_SOURCE, *STAGING_ALONE)
    assert data.rows("select count(*) from {silver}.stg_product__interactions") == [(7,)]


def test_a_row_without_an_arrival_stops_the_build(arriving: Upstream) -> None:
    arriving.data.spark.sql(
        f"insert into {arriving.table} (event_time, user_id, product_id, interaction_type) "
        "values (timestamp'2025-03-08 10:00:00', 'U8', 'P1', 'view')"
    )
    message = refused(arriving.data, *ONE_SOURCE, *STAGING_ALONE)
    assert f"1 row of {arriving.shown}, adopted for {PRODUCT}, has no value in loaded_at" in message


@pytest.mark.parametrize("by_arrival", [False, True], ids=["row tracking", "arrival column"])
def test_create_or_replace_stops_the_build_until_the_table_is_adopted_again(
    new_data: Callable[[str], DataSet], new_oracle: Callable[[], Oracle], by_arrival: bool
) -> None:
    data = new_data("replaced_by_arrival" if by_arrival else "replaced")
    table = Upstream(data, PRODUCT, random.Random(3), by_arrival)
    table.create()
    table.append(table.drawn(20))
    table.adopt()
    data.build(*ONE_SOURCE, *DAYS_OF_USERS)
    data.spark.sql(
        f"create or replace table {table.table} using delta {table.properties} as "
        f"select * from {table.table} where user_id <> 'U0'"
    )
    table.append(table.drawn(5))
    assert "it was replaced" in refused(data, *ONE_SOURCE, *DAYS_OF_USERS)
    table.adopt()
    data.build(*ONE_SOURCE, "--full-refresh", *DAYS_OF_USERS)
    table.append(table.drawn(5))
    data.build(*ONE_SOURCE, *DAYS_OF_USERS)
    oracle = fed(new_oracle(), table)
    assert breaches_of_oracle(data, oracle) | breaches_by_load(data, oracle) == {}


@pytest.fixture(scope="module")
def adopted(new_data: Callable[[str], DataSet]) -> Upstream:
    """A table of one row a day, adopted with changes refused, and built."""
    table = Upstream(new_data("refusing"), PRODUCT, random.Random(1))
    one_row_a_day(table)
    return table


def test_nothing_new_upstream_writes_nothing(adopted: Upstream) -> None:
    before = adopted.data.versions()
    adopted.data.spark.sql(f"optimize {adopted.table}")
    adopted.data.build(*ONE_SOURCE, *STAGING_ALONE)
    assert adopted.data.versions() == before


def test_files_are_not_loaded_into_an_adopted_entity(adopted: Upstream) -> None:
    file = adopted.data.target / "rows.csv"
    file.write_text("event_time,user_id,product_id,interaction_type\n2025-03-01,U1,P1,view\n")
    with pytest.raises(FootfallError, match=f"footfall adopt {PRODUCT} --release"):
        ingest(PRODUCT, [str(file)], settings=adopted.data.settings)


def test_a_change_stops_the_build_where_it_is_refused_and_a_full_refresh_takes_it(
    adopted: Upstream,
) -> None:
    data, staging = adopted.data, adopted.data.name("silver", "stg_product__interactions")
    data.spark.sql(f"delete from {adopted.table} where user_id = 'U2'")
    message = refused(data, *ONE_SOURCE, *STAGING_ALONE)
    assert "--on-change refuse" in message
    assert "dbt build --full-refresh --select stg_product__interactions+" in message
    assert data.spark.table(staging).count() == 5
    data.build(*ONE_SOURCE, "--full-refresh", *STAGING_ALONE)
    assert {user for (user,) in data.rows(f"select user_id from {staging}")} == {
        "U1", "U3", "U4", "U5",
    }  # fmt: skip
    data.build(*ONE_SOURCE, *STAGING_ALONE)


def test_a_table_that_loses_its_row_tracking_stops_the_build(adopted: Upstream) -> None:
    data = adopted.data
    data.spark.sql(f"alter table {adopted.table} unset tblproperties ('delta.enableRowTracking')")
    message = refused(data, *ONE_SOURCE, *STAGING_ALONE)
    assert "has lost its row tracking" in message and "--enable-row-tracking" in message


def test_a_table_that_was_replaced_stops_the_build_until_it_is_adopted_again(
    adopted: Upstream,
) -> None:
    data, staging = adopted.data, adopted.data.name("silver", "stg_product__interactions")
    adopted.create()
    adopted.append(adopted.drawn(3))
    assert "it was replaced" in refused(data, *ONE_SOURCE, *STAGING_ALONE)
    adopted.adopt()
    # The rows of the former table are still there.
    assert "--full-refresh --select stg_product__interactions+" in refused(
        data, *ONE_SOURCE, *STAGING_ALONE
    )
    data.build(*ONE_SOURCE, "--full-refresh", *STAGING_ALONE)
    assert data.spark.table(staging).where("user_id in ('U3', 'U4')").count() <= 3


def test_an_entity_that_is_released_has_a_bronze_table_of_its_own(adopted: Upstream) -> None:
    data = adopted.data
    release(data.spark, PRODUCT, data.settings)
    assert "--full-refresh" in refused(data, *ONE_SOURCE, *STAGING_ALONE)
    data.build(*ONE_SOURCE, "--full-refresh", *STAGING_ALONE)
    assert data.rows("select count(*) from {silver}.stg_product__interactions") == [(0,)]
    assert data.spark.catalog.getTable(data.name("bronze", "product__interactions")).tableType == (
        "MANAGED"
    )


def test_what_each_person_did_before_is_rebuilt_and_not_patched(
    new_data: Callable[[str], DataSet],
) -> None:
    table = Upstream(new_data("shop_adopted"), "shop.clicks", random.Random(2))
    table.create()
    table.append(table.drawn(10))
    table.adopt()
    options = with_sources("shop")
    table.data.build(*options)
    table.data.spark.sql(f"delete from {table.table}")
    assert "holds what each person did before" in refused(table.data, *options)
