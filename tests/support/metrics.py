"""What the marts say of each metric, by Spark, beside what MetricFlow says."""

from __future__ import annotations

import math
from typing import Any

import pytest

from footfall.duck.semantics import Question, Semantics
from support.data_sets import DataSet

ALL_BASIC = "definition = 'basic' and segment_type = 'all'"
ACTIVE = "select metric_date, {column} from {{gold}}.fct_active_users_daily where {where}"
SESSIONS = (
    "select event_date, {column} from {{gold}}.fct_session_metrics_daily "
    "where outlier_policy = 'flag' and segment_type = 'all'"
)
COHORTS = (
    "select cohort_start, {column} from {{gold}}.fct_retention_cohorts "
    "where period_type = 'week' and period_number = 4 and definition = 'basic'"
)
USER_DAYS = "select event_date, {column} from {{gold}}.fct_user_activity_daily group by event_date"
BY_DATE = {
    "dau": ACTIVE.format(column="dau", where=ALL_BASIC),
    "wau": ACTIVE.format(column="wau", where=ALL_BASIC),
    "mau": ACTIVE.format(column="mau_28", where=ALL_BASIC),
    "core_mau": ACTIVE.format(column="mau_28", where=ALL_BASIC.replace("basic", "core")),
    "stickiness": ACTIVE.format(column="stickiness", where=ALL_BASIC),
    "dau_week_on_week": (
        "select now.metric_date, now.dau / before.dau from {gold}.fct_active_users_daily now "
        "join {gold}.fct_active_users_daily before using (definition, segment_type, segment_value) "
        f"where {ALL_BASIC} and before.metric_date = now.metric_date - interval 7 days "
        "and before.dau > 0"
    ),
    "active_users": ACTIVE.format(column="dau", where=f"{ALL_BASIC} and dau > 0"),
    "actions": USER_DAYS.format(column="sum(action_count)"),
    "actions_per_user": USER_DAYS.format(column="sum(action_count) / count(*)"),
    "sessions": SESSIONS.format(column="session_count"),
    "session_actions": SESSIONS.format(column="action_count"),
    "actions_per_session": SESSIONS.format(column="avg_actions_per_session"),
    "weekly_cohort_users": COHORTS.format(column="cohort_size"),
    "users_retained_in_week_4": COHORTS.format(column="bounded_users"),
    "week_4_retention": COHORTS.format(column="bounded_retention"),
}
"""Each metric's figures by date, as its mart holds them."""


def read_semantics(data: DataSet) -> Semantics:
    """Return the semantic models over the tables of a data set."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FOOTFALL_DB_SCHEMA", data.settings.db_schema)
        patch.setenv("DBT_TARGET_PATH", str(data.target))
        return Semantics()


def figures(data: DataSet, semantics: Semantics, metric: str) -> dict[Any, float]:
    """Return a metric's figures by date, as MetricFlow computes them."""
    answer = semantics.answer(Question([metric], grain="day"), data.settings)
    assert answer.columns == ["day", metric]
    return dict(answer.rows)


def unlike_the_marts(data: DataSet, semantics: Semantics) -> dict[str, Any]:
    """Return the metrics that differ from their marts, with both figures."""
    assert {metric.name for metric in semantics.metrics()} == set(BY_DATE)
    different = {}
    for metric, sql in BY_DATE.items():
        found, expected = figures(data, semantics, metric), dict(data.rows(sql))
        if found.keys() != expected.keys() or not all(
            math.isclose(found[day], expected[day], rel_tol=1e-12) for day in expected
        ):
            different[metric] = (found, expected)
    return different
