"""The dashboard: one HTML page with everything in it, drawn from the marts.

:func:`render_dashboard` is the pure core (data frames in, HTML out); :func:`build_dashboard` reads
the marts and writes the file.
"""

from __future__ import annotations

from datetime import date, datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel

from footfall.atomic import write_atomically
from footfall.errors import FootfallError, UsageError
from footfall.paths import require_printable
from footfall.report.frames import Frames, all_days, read_frames
from footfall.report.markup import page_html
from footfall.report.panels import draw_panels
from footfall.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


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


def page_file(out: Path) -> Path:
    """Return the absolute path of the page to write; needs no Spark.

    Raises:
        UsageError: ``out`` is a folder, or its name holds a control character.
    """
    out = out.expanduser().absolute()
    if out.is_dir():
        raise UsageError(f"{out} is a folder.", "Name a file, for example dashboard.html.")
    require_printable("The file", out)
    return out


def build_dashboard(out: Path, spark: SparkSession, settings: Settings) -> DashboardReport:
    """Read the marts and write the dashboard to one self-contained file.

    A mart that does not exist or has no rows leaves a panel that says so.

    Args:
        out: the HTML file; missing folders are made, an existing file is replaced at once.
        spark: the session to read with.
        settings: whose schemas to read.

    Raises:
        UsageError: as :func:`page_file`.
        FootfallError: a mart cannot be read, or the file cannot be written.
    """
    out = page_file(out)
    frames = read_frames(spark, settings)
    built_at = datetime.now(timezone.utc)
    panels = draw_panels(frames)
    write_page(out, page_html(frames, panels, built_at))
    days = all_days(frames)
    return DashboardReport(
        file=out,
        bytes=out.stat().st_size,
        built_at=built_at,
        first_day=days[0] if days else None,
        last_day=days[-1] if days else None,
        panels={
            panel.name: "empty" if isinstance(panel.content, str) else "drawn" for panel in panels
        },
    )


def render_dashboard(frames: Frames, built_at: datetime) -> str:
    """Return the page as HTML.

    Args:
        frames: by name: those of ``MARTS``, with the columns of its queries, ``loads``, ``turn``
            (the newest one). A frame that is left out stands for a table that does not exist.
        built_at: when the page is built, UTC.
    """
    return page_html(frames, draw_panels(frames), built_at)


def write_page(out: Path, page: str) -> None:
    """Write a page as a whole; missing folders are made.

    Raises:
        FootfallError: it cannot be written; what was there before still is.
    """
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(out, page)
    except OSError as error:
        raise FootfallError(
            f"{out} cannot be written: {error.strerror}.",
            "Name a file in a folder that you can write to.",
        ) from error
