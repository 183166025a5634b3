"""docs/compatibility.md: what footfall takes from dbt is there, and is in its tables."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path

import pytest

from footfall.settings import PROJECT_DIR

PAGE = (PROJECT_DIR / "docs" / "compatibility.md").read_text(encoding="utf-8")
JOBS = PROJECT_DIR / "python_jobs"


def rows(mark: str) -> list[tuple[str, str]]:
    """Return the first two cells of each row of the table after a mark."""
    table = PAGE.partition(f"<!-- {mark} -->")[2].strip().partition("\n\n")[0]
    found = re.findall(r"^\| `([\w.]+)` \| `?([\w.-]+)`? \|", table, flags=re.MULTILINE)
    assert len(found) == len(table.splitlines()) - 2
    return found


@pytest.mark.parametrize(("name", "module"), rows("replaced") + rows("used"))
def test_a_name_that_footfall_needs_is_in_dbt(name: str, module: str) -> None:
    found = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)


def test_each_import_from_dbt_is_in_the_table() -> None:
    imported = {
        (alias.name, node.module)
        for file in [JOBS / "dbt_footfall.py", *(JOBS / "footfall").rglob("*.py")]
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("dbt.")
        for alias in node.names
    }
    assert imported - set(rows("used")) == set()


def test_what_the_plugin_replaces_is_in_the_table() -> None:
    text = (JOBS / "dbt_footfall.py").read_text(encoding="utf-8")
    names = ("read_delta_log", "try_statements", "day_step", "tasks_at_a_time")
    own = {f"SparkAdapter.{name}" for name in (*names, "_footfall_installed")}
    set_by = re.findall(r"^\s+((?:Spark\w+|Cursor|GraphRunnableTask)\.\w+) \|?= ", text, re.M)
    assert set(set_by) - own == {name for name, _ in rows("replaced")}


@pytest.mark.parametrize(("macro", "package"), rows("macros"))
def test_a_macro_that_is_replaced_is_in_dbt_and_in_the_project(macro: str, package: str) -> None:
    module = {
        "dbt-core": "dbt.include.global_project",
        "dbt-spark": "dbt.include.spark",
        "dbt-databricks": "dbt.include.databricks",
    }[package]
    folder = Path(str(importlib.import_module(module).__file__)).parent
    defined = re.compile(rf"macro (\w+__)?{macro}\(")
    for root in (folder, PROJECT_DIR / "macros"):
        assert any(defined.search(file.read_text()) for file in root.rglob("*.sql")), root
