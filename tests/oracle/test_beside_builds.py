"""What is done beside whole builds leaves no wrong number behind: it is taken in, or refused.

Parts are built, definitions change and are set back, a source is left out, dbt runs without rows.
The schedules of the law do so at random, a family of models each day.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime, time, timezone
from typing import Any

import pytest

from support.data_sets import DataSet
from support.law import MIDDAY, Row, append_load, as_arrow, at, refused, unlike_oracle
from support.reference import Oracle
from support.thorough import only_thorough

pytestmark = only_thorough
PRODUCT, APP, USERS = "product.interactions", "app.interactions", "app.users"
BOTH = {"sources": ["product", "app"]}
FOUR_MINUTES = time(12, 4)
USERS_MARTS = ("--select", "+fct_active_users_daily")
"""With all that they read: what the tests of one data set need, and no more."""


def with_vars(**more: Any) -> tuple[str, str]:
    return "--vars", json.dumps(BOTH | more)


def day(number: int) -> date:
    return at(number, MIDDAY).date()


def view(number: int, user: str, clock: time = MIDDAY) -> Row:
    return {
        "event_time": at(number, clock), "user_id": user, "product_id": "P",
        "interaction_type": "view",
    }  # fmt: skip


def page_view(number: int, user: str) -> Row:
    return {
        "event_time": at(number, MIDDAY), "user_id": user, "action_type": "page_view",
        "page_id": "a", "duration_ms": 5,
    }  # fmt: skip


def account(user: str) -> Row:
    return {
        "user_id": user, "join_date": day(0), "country": "SE",
        "device_type": "mobile", "subscription_type": "free", "updated_at": at(0, MIDDAY),
    }  # fmt: skip


class Deliveries:
    """Loads of a data set, committed to bronze and told to the oracle."""

    def __init__(self, data: DataSet, oracle: Oracle) -> None:
        self.data, self.oracle = data, oracle
        self.load_ids: dict[str, int] = {}

    def load(self, name: str, *rows: Row) -> None:
        arrow = as_arrow(name, list(rows))
        self.load_ids[name] = self.load_ids.get(name, 0) + 1
        append_load(self.data, name, self.load_ids[name], arrow)
        self.oracle.connection.register("arriving", arrow)
        self.oracle.load(name, "select *, null::varchar[] as errors from arriving")

    def differences(self, *tables: str) -> dict[str, list[str]]:
        """Return how the tables differ from the oracle's, by table; {} where all are equal."""
        self.oracle.judge()
        found = {
            table: unlike_oracle(table, self.data.table("gold", table), self.oracle)
            for table in tables
        }
        return {table: differs for table, differs in found.items() if differs}


@pytest.fixture(scope="module")
def apart(data_set: Callable[[str], DataSet], new_oracle: Callable[[], Oracle]) -> Deliveries:
    """Built from `product` alone, then from both sources but for the sessions, then whole."""
    made = Deliveries(data_set("apart"), new_oracle())
    made.load(PRODUCT, view(0, "U1"), view(0, "U1", FOUR_MINUTES), view(1, "U2"))
    made.data.build(*USERS_MARTS, "--vars", json.dumps({"sources": ["product"]}))
    made.load(APP, page_view(0, "U3"), page_view(1, "U1"))
    made.load(USERS, account("U1"), account("U3"))
    made.data.build(*USERS_MARTS, "--exclude", "fct_sessions", *with_vars())
    made.data.build(*USERS_MARTS, *with_vars())
    return made


def properties(data: DataSet, table: str) -> dict[str, str]:
    rows = data.rows(f"show tblproperties {table}")
    return {name: value for name, value in rows if name.startswith("footfall.")}


# ---------- parts


def test_what_a_part_lacked_comes_with_the_next_whole_build(apart: Deliveries) -> None:
    """Sessions that never saw a source hold back the tables that read them."""
    tables = ("fct_sessions", "fct_user_activity_daily", "fct_active_users_daily")
    assert apart.differences(*tables) == {}
    rows = apart.data.rows(
        "select session_count, country from {gold}.fct_user_activity_daily where user_id = 'U3'"
    )
    assert rows == [(1, "SE")]


def test_a_late_action_reaches_the_sequences_though_the_checkpoints_were_left_out(
    data_set: Callable[[str], DataSet],
) -> None:
    data = data_set("parts")
    shop = "--vars", json.dumps({
        "sources": ["shop"], "checkpoint_every_days": 1, "checkpoint_settle_days": 0,
    })  # fmt: skip

    def click(number: int) -> None:
        row = {
            "dt": day(number), "customer_id": 1, "item_id": number,
            "click_time": at(number, MIDDAY),
        }  # fmt: skip
        append_load(data, "shop.clicks", number, as_arrow("shop.clicks", [row]))

    shown = {
        "dt": day(9), "ranking_id": "R", "customer_id": 1,
        "impressions": [{"item_id": 1, "is_order": False}],
    }  # fmt: skip
    append_load(data, "shop.impressions", 1, as_arrow("shop.impressions", [shown]))
    click(1)
    data.build(*shop)
    click(2)
    data.build("--exclude", "int_customer_action_checkpoints", *shop)
    data.build(*shop)
    sequences = data.rows("select array_sort(actions) from {training}.training_sequences")
    assert sequences == [([1, 2],)]


# ---------- definitions


