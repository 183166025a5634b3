"""The panels of the dashboard: for each one, a function from its frame to what is drawn."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import partial

import pandas as pd

from footfall.report.charts import (
    category_axis,
    count_axis,
    figure,
    row_bars,
    row_texts,
)
from footfall.report.drawing import Choice, Drawing, Key, Panel
from footfall.report.frames import (
    MARTS,
    TOP_PRODUCTS,
    Frames,
    by_day,
    counts,
    filled,
    numbers,
)
from footfall.report.growth import growth, retention
from footfall.report.quality import arrivals, builds, fates, pauses, reasons
from footfall.report.sessions import durations, sessions_by_day
from footfall.report.users import VIEW_SHARE, active_days, active_users, definitions, stickiness
from footfall.report.words import rows_text, share_text, short_text


def draw_panels(frames: Frames) -> list[Panel]:
    """Return all panels, in the order of the page."""
    view = _first_day_in_view(frames)
    segments = filled(frames, "active_users_by_segment")
    interactions = "the source <code>product</code> or <code>app</code>"
    product, source = "the source <code>product</code>", "a source"

    def panel(
        name: str,
        title: str,
        frame_name: str,
        filled_by: str,
        draw: Callable[[pd.DataFrame], Drawing | Choice],
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
            partial(active_users, segments=segments, view=view),
        ),
        panel(
            "stickiness",
            "Stickiness: DAU as a share of MAU",
            "active_users",
            interactions,
            partial(stickiness, segments=segments, view=view),
        ),
        panel(
            "definitions",
            "MAU and stickiness by three definitions of active",
            "active_users_by_definition",
            interactions,
            partial(definitions, view=view),
        ),
        panel(
            "active_days",
            "On how many of 28 days users are active",
            "active_days",
            interactions,
            active_days,
        ),
        panel(
            "growth",
            "Growth by week: new, resurrected, retained and churned users",
            "growth",
            interactions,
            growth,
        ),
        panel(
            "retention",
            "Retention of weekly cohorts",
            "retention",
            interactions,
            retention,
        ),
        panel(
            "sessions",
            "Sessions a day and how long they last",
            "session_metrics",
            interactions,
            partial(sessions_by_day, view=view),
        ),
        panel(
            "durations",
            "How long sessions last, outliers apart",
            "session_durations",
            interactions,
            partial(durations, policies=filled(frames, "outlier_policies")),
        ),
        panel(
            "products",
            f"Top {TOP_PRODUCTS} products by interactions",
            "top_products",
            product,
            _products,
        ),
        panel("quality", "What became of each source's rows", "reconciliation", source, fates),
        panel("quarantine", "Why rows are in quarantine", "quarantine_reasons", source, reasons),
        panel("arrivals", "Quarantined and repeated rows by day", "arrivals", source, arrivals),
        panel("pauses", "How long sources bring nothing", "arrivals", source, pauses),
        panel("builds", "What failed in each day's builds", "builds", source, builds),
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
