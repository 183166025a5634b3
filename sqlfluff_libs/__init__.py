"""What dbt gives the project's macros, for sqlfluff's plain Jinja templater.

The macros themselves come from ``macros/``. A model is rendered as in a unit test, where macros ask
nothing of the warehouse.
"""

import datetime
import functools
import itertools
import json
import re
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, pass_context
from jinja2.runtime import Context

PROJECT_DIR = Path(__file__).resolve().parent.parent


def _sources() -> dict[str, dict[str, Any]]:
    nodes = {}
    for file in sorted(PROJECT_DIR.glob("models/staging/*/_*__sources.yml")):
        for source in yaml.safe_load(file.read_text())["sources"]:
            for table in source["tables"]:
                nodes[f"{source['name']}.{table['name']}"] = {
                    "source_name": source["name"],
                    "name": table["name"],
                    "config": table["config"],
                    "columns": {
                        column["name"]: {"config": {"meta": {}}, **column}
                        for column in table["columns"]
                    },
                }
    return nodes


_VARS: dict[str, Any] = yaml.safe_load((PROJECT_DIR / "dbt_project.yml").read_text())["vars"]
# What repeats for each entity of each source is linted with three of them in place of twelve.
_VARS["sources"] = ["product", "app"]

execute = True
graph = {"sources": _sources()}
model = {"resource_type": "unit_test"}
modules = {"datetime": datetime, "itertools": itertools, "re": re}


def _compile_once() -> None:
    """Let Jinja keep compiled macros: sqlfluff compiles all of them for each file that it lints."""
    compile_source: Any = Environment.compile
    compiled: dict[Any, Any] = {}

    @functools.wraps(compile_source)
    def compile(self: Environment, source: Any, *values: Any, **named: Any) -> Any:
        key = (type(self), source, values, tuple(sorted(named.items())))
        if not isinstance(source, str):
            return compile_source(self, source, *values, **named)
        if key not in compiled:
            compiled[key] = compile_source(self, source, *values, **named)
        return compiled[key]

    Environment.compile = compile  # type: ignore[method-assign]


_compile_once()


class _Package:
    """footfall's macros under their full names: ``footfall.in_dates(…)``."""

    def __getattr__(self, name: str) -> Any:
        @pass_context
        def call(context: Context, *values: Any, **named: Any) -> Any:
            return context.call(context.resolve(name), *values, **named)

        return call


footfall = _Package()


def var(name: str, default: Any = None) -> Any:
    """Return a project variable."""
    return _VARS.get(name, default)


def tojson(value: Any, default: Any = None, sort_keys: bool = False) -> str:
    """Return the value as JSON."""
    return json.dumps(value, sort_keys=sort_keys)
