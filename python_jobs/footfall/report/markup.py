"""The HTML of the dashboard: ``page/page.html`` with its style, scripts and sections filled in."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from html import escape
from importlib.resources import files
from itertools import groupby
from string import Template

import pandas as pd

from footfall.report.drawing import Choice, Control, Drawing, Panel
from footfall.report.frames import Frames, all_days, by_day, filled
from footfall.report.tables import breakable
from footfall.report.words import (
    change_text,
    count_text,
    day_text,
    minute_text,
    range_text,
    rows_text,
    seconds_text,
    share_text,
)

TILES = (
    ("DAU", "active_users", "dau", count_text),
    ("WAU (7 days)", "active_users", "wau", count_text),
    ("MAU (28 days)", "active_users", "mau_28", count_text),
    ("Stickiness", "active_users", "stickiness", share_text),
    ("Sessions", "session_metrics", "session_count", count_text),
    ("Median session", "session_metrics", "median_duration_seconds", seconds_text),
)
"""The label, the frame, the column and how its values are said."""


def page_html(frames: Frames, panels: Sequence[Panel], built_at: datetime) -> str:
    """Return the whole page."""
    from plotly.offline import get_plotlyjs

    days = all_days(frames)
    covered = escape(range_text(days)) if days else "no data yet"
    return Template(page_file("page.html")).substitute(
        head=page_head(f"footfall dashboard: {covered}"),
        covered=covered,
        span=f" ({rows_text((days[-1] - days[0]).days + 1, 'day')})" if days else "",
        built_at=minute_text(built_at),
        newest_loads=_newest_loads(frames),
        lag=_lag(frames),
        latest_day=f": {day_text(days[-1])}" if days else "",
        tiles=_tiles(frames, days),
        panels="".join(_section(panel) for panel in panels),
        loads=_loads(frames),
        js=page_file("page.js"),
        plotly=get_plotlyjs().replace("</script", "<\\/script"),
    )


def page_head(title: str) -> str:
    """Return what every page begins with.

    Args:
        title: as HTML.
    """
    return Template(page_file("head.html")).substitute(title=title, css=page_file("page.css"))


def page_file(name: str) -> str:
    return (files("footfall.report") / "page" / name).read_text(encoding="utf-8")


def _tiles(frames: Frames, days: Sequence[date]) -> str:
    """Return the figures of the latest day, each with its change on the same weekday before."""
    tiles = []
    for label, name, column, text in TILES:
        values = by_day(frames, name, column)
        now = values.get(days[-1]) if days else None
        value, change = "–", "no data"
        if now is not None:
            week_before = days[-1] - timedelta(days=7)
            value = text(now)
            change = change_text(
                now, values.get(week_before), week_before, points=text is share_text
            )
        tiles.append(
            f'<div class="tile" data-kpi="{column}"><dt>{escape(label)}</dt>'
            f"<dd>{escape(value)}</dd><dd>{escape(change)}</dd></div>"
        )
    return f"<dl>{''.join(tiles)}</dl>"


def _newest_loads(frames: Frames) -> str:
    """Return when each source last delivered something."""
    loads = filled(frames, "loads")
    if loads is None:
        return "none"
    newest: dict[str, pd.Timestamp] = {}
    for source, loaded_at in zip(loads["source"], loads["loaded_at"], strict=True):
        system, when = str(source).partition(".")[0], pd.Timestamp(loaded_at)
        newest[system] = max(newest.get(system, when), when)
    return " ".join(
        f"<span>{escape(system)} {minute_text(when)}</span>"
        for system, when in sorted(newest.items())
    )


def _lag(frames: Frames) -> str:
    """Return how long the newest turn's oldest file or message took to the marts, if known."""
    turn = filled(frames, "turn")
    if turn is None or turn["lag_seconds"].isna().any():
        return ""
    lag = seconds_text(float(turn["lag_seconds"].iloc[0]))
    return f'<div><dt>Lag of the newest turn</dt><dd id="lag">{lag}</dd></div>\n'


def _loads(frames: Frames) -> str:
    """Return the newest load of each entity, and whether it still waits for a build."""
    loads = filled(frames, "loads")
    if loads is None:
        return (
            '<p class="nothing">Nothing is loaded. <code>footfall demo</code> loads a sample, '
            "<code>footfall ingest</code> your files.</p>"
        )
    reconciliation = filled(frames, "reconciliation")
    built: dict[str, int] = {}
    if reconciliation is not None:
        built = dict(zip(reconciliation["source"], reconciliation["load_id"], strict=True))
    columns = loads.sort_values("source")[["source", "load_id", "loaded_at"]]
    items = []
    for source, load_id, loaded_at in columns.itertuples(index=False, name=None):
        waits = load_id > built.get(source, 0)
        items.append(
            f"<li><b>{breakable(source)}</b>"
            f"<span>load {load_id:,}, {minute_text(loaded_at)}</span>"
            + ("<em>not built yet: run <code>dbt build</code></em>" if waits else "")
            + "</li>"
        )
    return f"<ul>{''.join(items)}</ul>"


def _section(panel: Panel) -> str:
    content = panel.content
    if isinstance(content, str):
        body = f'<p class="nothing">{content}</p>'
    elif isinstance(content, Choice):
        body = _choice(panel.name, panel.title, content)
    else:
        body = _drawing(panel.name, panel.title, content)
    return (
        f'<section id="{panel.name}" data-panel="{panel.name}"><h2>{escape(panel.title)}</h2>'
        f"{body}</section>"
    )


def _choice(name: str, title: str, choice: Choice) -> str:
    """Return all drawings, the first one shown, and the lists that choose between them."""
    if len(choice.drawings) == 1:
        return _drawing(name, title, *choice.drawings.values())
    controls = "".join(_control(control) for control in choice.controls)
    drawings = "".join(
        f'<div class="drawing" data-choice="{" ".join(values)}"{" hidden" if position else ""}>'
        f"{_drawing('-'.join([name, *values]), title, drawing)}</div>"
        for position, (values, drawing) in enumerate(choice.drawings.items())
    )
    return f'<p class="controls">{controls}</p>{drawings}'


def _control(control: Control) -> str:
    options = "".join(
        (f'<optgroup label="{escape(group)}">' if group else "")
        + "".join(
            f'<option value="{escape(option.value)}">{escape(option.label)}</option>'
            for option in members
        )
        + ("</optgroup>" if group else "")
        for group, members in groupby(control.options, key=lambda option: option.group)
    )
    return (
        f"<label>{escape(control.label)} "
        f'<select name="{escape(control.name)}" autocomplete="off">{options}</select></label>'
    )


def _drawing(name: str, title: str, drawing: Drawing) -> str:
    summary = re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(drawing.summary))
    legend = "".join(
        f'<li><i class="{key.shape}" style="color:var({key.color})"></i>{escape(key.label)}</li>'
        for key in drawing.legend
    )
    return (
        f'<p class="summary">{summary}</p>'
        + (f'<ul class="legend">{legend}</ul>' if legend else "")
        + _chart(name, title, drawing)
        + drawing.table
    )


def _chart(name: str, title: str, drawing: Drawing) -> str:
    if drawing.figure is None:
        return ""
    return (
        f'<div class="chart" style="min-height:{drawing.height}px"><div role="img" '
        f'aria-label="{escape(f"{title}. {drawing.summary}")}" '
        f'data-figure="figure-{name}"></div></div>'
        f'<script type="application/json" id="figure-{name}">{_json(drawing.figure)}</script>'
    )


def _json(value: object) -> str:
    """Return JSON that cannot end the script element it stands in."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")
