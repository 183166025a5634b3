"""Profiles of tables: an HTML page on a sample of each, and an index of the pages."""

from __future__ import annotations

import importlib.util
import math
import os
import warnings
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from html import escape
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa
from pydantic import BaseModel

from footfall.errors import FootfallError, UsageError
from footfall.paths import require_printable
from footfall.project.described import personal_columns
from footfall.project.tables import readable_names
from footfall.report.dashboard import write_page
from footfall.report.markup import page_file, page_head
from footfall.report.tables import breakable, scrolling
from footfall.report.words import minute_text
from footfall.settings import Settings
from footfall.spark.sql_text import quoted_name
from footfall.words import count, suggest

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession
    from pyspark.sql.types import StructField

PROFILER = "skrub"
INDEX = "index.html"
SEED_OF_DRAW = 1
SEED_OF_CHOICE = 2
NULLABLE = {
    pa.bool_(): pd.BooleanDtype(),
    pa.int8(): pd.Int8Dtype(),
    pa.int16(): pd.Int16Dtype(),
    pa.int32(): pd.Int32Dtype(),
    pa.int64(): pd.Int64Dtype(),
}
"""The types that hold nulls without becoming others, by Arrow's."""

Progress = Callable[[int, int, str], None]


class TableProfile(BaseModel):
    """A page on a table.

    Attributes:
        table: its qualified name.
        file: the page.
        rows: rows of the table.
        rows_looked_at: those of them that the page is made of.
        columns: the columns that it shows.
        left_out: the personal columns that it does not.
    """

    table: str
    file: Path
    rows: int
    rows_looked_at: int
    columns: list[str]
    left_out: list[str]


class ProfileReport(BaseModel):
    """What :func:`profile_tables` wrote.

    Attributes:
        index: the page that links the others.
        read_at: when the tables were read, UTC.
        tables: a page each.
    """

    index: Path
    read_at: datetime
    tables: list[TableProfile]


def require_profiler(out: Path) -> Path:
    """Return the absolute path of the folder for the pages, if pages can be made; needs no Spark.

    Raises:
        UsageError: ``out`` is a file, or its name holds a control character.
        FootfallError: the library that makes the pages is not installed.
    """
    out = out.expanduser().absolute()
    if out.is_file():
        raise UsageError(f"{out} is a file.", "Name a folder.")
    require_printable("The folder", out)
    if importlib.util.find_spec(PROFILER) is None:
        raise FootfallError(
            f"Profiles need {PROFILER}, which is not installed.",
            "Run `pip install 'footfall[profile]'`, or `pip install -e '.[profile]'` in the "
            "project.",
        )
    return out


def profile_tables(
    spark: SparkSession,
    tables: Sequence[str],
    out: Path,
    settings: Settings,
    *,
    rows: int = 100_000,
    with_personal: bool = False,
    progress: Progress | None = None,
) -> ProfileReport:
    """Write a page on each table, and one that links them.

    Args:
        spark: the session to read with.
        tables: qualified names of the project's tables or views.
        out: folder of the pages; it is made, and pages of the same tables are replaced.
        settings: whose schemas and models.
        rows: most rows to look at; of a larger table as many are drawn at random.
        with_personal: show columns that are tagged as personal, too.
        progress: called with steps done, steps in all, and what is done next.

    Raises:
        UsageError: there is no such table.
        FootfallError: a table cannot be read, or a page cannot be written.
    """
    tables = list(dict.fromkeys(tables))
    _require_known(tables, readable_names(spark, settings))
    tell = progress or (lambda _done, _total, _text: None)
    steps = 2 * len(tables)
    read_at = datetime.now(timezone.utc)
    profiles = []
    for position, table in enumerate(tables):
        tell(2 * position, steps, f"read {table}")
        frame = spark.table(table)
        personal = set() if with_personal else personal_columns(table, settings)
        left_out = [name for name in frame.columns if name in personal]
        total = frame.count()
        sample = _to_pandas(_drawn(frame.drop(*left_out), total, rows))
        tell(2 * position + 1, steps, f"profile {table}")
        profile = TableProfile(
            table=table,
            file=out / f"{table}.html",
            rows=total,
            rows_looked_at=len(sample),
            columns=list(sample.columns),
            left_out=left_out,
        )
        write_page(profile.file, _page(profile, _summary(sample, settings), read_at))
        profiles.append(profile)
    tell(steps, steps, "")
    index = out / INDEX
    write_page(index, _index(profiles, read_at))
    return ProfileReport(index=index, read_at=read_at, tables=profiles)


