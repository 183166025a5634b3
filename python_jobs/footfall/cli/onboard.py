"""Commands for other people's files: suggest a mapping, check it, try it up to a dashboard."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from footfall.cli.app import app
from footfall.cli.arguments import FileFormat
from footfall.cli.output import (
    JsonOption,
    print_line,
    print_result,
    print_table,
    progress_bar,
    say,
)
from footfall.errors import FootfallError, UsageError
from footfall.words import count

if TYPE_CHECKING:
    from footfall.onboard import MappingCheck, Suggestion, Trial
    from footfall.onboard.load import EntityResult

EntityOption = Annotated[
    str | None,
    typer.Option("--entity", help="SOURCE.ENTITY; by default the one that the mapping names."),
]
FormatOption = Annotated[
    FileFormat | None, typer.Option("--format", help="By default taken from the file name.")
]


@app.command("suggest-mapping")
def suggest_mapping(
    path: Annotated[
        str | None, typer.Argument(help="A file, a folder or a glob; up to five files count.")
    ] = None,
    table: Annotated[
        str | None, typer.Option(help="A table to adopt, as catalog.schema.table, in place of it.")
    ] = None,
    out_file: Annotated[
        Path | None, typer.Option("--out", help="Write the mapping here; by default print it.")
    ] = None,
    entity: EntityOption = None,
    file_format: FormatOption = None,
    as_json: JsonOption = False,
) -> None:
    """Propose a mapping for a file or table: a known tracker's, or one guessed from what it holds.

    Each line says how sure it is and why. What cannot be told is left as FILL_IN; then the exit
    code is 1.

    Example: `footfall suggest-mapping exports/events.csv --out mappings/mine.yml`

    Example: `footfall suggest-mapping segment/ --json`

    Example: `footfall suggest-mapping --table main.raw.events --out mappings/mine.yml`
    """
    from footfall.onboard import suggest_mapping as suggest
    from footfall.onboard import suggest_mapping_of_table
    from footfall.spark.session import get_session

    _require_one(path, table)
    if path is not None:
        found = suggest(path, file_format.value if file_format else None, entity)
        check = f"footfall check-mapping {out_file} {path}"
    else:
        assert table is not None
        found = suggest_mapping_of_table(get_session(join_others=True), table, entity)
        [named, *_] = found.entities
        check = f"footfall check-mapping {out_file} --table {table} --entity {named}"
    if out_file is not None:
        if out_file.exists():
            raise UsageError(f"{out_file} is there already.", "Name another file.")
        out_file.parent.mkdir(parents=True, exist_ok=True)
        out_file.write_text(found.text, encoding="utf-8")

    def show() -> None:
        _explain(found)
        if out_file is None:
            print_line(found.text)
        else:
            print_line(f"Written: {out_file}")
            say(f"Check it: {check}")

    print_result(_told(found), as_json, show)
    if not found.is_complete:
        raise typer.Exit(1)


def _require_one(path: str | None, table: str | None) -> None:
    if (path is None) == (table is None):
        raise UsageError("Name either a file or a table.", "A table is named by --table.")


def _told(found: Suggestion) -> dict[str, Any]:
    findings = [
        {
            "column": told.column,
            "source": told.source,
            "otherwise": told.otherwise,
            "sure": told.sure,
            "why": told.why,
        }
        for told in found.findings
    ]
    return {
        "entities": found.entities,
        "tracker": found.tracker,
        "complete": found.is_complete,
        "findings": findings,
        "unused": found.unused,
        "mapping": found.text,
    }


def _explain(found: Suggestion) -> None:
    if found.tracker:
        say(f"An export of {found.tracker}: the mapping {found.mapping} is for it.")
        return
    for told in found.findings:
        say(f"{told.column} ← {told.shown} ({told.sure}): {told.why}")
    if found.unused:
        say(f"Not used: {', '.join(found.unused)}")
    if not found.is_complete:
        say("Put a column's name in place of each FILL_IN.")


@app.command("check-mapping")
def check_mapping(
    mapping: Annotated[Path, typer.Argument(help="The mapping file.")],
    sample: Annotated[
        str | None, typer.Argument(help="A file, a folder or a glob of data files.")
    ] = None,
    table: Annotated[
        str | None, typer.Option(help="A table to adopt, as catalog.schema.table, in place of it.")
    ] = None,
    entity: EntityOption = None,
    file_format: FormatOption = None,
    as_json: JsonOption = False,
) -> None:
    """Try a mapping on a sample: rows accepted, quarantined and passed over, and five of them.

    The sample, or the first 100,000 rows of the table, is loaded and staged in a temporary home;
    nothing else is touched. Exit code 1 means that a file was rejected, or that an entity that is
    not optional got no row.

    Example: `footfall check-mapping mappings/mine.yml exports/events.csv --entity
    product.interactions`

    Example: `footfall check-mapping mappings/segment.yml segment/dt=2025-08-01`

    Example: `footfall check-mapping mappings/ga4.yml --table main.raw.ga4_events`
    """
    from footfall.onboard import check_mapping as check
    from footfall.onboard import check_mapping_of_table

    _require_one(sample, table)
    with progress_bar("check") as progress:
        if table is not None:
            found = check_mapping_of_table(mapping, table, entity, progress)
        else:
            assert sample is not None
            kind = file_format.value if file_format else None
            found = check(mapping, sample, entity, kind, progress)
    print_result(found, as_json, lambda: _print_check(found))
    if not found.is_useful:
        raise typer.Exit(1)


def _print_check(found: MappingCheck) -> None:
    _print_results(found.results)
    for entity, shown in found.shown.items():
        print_line(f"{entity}: {count(len(shown), 'row')} before and after")
        for row in shown:
            print_line(f"  {_short(row.before)}")
            for made in row.after:
                print_line(f"    → {_short(made)}")
            if not row.after:
                print_line("    → no row")


def _short(row: dict[str, Any]) -> str:
    text = ", ".join(f"{name}: {value}" for name, value in row.items() if value is not None)
    return text if len(text) <= 300 else f"{text[:299]}…"


def _print_results(results: list[EntityResult]) -> None:
    print_table(
        "What became of the rows",
        ["entity", "files", "rows", "not selected", "accepted", "duplicates", "quarantined"],
        [
            [
                found.entity,
                found.files,
                found.rows,
                found.not_selected,
                found.accepted,
                found.duplicates,
                found.quarantined,
            ]
            for found in results
        ],
    )
    for found in results:
        for rejects in found.rejects:
            examples = f", such as {'; '.join(rejects.examples)}" if rejects.examples else ""
            print_line(
                f"{found.entity}: {count(rejects.rows, 'row')} quarantined, "
                f"{rejects.reason}{examples}"
            )
        for reason in found.rejected_files:
            print_line(f"{found.entity}: rejected {reason}")
        if found.unused:
            print_line(f"{found.entity}: not used: {', '.join(found.unused)}")


@app.command("try")
def try_command(
    path: Annotated[str, typer.Argument(help="Your events: a file, a folder or a quoted glob.")],
    mapping: Annotated[
        Path | None, typer.Option(help="A mapping file; by default one is suggested.")
    ] = None,
    entity: EntityOption = None,
    file_format: FormatOption = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the tables, to go on from there.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace what a former trial kept.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """From a file of events to a dashboard, in a home of its own.

    A mapping is suggested and shown, the file is loaded, the marts that it feeds are built, and the
    dashboard is written. Your own tables stay as they are.

    Example: `footfall try events.csv`

    Example: `footfall try exports/ --mapping mappings/mine.yml --keep`
    """
    from footfall.home.trials import trial_home
    from footfall.settings import get_settings
    from footfall.spark.own_home import spark_starting

    kind = file_format.value if file_format else None
    home = trial_home(get_settings().home, path, overwrite)
    # Who mistyped a path is not kept waiting for Spark.
    with spark_starting(home) if Path(path).exists() else nullcontext():
        trial = _try(path, mapping, home, entity, kind, keep)
    print_result(trial, as_json, lambda: _print_trial(trial))


def _try(
    path: str,
    mapping: Path | None,
    home: Path,
    entity: str | None,
    kind: str | None,
    keep: bool,
) -> Trial:
    from footfall.onboard import suggest_mapping as suggest
    from footfall.onboard import try_files

    if mapping is None:
        found = suggest(path, kind, entity)
        _explain(found)
        mapping = home / "suggested.yml"
        mapping.write_text(found.text, encoding="utf-8")
        if not found.is_complete:
            raise FootfallError(
                "The mapping cannot be told from the file alone.",
                f"Put a column's name in place of each FILL_IN in {mapping}, copy it to a place "
                "of your own, and add --mapping FILE.",
            )
        entity = None
    with progress_bar("try") as progress:
        return try_files(path, mapping, home, entity, kind, keep=keep, progress=progress)


def _print_trial(trial: Trial) -> None:
    _print_results(trial.results)
    steps = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in trial.seconds.items())
    built = sum(bool(table.rows) for table in trial.tables if table.layer != "bronze")
    print_line(f"{count(built, 'table')} built: {steps}.")
    print_line(f"Dashboard: {trial.dashboard}")
    print_line(f"Mapping: {trial.mapping}")
    if trial.kept:
        print_line(f"Go on with: export FOOTFALL_HOME={trial.home}")
