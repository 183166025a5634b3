"""The panels on data quality: what became of rows, how that changed, and what builds found."""

from __future__ import annotations

import pandas as pd

from footfall.report.charts import (
    category_axis,
    chart_text,
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
from footfall.report.frames import counts, dates, numbers
from footfall.report.tables import folded, table_html
from footfall.report.words import day_text, rows_text, share_text

TOP_REASONS = 15
PAUSE_COLORS = ("--dau", "--wau", "--mau", "--view", "--click", "--purchase", "--sessions", "--p95")


def fates(frame: pd.DataFrame) -> Drawing:
    sources = frame["source"].tolist()
    rows_in = counts(frame["rows_in"])
    kinds = {
        "Accepted": ("--accepted", counts(frame["accepted"])),
        "Duplicates": ("--duplicate", counts(frame["duplicates"])),
        "Quarantined": ("--quarantined", counts(frame["quarantined"])),
    }
    found = [sum(fate) for fate in zip(*(rows for _, rows in kinds.values()), strict=True)]
    summary = f"{rows_text(sum(rows_in), 'row')} came in, all loads together."
    if found != rows_in:
        lost = [came - known for came, known in zip(rows_in, found, strict=True)]
        kinds["Unaccounted for"] = ("--unaccounted", lost)
        summary += " Some are in neither a staging table nor quarantine: run `dbt test`."
    traces = []
    for label, (color, rows) in kinds.items():
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
        legend=[Key(label, color, "bar") for label, (color, _) in kinds.items()],
        table=table_html(
            ["Source", "Rows in", *kinds],
            [
                [str(source), *(f"{count:,}" for count in row)]
                for source, *row in zip(
                    sources, rows_in, *(rows for _, rows in kinds.values()), strict=True
                )
            ],
        ),
    )


def reasons(frame: pd.DataFrame) -> Drawing:
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


def arrivals(frame: pd.DataFrame) -> Drawing:
    """Return the shares of quarantined and repeated rows by the day on which they arrived."""
    by_day = frame.groupby("arrived_on", as_index=False)[["rows_in", "duplicates", "quarantined"]]
    total = by_day.sum()
    days, rows_in = dates(total, "arrived_on"), counts(total["rows_in"])
    kinds = {
        "Quarantined": ("--quarantined", counts(total["quarantined"])),
        "Duplicates": ("--duplicate", counts(total["duplicates"])),
    }
    shares = {
        kind: [rows / came if came else None for rows, came in zip(found, rows_in, strict=True)]
        for kind, (_, found) in kinds.items()
    }
    return Drawing(
        "Rows of all sources by the day (UTC) of their load, as far as it is built.",
        figure(
            [
                line(days, shares[kind], kind, color, days[0], hover="%{y:.2%}")
                for kind, (color, _) in kinds.items()
            ],
            xaxis=day_axis(days, days[0]),
            yaxis=value_axis("share of the rows", tickformat=".1%"),
        ),
        legend=[Key(kind, color, "line") for kind, (color, _) in kinds.items()],
        table=folded(
            table_html(
                ["Day", "Rows in", *kinds],
                [
                    [day_text(day), *(f"{number:,}" for number in row)]
                    for day, *row in zip(
                        days, rows_in, *(found for _, found in kinds.values()), strict=True
                    )
                ],
            )
        ),
    )


def pauses(frame: pd.DataFrame) -> Drawing:
    """Return how long each source had brought nothing when a load came, by day."""
    known = frame[frame["pause_hours"].notna()]
    days = sorted(set(dates(known, "arrived_on")))
    sources = sorted(known["source"].unique())
    colors = [PAUSE_COLORS[at % len(PAUSE_COLORS)] for at in range(len(sources))]
    rows = {source: known[known["source"] == source] for source in sources}
    if not days:
        return Drawing("Each source has had one load so far: there is no pause between two yet.")
    return Drawing(
        "The longest time without a load of the source that ended on the day.",
        figure(
            [
                line(
                    dates(rows[source], "arrived_on"),
                    numbers(rows[source]["pause_hours"]),
                    chart_text(source, 26),
                    color,
                    days[0],
                    hover="%{y:,.1f} h",
                )
                for source, color in zip(sources, colors, strict=True)
            ],
            xaxis=day_axis(days, days[0]),
            yaxis=value_axis("hours", tickformat=",.2~f"),
        ),
        legend=[Key(source, color, "line") for source, color in zip(sources, colors, strict=True)],
    )


def builds(frame: pd.DataFrame) -> Drawing:
    """Return how many nodes failed or warned in the builds of each day."""
    days = dates(frame, "run_on")
    kinds = {
        "Failed": ("--unaccounted", counts(frame["failed"])),
        "Warned": ("--quarantined", counts(frame["warned"])),
    }
    runs = sum(counts(frame["runs"]))
    problems = counts(frame["failed"] + frame["warned"])
    return Drawing(
        f"{rows_text(runs, 'run')} of dbt; models, tests and sources that failed or warned.",
        figure(
            [time_bars(days, found, kind, color) for kind, (color, found) in kinds.items()],
            barmode="stack",
            xaxis=day_axis(days, days[0]),
            yaxis=count_axis("nodes", problems),
        ),
        height=220,
        legend=[Key(kind, color, "bar") for kind, (color, _) in kinds.items()],
    )
