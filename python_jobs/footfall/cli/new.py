"""Commands that begin new parts of the dbt project."""

from __future__ import annotations

from typing import Annotated

import typer

from footfall.cli.app import app
from footfall.cli.output import JsonOption, print_line, print_result

new = typer.Typer(no_args_is_help=True)
app.add_typer(new, name="new")


@new.callback()
def _group() -> None:
    """Begin a new part of the dbt project.

    Example: `footfall new mart fct_visits_daily --reads fct_sessions --grain user_id,event_date`
    """


@new.command()
def mart(
    name: Annotated[str, typer.Argument(help="Such as fct_clicks_daily.")],
    reads: Annotated[str, typer.Option(help="Models that it reads: M,M,…")],
    grain: Annotated[str, typer.Option(help="What makes a row: columns, one of them a date.")],
    folder: Annotated[str, typer.Option(help="Subfolder of models/marts.")] = "engagement",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print; write nothing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Write the SQL and yml of a mart: incremental, with contract, grain and a unit test.

    It builds and is exact as it is; what it counts is left to you.

    Example: `footfall new mart fct_visits_daily --reads fct_sessions --grain user_id,event_date`
    """
    from footfall.scaffold import left_to_do, new_mart, write_files

    files = new_mart(name, _names(reads), _names(grain), folder)
    if not dry_run:
        write_files(files)

    def show() -> None:
        for file in files:
            print_line(f"{'Would write' if dry_run else 'Written'}: {file.path}")
            if dry_run:
                print_line(file.text)
        if not dry_run:
            print_line("\nNext:")
            for step in left_to_do(name, files):
                print_line(f"  {step}")

    print_result({str(file.path): file.text for file in files}, as_json, show)


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
