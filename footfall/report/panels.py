"""The panels of the dashboard: for each one, a function from its frame to what is drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from html import escape
from typing import Literal, NamedTuple

import pandas as pd

from footfall.report.charts import (
    DAY_MS,
    Json,
    category_axis,
    chart_text,
    count_axis,
    day_axis,
    figure,
    line,
    row_bars,
    row_texts,
    value_axis,
)
from footfall.report.frames import (
    MARTS,
    TOP_PRODUCTS,
    Frames,
    Number,
    by_day,
    counts,
    dates,
    filled,
    numbers,
)
from footfall.report.words import day_text, rows_text, seconds_text, share_text, short_text

TOP_REASONS = 15
MAU_DAYS = 28
VIEW_SHARE = 0.01


class Key(NamedTuple):
    """One entry of a legend."""

    label: str
    color: str
    shape: Literal["line", "wide", "bar"]


@dataclass(frozen=True)
class Drawing:
    """A figure with its words.

    Attributes:
        summary: one line of text; what stands in backticks is code.
        figure: for Plotly.
        height: of the figure, in pixels.
        legend: its entries.
        table: HTML to stand below the figure.
    """

    summary: str
    figure: Json
    height: int = 280
    legend: list[Key] = field(default_factory=list)
    table: str = ""


@dataclass(frozen=True)
class Panel:
    """One section of the page: a drawing, or the words (HTML) that stand in its place."""

    name: str
    title: str
    content: Drawing | str


def draw_panels(frames: Frames) -> list[Panel]:
    """Return all panels, in the order of the page."""
    view = _first_day_in_view(frames)
    interactions = "the source <code>product</code> or <code>app</code>"
    product, source = "the source <code>product</code>", "a source"

    def panel(
        name: str,
        title: str,
        frame_name: str,
        filled_by: str,
        draw: Callable[[pd.DataFrame], Drawing],
    ) -> Panel:
        frame = filled(frames, frame_name)
        if frame is None:
            return Panel(name, title, _why_empty(frames, frame_name, filled_by))
        return Panel(name, title, draw(frame))

    return [
        panel(
            "dau",
            "Active users by day: DAU, WAU and MAU",
            "active_users",
            interactions,
            partial(_active_users, view=view),
        ),
        panel(
            "stickiness",
            "Stickiness: DAU as a share of MAU",
            "active_users",
            interactions,
            partial(_stickiness, view=view),
        ),
        panel(
            "sessions",
            "Sessions a day and how long they last",
            "session_metrics",
            interactions,
            partial(_sessions, view=view),
        ),
        panel(
            "products",
            f"Top {TOP_PRODUCTS} products by interactions",
            "top_products",
            product,
            _products,
        ),
        panel("quality", "What became of each source's rows", "reconciliation", source, _quality),
        panel(
            "quarantine", "Why rows are in quarantine", "quarantine_reasons", source, _quarantine
        ),
    ]


def _first_day_in_view(frames: Frames) -> date:
    """Return the first day with at least 1 % of the peak day's users (or sessions).

    Stray early timestamps would otherwise squeeze all that matters into the right edge.
    """
    users = by_day(frames, "active_users", "dau")
    series = users or by_day(frames, "session_metrics", "session_count")
    enough = VIEW_SHARE * max((number or 0 for number in series.values()), default=0)
    return next((day for day, number in series.items() if (number or 0) >= enough), date.min)


def _why_empty(frames: Frames, name: str, filled_by: str) -> str:
    """Return why a panel is empty and what fills it, as HTML."""
    table = MARTS[name].table
    if name not in frames:
        return (
            f"The table <code>{table}</code> does not exist. <code>dbt build</code> makes it, "
            f"where {filled_by} is among the project's <code>sources</code>."
        )
    if name == "quarantine_reasons" and filled(frames, "reconciliation") is not None:
        return "No row is in quarantine: every row that came in is valid."
    return (
        f"The table <code>{table}</code> has no rows. Load {filled_by} with "
        "<code>footfall ingest</code>, then run <code>dbt build</code>."
    )


# ---------------------------------------------------------------- by day


def _active_users(frame: pd.DataFrame, view: date) -> Drawing:
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
    if (days[-1] - view).days + 1 < MAU_DAYS:
        summary += f" MAU still fills up: its {MAU_DAYS} days reach back before the data begin."
    if view > days[0]:
        summary += (
            f" Not in view: the days before {day_text(view)}, "
            f"each with less than {VIEW_SHARE:.0%} of the peak."
        )
    return Drawing(
        summary,
        figure(
            traces,
            xaxis=day_axis(days, view),
            yaxis=count_axis("users", [number for trace in traces for number in trace["y"]]),
        ),
        legend=[
            Key(label, color, "wide" if width > 2 else "line")
            for label, (_, color, width) in lines.items()
        ],
    )


def _stickiness(frame: pd.DataFrame, view: date) -> Drawing:
    days = dates(frame, "metric_date")
    shares = numbers(frame["stickiness"])
    return Drawing(
        "Of the users of the last 28 days, how many came that day.",
        figure(
            [line(days, shares, "DAU ÷ MAU", "--dau", view, hover="%{y:.1%}")],
            xaxis=day_axis(days, view),
            yaxis=value_axis("DAU ÷ MAU (28 days)", tickformat=".0%", nticks=6),
        ),
    )


def _sessions(frame: pd.DataFrame, view: date) -> Drawing:
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

    bars = {
        "type": "bar",
        "name": "Sessions",
        "x": [day.isoformat() for day in days],
        "y": sessions,
        # A lone day's bar would otherwise be as wide as the plot.
        "width": 0.7 * DAY_MS,
        "marker": {"color": "--sessions"},
        "hovertemplate": "%{y:,}",
    }
    return Drawing(
        "Last minus first event of a session; half of them are shorter than the median, "
        "19 of 20 than the 95th percentile.",
        figure(
            [
                bars,
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


# ---------------------------------------------------------------- by row


def _products(frame: pd.DataFrame) -> Drawing:
    kinds = {
        "View": ("view_count", "--view"),
        "Click": ("click_count", "--click"),
        "Purchase": ("purchase_count", "--purchase"),
    }
    labels = frame["product_id"].tolist()
    totals = counts(frame[[column for column, _ in kinds.values()]].sum(axis=1))
    products, interactions = counts(frame[["product_count", "interaction_count"]].iloc[0])
    share = sum(totals) / interactions if interactions else 0
    return Drawing(
        f"{rows_text(len(frame), 'product')} of {products:,}, with {share_text(share)} of all "
        f"{interactions:,} interactions, all days.",
        figure(
            [
                row_bars(numbers(frame[column]), kind, color, labels, f"{kind.lower()}s: %{{x:,}}")
                for kind, (column, color) in kinds.items()
            ],
            barmode="stack",
            hovermode="closest",
            xaxis=count_axis("interactions", totals, range=[0, 1.22 * max(*totals, 1)]),
            yaxis=category_axis(labels, 16),
            annotations=row_texts(totals, [short_text(total) for total in totals]),
        ),
        height=70 + 21 * max(len(frame), 3),
        legend=[Key(kind, color, "bar") for kind, (_, color) in kinds.items()],
    )


def _quality(frame: pd.DataFrame) -> Drawing:
    sources = frame["source"].tolist()
    rows_in = counts(frame["rows_in"])
    fates = {
        "Accepted": ("--accepted", counts(frame["accepted"])),
        "Duplicates": ("--duplicate", counts(frame["duplicates"])),
        "Quarantined": ("--quarantined", counts(frame["quarantined"])),
    }
    found = [sum(fate) for fate in zip(*(rows for _, rows in fates.values()), strict=True)]
    summary = f"{rows_text(sum(rows_in), 'row')} came in, all loads together."
    if found != rows_in:
        lost = [came - known for came, known in zip(rows_in, found, strict=True)]
        fates["Unaccounted for"] = ("--unaccounted", lost)
        summary += " Some are in neither a staging table nor quarantine: run `dbt test`."
    traces = []
    for label, (color, rows) in fates.items():
        shares = [count / came if came else 0 for count, came in zip(rows, rows_in, strict=True)]
        traces.append(
            row_bars(
                shares,
                label,
                color,
                sources,
                f"%{{customdata[0]}} rows (%{{customdata[1]}}) {label.lower()}",
                customdata=[
                    [f"{count:,}", share_text(share)]
                    for count, share in zip(rows, shares, strict=True)
                ],
            )
        )
    return Drawing(
        summary,
        figure(
            traces,
            barmode="stack",
            hovermode="closest",
            xaxis=value_axis("share of the rows that came in", tickformat=".0%", range=[0, 1.02]),
            yaxis=category_axis(sources, 26),
        ),
        height=70 + 26 * max(len(frame), 2),
        legend=[Key(label, color, "bar") for label, (color, _) in fates.items()],
        table=_table(
            ["Source", "Rows in", *fates],
            sources,
            [rows_in, *(rows for _, rows in fates.values())],
        ),
    )


def _table(
    headings: Sequence[str], sources: Sequence[object], columns: Sequence[Sequence[int]]
) -> str:
    """Return the HTML of a table with a row for each source."""
    head = "".join(f'<th scope="col">{escape(heading)}</th>' for heading in headings)
    body = "".join(
        f'<tr><th scope="row">{source_html(source)}</th>'
        + "".join(f"<td>{count:,}</td>" for count in row)
        + "</tr>"
        for source, *row in zip(sources, *columns, strict=True)
    )
    return (
        f'<div class="scroll" tabindex="0"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def source_html(source: object) -> str:
    """Return ``source.entity``, which may break after the dot on a narrow screen."""
    return escape(str(source)).replace(".", ".<wbr>")


def _quarantine(frame: pd.DataFrame) -> Drawing:
    shown = frame.head(TOP_REASONS)
    labels = [
        f"{source}: {reason}"
        for source, reason in zip(shown["source"], shown["reason"], strict=True)
    ]
    rows = counts(shown["row_count"])
    texts = [
        f"<b>{count:,}</b>  {chart_text(label, 46)}"
        for label, count in zip(labels, rows, strict=True)
    ]
    summary = "Rows by source and reason; a row with two reasons counts in both."
    if len(frame) > len(shown):
        summary += f" The {len(shown)} most frequent of {len(frame)}."
    return Drawing(
        summary,
        figure(
            [
                row_bars(
                    rows,
                    "Quarantined",
                    "--quarantined",
                    labels,
                    "%{x:,} rows",
                    width=0.3,
                    offset=0,
                )
            ],
            hovermode="closest",
            xaxis=count_axis("rows", rows, range=[0, 1.04 * max(*rows, 1)]),
            yaxis=category_axis(labels, 30, showticklabels=False),
            annotations=row_texts([0] * len(rows), texts, yshift=15),
        ),
        height=60 + 40 * len(shown),
    )
