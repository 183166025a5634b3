"""The hidden folder in which an export is made, with a journal of what is finished in it.

It is named by what determines the export's rows, so that the same command finds it again after it
was killed, and another command does not take it for its own.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pyarrow as pa
from pydantic import BaseModel, ValidationError

from footfall import __version__
from footfall.errors import FootfallError
from footfall.locks import held
from footfall.sequences.manifest import (
    ExportFormat,
    ExportManifest,
    Shard,
    manifest_name,
    shard_files,
)

PREFIX = ".export-"


class Source(BaseModel):
    """A version of a Delta table. A table that was dropped and made again has another id."""

    table_id: str
    version: int


class Plan(BaseModel):
    """All that determines the rows of an export, and how they are written."""

    format: ExportFormat
    dt: date
    sequence_length: int
    shuffle_seed: int | None
    rows_per_shard: dict[str, int]
    sources: dict[str, Source]
    footfall_version: str = __version__
    pyarrow_version: str = pa.__version__

    @property
    def export_id(self) -> str:
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:12]

    def may_follow(self, other: Plan) -> bool:
        """Return whether the tables still stand as this plan wants them, as the other found them.

        A plan for the other's own day and format does not: the other takes its place.
        """
        return (self.format, self.dt) != (other.format, other.dt) and all(
            other.sources.get(table, source) == source for table, source in self.sources.items()
        )


class Prepared(BaseModel):
    """A part that Spark has written: its files, in the order of the shards."""

    part: str
    files: list[str]


class _Entry(BaseModel):
    prepared: Prepared | None = None
    shard: Shard | None = None


class Staging:
    """The folder of one export. Whoever works in it holds the lock on ``out``.

    Args:
        out: target folder; it exists.
        plan: what is exported.

    Attributes:
        folder: the hidden folder; :meth:`open` makes it.
        store: folder in it for the sequences that are to be padded.
        prepared: the files that Spark wrote, by part, in the order of the shards.
        kept: the shards that an earlier attempt finished and that are as it wrote them, by name.
    """

    def __init__(self, out: Path, plan: Plan) -> None:
        self.out = out
        self.plan = plan
        self.folder = out / f"{PREFIX}{plan.export_id}"
        self.store = self.folder / "store"
        self.prepared: dict[str, list[str]] = {}
        self.kept: dict[str, Shard] = {}
        self._journal = self.folder / "journal.jsonl"

    def open(self) -> None:
        """Make the folder or find it again, and remove those that nobody will come back to.

        Raises:
            OSError: the folder cannot be made.
        """
        for other in self.out.glob(f"{PREFIX}*"):
            if other != self.folder and not self._is_resumable(other):
                shutil.rmtree(other, ignore_errors=True)
        self.folder.mkdir(exist_ok=True)
        (self.folder / "plan.json").write_text(self.plan.model_dump_json())
        entries = list(self._entries())
        for shard in {e.shard.file: e.shard for e in entries if e.shard}.values():
            self._keep(shard)
        prepared = {e.prepared.part: e.prepared.files for e in entries if e.prepared}
        self.prepared = {part: names for part, names in prepared.items() if self._has(part, names)}

    def shard_name(self, part: str, number: int) -> str:
        return f"{part}-{self.plan.dt}-{self.plan.export_id}-{number:05d}.parquet"

    def files(self, part: str) -> list[Path]:
        """Return the files that Spark wrote for a part, in the order of the shards."""
        return [self.folder / part / name for name in self.prepared[part]]

    def record_prepared(self, part: str, files: list[str]) -> None:
        """Note that Spark has written all of a part."""
        self.prepared[part] = files
        self._append(_Entry(prepared=Prepared(part=part, files=files)))

    def record_shard(self, shard: Shard) -> None:
        """Note that a shard lies finished in this folder."""
        self._append(_Entry(shard=shard))

    def locate(self, name: str) -> Path:
        """Return where a finished shard lies: here, or published already."""
        file = self.folder / name
        return file if file.exists() else self.out / name

    def published(self, sample_count: int) -> ExportManifest | None:
        """Return the manifest of this very export, where it is whole and names all samples.

        Of one that is damaged, the shards that are whole are kept.
        """
        file = self.out / manifest_name(self.plan.format, self.plan.dt)
        try:
            manifest = ExportManifest.model_validate_json(file.read_bytes())
        except (OSError, ValidationError):
            return None
        if manifest.export_id != self.plan.export_id:
            return None
        whole = {shard.file: shard for shard in manifest.shards if shard.is_whole(self.out)}
        if len(whole) == len(manifest.shards) and manifest.samples == sample_count:
            return manifest
        self.kept = whole
        return None

    def publish(self, manifest: ExportManifest) -> None:
        """Move the shards into place, then the manifest, and remove the export that it replaces.

        The shards of another export have other names: the former manifest holds until the new one
        stands in its place.
        """
        for shard in manifest.shards:
            if (self.folder / shard.file).exists():
                (self.folder / shard.file).replace(self.out / shard.file)
        fresh = self.folder / "manifest.json"
        fresh.write_text(manifest.model_dump_json(indent=2) + "\n")
        fresh.replace(self.out / manifest_name(manifest.format, manifest.dt))
        self.clean(manifest)

    def clean(self, manifest: ExportManifest) -> None:
        """Remove this folder, and the day's shards that the manifest does not name."""
        named = {shard.file for shard in manifest.shards}
        for file in list(shard_files(self.out, manifest.format, manifest.dt)):
            if file.name not in named:
                file.unlink()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _entries(self) -> Iterator[_Entry]:
        if not self._journal.is_file():
            return
        for line in self._journal.read_text(errors="replace").splitlines():
            try:
                yield _Entry.model_validate_json(line)
            except ValidationError:  # cut off by a kill
                continue

    def _keep(self, shard: Shard) -> None:
        if shard.is_whole(self.folder):
            self.kept[shard.file] = shard
            return
        # What is broken here must not be moved over what is whole there.
        (self.folder / shard.file).unlink(missing_ok=True)
        if shard.is_whole(self.out):
            self.kept[shard.file] = shard

    def _has(self, part: str, files: list[str]) -> bool:
        """Return whether each file that Spark wrote is there, or the shard that became of it."""
        return all(
            (self.folder / part / file).exists()
            or (self.folder / (name := self.shard_name(part, number))).exists()
            or name in self.kept
            for number, file in enumerate(files)
        )

    def _append(self, entry: _Entry) -> None:
        with self._journal.open("a+") as journal:
            # What a kill cut off must not swallow this line.
            journal.write("\n" + entry.model_dump_json(exclude_none=True) + "\n")

    def _is_resumable(self, folder: Path) -> bool:
        try:
            plan = Plan.model_validate_json((folder / "plan.json").read_bytes())
        except (OSError, ValidationError):
            return False
        ours = (self.plan.footfall_version, self.plan.pyarrow_version)
        return (plan.footfall_version, plan.pyarrow_version) == ours and plan.may_follow(self.plan)


@contextmanager
def locked_folder(out: Path, say: Callable[[str], None] | None = None) -> Iterator[None]:
    """Hold the target folder, which is made where it is missing; other exports wait.

    Args:
        out: the folder.
        say: called with a line where there is something to wait for.

    Raises:
        FootfallError: the folder cannot be made or opened.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(out, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise unwritable(out, error) from error

    def tell() -> None:
        if say:
            say(f"Waiting for another export to {out}.")

    with held(descriptor, tell):
        yield


def unwritable(out: Path, error: OSError) -> FootfallError:
    """Return the error for a target folder in which something could not be written."""
    return FootfallError(
        f"--out {out} cannot be written: {error.strerror or error}.",
        "Name a folder that you can write to, with room for the shards. What was finished here is "
        "kept: the same command continues.",
    )
