"""Commands that change tables beside a build: backfills, maintenance, repair, erasure."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.filesize import decimal

from footfall.cli.app import app
from footfall.cli.arguments import parse_date, parse_feeds, parse_seconds
from footfall.cli.output import (
    JsonOption,
    print_json,
    print_line,
    print_result,
    print_table,
    progress_bar,
    say,
)
from footfall.errors import FootfallError, UsageError
from footfall.settings import get_settings
from footfall.trace_log import hide
from footfall.words import count

if TYPE_CHECKING:
    from footfall.backfill import BackfillReport
    from footfall.erase import ErasureReport
    from footfall.maintain import Maintained
    from footfall.repair import RepairReport


@app.command()
def run(
    landing: Annotated[
        str | None,
        typer.Option(
            help="Folder of LANDING/<source>/<entity>/files, or s3a://…; by default "
            "FOOTFALL_LANDING."
        ),
    ] = None,
    mapping: Annotated[
        Path | None,
        typer.Option(help="For files of another shape: a mapping that names its entities."),
    ] = None,
    kafka: Annotated[
        str | None, typer.Option(help="Read topics of these servers: HOST:PORT,…")
    ] = None,
    topic: Annotated[
        list[str] | None, typer.Option(help="SOURCE.ENTITY=TOPIC; may be repeated.")
    ] = None,
    every: Annotated[
        str | None, typer.Option(help="Pause between turns: 30s, 5m, 1h. Without it, one turn.")
    ] = None,
    alert_file: Annotated[
        Path | None, typer.Option(help="Append alerts to this file, in place of a webhook.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Load new files or messages and build what reads them; with --every, again and again.

    A turn that finds nothing new costs next to nothing. After a failed turn the pause doubles, up
    to an hour. Ctrl-C and SIGTERM end it after the turn in hand. Each turn with work is a line of
    `FOOTFALL_HOME/turns.jsonl`. With FOOTFALL_ALERT_WEBHOOK or --alert-file, each build ends with
    `footfall alerts`. Exit code 1 means that the last turn failed.

    Example: `footfall run --landing /data/landing`

    Example: `footfall run --landing /data/landing --every 5m`

    Example: `footfall run --landing s3a://bucket/landing --every 5m`

    Example: `footfall run --landing segment/ --mapping mappings/segment.yml --every 5m`

    Example: `footfall run --kafka broker:9092 --topic product.interactions=clicks --every 1m`
    """
    from footfall.alerts import destination_of
    from footfall.continuous import landing_folder, run_turns

    if bool(kafka) != bool(topic):
        raise UsageError("--kafka and --topic go together.", "Name the servers and the topics.")
    folder = landing_folder(landing)
    feeds = parse_feeds(kafka, topic) if kafka and topic else []
    if folder is None and not feeds:
        raise UsageError(
            "There is nothing to load from.", "Add --landing or --kafka, or set FOOTFALL_LANDING."
        )
    if mapping and folder is None:
        raise UsageError("--mapping is for files.", "Add --landing.")
    turns = run_turns(
        folder,
        parse_seconds(every) if every else 0.0,
        feeds=feeds,
        mapping=mapping,
        alerts=destination_of(get_settings(), file=alert_file),
        most=None if every else 1,
        say=say,
    )
    if as_json:
        print_json(turns)
    elif not turns:
        print_line("Nothing new.")
    if turns and turns[-1].error:
        raise FootfallError(
            f"The last turn failed: {turns[-1].error}",
            "Fix the cause and run the command again: what was loaded stays.",
        )


