"""Padding: a day's sequences in flat files, and shards of samples with dense sequences.

Rows go through Arrow and NumPy in batches. No more than a batch of dense sequences is in memory;
the sequences lie in memory-mapped files, which the kernel drops when it needs the room.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from footfall.errors import FootfallError

ROWS_PER_GROUP = 8192
"""Of a padded shard's row groups; 1000 actions of 5 bytes make it 40 MB in memory."""
SEQUENCES_PER_BATCH = 16_384

Ids = npt.NDArray[np.int64]


def pad(values: npt.NDArray[Any], starts: Ids, lengths: Ids, length: int) -> npt.NDArray[Any]:
    """Return sequences of a flat array as the rows of a dense one, filled up with zeros.

    Args:
        values: all sequences one behind the other.
        starts: (n,) where each sequence begins in ``values``.
        lengths: (n,) how many values it has, at most ``length``.
        length: number of columns.

    Returns:
        (n, length) of the type of ``values``.
    """
    dense = np.zeros((len(starts), length), values.dtype)
    for row, (start, count) in enumerate(zip(starts.tolist(), lengths.tolist(), strict=True)):
        dense[row, :count] = values[start : start + count]
    return dense


class SequenceStore:
    """The sequences of a day, found by customer.

    Args:
        folder: where :meth:`build` put them.

    Raises:
        OSError: a file is missing.
    """

    def __init__(self, folder: Path) -> None:
        with np.load(folder / "index.npz") as index:
            self._customers: Ids = index["customers"]
            # The sequence of a customer that has none: empty, behind all others.
            self._starts: Ids = np.append(index["starts"], 0)
            self._lengths: Ids = np.append(index["lengths"], 0)
        self._actions = _mapped(folder / "actions.bin", np.dtype(np.int32))
        self._action_types = _mapped(folder / "action_types.bin", np.dtype(np.int8))

    @staticmethod
    def build(files: Iterable[Path], folder: Path, length: int) -> None:
        """Write a store, unless a complete one is there.

        Args:
            files: Parquet with customer_id bigint, actions array<int>, action_types array<tinyint>.
            folder: of the store; made where it is missing.
            length: the most actions that a sequence may have.

        Raises:
            FootfallError: a sequence is too long, its arrays differ in length, or a customer has
                two.
            OSError: the folder cannot be written.
        """
        index = folder / "index.npz"
        if index.is_file():
            return
        folder.mkdir(exist_ok=True)
        customers: list[Ids] = []
        lengths: list[Ids] = []
        columns = ["customer_id", "actions", "action_types"]
        with (
            (folder / "actions.bin").open("wb") as actions,
            (folder / "action_types.bin").open("wb") as action_types,
        ):
            for file in files:
                for batch in pq.ParquetFile(file).iter_batches(
                    SEQUENCES_PER_BATCH, columns=columns
                ):
                    customers.append(batch["customer_id"].to_numpy())
                    lengths.append(list_lengths(batch["actions"]))
                    if not np.array_equal(lengths[-1], list_lengths(batch["action_types"])):
                        raise FootfallError(
                            "A row of training_sequences has more actions than action_types, or "
                            "fewer.",
                            "Run `dbt test --select training_sequences`, then build it again.",
                        )
                    actions.write(_content(batch["actions"], pa.int32()))
                    action_types.write(_content(batch["action_types"], pa.int8()))
        _write_index(index, _joined(customers), _joined(lengths), length)

    def rows_of(self, customers: pa.Array) -> Ids:
        """Return which sequence each customer has; of one that has none, an empty one."""
        wanted = pc.fill_null(customers, 0).to_numpy(zero_copy_only=False)
        if not len(self._customers):
            return np.zeros(len(wanted), np.int64)
        rows: Ids = np.searchsorted(self._customers, wanted).astype(np.int64)
        rows[rows == len(self._customers)] = 0
        unknown = self._customers[rows] != wanted
        if customers.null_count:
            unknown |= customers.is_null().to_numpy(zero_copy_only=False)
        rows[unknown] = len(self._customers)
        return rows

    def padded(self, rows: Ids, length: int) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int8]]:
        """Return the sequences of these rows, padded with zeros.

        Args:
            rows: (n,) of :meth:`rows_of`.
            length: what to pad to.

        Returns:
            (n, length) actions and (n, length) action types.
        """
        starts, lengths = self._starts[rows], self._lengths[rows]
        return (
            pad(self._actions, starts, lengths, length),
            pad(self._action_types, starts, lengths, length),
        )


