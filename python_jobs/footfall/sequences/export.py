"""Write a day of training data as Parquet shards with a manifest.

``compact``  the tables as they are: samples (one row per shown item) and sequences (one row per
             customer), to be joined on (dt, customer_id) by the reader.
``padded``   one row per shown item with the customer's sequence padded to its full length.

Spark reads the day once and writes it in files, one for each shard, sorted or shuffled. What is
left to do goes shard by shard in this process, so that an export that was killed continues.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from datetime import date, datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from footfall import __version__, words
from footfall.errors import FootfallError, UsageError
from footfall.object_store import DataPath, ObjectPath, data_path
from footfall.paths import require_printable
from footfall.project.dbt import project_vars
from footfall.sequences import bucket
from footfall.sequences.days import Days, find_days
from footfall.sequences.manifest import (
    ExportFormat,
    ExportManifest,
    Shard,
    column_types,
)
from footfall.sequences.padding import SequenceStore, write_padded
from footfall.sequences.prepare import ROWS_PER_SHARD, Preparation, count_shards
from footfall.sequences.staging import Plan, Staging, locked_folder, unwritable
from footfall.settings import Settings, get_settings
from footfall.spark.explain import explain

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Progress = Callable[[int, int, str], None]
Say = Callable[[str], None]
NOTHING_TO_DO = "{day}: exported before, from the same table versions; nothing to do."


def export_folder(text: str, settings: Settings | None = None) -> DataPath:
    """Return the target folder that a text names.

    Args:
        text: a path of this machine, or ``s3a://bucket/folder``.
        settings: how to reach an object store; the process's own by default.

    Raises:
        UsageError: it is a URI of another kind, a bucket itself, or holds a control character.
    """
    folder = data_path(text, settings or get_settings())
    if isinstance(folder, ObjectPath):
        if "/" not in folder.key:
            raise UsageError(f"--out {text} is a bucket.", "Name a folder in it.")
        return folder
    require_printable("--out", folder.absolute())
    return folder.absolute()


def export_sequences(
    spark: SparkSession,
    day: date,
    out: DataPath,
    file_format: ExportFormat = ExportFormat.padded,
    *,
    shard_rows: int | None = None,
    shuffle_seed: int | None = None,
    days: Days | None = None,
    settings: Settings | None = None,
    progress: Progress | None = None,
    say: Say | None = None,
) -> ExportManifest:
    """Export one impression day. A day that was exported before is replaced.

    An export that was killed continues with the shards that it had not finished, if tables and
    arguments are the same. One that is complete, from the same versions, stays as it stands.

    Args:
        spark: the session.
        day: the impressions' day.
        out: the target folder; shards are named by part, day, export and number, the manifest
            ``_manifest-<format>-<day>.json``. An export to an object store is made in
            FOOTFALL_HOME and copied when it is complete.
        file_format: compact or padded.
        shard_rows: about how many rows a shard of any part has; by default
            :data:`~footfall.sequences.prepare.ROWS_PER_SHARD`.
        shuffle_seed: shuffle samples (padded: rankings, whose rows stay together) by this seed;
            by default they are sorted by ranking, customer and position.
        days: the tables' versions; by default the newest.
        settings: names the schema, and says how many shards are made at a time (``cores``).
        progress: called with (shards done, shards in all, what is being done).
        say: called with a line on what is waited for or was kept.

    Returns:
        The manifest, as it was written.

    Raises:
        UsageError: ``shard_rows`` makes more than 10,000 shards.
        FootfallError: there are no samples on that day, or ``out`` cannot be written.
    """
    settings = settings or get_settings()
    days = days or find_days(spark, day, day, settings)
    plan = Plan(
        format=file_format,
        dt=day,
        sequence_length=int(project_vars()["sequence_length"]),
        shuffle_seed=shuffle_seed,
        rows_per_shard={p: shard_rows or ROWS_PER_SHARD[p] for p in file_format.parts},
        sources=days.sources,
    )
    count_shards(days.samples[day], min(plan.rows_per_shard.values()))
    say = say or (lambda _line: None)
    if not isinstance(out, ObjectPath):
        return _export(spark, days, plan, out.absolute(), settings.cores, progress, say)
    made = bucket.working_folder(settings.home, out)
    if complete := bucket.published(out, plan, days.samples[day]):
        say(NOTHING_TO_DO.format(day=day))
        return complete
    manifest = _export(spark, days, plan, made, settings.cores, progress, say)
    bucket.publish(manifest, made, out, progress)
    return manifest


def _export(
    spark: SparkSession,
    days: Days,
    plan: Plan,
    out: Path,
    cores: int,
    progress: Progress | None,
    say: Say,
) -> ExportManifest:
    day = plan.dt
    with locked_folder(out, say), _explained(out):
        staging = Staging(out, plan)
        if complete := staging.published(days.samples[day]):
            staging.clean(complete)
            say(NOTHING_TO_DO.format(day=day))
            return complete
        staging.open()
        if staging.kept:
            say(f"{day}: continues; finished before: {words.count(len(staging.kept), 'shard')}.")
        shards = Preparation(spark, days, staging, progress).run()
        finished = _finish(staging, shards, cores, progress)
        manifest = _manifest(staging, finished, days.samples[day])
        staging.publish(manifest)
    return manifest


@contextmanager
def _explained(out: Path) -> Iterator[None]:
    from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
    from pyspark.errors import PySparkException

    try:
        yield
    except OSError as error:
        raise unwritable(out, error) from error
    except (PySparkException, Py4JJavaError) as error:
        raise FootfallError(
            f"Spark could not write to {out}: {explain(error).message}",
            "Fix the cause and run the same command: what was finished is kept.",
        ) from error


def _finish(
    staging: Staging,
    shards: list[tuple[Path, Shard | Path]],
    cores: int,
    progress: Progress | None,
) -> list[Shard]:
    """Make the shards that are not there yet, as many at a time as there are cores.

    Returns:
        All shards, in their order.
    """
    make = _maker(staging)
    found = {target.name: made for target, made in shards if isinstance(made, Shard)}
    if progress:
        progress(len(found), len(shards), str(staging.plan.dt))
    pool = ThreadPoolExecutor(cores)
    try:
        work = [pool.submit(make, made, to) for to, made in shards if isinstance(made, Path)]
        for future in as_completed(work):
            shard = future.result()
            staging.record_shard(shard)
            found[shard.file] = shard
            if progress:
                progress(len(found), len(shards), shard.file)
    finally:
        pool.shutdown(cancel_futures=True)
    return [found[target.name] for target, _ in shards]


def _maker(staging: Staging) -> Callable[[Path, Path], Shard]:
    """Return what makes a shard of the file that Spark wrote for it."""
    if staging.plan.format is ExportFormat.compact:

        def move(source: Path, target: Path) -> Shard:
            # Where it is missing, an attempt was killed after it had moved it.
            if source.exists():
                source.replace(target)
            return Shard.of(target, source.parent.name)

        return move

    store = SequenceStore(staging.store)

    def write(source: Path, target: Path) -> Shard:
        write_padded(source, target, store, staging.plan.sequence_length)
        return Shard.of(target, source.parent.name)

    return write


def _manifest(staging: Staging, shards: list[Shard], sample_count: int) -> ExportManifest:
    plan = staging.plan
    first = {shard.part: shard for shard in reversed(shards)}
    manifest = ExportManifest(
        footfall_version=__version__,
        export_id=plan.export_id,
        format=plan.format,
        dt=plan.dt,
        sequence_length=plan.sequence_length,
        shuffle_seed=plan.shuffle_seed,
        rows_per_shard=plan.rows_per_shard,
        exported_at=datetime.now(timezone.utc),
        source_versions={table: source.version for table, source in plan.sources.items()},
        schemas={
            part: column_types(pq.read_schema(staging.locate(first[part].file)))
            for part in plan.format.parts
        },
        shards=shards,
    )
    if manifest.samples != sample_count:
        raise FootfallError(
            f"The shards of {plan.dt} hold {manifest.samples:,} rows, the table {sample_count:,}.",
            f"Remove {staging.folder} and run the same command.",
        )
    return manifest
