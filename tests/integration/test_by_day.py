"""Days computed by DuckDB, committed by Delta."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pyspark.sql import SparkSession

from dbt_footfall import tasks_at_a_time
from footfall.by_day import step as steps
from footfall.by_day.commit import files_where
from footfall.by_day.step import DayStep
from footfall.errors import FootfallError, UsageError
from footfall.settings import get_settings
from footfall.spark.catalog import describe
from footfall.spark.delta_log import read_delta_table

SCHEMA = "by_day_test"
EVENTS, COUNTS = f"{SCHEMA}.events", f"{SCHEMA}.counts"
COLUMNS = "user_id string, event_date date"
FIRST, SECOND = "2025-08-20", "2025-08-21"
QUERY = f"""
    select user_id, event_date, count(*) as events from {SCHEMA}.event_view
    group by user_id, event_date
"""

IS_FIRST = f"event_date in (date'{FIRST}')"
QUERY_OF_FIRST = QUERY.replace("group by", f"where {IS_FIRST} group by")


@pytest.fixture
def tables(spark: SparkSession) -> Iterator[SparkSession]:
    spark.sql(f"create schema {SCHEMA}")
    spark.sql(f"create table {EVENTS} ({COLUMNS}) using delta partitioned by (event_date)")
    spark.sql(
        f"create table {COUNTS} (user_id string, event_date date, events bigint) using delta "
        "partitioned by (event_date) tblproperties ('footfall.loads.x' = '3')"
    )
    spark.sql(
        f"create view {SCHEMA}.event_view as select * from {EVENTS} where user_id is not null"
    )
    deliver(spark, ("u1", FIRST), ("u1", FIRST), ("u2", SECOND))
    yield spark
    spark.sql(f"drop schema {SCHEMA} cascade")


def deliver(spark: SparkSession, *rows: tuple[str, str]) -> None:
    values = ", ".join(f"('{user}', date'{day}')" for user, day in rows)
    spark.sql(f"insert into {EVENTS} values {values}")


def step(spark: SparkSession, *dates: str, engine: Any = "auto") -> DayStep:
    settings = get_settings().model_copy(update={"day_engine": engine})
    return DayStep(settings, spark, "counts", QUERY, "event_date", dates or None)


def counted(spark: SparkSession) -> dict[tuple[str, str], int]:
    return {(r.user_id, str(r.event_date)): r.events for r in spark.table(COUNTS).collect()}


def test_days_give_way_in_one_commit(tables: SparkSession) -> None:
    step(tables).run(COUNTS, "true")
    assert counted(tables) == {("u1", FIRST): 2, ("u2", SECOND): 1}
    deliver(tables, ("u3", FIRST))
    tables.sql(f"delete from {EVENTS} where event_date = date'{SECOND}'")
    both = f"event_date in (date'{FIRST}', date'{SECOND}')"
    step(tables, FIRST, SECOND).run(COUNTS, both, {"footfall.loads.x": "4"})
    properties = {
        row.key: row.value for row in tables.sql(f"show tblproperties {COUNTS}").collect()
    }
    assert properties["footfall.loads.x"] == "4"
    assert counted(tables) == {("u1", FIRST): 2, ("u3", FIRST): 1}
    history = tables.sql(f"describe history {COUNTS}").collect()
    assert [row.operation for row in history] == ["WRITE", "WRITE", "CREATE TABLE"]
    assert history[0].operationParameters["predicate"] == both
    assert [row.operationMetrics.get("numFiles") for row in history[:2]] == ["1", "2"]
    assert history[0].operationMetrics["numOutputRows"] == "2"
    bounds = tables.sql(f"select min(user_id), max(user_id) from {COUNTS}").collect()
    assert bounds == [("u1", "u3")]


def test_a_day_may_read_other_days_of_inputs_with_other_partitions(tables: SparkSession) -> None:
    seen = f"{SCHEMA}.seen"
    tables.sql(
        f"create table {seen} (user_id string, seen_on date, bucket int) using delta "
        "partitioned by (seen_on, bucket)"
    )
    tables.sql(
        f"insert into {seen} values ('u1', date'2025-08-19', 1), ('u1', date'{FIRST}', 1), "
        f"('u2', date'{FIRST}', 0), ('u2', date'2025-08-19', 0), ('u2', date'{SECOND}', 2)"
    )
    before = f"""
        select events.user_id, events.event_date, count(*) as events
        from (select distinct user_id, event_date from {SCHEMA}.event_view) as events
        inner join {seen} as seen
            on events.user_id = seen.user_id and seen.seen_on < events.event_date
        where seen.bucket in (0, 1)
        group by events.user_id, events.event_date
    """
    made = replace(step(tables), sql=before)
    assert made.obstacle(COUNTS) == f"{seen} is partitioned by seen_on, bucket"
    by_events = replace(made, by_day=frozenset({"events"}))
    assert by_events.obstacle(COUNTS) is None
    by_events.run(COUNTS, "true")
    assert counted(tables) == {("u1", FIRST): 1, ("u2", SECOND): 2}
    assert sorted(tables.table(COUNTS).collect()) == sorted(tables.sql(before).collect())
    by_both = replace(made, by_day=frozenset({"events", "seen"}))
    assert by_both.obstacle(COUNTS) == f"{seen} is partitioned by seen_on, bucket"
    by_another = replace(made, by_day=frozenset({"events", "sessions"}))
    assert by_another.obstacle(COUNTS) == "it does not read sessions"


def test_a_day_may_read_rows_by_another_column(tables: SparkSession) -> None:
    by_seen = f"{SCHEMA}.by_seen"
    tables.sql(
        f"create table {by_seen} (user_id string, seen_on date) using delta "
        "partitioned by (seen_on)"
    )
    tables.sql(f"insert into {by_seen} select user_id, event_date from {EVENTS}")
    query = f"""
        select user_id, seen_on as event_date, count(*) as events from {by_seen}
        group by user_id, seen_on
    """
    made = replace(step(tables, FIRST), sql=query, by_day=frozenset({"by_seen"}))
    assert made.obstacle(COUNTS) is None
    made.run(COUNTS, IS_FIRST)
    assert counted(tables) == {("u1", FIRST): 2}


def test_without_a_day_of_its_own_no_input_is_read_by_day(tables: SparkSession) -> None:
    users = f"{SCHEMA}.users"
    tables.sql(f"create table {users} (user_id string, event_date date) using delta")
    query = f"select user_id, event_date, 1L as events from {users}"
    assert "no input" in str(replace(step(tables), sql=query).obstacle(COUNTS))


def test_a_table_that_is_written_anew_forgets_what_it_reflected_in_the_same_commit(
    tables: SparkSession,
) -> None:
    made = step(tables)
    assert made.obstacle(COUNTS) is None and made.fits(COUNTS)
    made.run(COUNTS, "true", properties={"delta.appendOnly": "false"})
    properties = {row.key for row in tables.sql(f"show tblproperties {COUNTS}").collect()}
    assert "delta.appendOnly" in properties and "footfall.loads.x" not in properties
    assert len(tables.sql(f"describe history {COUNTS}").collect()) == 2
    assert not replace(made, sql=f"select * from {EVENTS}").fits(COUNTS)


def test_a_write_that_lost_is_computed_anew(
    tables: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    compute, lost = steps.compute_day, []

    def meanwhile(*arguments: Any) -> Any:
        if not lost:
            lost.append(True)
            deliver(tables, ("u9", FIRST))
            tables.sql(
                f"insert into {COUNTS} replace where event_date = date'{FIRST}' {QUERY_OF_FIRST}"
            )
        return compute(*arguments)

    monkeypatch.setattr(steps, "compute_day", meanwhile)
    step(tables, FIRST).run(COUNTS, IS_FIRST)
    assert counted(tables) == {("u1", FIRST): 2, ("u9", FIRST): 1}


def test_a_write_to_another_day_is_no_conflict(
    tables: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    compute, computed = steps.compute_day, []

    def meanwhile(*arguments: Any) -> Any:
        computed.append(True)
        tables.sql(f"insert into {COUNTS} values ('u9', date'{SECOND}', 7)")
        return compute(*arguments)

    monkeypatch.setattr(steps, "compute_day", meanwhile)
    step(tables, FIRST).run(COUNTS, IS_FIRST)
    assert len(computed) == 1
    assert counted(tables) == {("u1", FIRST): 2, ("u9", SECOND): 7}


def test_a_write_to_a_new_table_that_lost_is_computed_anew(
    bronze: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    compute, computed = steps.compute_whole, []

    def meanwhile(*arguments: Any) -> Any:
        computed.append(True)
        if len(computed) == 1:
            bronze.sql(f"insert into {STAGED} select *, 'k' from {BRONZE_OF_NOBODY}")
        return compute(*arguments)

    monkeypatch.setattr(steps, "compute_whole", meanwhile)
    assert whole(bronze).run(STAGED, "true")
    assert len(computed) == 2 and bronze.table(STAGED).count() == 8


def test_files_that_give_way_are_known_without_spark(tables: SparkSession) -> None:
    step(tables).run(COUNTS, "true")
    folder = Path(describe(tables, COUNTS).location().getPath())

    def days(predicate: str, version: int = 1) -> list[str] | None:
        files = files_where(folder, version, predicate)
        return None if files is None else [f["partitionValues"]["event_date"] for f in files]

    assert days(IS_FIRST) == [FIRST]
    assert sorted(days("true") or []) == [FIRST, SECOND]
    assert days("false") == []
    assert days("event_date >= date_add(date'2025-08-20', 1)") == [SECOND]
    assert days("user_id = 'u1'") is None
    assert days("true", version=0) is None
    tables.sql(f"alter table {COUNTS} set tblproperties ('delta.enableDeletionVectors' = 'true')")
    one_file = f"select concat('u', id), date'{FIRST}', 1 from range(8, 10, 1, 1)"
    tables.sql(f"insert into {COUNTS} {one_file}")
    tables.sql(f"delete from {COUNTS} where user_id = 'u8'")
    assert read_delta_table(folder) and days("true", version=4) is None


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        (f"alter table {EVENTS} set tblproperties ('delta.columnMapping.mode' = 'name')",
         "maps its columns to other names"),
        (f"alter table {COUNTS} add constraint some check (events > 0)", "has constraints"),
        (f"create or replace view {SCHEMA}.event_view as select *, explode(array(1)) as n "
         f"from {EVENTS} lateral view outer explode(array(1)) x as y", "lateral views"),
        (f"create or replace view {SCHEMA}.event_view as select *, soundex(user_id) as s "
         f"from {EVENTS}", "soundex"),
    ],
)  # fmt: skip
def test_what_duckdb_cannot_do_is_left_to_spark(
    tables: SparkSession, statement: str, reason: str
) -> None:
    assert step(tables).obstacle(COUNTS) is None
    tables.sql(statement)
    assert reason in str(step(tables).obstacle(COUNTS))
    with pytest.raises(UsageError, match=reason):
        step(tables, engine="duckdb").obstacle(COUNTS)


def test_rows_that_a_deletion_vector_hides_are_left_to_spark(tables: SparkSession) -> None:
    tables.sql(f"alter table {EVENTS} set tblproperties ('delta.enableDeletionVectors' = 'true')")
    # In one file, of which a row is left.
    tables.sql(
        f"insert into {EVENTS} select /*+ coalesce(1) */ 'u' || id, date'{FIRST}' from range(9)"
    )
    tables.sql(f"delete from {EVENTS} where user_id = 'u4'")
    assert step(tables).obstacle(COUNTS) == f"{EVENTS} has deletion vectors"


BRONZE, STAGED = f"{SCHEMA}.bronze", f"{SCHEMA}.staged"
BRONZE_OF_NOBODY = f"(values ('u', date'{FIRST}', 1, 1L)) t(user_id, event_date, amount, load_id)"
BRONZE_COLUMNS = "user_id string, event_date date, amount int, page string, load_id bigint"
FIRST_ARRIVALS = rf"""
    select * except (arrival, page)
    from (
        select
            *,
            md5(concat_ws(
                '\u001f',
                coalesce(
                    replace(replace(user_id, '\u001b', '\u001b\u001b'), '\u0000', '\u001b\u0000'),
                    '\u0000'
                ),
                cast(event_date as string)
            )) as event_key,
            row_number() over (
                partition by user_id, event_date order by load_id, amount, page
            ) as arrival
        from {BRONZE}
        where coalesce(trim(leading '\u0009\u0020\u00a0\u3000' from user_id) <> '', false)
    )
    where arrival = 1
