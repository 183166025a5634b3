"""A day's export in a folder of an object store: made on this machine, then copied."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

from pydantic import ValidationError

from footfall.errors import FootfallError
from footfall.object_store import ObjectPath, unreachable
from footfall.sequences.manifest import ExportManifest, manifest_name, shard_files
from footfall.sequences.staging import Plan

Progress = Callable[[int, int, str], None]


def working_folder(home: Path, target: ObjectPath) -> Path:
    """Return where the exports to a folder of an object store are made.

    Args:
        home: FOOTFALL_HOME.
        target: the folder.
    """
    return home / "exports" / hashlib.sha256(str(target).encode()).hexdigest()[:12]


def published(target: ObjectPath, plan: Plan, samples: int) -> ExportManifest | None:
    """Return the manifest of this very export, where all its shards lie there in full length.

    Args:
        target: the folder.
        plan: what is to be exported.
        samples: of that day.

    Raises:
        FootfallError: the store cannot be read.
    """
    try:
        text = (target / manifest_name(plan.format, plan.dt)).read_bytes()
        manifest = ExportManifest.model_validate_json(text)
        sizes = {f.name: f.stat().st_size for f in shard_files(target, plan.format, plan.dt)}
    except (FileNotFoundError, ValidationError):
        return None
    except OSError as error:
        raise unreachable(target, error) from error
    is_whole = all(sizes.get(shard.file) == shard.bytes for shard in manifest.shards)
    is_same = manifest.export_id == plan.export_id and manifest.samples == samples
    return manifest if is_whole and is_same else None


def publish(
    manifest: ExportManifest, made: Path, target: ObjectPath, progress: Progress | None = None
) -> None:
    """Copy an export: the shards, then the manifest; the shards of the one before go last.

    Whoever reads meanwhile finds either manifest with all its shards. What was made on this machine
    is removed when all is copied.

    Args:
        manifest: the export's.
        made: the local folder that holds it.
        target: the folder in the object store.
        progress: called with (shards copied, shards in all, what is being done).

    Raises:
        FootfallError: the store cannot be written. The same command copies again.
    """
    name = manifest_name(manifest.format, manifest.dt)
    named = {shard.file for shard in manifest.shards}
    try:
        for number, shard in enumerate(manifest.shards):
            if progress:
                progress(number, len(manifest.shards), f"copy {shard.file}")
            (target / shard.file).upload(made / shard.file)
        (target / name).upload(made / name)
        for file in list(shard_files(target, manifest.format, manifest.dt)):
            if file.name not in named:
                file.unlink()
    except OSError as error:
        raise FootfallError(
            f"--out {target} cannot be written: {str(error).rstrip('.')}.",
            f"Fix the cause and run the same command: it copies what lies in {made}.",
        ) from error
    for copied in (name, *named):
        (made / copied).unlink(missing_ok=True)
    if not any(made.iterdir()):
        shutil.rmtree(made)
