"""Hold exports against their manifests. It needs the files alone: no Spark, no tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ValidationError

from footfall.checksum import sha256_of
from footfall.errors import FootfallError
from footfall.object_store import DataPath, files_in, open_parquet, unreachable
from footfall.sequences.manifest import (
    MANIFEST_NAME,
    ExportFormat,
    ExportManifest,
    Shard,
    column_types,
    shard_files,
)
from footfall.sequences.padding import list_lengths

ROWS_PER_BATCH = 8192

Progress = Callable[[int, int, str], None]
Ids = npt.NDArray[np.int64]


class Finding(BaseModel):
    """What is broken about a file."""

    file: str
    problem: str


class Verified(BaseModel):
    """What was found about the export of one day; it is whole where there are no findings."""

    manifest: str
    format: ExportFormat
    dt: date
    shards: int
    rows: int
    findings: list[Finding]


class _Broken(Exception):
    """What is wrong with the shard at hand."""


def verify_exports(
    out: DataPath,
    first: date | None = None,
    last: date | None = None,
    file_format: ExportFormat | None = None,
    progress: Progress | None = None,
) -> list[Verified]:
    """Check the exports in a folder: the manifests, and that the shards are what they say.

    Args:
        out: the folder.
        first: earliest day; by default all.
        last: latest day, included; by default all.
        file_format: compact or padded; by default both.
        progress: called with (shards done, shards in all, shard).

    Returns:
        One for each manifest, by format and day.

    Raises:
        FootfallError: there is no manifest that fits.
    """
    chosen = []
    for file in sorted(_listed(out), key=lambda file: file.name):
        if name := MANIFEST_NAME.fullmatch(file.name):
            of, day = ExportFormat(name[1]), date.fromisoformat(name[2])
            if file_format in (None, of) and (first or day) <= day <= (last or day):
                chosen.append((file, of, day))
    if not chosen:
        asked = f" from {first} to {last}" if first and last else ""
        kind = f" in the {file_format.value} format" if file_format else ""
        raise FootfallError(
            f"{out} holds no export{asked}{kind}.",
            "Export it: `footfall export-sequences --date … --out …` without --verify.",
        )
    return [_verify(file, of, day, progress) for file, of, day in chosen]


def _listed(out: DataPath) -> list[DataPath]:
    try:
        return list(files_in(out))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise unreachable(out, error) from error


def _verify(file: DataPath, of: ExportFormat, day: date, progress: Progress | None) -> Verified:
    result = Verified(manifest=file.name, format=of, dt=day, shards=0, rows=0, findings=[])
    try:
        text = file.read_bytes()
        manifest = ExportManifest.model_validate_json(text)
    except (OSError, ValidationError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not what footfall writes"
        result.findings.append(Finding(file=file.name, problem=f"cannot be read: {why}"))
        return result
    result.shards = len(manifest.shards)
    result.rows = sum(shard.rows for shard in manifest.shards)
    result.findings = list(_Inspection(file, manifest, progress).findings(of, day))
    if file.is_file() and file.read_bytes() != text:
        return _verify(file, of, day, progress)  # replaced by another export meanwhile
    return result


class _Inspection:
    """The look at one export."""

    def __init__(self, file: DataPath, manifest: ExportManifest, progress: Progress | None) -> None:
        self.file = file
        self.out = file.parent
        self.manifest = manifest
        self.progress = progress or (lambda _done, _total, _label: None)
        self.customers: dict[str, list[Ids]] = {"samples": [], "sequences": []}

    def findings(self, of: ExportFormat, day: date) -> Iterator[Finding]:
        shards = self.manifest.shards
        if (self.manifest.format, self.manifest.dt) != (of, day):
            yield self._about_all(
                f"is of the {self.manifest.format.value} format and of {self.manifest.dt}"
            )
        yield from self._missing_and_repeated(of)
        broken = False
        for number, shard in enumerate(shards):
            self.progress(number, len(shards), shard.file)
            try:
                self._look_at(shard)
            except _Broken as error:
                broken = True
                yield Finding(file=shard.file, problem=str(error))
        self.progress(len(shards), len(shards), "")
        if of is ExportFormat.compact and not broken:
            yield from self._mismatched_customers()
        named = {shard.file for shard in shards}
        for file in sorted(shard_files(self.out, of, day), key=lambda file: file.name):
            if file.name not in named:
                yield Finding(file=file.name, problem=f"is not named by {self.file.name}")

    def _about_all(self, problem: str) -> Finding:
        return Finding(file=self.file.name, problem=problem)

    def _missing_and_repeated(self, of: ExportFormat) -> Iterator[Finding]:
        names = [shard.file for shard in self.manifest.shards]
        if len(set(names)) < len(names):
            yield self._about_all("names a shard twice")
        for part in of.parts:
            if not any(shard.part == part for shard in self.manifest.shards):
                yield self._about_all(f"names no shard of {part}")

    def _look_at(self, shard: Shard) -> None:
        file = self.out / shard.file
        if not file.is_file():
            raise _Broken("is missing")
        try:
            size = file.stat().st_size
            if size != shard.bytes:
                raise _Broken(f"has {size:,} bytes, not {shard.bytes:,}")
            if sha256_of(file) != shard.sha256:
                raise _Broken("has a different SHA-256 from the manifest's")
            self._read(shard, file)
        except (OSError, pa.ArrowException) as error:
            raise _Broken(f"cannot be read: {error}") from error

    def _read(self, shard: Shard, file: DataPath) -> None:
        parquet = open_parquet(file)
        if parquet.metadata.num_rows != shard.rows:
            raise _Broken(f"has {parquet.metadata.num_rows:,} rows, not {shard.rows:,}")
        types = column_types(parquet.schema_arrow)
        expected = self.manifest.schemas.get(shard.part)
        if types != expected:
            raise _Broken(f"has the columns {types}, not {expected}")
        wanted = {"dt", "customer_id", "actions", "action_types"} & types.keys()
        ids = [np.empty(0, np.int64)]
        for batch in parquet.iter_batches(ROWS_PER_BATCH, columns=sorted(wanted)):
            if not pc.all(pc.equal(batch["dt"], pa.scalar(self.manifest.dt)), min_count=0).as_py():
                raise _Broken(f"has rows of a day other than {self.manifest.dt}")
            if shard.part != "samples":
                self._check_lengths(shard.part, batch)
            if shard.part in self.customers:
                ids.append(batch["customer_id"].drop_null().to_numpy())
        if shard.part == "sequences" and (np.diff(np.concatenate(ids)) <= 0).any():
            raise _Broken("is not sorted by customer, or has a customer twice")
        if shard.part in self.customers:
            self.customers[shard.part].append(np.unique(np.concatenate(ids)))

    def _check_lengths(self, part: str, batch: pa.RecordBatch) -> None:
        length = self.manifest.sequence_length
        lengths = list_lengths(batch["actions"])
        if not np.array_equal(lengths, list_lengths(batch["action_types"])):
            raise _Broken("has a row with more actions than action_types, or fewer")
        if part == "padded" and (lengths != length).any():
            raise _Broken(f"has a sequence that is not {length} actions long")
        if (lengths > length).any():
            raise _Broken(f"has a sequence of more than {length} actions")

    def _mismatched_customers(self) -> Iterator[Finding]:
        owners, customers = (
            np.concatenate([np.empty(0, np.int64), *self.customers[part]])
            for part in ("sequences", "samples")
        )
        if len(np.unique(owners)) < len(owners):
            yield self._about_all("has a customer with sequences in two shards")
        unknown = np.setdiff1d(customers, owners)
        if len(unknown):
            yield self._about_all(
                f"has samples of {len(unknown):,} customers without a row in sequences, "
                f"such as {unknown[0]}: build training_sequences again, then export"
            )
