"""A day's compact export in memory, and batches from it. NumPy and Arrow only.

A history is stored as blocks of equal length, the last one filled up with zeros; block 0 is all
zeros. A batch is then one gather of blocks: a history's own ones, then block 0 up to the full
length. With one block per history this is the padded matrix of all customers; with more, an empty
place costs memory only in a history's last block. Jagged batches need blocks of one action: a
history is then one slice, which Arrow copies whole.

Memory of a day, in bytes, which ``memory_bytes`` limits::

    5 × block length × (blocks + 1)       int32 actions and int8 action types
    8 × (customers + 2)                   where a customer's blocks begin; jagged: twice
    9 × samples                           customer's row, item, label
    1 × samples                           jagged or by ranking: whether a ranking begins
    4 × samples                           the order of an epoch

Not counted: what Arrow decodes while a shard is read (a few thousand histories, or one shard's
samples, at a time), the batches, and Python itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from footfall.errors import FootfallError, UsageError
from footfall.sequences.manifest import ExportFormat, ExportManifest, manifest_name
from footfall.sequences.padding import list_lengths, pad
from footfall.settings import GIB, usable_memory_gib

MIB = 1024**2
BLOCKS_PER_HISTORY = (4, 10, 20, 50)
"""Tried in this order, the first that fits is taken. Longer blocks are not faster: they read more
zeros from memory. Shorter ones are slower, but waste less."""
HISTORIES_AT_A_TIME = 8192
BYTES_PER_ACTION = 5
BYTES_PER_SAMPLE = 13
BYTES_PER_BOUNDARY = 8
COLUMNS = {
    "samples": ("customer_id", "item_id", "is_order"),
    "sequences": ("customer_id", "actions", "action_types", "action_count"),
}

Indices = npt.NDArray[np.integer[Any]]
Offsets = npt.NDArray[np.int64]


class Batch(NamedTuple):
    """Samples with their customers' histories.

    Args:
        item_id: the items shown, int32 [B].
        actions: items acted on, newest first, int32 [B, L], 0 behind the last.
        action_types: what was done with each, int8 [B, L]: 1 click, 2 cart, 3 order, 0 none.
        is_order: whether the item was then ordered, bool [B].
    """

    item_id: npt.NDArray[np.int32]
    actions: npt.NDArray[np.int32]
    action_types: npt.NDArray[np.int8]
    is_order: npt.NDArray[np.bool_]


class JaggedBatch(NamedTuple):
    """Samples, and the history of each ranking once: one behind the other, without padding.

    Args:
        item_id: the items shown, int32 [B].
        ranking: which of the batch's R rankings showed each item, int64 [B], not descending.
        offsets: where each ranking's history begins in the N actions, and the last one's end, int64
            [R + 1].
        actions: items acted on, newest first within a history, int32 [N].
        action_types: what was done with each, int8 [N]: 1 click, 2 cart, 3 order.
        is_order: whether the item was then ordered, bool [B].
    """

    item_id: npt.NDArray[np.int32]
    ranking: Offsets
    offsets: Offsets
    actions: npt.NDArray[np.int32]
    action_types: npt.NDArray[np.int8]
    is_order: npt.NDArray[np.bool_]

    def padded(self, sequence_length: int) -> Batch:
        """Return the same samples, each with its history padded to ``sequence_length``."""
        starts, lengths = self.offsets[:-1], np.diff(self.offsets)
        return Batch(
            self.item_id,
            pad(self.actions, starts, lengths, sequence_length)[self.ranking],
            pad(self.action_types, starts, lengths, sequence_length)[self.ranking],
            self.is_order,
        )


def read_manifest(folder: Path, day: date) -> ExportManifest:
    """Return the manifest of a day's compact export, after a look whether its shards are there.

    Args:
        folder: where ``footfall export-sequences`` wrote it.
        day: the impressions' day.

    Raises:
        FootfallError: the day was not exported there, or only padded; the manifest is damaged; a
            shard is missing.
    """
    file = folder / manifest_name(ExportFormat.compact, day)
    command = f"footfall export-sequences --date {day} --out {folder} --format compact"
    if not file.is_file():
        padded = folder / manifest_name(ExportFormat.padded, day)
        held = "only a padded export" if padded.is_file() else "no export"
        raise FootfallError(f"{folder} holds {held} of {day}.", f"Run `{command}`.")
    try:
        manifest = ExportManifest.model_validate_json(file.read_bytes())
    except ValueError as error:
        raise FootfallError(f"{file} is damaged: {error}", f"Run `{command}`.") from error
    for shard in manifest.shards:
        if not (folder / shard.file).is_file():
            raise FootfallError(f"{folder / shard.file} is missing.", f"Run `{command}`.")
    return manifest


class TrainingDay:
    """One day of samples and histories, in memory.

    Args:
        folder: where ``footfall export-sequences --format compact`` wrote the day.
        day: the impressions' day.
        memory_bytes: what the day may take, counted as this module says; by default half of the
            machine's memory.
        blocks_per_history: how many blocks a full history is cut into, 1 for a padded matrix. By
            default as many as ``memory_bytes`` needs.
        jagged: store histories for ``jagged_batch``, in blocks of one action.
        by_ranking: keep where rankings begin; they are kept too where jagged.

    Attributes:
        dt: the day.
        sequence_length: L, the length of the histories in a batch.
        block_length: places of one block.
        memory_bytes: what the day takes.

    Raises:
        FootfallError: the export is not there, incomplete or damaged, or does not fit.
        UsageError: an argument makes no sense.
    """

    def __init__(
        self,
        folder: Path,
        day: date,
        *,
        memory_bytes: int | None = None,
        blocks_per_history: int | None = None,
        jagged: bool = False,
        by_ranking: bool = False,
    ) -> None:
        folder = Path(folder)
        manifest = read_manifest(folder, day)
        if blocks_per_history is not None and blocks_per_history < 1:
            raise UsageError("blocks_per_history must be at least 1.")
        if blocks_per_history is not None and jagged:
            raise UsageError(
                "blocks_per_history does not go with jagged, which has blocks of one action.",
                "Leave it out.",
            )
        self.dt = manifest.dt
        self.sequence_length = manifest.sequence_length
        shards = {part: _open(folder, manifest, part) for part in COLUMNS}
        customers, counts = _customers(shards["sequences"], self.sequence_length)
        if jagged:
            blocks_per_history = self.sequence_length
        candidates = BLOCKS_PER_HISTORY if blocks_per_history is None else (blocks_per_history,)
        budget = default_memory_bytes() if memory_bytes is None else memory_bytes
        samples, boundaries = manifest.rows("samples"), len(counts) + 2
        fixed = samples * (BYTES_PER_SAMPLE + (jagged or by_ranking))
        fixed += boundaries * BYTES_PER_BOUNDARY * (1 + jagged)
        self.block_length, self.memory_bytes = _fitting_blocks(
            day, self.sequence_length, counts, fixed, candidates, budget
        )
        self._item_id, self._is_order, self._customer = _samples(shards["samples"], customers)
        self._begins_ranking = (
            _begins_ranking(shards["samples"]) if jagged or by_ranking else np.zeros(0, np.bool_)
        )
        self._first_block = _first_blocks(counts, self.block_length)
        self._actions, self._action_types = _blocks(
            shards["sequences"], counts, self._first_block, self.block_length
        )
        self._first_byte = self._first_block * 4 if jagged else np.zeros(0, np.int64)

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self._item_id)

    def batch(self, samples: Indices | Sequence[int]) -> Batch:
        """Return the samples of these numbers, in the order given.

        Args:
            samples: numbers of samples [B], from 0 in the order of the export; may repeat.

        Raises:
            IndexError: there is no such sample.
        """
        chosen = np.asarray(samples, dtype=np.intp)
        customers = self._customer[chosen]
        first = self._first_block[customers]
        count = self._first_block[customers + 1] - first
        place = np.arange(-(-self.sequence_length // self.block_length))
        blocks = (first[:, None] + place) * (place < count[:, None])
        return Batch(
            self._item_id[chosen],
            self._gather(self._actions, blocks),
            self._gather(self._action_types, blocks),
            self._is_order[chosen],
        )

    def jagged_batch(self, samples: Indices | Sequence[int]) -> JaggedBatch:
        """Return the samples of these numbers, in the order given, with a history for each ranking.

        A ranking whose samples do not follow one another as in the export has its history once
        for each run of them.

        Args:
            samples: numbers of samples [B], from 0 in the order of the export; may repeat.

        Raises:
            IndexError: there is no such sample.
            UsageError: the day was not read with ``jagged``.
        """
        if not len(self._first_byte):
            raise UsageError("Histories are not stored for jagged batches.", "Pass jagged=True.")
        chosen = np.asarray(samples, dtype=np.intp)
        first = self._begins_ranking[chosen]
        first[1:] |= np.diff(chosen) != 1
        first[:1] = True
        histories = pa.array(self._customer[chosen[first]])
        actions = _byte_strings(self._first_byte, self._actions).take(histories)
        action_types = _byte_strings(self._first_block, self._action_types).take(histories)
        return JaggedBatch(
            self._item_id[chosen],
            np.cumsum(first) - 1,
            np.frombuffer(action_types.buffers()[1], np.int64, len(histories) + 1),
            np.frombuffer(actions.buffers()[2], np.int32),
            np.frombuffer(action_types.buffers()[2], np.int8),
            self._is_order[chosen],
        )

    def ranking_starts(self) -> Indices:
        """Return the numbers of the samples with which a ranking begins, ascending.

        Raises:
            UsageError: the day was read neither with ``jagged`` nor with ``by_ranking``.
        """
        if len(self._begins_ranking) != len(self):
            raise UsageError("Rankings were not read.", "Pass by_ranking=True.")
        return np.flatnonzero(self._begins_ranking)

    def _gather(self, stored: npt.NDArray[Any], blocks: Indices) -> npt.NDArray[Any]:
        rows, blocks_per_row = blocks.shape
        width = blocks_per_row * self.block_length
        gathered = np.take(stored, blocks.ravel(), axis=0).reshape(rows, width)
        return np.ascontiguousarray(gathered[:, : self.sequence_length])


def default_memory_bytes() -> int:
    """Return half of the machine's (or container's) memory, in bytes."""
    return int(usable_memory_gib() * GIB / 2)


def _byte_strings(begins: Offsets, values: npt.NDArray[Any]) -> Any:
    """Return histories as Arrow's strings of bytes, which it gathers faster than lists.

    Args:
        begins: in which byte of ``values`` each history begins, and the last one's end.
        values: all histories, one behind the other.
    """
    buffers = [None, pa.py_buffer(begins), pa.py_buffer(values)]
    return pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(begins) - 1, buffers)


def _fitting_blocks(
    day: date,
    length: int,
    counts: npt.NDArray[np.int64],
    fixed: int,
    candidates: Sequence[int],
    budget: int,
) -> tuple[int, int]:
    """Return the block length of the first candidate that fits, and the bytes of the day, of which
    ``fixed`` are needed whatever the blocks."""
    needed = []
    for blocks_per_history in candidates:
        block_length = max(1, -(-length // blocks_per_history))
        blocks = int((-(-counts // block_length)).sum()) + 1
        needed.append(fixed + BYTES_PER_ACTION * block_length * blocks)
        if needed[-1] <= budget:
            return block_length, needed[-1]
    raise FootfallError(
        f"{day} needs {min(needed) / MIB:,.1f} MiB; memory_bytes allows {budget / MIB:,.1f}.",
        "Allow more, or let fewer processes and workers read at once.",
    )


@contextmanager
def _reading(file: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        raise FootfallError(
            f"{file} cannot be read: {error}", "Export the day again, or copy it whole."
        ) from error


def _open(folder: Path, manifest: ExportManifest, part: str) -> list[tuple[Path, Any]]:
    """Return the part's shards as (path, Parquet file), their rows and columns checked."""
    opened = []
    for shard in (shard for shard in manifest.shards if shard.part == part):
        path = folder / shard.file
        with _reading(path):
            parquet = pq.ParquetFile(path)
        if parquet.metadata.num_rows != shard.rows:
            raise FootfallError(
                f"{path} has {parquet.metadata.num_rows} rows, its manifest says {shard.rows}.",
                "Export the day again, or copy it whole.",
            )
        if missing := set(COLUMNS[part]) - set(parquet.schema_arrow.names):
            raise FootfallError(
                f"{path} lacks {', '.join(sorted(missing))}.", "Export the day again."
            )
        opened.append((path, parquet))
    return opened