def _require_known(tables: Sequence[str], known: Sequence[str]) -> None:
    for table in tables:
        if table not in known:
            raise UsageError(
                f"There is no table {table!r}.",
                suggest(table, known, "`footfall status` lists the tables."),
            )


def _drawn(frame: DataFrame, total: int, rows: int) -> DataFrame:
    """Return all rows, or as many as wanted, each with the same chance."""
    from pyspark.sql import functions as F

    if total <= rows:
        return frame
    # A few more than wanted, so that hardly a draw brings fewer; sorting these few is cheap.
    fraction = min(1.0, (rows + 5 * math.sqrt(rows) + 10) / total)
    drawn = frame.sample(fraction=fraction, seed=SEED_OF_DRAW)
    return drawn.orderBy(F.rand(SEED_OF_CHOICE)).limit(rows)


def _to_pandas(frame: DataFrame) -> pd.DataFrame:
    shown = frame.select(*(_shown(field) for field in frame.schema.fields))
    sample: pd.DataFrame = shown.toArrow().to_pandas(
        types_mapper=NULLABLE.get, date_as_object=False
    )
    return sample


def _shown(field: StructField) -> Column:
    """Return a column in a type that has statistics: nested values as JSON, bytes as digits."""
    from pyspark.sql import functions as F
    from pyspark.sql import types as T

    column = F.col(quoted_name(field.name))
    if isinstance(field.dataType, (T.ArrayType, T.MapType, T.StructType, T.VariantType)):
        column = F.to_json(column)
    elif isinstance(field.dataType, T.BinaryType):
        column = F.hex(column)
    elif isinstance(field.dataType, T.DecimalType):
        column = column.cast("double")
    return column.alias(field.name)


def _summary(sample: pd.DataFrame, settings: Settings) -> str:
    """Return the figures and drawings as HTML."""
    # Both libraries would make folders in the user's own.
    for variable in ("MPLCONFIGDIR", "SKB_DATA_DIRECTORY"):
        os.environ.setdefault(variable, str(settings.cache / "profile"))
    with warnings.catch_warnings():
        # Of letters that the drawing's font lacks.
        warnings.simplefilter("ignore")
        from skrub import TableReport

        report = TableReport(
            sample, verbose=0, plot_distributions=True, compute_associations=True, open_tab="stats"
        )
        html: str = report.html_snippet()
    return html


def _page(profile: TableProfile, summary: str, read_at: datetime) -> str:
    facts = [("Rows", "rows", _rows_text(profile))]
    if profile.left_out:
        names = ", ".join(profile.left_out)
        facts.append(("Left out as personal", "left-out", f"{names} (--with-personal shows them)"))
    return _filled(profile.table, facts, f'<section id="profile">{summary}</section>', read_at)


def _rows_text(profile: TableProfile) -> str:
    if profile.rows_looked_at == profile.rows:
        return f"all {profile.rows:,}" if profile.rows else "none"
    return (
        f"{profile.rows_looked_at:,} of {profile.rows:,}, drawn at random, "
        "each with the same chance; all figures are the sample's"
    )


def _index(profiles: Sequence[TableProfile], read_at: datetime) -> str:
    headings = ("table", "rows", "looked at", "columns", "left out as personal")
    head = "".join(f'<th scope="col">{heading}</th>' for heading in headings)
    body = "".join(
        f'<tr><th scope="row"><a href="{escape(profile.file.name)}">{breakable(profile.table)}</a>'
        f"</th><td>{profile.rows:,}</td><td>{profile.rows_looked_at:,}</td>"
        f"<td>{len(profile.columns)}</td><td>{escape(', '.join(profile.left_out)) or '–'}</td></tr>"
        for profile in profiles
    )
    table = scrolling(f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>")
    return _filled(
        count(len(profiles), "table"), [], f'<section id="tables">{table}</section>', read_at
    )


def _filled(
    title: str, facts: Sequence[tuple[str, str, str]], content: str, read_at: datetime
) -> str:
    return Template(page_file("profile.html")).substitute(
        head=page_head(f"footfall profile: {escape(title)}"),
        title=escape(title),
        read_at=minute_text(read_at),
        facts="\n".join(
            f'<div><dt>{label}</dt><dd id="{name}">{escape(text)}</dd></div>'
            for label, name, text in facts
        ),
        content=content,
    )
