"""Commands that look at the rows that staging rejected."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from footfall.cli.app import app
from footfall.cli.output import JsonOption, print_line, print_result, print_table, say
from footfall.settings import get_settings
from footfall.words import count

quarantine = typer.Typer(no_args_is_help=True)
app.add_typer(quarantine, name="quarantine")

SinceLoad = Annotated[
    int | None, typer.Option(min=1, help="Only rows of this load and later ones.")
]
MEND = (
    "If a rule is wrong, correct it in the contract; footfall quarantine replay SOURCE.ENTITY then "
    "judges the rows anew. If rows are wrong, have them delivered again, corrected."
)


@quarantine.callback()
def _group() -> None:
    """Look at the rows that broke a rule of their contract and entered no mart.

    Example: `footfall quarantine list`
    """


@quarantine.command("list")
def list_(
    source: Annotated[
        str | None, typer.Argument(metavar="[SOURCE.ENTITY]", help="By default all.")
    ] = None,
    since_load: SinceLoad = None,
    as_json: JsonOption = False,
) -> None:
    """Count the rejected rows by entity and broken rule. A row that broke two counts in both.

    Example: `footfall quarantine list`

    Example: `footfall quarantine list crm.transactions --since-load 7 --json`
    """
    from footfall.project.quarantine import list_rejected
    from footfall.spark.session import get_session

    found = list_rejected(
        get_session(join_others=True), get_settings(), source=source, since_load=since_load
    )

    def show() -> None:
        if not found:
            print_line("No row was rejected.")
            return
        print_table(
            "",
            ["entity", "reason", "rows", "loads", "example"],
            [
                [
                    rejected.source,
                    rejected.reason,
                    rejected.rows,
                    f"{rejected.first_load} to {rejected.last_load}",
                    rejected.example if rejected.example != rejected.reason else None,
                ]
                for rejected in found
            ],
        )
        say(f"The rows: footfall quarantine show {found[0].source} --reason {found[0].reason}")
        say(MEND)

    print_result([rejected.model_dump() for rejected in found], as_json, show)


@quarantine.command()
def show(
    source: Annotated[str, typer.Argument(metavar="SOURCE.ENTITY")],
    reason: Annotated[
        str | None, typer.Option(help="A broken rule, such as user_id_missing.")
    ] = None,
    since_load: SinceLoad = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many rows.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """Show rejected rows of an entity as they were delivered, those of the newest load first.

    They may hold personal data.

    Example: `footfall quarantine show product.interactions --reason user_id_missing`

    Example: `footfall quarantine show crm.transactions --limit 1000 --json`
    """
    from footfall.project.quarantine import show_rejected
    from footfall.spark.session import get_session

    rows = show_rejected(
        get_session(join_others=True),
        get_settings(),
        source,
        reason=reason,
        since_load=since_load,
        limit=limit,
    )

    def print_rows() -> None:
        for row in rows:
            print_line(f"load {row.load_id}, {row.source_file}: {', '.join(row.reject_reasons)}")
            print_line(f"  {json.dumps(row.payload, ensure_ascii=False)}")
        say(f"{count(len(rows), 'row')} shown" if rows else "No row was rejected for that.")

    print_result([row.model_dump(mode="json") for row in rows], as_json, print_rows)


@quarantine.command()
def replay(
    source: Annotated[str, typer.Argument(metavar="SOURCE.ENTITY")],
    mapping: Annotated[
        Path | None,
        typer.Option(help="A corrected mapping: read the files with rejected rows again by it."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say which days would change.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Judge all rows of an entity anew, after a rule of its contract was corrected.

    Rows that the rules accept now enter staging and the marts with the next `dbt build`, exactly
    once; rows that they reject now leave. Only the days on which something changes are recomputed.

    If the mapping was wrong, --mapping reads the files that have rejected rows again, in the place
    of their rows in bronze. They have to lie where they lay.

    Example: `footfall quarantine replay product.interactions --dry-run`

    Example: `footfall quarantine replay product.interactions --mapping corrected.yml`

    Example: `footfall quarantine replay product.interactions && dbt build`
    """
    from footfall.replay import replay as judge_anew
    from footfall.spark.session import get_session

    found = judge_anew(
        get_session(join_others=True), get_settings(), source, mapping=mapping, dry_run=dry_run
    )

    def show() -> None:
        if not found.changes_something:
            print_line(
                f"Nothing to replay: staging has the rows of {source} that the rules accept."
            )
            return
        if found.files:
            print_line(
                f"{source}: {count(len(found.files), 'file')} with rejected rows read again."
            )
        if found.dates:
            print_line(
                f"{source}: {count(len(found.dates), 'day')} from {found.dates[0]} to "
                f"{found.dates[-1]}, {found.rows_before:,} accepted rows before, "
                f"{found.rows_after:,} now."
            )
        else:
            print_line(
                f"{source}: the same rows are accepted; reasons of rejected ones may change."
            )
        if found.load_id:
            say(f"Recorded as load {found.load_id}. The next dbt build takes it in.")
        else:
            say("Nothing was recorded.")

    print_result(found, as_json, show)
