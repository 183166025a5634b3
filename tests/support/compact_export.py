"""Writes small compact exports as ``footfall export-sequences`` does, without Spark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timezone
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from footfall.sequences import ExportFormat, ExportManifest, Shard
from footfall.sequences.manifest import manifest_name

SCHEMAS = {
    "samples": pa.schema(
        [
            ("dt", pa.date32()),
            ("ranking_id", pa.string()),
            ("customer_id", pa.int64()),
            ("position", pa.int32()),
            ("item_id", pa.int32()),
            ("is_order", pa.bool_()),
        ]
    ),
    "sequences": pa.schema(
        [
            ("dt", pa.date32()),
            ("customer_id", pa.int64()),
            ("actions", pa.list_(pa.int32())),
            ("action_types", pa.list_(pa.int8())),
            ("action_count", pa.int32()),
        ]
    ),
}


class Sample(NamedTuple):
    customer_id: int
    item_id: int
    is_order: bool
    ranking_id: str | None = None
    """By default a ranking of its own."""


History = Sequence[tuple[int, int]]
"""(item, action type) of each action, newest first."""


def write_export(
    folder: Path,
    day: date,
    samples: Sequence[Sample],
    histories: Mapping[int, History],
    sequence_length: int,
    shards: int = 1,
) -> ExportManifest:
    """Write a day in ``shards`` shards of each part, and its manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = {
        "samples": [
            sample._asdict()
            | {"dt": day, "ranking_id": sample.ranking_id or f"r{number}", "position": 0}
            for number, sample in enumerate(samples)
        ],
        "sequences": [
            {
                "dt": day,
                "customer_id": customer,
                "actions": [item for item, _ in history],
                "action_types": [action_type for _, action_type in history],
                "action_count": len(history),
            }
            for customer, history in histories.items()
        ],
    }
    written = []
    for part, schema in SCHEMAS.items():
        for number in range(shards):
            name = f"{part}-{day}-{number:05d}.parquet"
            of_shard = rows[part][number::shards]
            pq.write_table(pa.Table.from_pylist(of_shard, schema), folder / name)
            written.append(Shard.of(folder / name, part))
    manifest = ExportManifest(
        footfall_version="0",
        format=ExportFormat.compact,
        dt=day,
        sequence_length=sequence_length,
        exported_at=datetime(2025, 9, 1, tzinfo=timezone.utc),
        source_versions={},
        schemas={part: {field.name: str(field.type) for field in SCHEMAS[part]} for part in rows},
        shards=written,
    )
    (folder / manifest_name(ExportFormat.compact, day)).write_text(manifest.model_dump_json())
    return manifest


def in_written_order(samples: Sequence[Sample], shards: int) -> list[Sample]:
    """Return the samples in the order in which ``write_export`` laid them in shards."""
    return [sample for number in range(shards) for sample in samples[number::shards]]