@app.command()
def backfill(
    more: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[ID | MODEL…]", help="The ID for --resume, or more models for --select."
        ),
    ] = None,
    start: Annotated[str | None, typer.Option(help="First day, for example 2025-08-01.")] = None,
    end: Annotated[str | None, typer.Option(help="Last day, included.")] = None,
    days: Annotated[str | None, typer.Option(help="Single days, instead of a range: D,D,…")] = None,
    gaps: Annotated[
        bool, typer.Option("--gaps", help="Rebuild gaps: missing and stale days.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the newest unfinished backfill, or ID.")
    ] = False,
    select: Annotated[
        list[str] | None,
        typer.Option(help="dbt selection; by default all incremental marts and training models."),
    ] = None,
    parallel: Annotated[int, typer.Option(min=1, help="dbt runs at the same time.")] = 1,
    chunk_days: Annotated[int, typer.Option(min=1, help="Days per dbt run.")] = 7,
    reason: Annotated[str | None, typer.Option(help="The reason, for the record.")] = None,
    dry_run: Annotated[bool, typer.Option(help="List what would run; write nothing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Rebuild days of marts and training tables, even during a daily run.

    Each dbt run is a row of `footfall_quality.dq_backfills`. The same command continues a backfill
    that was interrupted. Exit code 1 means that a run failed.

    Example: `footfall backfill --start 2025-08-01 --end 2025-08-31 --parallel 2`

    Example: `footfall backfill --gaps --dry-run`

    Example: `footfall backfill --days 2025-08-03,2025-08-12 --select fct_sessions+ --reason "late"`
    """
    from footfall.backfill import Request, parse_days
    from footfall.backfill import backfill as run_backfill

    request = None
    ranged = start or end or days
    if more and not (select or (resume and len(more) == 1)):
        raise UsageError(
            f"Unexpected argument {more[0]!r}.",
            "Put --select before models, --resume before an ID.",
        )
    if ((resume or gaps) and ranged) or (resume and (gaps or select)):
        raise UsageError(
            "--resume, --gaps and days exclude each other, and --resume takes no --select.",
            "Use one of them.",
        )
    if not resume:
        request = Request(
            days=[]
            if gaps
            else parse_days(
                parse_date(start) if start else None,
                parse_date(end) if end else None,
                [parse_date(day.strip()) for day in days.split(",")] if days else [],
            ),
            gaps=gaps,
            select=[*(select or []), *(more or [])],
            days_per_chunk=chunk_days,
        )
    with progress_bar("backfill") as progress:
        report = run_backfill(
            request,
            resume=(more[0] if more else "") if resume else None,
            parallel=parallel,
            reason=reason,
            dry_run=dry_run,
            progress=progress,
            say=say,
        )
    print_result(report.model_dump(mode="json"), as_json, lambda: _print_backfill(report, dry_run))
    if report.failed:
        first = report.failed[0]
        raise FootfallError(
            f"{len(report.failed)} of {count(len(report.chunks), 'run')} failed; "
            f"the first: {first.error}",
            f"Fix the cause, then `footfall backfill --resume {report.backfill_id}`.",
        )


def _print_backfill(report: BackfillReport, dry_run: bool) -> None:
    if report.gaps is not None:
        rows: list[list[Any]] = [
            [gap.model, gap.state.value, len(gap.dates), f"{gap.dates[0]} … {gap.dates[-1]}"]
            if gap.dates
            else [gap.model, gap.state.value, None, "the whole table"]
            for gap in report.gaps
        ]
        print_table("Gaps", ["model", "state", "days", "from … to"], rows)
    if not report.chunks:
        print_line("No gaps: nothing to run.")
        return
    title = "Would run" if dry_run else f"Backfill {report.backfill_id}"
    print_table(
        title,
        ["run", "step", "days", "models", "state", "attempts", "seconds"],
        [
            [c.chunk, c.step, c.days, len(c.models), c.state.value, c.attempts, c.seconds]
            for c in report.chunks
        ],
    )


@app.command()
def maintain(
    dry_run: Annotated[
        bool, typer.Option(help="Say what would be done, and change nothing.")
    ] = False,
    retain_hours: Annotated[int, typer.Option(help="How long old versions stay readable.")] = 168,
    force: Annotated[bool, typer.Option(help="Allow less than 168 hours.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Merge small files (`OPTIMIZE`), delete files that no recent version needs (`VACUUM`).

    Files are merged in partitions that hold eight small ones or more. Builds and loads may run
    meanwhile. An OPTIMIZE that fails is named and changes nothing.

    Example: `footfall maintain --dry-run`
    """
    from footfall.maintain import maintain as maintain_tables
    from footfall.maintain import require_retention
    from footfall.spark.session import get_session

    require_retention(retain_hours, force=force)
    with progress_bar("maintain") as progress:
        results = maintain_tables(
            get_session(),
            retain_hours=retain_hours,
            dry_run=dry_run,
            force=force,
            progress=progress,
        )
    print_result(results, as_json, lambda: _print_maintained(results, dry_run))


def _print_maintained(results: list[Maintained], dry_run: bool) -> None:
    rows = []
    for result in results:
        if result.optimize:
            files = f"{result.files_before} → {result.files_after}"
            sizes = [result.bytes_before or 0, *([] if dry_run else [result.bytes_after or 0])]
            rows.append([result.optimize, files, result.problem or " → ".join(map(decimal, sizes))])
        rows.append([result.statement, f"{result.files:,} deleted", decimal(result.bytes)])
    print_table("Would be done" if dry_run else "Done", ["statement", "files", "bytes"], rows)


@app.command()
def repair(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would change; change nothing.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Register the tables of a home again after it was copied or moved, or lost its metastore.

    No table is read, rebuilt or written; dbt makes the views that were lost with the metastore.
    The same command finishes a repair that was interrupted.

    Example: `footfall repair --dry-run`

    Example: `FOOTFALL_HOME=/mnt/copy footfall repair`
    """
    from footfall.repair import check_repaired
    from footfall.repair import repair as repair_home

    with progress_bar("repair") as progress:
        report = repair_home(dry_run=dry_run, progress=progress)
    print_result(report.model_dump(mode="json"), as_json, lambda: _print_repair(report, dry_run))
    check_repaired(report)


def _print_repair(report: RepairReport, dry_run: bool) -> None:
    if report.tables:
        rows = [[table.table, table.action.value, table.remark] for table in report.tables]
        print_table("Would be done" if dry_run else "Tables", ["table", "what", "remark"], rows)
    if not report.needed:
        print_line(f"{report.home} needs no repair.")
        return
    for other in report.moved_from:
        print_line(f"From {other} to {report.home}")
    if report.set_aside:
        print_line(f"The damaged metastore was set aside: {report.set_aside}")
    if report.views:
        print_line(f"Views made again: {', '.join(report.views)}")
    if not dry_run:
        print_line("Done. Next: `footfall status`; a `dbt build` finds nothing new.")


@app.command()
def erase(
    user: Annotated[
        str | None, typer.Option(help="The person's id in the product and the app.")
    ] = None,
    customer: Annotated[
        str | None, typer.Option(help="The person's id in the shop and the CRM.")
    ] = None,
    reason: Annotated[
        str, typer.Option(help="The reason. It is recorded, so leave the id out.")
    ] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Count rows and dates, write nothing.")
    ] = False,
    purge: Annotated[
        bool,
        typer.Option("--purge", help="Also remove the files now. Ends time travel for the tables."),
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Only say whether the person was erased before.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Remove a person from every table and recompute all that used the person's rows.

    The same command finishes an erasure that was interrupted. With --check, exit code 1 means
    that no erasure of the id is recorded.

    Example: `footfall erase --user U1 --dry-run`

    Example: `footfall erase --user U1 --customer 42 --reason "request 2025-118" --purge`

    Example: `footfall erase --user U1 --check`
    """
    from footfall.erase import check_erased, require_request
    from footfall.erase import erase as erase_person
    from footfall.spark.session import get_session

    hide(user, customer)
    require_request(user, customer, None if check or dry_run else reason)
    if check:
        entries = check_erased(get_session(), user=user, customer=customer)
        rows = [entry.model_dump() for entry in entries]
        print_result(rows, as_json, lambda: _print_erased(rows))
        if not entries:
            raise FootfallError(
                "No erasure of this id is recorded.",
                "Give the id as it was delivered, with the FOOTFALL_ERASURE_KEY of that time.",
            )
        return
    with progress_bar("erase") as progress:
        report = erase_person(
            get_session(),
            user=user,
            customer=customer,
            reason=reason,
            dry_run=dry_run,
            purge=purge,
            progress=progress,
        )
    print_result(report, as_json, lambda: _print_erasure(report, dry_run))


def _print_erased(rows: list[dict[str, Any]]) -> None:
    if rows:
        print_table("Erased", list(rows[0]), [list(row.values()) for row in rows])


def _print_erasure(report: ErasureReport, dry_run: bool) -> None:
    title = "Would be deleted" if dry_run else "Deleted"
    print_table(title, ["table", "rows"], [list(item) for item in report.rows.items()])
    days = ", ".join(day.isoformat() for day in report.dates) or "none"
    print_line(f"Dates {'to recompute' if dry_run else 'recomputed'}: {days}")
    if report.rebuilt:
        print_line(f"Staging rebuilt from bronze: {', '.join(report.rebuilt)}")
    if report.purged:
        print_line("The files are gone; the tables that held the person have no earlier versions.")
    elif not dry_run:
        print_line(
            "Earlier versions still hold the rows. Next: `footfall erase` with the same ids and "
            "--purge removes them now; `footfall maintain` removes the files after 168 hours, "
            "and Delta its log entries after 30 days."
        )
