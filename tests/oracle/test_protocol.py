"""The statements of docs/incremental.md: what a run reads, what it writes, and when it stops."""

from __future__ import annotations

import json
import re
import threading
import time as clock
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from typing import Any

import pytest
from dbt.adapters.spark.session import Cursor

from footfall.errors import FootfallError
from footfall.project.tables import list_tables
from support.data_sets import DataSet
from support.law import MIDDAY, Row, append_load, as_arrow, at
from support.thorough import only_thorough

ENTITY = "product.interactions"
DAYS = range(40)
LATE_DAY = 3
VARS = {"sources": ["product"], "optimize_small_files": 1000}
BY_DAY = {
    "stg_product__interactions": "silver",
    "int_hot_products": "gold",
    "fct_sessions": "gold",
    "fct_session_metrics_daily": "gold",
    "fct_session_duration_daily": "gold",
    "fct_user_activity_daily": "gold",
    "fct_product_daily": "gold",
    "fct_user_product_daily": "gold",
}
"""Tables of which a row belongs to the day of its events."""


def day(number: int) -> date:
    return at(number, MIDDAY).date()


def interaction(number: int, user: str, product: str = "P1") -> Row:
    return {
        "event_time": at(number, MIDDAY), "user_id": user, "product_id": product,
        "interaction_type": "view",
    }  # fmt: skip


def with_vars(**more: Any) -> tuple[str, str]:
    return "--vars", json.dumps(VARS | more)


def load(data: DataSet, load_id: int, rows: list[Row]) -> None:
    append_load(data, ENTITY, load_id, as_arrow(ENTITY, rows))


def days_written(data: DataSet, table: str, after: int) -> set[str]:
    return {day for (day,) in data.partitions_written(table, after)}


@pytest.fixture(scope="module")
def data(data_set: Callable[[str], DataSet]) -> DataSet:
    """Forty days of three users in one load, built; the second user pauses on the late day."""
    data = data_set("protocol")
    users = {"U1": DAYS, "U2": [d for d in DAYS if d % 7 != LATE_DAY], "U3": [0, 39]}
    load(data, 1, [interaction(d, user) for user, days in users.items() for d in days])
    data.build(*with_vars())
    return data


@pytest.fixture(scope="module")
def after_late_row(data: DataSet) -> dict[str, int]:
    """One row of the second user for a day long past, and a build: the versions before them."""
    mode = data.spark.conf.get("spark.sql.sources.partitionOverwriteMode")
    before = data.versions()
    load(data, 2, [interaction(LATE_DAY, "U2")])
    data.build(*with_vars(optimize_small_files=10))
    assert data.spark.conf.get("spark.sql.sources.partitionOverwriteMode") == mode
    return before


@pytest.mark.parametrize("table", BY_DAY)
def test_a_late_row_writes_only_its_day(
    data: DataSet, after_late_row: dict[str, int], table: str
) -> None:
    name = data.name(BY_DAY[table], table)
    written = days_written(data, name, after_late_row[name])
    assert written == {day(LATE_DAY).isoformat()}


def test_small_files_of_the_touched_day_are_compacted(
    data: DataSet, after_late_row: dict[str, int]
) -> None:
    staging = data.name("silver", "stg_product__interactions")
    operations = data.spark.sql(f"describe history {staging}").select("operation").collect()
    assert [row["operation"] for row in operations].count("OPTIMIZE") == 1
    late = data.spark.table(staging).where(f"event_date = date'{day(LATE_DAY)}'")
    assert late.selectExpr("count(*)", "count(distinct _metadata.file_path)").collect() == [(2, 1)]


def test_a_late_row_corrects_active_users_until_its_window_ends(
    data: DataSet, after_late_row: dict[str, int]
) -> None:
    name = data.name("gold", "fct_active_users_daily")
    replaced = run_comment(data, "fct_active_users_daily")["replace_where"]
    assert set(re.findall(r"date'([\d-]+)'", replaced)) == {
        day(LATE_DAY + offset).isoformat() for offset in range(37)
    }
    assert data.versions()[name] > after_late_row[name]
    rows = daily_active_users(data)
    assert (rows[day(LATE_DAY)], rows[day(LATE_DAY + 7)]) == (2, 1)


def daily_active_users(data: DataSet) -> dict[date, int]:
    return dict(
        data.rows(
            "select metric_date, dau from {gold}.fct_active_users_daily "
            "where definition = 'basic' and segment_type = 'all'"
        )
    )


