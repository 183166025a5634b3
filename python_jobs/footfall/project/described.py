"""What the yml files of models say of their columns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from footfall.project.contracts import load_contracts
from footfall.settings import Settings

INGEST_ERRORS = "_ingest_errors"
"""Of the load columns, the one that repeats delivered values."""


def described_models(folder: Path) -> dict[str, dict[str, Any]]:
    """Return each model that a yml file of a folder describes, by name, as the file has it."""
    found = {}
    for file in sorted(folder.rglob("*.yml")):
        content = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
        for model in content.get("models", []):
            found[model["name"]] = model
    return found


def personal_columns(table: str, settings: Settings) -> set[str]:
    """Return the columns of a table that are tagged ``meta.personal``.

    In a bronze table with such a column, ``_ingest_errors`` is one too: it repeats values that
    could not be read.

    Args:
        table: as in footfall_silver.stg_crm__customers; one that no yml describes has none.
        settings: whose schemas and models.
    """
    for contract in load_contracts(settings.package_dir).values():
        if contract.bronze_table(settings) == table:
            tagged = {column.name for column in contract.columns if column.personal}
            return tagged | {INGEST_ERRORS} if tagged else tagged
    name = table.rpartition(".")[2]
    for folder in settings.model_dirs:
        if model := described_models(folder / "models").get(name):
            return {
                column["name"]
                for column in model.get("columns", [])
                if column.get("config", {}).get("meta", {}).get("personal")
            }
    return set()
