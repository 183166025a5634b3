"""A model's SQL in DuckDB's dialect."""

from __future__ import annotations

import hashlib
from datetime import date, datetime
from typing import Any

import duckdb
import pytest

from footfall.by_day.translate import (
    SPARK_FUNCTIONS,
    NotTranslatable,
    duckdb_type,
    translate,
)


def answer(sql: str) -> Any:
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        for statement in SPARK_FUNCTIONS:
            connection.execute(statement)
        row = connection.execute(translate(sql).sql).fetchone()
        assert row is not None
        return row[0]


@pytest.mark.parametrize(
    ("spark", "expected"),
    [
        (
            r"select md5(concat_ws('\u001f', 'u1', null, 'k'))",
            hashlib.md5(b"u1\x1fk").hexdigest(),
        ),
        ("select cast('x' as int)", None),
        ("select 7 div 2", 3),
        ("select 1 / 0", None),
        ("select unix_micros(timestamp'1970-01-01 00:00:01')", 1_000_000),
        (
            "select timestamp'2025-08-20 10:00:00' + interval 30 minutes",
            datetime(2025, 8, 20, 10, 30),
        ),
        (
            "select to_utc_timestamp(timestamp'2025-08-20 00:00:00', 'America/New_York')",
            datetime(2025, 8, 20, 4),
        ),
        ("select slice(sort_array(collect_list(c), false), 1, 2) from values (1), (3), (2) t(c)",
         [3, 2]),
        ("select collect_list(c) from values (cast(null as int)) t(c)", []),
        ("select collect_list(c) over (order by c) from values (cast(null as int)) t(c)", []),
        ("select collect_set(c) from values (1) t(c) where c > 1", []),
        ("select transform(array(struct(1 as a, 2 as b)), s -> s.b)", [2]),
        ("select /*+ broadcast(t) */ count(*) from values (1) t(c)", 1),
        ("select i from (select posexplode(array(5, 6)) as (i, c)) where c = 6", 1),
        ("select shiftleft(5, 3) | shiftleft(1, 1) | 1", 43),
        ("select getbit(5, 2) + getbit(5, 1)", 1),
        ("select shiftright(40, 3) & 4", 4),
        ("select bit_or(shiftleft(c, 1) & 6) from values (1), (2) t(c)", 6),
        ("select date_add(date'2025-03-01', length(bin(10 & -10)) - 1)", datetime(2025, 3, 2)),
        ("select bit_count(11)", 3),
        ("select count_if(c > 1) from values (cast(null as int)) t(c)", 0),
        ("select count_if(c > 1) over (order by c) from values (cast(null as int)) t(c)", 0),
        ("select get(array(5, 6), 1)", 6),
        ("select get(array(5, 6), -1)", None),
        ("select get(array(5, 6), 2)", None),
        ("select sort_array(array_distinct(array(3, 1, 3)))", [1, 3]),
        ("select add_months(date'2025-01-31', 1) = date'2025-02-28'", True),
        ("select sum(size) from (select 1 as a) lateral view inline(array("
         "struct('x' as name, 2 as size), struct('y' as name, 3 as size))) sizes as name, size", 5),
        ("select sort_array(collect_list(b)) from (select array(1, 2) as l) "
         "lateral view explode(l) items as b lateral view explode(array(b)) others as c", [1, 2]),
        ("select max(numbered.place * 10 + numbered.item) from (select array(7, 5) as l) "
         "lateral view posexplode(l) numbered as place, item", 15),
        ("select first_value(if(c > 1, c, null), true) over (order by c) from values (2) t(c)", 2),
        ("select cast(try_divide(cast(1 as bigint), cast(4 as bigint)) as double)", 0.25),
        ("select sequence(2, 4)", [2, 3, 4]),
        ("select sequence(4, 2)", [4, 3, 2]),
        (
            "select sequence(date'2025-02-28', date'2025-03-01')",
            [date(2025, 2, 28), date(2025, 3, 1)],
        ),
        ("select sequence(1, cast(null as int))", None),
        ("select trunc(date'2025-08-20', 'MM') = date'2025-08-01'", True),
        ("select shiftleft(1, day(date'2025-08-05') - 1)", 16),
        (r"select replace('a\u0000', '\u0000', '\u001b\u0000b')", "a\x1b\0b"),
    ],
)  # fmt: skip
def test_functions_mean_the_same(spark: str, expected: Any) -> None:
    assert answer(spark) == expected


def test_relations_are_what_is_named_with_its_schema() -> None:
    query = translate("with days as (select * from s.t join s.v) select * from days, r.w as days2")
    assert query.relations == {"s.t", "s.v", "r.w"}


def test_percentiles_lie_between_two_values() -> None:
    rows = "from values (1), (2) as v (x)"
    assert answer(f"select percentile(x, array(0.5, 0.95))[0] {rows}") == 1.5
    assert answer(f"select percentile(x, 0.5) {rows}") == 1.5


def test_an_error_that_a_model_raises_is_one() -> None:
    with pytest.raises(duckdb.Error, match="too large"):
        answer("select raise_error('too large')")


@pytest.mark.parametrize(
    "sql", ["select shiftright(-1, 1)", "select shiftright(1, 64)", "select shiftleft(1, 64)"]
)
def test_a_shift_that_differs_is_an_error(sql: str) -> None:
    with pytest.raises(duckdb.Error):
        answer(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "select explode from t lateral view outer explode(x) y as z",
        "select array_distinct(x) from s.t",
        "select 1 | 2 & 3",
        "insert into s.t select 1",
        "select (",
        "select 1; select 2",
    ],
)
def test_what_has_no_counterpart_is_said(sql: str) -> None:
    with pytest.raises(NotTranslatable):
        translate(sql)


@pytest.mark.parametrize(
    ("spark", "duck"),
    [
        ("string", "TEXT"),
        ("timestamp", "TIMESTAMP"),
        ("array<tinyint>", "TINYINT[]"),
        ("decimal(28,12)", "DECIMAL(28, 12)"),
        ("struct<id:int>", "STRUCT(id INT)"),
    ],
)
def test_types(spark: str, duck: str) -> None:
    assert duckdb_type(spark) == duck


def test_timestamps_within_other_types_are_left_to_spark() -> None:
    with pytest.raises(NotTranslatable, match="array<timestamp>"):
        duckdb_type("array<timestamp>")
