"""The macros of bit arithmetic: how they render, and what Spark makes of every kind of month."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import Environment

from footfall.settings import PROJECT_DIR

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

MONTHS = [
    date(2023, 2, 1),
    date(2024, 2, 1),
    date(2024, 4, 1),
    date(2024, 12, 1),
    date(2025, 1, 1),
]
"""Of 28, 29, 30 and 31 days, and both sides of a year's end."""
LONGEST_HISTORY = 31


class Macros:
    """The macros of macros/activity, as they call each other."""

    def __getattr__(self, macro: str) -> Callable[..., str]:
        return partial(render, macro)


def render(macro: str, *arguments: Any) -> str:
    """Return the SQL of a macro of macros/activity."""
    source = (PROJECT_DIR / "macros" / "activity" / f"{macro}.sql").read_text()
    module: Any = Environment().from_string(source, {"footfall": Macros()}).module
    return str(getattr(module, macro)(*arguments)).strip()


def days_of(bits: int, month_start: date) -> list[date]:
    return [month_start + timedelta(days=bit) for bit in range(31) if bits >> bit & 1]


def test_a_day_has_one_bit_and_a_condition_that_reads_one_month() -> None:
    assert render("day_bit", "event_date") == "shiftleft(1, day(event_date) - 1)"
    assert render("followed_days", "bits", 2) == "(shiftleft(bits, 1) | shiftleft(bits, 2))"
    condition = " ".join(render("is_active_on", "date'2025-08-20'", "core").split())
    assert condition == (
        "month_start = trunc(date'2025-08-20', 'MM') "
        "and getbit(core_days, day(date'2025-08-20') - 1) = 1"
    )


@settings(max_examples=200)
@given(bits=st.integers(0, 2**37 - 1), days=st.integers(1, 6))
def test_the_days_that_follow_a_day(bits: int, days: int) -> None:
    following = {
        bit + after for bit in range(37) if bits >> bit & 1 for after in range(1, days + 1)
    }
    rendered = eval(
        render("followed_days", "bits", days), {"shiftleft": lambda a, b: a << b, "bits": bits}
    )
    assert rendered == sum(2**bit for bit in following)


@pytest.fixture(scope="module")
def cases(spark: SparkSession) -> list[tuple[int, date, date]]:
    """Bitmaps with the first, the last, all and some days, seen from days in and after it."""
    found = []
    for month_start in MONTHS:
        length = monthrange(month_start.year, month_start.month)[1]
        for bits in (0, 1, 2 ** (length - 1), 2**length - 1, 0b1010101010 << 9 & 2**length - 1):
            for offset in (0, 1, 9, length - 2, length - 1, length, length + 5, length + 29):
                found.append((bits, month_start, month_start + timedelta(days=offset)))
    return found


def test_the_newest_active_day_and_the_trailing_history_are_those_of_the_days(
    spark: SparkSession, cases: list[tuple[int, date, date]]
) -> None:
    arguments = ("bits", "month_start", "until")
    lengths = (1, 7, 28, 30, LONGEST_HISTORY)
    rows = (
        spark.createDataFrame(cases, "bits int, month_start date, until date")
        .selectExpr(
            "*",
            render("newest_active_day", *arguments),
            *(render("recent_days", *arguments, days) for days in lengths),
        )
        .collect()
    )
    assert len(rows) == len(cases) == 200
    for bits, month_start, until, newest, *histories in rows:
        known = [day for day in days_of(bits, month_start) if day <= until]
        assert newest == (max(known) if known else None)
        for days, history in zip(lengths, histories, strict=True):
            first = until - timedelta(days=days - 1)
            expected = sum(2 ** (day - first).days for day in known if day >= first)
            assert history == expected, (bits, month_start, until, days)


def test_the_bit_of_a_day(spark: SparkSession) -> None:
    days = [month + timedelta(days=offset) for month in MONTHS for offset in (0, 27)]
    days += [date(2024, 2, 29), date(2024, 12, 31)]
    rows = spark.createDataFrame([(day,) for day in days], "day date").selectExpr(
        "day", render("day_bit", "day")
    )
    assert [(row[0], row[1]) for row in rows.collect()] == [
        (day, 2 ** (day.day - 1)) for day in days
    ]
