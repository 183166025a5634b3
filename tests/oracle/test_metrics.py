"""`footfall metric`: what MetricFlow and DuckDB answer is what the marts hold."""

from __future__ import annotations

from datetime import date

import pytest

from footfall.duck.semantics import Question, Semantics
from footfall.errors import FootfallError, UsageError
from footfall.settings import Settings
from support.data_sets import DataSet
from support.metrics import figures, read_semantics, unlike_the_marts

USERS = "select {columns}, count(distinct user_id), sum(action_count) from {{gold}}.{rows} "
DAYS = USERS.format(columns="{columns}", rows="fct_user_activity_daily")


@pytest.fixture(scope="module")
def semantics(built: DataSet) -> Semantics:
    return read_semantics(built)


def test_each_metric_of_each_day_is_the_marts(built: DataSet, semantics: Semantics) -> None:
    assert unlike_the_marts(built, semantics) == {}
    assert len(figures(built, semantics, "dau_week_on_week")) == 2


def test_distinct_users_are_counted_anew_for_each_week_and_split(
    built: DataSet, semantics: Semantics
) -> None:
    question = Question(["active_users", "actions"], ["country", "device_type"], grain="week")
    answer = semantics.answer(question, built.settings)
    assert answer.columns == ["week", "country", "device_type", "active_users", "actions"]
    expected = built.rows(
        "select date(date_trunc('week', event_date)), country, device_type, "
        "count(distinct user_id), sum(action_count) from {gold}.fct_user_activity_daily "
        "group by 1, 2, 3"
    )
    assert sorted(answer.rows, key=repr) == sorted(expected, key=repr)
    assert answer.rows == sorted(answer.rows, key=lambda row: (row[0], row[1] or "", row[2] or ""))


def test_a_range_a_condition_and_no_grain_give_one_figure(
    built: DataSet, semantics: Semantics
) -> None:
    question = Question(
        ["active_users"],
        where="country in ('DE', 'FR') and not device_type = 'mobile'",
        since=date(2025, 8, 29),
        until=date(2025, 8, 31),
    )
    assert semantics.answer(question, built.settings).rows == built.rows(
        "select count(distinct user_id) from {gold}.fct_user_activity_daily "
        "where country in ('DE', 'FR') and device_type <> 'mobile' "
        "and event_date between '2025-08-29' and '2025-08-31'"
    )


def test_users_of_a_window_are_those_of_the_newest_day(
    built: DataSet, semantics: Semantics
) -> None:
    [(week, dau, mau)] = semantics.answer(
        Question(["dau", "mau"], grain="week", since=date(2025, 8, 27), until=date(2025, 8, 27)),
        built.settings,
    ).rows
    assert week == date(2025, 8, 25)
    assert [(dau, mau)] == built.rows(
        "select dau, mau_28 from {gold}.fct_active_users_daily where metric_date = '2025-08-31' "
        "and definition = 'basic' and segment_type = 'all'"
    )


@pytest.mark.parametrize(
    ("question", "message"),
    [
        (Question(["dua"]), r"no metric 'dua'(?s:.)*Did you mean dau"),
        (Question(["dau"], ["segment_typ"]), "Did you mean segment_type"),
        (Question(["actions"], where="contry = 'DE'"), r"'contry'(?s:.)*Did you mean country"),
        (Question(["dau", "actions"], ["country"]), "in common"),
        (Question(["dau_week_on_week"]), "--grain day"),
        (Question(["actions"], where="country = 3"), "values of its type"),
    ],
)
def test_what_there_is_not_is_told_with_what_is_near(
    built: DataSet, semantics: Semantics, question: Question, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        semantics.answer(question, built.settings)


def test_a_table_that_is_not_built_is_named(semantics: Semantics) -> None:
    with pytest.raises(FootfallError, match=r"whole_gold\.fct_user_activity_daily is not"):
        semantics.answer(Question(["actions"]), Settings(db_schema="nothing"))
