"""Commands that bring data in and out: landing files, bronze, exports, the dashboard."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from footfall.cli.app import app
from footfall.cli.arguments import (
    FileFormat,
    SequenceFormat,
    Tracker,
    Workload,
    parse_date,
    parse_feeds,
    parse_seconds,
)
from footfall.cli.logs import is_structured
from footfall.cli.output import (
    JsonOption,
    out,
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
    from footfall.generate import FileSink, KafkaSink, Stream
    from footfall.ingest import Feed, IngestReport
    from footfall.object_store import DataPath
    from footfall.sequences import ExportManifest, Verified


FILE_SECONDS = 10.0


@app.command()
def generate(
    out_dir: Annotated[
        Path | None, typer.Option("--out", help="Folder for the landing files.")
    ] = None,
    workload: Annotated[
        Workload, typer.Option(help="product: all sources, with dirt. training: the shop, large.")
    ] = Workload.product,
    days: Annotated[
        int | None, typer.Option(min=1, help="Days of data: 14 by default, 1 for training.")
    ] = None,
    users: Annotated[
        int | None, typer.Option(min=1, help="product: number of users, by default 2000.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Same seed, same files.")] = 1,
    start: Annotated[str, typer.Option(help="First day, for example 2025-08-01.")] = "2025-08-01",
    scale: Annotated[
        float, typer.Option(min=0.0, help="Multiplies the users; for training, 1 is production.")
    ] = 1.0,
    history_days: Annotated[
        int | None, typer.Option(min=0, help="training: days of history, as a checkpoint.")
    ] = None,
    history_buckets: Annotated[
        int | None, typer.Option(min=1, help="training: buckets of the checkpoint, by default 64.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option(help="training: print rows and approximate bytes; write nothing.")
    ] = False,
    stream: Annotated[
        bool, typer.Option("--stream", help="Write rows that happen now, until Ctrl-C.")
    ] = False,
    rows_per_second: Annotated[
        float | None, typer.Option(min=0.1, help="--stream: of all entities, by default 100.")
    ] = None,
    last: Annotated[str | None, typer.Option("--for", help="--stream: end after 30s, 5m.")] = None,
    kafka: Annotated[
        str | None, typer.Option(help="--stream: to Kafka, HOST:PORT,…, instead of --out.")
    ] = None,
    topic: Annotated[
        list[str] | None, typer.Option(help="--stream: SOURCE.ENTITY=TOPIC; may be repeated.")
    ] = None,
    tracker: Annotated[
        Tracker | None, typer.Option("--as", help="product: in the form of a tracker's export.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write landing files of a workload, and `truth.json`, which describes them.

    product: sample files of twelve entities, with stated dirt. training: the shop's four
    entities without dirt, 10 million customers at scale 1, and optionally a checkpoint of each
    customer's last actions before the first day. --stream: interactions of product and app at a
    steady rate, as JSON in files of ten seconds or as Kafka messages.

    Example: `footfall generate --out /tmp/landing --days 14 --users 2000 --seed 1`

    Example: `footfall generate --as segment --out /tmp/segment --days 7`

    Example: `footfall generate --workload training --out /tmp/landing --scale 0.02 --days 3`

    Example: `footfall generate --workload training --out /tmp/landing --history-days 365 --dry-run`

    Example: `footfall generate --stream --out /tmp/landing --rows-per-second 50`

    Example: `footfall generate --stream --kafka broker:9092 --topic app.interactions=app --for 5m`
    """
    rate = {"--rows-per-second": rows_per_second, "--for": last, "--kafka": kafka, "--topic": topic}
    if stream:
        shape = {"--days": days, "--history-days": history_days, "--dry-run": dry_run or None}
        _refuse_options("--stream", shape)
        found, sink = _stream_into(out_dir, kafka, topic, users or 2000, seed)
        _write_stream(found, sink, rows_per_second or 100, last, as_json)
        return
    _refuse_options("files without --stream", rate)
    if out_dir is None:
        raise UsageError("The folder is not named.", "Add --out FOLDER.")
    from footfall.generate import TrainingPlan, estimate_training, generate_training
    from footfall.generate import generate as generate_files

    if tracker is not None:
        _refuse_options(
            "--as",
            {"--history-days": history_days, "--dry-run": dry_run or None},
        )
        _write_as(tracker, out_dir, days or 14, users or 2000, seed, start, as_json)
        return
    if workload is Workload.training:
        _refuse_options(f"the workload {workload.value}", {"--users": users})
        if history_buckets and not history_days:
            raise UsageError(
                "--history-buckets needs --history-days.", "Add --history-days, or leave it out."
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
            f"the workload {workload.value}",
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
    title = (
        f"Would write to {out_dir} (approximate figures)" if dry_run else f"Written to {out_dir}"
    )
    print_result(truth, as_json, lambda: _print_truth(truth, title, columns))


def _write_as(
    tracker: Tracker, out_dir: Path, days: int, users: int, seed: int, start: str, as_json: bool
) -> None:
    from footfall.generate.trackers import generate_as

    with progress_bar("generate") as progress:
        truth = generate_as(
            tracker.value, out_dir, days, users, seed, parse_date(start), progress=progress
        )
    events = f"{count(truth['events'], 'event')} in {count(truth['files'], 'file')}"
    print_result(
        truth, as_json, lambda: print_line(f"{out_dir}: {events} as {tracker.value} exports them.")
    )


def _print_truth(truth: dict[str, Any], title: str, columns: list[str]) -> None:
    rows = [
        [name, *(entity[column] for column in columns)]
        for name, entity in truth["entities"].items()
    ]
    if history := truth.get("history"):
        rows.append(["history", *(history[column] for column in columns)])
    print_table(escape(title), ["entity", *columns], rows)
    if history:
        out.print(f"The history has {history['actions']:,} actions.")


def _refuse_options(wanted: str, options: dict[str, Any]) -> None:
    """Raise UsageError if an option is given that does not belong to what is wanted."""
    for option, value in options.items():
        if value is not None:
            raise UsageError(
                f"{option} does not belong to {wanted}.",
                f"Leave {option} out, or ask for something else: see --help.",
            )


def _stream_into(
    out_dir: Path | None, kafka: str | None, topics: list[str] | None, users: int, seed: int
) -> tuple[list[Stream], FileSink | KafkaSink]:
    from footfall.generate import FileSink, KafkaSink, streams

    if bool(out_dir) == bool(kafka) or bool(kafka) != bool(topics):
        raise UsageError(
            "A stream goes into files or into topics.", "Add --out, or --kafka and --topic."
        )
    if kafka and topics:
        into = {feed.entity: feed.topic.name for feed in parse_feeds(kafka, topics)}
        return list(streams(users, seed, list(into))), KafkaSink(kafka, into)
    assert out_dir is not None
    return list(streams(users, seed)), FileSink(out_dir, FILE_SECONDS)


def _write_stream(
    found: list[Stream],
    sink: FileSink | KafkaSink,
    rows_per_second: float,
    last: str | None,
    as_json: bool,
) -> None:
    from footfall.generate import write_stream
    from footfall.interrupts import asked_to_end

    seconds = parse_seconds(last) if last else None
    with asked_to_end() as asked:
        written = write_stream(found, sink, rows_per_second, asked, seconds)
    lines = [f"{entity}: {count(rows, 'row')}" for entity, rows in written.items()]
    print_result({"rows": written}, as_json, lambda: print_line("\n".join(lines)))


@app.command()
def ingest(
    entity: Annotated[
        str | None,
        typer.Argument(
            help="SOURCE.ENTITY, e.g. product.interactions; without it, all that the mapping names."
        ),
    ] = None,
    paths: Annotated[list[str] | None, typer.Argument(help="Files, folders or globs.")] = None,
    landing: Annotated[
        str | None,
        typer.Option(help="In place of both: all files of LANDING/<source>/<entity>/, or s3a://…."),
    ] = None,
    mapping: Annotated[
        Path | None, typer.Option(help="A yaml file that adapts columns and values.")
    ] = None,
    file_format: Annotated[
        FileFormat | None, typer.Option("--format", help="By default taken from the file name.")
    ] = None,
    kafka: Annotated[
        str | None, typer.Option(help="Read a topic of these servers: HOST:PORT,…")
    ] = None,
    topic: Annotated[
        list[str] | None,
        typer.Option(help="The topic; its values are JSON. More of them as SOURCE.ENTITY=TOPIC."),
    ] = None,
    until_caught_up: Annotated[
        bool, typer.Option("--until-caught-up", help="Kafka: end with what there is now.")
    ] = False,
    from_earliest: Annotated[
        bool,
        typer.Option(
            "--from-earliest",
            help="Kafka: begin with the oldest messages that there are, also those loaded before.",
        ),
    ] = False,
    every: Annotated[str, typer.Option(help="Kafka: time between two loads.")] = "10s",
    as_json: JsonOption = False,
) -> None:
    """Load files or a Kafka topic into bronze. What was loaded before is skipped.

    A file that cannot be read is rejected as a whole and recorded; the others are loaded. Exit
    code 1 means that at least one was rejected. A message that cannot be read is a row of
    `dq_quarantine`. A topic is read until Ctrl-C or SIGTERM, which end after the load in hand.

    Example: `footfall ingest product.interactions landing/2025-08-*.parquet`

    Example: `footfall ingest app.interactions exports/ --mapping mappings/puffy_interactions.yml`

    Example: `footfall ingest segment/ --mapping mappings/segment.yml`

    Example: `footfall ingest --landing /data/landing`

    Example: `footfall ingest shop.clicks s3a://bucket/landing/clicks/`

    Example: `footfall ingest product.interactions --kafka 127.0.0.1:9092 --topic interactions
    --topic app.interactions=app`
    """
    if kafka or topic:
        if not (kafka and topic) or paths or landing or file_format:
            raise UsageError(
                "--kafka and --topic go together, without files and --format.",
                "Name the servers and the topic, or files.",
            )
        feeds = parse_feeds(kafka, topic, entity, mapping)
        _ingest_topics(feeds, until_caught_up, from_earliest, every, as_json)
        return
    from footfall.ingest import RejectedFile
    from footfall.ingest import ingest as ingest_files

    files_of = _files_to_load(entity, paths or [], landing, mapping)

    def tell(rejected: RejectedFile) -> None:
        # The log has it anyway, as file_rejected.
        if not as_json and not is_structured():
            say(rejected.reason, "rejected", "red")

    reports = []
    for name, files in files_of.items():
        with progress_bar(f"ingest {name}") as progress:
            reports.append(
                ingest_files(
                    name,
                    files,
                    mapping=mapping,
                    file_format=file_format.value if file_format else None,
                    progress=progress,
                    tell=tell,
                )
            )

    def show() -> None:
        for report in reports:
            _print_ingested(report.source, report)

    print_result(reports[0] if len(reports) == 1 and not landing else reports, as_json, show)
    if any(report.rejected for report in reports):
        raise typer.Exit(1)


def _files_to_load(
    entity: str | None, paths: list[str], landing: str | None, mapping: Path | None
) -> dict[str, list[str]]:
    """Return the files, folders and globs for each entity.

    Args:
        entity: its name; with a mapping that names entities, a path.
    """
    from footfall.continuous import landing_files, landing_folder
    from footfall.ingest import mapped_entities
    from footfall.project.contracts import load_contracts

    if landing:
        if entity or mapping:
            raise UsageError(
                "--landing loads what each entity's contract describes, and takes no names.",
                "Leave out the entity and --mapping, or --landing.",
            )
        folder = landing_folder(landing)
        assert folder is not None
        return landing_files(folder)
    is_entity = entity in load_contracts()
    if entity and mapping and not is_entity and (mapped := mapped_entities(mapping)):
        return {name: [entity, *paths] for name in mapped}
    if not entity or not paths:
        raise UsageError(
            "There is nothing to load.", "Name files or folders, --landing, or --kafka."
        )
    return {entity: paths}


def _ingest_topics(
    feeds: list[Feed], until_caught_up: bool, from_earliest: bool, every: str, as_json: bool
) -> None:
    from footfall.ingest import ingest_topics

    reports = ingest_topics(
        feeds,
        until_caught_up=until_caught_up,
        from_earliest=from_earliest,
        every_seconds=parse_seconds(every),
        say=say,
    )

    def show() -> None:
        for report in reports:
            print_line(
                f"{report.source}: {count(report.rows, 'message')} of topic {report.topic} loaded, "
                f"{report.rows_with_errors} of them with errors."
            )

    print_result(reports, as_json, show)


def _print_ingested(entity: str, report: IngestReport) -> None:
    print_line(
        f"{entity}: {count(report.rows, 'row')} from {count(len(report.loaded), 'file')} "
        f"loaded, {count(len(report.skipped), 'file')} loaded before, "
        f"{len(report.rejected)} rejected."
    )
    if report.rows_not_selected:
        left_out = count(report.rows_not_selected, "row")
        print_line(f"{left_out} left out: the mapping does not select them.")
    if report.ignored_columns:
        print_line(f"Columns that nothing uses: {', '.join(report.ignored_columns)}.")
    if report.conversions:
        print_line(f"Converted: {'; '.join(report.conversions)}.")


@app.command("export-sequences")
def export_sequences(
    out_dir: Annotated[
        str, typer.Option("--out", metavar="FOLDER", help="Target folder, or s3a://….")
    ],
    day: Annotated[
        str | None, typer.Option("--date", help="Day of the impressions, or `newest`.")
    ] = None,
    start: Annotated[
        str | None, typer.Option(help="First day of a range, instead of --date.")
    ] = None,
    end: Annotated[str | None, typer.Option(help="Last day of the range, included.")] = None,
    file_format: Annotated[
        SequenceFormat | None,
        typer.Option("--format", help="padded (default): one flat table of fixed length."),
    ] = None,
    shard_rows: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Approximate rows per shard; by default 2,000,000 samples, 250,000 "
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
        bool, typer.Option("--verify", help="Only check the exports in FOLDER.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Write days of training data as Parquet shards, each day with a manifest.

    The same command continues an export that was interrupted. With --verify, files are checked
    against their manifests, without Spark; exit code 1 means that something is broken.

    Example: `footfall export-sequences --date 2025-08-14 --out export --format compact`

    Example: `footfall export-sequences --start 2025-08-01 --end 2025-08-14 --out export
    --shuffle-seed 7`

    Example: `footfall export-sequences --date newest --out export`

    Example: `footfall export-sequences --verify --out export`

    Example: `footfall export-sequences --date 2025-08-14 --out s3a://bucket/export`
    """
    from footfall.sequences import ExportFormat, export_folder, find_days, verify_exports
    from footfall.sequences import export_sequences as export
    from footfall.spark.session import get_session

    if bool(start) != bool(end) or (day and start):
        raise UsageError(
            "The days are given in two ways, or a range lacks one of its ends.",
            "Use --date, or --start and --end.",
        )
    is_newest = day == "newest" and not verify
    if is_newest:
        day = None
    first, last = (parse_date(text) if text else None for text in (day or start, day or end))
    if first and last and first > last:
        raise UsageError(f"--start {first} is after --end {last}.", "Swap --start and --end.")
    folder = export_folder(out_dir)
    chosen = ExportFormat(file_format.value) if file_format else None
    if verify:
        if shard_rows or shuffle_seed is not None:
            raise UsageError(
                "--verify writes nothing.", "Leave out --shard-rows and --shuffle-seed."
            )
        with progress_bar("verify") as progress:
            verified = verify_exports(folder, first, last, chosen, progress)
        _report_verified(verified, as_json)
        return
    if not is_newest and not (first and last):
        raise UsageError("No day is given.", "Add --date 2025-08-14, or --start and --end.")
    with progress_bar("export") as progress:
        spark = get_session()
        days = find_days(spark, first, last, get_settings())
        first, last = first or min(days.samples), last or max(days.samples)
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
                say=say,
            )
            for found in days.samples
        ]
    all_days = (first + timedelta(days=number) for number in range((last - first).days + 1))
    empty = [day for day in all_days if day not in days.samples]
    exported = {"out": str(folder), "exports": manifests, "days_without_samples": empty}
    print_result(exported, as_json, lambda: _print_exported(folder, manifests, empty))


def _print_exported(folder: DataPath, manifests: list[ExportManifest], empty: list[date]) -> None:
    rows = [
        [shard.file, shard.rows, shard.bytes] for manifest in manifests for shard in manifest.shards
    ]
    print_table(escape(f"In {folder}"), ["shard", "rows", "bytes"], rows)
    if empty:
        without = ", ".join(map(str, empty))
        say(without, "Days without samples, not exported:", "yellow")


def _report_verified(exports: list[Verified], as_json: bool) -> None:
    findings = [finding for export in exports for finding in export.findings]

    def show() -> None:
        print_table(
            "Checked",
            ["export", "shards", "rows", "broken"],
            [[e.manifest, e.shards, e.rows, len(e.findings)] for e in exports],
        )
        for finding in findings:
            out.print(
                f"[red]✗[/red] {escape(finding.file)} {escape(finding.problem)}", soft_wrap=True
            )

    print_result({"ok": not findings, "exports": exports}, as_json, show)
    if findings:
        raise FootfallError(
            f"{count(len(findings), 'finding')} in "
            f"{count(sum(bool(e.findings) for e in exports), 'export')}.",
            "Remove the broken files, and run the command that wrote them: it writes them again.",
        )


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
    print_result(report, as_json, lambda: print_line(f"Written: {out_file}"))
