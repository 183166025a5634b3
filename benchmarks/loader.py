"""Samples a second into a trainer: ``python -m benchmarks.loader --json FILE``.

A synthetic day: 10 million samples of a million customers at scale 1, ten items a ranking,
histories of at most 1000 actions, lengths lognormal with median 120 (mean about 210). Batches of
1024 samples, shuffled. ``blocks`` and ``padded matrix`` are the loader's two ways to hold histories
that it pads to 1000; ``jagged`` shuffles rankings and passes the history of each once, without
padding, in batches of 1024 and of 8192. ``loaded before`` leaves the reading of the day out, where
workers are used they have read it in an epoch before. Beside them, the same rows read from Parquet
shards that hold each sample with its padded history, in order and with row groups and their rows
shuffled, and in order by Hugging Face's datasets, where they are installed.
"""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, timezone
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import typer

from benchmarks.harness import Row, Work, measure, write_report
from footfall.sequences import ExportFormat, ExportManifest, SequenceReader, Shard, TrainingDay
from footfall.sequences.manifest import manifest_name
from footfall.sequences.prepare import ROWS_PER_SHARD

SAMPLES = 10_000_000
CUSTOMERS = 1_000_000
LENGTH = 1000
MEDIAN_LENGTH = 120
ITEMS = 1_000_000
BATCH = 1024
LARGE_BATCH = 8192
ITEMS_OF_A_RANKING = 10
WORKERS = (0, 1, 2)
DAY = date(2025, 8, 20)
SEED = 7
PADDED_ROWS_AT_MOST = 200_000
PADDED_ROW_GROUP = 10_000


class Way(NamedTuple):
    """How histories are held and passed: samples of a batch, and the reader's other arguments."""

    batch_size: int
    arguments: dict[str, Any]


WAYS = {
    "blocks": Way(BATCH, {}),
    "padded matrix": Way(BATCH, {"blocks_per_history": 1}),
    "jagged": Way(BATCH, {"jagged": True}),
    f"jagged, batches of {LARGE_BATCH}": Way(LARGE_BATCH, {"jagged": True}),
}


def _ragged(rng: np.random.Generator, customers: int) -> tuple[Any, Any, Any]:
    """Return actions, action types and lengths of the customers, as Arrow arrays."""
    lengths = np.minimum(LENGTH, rng.lognormal(np.log(MEDIAN_LENGTH), 1.2, customers).astype(int))
    offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32))
    count = int(lengths.sum())
    actions = rng.integers(1, ITEMS, count, dtype=np.int32)
    action_types = rng.integers(1, 4, count, dtype=np.int8)
    return (
        pa.ListArray.from_arrays(offsets, pa.array(actions)),
        pa.ListArray.from_arrays(offsets, pa.array(action_types)),
        pa.array(lengths.astype(np.int32)),
    )


def _sequences(rng: np.random.Generator, first: int, customers: int) -> Any:
    actions, action_types, lengths = _ragged(rng, customers)
    return pa.table(
        {
            "customer_id": pa.array(np.arange(first, first + customers)),
            "actions": actions,
            "action_types": action_types,
            "action_count": lengths,
        }
    )


def _samples(rng: np.random.Generator, customers: int, first: int, samples: int) -> Any:
    rankings = np.arange(first, first + samples) // ITEMS_OF_A_RANKING
    shown_to = rng.integers(0, customers, rankings[-1] - rankings[0] + 1)
    return pa.table(
        {
            "ranking_id": pc.binary_join_element_wise("r", pa.array(rankings).cast("string"), ""),
            "customer_id": pa.array(shown_to[rankings - rankings[0]]),
            "item_id": pa.array(rng.integers(1, ITEMS, samples, dtype=np.int32)),
            "is_order": pa.array(rng.random(samples) < 0.05),
        }
    )


def _write(folder: Path, part: str, tables: Iterable[Any]) -> Iterator[Shard]:
    for number, table in enumerate(tables):
        file = folder / f"{part}-{DAY}-{number:05d}.parquet"
        pq.write_table(table, file, compression="zstd")
        yield Shard.of(file, part)


def write_compact(folder: Path, samples: int, customers: int) -> int:
    """Write a day as the compact export does; return its bytes."""
    rng = np.random.default_rng(SEED)

    def sizes(part: str, rows: int) -> Iterator[tuple[int, int]]:
        for first in range(0, rows, ROWS_PER_SHARD[part]):
            yield first, min(ROWS_PER_SHARD[part], rows - first)

    shards = [
        *_write(
            folder,
            "samples",
            (_samples(rng, customers, first, rows) for first, rows in sizes("samples", samples)),
        ),
        *_write(
            folder,
            "sequences",
            (_sequences(rng, first, rows) for first, rows in sizes("sequences", customers)),
        ),
    ]
    manifest = ExportManifest(
        footfall_version="0",
        format=ExportFormat.compact,
        dt=DAY,
        sequence_length=LENGTH,
        exported_at=datetime(2025, 9, 1, tzinfo=timezone.utc),
        source_versions={},
        schemas={},
        shards=shards,
    )
    (folder / manifest_name(ExportFormat.compact, DAY)).write_text(manifest.model_dump_json())
    return sum(shard.bytes for shard in shards)


def write_padded(compact: Path, file: Path, rows: int) -> int:
    """Write the day's first samples with their padded histories; return the bytes."""
    day = TrainingDay(compact, DAY)
    writer = None
    for first in range(0, rows, PADDED_ROW_GROUP):
        batch = day.batch(np.arange(first, min(rows, first + PADDED_ROW_GROUP)))
        offsets = pa.array(np.arange(len(batch.item_id) + 1, dtype=np.int32) * LENGTH)
        table = pa.table(
            {
                "item_id": batch.item_id,
                "is_order": batch.is_order,
                "actions": pa.ListArray.from_arrays(offsets, batch.actions.ravel()),
                "action_types": pa.ListArray.from_arrays(offsets, batch.action_types.ravel()),
            }
        )
        writer = writer or pq.ParquetWriter(file, table.schema, compression="zstd")
        writer.write_table(table)
    if writer:
        writer.close()
    return file.stat().st_size


