"""Commands that look at tables: a query, their state, their profiles."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.filesize import decimal

from footfall.cli.app import app
from footfall.cli.arguments import Engine, OutputFormat, ShareFormat
from footfall.cli.output import (
    JsonOption,
    print_csv,
    print_json,
    print_line,
    print_result,
    print_table,
    progress_bar,
    say,
)
from footfall.errors import FootfallError, UsageError
from footfall.settings import get_settings
from footfall.words import count

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from footfall.duck import Answer, ShareReport
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
    engine: Annotated[
        Engine,
        typer.Option(help="What answers: DuckDB where it answers as Spark does, or one of them."),
    ] = Engine.auto,
) -> None:
    """Run SQL that reads the project's tables; other statements are refused with exit code 2.

    DuckDB answers within a second what it answers as Spark does; Spark answers all the rest. A line
    on standard error says which of them it was, and why.

    Example: `footfall query "select * from footfall_gold.fct_sessions limit 5" --format csv`

    Example: `footfall query --write "create table scratch.sample as select 1 as one"`
    """
    if write and engine is Engine.duckdb:
        raise UsageError("DuckDB only reads; --write needs Spark.", "Leave --engine away.")
    print_answer(_run(sql) if write else _ask(sql, engine), output)


def print_answer(answer: Answer, output: OutputFormat) -> None:
    """Print the rows of a query in a format."""
    columns, rows = answer
    if output is OutputFormat.json:
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
    elif output is OutputFormat.csv:
        print_csv(columns, rows)
    elif columns:
        print_table("", columns, [list(row) for row in rows])
    else:
        print_line("Done. The statement has no rows to show.")


def _ask(sql: str, engine: Engine) -> Answer:
    """Return the answer to a statement that only reads."""
    from footfall.duck import OnlySparkError, answer

    reason = ""
    if engine is not Engine.spark:
        try:
            found = answer(sql, get_settings())
        except OnlySparkError as error:
            reason = f"; DuckDB did not: {error}"
            if engine is Engine.duckdb:
                raise UsageError(
                    f"DuckDB cannot answer as Spark would: {error}.", "Leave --engine away."
                ) from error
        else:
            say("Answered by DuckDB.")
            return found
    from footfall.spark.reading import require_reading

    require_reading(sql)
    found = _run(sql)
    say(f"Answered by Spark{reason}.")
    return found


def _run(sql: str) -> Answer:
    from footfall.duck import ask_spark

    return ask_spark(sql, _join_spark())


@app.command()
def share(
    kind: Annotated[
        ShareFormat,
        typer.Option("--format", help="A DuckDB file of views, or a folder of Parquet files."),
    ] = ShareFormat.duckdb,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="The file or folder; by default in FOOTFALL_HOME/share."),
    ] = None,
    schema: Annotated[
        str, typer.Option(help="Which of bronze, silver, gold, training and quality, by commas.")
    ] = "gold,training,quality",
    as_json: JsonOption = False,
) -> None:
    """Share the tables with readers that have no Spark: DuckDB, Polars, pandas, BI tools.

    A DuckDB file has views, which show each table as it is when they are read, on this machine.
    Parquet files are copies that can go anywhere; each is replaced as a whole. Times are in UTC.

    Example: `footfall share --out marts.duckdb`

    Example: `footfall share --format parquet --out /mnt/marts --schema gold,quality`
    """
    from footfall.duck import share as write_share

    layers = [layer.strip() for layer in schema.split(",") if layer.strip()]
    with progress_bar("share") as progress:
        report = write_share(get_settings(), kind.value, out, layers=layers, progress=progress)
    print_result(report.model_dump(mode="json"), as_json, lambda: _print_share(report))
    if report.unreadable:
        table, why = next(iter(report.unreadable.items()))
        raise FootfallError(
            f"{count(len(report.unreadable), 'table')} could not be shared; the first: "
            f"{table}: {why}.",
            "`footfall status` says what is wrong with them.",
        )


def _print_share(report: ShareReport) -> None:
    print_line(f"{count(len(report.tables), 'table')} in {report.out}")
    if report.left_out:
        print_line(f"Left out, as views of Spark or not built: {', '.join(report.left_out)}")


@app.command()
def status(
    as_json: JsonOption = False,
    catalog: Annotated[
        bool,
        typer.Option("--catalog", help="Ask Spark's catalog: it knows tables outside the home."),
    ] = False,
    prometheus: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.prom", help="Also write this file for Prometheus' node exporter."
        ),
    ] = None,
) -> None:
    """List the tables with rows, newest load, last change and size, and the last turn of `run`.

    It reads Delta's logs in the home, and starts Spark only for what they do not tell. `--json`
    lists the tables alone, and adds their age in hours and the size in bytes.

    Example: `footfall status --json`

    Example: `footfall status --prometheus /var/lib/node_exporter/footfall.prom`
    """
    from footfall.project.tables import table_status

    if prometheus:
        from footfall.metrics import metrics_file, write_metrics

        prometheus = metrics_file(prometheus)
    statuses = table_status(_join_spark, by_catalog=catalog)
    if prometheus:
        write_metrics(prometheus, statuses, get_settings(), _join_spark)
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


def _join_spark() -> SparkSession:
    # Only here: what needs no Spark does not wait for its modules.
    from footfall.spark.session import get_session

    return get_session(join_others=True)


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