def _customers(shards: list[tuple[Path, Any]], length: int) -> tuple[Any, npt.NDArray[np.int64]]:
    """Return the customers' ids, an Arrow array, and how many actions each has."""
    tables = []
    for path, parquet in shards:
        with _reading(path):
            tables.append(parquet.read(columns=["customer_id", "action_count"]))
    if not tables:
        return pa.array([], pa.int64()), np.zeros(0, np.int64)
    table = pa.concat_tables(tables)
    ids = table["customer_id"].combine_chunks()
    counts = table["action_count"].to_numpy().astype(np.int64)
    damage = None
    if pc.count_distinct(ids).as_py() != len(ids):
        damage = "a customer has two histories"
    elif len(counts) and not 0 <= counts.min() <= counts.max() <= length:
        damage = f"a history is longer than the manifest's {length} actions, or negative"
    if damage:
        raise FootfallError(
            f"{shards[0][0].parent} is damaged: in {shards[0][0].name} or its like, {damage}.",
            "Export the day again.",
        )
    return ids, counts


def _samples(
    shards: list[tuple[Path, Any]], customers: Any
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.bool_], npt.NDArray[np.int32]]:
    """Return the samples' items, labels and customers' rows; a customer without a row has the
    row behind the last, which is an empty history."""
    rows = sum(parquet.metadata.num_rows for _, parquet in shards)
    items, customer = np.empty(rows, np.int32), np.empty(rows, np.int32)
    labels = np.empty(rows, np.bool_)
    start = 0
    for path, parquet in shards:
        with _reading(path):
            table = parquet.read(columns=list(COLUMNS["samples"]))
            found = pc.index_in(table["customer_id"], value_set=customers)
        part = slice(start, start + table.num_rows)
        items[part] = table["item_id"].to_numpy()
        labels[part] = table["is_order"].to_numpy()
        customer[part] = pc.fill_null(found, len(customers)).to_numpy()
        start = part.stop
    return items, labels, customer


