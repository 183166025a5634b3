"""The command line. Commands only: what they do stands in the modules that they call."""

from __future__ import annotations

import csv
import json
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from enum import Enum
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import structlog
import typer
from rich import box
from rich.console import Console
from rich.filesize import decimal
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from footfall import __version__, interrupts
from footfall.errors import FootfallError, UsageError
from footfall.settings import get_settings
from footfall.spark.explain import explain
from footfall.trace_log import hide, log_trace, trace_of
from footfall.words import count

if TYPE_CHECKING:
    from footfall.backfill import BackfillReport
    from footfall.home.repair import RepairReport
    from footfall.sequences import Verified

app = typer.Typer(
    name="footfall",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Interaction logs in, exact analytics and training data out, on Spark and Delta.",
)
# A pipe gets whole lines.
out = Console(width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else 1000)
log = Console(stderr=True)

LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
ProgressCallback = Callable[[int, int, str], None]


class OutputFormat(str, Enum):
    table = "table"
    csv = "csv"
    json = "json"


class FileFormat(str, Enum):
    parquet = "parquet"
    csv = "csv"
    json = "json"


class Workload(str, Enum):
    product = "product"
    training = "training"


class SequenceFormat(str, Enum):
    compact = "compact"
    padded = "padded"


@contextmanager
def progress_bar(title: str) -> Iterator[ProgressCallback]:
    """Show a bar on a terminal; stay quiet where there is none (CI, a pipe).

    An interrupt tells how far it is.
    """
    columns = (
        TextColumn("[bold]{task.fields[title]}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=log, transient=True, disable=not log.is_terminal) as progress:
        task = progress.add_task("", title=title, total=None)
        finished, of = 0, 0

        def update(done: int, total: int, label: str) -> None:
            nonlocal finished, of
            finished, of = done, total
            progress.update(task, completed=done, total=total, description=escape(label))

        def standing() -> interrupts.Standing:
            progress.stop()
            steps = f"{finished} of {count(of, 'step')}" if of else "no step yet"
            return interrupts.Standing(f"{title} had finished {steps}; what is finished is kept.")

        with interrupts.working(standing):
            yield update


def print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, default=str, ensure_ascii=False))


def print_table(title: str, columns: list[str], rows: list[list[Any]]) -> None:
    table = Table(
        title=title, title_justify="left", header_style="bold", box=box.SIMPLE_HEAD, pad_edge=False
    )
    numeric = [
        all(isinstance(row[index], (int, float)) or row[index] is None for row in rows)
        for index in range(len(columns))
    ]
    for column, is_numeric in zip(columns, numeric, strict=True):
        table.add_column(column, justify="right" if is_numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    out.print(table)


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1 else f"{value:,.4f}".rstrip("0").rstrip(".")
    return escape(str(value))


def parse_date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} is not a date.", "Write it as 2025-08-14.") from None


def print_version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


class _Options:
    """The options that stand before the command."""

    debug = False


@app.callback()
def configure(
    debug: Annotated[
        bool, typer.Option("--debug", help="Print the trace of an error too.")
    ] = False,
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=print_version, is_eager=True),
    ] = False,
) -> None:
    _Options.debug = debug
    level = os.environ.get("FOOTFALL_LOG_LEVEL") or "WARNING"
    if level.upper() not in LOG_LEVELS:
        raise UsageError(
            f"FOOTFALL_LOG_LEVEL={level} is not valid; allowed: {', '.join(LOG_LEVELS)}.",
            "Correct or unset FOOTFALL_LOG_LEVEL.",
        )
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        # Looked up at each use: whoever calls the command line may have put another in its place.
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )


@app.command()
def setup() -> None:
    """Prepare Java, Delta's jars and the Spark configuration in FOOTFALL_HOME.

    Example: `footfall setup`
    """
    from footfall.spark.java import find_java_home
    from footfall.spark.session import prepare, prepare_archive

    settings = prepare()
    fast = prepare_archive(settings)
    slow = "" if fast else ", without a class-data archive"
    ready = f"Ready: Java at {find_java_home()}{slow}, state in {settings.home}"
    out.print(escape(ready), soft_wrap=True)


