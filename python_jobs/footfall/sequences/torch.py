"""PyTorch datasets on a day's compact export; needs the extra ``torch``.

``SequenceStream`` reads one or several days in order and yields whole batches: the usual choice.
``SequenceDataset`` is one day by sample number, for samplers of your own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple, overload

import numpy as np

from footfall.errors import FootfallError, UsageError
from footfall.sequences.day import Batch, JaggedBatch, TrainingDay
from footfall.sequences.reader import SequenceReader, require_at_least


class MissingTorch(FootfallError, ImportError):
    """PyTorch is not installed."""


try:
    import torch
    from torch.utils.data import Dataset, IterableDataset, get_worker_info
except ImportError as error:
    raise MissingTorch(
        f"footfall.sequences.torch needs PyTorch: {error}",
        "Run `pip install 'footfall[torch]'`, or `pip install -e '.[torch]'` in the project.",
    ) from error


class TorchBatch(NamedTuple):
    """Samples with their customers' histories, as tensors; of one sample without the B.

    Args:
        item_id: the items shown, int32 [B].
        actions: items acted on, newest first, int32 [B, L], 0 behind the last.
        action_types: what was done with each, int8 [B, L]: 1 click, 2 cart, 3 order, 0 none.
        is_order: 1 where the item was then ordered, else 0, float32 [B].
    """

    item_id: torch.Tensor
    actions: torch.Tensor
    action_types: torch.Tensor
    is_order: torch.Tensor


class JaggedTorchBatch(NamedTuple):
    """Samples, and the history of each ranking once: one behind the other, without padding.

    What a model computes of the histories, [R, …], is indexed by ``ranking`` to have it for each
    sample. ``torch.nested.nested_tensor_from_jagged(batch.actions, batch.offsets)`` are the same
    histories as a nested tensor.

    Its tensors are the arrays of :class:`~footfall.sequences.JaggedBatch`, but for ``is_order``:
    1 or 0, float32 [B].
    """

    item_id: torch.Tensor
    ranking: torch.Tensor
    offsets: torch.Tensor
    actions: torch.Tensor
    action_types: torch.Tensor
    is_order: torch.Tensor

    def padded(self, sequence_length: int) -> TorchBatch:
        """Return the same samples, each with its history padded to ``sequence_length``.

        It runs where the tensors are, so that the padding need not travel to the GPU.
        """
        place = torch.arange(sequence_length, device=self.offsets.device)
        filled = place < self.offsets.diff()[:, None]
        actions, action_types = (
            values.new_zeros(filled.shape).masked_scatter_(filled, values)[self.ranking]
            for values in (self.actions, self.action_types)
        )
        return TorchBatch(self.item_id, actions, action_types, self.is_order)


@overload
def to_torch(batch: Batch) -> TorchBatch: ...


@overload
def to_torch(batch: JaggedBatch) -> JaggedTorchBatch: ...


def to_torch(batch: Batch | JaggedBatch) -> TorchBatch | JaggedTorchBatch:
    """Return the batch as tensors, which share its memory but for the labels."""
    kind = JaggedTorchBatch if isinstance(batch, JaggedBatch) else TorchBatch
    labels = batch.is_order.astype(np.float32)
    return kind._make(map(torch.from_numpy, (*batch[:-1], labels)))


class SequenceDataset(Dataset[TorchBatch]):
    """One day's samples by number.

    ``DataLoader(dataset, batch_size=1024, shuffle=True, collate_fn=dataset.collate)``; the
    ``collate_fn`` is needed, as whole batches are fetched at once. Shuffling, shares of ranks and
    the place to resume at are the sampler's, as for every dataset of this kind. The day is read at
    the first access to a sample, or by ``load()``. Call that before the DataLoader forks its
    workers, and they all share one copy.

    Args:
        folder: where ``footfall export-sequences --format compact`` wrote the day.
        day: the impressions' day.
        memory_bytes: what the day may take in one process, counted as ``footfall.sequences.day``
            says; by default half of the machine's memory.

    Raises:
        FootfallError: the day's export is not there or incomplete.
    """

    def __init__(self, folder: Path | str, day: date, *, memory_bytes: int | None = None) -> None:
        self._reader = SequenceReader(folder, [day], 1, memory_bytes=memory_bytes)

    def __len__(self) -> int:
        """Return the number of samples."""
        return self._reader.rows[0]

    def load(self) -> TrainingDay:
        """Return the day, read if it was not.

        Raises:
            FootfallError: its shards are missing, damaged or do not fit into memory.
        """
        return self._reader.load(0)

    def __getitem__(self, index: int) -> TorchBatch:
        """Return one sample: item_id [], actions [L], action_types [L], is_order [].

        Raises:
            IndexError: there is no such sample.
        """
        item_id, actions, action_types, is_order = self.__getitems__([index])
        return TorchBatch(item_id[0], actions[0], action_types[0], is_order[0])

    def __getitems__(self, indices: Sequence[int]) -> TorchBatch:
        """Return the samples of these numbers as one batch, in the order given.

        Raises:
            IndexError: there is no such sample.
        """
        return to_torch(self.load().batch(indices))

    @staticmethod
    def collate(samples: TorchBatch | Sequence[TorchBatch]) -> TorchBatch:
        """Return a batch: the one that ``__getitems__`` made as it is, single samples stacked."""
        if isinstance(samples, TorchBatch):
            return samples
        return TorchBatch(*(torch.stack(column) for column in zip(*samples, strict=True)))


@dataclass
class _Pass:
    """One worker's way through an epoch: next is its rank's batch ``start + worker``, then every
    ``workers``-th."""

    start: int
    worker: int = 0
    workers: int = 1


def _place_among_workers() -> tuple[int, int]:
    """Return (worker, workers) of the DataLoader whose process this is; (0, 1) outside one."""
    info = get_worker_info()
    return (info.id, info.num_workers) if info else (0, 1)


def _place_among_ranks() -> tuple[int, int]:
    """Return (rank, world_size) of torch.distributed; (0, 1) where it is not initialised."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    return 0, 1


