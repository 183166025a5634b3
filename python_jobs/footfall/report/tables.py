"""The dashboard's tables, as HTML: beside a figure they say the same to whoever cannot see it."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from footfall.report.words import whole_share_text


class HeatCell(NamedTuple):
    """A cell of a heat map.

    Attributes:
        share: what it shows, 0 to 1.
        detail: what a mouse over it says.
        is_complete: whether the share is more than a first part.
    """

    share: float
    detail: str
    is_complete: bool


def table_html(headings: Sequence[str], rows: Sequence[Sequence[str]], caption: str = "") -> str:
    """Return a table whose first column names the rows.

    Args:
        headings: a text for each column.
        rows: a text for each cell.
        caption: a sentence above it.
    """
    head = "".join(f'<th scope="col">{escape(heading)}</th>' for heading in headings)
    body = "".join(
        f'<tr><th scope="row">{breakable(name)}</th>'
        + "".join(f"<td>{escape(cell)}</td>" for cell in cells)
        + "</tr>"
        for name, *cells in rows
    )
    return scrolling(
        f"{f'<caption>{escape(caption)}</caption>' if caption else ''}"
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
    )


def heat_map_html(
    headings: tuple[str, str, str],
    columns: Sequence[int],
    rows: Sequence[tuple[str, str, Sequence[HeatCell | None]]],
) -> str:
    """Return a heat map as a table, so that its cells are labelled and can be read aloud.

    Args:
        headings: of the rows' names, of their sizes and of all columns together.
        columns: a number for each column.
        rows: a name, a size and a cell for each column, None for a blank one.
    """
    names, sizes, over_columns = (escape(heading) for heading in headings)
    shares = [cell.share for _, _, cells in rows for cell in cells if cell]
    largest = max(shares, default=0) or 1
    head = "".join(f'<th scope="col">{column}</th>' for column in columns)
    over = f'<th scope="colgroup" colspan="{len(columns)}">{over_columns}</th>' if columns else ""
    body = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(size)}</td>'
        + "".join(_heat_cell(cell, largest) for cell in cells)
        + "</tr>"
        for name, size, cells in rows
    )
    return scrolling(
        f'<thead><tr><th scope="col" rowspan="2">{names}</th>'
        f'<th scope="col" rowspan="2">{sizes}</th>{over}</tr><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody>",
        style="heat",
    )


def _heat_cell(cell: HeatCell | None, largest: float) -> str:
    if cell is None:
        return "<td></td>"
    style = "" if cell.is_complete else ' class="hatched"'
    so_far = "" if cell.is_complete else '<span class="unseen"> so far</span>'
    return (
        f'<td{style} style="--depth:{cell.share / largest:.3f}" title="{escape(cell.detail)}">'
        f"{escape(whole_share_text(cell.share))}{so_far}</td>"
    )


def scrolling(rows: str, style: str = "") -> str:
    """Return a table that scrolls where the screen is too narrow for it, by keys too."""
    return f'<div class="scroll {style}" tabindex="0"><table>{rows}</table></div>'


def folded(table: str) -> str:
    """Return a table that waits to be opened, as the figure above it says the same."""
    return f"<details><summary>The figures as a table</summary>{table}</details>"


def breakable(name: str) -> str:
    """Return ``source.entity`` as HTML that may break after the dot on a narrow screen."""
    return escape(name).replace(".", ".<wbr>")