@app.command()
def demo(
    days: Annotated[int, typer.Option(min=1, help="Days of data.")] = 14,
    users: Annotated[int, typer.Option(min=1, help="Number of users.")] = 2000,
    as_json: JsonOption = False,
) -> None:
    """Run the main job on generated data and say what was built.

    Example: `footfall demo --days 7 --users 500`
    """
    from footfall.demo import run_demo

    def run_step(name: str, step: Callable[[], object]) -> None:
        log.print(f"[bold]▸ {name}[/bold]")
        step()

    with progress_bar("demo") as progress:
        result = run_demo(days=days, users=users, progress=progress, run_step=run_step)
    if as_json:
        print_json(
            {
                "seconds": result.seconds,
                "tables": [status.model_dump() for status in result.tables],
                "export": result.export,
                "dashboard": result.dashboard,
            }
        )
        return
    built = [
        [status.table, status.rows]
        for status in result.tables
        if status.layer in ("gold", "training", "quality")
    ]
    print_table("Built", ["table", "rows"], built)
    steps = [[name, round(seconds, 1)] for name, seconds in result.seconds.items()]
    steps.append(["total", round(sum(result.seconds.values()), 1)])
    print_table("Steps", ["step", "seconds"], steps)
    out.print(f"Dashboard  {result.dashboard}", soft_wrap=True)
    out.print(f"Sequences  {result.export} (padded, {result.export_day})", soft_wrap=True)
    out.print(
        "\nNext:\n"
        "  source .venv/bin/activate\n"
        '  footfall query "select * from footfall_gold.fct_active_users_daily '
        'order by metric_date desc limit 7"\n'
        "  dbt build                       # nothing new: no table is rewritten\n"
        "  dbt docs generate && dbt docs serve --host 127.0.0.1",
        soft_wrap=True,
        markup=False,
        highlight=False,
    )


