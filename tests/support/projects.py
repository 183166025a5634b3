"""Other dbt projects than footfall's own: copies of it in which some files are others."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from footfall.project.dbt import project_vars
from footfall.settings import PROJECT_DIR, get_settings

PARTS = ("dbt_project.yml", "profiles.yml", "macros", "models", "seeds", "snapshots", "data_tests")


@contextmanager
def project_with(files: Mapping[str, str]) -> Iterator[Path]:
    """Let dbt work on a copy of the project.

    Args:
        files: texts by path in the project; they replace what is there.
    """
    with tempfile.TemporaryDirectory(prefix="project-") as folder:
        copy = Path(folder)
        for part in PARTS:
            if (PROJECT_DIR / part).is_dir():
                shutil.copytree(PROJECT_DIR / part, copy / part)
            else:
                shutil.copy(PROJECT_DIR / part, copy / part)
        for name, text in files.items():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_text(text)
        with working_on(copy):
            yield copy


@contextmanager
def working_on(project: Path) -> Iterator[None]:
    """Let dbt and the commands work on a project."""
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("FOOTFALL_PROJECT_DIR", str(project))
            get_settings.cache_clear()
            project_vars.cache_clear()
            yield
    finally:
        get_settings.cache_clear()
        project_vars.cache_clear()
