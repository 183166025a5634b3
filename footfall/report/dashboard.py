"""The dashboard: one HTML page with everything in it, drawn from the marts.

:func:`render_dashboard` is the pure core (data frames in, HTML out); :func:`build_dashboard` reads
the marts and writes the file.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd
from pydantic import BaseModel

from footfall.contracts import load_contracts
from footfall.errors import FootfallError, UsageError
from footfall.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Frames = Mapping[str, pd.DataFrame]
Figure = dict[str, Any]

TOP_PRODUCTS = 20
TOP_REASONS = 15
MAU_DAYS = 28
VIEW_SHARE = 0.01

MARTS = {
    "active_users": ("gold", "fct_active_users_daily"),
    "session_metrics": ("gold", "fct_session_metrics_daily"),
    "top_products": ("gold", "fct_user_product"),
    "reconciliation": ("quality", "dq_load_reconciliation"),
    "quarantine_reasons": ("quality", "dq_quarantine"),
}
"""Frame by frame: the layer and the table it comes from."""

QUERIES = {
    "active_users": """
        select metric_date, dau, wau, mau_28, stickiness
        from {table}
        where definition = 'basic' and segment_type = 'all'
        order by metric_date
    """,
    "session_metrics": """
        select event_date, session_count, median_duration_seconds, p95_duration_seconds
        from {table}
        where segment_type = 'all'
        order by event_date
    """,
    "top_products": f"""
        with products as (
            select
                product_id,
                sum(view_count) as view_count,
                sum(click_count) as click_count,
                sum(purchase_count) as purchase_count
            from {{table}}
            group by product_id
        ),
        totals as (
            select
                count(*) as product_count,
                sum(view_count + click_count + purchase_count) as interaction_count
            from products
        )
        select products.*, totals.product_count, totals.interaction_count
        from products
        cross join totals
        order by view_count + click_count + purchase_count desc, product_id
        limit {TOP_PRODUCTS}
    """,
    "reconciliation": """
        select
            source,
            max(load_id) as load_id,
            sum(rows_in) as rows_in,
            sum(accepted) as accepted,
            sum(duplicates) as duplicates,
            sum(quarantined) as quarantined
        from {table}
        group by source
        order by source
    """,
    "quarantine_reasons": """
        select source, reason, count(*) as row_count
        from (select source, explode(reject_reasons) as reason from {table})
        group by source, reason
        order by row_count desc, source, reason
    """,
}


class DashboardReport(BaseModel):
    """What :func:`build_dashboard` wrote.

    Attributes:
        file: the page.
        bytes: its size.
        built_at: when it was built, UTC.
        first_day: the first day of the data, or None where there is none.
        last_day: the last day of the data.
        panels: by panel, whether there was something to draw.
    """

    file: Path
    bytes: int
    built_at: datetime
    first_day: date | None
    last_day: date | None
    panels: dict[str, Literal["drawn", "empty"]]


def build_dashboard(out: Path, spark: SparkSession, settings: Settings) -> DashboardReport:
    """Read the marts and write the dashboard to one self-contained file.

    A mart that does not exist or has no rows leaves a panel that says so.

    Args:
        out: the HTML file; missing folders are made, an existing file is replaced at once.
        spark: the session to read with.
        settings: whose schemas to read.

    Raises:
        UsageError: ``out`` is a folder.
        FootfallError: a mart cannot be read, or the file cannot be written.
    """
    out = out.expanduser().absolute()
    if out.is_dir():
        raise UsageError(f"{out} is a folder.", "Name a file, for example dashboard.html.")
    frames = read_frames(spark, settings)
    built_at = datetime.now(timezone.utc)
    panels = _panels(frames)
    _write(out, _page(frames, panels, built_at))
    days = _days(frames)
    return DashboardReport(
        file=out,
        bytes=out.stat().st_size,
        built_at=built_at,
        first_day=days[0] if days else None,
        last_day=days[-1] if days else None,
        panels={panel.name: "drawn" if panel.figure else "empty" for panel in panels},
    )


def render_dashboard(frames: Frames, built_at: datetime) -> str:
    """Return the page as HTML.

    Args:
        frames: by name (see ``MARTS``, and ``loads``), the columns of ``QUERIES``. A frame that is
            left out stands for a table that does not exist.
        built_at: when the page is built, UTC.
    """
    return _page(frames, _panels(frames), built_at)


# ---------------------------------------------------------------- reading


def read_frames(spark: SparkSession, settings: Settings) -> dict[str, pd.DataFrame]:
    """Return what the dashboard draws; tables that do not exist are left out.

    Raises:
        FootfallError: a table lacks a column that the dashboard needs.
    """
    frames = {}
    for name, (layer, table_name) in MARTS.items():
        table = f"{settings.schema_of(layer)}.{table_name}"
        if spark.catalog.tableExists(table):
            frames[name] = _query(spark, table, QUERIES[name].format(table=table))
    frames["loads"] = _read_loads(spark, settings)
    return frames


def _query(spark: SparkSession, table: str, sql: str) -> pd.DataFrame:
    from pyspark.errors import AnalysisException

    try:
        return spark.sql(sql).toPandas()
    except AnalysisException as error:
        raise FootfallError(
            f"{table} cannot be read: {str(error).splitlines()[0]}",
            f"Rebuild it with `dbt build --full-refresh --select {table.rpartition('.')[2]}`.",
        ) from error


def _read_loads(spark: SparkSession, settings: Settings) -> pd.DataFrame:
    """Return the newest load of each bronze table: source, load_id, loaded_at."""
    tables = {
        contract.name: contract.bronze_table(settings)
        for contract in load_contracts(settings.project_dir).values()
        if spark.catalog.tableExists(contract.bronze_table(settings))
    }
    loads = pd.DataFrame(columns=["source", "load_id", "loaded_at"])
    if not tables:
        return loads
    newest = spark.sql(
        " union all ".join(
            f"select '{name}' as source, max(_load_id) as load_id from {table}"
            for name, table in tables.items()
        )
    ).collect()
    # The load is a literal, so that Delta skips the files of all other loads.
    times = [
        f"select '{row['source']}' as source, {row['load_id']} as load_id, "
        f"max(_ingested_at) as loaded_at from {tables[row['source']]} "
        f"where _load_id = {row['load_id']}"
        for row in newest
        if row["load_id"] is not None
    ]
    return spark.sql(" union all ".join(times)).toPandas() if times else loads


def _write(out: Path, page: str) -> None:
    fresh = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_text(page, encoding="utf-8")
        fresh.replace(out)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise FootfallError(
            f"{out} cannot be written: {error.strerror}.", "Name a file in a folder of yours."
        ) from error


# ---------------------------------------------------------------- values and words


def _frame(frames: Frames, name: str) -> pd.DataFrame | None:
    """Return a frame that has rows, or None."""
    frame = frames.get(name)
    return None if frame is None or frame.empty else frame


def _as_date(value: Any) -> date:
    day: date = pd.Timestamp(value).date()
    return day


def _dates(frame: pd.DataFrame, column: str) -> list[date]:
    return [_as_date(value) for value in frame[column]]


def _numbers(values: pd.Series[Any]) -> list[int | float | None]:
    """Return plain numbers, None for nulls, whole numbers as int."""
    numbers = pd.to_numeric(values).tolist()
    return [
        None if pd.isna(number) else int(number) if number == int(number) else float(number)
        for number in numbers
    ]


def _days(frames: Frames) -> list[date]:
    """Return the sorted days that the time series have."""
    days: set[date] = set()
    for name, column in (("active_users", "metric_date"), ("session_metrics", "event_date")):
        frame = _frame(frames, name)
        if frame is not None:
            days.update(_dates(frame, column))
    return sorted(days)


def _day_text(day: date) -> str:
    return f"{day.day} {day:%b %Y}"


def _minute_text(moment: datetime) -> str:
    return f"{_day_text(moment)} {moment:%H:%M}"


def _range_text(days: Sequence[date]) -> str:
    first, last = days[0], days[-1]
    if first == last:
        return _day_text(last)
    if first.year == last.year:
        return f"{first.day} {first:%b} – {_day_text(last)}"
    return f"{_day_text(first)} – {_day_text(last)}"


def _seconds_text(seconds: float) -> str:
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def _share_text(share: float) -> str:
    """Return a percentage that does not hide the few behind a 0 nor the rest behind a 100."""
    if 0 < share < 0.001:
        return "< 0.1%"
    if 0.999 < share < 1:
        return "> 99.9%"
    return f"{share:.1%}"


def _short_text(count: int) -> str:
    """Return a count with three digits at most where it is large, to stand beside a bar."""
    for size, unit in ((10**9, "B"), (10**6, "M"), (10**3, "k")):
        if count >= max(size, 10_000):
            return f"{count / size:.3g}{unit}"
    return f"{count:,}"


def _rows_text(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _source_html(source: object) -> str:
    """Return ``source.entity``, which may break after the dot on a narrow screen."""
    return escape(str(source)).replace(".", ".<wbr>")


def _chart_text(value: object, longest: int | None = None) -> str:
    """Return data as Plotly text: it reads tags and entities, and so they are escaped.

    Args:
        value: the text.
        longest: shortens from the middle what is longer, so that both ends stay readable.
    """
    text = re.sub(r"[\x00-\x1f\x7f]+", " ", str(value))
    if longest and len(text) > longest:
        text = f"{text[: longest // 2]}…{text[-(longest // 2 - 1) :]}"
    return escape(text, quote=False)


# ---------------------------------------------------------------- panels


@dataclass(frozen=True)
class Panel:
    """One section of the page: a figure, or the words that stand in its place.

    Colours in a figure are names of the page's CSS variables, so that it follows the theme.
    """

    name: str
    title: str
    summary: str = ""
    figure: Figure | None = None
    height: int = 280
    legend: list[tuple[str, str, str]] = field(default_factory=list)
    nothing: str = ""
    extra: str = ""


def _panels(frames: Frames) -> list[Panel]:
    view = _first_day_in_view(frames)
    return [
        _active_users_panel(frames, view),
        _stickiness_panel(frames, view),
        _sessions_panel(frames, view),
        _products_panel(frames),
        _quality_panel(frames),
        _quarantine_panel(frames),
    ]


def _first_day_in_view(frames: Frames) -> date | None:
    """Return the first day with at least 1 % of the peak day's users (or sessions).

    Stray early timestamps would otherwise squeeze all that matters into the right edge.
    """
    for name, day_column, column in (
        ("active_users", "metric_date", "dau"),
        ("session_metrics", "event_date", "session_count"),
    ):
        frame = _frame(frames, name)
        if frame is not None:
            numbers = [number or 0 for number in _numbers(frame[column])]
            enough = VIEW_SHARE * max(numbers)
            return next(
                day
                for day, number in zip(_dates(frame, day_column), numbers, strict=True)
                if number >= enough
            )
    return None


def _nothing(frames: Frames, name: str, sources: str) -> str:
    """Return why a panel is empty and what fills it, as HTML."""
    table = MARTS[name][1]
    if name not in frames:
        return (
            f"The table <code>{table}</code> does not exist. <code>dbt build</code> makes it, "
            f"where {sources} is among the project's <code>sources</code>."
        )
    return (
        f"The table <code>{table}</code> has no rows. Load {sources} with "
        "<code>footfall ingest</code>, then run <code>dbt build</code>."
    )


_INTERACTIONS = "the source <code>product</code> or <code>app</code>"


def _layout(**changes: Any) -> Figure:
    return {
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
        **changes,
    }


def _value_axis(title: str, **changes: Any) -> Figure:
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


def _count_ticks(numbers: Sequence[int | float | None]) -> Figure:
    """Return tick settings for counts: no fractions of a user, no column of zeros."""
    largest = max((number for number in numbers if number is not None), default=0)
    if largest < 5:
        return {"dtick": 1, "tickformat": ",d"}
    return {"tickformat": "~s" if largest >= 10_000 else ",.2~f"}


def _day_axis(days: Sequence[date], view: date | None) -> Figure:
    """Return a time axis with whole days as ticks, however few days there are."""
    first = max(days[0], min(view or days[0], days[-1]))
    count = (days[-1] - first).days + 1
    half = timedelta(hours=14)
    start = datetime(first.year, first.month, first.day)
    end = datetime(days[-1].year, days[-1].month, days[-1].day)
    axis: Figure = {
        "type": "date",
        "range": [(start - half).isoformat(" "), (end + half).isoformat(" ")],
        "showgrid": False,
        "linecolor": "--line",
        "ticks": "outside",
        "tickcolor": "--line",
        "hoverformat": "%a %-d %b %Y",
        "tickangle": 0,
        "automargin": True,
    }
    if count <= 120:
        step = -(-count // 5)
        axis |= {
            "tick0": first.isoformat(),
            "dtick": step * 86_400_000,
            "tickformat": "%-d %b\n%Y",
        }
    else:
        axis |= {"nticks": 5, "tickformat": "%b\n%Y" if count > 240 else "%-d %b\n%Y"}
    return axis


def _line(
    days: Sequence[date],
    numbers: Sequence[int | float | None],
    name: str,
    color: str,
    *,
    hover: str = "%{y:,}",
    texts: Sequence[str] | None = None,
    view: date | None = None,
    width: int = 2,
    **changes: Any,
) -> Figure:
    """Return a line that breaks where days are missing."""
    points: list[tuple[date, int | float | None, str]] = []
    for day, number, text in zip(days, numbers, texts or [""] * len(days), strict=True):
        if points and day - points[-1][0] > timedelta(days=1):
            points.append((points[-1][0] + timedelta(days=1), None, ""))
        points.append((day, number, text))
    # Markers tell days apart while there are few, and show a day that has no neighbour.
    in_view = sum(view is None or day >= view for day in days)
    markers = in_view <= 60 or len(points) > len(days)
    return {
        "type": "scatter",
        "mode": "lines+markers" if markers else "lines",
        "name": name,
        "x": [day.isoformat() for day, _, _ in points],
        "y": [number for _, number, _ in points],
        "customdata": [text for _, _, text in points],
        "line": {"color": color, "width": width},
        "marker": {"color": color, "size": 4 + width},
        "hovertemplate": hover,
        **changes,
    }


def _active_users_panel(frames: Frames, view: date | None) -> Panel:
    name, title = "dau", "Active users by day: DAU, WAU and MAU"
    frame = _frame(frames, "active_users")
    if frame is None:
        return Panel(name, title, nothing=_nothing(frames, "active_users", _INTERACTIONS))
    days = _dates(frame, "metric_date")
    # The widest lies at the bottom: early on, WAU and MAU are the same.
    lines = {
        "MAU, 28 days": ("mau_28", "--mau", 4),
        "WAU, 7 days": ("wau", "--wau", 2),
        "DAU": ("dau", "--dau", 2),
    }
    traces = [
        _line(days, _numbers(frame[column]), label, color, view=view, width=width)
        for label, (column, color, width) in lines.items()
    ]
    every_number = [number for trace in traces for number in trace["y"]]
    summary = "Users with at least one valid interaction that day, in the last 7 and the last 28."
    start = max(view or days[0], days[0])
    if (days[-1] - start).days + 1 < MAU_DAYS:
        summary += f" MAU still fills up: its {MAU_DAYS} days reach back before the data begin."
    if start > days[0]:
        summary += (
            f" Not in view: the days before {_day_text(start)}, "
            f"each with less than {VIEW_SHARE:.0%} of the peak."
        )
    return Panel(
        name,
        title,
        summary,
        figure={
            "data": traces,
            "layout": _layout(
                xaxis=_day_axis(days, view),
                yaxis=_value_axis("users", **_count_ticks(every_number)),
            ),
        },
        legend=[
            (label, color, "wide" if width > 2 else "line")
            for label, (_, color, width) in lines.items()
        ],
    )


def _stickiness_panel(frames: Frames, view: date | None) -> Panel:
    name, title = "stickiness", "Stickiness: DAU as a share of MAU"
    frame = _frame(frames, "active_users")
    if frame is None:
        return Panel(name, title, nothing=_nothing(frames, "active_users", _INTERACTIONS))
    days = _dates(frame, "metric_date")
    return Panel(
        name,
        title,
        "Of the users of the last 28 days, how many came that day.",
        figure={
            "data": [
                _line(
                    days,
                    _numbers(frame["stickiness"]),
                    "DAU ÷ MAU",
                    "--dau",
                    hover="%{y:.1%}",
                    view=view,
                )
            ],
            "layout": _layout(
                xaxis=_day_axis(days, view),
                yaxis=_value_axis("DAU ÷ MAU (28 days)", tickformat=".0%") | {"nticks": 6},
            ),
        },
    )


def _sessions_panel(frames: Frames, view: date | None) -> Panel:
    name, title = "sessions", "Sessions a day and how long they last"
    frame = _frame(frames, "session_metrics")
    if frame is None:
        return Panel(name, title, nothing=_nothing(frames, "session_metrics", _INTERACTIONS))
    days = _dates(frame, "event_date")
    counts = _numbers(frame["session_count"])
    medians = _numbers(frame["median_duration_seconds"])
    p95s = _numbers(frame["p95_duration_seconds"])
    longest = max((seconds for seconds in p95s if seconds is not None), default=0)
    unit, unit_seconds = ("minutes", 60) if longest >= 120 else ("seconds", 1)

    def duration_line(label: str, color: str, seconds: list[Any]) -> Figure:
        return _line(
            days,
            [None if value is None else value / unit_seconds for value in seconds],
            label,
            color,
            hover="%{customdata}",
            texts=["" if value is None else _seconds_text(value) for value in seconds],
            view=view,
            yaxis="y2",
        )

    return Panel(
        name,
        title,
        "Last minus first event of a session; half of them are shorter than the median, "
        "19 of 20 than the 95th percentile.",
        figure={
            "data": [
                {
                    "type": "bar",
                    "name": "Sessions",
                    "x": [day.isoformat() for day in days],
                    "y": counts,
                    # A lone day's bar would otherwise be as wide as the plot.
                    "width": 0.7 * 86_400_000,
                    "marker": {"color": "--sessions"},
                    "hovertemplate": "%{y:,}",
                },
                duration_line("95th percentile", "--p95", p95s),
                duration_line("Median", "--median", medians),
            ],
            "layout": _layout(
                xaxis=_day_axis(days, view) | {"anchor": "y2"},
                yaxis=_value_axis("sessions", domain=[0.55, 1], **_count_ticks(counts))
                | {"nticks": 4},
                yaxis2=_value_axis(f"duration, {unit}", domain=[0, 0.43], tickformat=",.2~f")
                | {"nticks": 4},
            ),
        },
        height=360,
        legend=[
            ("Sessions", "--sessions", "bar"),
            ("Duration, 95th percentile", "--p95", "line"),
            ("Duration, median", "--median", "line"),
        ],
    )


def _category_axis(labels: Sequence[object], longest: int) -> Figure:
    """Return an axis of rows from the top; rows are numbers, as two labels may look the same."""
    return {
        "tickmode": "array",
        "tickvals": list(range(len(labels))),
        "ticktext": [f"{_chart_text(label, longest)}  " for label in labels],
        "range": [len(labels) - 0.5, -0.5],
        "automargin": True,
        "fixedrange": True,
        "showgrid": False,
        "zeroline": False,
    }


def _row_bars(
    numbers: Sequence[int | float | None],
    name: str,
    color: str,
    labels: Sequence[object],
    hover: str,
    **changes: Any,
) -> Figure:
    return {
        "type": "bar",
        "orientation": "h",
        "name": name,
        "x": list(numbers),
        "y": list(range(len(numbers))),
        "width": 0.72,
        "marker": {"color": color},
        "hovertext": [_chart_text(label, 80) for label in labels],
        "hovertemplate": hover,
        **changes,
    }


def _end_labels(ends: Sequence[int | float], texts: Sequence[str]) -> list[Figure]:
    return [
        {
            "x": end,
            "y": row,
            "text": text,
            "showarrow": False,
            "xanchor": "left",
            "xshift": 4,
            "font": {"size": 11, "color": "--muted"},
        }
        for row, (end, text) in enumerate(zip(ends, texts, strict=True))
    ]


def _products_panel(frames: Frames) -> Panel:
    name, title = "products", f"Top {TOP_PRODUCTS} products by interactions"
    frame = _frame(frames, "top_products")
    if frame is None:
        return Panel(
            name,
            title,
            nothing=_nothing(frames, "top_products", "the source <code>product</code>"),
        )
    kinds = {
        "View": ("view_count", "--view"),
        "Click": ("click_count", "--click"),
        "Purchase": ("purchase_count", "--purchase"),
    }
    totals = pd.to_numeric(frame[[column for column, _ in kinds.values()]].sum(axis=1)).tolist()
    totals = [int(total) for total in totals]
    labels = frame["product_id"].tolist()
    summary = "All days."
    if {"product_count", "interaction_count"} <= set(frame.columns):
        interactions = int(frame["interaction_count"].iloc[0])
        summary = (
            f"{_rows_text(len(frame), 'product')} of {int(frame['product_count'].iloc[0]):,}, with "
            f"{_share_text(sum(totals) / interactions if interactions else 0)} of all "
            f"{interactions:,} interactions, all days."
        )
    return Panel(
        name,
        title,
        summary,
        figure={
            "data": [
                _row_bars(
                    _numbers(frame[column]),
                    kind,
                    color,
                    labels,
                    f"<b>%{{hovertext}}</b><br>{kind.lower()}s: %{{x:,}}<extra></extra>",
                )
                for kind, (column, color) in kinds.items()
            ],
            "layout": _layout(
                barmode="stack",
                hovermode="closest",
                xaxis=_value_axis("interactions", **_count_ticks(totals))
                | {"range": [0, 1.22 * max(*totals, 1)]},
                yaxis=_category_axis(labels, 16),
                annotations=_end_labels(totals, [_short_text(total) for total in totals]),
            ),
        },
        height=70 + 21 * max(len(frame), 3),
        legend=[(kind, color, "bar") for kind, (_, color) in kinds.items()],
    )


def _quality_panel(frames: Frames) -> Panel:
    name, title = "quality", "What became of each source's rows"
    frame = _frame(frames, "reconciliation")
    if frame is None:
        return Panel(name, title, nothing=_nothing(frames, "reconciliation", "a source"))
    sources = frame["source"].tolist()
    counts = {
        column: [int(number or 0) for number in _numbers(frame[column])]
        for column in ("rows_in", "accepted", "duplicates", "quarantined")
    }
    shares = {
        "Accepted": ("accepted", "--accepted"),
        "Duplicates": ("duplicates", "--duplicate"),
        "Quarantined": ("quarantined", "--quarantined"),
    }
    rows_in = counts["rows_in"]
    counts["unaccounted"] = [
        rows - sum(counts[column][row] for column, _ in shares.values())
        for row, rows in enumerate(rows_in)
    ]
    summary = f"{_rows_text(sum(rows_in), 'row')} came in, all loads together."
    if any(counts["unaccounted"]):
        shares["Unaccounted for"] = ("unaccounted", "--unaccounted")
        summary += " Some are in neither a staging table nor quarantine: run `dbt test`."
    traces = []
    for label, (column, color) in shares.items():
        parts = [
            count / rows if rows else 0 for count, rows in zip(counts[column], rows_in, strict=True)
        ]
        traces.append(
            _row_bars(
                parts,
                label,
                color,
                sources,
                "<b>%{hovertext}</b><br>%{customdata[0]} rows (%{customdata[1]}) "
                f"{label.lower()}<extra></extra>",
                customdata=[
                    [f"{count:,}", _share_text(part)]
                    for count, part in zip(counts[column], parts, strict=True)
                ],
            )
        )
    head = "".join(
        f'<th scope="col">{escape(heading)}</th>' for heading in ["Source", "Rows in", *shares]
    )
    body = "".join(
        f'<tr><th scope="row">{_source_html(source)}</th>'
        + "".join(
            f"<td>{counts[column][row]:,}</td>"
            for column in ["rows_in", *(column for column, _ in shares.values())]
        )
        + "</tr>"
        for row, source in enumerate(sources)
    )
    return Panel(
        name,
        title,
        summary,
        figure={
            "data": traces,
            "layout": _layout(
                barmode="stack",
                hovermode="closest",
                xaxis=_value_axis("share of the rows that came in", tickformat=".0%")
                | {"range": [0, 1.02]},
                yaxis=_category_axis(sources, 26),
            ),
        },
        height=70 + 26 * max(len(frame), 2),
        legend=[(label, color, "bar") for label, (_, color) in shares.items()],
        extra=f'<div class="scroll" tabindex="0"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>",
    )


def _quarantine_panel(frames: Frames) -> Panel:
    name, title = "quarantine", "Why rows are in quarantine"
    frame = _frame(frames, "quarantine_reasons")
    if frame is None:
        nothing = _nothing(frames, "quarantine_reasons", "a source")
        if "quarantine_reasons" in frames and _frame(frames, "reconciliation") is not None:
            nothing = "No row is in quarantine: every row that came in is valid."
        return Panel(name, title, nothing=nothing)
    shown = frame.head(TOP_REASONS)
    labels = [
        f"{source}: {reason}"
        for source, reason in zip(shown["source"], shown["reason"], strict=True)
    ]
    counts = [int(number or 0) for number in _numbers(shown["row_count"])]
    summary = "Rows by source and reason; a row with two reasons counts in both."
    if len(frame) > len(shown):
        summary += f" The {len(shown)} most frequent of {len(frame)}."
    return Panel(
        name,
        title,
        summary,
        figure={
            "data": [
                _row_bars(
                    counts,
                    "Quarantined",
                    "--quarantined",
                    labels,
                    "<b>%{hovertext}</b><br>%{x:,} rows<extra></extra>",
                    width=0.3,
                    offset=0,
                )
            ],
            "layout": _layout(
                hovermode="closest",
                xaxis=_value_axis("rows", **_count_ticks(counts))
                | {"range": [0, 1.04 * max(*counts, 1)]},
                yaxis=_category_axis(labels, 30) | {"showticklabels": False},
                annotations=[
                    label | {"yshift": 15}
                    for label in _end_labels(
                        [0] * len(labels),
                        [
                            f"<b>{count:,}</b>  {_chart_text(label, 46)}"
                            for label, count in zip(labels, counts, strict=True)
                        ],
                    )
                ],
            ),
        },
        height=60 + 40 * len(shown),
    )


# ---------------------------------------------------------------- page


def _change_text(now: float, before: float | None, day: date, *, points: bool) -> str:
    if before is None or (not points and before == 0):
        return "no value a week before"
    change = now - before if points else now / before - 1
    arrow = "▲" if change > 0.0005 else "▼" if change < -0.0005 else "="
    amount = f"{abs(100 * change):.1f}{' pp' if points else '%'}"
    return f"{arrow} {amount} vs {day:%a} {day.day} {day:%b}"


def _tiles(frames: Frames, days: Sequence[date]) -> str:
    """Return the figures of the latest day, each with its change on the same weekday before."""
    tiles = {
        "DAU": ("active_users", "metric_date", "dau", "count"),
        "WAU (7 days)": ("active_users", "metric_date", "wau", "count"),
        "MAU (28 days)": ("active_users", "metric_date", "mau_28", "count"),
        "Stickiness": ("active_users", "metric_date", "stickiness", "share"),
        "Sessions": ("session_metrics", "event_date", "session_count", "count"),
        "Median session": ("session_metrics", "event_date", "median_duration_seconds", "seconds"),
    }
    texts = {
        "count": lambda number: f"{number:,.0f}",
        "share": _share_text,
        "seconds": _seconds_text,
    }
    parts = []
    for label, (name, day_column, column, kind) in tiles.items():
        frame = _frame(frames, name)
        by_day: dict[date, int | float | None] = {}
        if frame is not None:
            by_day = dict(zip(_dates(frame, day_column), _numbers(frame[column]), strict=True))
        now = by_day.get(days[-1]) if days else None
        value, change = "–", "no data"
        if now is not None:
            week_before = days[-1] - timedelta(days=7)
            value = texts[kind](now)
            change = _change_text(now, by_day.get(week_before), week_before, points=kind == "share")
        parts.append(
            f'<div class="tile" data-kpi="{column}"><dt>{escape(label)}</dt>'
            f"<dd>{escape(value)}</dd><dd>{escape(change)}</dd></div>"
        )
    return f"<dl>{''.join(parts)}</dl>"


def _newest_loads(frames: Frames) -> str:
    """Return when each source last delivered something, as HTML."""
    loads = _frame(frames, "loads")
    if loads is None:
        return "none"
    newest: dict[str, pd.Timestamp] = {}
    for source, loaded_at in zip(loads["source"], loads["loaded_at"], strict=True):
        system, when = str(source).partition(".")[0], pd.Timestamp(loaded_at)
        newest[system] = max(newest.get(system, when), when)
    return " ".join(
        f"<span>{escape(system)} {_minute_text(when)}</span>"
        for system, when in sorted(newest.items())
    )


def _load_list(frames: Frames) -> str:
    loads = _frame(frames, "loads")
    if loads is None:
        return (
            '<p class="nothing">Nothing is loaded. <code>footfall demo</code> loads a sample, '
            "<code>footfall ingest</code> your files.</p>"
        )
    built: dict[str, int] = {}
    reconciliation = _frame(frames, "reconciliation")
    if reconciliation is not None and "load_id" in reconciliation.columns:
        built = dict(zip(reconciliation["source"], reconciliation["load_id"], strict=True))
    items = []
    for row in loads.sort_values("source").itertuples():
        text = f"load {int(str(row.load_id)):,}, {_minute_text(pd.Timestamp(str(row.loaded_at)))}"
        waits = int(str(row.load_id)) > int(built.get(str(row.source), 0))
        items.append(
            f"<li><b>{_source_html(row.source)}</b><span>{escape(text)}</span>"
            + ("<em>not built yet: run <code>dbt build</code></em>" if waits else "")
            + "</li>"
        )
    return f"<ul>{''.join(items)}</ul>"


def _panel_html(panel: Panel) -> str:
    parts = [f'<section id="{panel.name}" data-panel="{panel.name}"><h2>{escape(panel.title)}</h2>']
    if panel.figure is None:
        parts.append(f'<p class="nothing">{panel.nothing}</p>')
    else:
        summary = re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(panel.summary))
        parts.append(f'<p class="summary">{summary}</p>')
        if panel.legend:
            keys = "".join(
                f'<li><i class="{shape}" style="color:var({color})"></i>{escape(label)}</li>'
                for label, color, shape in panel.legend
            )
            parts.append(f'<ul class="legend">{keys}</ul>')
        parts.append(
            f'<div class="chart" style="min-height:{panel.height}px"><div role="img" '
            f'aria-label="{escape(f"{panel.title}. {panel.summary}")}" '
            f'data-figure="figure-{panel.name}"></div></div>'
            f'<script type="application/json" id="figure-{panel.name}">'
            f"{_json(panel.figure)}</script>"
        )
        parts.append(panel.extra)
    parts.append("</section>")
    return "".join(parts)


def _json(value: object) -> str:
    """Return JSON that cannot end the script element it stands in."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