@app.command()
def generate(
    out_dir: Annotated[Path, typer.Option("--out", help="Folder for the landing files.")],
    workload: Annotated[
        Workload, typer.Option(help="product: all sources, with dirt. training: the shop, large.")
    ] = Workload.product,
    days: Annotated[
        int | None, typer.Option(min=1, help="Days of data: by default 14, for training 1.")
    ] = None,
    users: Annotated[
        int | None, typer.Option(min=1, help="product: number of users, by default 2000.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Same seed, same files.")] = 1,
    start: Annotated[str, typer.Option(help="First day, for example 2025-08-01.")] = "2025-08-01",
    scale: Annotated[
        float, typer.Option(min=0.0, help="Multiplies the users; training: 1 is production.")
    ] = 1.0,
    history_days: Annotated[
        int | None, typer.Option(min=0, help="training: days before the first, as a checkpoint.")
    ] = None,
    history_buckets: Annotated[
        int | None, typer.Option(min=1, help="training: buckets of the checkpoint, by default 64.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option(help="training: print rows and approximate bytes; write nothing.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Write landing files of a workload, and `truth.json` about them.

    product: sample files of all twelve entities, with stated dirt. training: the shop's four
    entities without dirt, 10 million customers at scale 1, and on demand a checkpoint of each
    customer's last actions before the first day.

    Example: `footfall generate --out /tmp/landing --days 14 --users 2000 --seed 1`

    Example: `footfall generate --workload training --out /tmp/landing --scale 0.02 --days 3`

    Example: `footfall generate --workload training --out /tmp/landing --history-days 365 --dry-run`
    """
    from footfall.generate import TrainingPlan, estimate_training, generate_training
    from footfall.generate import generate as generate_files

    if workload is Workload.training:
        _refuse_options(workload, {"--users": users})
        if history_buckets and not history_days:
            raise UsageError(
                "--history-buckets is of a history.", "Give --history-days, or leave it out."
            )
        plan = TrainingPlan(
            days=days or 1,
            seed=seed,
            start=parse_date(start),
            scale=scale,
            history_days=history_days or 0,
            history_buckets=history_buckets or 64,
        )
        if dry_run:
            truth = estimate_training(plan)
        else:
            with progress_bar("generate") as progress:
                truth = generate_training(out_dir, plan, progress)
        columns = ["rows", "bytes"] if dry_run else ["files", "rows", "bytes"]
    else:
        _refuse_options(
            workload,
            {
                "--history-days": history_days,
                "--history-buckets": history_buckets,
                "--dry-run": dry_run or None,
            },
        )
        with progress_bar("generate") as progress:
            truth = generate_files(
                out_dir,
                days or 14,
                users or 2000,
                seed,
                parse_date(start),
                scale=scale,
                progress=progress,
            )
        columns = ["files", "rows", "accepted", "duplicates", "quarantined"]
    if as_json:
        print_json(truth)
        return
    rows = [
        [name, *(entity[column] for column in columns)]
        for name, entity in truth["entities"].items()
    ]
    if history := truth.get("history"):
        rows.append(["history", *(history[column] for column in columns)])
    print_table(
        escape(f"Would write to {out_dir}, about" if dry_run else f"Written to {out_dir}"),
        ["entity", *columns],
        rows,
    )
    if history:
        out.print(f"The history has {history['actions']:,} actions.")


def _refuse_options(workload: Workload, options: dict[str, Any]) -> None:
    """Raise UsageError if an option is given that does not belong to the workload."""
    for option, value in options.items():
        if value is not None:
            raise UsageError(
                f"{option} does not belong to the workload {workload.value}.",
                f"Leave {option} out, or choose another --workload.",
            )


@app.command()
def ingest(
    entity: Annotated[str, typer.Argument(help="SOURCE.ENTITY, e.g. product.interactions.")],
    paths: Annotated[list[str], typer.Argument(help="Files, folders or globs.")],
    mapping: Annotated[
        Path | None, typer.Option(help="A yaml file that adapts columns and values.")
    ] = None,
    file_format: Annotated[
        FileFormat | None, typer.Option("--format", help="By default the file name tells.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Load files into bronze. A file that was loaded before is skipped.

    A file that cannot be read is rejected whole and recorded; the others load. Exit code 1 says
    that at least one was rejected.

    Example: `footfall ingest product.interactions landing/2025-08-*.parquet`

    Example: `footfall ingest app.interactions exports/ --mapping mappings/puffy_interactions.yml`
    """
    from footfall.ingest import RejectedFile
    from footfall.ingest import ingest as ingest_files

    def tell(rejected: RejectedFile) -> None:
        if not as_json:
            log.print(f"[red]rejected[/red] {escape(rejected.reason)}", soft_wrap=True)

    with progress_bar("ingest") as progress:
        report = ingest_files(
            entity,
            paths,
            mapping=mapping,
            file_format=file_format.value if file_format else None,
            progress=progress,
            tell=tell,
        )
    if as_json:
        print_json(report.model_dump())
    else:
        out.print(
            f"{entity}: {count(report.rows, 'row')} from {count(len(report.loaded), 'file')} "
            f"loaded, {count(len(report.skipped), 'file')} loaded before, "
            f"{len(report.rejected)} rejected."
        )
        if report.rows_not_selected:
            left_out = count(report.rows_not_selected, "row")
            out.print(f"{left_out} left out: the mapping's where does not select them.")
        if report.ignored_columns:
            out.print(f"Columns that nothing uses: {', '.join(report.ignored_columns)}.")
        if report.conversions:
            out.print(f"Converted: {escape('; '.join(report.conversions))}.")
    if report.rejected:
        raise typer.Exit(1)


@app.command("export-sequences")
def export_sequences(
    out_dir: Annotated[str, typer.Option("--out", metavar="FOLDER", help="Local target folder.")],
    day: Annotated[str | None, typer.Option("--date", help="Day of the impressions.")] = None,
    start: Annotated[str | None, typer.Option(help="First of several days instead.")] = None,
    end: Annotated[str | None, typer.Option(help="Last of them, included.")] = None,
    file_format: Annotated[
        SequenceFormat | None,
        typer.Option("--format", help="padded (default): one flat table of fixed length."),
    ] = None,
    shard_rows: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="About how many rows a shard has; by default 2,000,000 samples, 250,000 "
            "sequences, 250,000 padded rows.",
        ),
    ] = None,
    shuffle_seed: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=2**63 - 1,
            help="Shuffle the samples (padded: the rankings); same seed, same order.",
        ),
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Only check the exports that FOLDER holds.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Write days of training data as Parquet shards, each day with a manifest.

    An export that was interrupted continues with the same command. With --verify, files are held
    against their manifests, without Spark; exit code 1 says that something is broken.

    Example: `footfall export-sequences --date 2025-08-14 --out export --format compact`

    Example: `footfall export-sequences --start 2025-08-01 --end 2025-08-14 --out export
    --shuffle-seed 7`

    Example: `footfall export-sequences --verify --out export`
    """
    from footfall.sequences import ExportFormat, find_days, local_folder, verify_exports
    from footfall.sequences import export_sequences as export
    from footfall.spark.session import get_session

    if bool(start) != bool(end) or (day and start):
        raise UsageError("Days are named in two ways, or by half.", "Use --date, or --start --end.")
    first, last = (parse_date(text) if text else None for text in (day or start, day or end))
    if first and last and first > last:
        raise UsageError(f"--start {first} is after --end {last}.", "Exchange them.")
    folder = local_folder(out_dir)
    chosen = ExportFormat(file_format.value) if file_format else None
    if verify:
        if shard_rows or shuffle_seed is not None:
            raise UsageError("--verify writes nothing.", "Leave out the options of an export.")
        with progress_bar("verify") as progress:
            verified = verify_exports(folder, first, last, chosen, progress)
        _print_verified(verified, as_json)
        return
    if not first or not last:
        raise UsageError("No day is named.", "Add --date 2025-08-14, or --start and --end.")
    with progress_bar("export") as progress:
        spark = get_session()
        days = find_days(spark, first, last, get_settings())
        manifests = [
            export(
                spark,
                found,
                folder,
                chosen or ExportFormat.padded,
                shard_rows=shard_rows,
                shuffle_seed=shuffle_seed,
                days=days,
                progress=progress,
                say=lambda line: log.print(escape(line), soft_wrap=True),
            )
            for found in days.samples
        ]
    all_days = (first + timedelta(days=number) for number in range((last - first).days + 1))
    empty = [day for day in all_days if day not in days.samples]
    if as_json:
        exports = [manifest.model_dump() for manifest in manifests]
        print_json({"out": folder, "exports": exports, "days_without_samples": empty})
        return
    rows = [
        [shard.file, shard.rows, shard.bytes] for manifest in manifests for shard in manifest.shards
    ]
    print_table(f"In {folder}", ["shard", "rows", "bytes"], rows)
    if empty:
        without = ", ".join(map(str, empty))
        log.print(f"[yellow]Days without samples, not exported:[/yellow] {without}", soft_wrap=True)


def _print_verified(exports: list[Verified], as_json: bool) -> None:
    findings = [finding for export in exports for finding in export.findings]
    if as_json:
        print_json({"ok": not findings, "exports": [export.model_dump() for export in exports]})
    else:
        print_table(
            "Checked",
            ["export", "shards", "rows", "broken"],
            [[e.manifest, e.shards, e.rows, len(e.findings)] for e in exports],
        )
        for finding in findings:
            out.print(
                f"[red]✗[/red] {escape(finding.file)} {escape(finding.problem)}", soft_wrap=True
            )
    if findings:
        raise FootfallError(
            f"{count(len(findings), 'finding')} in "
            f"{count(sum(bool(e.findings) for e in exports), 'export')}.",
            "Remove the broken files, and run the command that wrote them: it writes them again.",
        )


@app.command()
def backfill(
    more: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID | MODEL…]", help="ID of --resume, or more for --select."),
    ] = None,
    start: Annotated[str | None, typer.Option(help="First day, for example 2025-08-01.")] = None,
    end: Annotated[str | None, typer.Option(help="Last day, included.")] = None,
    days: Annotated[str | None, typer.Option(help="Single days instead: D,D,…")] = None,
    gaps: Annotated[bool, typer.Option("--gaps", help="Missing and stale days instead.")] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the newest unfinished one, or ID.")
    ] = False,
    select: Annotated[
        list[str] | None,
        typer.Option(help="dbt selection; by default all incremental marts and training models."),
    ] = None,
    parallel: Annotated[int, typer.Option(min=1, help="dbt runs at a time.")] = 1,
    chunk_days: Annotated[int, typer.Option(min=1, help="Days per dbt run.")] = 7,
    reason: Annotated[str | None, typer.Option(help="For the record.")] = None,
    dry_run: Annotated[bool, typer.Option(help="List what would run; write nothing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Rebuild days of marts and training tables, also beside a daily run.

    Each dbt run is a row of `footfall_quality.dq_backfills`. After a kill, the same command
    continues. Exit code 1 says that a run failed.

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
            "--resume, --gaps and days exclude each other.", "Use one; --resume stands alone."
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
            say=lambda line: log.print(escape(line), soft_wrap=True),
        )
    if as_json:
        print_json(report.model_dump(mode="json"))
    else:
        _print_backfill(report, dry_run)
    if report.failed:
        first = report.failed[0]
        raise FootfallError(
            f"{len(report.failed)} of {count(len(report.chunks), 'run')} failed; "
            f"the first: {first.error}",
            f"Mend the cause, then `footfall backfill --resume {report.backfill_id}`.",
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
        out.print("No gaps: nothing to run.")
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
    dry_run: Annotated[bool, typer.Option(help="Count the files and delete nothing.")] = False,
    retain_hours: Annotated[int, typer.Option(help="How long old versions stay readable.")] = 168,
    force: Annotated[bool, typer.Option(help="Allow less than 168 hours.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Delete files that no recent table version needs (`VACUUM … RETAIN 168 HOURS`).

    Example: `footfall maintain --dry-run`
    """
    from footfall.maintain import require_retention, vacuum
    from footfall.spark.session import get_session

    require_retention(retain_hours, force=force)
    with progress_bar("vacuum") as progress:
        results = vacuum(
            get_session(),
            retain_hours=retain_hours,
            dry_run=dry_run,
            force=force,
            progress=progress,
        )
    if as_json:
        print_json([result.model_dump() for result in results])
        return
    title = "Would be deleted" if dry_run else "Deleted"
    print_table(title, ["statement", "files"], [[r.statement, r.files] for r in results])


@app.command()
def repair(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would change; change nothing.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Register the tables again: of a home that was copied or moved, or lost its metastore.

    No table is read, rebuilt or written; views that were lost with the metastore are made by dbt.
    A repair that was interrupted is ended by the same command.

    Example: `footfall repair --dry-run`

    Example: `FOOTFALL_HOME=/mnt/copy footfall repair`
    """
    from footfall.home.repair import check_repaired
    from footfall.home.repair import repair as repair_home

    with progress_bar("repair") as progress:
        report = repair_home(dry_run=dry_run, progress=progress)
    if as_json:
        print_json(report.model_dump(mode="json"))
    else:
        _print_repair(report, dry_run)
    check_repaired(report)


def _print_repair(report: RepairReport, dry_run: bool) -> None:
    if report.tables:
        rows = [[table.table, table.action.value, table.remark] for table in report.tables]
        print_table("Would be done" if dry_run else "Tables", ["table", "what", "remark"], rows)
    if not report.needed:
        out.print(f"{report.home} needs no repair.", soft_wrap=True)
        return
    for other in report.moved_from:
        out.print(f"From {other} to {report.home}", soft_wrap=True)
    if report.set_aside:
        out.print(f"The damaged metastore was set aside: {report.set_aside}", soft_wrap=True)
    if report.views:
        out.print(f"Views made again: {', '.join(report.views)}", soft_wrap=True)
    if not dry_run:
        out.print("Done. Next: `footfall status`; a `dbt build` finds nothing new.")


@app.command()
def erase(
    user: Annotated[
        str | None, typer.Option(help="The person's id in the product and the app.")
    ] = None,
    customer: Annotated[
        str | None, typer.Option(help="The person's id in the shop and the CRM.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Why. It is recorded; do not name the id.")] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Count rows and dates, write nothing.")
    ] = False,
    purge: Annotated[
        bool,
        typer.Option("--purge", help="Remove the files now too. Ends time travel for the tables."),
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Only tell whether the person was erased before.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Remove a person from every table and recompute what the person's rows went into.

    A command that was interrupted is finished by the same command. With --check, exit code 1 says
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
        if as_json:
            print_json([entry.model_dump() for entry in entries])
        elif entries:
            columns = list(entries[0].model_dump())
            rows = [list(entry.model_dump().values()) for entry in entries]
            print_table("Erased", columns, rows)
        if not entries:
            raise FootfallError(
                "No erasure of this id is recorded.",
                "Ids are compared as they were delivered, and under the key of that time.",
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
    if as_json:
        print_json(report.model_dump())
        return
    title = "Would be deleted" if dry_run else "Deleted"
    print_table(title, ["table", "rows"], [list(item) for item in report.rows.items()])
    days = ", ".join(day.isoformat() for day in report.dates) or "none"
    out.print(f"Dates {'to recompute' if dry_run else 'recomputed'}: {days}", soft_wrap=True)
    if report.rebuilt:
        out.print(f"Staging rebuilt from bronze: {', '.join(report.rebuilt)}", soft_wrap=True)
    if report.purged:
        out.print("The files are gone; the tables that held the person have no earlier versions.")
    elif not dry_run:
        out.print(
            "Earlier versions still hold the rows. Next: `footfall erase` with the same ids and "
            "--purge removes them now; `footfall maintain` removes the files after 168 hours, "
            "and Delta its log entries after 30 days.",
            soft_wrap=True,
        )


@app.command()
def query(
    sql: Annotated[str, typer.Argument(help="A Spark SQL statement.")],
    output: Annotated[OutputFormat, typer.Option("--format", help="How to print.")] = (
        OutputFormat.table
    ),
    write: Annotated[
        bool,
        typer.Option("--write", help="Run any statement, also one that writes or reads files."),
    ] = False,
) -> None:
    """Run SQL that reads the project's tables; exit code 2 refuses what writes or reads files.

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
        writer = csv.writer(sys.stdout)
        writer.writerow(frame.columns)
        writer.writerows([_csv_value(value) for value in row.values()] for row in rows)
    else:
        if frame.columns:
            print_table("", frame.columns, [list(row.values()) for row in rows])
        else:
            out.print("Done. The statement has no rows to show.")


def _csv_value(value: Any) -> Any:
    if isinstance(value, (list, dict)):
        return json.dumps(value, default=str, ensure_ascii=False)
    return value.isoformat(sep=" ") if isinstance(value, datetime) else value


@app.command()
def status(as_json: JsonOption = False) -> None:
    """List the tables with rows, newest load, last change and size.

    `--json` adds their age in hours and the size in bytes.

    Example: `footfall status --json`
    """
    from footfall.project.tables import table_status
    from footfall.spark.session import get_session

    statuses = table_status(get_session(join_others=True))
    broken = [table for table in statuses if table.problem]
    if as_json:
        print_json([table.model_dump() for table in statuses])
    elif not statuses:
        raise FootfallError(
            f"There are no tables in {get_settings().home} yet.", "Run `footfall demo`."
        )
    else:
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
    if broken:
        problems = "\n  ".join(f"{table.problem}" for table in broken)
        fixes = dict.fromkeys(table.fix for table in broken if table.fix)
        raise FootfallError(
            f"{len(broken)} of {count(len(statuses), 'table')} cannot be read.\n  {problems}",
            "\n  → ".join(fixes),
        )


@app.command()
def doctor(as_json: JsonOption = False) -> None:
    """Check Python, Java, jars, memory and the home folder, with the fix for each failure.

    Example: `footfall doctor`
    """
    from footfall.doctor import run_checks

    checks = []
    for check in run_checks(get_settings()):
        checks.append(check)
        if not as_json:
            mark = "[green]✓[/green]" if check.ok else "[red]✗[/red]"
            out.print(f"{mark} {check.name}: {escape(check.found)}", soft_wrap=True)
            if not check.ok:
                out.print(f"  → {escape(check.fix)}", soft_wrap=True)
    if as_json:
        print_json([check.model_dump() for check in checks])
    if not all(check.ok for check in checks):
        raise typer.Exit(1)


@app.command()
def dashboard(
    out_file: Annotated[Path, typer.Option("--out", help="The HTML file to write.")],
    as_json: JsonOption = False,
) -> None:
    """Write the marts as one self-contained HTML page.

    Example: `footfall dashboard --out dashboard.html`
    """
    from footfall.report import build_dashboard, page_file
    from footfall.spark.session import get_session

    report = build_dashboard(page_file(out_file), get_session(), get_settings())
    if as_json:
        print_json(report.model_dump())
    else:
        out.print(f"Written: {escape(str(out_file))}", soft_wrap=True)


def _fail(error: Exception) -> NoReturn:
    """Print one message, keep the trace in the log, and exit."""
    command = " ".join(["footfall", *(name for name in sys.argv[1:] if name in _commands())][:2])
    told = error if isinstance(error, FootfallError) else explain(error)
    log.print(f"[red]Error:[/red] {escape(told.message)}", soft_wrap=True)
    if told.fix:
        log.print(f"  → {escape(told.fix)}", soft_wrap=True)
    if told is not error or (error.__cause__ and told.exit_code == 1):
        file = log_trace(error, command)
        if file and not _Options.debug:
            log.print(f"  Trace: {escape(str(file))}", soft_wrap=True)
    if _Options.debug:
        print(trace_of(error), file=sys.stderr)
    sys.exit(told.exit_code)


def _commands() -> set[str]:
    return {
        str(known.name or known.callback.__name__)
        for known in app.registered_commands
        if known.callback
    }


def main() -> None:
    """Run the command line. An error is one message; its trace goes to the log of the home."""
    _Options.debug = False
    with interrupts.installed():
        try:
            app()
        except Exception as error:
            _fail(error)


if __name__ == "__main__":
    main()
