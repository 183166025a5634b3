"""What an export says of itself: its manifest, and the names of its files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime
from enum import Enum
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel

from footfall.checksum import sha256_of
from footfall.object_store import AnyPath, files_in

MANIFEST_NAME = re.compile(r"_manifest-(compact|padded)-(\d{4}-\d\d-\d\d)\.json")


class ExportFormat(str, Enum):
    compact = "compact"
    padded = "padded"

    @property
    def parts(self) -> tuple[str, ...]:
        """The kinds of shard that an export of this format has."""
        return ("padded",) if self is ExportFormat.padded else ("samples", "sequences")


class Shard(BaseModel):
    """One Parquet file: its part (samples, sequences or padded), rows, bytes and SHA-256."""

    file: str
    part: str
    rows: int
    bytes: int
    sha256: str

    @classmethod
    def of(cls, file: Path, part: str) -> Shard:
        """Return what a finished Parquet file holds.

        Raises:
            OSError: the file cannot be read.
        """
        return cls(
            file=file.name,
            part=part,
            rows=pq.read_metadata(file).num_rows,
            bytes=file.stat().st_size,
            sha256=sha256_of(file),
        )

    def is_whole(self, folder: Path) -> bool:
        """Return whether the file lies in the folder as it was written."""
        file = folder / self.file
        try:
            return file.stat().st_size == self.bytes and Shard.of(file, self.part) == self
        except (OSError, pa.ArrowException):
            return False


class ExportManifest(BaseModel):
    """What an export of one day holds and from which table versions it was made.

    Attributes:
        footfall_version: which footfall wrote it.
        export_id: of the format, the options and the versions of the tables; in the shards' names.
            Empty, like what has a default below, where an earlier footfall wrote the manifest.
        format: compact or padded.
        dt: the impressions' day.
        sequence_length: the most actions of a sequence; of a padded one, the number.
        shuffle_seed: seed of the rows' order; None where they are sorted.
        rows_per_shard: the target, by part.
        exported_at: when it was complete, UTC.
        source_versions: Delta version by table.
        schemas: by part, Spark's name of each column's type.
        shards: in the order in which to read them.
    """

    footfall_version: str
    export_id: str = ""
    format: ExportFormat
    dt: date
    sequence_length: int
    shuffle_seed: int | None = None
    rows_per_shard: dict[str, int] = {}
    exported_at: datetime
    source_versions: dict[str, int]
    schemas: dict[str, dict[str, str]]
    shards: list[Shard]

    @property
    def samples(self) -> int:
        """The number of samples, which is that of the padded rows."""
        return self.rows(self.format.parts[0])

    def rows(self, part: str) -> int:
        """Return the number of rows of all shards of a part."""
        return sum(shard.rows for shard in self.shards if shard.part == part)


def manifest_name(file_format: ExportFormat, day: date) -> str:
    return f"_manifest-{file_format.value}-{day}.json"


def shard_files(out: AnyPath, file_format: ExportFormat, day: date) -> Iterator[AnyPath]:
    """Yield the shards of all exports of a day that lie in a folder, named by a manifest or not."""
    parts = "|".join(file_format.parts)
    # The id in the middle is missing where an earlier footfall wrote the shard.
    ours = re.compile(rf"({parts})-{day}(-[0-9a-f]{{12}})?-\d{{5}}\.parquet")
    return (file for file in files_in(out) if ours.fullmatch(file.name))


def column_types(schema: pa.Schema) -> dict[str, str]:
    """Return Spark's name of each column's type, for example ``array<tinyint>``."""
    return {field.name: _type_name(field.type) for field in schema}


def _type_name(data_type: pa.DataType) -> str:
    if pa.types.is_list(data_type) or pa.types.is_large_list(data_type):
        return f"array<{_type_name(data_type.value_type)}>"
    names = {
        pa.int8(): "tinyint",
        pa.int16(): "smallint",
        pa.int32(): "int",
        pa.int64(): "bigint",
        pa.float32(): "float",
        pa.float64(): "double",
        pa.bool_(): "boolean",
        pa.date32(): "date",
        pa.string(): "string",
    }
    return names.get(data_type, str(data_type))
