"""Write a day's training data as Parquet shards with a manifest.

``compact``  the tables as they are: samples (one row per shown item) and sequences (one row per
             customer), to be joined on (dt, customer_id) by the reader.
``padded``   one row per shown item with the customer's sequence padded to its full length.
"""

from __future__ import annotations

import fcntl
import math
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import date, datetime, timezone
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
from pydantic import BaseModel

from footfall import __version__
from footfall.checksum import sha256_of
from footfall.dbt import project_vars
from footfall.errors import FootfallError
from footfall.settings import Settings, get_settings

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

PADDED_COLUMNS = (
    "dt", "ranking_id", "customer_id", "item_id", "is_order", "actions", "action_types",
)  # fmt: skip
STAGING = ".export-"
ROWS_PER_SHARD = {"samples": 2_000_000, "sequences": 250_000, "padded": 250_000}


class ExportFormat(str, Enum):
    compact = "compact"
    padded = "padded"


class Shard(BaseModel):
    """One Parquet file: its part (samples, sequences or padded), rows, bytes and SHA-256."""

    file: str
    part: str
    rows: int
    bytes: int
    sha256: str


class ExportManifest(BaseModel):
    """What an export holds and from which table versions it was made."""

    footfall_version: str
    format: ExportFormat
    dt: date
    sequence_length: int
    exported_at: datetime
    source_versions: dict[str, int]
    schemas: dict[str, dict[str, str]]
    shards: list[Shard]

    def rows(self, part: str) -> int:
        return sum(shard.rows for shard in self.shards if shard.part == part)


def pad_sequences(samples: DataFrame, sequences: DataFrame, length: int) -> DataFrame:
    """Return one row per sample with its customer's sequence, padded with zeros.

    Args:
        samples: dt, ranking_id, customer_id, item_id, is_order (and position).
        sequences: dt, customer_id, actions, action_types; newest first, at most ``length`` long.
        length: what the arrays are padded to.

    Returns:
        the samples' columns and actions array<int>[length], action_types array<tinyint>[length].
    """
    from pyspark.sql import functions as F

    def padded(column: str, data_type: str) -> Column:
        known = F.coalesce(F.col(column), F.array().cast(f"array<{data_type}>"))
        zeros = F.array_repeat(F.lit(0).cast(data_type), F.lit(length) - F.size(known))
        return F.concat(known, zeros).alias(column)

    return samples.join(sequences, ["dt", "customer_id"], "left").select(
        *(samples[name] for name in samples.columns),
        padded("actions", "int"),
        padded("action_types", "tinyint"),
    )


