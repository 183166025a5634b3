"""The panels on sessions: how many there are a day, and how long they last."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import pandas as pd

from footfall.report.charts import (
    Json,
    category_axis,
    count_axis,
    day_axis,
    figure,
    line,
    row_bars,
    row_texts,
    time_bars,
    value_axis,
)
from footfall.report.drawing import Drawing, Key
from footfall.report.frames import SESSION_DAYS, Number, counts, dates, numbers, on_day, split
from footfall.report.tables import folded, table_html
from footfall.report.words import (
    count_text,
    day_text,
    interval_text,
    or_dash,
    seconds_text,
    share_text,
    short_text,
)

OUTLIER = "outlier"

POLICIES = {"filter": "filter: left out", "cap": "cap: shortened", "flag": "flag: as they are"}
"""What each policy does with outliers."""


def sessions_by_day(frame: pd.DataFrame, view: date) -> Drawing:
    """Return how many sessions began on each day, and their median and p95 duration."""
    days = dates(frame, "event_date")
    sessions = numbers(frame["session_count"])
    medians = numbers(frame["median_duration_seconds"])
    p95s = numbers(frame["p95_duration_seconds"])
    longest = max((seconds for seconds in p95s if seconds is not None), default=0)
    unit, unit_seconds = ("minutes", 60) if longest >= 120 else ("seconds", 1)

    def duration_line(label: str, color: str, durations: Sequence[Number]) -> Json:
        return line(
            days,
            [None if seconds is None else seconds / unit_seconds for seconds in durations],
            label,
            color,
            view,
            hover="%{customdata}",
            texts=["" if seconds is None else seconds_text(seconds) for seconds in durations],
            yaxis="y2",
        )

    return Drawing(
        "Last minus first event of a session; half of them are shorter than the median, "
        "19 of 20 than the 95th percentile.",
        figure(
            [
                time_bars(days, sessions, "Sessions", "--sessions"),
                duration_line("95th percentile", "--p95", p95s),
                duration_line("Median", "--median", medians),
            ],
            xaxis=day_axis(days, view, anchor="y2"),
            yaxis=count_axis("sessions", sessions, domain=[0.55, 1], nticks=4),
            yaxis2=value_axis(f"duration, {unit}", domain=[0, 0.43], tickformat=",.2~f", nticks=4),
        ),
        height=360,
        legend=[
            Key("Sessions", "--sessions", "bar"),
            Key("Duration, 95th percentile", "--p95", "line"),
            Key("Duration, median", "--median", "line"),
        ],
    )


def durations(frame: pd.DataFrame, policies: pd.DataFrame | None) -> Drawing:
    """Return how long sessions last, and what the outlier policies make of it."""
    sessions = counts(frame["session_count"])
    labels = [
        interval_text(above, up_to)
        for above, up_to in zip(
            numbers(frame["above_seconds"]), numbers(frame["up_to_seconds"]), strict=True
        )
    ]
    total = sum(sessions)
    shares = [share_text(count / total if total else 0) for count in sessions]
    buckets = list(frame["duration_bucket"])
    rows_of = {
        "Sessions": [row for row, bucket in enumerate(buckets) if bucket != OUTLIER],
        "Outliers": [row for row, bucket in enumerate(buckets) if bucket == OUTLIER],
    }
    colors = {"Sessions": "--sessions", "Outliers": "--outlier"}
    drawn = {name: rows for name, rows in rows_of.items() if rows}
    return Drawing(
        f"Sessions of the {SESSION_DAYS} days to {day_text(max(dates(frame, 'last_date')))} by "
        "duration, last minus first event; an interval includes its upper edge, not its lower one.",
        figure(
            [
                row_bars(
                    [sessions[row] for row in rows],
                    name,
                    colors[name],
                    [labels[row] for row in rows],
                    "%{x:,} sessions (%{customdata})",
                    customdata=[shares[row] for row in rows],
                    y=rows,
                )
                for name, rows in drawn.items()
            ],
            barmode="overlay",
            hovermode="closest",
            xaxis=count_axis("sessions", sessions, range=[0, 1.5 * max(*sessions, 1)]),
            yaxis=category_axis(labels, 16),
            annotations=row_texts(
                sessions,
                [
                    f"{short_text(count)}, {share}"
                    for count, share in zip(sessions, shares, strict=True)
                ],
            ),
        ),
        height=70 + 21 * len(frame),
        legend=[Key(name, colors[name], "bar") for name in drawn],
        table=_policies_table(policies)
        + folded(
            table_html(
                ["Duration", "Sessions", "Share"],
                [
                    [label, f"{count:,}", share]
                    for label, count, share in zip(labels, sessions, shares, strict=True)
                ],
            )
        ),
    )


def _policies_table(frame: pd.DataFrame | None) -> str:
    """Return each policy's figures on the newest day on which they differ."""
    if frame is None:
        return ""
    with_outliers = frame[frame["outlier_count"] > 0]
    day = max(dates(frame if with_outliers.empty else with_outliers, "event_date"))
    of_day = on_day(frame, "event_date", day)
    caption = f"On {day_text(day)}, "
    if with_outliers.empty:
        caption += "the newest day; no day has an outlier, and so the policies agree."
    else:
        outliers = max(counts(of_day["outlier_count"]))
        caption += f"the newest day with outliers ({outliers:,}), by what is done with them."
    columns = {
        "Sessions": ("session_count", count_text),
        "Average": ("avg_duration_seconds", seconds_text),
        "95th percentile": ("p95_duration_seconds", seconds_text),
    }
    return table_html(
        ["Outliers", *columns],
        [
            [
                POLICIES[policy],
                *(or_dash(text, numbers(row[column])[0]) for column, text in columns.values()),
            ]
            for policy, row in split(of_day, "outlier_policy", POLICIES).items()
        ],
        caption,
    )
