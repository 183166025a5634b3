"""What Spark does for an export: it writes each part of the day, one file for each shard."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from footfall.errors import UsageError
from footfall.sequences.days import Days
from footfall.sequences.manifest import ExportFormat, Shard
from footfall.sequences.padding import SequenceStore, too_long
from footfall.sequences.staging import Staging

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

PADDED_SAMPLES = ("dt", "ranking_id", "customer_id", "item_id", "is_order")
HISTORY = ("customer_id", "actions", "action_types")
ROWS_PER_SHARD = {"samples": 2_000_000, "sequences": 250_000, "padded": 250_000}
MOST_SHARDS = 10_000
"""Of a part: more are a mistake in --shard-rows, and too many files for a reader."""


def count_shards(rows: int, rows_per_shard: int) -> int:
    """Return the number of shards of a part.

    Raises:
        UsageError: there would be more than 10,000.
    """
    shards = max(1, math.ceil(rows / rows_per_shard))
    if shards > MOST_SHARDS:
        raise UsageError(
            f"--shard-rows {rows_per_shard} makes {shards:,} shards of {rows:,} rows.",
            f"Choose at least {math.ceil(rows / MOST_SHARDS)}.",
        )
    return shards


class Preparation:
    """The day as Spark writes it into the staging folder, part by part.

    Args:
        spark: the session.
        days: the tables' versions.
        staging: of the export; open.
        progress: called with (0, shards in all, what Spark writes).
    """

    def __init__(
        self,
        spark: SparkSession,
        days: Days,
        staging: Staging,
        progress: Callable[[int, int, str], None] | None,
    ) -> None:
        self.plan = staging.plan
        self.staging = staging
        self.progress = progress
        self.sample_count = days.samples[self.plan.dt]
        self.samples, self.sequences = days.read(spark, self.plan.dt)

    def run(self) -> list[tuple[Path, Shard | Path]]:
        """Write what is not there yet.

        Returns:
            For each shard its file in the staging folder, and what it is to be made of: the file
            that Spark wrote, or the shard that is finished.

        Raises:
            FootfallError: a sequence is too long, or a customer has two.
            OSError: the staging folder cannot be written.
        """
        if self.plan.format is ExportFormat.padded:
            self._write("padded", self._samples)
            history = self._write("history", lambda: self.sequences.select(*HISTORY))
            SequenceStore.build(history, self.staging.store, self.plan.sequence_length)
        else:
            self._write("samples", self._samples)
            self._write("sequences", self._sequences)
        return [
            (self.staging.folder / name, self.staging.kept.get(name, file))
            for part in self.plan.format.parts
            for number, file in enumerate(self.staging.files(part))
            for name in [self.staging.shard_name(part, number)]
        ]

    def _write(self, part: str, frame: Callable[[], DataFrame]) -> list[Path]:
        if part not in self.staging.prepared:
            if self.progress:
                self.progress(0, self._shards(), f"{self.plan.dt}: Spark writes {part}")
            folder = self.staging.folder / part
            # Spark takes a percent sign for itself: Path.as_uri would name another folder.
            target = f"file://{folder}"
            frame().write.mode("overwrite").option("compression", "zstd").parquet(target)
            files = sorted(folder.glob("part-*.parquet"))
            full = [file for file in files if pq.read_metadata(file).num_rows]
            self.staging.record_prepared(part, [file.name for file in full or files[:1]])
        return self.staging.files(part)

    def _shards(self) -> int:
        return count_shards(self.sample_count, self.plan.rows_per_shard[self.plan.format.parts[0]])

    def _samples(self) -> DataFrame:
        from pyspark.sql import functions as F

        order: list[str | Column] = ["ranking_id", "customer_id", "position"]
        share: str | Column = "ranking_id"
        padded = self.plan.format is ExportFormat.padded
        if self.plan.shuffle_seed is not None:
            # The rows of a ranking stay together in the padded format: equal sequences one after
            # the other compress to a tenth of what they need elsewhere.
            share = F.xxhash64(F.lit(self.plan.shuffle_seed), *order[: 2 if padded else 3])
            order = [share, *order]
        shards = self.samples.repartition(self._shards(), share).sortWithinPartitions(*order)
        return shards.select(*PADDED_SAMPLES) if padded else shards

    def _sequences(self) -> DataFrame:
        from pyspark.sql import functions as F

        known = self.sequences.agg(F.count("*"), F.max("action_count")).first()
        assert known is not None
        if (known[1] or 0) > self.plan.sequence_length:
            raise too_long(known[1], self.plan.sequence_length)
        shards = count_shards(known[0], self.plan.rows_per_shard["sequences"])
        return self.sequences.repartition(shards, "customer_id").sortWithinPartitions("customer_id")
