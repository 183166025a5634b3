"""The project's macros as text, where they ask dbt for nothing but vars."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from jinja2 import Environment

from footfall.project.dbt import project_vars
from footfall.settings import PROJECT_DIR


def macros_in(*files: str) -> Any:
    """Return the macros of files, as functions that render them.

    Args:
        files: under ``macros``, without their ending; one may call macros of those before it.
    """
    footfall = SimpleNamespace(setting=project_vars().__getitem__)
    for file in files:
        source = (PROJECT_DIR / "macros" / f"{file}.sql").read_text()
        module = Environment().from_string(source).make_module({"footfall": footfall})
        vars(footfall).update(vars(module))
    return footfall
