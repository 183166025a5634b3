"""The queue: a manifest for each accepted file, and the lock that lets one call at a time work.

Spark's file source reads each manifest once and remembers it in its checkpoint. A manifest is named
by its file's SHA-256, so that the same content is queued once wherever it lies. Once its file was
loaded or rejected, a manifest becomes a line of one file beside the checkpoint's own: Spark lists
the folder at each load.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from itertools import chain, count
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from footfall.atomic import write_atomically
from footfall.checksum import sha256_of
from footfall.errors import FootfallError
from footfall.locks import locked
from footfall.object_store import DataPath

MANIFEST_DDL = (
    "path string, sha256 string, bytes bigint, modified_ns bigint, file_format string, "
    "mapping string"
)


@dataclass(frozen=True)
class Offer:
    """A file offered for loading: which content, and how to read it."""

    path: str
    sha256: str
    bytes: int
    modified_ns: int
    file_format: str
    mapping: str

    def differs_from(self, file: DataPath) -> bool:
        """Return whether the file, which lies at ``path``, is no longer the one that was offered.

        Raises:
            OSError: it cannot be read.
        """
        status = file.stat()
        if (status.st_size, status.st_mtime_ns) == (self.bytes, self.modified_ns):
            return False
        return sha256_of(file) != self.sha256


class Queue:
    """One source entity's folder of ingestion state."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifests = folder / "queue"
        self.checkpoint = folder / "checkpoint"
        # It says what the checkpoint has read, and is dropped with it.
        self.settled = self.checkpoint / "settled.jsonl"
        self.manifests.mkdir(parents=True, exist_ok=True)
        self._known: dict[tuple[str, int, int], str] | None = None
        self._done: dict[str, dict[str, Any]] | None = None

    @contextmanager
    def lock(self, name: str) -> Iterator[None]:
        """Hold the entity's lock.

        Raises:
            FootfallError: another call holds it.
        """
        with locked(
            self.folder / "lock",
            lambda process: FootfallError(
                f"Another ingest of {name} is running (process {process}).",
                "Wait until it has ended: each source entity allows one ingest at a time.",
            ),
        ):
            yield

    def put(self, offer: Offer, again: bool) -> None:
        """Write a file's manifest, atomically.

        Args:
            again: the file was read from the queue before and rejected; it gets a further manifest,
                since the stream does not come back to the old one.
        """
        numbered = (f"{offer.sha256}-{number}.json" for number in count(1))
        names = chain([f"{offer.sha256}.json"], numbered)
        done = self._settled()
        name = next(
            name for name in names if name not in done and not (self.manifests / name).exists()
        )
        if name != f"{offer.sha256}.json" and not again:
            return
        write_atomically(self.manifests / name, json.dumps(asdict(offer)) + "\n")
        self._known = None

    def sha_queued(self) -> set[str]:
        """Return the files that ever were queued."""
        waiting = {file.name[:64] for file in self._waiting()}
        return waiting | {name[:64] for name in self._settled()}

    def settle(self, done: Collection[str]) -> None:
        """Take the manifests of files that were loaded or rejected out of the queue.

        It is for the end of a stream: one that was cut off begins with the manifests of the
        micro-batch that it had in hand.

        Args:
            done: SHA-256 of the files.
        """
        manifests = [file for file in self._waiting() if file.name[:64] in done]
        if not manifests:
            return
        kept = ("path", "sha256", "bytes", "modified_ns")
        with self.settled.open("a", encoding="utf-8") as lines:
            for manifest in manifests:
                offer = json.loads(manifest.read_text())
                told = {"name": manifest.name} | {name: offer[name] for name in kept}
                # A line begins with its break: one that a crash cut off stays alone.
                lines.write("\n" + json.dumps(told))
            lines.flush()
            os.fsync(lines.fileno())
        for manifest in manifests:
            manifest.unlink()
        self._known = self._done = None

    def _waiting(self) -> Iterator[Path]:
        return self.manifests.glob("[0-9a-f]*.json")

    def _settled(self) -> dict[str, dict[str, Any]]:
        """Return what is left of the manifests that were taken out, by their names."""
        if self._done is None:
            self._done = {line["name"]: line for line in self._read_settled()}
        return self._done

    def _read_settled(self) -> Iterator[dict[str, Any]]:
        try:
            lines = self.settled.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return
        for line in lines:
            with suppress(json.JSONDecodeError):
                yield json.loads(line)

    def known_content(self) -> dict[tuple[str, int, int], str]:
        """Return the SHA-256 of queued files by path, size and time of change.

        A landing folder is offered again and again; this spares reading all of it each time.
        """
        if self._known is None:
            self._known = self._read_known()
        return self._known

    def _read_known(self) -> dict[tuple[str, int, int], str]:
        waiting = (json.loads(file.read_text()) for file in self._waiting())
        return {
            (offer["path"], offer["bytes"], offer["modified_ns"]): offer["sha256"]
            for offer in chain(self._settled().values(), waiting)
        }

    def was_read(self) -> bool:
        """Return whether Spark has begun a checkpoint."""
        return (self.checkpoint / "metadata").is_file()

    def query_id(self) -> str:
        """Return the id that Spark gave the checkpoint: a new checkpoint has a new one.

        Batch numbers restart with a new checkpoint, and Delta would take a number that it knows for
        a replay; the id tells the two apart.
        """
        content = json.loads((self.checkpoint / "metadata").read_text())
        return str(content["id"])

    def sweep(self) -> None:
        """Remove checksums whose file is gone: Spark would take one for another writer's file."""
        for checksum in self.checkpoint.rglob(".*.crc"):
            if not (checksum.parent / checksum.name[1:].removesuffix(".crc")).exists():
                checksum.unlink()

    def was_moved(self) -> bool:
        """Return whether the checkpoint names manifests by another folder: the home was moved.

        Spark would read them all again.
        """
        logs = (self.checkpoint / "sources").glob("*/[0-9]*")
        entries = (line for log in logs for line in log.read_text().splitlines()[1:] if line)
        paths = (urlparse(json.loads(entry)["path"]).path for entry in entries)
        return any(Path(unquote(path)).parent != self.manifests for path in paths)

    def renew(self, rejected: Collection[str]) -> None:
        """Begin a new checkpoint, in which loaded and waiting manifests are read anew.

        Args:
            rejected: SHA-256 of the files that must not be tried again unless they are offered.
        """
        for manifest in self._waiting():
            if manifest.name[:64] in rejected:
                manifest.unlink()
        self._drop_checkpoint()

    def _drop_checkpoint(self) -> None:
        self._known = self._done = None
        # Renamed first: a kill must not leave half a checkpoint.
        dropped = self.folder / "checkpoint.dropped"
        shutil.rmtree(dropped, ignore_errors=True)
        if self.checkpoint.exists():
            self.checkpoint.rename(dropped)
            shutil.rmtree(dropped, ignore_errors=True)

    def forget(self) -> None:
        """Remove manifests and checkpoint."""
        self._drop_checkpoint()
        shutil.rmtree(self.manifests, ignore_errors=True)
        self.manifests.mkdir(parents=True, exist_ok=True)
