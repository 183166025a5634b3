"""The command for an existing Delta table that takes a bronze table's place."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from footfall.cli.app import app
from footfall.cli.arguments import OnChange
from footfall.cli.output import JsonOption, print_line, print_result, print_table, say
from footfall.errors import UsageError
from footfall.words import count

if TYPE_CHECKING:
    from footfall.adopt import Adopted


@app.command("adopt")
def adopt_command(
    name: Annotated[
        str | None, typer.Argument(metavar="SOURCE.ENTITY", help="What the table's rows are.")
    ] = None,
    table: Annotated[
        str | None, typer.Option(help="The table as catalog.schema.table, or schema.table.")
    ] = None,
    path: Annotated[
        str | None, typer.Option(help="The table's folder, in place of --table.")
    ] = None,
    mapping: Annotated[
        Path | None, typer.Option(help="A mapping file; by default columns go by their names.")
    ] = None,
    on_change: Annotated[
        OnChange,
        typer.Option(help="When rows are updated or deleted: follow that, or stop the build."),
    ] = OnChange.apply,
    arrival_column: Annotated[
        str | None,
        typer.Option(
            help="For a table without row tracking: a column that says when a row arrived, a time, "
            "a date or the number of a batch."
        ),
    ] = None,
    enable_row_tracking: Annotated[
        bool,
        typer.Option("--enable-row-tracking", help="Switch it on: the one thing that is written."),
    ] = False,
    released: Annotated[
        bool, typer.Option("--release", help="Give the entity's table up.")
    ] = False,
    listed: Annotated[bool, typer.Option("--list", help="List the adopted tables.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the view's statement and create nothing.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Read an entity's rows from a Delta table of yours, without a copy; its commits are loads.

    Every `dbt build` reads what was committed since the last one. Rows that were updated or deleted
    are taken back from the marts.

    Example: `footfall adopt product.interactions --table main.raw.events --mapping
    mappings/mine.yml`

    Example: `footfall adopt app.interactions --path /data/events --enable-row-tracking`

    Example: `footfall adopt app.interactions --table raw.events --arrival-column loaded_at`

    Example: `footfall adopt product.interactions --release`
    """
    from footfall.adopt import adopt, release
    from footfall.project.adopted import adoptions
    from footfall.settings import get_settings
    from footfall.spark.session import get_session

    if listed:
        known = adoptions(get_session(join_others=True), get_settings())
        rows = [[entity, told.table, told.on_change] for entity, told in known.items()]
        print_result(
            known, as_json, lambda: print_table("", ["entity", "table", "on change"], rows)
        )
        return
    if name is None:
        raise UsageError("No entity is named.", "Name one, such as product.interactions.")
    if released:
        given = release(get_session(), name)
        print_result(given, as_json, lambda: say(f"{name} no longer reads {given.table}."))
        return
    found = adopt(
        get_session(),
        name,
        table=table,
        path=path,
        mapping=mapping,
        on_change=on_change.value,
        arrival=arrival_column,
        enable_row_tracking=enable_row_tracking,
        dry_run=dry_run,
    )
    print_result(found, as_json, lambda: _print_adopted(found, dry_run))


def _print_adopted(found: Adopted, dry_run: bool) -> None:
    if found.unused:
        say(f"Not used: {', '.join(found.unused)}")
    if dry_run:
        print_line(found.sql)
        say("Nothing was created.")
        return
    print_line(f"{found.entity} is read from {found.table}: {count(found.rows or 0, 'row')}.")
    if found.rows:
        print_line(f"Events from {found.first_event} to {found.last_event}.")
    if found.rows_with_errors:
        print_line(
            f"{count(found.rows_with_errors, 'row')} with a column that cannot be read; the build "
            "quarantines them with the reason."
        )
    say(f"Next: {found.rebuild or 'dbt build'}")