"""
RECONCILED = f"""
    select date'{FIRST}' as event_date, count(*) as rows, sum(if(b.hash = s.hash, 1, 0)) as same
    from (select user_id, event_date, xxhash64(user_id, amount) as hash from {BRONZE}) as b
    left join (select user_id, event_date, xxhash64(user_id, amount) as hash from {STAGED}) as s
        on b.user_id = s.user_id and b.event_date = s.event_date
"""


@pytest.fixture
def bronze(tables: SparkSession) -> SparkSession:
    columns = BRONZE_COLUMNS.replace("page string, ", "")
    tables.sql(f"create table {BRONZE} ({BRONZE_COLUMNS}) using delta partitioned by (load_id)")
    tables.sql(
        f"create table {STAGED} ({columns}, event_key string) using delta "
        "partitioned by (event_date)"
    )
    users = ("u1", "u\0", "\x1b\x1f", "ü\u3000", "\u3000 \t", "", None)
    rows = [
        (user, day, amount, page, load)
        for user in users
        for day in (date(2025, 8, 20), date(2025, 8, 21))
        for amount, page in ((None, "b"), (2, "a"), (None, None), (1, None))
        for load in (1, 2)
    ]
    made = tables.createDataFrame(rows, BRONZE_COLUMNS)
    made.repartition(3).write.mode("append").insertInto(BRONZE)
    return tables


def whole(spark: SparkSession, sql: str = FIRST_ARRIVALS, engine: Any = "auto") -> DayStep:
    return replace(step(spark, engine=engine), model="staged", sql=sql, at_once=True)


def test_a_table_that_is_computed_at_once_is_sparks(bronze: SparkSession) -> None:
    made = whole(bronze)
    assert made.obstacle(STAGED) is None and made.run(STAGED, "true")
    staged = bronze.table(STAGED)
    expected = bronze.sql(FIRST_ARRIVALS).select(*staged.columns)
    assert sorted(staged.collect(), key=str) == sorted(expected.collect(), key=str)
    assert staged.count() == 8
    [days] = bronze.sql(f"select count(*) from {STAGED} where event_date = '{FIRST}'").collect()
    assert days[0] == 4
    # Written anew, it has no row twice.
    assert made.run(STAGED, "true") and bronze.table(STAGED).count() == 8


def test_a_table_without_partitions_is_computed_at_once(bronze: SparkSession) -> None:
    plain = f"{SCHEMA}.plain"
    columns = "user_id string, rows bigint, loads array<bigint>"
    bronze.sql(f"create table {plain} ({columns}) using delta")
    sql = f"""
        select user_id, count(*) as rows, sort_array(collect_list(load_id)) as loads
        from {BRONZE}
        where amount is null group by user_id
    """
    made = replace(whole(bronze, sql), partition_column=None)
    assert made.obstacle(plain) is None and made.run(plain, "true", {"footfall.loads.x": "2"})
    rows = sorted(bronze.table(plain).collect(), key=str)
    assert rows == sorted(bronze.sql(sql).collect(), key=str) and len(rows) == 7
    history = bronze.sql(f"describe history {plain}").collect()
    assert [row.operation for row in history] == ["WRITE", "CREATE TABLE"]
    assert ("footfall.loads.x", "2") in bronze.sql(f"show tblproperties {plain}").collect()
    nobody = replace(made, sql=sql.replace("is null", "< 0"))
    assert nobody.run(plain, "true") and bronze.table(plain).count() == 0
    assert replace(made, partition_column="user_id").obstacle(plain) == (
        f"{plain} is not partitioned by user_id"
    )
    by_day = replace(made, at_once=False)
    assert by_day.obstacle(plain) == "staged has no partitions"


def test_lists_are_ordered_by_spark(bronze: SparkSession) -> None:
    bronze.sql(f"alter table {BRONZE} add columns (tags array<string>)")
    assert whole(bronze).obstacle(STAGED) is None
    by_tags = FIRST_ARRIVALS.replace("amount, page", "amount, tags")
    assert whole(bronze, by_tags).obstacle(STAGED) == "DuckDB orders tags in another way"


def test_hashes_that_are_compared_may_be_duckdbs(bronze: SparkSession) -> None:
    assert whole(bronze).run(STAGED, "true")
    made = whole(bronze, RECONCILED)
    bronze.sql(
        f"create table {SCHEMA}.reconciled (event_date date, rows bigint, same bigint) "
        "using delta partitioned by (event_date)"
    )
    assert made.obstacle(f"{SCHEMA}.reconciled") is None
    assert made.run(f"{SCHEMA}.reconciled", "true")
    assert bronze.table(f"{SCHEMA}.reconciled").collect() == bronze.sql(RECONCILED).collect()


def test_texts_that_duckdb_cannot_read_are_left_to_spark(bronze: SparkSession) -> None:
    bronze.sql(
        f"insert into {BRONZE} select cast(unhex('ff') as string), date'{FIRST}', 1, 'a', 3L"
    )
    assert whole(bronze).obstacle(STAGED) is None
    assert not whole(bronze).run(STAGED, "true")
    with pytest.raises(FootfallError, match="could not compute staged"):
        whole(bronze, engine="duckdb").run(STAGED, "true")
    assert bronze.table(STAGED).count() == 0


@pytest.mark.parametrize(
    ("condition", "reason"),
    [
        ("user_id rlike '^u'", "regular expressions"),
        ("user_id <> '${spark.app.name}'", "variables"),
        ("date(from_utc_timestamp(timestamp(event_date), 'Asia/Tokyo')) is not null",
         "from_utc_timestamp"),
    ],
)  # fmt: skip
def test_what_means_something_else_is_left_to_spark(
    bronze: SparkSession, condition: str, reason: str
) -> None:
    sql = f"select * from ({FIRST_ARRIVALS}) where {condition}"
    assert reason in str(whole(bronze, sql).obstacle(STAGED))


def test_spark_is_what_the_setting_says(tables: SparkSession) -> None:
    assert step(tables, engine="spark").obstacle(COUNTS) == "FOOTFALL_DAY_ENGINE is spark"


def test_a_query_that_fails_names_the_model(tables: SparkSession) -> None:
    failing = replace(step(tables), sql=QUERY.replace("count(*)", "raise_error('no')"))
    with pytest.raises(FootfallError, match=r"could not compute counts: .*no"):
        failing.run(COUNTS, "true")
    assert counted(tables) == {}


@pytest.mark.parametrize(
    ("method", "by_day", "tasks"),
    [("session", True, 1), ("session", False, None), ("thrift", True, None)],
)
def test_a_hot_key_holds_up_no_days_that_duckdb_computes(
    spark: SparkSession, method: str, by_day: bool, tasks: int | None
) -> None:
    adapter: Any = SimpleNamespace(
        config=SimpleNamespace(credentials=SimpleNamespace(method=method))
    )
    at_a_time = spark.sparkContext.defaultParallelism if method == "session" else None
    assert tasks_at_a_time(adapter, by_day) == (tasks or at_a_time)