def test_a_definition_that_was_tried_and_set_back_leaves_no_trace(apart: Deliveries) -> None:
    apart.load(PRODUCT, view(2, "U1"), view(2, "U1", FOUR_MINUTES))
    said = refused(apart.data, *with_vars(session_gap_minutes=3))
    assert "fct_sessions: session_gap_minutes was 30, is 3" in said
    selected = ("stg_product__interactions", "fct_sessions")
    apart.data.build("--select", *selected, *with_vars())
    sessions = f"select duration_seconds from {{gold}}.fct_sessions where event_date = '{day(2)}'"
    assert apart.data.rows(sessions) == [(240.0,)]


def test_a_mart_below_a_view_of_another_definition_is_refused(apart: Deliveries) -> None:
    data = apart.data
    data.build("--select", "int_session_events", *with_vars(session_gap_minutes=3))
    for selected in ("fct_sessions", "fct_user_activity_daily"):
        said = refused(data, "--select", selected, *with_vars())
        assert "int_session_events: session_gap_minutes was 3, is 30" in said
        assert "dbt build --select int_session_events\n" in said
    data.build("--select", "int_session_events", *with_vars())
    data.build("--select", "fct_sessions", *with_vars())


def test_a_full_refresh_does_not_take_over_rows_of_another_definition(apart: Deliveries) -> None:
    said = refused(
        apart.data, "--full-refresh", "--select", "fct_user_activity_daily",
        *with_vars(session_max_minutes=5),
    )  # fmt: skip
    assert "fct_sessions: session_max_minutes was 600, is 5" in said
    assert "--full-refresh --select fct_sessions+" in said


def test_the_rows_of_a_seed_that_were_read_are_recorded_and_not_those_of_the_file(
    apart: Deliveries,
) -> None:
    """As if all was built from an older file: what reads the table goes on, the file is refused."""
    data, version = apart.data, "footfall.definitions.seed.action_types"
    seed = data.name("silver", "action_types")
    loaded = properties(data, seed)[version]
    names = [name for name in data.versions() if version in properties(data, name)]
    assert {name.split(".")[1] for name in names} == {
        "action_types", "fct_active_users_daily", "fct_user_activity_daily",
        "fct_user_activity_monthly",
    }  # fmt: skip
    for name in names:
        data.spark.sql(f"alter table {name} set tblproperties ('{version}' = 'older')")
    apart.load(PRODUCT, view(3, "U1"))
    data.build(*USERS_MARTS, "--exclude", "action_types", *with_vars())
    assert properties(data, data.name("gold", "fct_user_activity_daily"))[version] == "older"
    said = refused(data, *with_vars())
    assert f"seed.action_types was older, is {loaded}" in said
    assert "dbt build --full-refresh --select action_types+" in said
    for name in names:
        data.spark.sql(f"alter table {name} set tblproperties ('{version}' = '{loaded}')")


def test_a_source_that_is_left_out_later_stops_the_build(apart: Deliveries) -> None:
    said = refused(apart.data, "--vars", json.dumps({"sources": ["product"]}))
    assert "fct_user_activity_daily: sources was app,product, is product" in said


def test_a_constant_of_a_macro_is_a_definition(apart: Deliveries) -> None:
    data = apart.data
    months = data.name("gold", "fct_user_activity_monthly")
    assert properties(data, months)["footfall.definitions.core_window_days"] == "7"
    change = "alter table {} set tblproperties ('footfall.definitions.core_window_days' = '{}')"
    data.spark.sql(change.format(months, 6))
    assert "core_window_days was 6, is 7" in refused(data, *with_vars())
    data.spark.sql(change.format(months, 7))


# ---------- no rows


def test_an_empty_run_does_not_touch_what_is_built(apart: Deliveries) -> None:
    said = refused(apart.data, "--empty", *with_vars())
    assert "FOOTFALL_DB_SCHEMA" in said
    assert "fct_sessions" in said and "int_session_events" in said


def test_an_empty_run_consumes_no_load(
    data_set: Callable[[str], DataSet], new_oracle: Callable[[], Oracle]
) -> None:
    made = Deliveries(data_set("empty"), new_oracle())
    made.load(PRODUCT, view(0, "U1"), view(1, "U2"))
    made.load(APP, page_view(0, "U1"))
    made.load(USERS, account("U1"))
    tables = ("fct_sessions", "dim_users", "fct_user_activity_daily")
    selected = [f"+{table}" for table in tables]
    made.data.build("--empty", "--select", *selected, *with_vars())
    made.data.build("--select", *selected, *with_vars())
    assert made.differences(*tables) == {}


# ---------- the server's clock


def test_days_do_not_depend_on_the_time_zone_of_the_server(
    data_set: Callable[[str], DataSet], monkeypatch: pytest.MonkeyPatch
) -> None:
    data, zone = data_set("clock"), "spark.sql.session.timeZone"
    row = view(0, "U1") | {"event_time": datetime(2025, 3, 1, 2, tzinfo=timezone.utc)}
    append_load(data, PRODUCT, 1, as_arrow(PRODUCT, [row]))
    selected = ("--select", "stg_product__interactions", *with_vars())
    try:
        data.spark.conf.set(zone, "America/Los_Angeles")
        data.build(*selected)
        days = data.rows(
            "select cast(event_date as string) from {silver}.stg_product__interactions"
        )
        assert days == [("2025-03-01",)]
        data.spark.conf.set(zone, "America/Los_Angeles")
        monkeypatch.setattr("dbt_footfall._configured_session", lambda _: data.spark)
        assert "time zone America/Los_Angeles" in refused(data, *selected)
    finally:
        data.spark.conf.set(zone, "UTC")