def compiled(data: DataSet, model: str) -> str:
    return next((data.target / "compiled").rglob(f"{model}.sql")).read_text()


def run_comment(data: DataSet, model: str) -> dict[str, Any]:
    found = re.search(r"/\* footfall:run (.*?) \*/", compiled(data, model))
    assert found
    comment: dict[str, Any] = json.loads(found.group(1))
    return comment


@pytest.mark.parametrize(
    "model", ["fct_session_metrics_daily", "fct_user_activity_daily", "fct_user_product_daily"]
)
def test_a_run_scans_only_the_affected_partitions(
    data: DataSet, after_late_row: dict[str, int], model: str
) -> None:
    plan = data.spark.sql(f"explain formatted {compiled(data, model)}").first()[0]
    filters = re.findall(r"PartitionFilters: \[(.*)\]", plan)
    assert filters
    for partitions in filters:
        assert re.findall(r"\d{4}-\d\d-\d\d", partitions) == [day(LATE_DAY).isoformat()]


def test_a_run_without_new_loads_writes_nothing(
    data: DataSet, after_late_row: dict[str, int]
) -> None:
    before = data.versions()
    data.build(*with_vars())
    assert {
        name: now - before[name] for name, now in data.versions().items() if now > before[name]
    } == {}


def test_a_day_whose_rows_are_gone_is_emptied_and_no_other_is_touched(
    data: DataSet, after_late_row: dict[str, int]
) -> None:
    gone = day(20)
    staging = data.name("silver", "stg_product__interactions")
    data.spark.sql(f"delete from {staging} where event_date = date'{gone}'")
    before = data.versions()
    data.build(*with_vars(dates=[gone.isoformat()]), "--exclude", "stg_product__interactions")
    for table, layer in BY_DAY.items():
        name = data.name(layer, table)
        assert data.rows(f"select count(*) from {name} where event_date = date'{gone}'") == [(0,)]
        if name != staging:
            assert days_written(data, name, before[name]) == {gone.isoformat()}
    active = daily_active_users(data)
    assert active[gone] == 0 and active[gone + timedelta(days=1)] > 0


def test_a_column_that_the_table_lacks_is_added(
    data: DataSet, after_late_row: dict[str, int]
) -> None:
    name = data.name("gold", "fct_user_product_daily")
    expected = sorted(data.rows(f"select user_id, product_id, view_count from {name}"))
    columns = [column for column in data.spark.table(name).columns if column != "view_count"]
    data.spark.sql(
        f"create or replace table {name} using delta partitioned by (event_date) "
        f"as select {', '.join(columns)} from {name}"
    )
    data.build(*with_vars(), "--select", "fct_user_product_daily")
    assert sorted(data.rows(f"select user_id, product_id, view_count from {name}")) == expected


def test_an_optimize_that_fails_is_a_warning_and_any_other_statement_is_not(
    data: DataSet, after_late_row: dict[str, int]
) -> None:
    cursor = Cursor()
    cursor.execute('/* {"app": "dbt"} */\noptimize nowhere.nothing')
    assert cursor.fetchall() == [("not optimized",)]
    with pytest.raises(FootfallError, match="nowhere"):
        cursor.execute("delete from nowhere.nothing")


# ---------- definitions


def test_another_definition_stops_the_build_and_says_what_to_run(
    data: DataSet, after_late_row: dict[str, int]
) -> None:
    load(data, 3, [interaction(8, "U3")])
    before = data.versions()
    with pytest.raises(FootfallError) as stopped:
        data.build(*with_vars(session_gap_minutes=20))
    message = str(stopped.value)
    assert "fct_sessions: session_gap_minutes was 30, is 20" in message
    assert "dbt build --full-refresh --select int_session_events+" in message
    assert data.versions() == before
    assert "INTERVAL 30 MINUTES" in view_text(data, "int_session_events").upper()


def view_text(data: DataSet, view: str) -> str:
    return str(data.rows(f"show create table {{silver}}.{view}")[0][0])


@only_thorough
def test_the_command_of_the_message_mends_it(data: DataSet, after_late_row: dict[str, int]) -> None:
    changed = with_vars(session_gap_minutes=20)
    data.build("--full-refresh", "--select", "int_session_events+", *changed)
    data.build(*changed)
    with pytest.raises(FootfallError, match="session_gap_minutes was 20, is 30"):
        data.build(*with_vars())


