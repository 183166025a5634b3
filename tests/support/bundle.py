"""databricks.yml as the Databricks CLI reads it, as far as this project uses it.

The CLI itself is not to be had here. What it resolves is resolved here: ``${var.…}``,
``${bundle.…}``, ``${workspace.…}`` and ``${resources.…}``, by what the file declares.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from footfall.settings import PROJECT_DIR

REFERENCE = re.compile(r"\$\{([^}]+)\}")
FILE = PROJECT_DIR / "databricks.yml"
OF_THE_WORKSPACE = {
    "workspace.file_path": "/Workspace/bundle/files",
    "workspace.current_user.userName": "someone@example.com",
}


class UnresolvedError(Exception):
    """A reference to what the file does not declare."""


def described() -> dict[str, Any]:
    """Return the file as YAML."""
    read: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return read


def resolve(value: Any, bundle: dict[str, Any], target: str) -> Any:
    """Return a value in which each reference is replaced.

    Args:
        value: a part of the file.
        bundle: the whole file.
        target: whose variables take the place of the defaults.

    Raises:
        UnresolvedError: a reference names what is not declared.
    """
    if isinstance(value, dict):
        return {key: resolve(part, bundle, target) for key, part in value.items()}
    if isinstance(value, list):
        return [resolve(part, bundle, target) for part in value]
    if not isinstance(value, str):
        return value
    if whole := REFERENCE.fullmatch(value):
        return resolve(_referred(whole.group(1), bundle, target), bundle, target)
    return REFERENCE.sub(
        lambda found: str(resolve(_referred(found.group(1), bundle, target), bundle, target)), value
    )


def _referred(name: str, bundle: dict[str, Any], target: str) -> Any:
    kind, _, rest = name.partition(".")
    known: dict[str, Any] = dict(OF_THE_WORKSPACE)
    if kind == "var" and rest in bundle["variables"]:
        chosen = bundle["targets"][target].get("variables", {})
        return chosen.get(rest, bundle["variables"][rest]["default"])
    known |= {"bundle.name": bundle["bundle"]["name"], "bundle.target": target}
    known |= {f"resources.jobs.{job}.id": 123 for job in bundle["resources"]["jobs"]}
    if name not in known:
        raise UnresolvedError(name)
    return known[name]
