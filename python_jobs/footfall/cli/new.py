"""Commands that begin new parts of the dbt project."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from footfall.cli.app import app
from footfall.cli.output import JsonOption, print_line, print_result

if TYPE_CHECKING:
    from footfall.scaffold import NewFile

new = typer.Typer(no_args_is_help=True)
app.add_typer(new, name="new")
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print; write nothing.")]


@new.callback()
def _group() -> None:
    """Begin a new part of the dbt project: a source or a mart.

    Example: `footfall new mart fct_visits_daily --reads fct_sessions --grain user_id,event_date`
    """


@new.command()
def mart(
    name: Annotated[str, typer.Argument(help="Name of the mart, such as fct_clicks_daily.")],
    reads: Annotated[str, typer.Option(help="Models that it reads: M,M,…")],
    grain: Annotated[
        str, typer.Option(help="Columns that identify a row, one of them a date: C,C,…")
    ],
    folder: Annotated[str, typer.Option(help="Subfolder of models/marts.")] = "engagement",
    dry_run: DryRun = False,
    as_json: JsonOption = False,
) -> None:
    """Write the SQL and yml of a mart: incremental, with contract, grain and a unit test.

    The mart builds and is exact as written; what it counts is up to you.

    Example: `footfall new mart fct_visits_daily --reads fct_sessions --grain user_id,event_date`
    """
    from footfall.scaffold import left_to_do_for_mart, new_mart

    files = new_mart(name, _names(reads), _names(grain), folder)
    _write(files, left_to_do_for_mart(name, files), dry_run, as_json)


@new.command()
def source(
    name: Annotated[str, typer.Argument(help="SOURCE.ENTITY, such as ads.clicks.")],
    columns: Annotated[
        str, typer.Option(help="NAME:TYPE,… with ! after a required column's type.")
    ],
    key: Annotated[str, typer.Option(help="Columns that identify a row: C,C,…")],
    event_time: Annotated[str, typer.Option(help="The column with the time of the event.")],
    user: Annotated[str | None, typer.Option(help="The column with the user's id.")] = None,
    customer: Annotated[str | None, typer.Option(help="The column with the customer's id.")] = None,
    owner: Annotated[str, typer.Option(help="The team that owns it.")] = "data-engineering",
    dry_run: DryRun = False,
    as_json: JsonOption = False,
) -> None:
    """Write the contract of a source's entity and the model that stages it, with a unit test.

    From then on, ingestion, quarantine, reconciliation, erasure and the tests of exactness cover
    it.
    Types: string, boolean, int, bigint, float, double, decimal(P,S), date, timestamp, array<…>,
    struct<…>.

    Example: `footfall new source ads.clicks --columns click_id:string!,clicked_at:timestamp! --key
    click_id --event-time clicked_at`
    """
    from footfall.scaffold import left_to_do_for_source, new_source

    people = {"user": user, "customer": customer}
    files = new_source(name, columns, _names(key), event_time, people, owner)
    _write(files, left_to_do_for_source(name, files), dry_run, as_json)


def _write(
    files: Sequence[NewFile], left_to_do: Sequence[str], dry_run: bool, as_json: bool
) -> None:
    from footfall.scaffold import write_files

    if not dry_run:
        write_files(files)

    def show() -> None:
        for file in files:
            done = "Written" if file.former is None else "Changed"
            planned = "Would write" if file.former is None else "Would change"
            print_line(f"{planned if dry_run else done}: {file.path}")
            if dry_run:
                print_line(file.preview)
        if not dry_run:
            print_line("\nNext:")
            for step in left_to_do:
                print_line(f"  {step}")

    print_result({str(file.path): file.text for file in files}, as_json, show)


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
