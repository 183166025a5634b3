"""The order in which days of training data are read: shuffled, shared out, resumable."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from footfall.errors import FootfallError, UsageError
from footfall.sequences.day import (
    Batch,
    Indices,
    JaggedBatch,
    TrainingDay,
    default_memory_bytes,
    read_manifest,
)


def sample_order(
    samples: int,
    day: date,
    *,
    seed: int,
    epoch: int,
    shuffle: bool = True,
    starts: Indices | None = None,
) -> npt.NDArray[np.int32]:
    """Return the numbers of a day's samples in the order of an epoch, int32 [samples].

    The same for the same arguments, on every machine with the same release of NumPy.

    Args:
        samples: how many the day has.
        day: of the samples.
        seed: not negative.
        epoch: not negative.
        shuffle: False for the order of the export.
        starts: the samples with which a ranking begins, ascending from 0, to shuffle rankings,
            whose samples stay together; by default samples are shuffled.
    """
    if not shuffle:
        return np.arange(samples, dtype=np.int32)
    order = np.arange(samples if starts is None else len(starts), dtype=np.int32)
    np.random.default_rng([seed, epoch, day.toordinal()]).shuffle(order)
    if starts is None:
        return order
    sizes = np.diff(starts, append=samples)[order]
    moved = starts[order] - (np.cumsum(sizes) - sizes)
    return np.repeat(moved.astype(np.int32), sizes) + np.arange(samples, dtype=np.int32)


class SequenceReader:
    """Batches of one or several days, in the days' order, shuffled inside each day.

    Each day's samples are put in the epoch's order and cut into batches; the last batch of a day
    may be smaller. An epoch's batches are numbered from 0 over all days and dealt out to the
    ranks in turn, and a rank's own batches to its workers in turn. So no sample is lost or read
    twice, and what a rank reads does not depend on how many workers it has. Ranks differ by one
    batch at most.

    Args:
        folder: where ``footfall export-sequences --format compact`` wrote the days.
        days: the days to read, in this order.
        batch_size: samples of a batch.
        seed: of the order, not negative.
        shuffle: False for the order of the export.
        drop_last: leave out each day's incomplete last batch and the batches at the end that not
            every rank gets, so that all ranks make the same number of equal steps.
        rank: this process among ``world_size``.
        world_size: processes that read the same days.
        memory_bytes: what the day in memory may take in all workers together, counted as
            ``footfall.sequences.day`` says; by default half of the machine's memory.
        blocks_per_history: as of ``TrainingDay``.
        jagged: yield a :class:`JaggedBatch`, which holds the history of a ranking once, in place of
            a :class:`Batch`.
        by_ranking: shuffle rankings, whose samples stay together, in place of samples; by default
            where batches are jagged. A ranking at the end of a batch may go on in the next one.

    Attributes:
        sequence_length: L, the length of the histories in a padded batch.
        rows: samples of each day.

    Raises:
        FootfallError: a day's export is not there or incomplete; days differ in sequence length.
        UsageError: an argument makes no sense.
    """

    def __init__(
        self,
        folder: Path | str,
        days: Sequence[date],
        batch_size: int,
        *,
        seed: int = 0,
        shuffle: bool = True,
        drop_last: bool = False,
        rank: int = 0,
        world_size: int = 1,
        memory_bytes: int | None = None,
        blocks_per_history: int | None = None,
        jagged: bool = False,
        by_ranking: bool | None = None,
    ) -> None:
        require_at_least(1, batch_size=batch_size, world_size=world_size)
        require_at_least(0, seed=seed)
        if not 0 <= rank < world_size:
            raise UsageError(f"rank must be 0 to {world_size - 1}, it is {rank}.")
        if not days:
            raise UsageError("There is no day to read.", "Name at least one day.")
        self.folder, self.days, self.batch_size = Path(folder), tuple(days), batch_size
        self.seed, self.shuffle, self.drop_last = seed, shuffle, drop_last
        self.rank, self.world_size = rank, world_size
        self.blocks_per_history, self.jagged = blocks_per_history, jagged
        self.by_ranking = jagged if by_ranking is None else by_ranking
        self.memory_bytes = default_memory_bytes() if memory_bytes is None else memory_bytes
        manifests = [read_manifest(self.folder, day) for day in self.days]
        lengths = {manifest.sequence_length for manifest in manifests}
        if len(lengths) > 1:
            raise FootfallError(
                f"The days in {self.folder} have sequences of different lengths: "
                f"{', '.join(map(str, sorted(lengths)))}.",
                "Export them again with one sequence_length.",
            )
        self.sequence_length = lengths.pop()
        self.rows = tuple(manifest.rows("samples") for manifest in manifests)
        partial = 0 if drop_last else batch_size - 1
        self._ends = list(accumulate((rows + partial) // batch_size for rows in self.rows))
        self._loaded: tuple[int, TrainingDay] | None = None

    def __getstate__(self) -> dict[str, Any]:
        # A worker that does not share memory reads the day itself: that is faster than pickling.
        return {**self.__dict__, "_loaded": None}

    def __len__(self) -> int:
        """Return the number of this rank's batches in an epoch."""
        total = self._ends[-1]
        if self.drop_last:
            return total // self.world_size
        return (total - self.rank + self.world_size - 1) // self.world_size

    def read(
        self, epoch: int = 0, *, start: int = 0, worker: int = 0, workers: int = 1
    ) -> Iterator[Batch | JaggedBatch]:
        """Yield this rank's batches ``start + worker``, ``start + worker + workers`` and so on.

        Args:
            epoch: chooses the order, not negative.
            start: this rank's batches to pass over.
            worker: this worker among ``workers``.
            workers: workers of this rank.

        Raises:
            FootfallError: a day's shards are missing, damaged or do not fit into memory.
            UsageError: an argument makes no sense.
        """
        require_at_least(0, epoch=epoch, start=start)
        require_at_least(1, workers=workers)
        if not 0 <= worker < workers:
            raise UsageError(f"worker must be 0 to {workers - 1}, it is {worker}.")
        return self._read(epoch, range(start + worker, len(self), workers), workers)

    def _read(self, epoch: int, batches: range, workers: int) -> Iterator[Batch | JaggedBatch]:
        current = -1
        order: npt.NDArray[np.int32] = np.zeros(0, np.int32)
        for number in batches:
            among_all = number * self.world_size + self.rank
            index = bisect_right(self._ends, among_all)
            if index != current:
                current = index
                order = self._order(epoch, index, workers)
            day_start = self._ends[index - 1] if index else 0
            first = (among_all - day_start) * self.batch_size
            yield self._batch(index, workers, order[first : first + self.batch_size])

    def _batch(self, index: int, workers: int, samples: Indices) -> Batch | JaggedBatch:
        day = self.load(index, workers)
        return day.jagged_batch(samples) if self.jagged else day.batch(samples)

    def _order(self, epoch: int, index: int, workers: int) -> npt.NDArray[np.int32]:
        return sample_order(
            self.rows[index],
            self.days[index],
            seed=self.seed,
            epoch=epoch,
            shuffle=self.shuffle,
            starts=self.load(index, workers).ranking_starts() if self.by_ranking else None,
        )

    def load(self, index: int, workers: int = 1) -> TrainingDay:
        """Return a day in memory; the one that was there before goes.

        Args:
            index: of the day in ``days``.
            workers: how many processes share ``memory_bytes``.

        Raises:
            FootfallError: its shards are missing, damaged or do not fit into memory.
        """
        if self._loaded is None or self._loaded[0] != index:
            # The day before goes first, so that two are never in memory.
            self._loaded = None
            day = TrainingDay(
                self.folder,
                self.days[index],
                memory_bytes=self.memory_bytes // workers,
                blocks_per_history=self.blocks_per_history,
                jagged=self.jagged,
                by_ranking=self.by_ranking,
            )
            if len(day) != self.rows[index]:
                raise FootfallError(
                    f"{day.dt} was exported again: it had {self.rows[index]} samples, it has "
                    f"{len(day)} now.",
                    "Begin the epoch again.",
                )
            self._loaded = index, day
        return self._loaded[1]


def require_at_least(least: int, **arguments: int) -> None:
    """Refuse integers that are too small.

    Raises:
        UsageError: names the argument.
    """
    for name, value in arguments.items():
        if value < least:
            raise UsageError(f"{name} must be at least {least}, it is {value}.")
