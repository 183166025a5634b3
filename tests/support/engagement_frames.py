"""Frames of the engagement marts, made by hand, as the dashboard reads them.

They end with Thursday 6 March 2025, so that the week of 3 March is not over.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import NamedTuple

import pandas as pd

CHARTS = (
    "dau",
    "stickiness",
    "definitions",
    "active_days",
    "growth",
    "sessions",
    "durations",
    "products",
    "quality",
    "quarantine",
    "arrivals",
    "pauses",
    "builds",
)
"""The panels that hold a figure where every mart has rows."""

LAST_DAY = date(2025, 3, 6)
SHARE_OF_BASIC = {"basic": 1.0, "core": 0.5, "engaged": 0.25}
SEGMENTS = {
    "country": {"SE": 100, "NO": 60, "unknown": 10},
    "device_type": {"mobile": 120, "desktop": 50},
    "subscription_type": {"free": 130, "pro": 40},
}
"""By split: the segments, each with its daily users."""


class Week(NamedTuple):
    """What became of a definition's users in a week."""

    new: int
    resurrected: int
    retained: int
    churned: int

    @property
    def active(self) -> int:
        return self.new + self.resurrected + self.retained


WEEKS = {
    "basic": [Week(100, 0, 0, 0), Week(40, 0, 60, 40), Week(30, 10, 70, 30), Week(20, 5, 50, 60)],
    "core": [Week(50, 0, 0, 0), Week(20, 0, 30, 20), Week(15, 5, 35, 15), Week(10, 2, 25, 30)],
    "engaged": [Week(8, 0, 0, 0), Week(0, 0, 0, 8), Week(0, 0, 0, 0), Week(1, 2, 0, 0)],
}
"""Of each definition, the four weeks to that of the last day."""

COHORTS = {
    "basic": [
        ([100, 60, 70, 45], [100, 85, 80, 45]),
        ([40, 20, 11], [40, 22, 11]),
        ([30, 9], [30, 9]),
        ([20], [20]),
    ],
    "core": [([50, 10, 0, 1], [50, 10, 1, 1])],
    "engaged": [([8, 0, 0, 2], [8, 2, 2, 2])],
}
"""Of each definition, by cohort: the bounded and the rolling users of the weeks from the first."""


def days_to_last(count: int) -> list[date]:
    return [LAST_DAY - timedelta(days=back) for back in reversed(range(count))]


def weeks_to_last(count: int) -> list[date]:
    monday = LAST_DAY - timedelta(days=LAST_DAY.weekday())
    return [monday - timedelta(weeks=back) for back in reversed(range(count))]


def users_by_day(days: Sequence[date], daily: float) -> pd.DataFrame:
    """Return users that grow day by day, by ``daily``."""
    users = pd.Series([int(daily * number) for number in range(1, len(days) + 1)])
    return pd.DataFrame(
        {
            "metric_date": days,
            "dau": users,
            "wau": 2 * users,
            "mau_28": 4 * users,
            "mau_30": 5 * users,
            "mau_calendar": 3 * users,
            "stickiness": 0.25,
        }
    )


def active_users_by_definition(days: Sequence[date]) -> pd.DataFrame:
    return pd.concat(
        [
            users_by_day(days, 100 * share).assign(definition=definition)
            for definition, share in SHARE_OF_BASIC.items()
        ],
        ignore_index=True,
    )


def active_users_by_segment(days: Sequence[date]) -> pd.DataFrame:
    return pd.concat(
        [
            users_by_day(days, daily).assign(segment_type=split, segment_value=segment)
            for split, segments in SEGMENTS.items()
            for segment, daily in segments.items()
        ],
        ignore_index=True,
    )


def active_days() -> pd.DataFrame:
    return pd.DataFrame(
        [
            (LAST_DAY, definition, length, int(share * 8 * (29 - length)))
            for definition, share in SHARE_OF_BASIC.items()
            for length in range(1, 29)
        ],
        columns=["metric_date", "definition", "active_days", "user_count"],
    )


def growth(weeks: dict[str, list[Week]]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            (definition, start, week.active, *week, start + timedelta(days=6) <= LAST_DAY)
            for definition, its_weeks in weeks.items()
            for start, week in zip(weeks_to_last(len(its_weeks)), its_weeks, strict=True)
        ],
        columns=[
            "definition",
            "period_start",
            "active_users",
            "new_users",
            "resurrected_users",
            "retained_users",
            "churned_users",
            "is_complete",
        ],
    )