@lru_cache(maxsize=1)
def _plotly_js() -> str:
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs()).replace("</script", "<\\/script")


def _page(frames: Frames, panels: Sequence[Panel], built_at: datetime) -> str:
    days = _days(frames)
    covered = _range_text(days) if days else "no data yet"
    span = ""
    if days:
        span = f" ({_rows_text((days[-1] - days[0]).days + 1, 'day')})"
    latest = f": {_day_text(days[-1])}" if days else ""
    return f"""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; \
script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:">
<link rel="icon" href="data:,">
<title>footfall dashboard: {escape(covered)}</title>
<style>{CSS}</style>
</head>
<body>
<header>
<h1>footfall</h1>
<dl>
<div><dt>Data</dt><dd id="data-range">{escape(covered + span)}</dd></div>
<div><dt>Built</dt><dd id="built-at">{_minute_text(built_at)} UTC</dd></div>
<div><dt>Newest load (UTC)</dt><dd id="newest-loads">{_newest_loads(frames)}</dd></div>
</dl>
</header>
<noscript><p class="nothing">The charts need JavaScript; it is all in this file.</p></noscript>
<main>
<section id="kpis" data-panel="kpis"><h2>Latest day{escape(latest)}</h2>{_tiles(frames, days)}\
</section>
{"".join(_panel_html(panel) for panel in panels)}
<section id="loads" data-panel="loads"><h2>Newest load by entity (UTC)</h2>{_load_list(frames)}\
</section>
</main>
<script>{_plotly_js()}</script>
<script>{JS}</script>
</body>
</html>
"""


