"""The panels on who comes and who stays: growth accounting and retention, by week."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import partial
from itertools import pairwise
from typing import NamedTuple

import pandas as pd

from footfall.report.charts import count_axis, figure, time_bars, week_axis
from footfall.report.drawing import Choice, Control, Drawing, Key, Option
from footfall.report.frames import counts, dates, split
from footfall.report.tables import HeatCell, folded, heat_map_html, table_html
from footfall.report.users import DEFINITIONS, by_definition, definition_control
from footfall.report.words import day_text, newest_text, signed_text

WEEKS_SHOWN = 26

RETENTIONS = {
    "bounded": ("In that week (bounded)", "in exactly the n-th week after it"),
    "rolling": (
        "In that week or later (rolling)",
        "in the n-th week after it or any later one, which rises while users come back",
    ),
}
"""By kind of retention, its label and when a user has to be active."""


# ---------------------------------------------------------------- growth


class Week(NamedTuple):
    """What became of the users in a week; ``change`` is that of ``active`` on the week before."""

    start: date
    active: int
    new: int
    resurrected: int
    retained: int
    churned: int
    change: int | None
    is_complete: bool


def growth(frame: pd.DataFrame) -> Choice:
    """Return growth accounting by week, of each definition of active."""
    return by_definition(frame, _growth)


def _growth(frame: pd.DataFrame) -> Drawing:
    weeks = _weeks(frame)
    shown = weeks[-WEEKS_SHOWN:]
    starts, active = [week.start for week in shown], [week.active for week in shown]
    bars = partial(time_bars, starts, days=7, hatched=[not week.is_complete for week in shown])
    churned = [week.churned for week in shown]
    active_line = {
        "type": "scatter",
        "mode": "lines+markers",
        "name": "Active",
        "x": [start.isoformat() for start in starts],
        "y": active,
        "line": {"color": "--ink", "width": 1},
        "marker": {"color": "--ink", "size": 5},
        "hovertemplate": "%{y:,}",
    }
    legend = [
        Key("Active", "--ink", "line"),
        Key("New", "--new", "bar"),
        Key("Resurrected", "--resurrected", "bar"),
        Key("Retained", "--retained", "bar"),
        Key("Churned", "--churned", "bar"),
    ]
    if not shown[-1].is_complete:
        legend.append(Key("Week not over", "--muted", "hatched"))
    return Drawing(
        "New: never active before. Retained: active in the week before, too. Resurrected: active "
        "earlier, not in the week before. Churned: active in the week before only."
        + newest_text(len(shown), len(weeks), "week"),
        figure(
            [
                bars([week.retained for week in shown], "Retained", "--retained"),
                bars([week.resurrected for week in shown], "Resurrected", "--resurrected"),
                bars([week.new for week in shown], "New", "--new"),
                bars(
                    [-users for users in churned],
                    "Churned",
                    "--churned",
                    customdata=churned,
                    hover="%{customdata:,}",
                ),
                active_line,
            ],
            barmode="relative",
            xaxis=week_axis(starts),
            yaxis=count_axis("users", [*active, *churned], zerolinecolor="--muted"),
        ),
        height=320,
        legend=legend,
        table=_identities_html(shown) + folded(_weeks_table(shown)),
    )


def _weeks(frame: pd.DataFrame) -> list[Week]:
    active = counts(frame["active_users"])
    changes = [None, *(now - before for before, now in pairwise(active))]
    parts = ("new", "resurrected", "retained", "churned")
    return [
        Week(*week)
        for week in zip(
            dates(frame, "period_start"),
            active,
            *(counts(frame[f"{part}_users"]) for part in parts),
            changes,
            frame["is_complete"].tolist(),
            strict=True,
        )
    ]


def _identities_html(weeks: Sequence[Week]) -> str:
    """Return how the parts of the newest whole week add up to its users and to their change."""
    week = next((week for week in reversed(weeks) if week.is_complete), weeks[-1])
    came = f"{week.new:,} new + {week.resurrected:,} resurrected"
    text = (
        f"Week of {day_text(week.start)}: <b>{week.active:,}</b> active = {came} "
        f"+ {week.retained:,} retained."
    )
    if week.change is not None:
        text += (
            f" <b>{signed_text(week.change)}</b> on the week before = {came} "
            f"− {week.churned:,} churned."
        )
    return f'<p class="note">{text}</p>'


def _weeks_table(weeks: Sequence[Week]) -> str:
    return table_html(
        ["Week of", "Active", "= new", "+ resurrected", "+ retained", "Churned", "Change"],
        [
            [
                day_text(week.start) + ("" if week.is_complete else ", so far"),
                *(
                    f"{users:,}"
                    for users in (
                        week.active,
                        week.new,
                        week.resurrected,
                        week.retained,
                        week.churned,
                    )
                ),
                "–" if week.change is None else signed_text(week.change),
            ]
            for week in reversed(weeks)
        ],
        "Change = new + resurrected − churned.",
    )


# ---------------------------------------------------------------- retention


def retention(frame: pd.DataFrame) -> Choice:
    """Return the weekly cohorts' retention, of each definition of active and in both kinds."""
    parts = split(frame, "definition", DEFINITIONS)
    kinds = [Option(kind, label) for kind, (label, _) in RETENTIONS.items()]
    return Choice(
        [definition_control(parts), Control("retention", "Active again", kinds)],
        {
            (definition, kind): _retention(rows, kind)
            for definition, rows in parts.items()
            for kind in RETENTIONS
        },
    )


def _retention(frame: pd.DataFrame, kind: str) -> Drawing:
    cohorts = [rows for _, rows in frame.groupby("cohort_start")]
    shown = [
        (
            day_text(dates(rows, "cohort_start")[0]),
            f"{counts(rows['cohort_size'])[0]:,}",
            _later_weeks(rows, kind),
        )
        for rows in cohorts[-WEEKS_SHOWN:]
    ]
    cells = [cell for _, _, later in shown for cell in later.values()]
    weeks = range(1, max((max(later, default=0) for _, _, later in shown)) + 1)
    return Drawing(
        "Of the users who were active for the first time in a week, the share active again "
        f"{RETENTIONS[kind][1]}."
        + newest_text(len(shown), len(cohorts), "cohort")
        + ("" if weeks else " No week has followed the first cohort's yet."),
        legend=(
            []
            if all(cell.is_complete for cell in cells)
            else [Key("Week not over", "--muted", "hatched")]
        ),
        table=heat_map_html(
            ("First week", "Users", "Weeks after the first"),
            weeks,
            [(name, size, [later.get(week) for week in weeks]) for name, size, later in shown],
        ),
    )


def _later_weeks(cohort: pd.DataFrame, kind: str) -> dict[int, HeatCell]:
    """Return the cells of a cohort by week after its own, in which all are active."""
    return {
        week: HeatCell(float(share), f"{users:,} of {size:,} users", is_complete)
        for week, share, users, size, is_complete in zip(
            counts(cohort["period_number"]),
            cohort[f"{kind}_retention"].tolist(),
            counts(cohort[f"{kind}_users"]),
            counts(cohort["cohort_size"]),
            cohort["is_complete"].tolist(),
            strict=True,
        )
        if week > 0
    }
