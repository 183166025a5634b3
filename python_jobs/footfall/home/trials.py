"""Where the trials of ``footfall try`` lie in a home."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from footfall.errors import UsageError

FOLDER = "try"


def trial_home(home: Path, path: str, overwrite: bool = False) -> Path:
    """Return a folder for the trial of a file, in ``<home>/try``; a former trial's is emptied.

    Args:
        home: the home of the one who tries.
        path: the file, folder or glob to try.
        overwrite: replace tables that a former trial kept.

    Raises:
        UsageError: a former trial's tables were kept there.
    """
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", Path(path.rstrip("/")).name.split(".")[0]).strip("-")
    folder = home / FOLDER / (name or "events")
    if (folder / "warehouse").exists() and not overwrite:
        raise UsageError(
            f"{folder} has the tables of a trial that was kept.",
            f"Go on from there with FOOTFALL_HOME={folder}, or add --overwrite.",
        )
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
