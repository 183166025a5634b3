"""dbt from Python: the project's vars, and commands in this process's Spark session."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import yaml

from footfall.errors import FootfallError
from footfall.settings import get_settings

OBJECTS_BETWEEN_COLLECTIONS = 100_000


@lru_cache(maxsize=1)
def project_vars() -> dict[str, Any]:
    """Return the vars of dbt_project.yml: definitions that a job shares with the models.

    Where footfall is a package, those of the project around it take the place of its own.
    """
    settings = get_settings()
    found: dict[str, Any] = {}
    for folder in reversed(settings.model_dirs):
        project = yaml.safe_load((folder / "dbt_project.yml").read_text(encoding="utf-8"))
        found |= project.get("vars") or {}
    return found


def run_dbt(*arguments: str, quiet: bool = False, manifest: Any = None) -> Any:
    """Run a dbt command in this process, so that it shares the one Spark session.

    Args:
        arguments: the command as on the command line, for example ``"build", "--select", "x"``.
        quiet: print errors only.
        manifest: what an earlier ``parse`` returned; spares parsing the project again.

    Returns:
        dbt's own result object.

    Raises:
        FootfallError: the command failed; it names the nodes, and dbt has said why on the console.
    """
    from dbt.cli.main import dbtRunner

    project_dir = str(get_settings().project_dir)
    os.environ.setdefault("DBT_SEND_ANONYMOUS_USAGE_STATS", "false")
    flags = ["--quiet"] if quiet else []
    with _command_line(arguments), _rarely_collected():
        outcome = dbtRunner(manifest=manifest).invoke(
            [*flags, *arguments, "--project-dir", project_dir, "--profiles-dir", project_dir]
        )
    if not outcome.success:
        cause = f": {outcome.exception}" if outcome.exception else _failures(outcome.result)
        raise FootfallError(
            f"dbt {' '.join(arguments)} failed{cause or '.'}",
            "Read the errors above; `dbt retry` runs what failed and what was skipped.",
        )
    return outcome.result


def parsed_manifest() -> dict[str, Any]:
    """Return the project's manifest as dbt's file has it.

    Raises:
        FootfallError: dbt cannot read the project.
    """
    manifest: dict[str, Any] = run_dbt("parse", quiet=True).writable_manifest().to_dict()
    return manifest


@contextmanager
def _command_line(arguments: Sequence[str]) -> Iterator[None]:
    """Let dbt see its own command line in place of the process's.

    dbt writes it into its log and artifacts: that of ``footfall erase`` names a person.
    """
    before = sys.argv
    sys.argv = [before[0], *arguments]
    try:
        yield
    finally:
        sys.argv = before


@contextmanager
def _rarely_collected() -> Iterator[None]:
    """Have Python look for garbage less often: dbt makes many objects, and keeps most of them."""
    before = gc.get_threshold()
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _failures(result: Any) -> str:
    failed = [
        f"\n  {node.node.name}: {' '.join(str(node.message).split())}"
        for node in getattr(result, "results", [])
        if node.status in ("error", "fail", "runtime error")
    ]
    return ":" + "".join(failed) if failed else ""
