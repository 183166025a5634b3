"""dbt from Python: the project's vars, and commands in this process's Spark session."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import Any

import yaml

from footfall.errors import FootfallError
from footfall.settings import get_settings


@lru_cache(maxsize=1)
def project_vars() -> dict[str, Any]:
    """Return the vars of dbt_project.yml: definitions that a job shares with the models."""
    project = yaml.safe_load((get_settings().project_dir / "dbt_project.yml").read_text())
    return dict(project["vars"])


def run_dbt(*arguments: str, quiet: bool = False) -> Any:
    """Run a dbt command in this process, so that it shares the one Spark session.

    Args:
        arguments: the command as on the command line, for example ``"build", "--select", "x"``.
        quiet: print errors only.

    Returns:
        dbt's own result object.

    Raises:
        FootfallError: the command failed; dbt has said why on the console.
    """
    from dbt.cli.main import dbtRunner

    project_dir = str(get_settings().project_dir)
    os.environ.setdefault("DBT_SEND_ANONYMOUS_USAGE_STATS", "false")
    flags = ["--quiet"] if quiet else []
    outcome = dbtRunner().invoke(
        [*flags, *arguments, "--project-dir", project_dir, "--profiles-dir", project_dir]
    )
    if not outcome.success:
        cause = f": {outcome.exception}" if outcome.exception else "."
        raise FootfallError(
            f"dbt {' '.join(arguments)} failed{cause}",
            "Read the errors above; `dbt retry` runs what failed and what was skipped.",
        )
    return outcome.result