def _begins_ranking(shards: list[tuple[Path, Any]]) -> npt.NDArray[np.bool_]:
    """Return of each sample whether it is its ranking's first, or its customer's in the ranking."""
    first = np.ones(sum(parquet.metadata.num_rows for _, parquet in shards), np.bool_)
    start = 0
    for path, parquet in shards:
        with _reading(path):
            table = parquet.read(columns=["ranking_id", "customer_id"]).combine_chunks()
        if table.num_rows:
            before, after = table.slice(0, table.num_rows - 1), table.slice(1)
            differs = pc.or_(
                pc.not_equal(before["ranking_id"], after["ranking_id"]),
                pc.not_equal(before["customer_id"], after["customer_id"]),
            )
            first[start + 1 : start + table.num_rows] = pc.fill_null(differs, True).to_numpy()
        start += table.num_rows
    return first


def _first_blocks(counts: npt.NDArray[np.int64], block_length: int) -> npt.NDArray[np.int64]:
    """Return where each customer's blocks begin [customers + 2], and the empty history's."""
    first = np.ones(len(counts) + 2, np.int64)
    first[1:-1] += np.cumsum(-(-counts // block_length))
    first[-1] = first[-2]
    return first


def _blocks(
    shards: list[tuple[Path, Any]],
    counts: npt.NDArray[np.int64],
    first_block: npt.NDArray[np.int64],
    block_length: int,
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int8]]:
    """Return actions and action types [blocks, block_length]."""
    actions = np.zeros((int(first_block[-1]), block_length), np.int32)
    action_types = np.zeros(actions.shape, np.int8)
    # A memoryview's slices cost a third of an array's, and there are two for each customer.
    stored = actions.reshape(-1).data, action_types.reshape(-1).data
    begins = (first_block * block_length).tolist()
    lengths = counts.tolist()
    row = 0
    for path, parquet in shards:
        with _reading(path):
            for histories in parquet.iter_batches(
                HISTORIES_AT_A_TIME, columns=["actions", "action_types"]
            ):
                stop = row + histories.num_rows
                for name, places, value_type in zip(
                    ("actions", "action_types"), stored, (pa.int32(), pa.int8()), strict=True
                ):
                    values = _values(path, histories[name], counts[row:stop], value_type)
                    if block_length == 1:
                        places[begins[row] : begins[stop]] = values
                        continue
                    end = 0
                    for begin, length in zip(begins[row:stop], lengths[row:stop], strict=True):
                        places[begin : begin + length] = values[end : end + length]
                        end += length
                row = stop
    return actions, action_types


def _values(path: Path, lists: Any, counts: npt.NDArray[np.int64], value_type: Any) -> memoryview:
    """Return the lists' values, one after another, once their lengths are as expected."""
    if not np.array_equal(list_lengths(lists), counts):
        raise FootfallError(
            f"{path} is damaged: a history's length is not its action_count.",
            "Export the day again.",
        )
    values: memoryview = np.ascontiguousarray(lists.flatten().cast(value_type).to_numpy()).data
    return values