def _matrices(batch: Any) -> list[npt.NDArray[Any]]:
    """Return the four arrays of a batch of padded lists."""
    return [
        batch["item_id"].to_numpy(),
        batch["is_order"].to_numpy(zero_copy_only=False),
        *(
            batch[name].flatten().to_numpy().reshape(batch.num_rows, LENGTH)
            for name in ("actions", "action_types")
        ),
    ]


def read_padded_in_order(file: Path) -> int:
    """Read batches of padded rows as they stand; return the rows."""
    batches = pq.ParquetFile(file).iter_batches(BATCH)
    return sum(len(_matrices(batch)[0]) for batch in batches)


def read_padded_shuffled(file: Path) -> int:
    """Read row groups in random order and batches of random rows in each; return the rows."""
    rng = np.random.default_rng(SEED)
    parquet, rows = pq.ParquetFile(file), 0
    for group in rng.permutation(parquet.num_row_groups):
        [batch] = parquet.read_row_group(int(group)).combine_chunks().to_batches()
        arrays = _matrices(batch)
        order = rng.permutation(batch.num_rows)
        for first in range(0, batch.num_rows, BATCH):
            chosen = [array[order[first : first + BATCH]] for array in arrays]
            rows += len(chosen[0])
    return rows


def _drain(batches: Iterable[Any], samples: int) -> Work:
    rows = sum(len(batch.item_id) for batch in batches)
    assert rows == samples, f"{rows} rows of {samples}"
    return Work(rows=rows)


def _numpy_rows(folder: Path, samples: int, size: int, runs: int) -> list[Row]:
    rows = []
    for name, way in WAYS.items():
        if way.batch_size == BATCH:

            def load(way: Way = way) -> Work:
                day = TrainingDay(folder, DAY, **way.arguments)
                return Work(rows=len(day), bytes_read=size)

            rows.append(measure(f"read the day, {name}", "footfall", load, runs))
        reader = SequenceReader(folder, [DAY], way.batch_size, **way.arguments)
        reader.load(0)

        def epoch(reader: SequenceReader = reader) -> Work:
            return _drain(reader.read(), samples)

        rows.append(measure(f"an epoch, {name}, loaded before", "footfall", epoch, runs))
    return rows


def _torch_rows(folder: Path, samples: int, runs: int) -> list[Row]:
    from torch.utils.data import DataLoader

    from footfall.sequences.torch import SequenceStream

    def loader(way: Way, workers: int) -> Any:
        stream = SequenceStream(folder, [DAY], way.batch_size, **way.arguments)
        return DataLoader(
            stream, batch_size=None, num_workers=workers, persistent_workers=workers > 0
        )

    def anew(way: Way, workers: int) -> Callable[[], Work]:
        return lambda: _drain(loader(way, workers), samples)

    def again(batches: Any) -> Callable[[], Work]:
        return lambda: _drain(batches, samples)

    rows = []
    for name, way in WAYS.items():
        for workers in WORKERS:
            label = f"{name}, workers: {workers}"
            rows.append(measure(f"an epoch, {label}", "torch", anew(way, workers), runs))
            warm = loader(way, workers)
            _drain(warm, samples)
            rows.append(measure(f"an epoch, {label}, loaded before", "torch", again(warm), runs))
    return rows


def read_padded_by_datasets(file: Path) -> int:
    """Read batches of padded rows as PyTorch's tensors by Hugging Face; return the rows."""
    import datasets

    streamed = datasets.load_dataset(
        "parquet", data_files=str(file), split="train", streaming=True
    ).with_format("torch")
    return sum(len(batch["item_id"]) for batch in streamed.iter(BATCH))


def _padded_rows(folder: Path, samples: int, runs: int) -> list[Row]:
    file = folder / "padded.parquet"
    size = write_padded(folder, file, min(samples, PADDED_ROWS_AT_MOST))
    rows = []
    ways = [
        ("in order", "pyarrow", read_padded_in_order),
        ("shuffled row groups", "pyarrow", read_padded_shuffled),
    ]
    if importlib.util.find_spec("datasets"):
        ways.append(("in order", "datasets", read_padded_by_datasets))
    else:
        print("Hugging Face's datasets are not installed: their step is left out.")
    for way, engine, read in ways:

        def epoch(read: Callable[[Path], int] = read) -> Work:
            return Work(rows=read(file), bytes_read=size)

        rows.append(measure(f"padded Parquet, {way}", engine, epoch, runs))
    return rows


def main(
    scale: Annotated[float, typer.Option(help=f"Multiplies {SAMPLES:,} samples.")] = 0.02,
    runs: Annotated[int, typer.Option(help="Runs of each step; the time is the median.")] = 3,
    json: Annotated[Path | None, typer.Option(help="Where to write the report.")] = None,
) -> None:
    """Read a synthetic day in all ways, in a temporary folder."""
    samples, customers = max(1, round(SAMPLES * scale)), max(1, round(CUSTOMERS * scale))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        size = write_compact(folder, samples, customers)
        rows = _numpy_rows(folder, samples, size, runs)
        if importlib.util.find_spec("torch"):
            rows += _torch_rows(folder, samples, runs)
        else:
            print("PyTorch is not installed: its steps are left out.")
        rows += _padded_rows(folder, samples, runs)
    write_report("loader", rows, json)


if __name__ == "__main__":
    typer.run(main)