@pytest.mark.parametrize(
    ("var", "value", "was"),
    [
        ("reporting_timezone", "America/New_York", "UTC"),
        ("id_max_characters", 100, "512"),
        ("earliest_event_date", None, "2000-01-01"),
        ("latest_event_days_after_arrival", 0, "1"),
    ],
)
def test_quarantine_is_stale_where_the_rules_of_rows_change(
    data: DataSet, after_late_row: dict[str, int], var: str, value: Any, was: str
) -> None:
    with pytest.raises(FootfallError) as stopped:
        data.build("--select", "dq_quarantine", *with_vars(**{var: value}))
    assert re.search(rf"dq_quarantine: [^:]*{var} was {was}, is {value}", str(stopped.value))


# ---------- ingestion beside a build


@only_thorough
def test_files_that_arrive_during_a_build_belong_to_the_next(
    data_set: Callable[[str], DataSet],
) -> None:
    data = data_set("beside")
    load(data, 1, [interaction(0, "U1"), interaction(1, "U2")])
    staging = data.name("silver", "stg_product__interactions")
    selected = ("--select", "+fct_user_activity_monthly", "+fct_user_product_daily",
                "+dq_load_reconciliation")  # fmt: skip
    arrived: list[float] = []

    def arrive() -> None:
        while not data.spark.catalog.tableExists(staging):
            clock.sleep(0.05)
        load(data, 2, [interaction(1, "U3"), interaction(-400, "U1")])
        arrived.append(clock.time())

    arrival = threading.Thread(target=arrive)
    arrival.start()
    data.build(*with_vars(), *selected)
    arrival.join()
    reflected = loads_of(data)
    assert len(reflected) >= 8
    assert set(reflected.values()) == {1}
    # Tables were still to be built when the load arrived.
    sessions = data.commits(data.name("gold", "fct_sessions"))
    assert sessions[0].stat().st_mtime > arrived[0]
    assert data.reconciliation() == {ENTITY: (2, 2, 0, 0)}
    data.build(*with_vars(), *selected)
    assert set(loads_of(data).values()) == {2}
    assert data.reconciliation() == {ENTITY: (4, 4, 0, 0)}
    users = data.rows("select distinct user_id from {gold}.fct_user_activity_daily")
    assert {user for (user,) in users} == {"U1", "U2", "U3"}


def loads_of(data: DataSet) -> dict[str, int]:
    """Return the newest load that each table says it reflects."""
    loads = {}
    for layer, name in list_tables(data.spark, data.settings):
        if layer == "bronze":
            continue
        properties: Iterable[Any] = data.spark.sql(f"show tblproperties {name}").collect()
        for row in properties:
            if row["key"] == f"footfall.loads.{ENTITY}":
                loads[name] = int(row["value"])
    return loads


# ---------- what only shows SQL


@only_thorough
@pytest.mark.parametrize("command", [("compile",), ("docs", "generate")])
@pytest.mark.parametrize("is_part_built", [True, False])
def test_sql_is_shown_of_what_is_not_built_without_reading_a_table(
    data: DataSet,
    data_set: Callable[[str], DataSet],
    monkeypatch: pytest.MonkeyPatch,
    command: tuple[str, ...],
    is_part_built: bool,
) -> None:
    statements: list[str] = []

    def note(cursor: Cursor, sql: str, *parameters: Any) -> None:
        statements.append(sql.split("*/", 1)[-1].strip())
        execute(cursor, sql, *parameters)

    execute = Cursor.execute
    monkeypatch.setattr(Cursor, "execute", note)
    shown = data if is_part_built else data_set("nothing_built")
    # With the sources that were not built too.
    shown.dbt(*command)
    # The documentation counts rows that Delta's log does not state.
    asked = [statement for statement in statements if not statement.startswith("select count(*)")]
    assert asked and {statement.split()[0].lower() for statement in asked} <= {"show", "describe"}
    assert '"replace_where": "true"' in compiled(shown, "fct_user_product_daily")


@only_thorough
def test_compile_shows_the_next_run_where_asked(data: DataSet) -> None:
    model = "fct_user_product_daily"
    data.dbt("compile", "--select", model, *with_vars())
    assert run_comment(data, model)["dates"] is None
    data.dbt("compile", "--select", model, *with_vars(plan_next_run=True, dates=["2025-08-03"]))
    assert run_comment(data, model)["dates"] == ["2025-08-03"]
