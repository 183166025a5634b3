"""Commands that look at tables: a query, their state, their profiles."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.filesize import decimal

from footfall.cli.app import app
from footfall.cli.arguments import OutputFormat
from footfall.cli.output import (
    JsonOption,
    print_csv,
    print_json,
    print_line,
    print_result,
    print_table,
    progress_bar,
)
from footfall.errors import FootfallError
from footfall.settings import get_settings
from footfall.words import count

if TYPE_CHECKING:
    from footfall.project.tables import TableStatus
    from footfall.report import ProfileReport


@app.command()
def query(
    sql: Annotated[str, typer.Argument(help="A Spark SQL statement.")],
    output: Annotated[OutputFormat, typer.Option("--format", help="Output format.")] = (
        OutputFormat.table
    ),
    write: Annotated[
        bool,
        typer.Option("--write", help="Run any statement, even one that writes or reads files."),
    ] = False,
) -> None:
    """Run SQL that reads the project's tables; other statements are refused with exit code 2.

    Example: `footfall query "select * from footfall_gold.fct_sessions limit 5" --format csv`

    Example: `footfall query --write "create table scratch.sample as select 1 as one"`
    """
    from footfall.spark.reading import require_reading
    from footfall.spark.session import get_session

    if not write:
        require_reading(sql)
    frame = get_session(join_others=True).sql(sql)
    rows = [row.asDict(recursive=True) for row in frame.collect()]
    if output is OutputFormat.json:
        print_json(rows)
    elif output is OutputFormat.csv:
        print_csv(frame.columns, (row.values() for row in rows))
    elif frame.columns:
        print_table("", frame.columns, [list(row.values()) for row in rows])
    else:
        print_line("Done. The statement has no rows to show.")


@app.command()
def status(as_json: JsonOption = False) -> None:
    """List the tables with rows, newest load, last change and size, and the last turn of `run`.

    `--json` lists the tables alone, and adds their age in hours and the size in bytes.

    Example: `footfall status --json`
    """
    from footfall.project.tables import table_status
    from footfall.spark.session import get_session

    statuses = table_status(get_session(join_others=True))
    broken = [table for table in statuses if table.problem]
    if not statuses and not as_json:
        raise FootfallError(
            f"There are no tables in {get_settings().home} yet.", "Run `footfall demo`."
        )
    print_result(statuses, as_json, lambda: _print_status(statuses))
    if broken:
        problems = "\n  ".join(f"{table.problem}" for table in broken)
        fixes = dict.fromkeys(table.fix for table in broken if table.fix)
        raise FootfallError(
            f"{len(broken)} of {count(len(statuses), 'table')} cannot be read.\n  {problems}",
            "\n  → ".join(fixes),
        )


def _print_status(statuses: list[TableStatus]) -> None:
    from footfall.project.turns import last_turn

    for schema, tables in groupby(statuses, lambda status: status.table.split(".")[0]):
        print_table(
            schema,
            ["table", "rows", "load", "updated (UTC)", "size"],
            [
                [
                    table.table.split(".")[1] + (" ✗" if table.problem else ""),
                    table.rows,
                    table.last_load,
                    f"{table.updated_at:%Y-%m-%d %H:%M}" if table.updated_at else None,
                    None if table.size_bytes is None else decimal(table.size_bytes),
                ]
                for table in tables
            ],
        )
    if turn := last_turn(get_settings().home):
        print_line(f"Last turn  {turn.line()}")


@app.command()
def profile(
    tables: Annotated[
        list[str], typer.Argument(metavar="TABLE…", help="Tables, by the names in a query.")
    ],
    out_dir: Annotated[
        Path, typer.Option("--out", metavar="FOLDER", help="Folder for the HTML pages.")
    ],
    rows: Annotated[
        int, typer.Option(min=1, help="Most rows to look at: of a larger table a random sample.")
    ] = 100_000,
    with_personal: Annotated[
        bool, typer.Option("--with-personal", help="Also show columns with personal data.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Write a page on each table: its columns' types, missing values, distributions, associations.

    Any layer will do, bronze before anything is built. Each page says how many rows it is made of.
    Columns that a contract or a model tags as personal are left out. `index.html` links the pages.

    Example: `footfall profile footfall_bronze.crm__customers --out /tmp/profile`

    Example: `footfall profile footfall_gold.fct_sessions footfall_gold.dim_users --out /tmp/profile
    --rows 20000`
    """
    from footfall.report import profile_tables, require_profiler
    from footfall.spark.session import get_session

    folder = require_profiler(out_dir)
    with progress_bar("profile") as progress:
        report = profile_tables(
            get_session(join_others=True),
            tables,
            folder,
            get_settings(),
            rows=rows,
            with_personal=with_personal,
            progress=progress,
        )
    print_result(report, as_json, lambda: _print_profiles(report))


def _print_profiles(report: ProfileReport) -> None:
    print_table(
        "Profiles",
        ["table", "rows", "looked at", "left out as personal"],
        [
            [table.table, table.rows, table.rows_looked_at, ", ".join(table.left_out) or None]
            for table in report.tables
        ],
    )
    print_line(f"Written: {report.index}")
