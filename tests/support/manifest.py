"""The manifest that ``dbt parse`` writes: no Spark."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from footfall.settings import get_settings


def parse(target: Path, *arguments: str) -> dict[str, Any]:
    """Parse the project with warnings as errors and return its manifest."""
    command = [
        sys.executable, "-c", "from dbt.cli.main import cli; cli()", "--warn-error", "parse",
        "--no-partial-parse", "--target-path", str(target), "--log-path", str(target),
    ]  # fmt: skip
    done = subprocess.run(
        [*command, *arguments],
        cwd=get_settings().project_dir,
        env={**os.environ, "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    manifest: dict[str, Any] = json.loads((target / "manifest.json").read_text())
    return manifest


def nodes(manifest: dict[str, Any], *resource_types: str) -> list[dict[str, Any]]:
    return [node for node in manifest["nodes"].values() if node["resource_type"] in resource_types]
