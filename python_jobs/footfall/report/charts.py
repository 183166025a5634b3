"""The parts that the dashboard's figures are put together from.

Colours are names of the page's CSS variables, so that a figure follows the theme.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from html import escape
from typing import Any

from footfall.report.frames import Number
from footfall.report.words import shortened

Json = dict[str, Any]

DAY_MS = 86_400_000


def figure(traces: Sequence[Json], **layout: Any) -> Json:
    return {
        "data": list(traces),
        "layout": {
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "font": {"family": "system-ui, sans-serif", "size": 12, "color": "--muted"},
            "margin": {"l": 8, "r": 12, "t": 8, "b": 8},
            "showlegend": False,
            "hovermode": "x unified",
            "hoverlabel": {
                "bgcolor": "--card",
                "bordercolor": "--line",
                "font": {"color": "--ink", "size": 12},
                "align": "left",
            },
            **layout,
        },
    }


def chart_text(value: object, longest: int | None = None) -> str:
    """Return data as Plotly text: it reads tags and entities, and so they are escaped.

    Args:
        value: the text.
        longest: shortens from the middle what is longer, so that both ends stay readable.
    """
    text = re.sub(r"[\x00-\x1f\x7f]+", " ", str(value))
    return escape(shortened(text, longest) if longest else text, quote=False)


# ---------------------------------------------------------------- axes


def value_axis(title: str, **changes: Any) -> Json:
    return {
        "title": {"text": title, "standoff": 8, "font": {"size": 12}},
        "rangemode": "tozero",
        "gridcolor": "--line",
        "zerolinecolor": "--line",
        "automargin": True,
        "fixedrange": True,
        "nticks": 5,
        "tickangle": 0,
        **changes,
    }


def count_axis(title: str, numbers: Sequence[Number], **changes: Any) -> Json:
    """Return a value axis for counts: no fractions of a user, no column of zeros."""
    largest = max((number for number in numbers if number is not None), default=0)
    if largest < 5:
        return value_axis(title, dtick=1, tickformat=",d", **changes)
    return value_axis(title, tickformat="~s" if largest >= 10_000 else ",.2~f", **changes)


def day_axis(days: Sequence[date], view: date, **changes: Any) -> Json:
    """Return a time axis with whole days as ticks, however few days there are.

    Args:
        days: the days that are drawn, in order.
        view: the first day to show; those before it are to the left of what is in view.
        changes: further settings.
    """
    first, last = max(days[0], min(view, days[-1])), days[-1]
    count = (last - first).days + 1
    return {
        **_time_axis(first, last, timedelta(hours=14), -(-count // 5) if count <= 120 else None),
        "hoverformat": "%a %-d %b %Y",
        **({"tickformat": "%b\n%Y"} if count > 240 else {}),
        **changes,
    }


def week_axis(weeks: Sequence[date], **changes: Any) -> Json:
    """Return a time axis with the first days of weeks as ticks."""
    step = -(-((weeks[-1] - weeks[0]).days // 7 + 1) // 5)
    return {
        **_time_axis(weeks[0], weeks[-1], timedelta(days=4), 7 * step),
        "hoverformat": "week of %-d %b %Y",
        **changes,
    }


def _time_axis(first: date, last: date, margin: timedelta, tick_days: int | None) -> Json:
    ticks: Json = {"nticks": 5}
    if tick_days:
        ticks = {"tick0": first.isoformat(), "dtick": tick_days * DAY_MS}
    return {
        "type": "date",
        "range": [
            (datetime.combine(first, time()) - margin).isoformat(" "),
            (datetime.combine(last, time()) + margin).isoformat(" "),
        ],
        "showgrid": False,
        "linecolor": "--line",
        "ticks": "outside",
        "tickcolor": "--line",
        "tickformat": "%-d %b\n%Y",
        "tickangle": 0,
        "automargin": True,
        **ticks,
    }


def category_axis(labels: Sequence[object], longest: int, **changes: Any) -> Json:
    """Return an axis of rows from the top; rows are numbers, as two labels may look the same."""
    return {
        "tickmode": "array",
        "tickvals": list(range(len(labels))),
        "ticktext": [f"{chart_text(label, longest)}  " for label in labels],
        "range": [len(labels) - 0.5, -0.5],
        "automargin": True,
        "fixedrange": True,
        "showgrid": False,
        "zeroline": False,
        **changes,
    }


# ---------------------------------------------------------------- marks


def line(
    days: Sequence[date],
    numbers: Sequence[Number],
    name: str,
    color: str,
    view: date,
    *,
    hover: str = "%{y:,}",
    texts: Sequence[str] | None = None,
    width: int = 2,
    **changes: Any,
) -> Json:
    """Return a line that breaks where days are missing.

    Args:
        days: the days, in order.
        numbers: the value of each day.
        name: what the line shows.
        color: its colour.
        view: the first day in view.
        hover: the template of what a point says.
        texts: words for each day, ``customdata`` of the template.
        width: of the line, in pixels.
        changes: further settings.
    """
    points: list[tuple[date, Number, str]] = []
    for day, number, text in zip(days, numbers, texts or [""] * len(days), strict=True):
        if points and day - points[-1][0] > timedelta(days=1):
            points.append((points[-1][0] + timedelta(days=1), None, ""))
        points.append((day, number, text))
    # Markers tell days apart while there are few, and show a day that has no neighbour.
    markers = sum(day >= view for day in days) <= 60 or len(points) > len(days)
    return {
        "type": "scatter",
        "mode": "lines+markers" if markers else "lines",
        "name": name,
        "x": [day.isoformat() for day, _, _ in points],
        "y": [number for _, number, _ in points],
        **({"customdata": [text for _, _, text in points]} if texts else {}),
        "line": {"color": color, "width": width},
        "marker": {"color": color, "size": 4 + width},
        "hovertemplate": hover,
        **changes,
    }


def time_bars(
    starts: Sequence[date],
    numbers: Sequence[Number],
    name: str,
    color: str,
    *,
    days: int = 1,
    hatched: Sequence[bool] = (),
    hover: str = "%{y:,}",
    **changes: Any,
) -> Json:
    """Return a bar from below for each day or week.

    Args:
        starts: the first day of each bar's time.
        numbers: the value of each bar.
        name: what the bars show.
        color: their colour.
        days: how many days a bar stands for: a lone bar would otherwise be as wide as the plot.
        hatched: which bars are; none where it is left out.
        hover: the template of what a bar says.
        changes: further settings.
    """
    shapes = ["/" if hatch else "" for hatch in hatched]
    pattern = {"shape": shapes, "bgcolor": color, "fgcolor": "--card", "size": 6}
    return {
        "type": "bar",
        "name": name,
        "x": [start.isoformat() for start in starts],
        "y": list(numbers),
        "width": 0.7 * days * DAY_MS,
        "marker": {"color": color, **({"pattern": pattern} if any(hatched) else {})},
        "hovertemplate": hover,
        **changes,
    }


def row_bars(
    numbers: Sequence[Number],
    name: str,
    color: str,
    labels: Sequence[object],
    hover: str,
    **changes: Any,
) -> Json:
    """Return a bar from the left for each row of a :func:`category_axis`."""
    return {
        "type": "bar",
        "orientation": "h",
        "name": name,
        "x": list(numbers),
        "y": list(range(len(numbers))),
        "width": 0.72,
        "marker": {"color": color},
        "hovertext": [chart_text(label, 80) for label in labels],
        "hovertemplate": f"<b>%{{hovertext}}</b><br>{hover}<extra></extra>",
        **changes,
    }


def row_texts(starts: Sequence[Number], texts: Sequence[str], **changes: Any) -> list[Json]:
    """Return the annotations that write a text into each row of a :func:`category_axis`."""
    return [
        {
            "x": start,
            "y": row,
            "text": text,
            "showarrow": False,
            "xanchor": "left",
            "xshift": 4,
            "font": {"size": 11, "color": "--muted"},
            **changes,
        }
        for row, (start, text) in enumerate(zip(starts, texts, strict=True))
    ]