def write_padded(samples: Path, target: Path, store: SequenceStore, length: int) -> None:
    """Write samples with their customers' sequences, padded with zeros.

    Args:
        samples: Parquet with customer_id; its rows and columns are kept in their order.
        target: the file to write: the samples' columns, actions array<int>[length] and
            action_types array<tinyint>[length].
        store: the sequences.
        length: what the arrays are padded to.

    Raises:
        OSError: a file cannot be read or written.
    """
    source = pq.ParquetFile(samples)
    schema = (
        source.schema_arrow.remove_metadata()
        .append(pa.field("actions", pa.list_(pa.int32())))
        .append(pa.field("action_types", pa.list_(pa.int8())))
    )
    with pq.ParquetWriter(target, schema, compression="zstd") as writer:
        for batch in source.iter_batches(ROWS_PER_GROUP):
            rows, place = np.unique(store.rows_of(batch["customer_id"]), return_inverse=True)
            actions, action_types = store.padded(rows, length)
            columns = [*batch.columns, _lists(actions[place]), _lists(action_types[place])]
            writer.write_batch(pa.record_batch(columns, schema=schema))


def too_long(longest: int, length: int) -> FootfallError:
    """Return the error for a sequence that has more actions than ``sequence_length``."""
    return FootfallError(
        f"training_sequences holds a sequence of {longest} actions; sequence_length is {length}.",
        "Run `dbt build --full-refresh --select training_sequences`.",
    )


def _mapped(file: Path, data_type: np.dtype[Any]) -> npt.NDArray[Any]:
    if not file.stat().st_size:
        return np.empty(0, data_type)
    with file.open("rb") as content:
        mapped = mmap.mmap(content.fileno(), 0, access=mmap.ACCESS_READ)
    if hasattr(mmap, "MADV_RANDOM"):
        mapped.madvise(mmap.MADV_RANDOM)
    return np.frombuffer(mapped, data_type)


def _lists(dense: npt.NDArray[Any]) -> pa.ListArray:
    rows, length = dense.shape
    offsets = np.arange(0, (rows + 1) * length, length, dtype=np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(dense.reshape(-1)))


def list_lengths(lists: pa.Array) -> Ids:
    """Return how many values each list has; a missing list has none."""
    lengths: Ids = pc.fill_null(pc.list_value_length(lists), 0).to_numpy().astype(np.int64)
    return lengths


def _content(lists: pa.Array, data_type: pa.DataType) -> memoryview:
    values = pc.fill_null(lists.flatten().cast(data_type), 0).to_numpy()
    return np.ascontiguousarray(values).data


def _joined(pieces: list[Ids]) -> Ids:
    return np.concatenate(pieces) if pieces else np.empty(0, np.int64)


def _write_index(index: Path, customers: Ids, lengths: Ids, length: int) -> None:
    """Write where each customer's sequence lies; last, as it says that the store is complete."""
    if len(lengths) and lengths.max() > length:
        raise too_long(int(lengths.max()), length)
    order = np.argsort(customers, kind="stable")
    ordered = customers[order]
    twice = np.flatnonzero(ordered[1:] == ordered[:-1])
    if len(twice):
        raise FootfallError(
            f"training_sequences has two rows for customer {ordered[twice[0]]} on one day.",
            "Run `dbt test --select training_sequences`, then build it again.",
        )
    starts = np.cumsum(lengths) - lengths
    fresh = index.with_name("fresh.npz")
    np.savez(fresh, customers=ordered, starts=starts[order], lengths=lengths[order])
    fresh.replace(index)
