"""The panels on active users: by segment, by definition, and by how many days they are active."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from functools import partial
from typing import Any

import pandas as pd

from footfall.report.charts import (
    Json,
    count_axis,
    day_axis,
    figure,
    line,
    value_axis,
)
from footfall.report.drawing import Choice, Control, Drawing, Key, Option
from footfall.report.frames import counts, dates, numbers, on_day, split
from footfall.report.tables import folded, table_html
from footfall.report.words import count_text, day_text, or_dash, share_text, shortened

MAU_DAYS = 28
VIEW_SHARE = 0.01
SEGMENTS_SHOWN = 12

SEGMENT_TYPES = {"country": "Country", "device_type": "Device", "subscription_type": "Plan"}

DEFINITIONS = {"basic": "--basic", "core": "--core", "engaged": "--engaged"}
"""The definitions of active, each with its colour."""


# ---------------------------------------------------------------- by segment


def active_users(frame: pd.DataFrame, segments: pd.DataFrame | None, view: date) -> Choice:
    """Return DAU, WAU and MAU of all users and of each segment."""
    return _by_segment(frame, segments, partial(_active_users, dates(frame, "metric_date"), view))


def stickiness(frame: pd.DataFrame, segments: pd.DataFrame | None, view: date) -> Choice:
    """Return the stickiness of all users and of each segment."""
    return _by_segment(frame, segments, partial(_stickiness, dates(frame, "metric_date"), view))


def _by_segment(
    frame: pd.DataFrame,
    segments: pd.DataFrame | None,
    draw: Callable[[pd.DataFrame, str], Drawing],
) -> Choice:
    """Return a drawing of all users and one of each segment.

    Args:
        frame: all users by day.
        segments: the same by segment, or None.
        draw: draws such a frame, and says whose it is.
    """
    options = [Option("all", "All users")]
    drawings: dict[tuple[str, ...], Drawing] = {("all",): draw(frame, "")}
    types = {} if segments is None else split(segments, "segment_type", SEGMENT_TYPES)
    for segment_type, rows in types.items():
        name = SEGMENT_TYPES.get(segment_type, segment_type.replace("_", " ").capitalize())
        values = _by_size(rows)
        shown = values[:SEGMENTS_SHOWN]
        group = name
        if len(shown) < len(values):
            group += f", the largest {len(shown)} of {len(values)}"
        for position, value in enumerate(shown):
            label = shortened(value, 40)
            option = Option(f"{segment_type}-{position}", label, group)
            options.append(option)
            drawings[(option.value,)] = draw(
                rows[rows["segment_value"] == value],
                f" {name} {label} only, as it was on the newest active day of each window.",
            )
    return Choice([Control("segment", "Segment", options)], drawings)


def _by_size(segments: pd.DataFrame) -> list[str]:
    """Return the segments of one type, by MAU on the newest day, then by name."""
    newest = segments[segments["metric_date"] == segments["metric_date"].max()]
    users = dict(zip(newest["segment_value"], counts(newest["mau_28"]), strict=True))
    return sorted(set(segments["segment_value"]), key=lambda value: (-users.get(value, 0), value))


def _active_users(
    axis_days: Sequence[date], view: date, frame: pd.DataFrame, whose: str
) -> Drawing:
    days = dates(frame, "metric_date")
    # The widest lies at the bottom: early on, WAU and MAU are the same.
    lines = {
        "MAU, 28 days": ("mau_28", "--mau", 4),
        "WAU, 7 days": ("wau", "--wau", 2),
        "DAU": ("dau", "--dau", 2),
    }
    traces = [
        line(days, numbers(frame[column]), label, color, view, width=width)
        for label, (column, color, width) in lines.items()
    ]
    summary = "Users with at least one valid interaction that day, in the last 7 and the last 28."
    if (axis_days[-1] - view).days + 1 < MAU_DAYS:
        summary += f" MAU still fills up: its {MAU_DAYS} days reach back before the data begin."
    if view > axis_days[0]:
        summary += (
            f" Not in view: the days before {day_text(view)}, "
            f"each with less than {VIEW_SHARE:.0%} of the peak."
        )
    return Drawing(
        summary + whose,
        figure(
            traces,
            xaxis=day_axis(axis_days, view),
            yaxis=count_axis("users", [number for trace in traces for number in trace["y"]]),
        ),
        legend=[
            Key(label, color, "wide" if width > 2 else "line")
            for label, (_, color, width) in lines.items()
        ],
    )


def _stickiness(axis_days: Sequence[date], view: date, frame: pd.DataFrame, whose: str) -> Drawing:
    days, shares = dates(frame, "metric_date"), numbers(frame["stickiness"])
    return Drawing(
        "Of the users of the last 28 days, how many came that day." + whose,
        figure(
            [line(days, shares, "DAU ÷ MAU", "--dau", view, hover="%{y:.1%}")],
            xaxis=day_axis(axis_days, view),
            yaxis=value_axis("DAU ÷ MAU (28 days)", tickformat=".0%", nticks=6),
        ),
    )


# ---------------------------------------------------------------- by definition


def by_definition(frame: pd.DataFrame, draw: Callable[[pd.DataFrame], Drawing]) -> Choice:
    """Return a drawing of the rows of each definition of active."""
    parts = split(frame, "definition", DEFINITIONS)
    return Choice(
        [definition_control(parts)],
        {(definition,): draw(rows) for definition, rows in parts.items()},
    )


def definition_control(definitions: Iterable[str]) -> Control:
    return Control("definition", "Definition", [Option(name, name) for name in definitions])


def _color(definition: str) -> str:
    return DEFINITIONS.get(definition, "--muted")


def definitions(frame: pd.DataFrame, view: date) -> Drawing:
    """Return MAU and stickiness of the three definitions side by side."""
    parts = split(frame, "definition", DEFINITIONS)

    def lines(column: str, **changes: Any) -> list[Json]:
        return [
            line(
                dates(users, "metric_date"),
                numbers(users[column]),
                definition,
                _color(definition),
                view,
                **changes,
            )
            for definition, users in parts.items()
        ]

    return Drawing(
        "`basic`: a valid interaction on the day. `core`: a core action on it, and at least two "
        "in the 7 days to it. `engaged`: a session on it longer than `engaged_session_seconds`.",
        figure(
            [*lines("mau_28"), *lines("stickiness", hover="%{y:.1%}", yaxis="y2")],
            xaxis=day_axis(sorted(set(dates(frame, "metric_date"))), view, anchor="y2"),
            yaxis=count_axis("MAU (28 days)", numbers(frame["mau_28"]), domain=[0.55, 1], nticks=4),
            yaxis2=value_axis("DAU ÷ MAU", domain=[0, 0.43], tickformat=".0%", nticks=4),
        ),
        height=360,
        legend=[Key(definition, _color(definition), "line") for definition in parts],
        table=_newest_day_table(frame),
    )


def _newest_day_table(frame: pd.DataFrame) -> str:
    last_day = max(dates(frame, "metric_date"))
    columns = {
        "DAU": ("dau", count_text),
        "WAU": ("wau", count_text),
        "MAU 28": ("mau_28", count_text),
        "MAU 30": ("mau_30", count_text),
        "Month": ("mau_calendar", count_text),
        "DAU ÷ MAU": ("stickiness", share_text),
    }
    return table_html(
        ["Active", *columns],
        [
            [
                definition,
                *(or_dash(text, numbers(users[column])[0]) for column, text in columns.values()),
            ]
            for definition, users in split(
                on_day(frame, "metric_date", last_day), "definition", DEFINITIONS
            ).items()
        ],
        f"On {day_text(last_day)}; Month counts from the first of the month.",
    )


# ---------------------------------------------------------------- by active days


def active_days(frame: pd.DataFrame) -> Choice:
    """Return the histogram of active days of each definition."""
    return by_definition(frame, _active_days)


def _active_days(frame: pd.DataFrame) -> Drawing:
    lengths, users = counts(frame["active_days"]), counts(frame["user_count"])
    last_day = max(dates(frame, "metric_date"))
    bars = {
        "type": "bar",
        "name": "Users",
        "x": lengths,
        "y": users,
        "marker": {"color": _color(str(frame["definition"].iloc[0]))},
        "hovertemplate": f"%{{x}} of {MAU_DAYS} days: %{{y:,}} users<extra></extra>",
    }
    return Drawing(
        f"Users by the number of days on which they were active, of the {MAU_DAYS} to "
        f"{day_text(last_day)}. The bars add up to MAU: {sum(users):,}.",
        figure(
            [bars],
            hovermode="closest",
            xaxis=value_axis(
                "active days",
                tickvals=[1, 7, 14, 21, MAU_DAYS],
                range=[0.4, MAU_DAYS + 0.6],
                showgrid=False,
            ),
            yaxis=count_axis("users", users),
        ),
        table=folded(
            table_html(
                ["Active days", "Users"],
                [[f"{days}", f"{count:,}"] for days, count in zip(lengths, users, strict=True)],
            )
        ),
    )