class SequenceStream(IterableDataset[TorchBatch | JaggedTorchBatch]):
    """Whole batches of one or several days, in the days' order, shuffled inside each day.

    ``DataLoader(stream, batch_size=None, num_workers=2)``. Batches are shared out among ranks and
    workers as ``SequenceReader`` says: nothing is lost or read twice, and the loader yields a
    rank's batches in the same order whatever its number of workers. Each worker reads its days
    itself and holds one at a time; ``memory_bytes`` is divided among them.

    Call ``set_epoch`` before each epoch, for another order; workers that stay (DataLoader's
    ``persistent_workers``) learn of it too.

    To resume, ``load_state_dict`` before the DataLoader is iterated. A state is one of three:

    * without workers, ``state_dict()``: the stream counts the batches that it yielded;
    * with workers, ``state_dict(batches=n)``, n being how many batches of the epoch the trainer
      has taken: the copies that read in the workers run ahead. Either state may be
      loaded with another number of workers, and one rank's holds for all;
    * torchdata's ``StatefulDataLoader`` asks the copies in its workers by itself; its states must
      be loaded with the same number of workers.

    A loaded position holds for the epoch it was taken in, and is spent by the first pass; with
    workers, by the next ``set_epoch`` of another epoch.

    Args:
        folder: where ``footfall export-sequences --format compact`` wrote the days.
        days: the days to read, in this order.
        batch_size: samples of a batch.
        seed: of the order, not negative.
        shuffle: False for the order of the export.
        drop_last: leave out each day's incomplete last batch and the batches at the end that not
            every rank gets, so that all ranks make the same number of equal steps.
        rank: this process among ``world_size``; by default ``torch.distributed``'s where it is
            initialised, else 0.
        world_size: processes that read the same days; the default likewise, else 1.
        memory_bytes: what the day in memory may take in all workers of this rank together, counted
            as ``footfall.sequences.day`` says; by default half of the machine's memory.
        blocks_per_history: as of ``TrainingDay``: 1 for a padded matrix.
        jagged: yield a :class:`JaggedTorchBatch`, which holds the history of a ranking once, in
            place of a :class:`TorchBatch`.
        by_ranking: shuffle rankings, whose samples stay together, in place of samples; by default
            where batches are jagged. A ranking at the end of a batch may go on in the next one.

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
        rank: int | None = None,
        world_size: int | None = None,
        memory_bytes: int | None = None,
        blocks_per_history: int | None = None,
        jagged: bool = False,
        by_ranking: bool | None = None,
    ) -> None:
        if (rank is None) != (world_size is None):
            raise UsageError("rank and world_size go together.", "Give both or neither.")
        known_rank, known_size = _place_among_ranks()
        self._reader = SequenceReader(
            folder,
            days,
            batch_size,
            seed=seed,
            shuffle=shuffle,
            drop_last=drop_last,
            rank=known_rank if rank is None else rank,
            world_size=known_size if world_size is None else world_size,
            memory_bytes=memory_bytes,
            blocks_per_history=blocks_per_history,
            jagged=jagged,
            by_ranking=by_ranking,
        )
        # Epoch, first batch, whether workers read: in memory that is shared with them.
        self._plan = torch.zeros(3, dtype=torch.int64).share_memory_()
        self._pass: _Pass | None = None
        self._resumed: _Pass | None = None

    @property
    def epoch(self) -> int:
        """The epoch that the next pass reads."""
        return int(self._plan[0])

    @property
    def sequence_length(self) -> int:
        """L, the length of the histories in a batch."""
        return self._reader.sequence_length

    def __len__(self) -> int:
        """Return the number of this rank's batches in a whole epoch."""
        return len(self._reader)

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of the next passes; a loaded position holds only for its own epoch.

        Raises:
            UsageError: ``epoch`` is negative.
        """
        require_at_least(0, epoch=epoch)
        if epoch != self.epoch:
            self._move(epoch, 0)

    def __iter__(self) -> Iterator[TorchBatch | JaggedTorchBatch]:
        """Yield this worker's batches of the epoch.

        Raises:
            FootfallError: a day's shards are missing, damaged or do not fit into memory.
        """
        worker, workers = _place_among_workers()
        current = self._resumed or _Pass(int(self._plan[1]), worker, workers)
        self._pass, self._resumed = current, None
        if get_worker_info() is None:
            self._plan[1] = self._plan[2] = 0
        else:
            self._plan[2] = 1
        return self._read(current, self.epoch)

    def _read(self, current: _Pass, epoch: int) -> Iterator[TorchBatch | JaggedTorchBatch]:
        batches = self._reader.read(
            epoch, start=current.start, worker=current.worker, workers=current.workers
        )
        for batch in batches:
            current.start += current.workers
            yield to_torch(batch)

    def state_dict(self, batches: int | None = None) -> dict[str, Any]:
        """Return where this rank stands in its epoch, to be saved with the model.

        Args:
            batches: how many batches of this epoch the trainer has taken, those before it was
                resumed included. Needed where workers read; by default what this copy yielded.

        Raises:
            UsageError: ``batches`` is negative, or missing though workers read.
        """
        if batches is None and self._plan[2] and get_worker_info() is None:
            raise UsageError(
                "Workers read this stream, so it does not know how many batches were taken.",
                "Count them, and call state_dict(batches=…).",
            )
        if batches is not None:
            require_at_least(0, batches=batches)
            current = _Pass(batches)
        else:
            current = self._resumed or self._pass or _Pass(int(self._plan[1]))
        return {
            **self._identity(),
            "epoch": self.epoch,
            "start": current.start,
            "worker": current.worker,
            "workers": current.workers,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where a state was taken, at the next pass.

        Args:
            state: of ``state_dict``, from a stream with the same days, seed, batch size and ranks.

        Raises:
            UsageError: the state is of another stream, or of another worker.
        """
        identity = self._identity()
        # Version 0.1.0 shuffled samples alone, and its states do not say so.
        state = {"by_ranking": False, **state}
        for name, value in identity.items():
            if state.get(name) != value:
                raise UsageError(
                    f"The state belongs to another stream: its {name} is {state.get(name)!r}, "
                    f"here it is {value!r}.",
                    "Create the stream with the arguments that it had then.",
                )
        current = _Pass(state["start"], state["worker"], state["workers"])
        if (current.worker, current.workers) != _place_among_workers():
            raise UsageError(
                f"The state belongs to worker {current.worker} of {current.workers}.",
                "Take it with state_dict(batches=…), or load it with a StatefulDataLoader that has "
                "as many workers.",
            )
        if get_worker_info() is None:
            self._move(state["epoch"], current.start)
        else:
            # Only this worker stands here; the next epoch begins at 0 again.
            self._plan[0] = state["epoch"]
            self._resumed, self._pass = current, None

    def _move(self, epoch: int, start: int) -> None:
        self._plan[0], self._plan[1], self._plan[2] = epoch, start, 0
        self._pass = self._resumed = None

    def _identity(self) -> dict[str, Any]:
        reader = self._reader
        return {
            "days": [
                [day.isoformat(), rows] for day, rows in zip(reader.days, reader.rows, strict=True)
            ],
            "batch_size": reader.batch_size,
            "seed": reader.seed,
            "shuffle": reader.shuffle,
            "by_ranking": reader.by_ranking,
            "drop_last": reader.drop_last,
            "world_size": reader.world_size,
        }