def export_sequences(
    spark: SparkSession,
    day: date,
    out: Path,
    file_format: ExportFormat = ExportFormat.padded,
    *,
    settings: Settings | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> ExportManifest:
    """Export one impression day. A day that was exported before is replaced.

    Args:
        spark: the session.
        day: the impressions' day.
        out: target folder; shards are named by format, day and number, the manifest
            ``_manifest-<format>-<day>.json``.
        file_format: compact or padded.
        settings: names the schemas.
        progress: called with (done, total, shard).

    Raises:
        FootfallError: there are no samples on that day, or ``out`` cannot be written.
    """
    settings = settings or get_settings()
    schema = settings.schema_of("training")
    tables = {name: f"{schema}.training_{name}" for name in ("samples", "sequences")}
    for table in tables.values():
        if not spark.catalog.tableExists(table):
            raise FootfallError(f"There is no table {table}.", "Run `dbt build` first.")
    versions = {table: _version(spark, table) for table in tables.values()}
    samples, sequences = (
        spark.sql(f"select * from {table} version as of {versions[table]}").where(
            f"dt = date'{day.isoformat()}'"
        )
        for table in tables.values()
    )
    sample_count = samples.count()
    if sample_count == 0:
        edges = spark.sql(f"select min(dt), max(dt) from {tables['samples']}").first()
        assert edges is not None
        known = f"there are days from {edges[0]} to {edges[1]}" if edges[0] else "there are none"
        raise FootfallError(
            f"No training samples on {day}; {known}.",
            "Choose another --date, or ingest shop.impressions and run `dbt build`.",
        )
    length = int(project_vars()["sequence_length"])
    ranking_order = ["ranking_id", "customer_id", "position"]
    if file_format is ExportFormat.padded:
        padded = _in_shards(
            pad_sequences(samples, sequences, length), "padded", sample_count, ranking_order
        )
        parts = {"padded": padded.select(*PADDED_COLUMNS)}
    else:
        parts = {
            "samples": _in_shards(samples, "samples", sample_count, ranking_order),
            "sequences": _in_shards(sequences, "sequences", sequences.count(), ["customer_id"]),
        }

    manifest_file = out / f"_manifest-{file_format.value}-{day}.json"
    with _staging(out) as staging:
        shards, schemas = [], {}
        for part, frame in parts.items():
            schemas[part] = dict(frame.dtypes)
            frame.write.option("compression", "zstd").parquet((staging / part).as_uri())
            files = sorted((staging / part).glob("part-*.parquet"))
            for number, file in enumerate(files):
                name = f"{part}-{day}-{number:05d}.parquet"
                if progress:
                    progress(number, len(files), name)
                shards.append(_shard(file, name, part))
                file.rename(staging / name)
        manifest = ExportManifest(
            footfall_version=__version__,
            format=file_format,
            dt=day,
            sequence_length=length,
            exported_at=datetime.now(timezone.utc),
            source_versions=versions,
            schemas=schemas,
            shards=shards,
        )
        _publish(manifest, staging, out, manifest_file)
    return manifest


@contextmanager
def _staging(out: Path) -> Iterator[Path]:
    """Yield a hidden folder in ``out``, where one export at a time works; others wait.

    Raises:
        FootfallError: ``out`` cannot be written.
    """
    with ExitStack() as ends:
        try:
            out.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(out, os.O_RDONLY | os.O_CLOEXEC)
            ends.callback(os.close, descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            # Nobody else works here: what stands there is of exports that were killed.
            for abandoned in out.glob(f"{STAGING}*"):
                shutil.rmtree(abandoned, ignore_errors=True)
            staging = Path(tempfile.mkdtemp(prefix=STAGING, dir=out))
        except OSError as error:
            raise FootfallError(
                f"--out {out} cannot be written: {error.strerror}.",
                "Name a folder that you can write.",
            ) from error
        ends.callback(shutil.rmtree, staging, ignore_errors=True)
        yield staging


def _in_shards(frame: DataFrame, part: str, rows: int, order: list[str]) -> DataFrame:
    """Return the frame in shards of the part's size, sorted; a key's rows share one shard."""
    shard_count = max(1, math.ceil(rows / ROWS_PER_SHARD[part]))
    return frame.repartition(shard_count, order[0]).sortWithinPartitions(*order)


def _version(spark: SparkSession, table: str) -> int:
    newest = spark.sql(f"describe history {table} limit 1").first()
    assert newest is not None
    return int(newest["version"])


def _shard(file: Path, name: str, part: str) -> Shard:
    return Shard(
        file=name,
        part=part,
        rows=pq.ParquetFile(file).metadata.num_rows,
        bytes=file.stat().st_size,
        sha256=sha256_of(file),
    )


def _publish(manifest: ExportManifest, staging: Path, out: Path, manifest_file: Path) -> None:
    """Move the shards into place; the manifest comes last, so that it never names what is not."""
    manifest_file.unlink(missing_ok=True)
    # By name, not by the earlier manifest: an export that was killed here has left none.
    for part in manifest.schemas:
        for earlier in out.glob(f"{part}-{manifest.dt}-*.parquet"):
            earlier.unlink()
    for shard in manifest.shards:
        (staging / shard.file).replace(out / shard.file)
    fresh = staging / manifest_file.name
    fresh.write_text(manifest.model_dump_json(indent=2))
    fresh.replace(manifest_file)