def retention(cohorts: dict[str, list[tuple[list[int], list[int]]]]) -> pd.DataFrame:
    rows = []
    for definition, its_cohorts in cohorts.items():
        starts = weeks_to_last(max(len(bounded) for bounded, _ in its_cohorts))
        for start, (bounded, rolling) in zip(starts, its_cohorts, strict=False):
            size = bounded[0]
            for number, users in enumerate(zip(bounded, rolling, strict=True)):
                week_end = start + timedelta(weeks=number, days=6)
                shares = [count / size for count in users]
                rows.append((definition, start, number, size, *users, *shares, week_end))
    frame = pd.DataFrame(
        rows,
        columns=[
            "definition",
            "cohort_start",
            "period_number",
            "cohort_size",
            "bounded_users",
            "rolling_users",
            "bounded_retention",
            "rolling_retention",
            "week_end",
        ],
    )
    return frame.assign(is_complete=frame.pop("week_end") <= LAST_DAY)


def session_durations(*, with_outliers: bool = True) -> pd.DataFrame:
    """Return the buckets of a maximum of 10 h, or those without a maximum."""
    last = ("outlier", 36_000.0, None, 7) if with_outliers else ("(14400, inf)", 14_400.0, None, 9)
    buckets = [
        ("0", None, 0.0, 300),
        ("(0, 10]", 0.0, 10.0, 50),
        ("(30, 60]", 30.0, 60.0, 120),
        ("(60, 180]", 60.0, 180.0, 400),
        ("(1800, 3600]", 1800.0, 3600.0, 80),
        last,
    ]
    return pd.DataFrame(
        [(*bucket, LAST_DAY) for bucket in buckets],
        columns=["duration_bucket", "above_seconds", "up_to_seconds", "session_count", "last_date"],
    )


def outlier_policies() -> pd.DataFrame:
    """Return three days: one without outliers, one with two, the last without."""
    quiet, outliers, last = days_to_last(3)
    return pd.DataFrame(
        [
            (quiet, "cap", 50, 0, 300.0, 900.0),
            (quiet, "filter", 50, 0, 300.0, 900.0),
            (quiet, "flag", 50, 0, 300.0, 900.0),
            (outliers, "cap", 40, 2, 900.0, 1800.0),
            (outliers, "filter", 38, 2, 240.0, 840.0),
            (outliers, "flag", 40, 2, 4200.0, 7500.0),
            (last, "cap", 60, 0, 310.0, 910.0),
            (last, "filter", 60, 0, 310.0, 910.0),
            (last, "flag", 60, 0, 310.0, 910.0),
        ],
        columns=[
            "event_date",
            "outlier_policy",
            "session_count",
            "outlier_count",
            "avg_duration_seconds",
            "p95_duration_seconds",
        ],
    )


def engagement_frames(days: Sequence[date]) -> dict[str, pd.DataFrame]:
    """Return the frames of all panels on users and of the durations of sessions."""
    return {
        "active_users": users_by_day(days, 100),
        "active_users_by_definition": active_users_by_definition(days),
        "active_users_by_segment": active_users_by_segment(days),
        "active_days": active_days(),
        "growth": growth(WEEKS),
        "retention": retention(COHORTS),
        "session_durations": session_durations(),
        "outlier_policies": outlier_policies(),
    }


def quality_frames() -> dict[str, pd.DataFrame]:
    """Return arrivals of two sources on two days, and runs of two days."""
    return {
        "arrivals": pd.DataFrame(
            {
                "source": ["app.interactions", "product.interactions", "product.interactions"],
                "arrived_on": [date(2025, 3, day) for day in (4, 4, 6)],
                "pause_hours": [None, None, 50.5],
                "rows_in": [100, 300, 50],
                "duplicates": [10, 0, 0],
                "quarantined": [10, 10, 0],
            }
        ),
        "builds": pd.DataFrame(
            {
                "run_on": [date(2025, 3, 4), date(2025, 3, 6)],
                "runs": [2, 1],
                "failed": [0, 1],
                "warned": [3, 0],
            }
        ),
    }
