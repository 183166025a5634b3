"""The manifest that ``dbt parse`` writes: no Spark."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from footfall.project.dbt import run_dbt


def parse(target: Path, *arguments: str) -> dict[str, Any]:
    """Parse the project with warnings as errors and return its manifest."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DBT_LOG_PATH", str(target))
        patch.setenv("DBT_WARN_ERROR", "true")
        options = ("--no-partial-parse", "--target-path", str(target))
        run_dbt("parse", *options, *arguments, quiet=True)
    manifest: dict[str, Any] = json.loads((target / "manifest.json").read_text())
    return manifest


def nodes(manifest: dict[str, Any], *resource_types: str) -> list[dict[str, Any]]:
    return [node for node in manifest["nodes"].values() if node["resource_type"] in resource_types]
