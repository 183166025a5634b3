"""Bytes of compact sequences by encoding: ``python -m benchmarks.compact_sizes --json FILE``.

Histories of a year, drawn as ``footfall generate --workload training`` does (``few items``), and
the same histories with items of a Zipf distribution over 2.5 million (``many items``), written as
Parquet. ``MiB written`` of the entropy is what items and types would take if each were coded by its
frequency alone: what an encoding can hardly beat without knowing who acted. The export writes
``dictionary, zstd 3``, by Spark; its files are as large as these, within 1 %. ``rows`` are actions.
"""

from __future__ import annotations

import tempfile
from datetime import date
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import typer

from benchmarks.harness import Row, Work, measure, write_report
from footfall.generate import TrainingPlan, generate_training

DAY = date(2025, 8, 1)
SEED = 7
HISTORY_DAYS = 365
MANY_ITEMS = 2_500_000
ZIPF_EXPONENT = 0.9
ITEMS, TYPES = "actions.list.element", "action_types.list.element"
DICTIONARY: dict[str, Any] = {"use_dictionary": [ITEMS, TYPES]}
SPLIT: dict[str, Any] = {
    "use_dictionary": [TYPES],
    "column_encoding": {ITEMS: "BYTE_STREAM_SPLIT"},
}
ENCODINGS = {
    "dictionary, zstd 3": DICTIONARY | {"compression_level": 3},
    "dictionary, zstd 9": DICTIONARY | {"compression_level": 9},
    "dictionary, zstd 19": DICTIONARY | {"compression_level": 19},
    "plain, zstd 3": {"use_dictionary": False, "compression_level": 3},
    "byte stream split, zstd 3": SPLIT | {"compression_level": 3},
    "delta, zstd 3": {
        "use_dictionary": [TYPES],
        "column_encoding": {ITEMS: "DELTA_BINARY_PACKED"},
        "compression_level": 3,
    },
}


def entropy_bytes(values: npt.NDArray[Any]) -> float:
    """Return the bytes of values that are each coded by their frequency."""
    _, counts = np.unique(values, return_counts=True)
    return float(-(counts * np.log2(counts / counts.sum())).sum() / 8)


def histories(folder: Path, scale: float) -> Any:
    """Return customers' actions and action types, by customer."""
    generate_training(folder, TrainingPlan(1, SEED, DAY, scale, history_days=HISTORY_DAYS))
    columns = ["customer_id", "actions", "action_types"]
    files = sorted((folder / "history").glob("*/*.parquet"))
    tables = [pq.ParquetFile(file).read(columns=columns) for file in files]
    return pa.concat_tables(tables).sort_by("customer_id").combine_chunks()


def with_many_items(table: Any) -> Any:
    """Return the histories with other items."""
    rng = np.random.default_rng(SEED)
    actions = table["actions"].chunk(0)
    weights = 1 / np.arange(1, MANY_ITEMS + 1) ** ZIPF_EXPONENT
    ranks = np.searchsorted(np.cumsum(weights) / weights.sum(), rng.random(len(actions.flatten())))
    items = rng.permutation(MANY_ITEMS + 1).astype(np.int32)[ranks]
    drawn = pa.ListArray.from_arrays(actions.offsets, pa.array(items))
    return table.set_column(table.schema.get_field_index("actions"), "actions", drawn)


def _rows(label: str, table: Any, file: Path) -> list[Row]:
    items, types = (
        table[name].chunk(0).flatten().to_numpy() for name in ("actions", "action_types")
    )

    def entropy() -> Work:
        size = entropy_bytes(items) + entropy_bytes(types)
        return Work(rows=len(items), bytes_written=round(size))

    def write(options: dict[str, Any]) -> Work:
        pq.write_table(table, file, compression="zstd", **options)
        return Work(rows=len(items), bytes_written=file.stat().st_size)

    return [
        measure(f"{label}: entropy", "numpy", entropy),
        *(
            measure(f"{label}: {name}", "pyarrow", partial(write, options))
            for name, options in ENCODINGS.items()
        ),
    ]


def main(
    scale: Annotated[float, typer.Option(help="Multiplies 10,000,000 customers.")] = 0.005,
    json: Annotated[Path | None, typer.Option(help="Where to write the report.")] = None,
) -> None:
    """Measure what sequences take in several of Parquet's encodings.

    Example: `python -m benchmarks.compact_sizes --json report.json`
    """
    with tempfile.TemporaryDirectory() as name:
        table = histories(Path(name) / "generated", scale)
        file = Path(name) / "sequences.parquet"
        rows = _rows("few items", table, file) + _rows("many items", with_many_items(table), file)
    write_report("compact_sizes", rows, json)


if __name__ == "__main__":
    typer.run(main)