CSS = """
:root {
  --page: #f4f6f8; --card: #ffffff; --ink: #17212b; --muted: #56626e; --line: #dfe4e9;
  --dau: #0067a8; --wau: #0a8f6c; --mau: #8a4f9e;
  --sessions: #6f93b5; --median: #0067a8; --p95: #c2570c;
  --view: #6f9fc8; --click: #0a8f6c; --purchase: #c2570c;
  --accepted: #6f9fc8; --duplicate: #8b949e; --quarantined: #c2570c; --unaccounted: #b3173d;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #11161c; --card: #1a2129; --ink: #e8edf2; --muted: #a3afbb; --line: #303a45;
    --dau: #5db4ec; --wau: #3fc79b; --mau: #c99ae0;
    --sessions: #54779a; --median: #5db4ec; --p95: #f0995a;
    --view: #54779a; --click: #3fc79b; --purchase: #f0995a;
    --accepted: #54779a; --duplicate: #8b949e; --quarantined: #f0995a; --unaccounted: #ff6b8a;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; padding: 20px; background: var(--page); color: var(--ink);
  font: 14px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
  font-variant-numeric: tabular-nums;
}
header, main { max-width: 1400px; margin: 0 auto; }
header {
  display: flex; flex-wrap: wrap; gap: 4px 28px; align-items: baseline; margin-bottom: 14px;
}
h1 { margin: 0; font-size: 22px; letter-spacing: -0.01em; }
header dl { display: flex; flex-wrap: wrap; gap: 2px 24px; margin: 0; }
header dl div { display: flex; gap: 6px; }
header dt { white-space: nowrap; }
header span { display: inline-block; margin-right: 8px; }
dt, .summary, .nothing { color: var(--muted); }
dd { margin: 0; }
main { display: grid; grid-template-columns: repeat(12, minmax(0, 1fr)); gap: 14px; }
section {
  grid-column: span 6; min-width: 0; padding: 14px 16px; background: var(--card);
  border: 1px solid var(--line); border-radius: 8px;
  display: flex; flex-direction: column;
}
h2 { margin: 0; font-size: 15px; font-weight: 600; line-height: 1.3; }
.summary { margin: 2px 0 8px; font-size: 13px; }
.nothing { margin: 10px 0 2px; }
code { font: 0.92em ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
#kpis { grid-column: 1 / -1; }
#quality { grid-row: span 2; }
#quality .chart, #quarantine .chart { flex-grow: 0; }
#dau { grid-column: span 7; }
#stickiness { grid-column: span 5; }
#kpis dl {
  display: grid; grid-template-columns: repeat(6, minmax(0, 1fr)); gap: 12px; margin: 10px 0 0;
}
.tile { min-width: 0; padding-left: 12px; border-left: 2px solid var(--line); }
.tile dt { font-size: 13px; }
.tile dt + dd { font-size: 24px; font-weight: 600; line-height: 1.25; letter-spacing: -0.01em; }
.tile dd + dd { font-size: 12px; color: var(--muted); }
.legend {
  display: flex; flex-wrap: wrap; gap: 2px 16px; margin: 0 0 4px; padding: 0; list-style: none;
  font-size: 12px; color: var(--muted);
}
.legend i {
  display: inline-block; width: 16px; margin-right: 6px; vertical-align: middle;
  border-top: 2px solid;
}
.legend .wide { border-top-width: 4px; }
.legend .bar { width: 10px; height: 10px; border: 0; border-radius: 2px; background: currentColor; }
.chart { position: relative; flex: 1 0 auto; }
.chart > div { position: absolute; inset: 0; }
.scroll { overflow-x: auto; }
table { width: 100%; margin-top: 8px; border-collapse: collapse; font-size: 12.5px; }
th, td { padding: 3px 0 3px 12px; text-align: right; font-weight: 400; white-space: nowrap; }
th:first-child { padding-left: 0; text-align: left; }
thead th { color: var(--muted); border-bottom: 1px solid var(--line); }
tbody tr + tr > * { border-top: 1px solid var(--line); }
#loads ul {
  display: grid; grid-template-columns: repeat(auto-fill, minmax(200px, 1fr)); gap: 8px 20px;
  margin: 8px 0 0; padding: 0; list-style: none; font-size: 13px;
}
#loads li { min-width: 0; overflow-wrap: anywhere; }
#loads b { display: block; font-weight: 600; }
#loads span, #loads em { display: block; color: var(--muted); font-style: normal; }
#loads em { color: var(--p95); }
@media (max-width: 980px) {
  section, #dau, #stickiness { grid-column: 1 / -1; }
  #quality { grid-row: auto; }
  #kpis dl { grid-template-columns: repeat(3, minmax(0, 1fr)); }
}
@media (max-width: 560px) {
  body { padding: 12px 10px; }
  main { gap: 10px; }
  section { padding: 12px; }
  #kpis dl { grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 14px 10px; }
  .tile dt + dd { font-size: 21px; }
  header dl div { flex-wrap: wrap; gap: 0 6px; }
  #loads ul { grid-template-columns: minmax(0, 1fr); gap: 4px; font-size: 12px; }
  #loads li { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 0 8px; }
  table { font-size: 11px; }
  th, td { padding-left: 6px; }
  tbody th { white-space: normal; }
}
"""

# A touch that begins on a chart must scroll the page, so charts zoom for a mouse only.
JS = """
(() => {
  const touch = matchMedia('(pointer: coarse)').matches;
  const draw = () => {
    const style = getComputedStyle(document.documentElement);
    const themed = (key, value) =>
      /color$/i.test(key) && typeof value === 'string' && value.startsWith('--')
        ? style.getPropertyValue(value).trim() : value;
    for (const chart of document.querySelectorAll('[data-figure]')) {
      const text = document.getElementById(chart.dataset.figure).textContent;
      const figure = JSON.parse(text, themed);
      const { xaxis } = figure.layout;
      xaxis.fixedrange = touch || xaxis.type !== 'date';
      figure.layout.dragmode = xaxis.fixedrange ? false : 'zoom';
      Plotly.react(chart, figure.data, figure.layout, { responsive: true, displayModeBar: false });
    }
  };
  draw();
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
})();
"""
