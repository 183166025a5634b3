"""dbt's macros without a warehouse: on the project's graph, with given answers to queries."""

from __future__ import annotations

import datetime
import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import agate
from dbt.clients.jinja import MacroGenerator
from dbt_common.exceptions.macros import MacroReturn

from footfall.project.dbt import project_vars

PROJECT = "footfall"


@dataclass
class Warehouse:
    """What tables say of themselves, and what queries give.

    Attributes:
        reflects: per table, the newest load of each source entity that it reflects.
        answers: per pattern of a query, its rows; the first pattern that is found in it counts.
        replays: by entity, as the macro replays_of returns them.
        asked: the queries so far, white space made one.
    """

    reflects: Mapping[str, Mapping[str, int]]
    answers: Mapping[str, Sequence[tuple[Any, ...]]] = field(default_factory=dict)
    replays: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def query(self, sql: str) -> Any:
        text = " ".join(sql.split())
        self.asked.append(text)
        for pattern, rows in self.answers.items():
            if re.search(pattern, text):
                names = [str(number) for number in range(len(rows[0]) if rows else 1)]
                return agate.Table(rows, names)
        raise AssertionError(f"no answer to {text}")


def macros_of(
    manifest: Mapping[str, Any], model: str, warehouse: Warehouse, **changed: Any
) -> dict[str, Callable[..., Any]]:
    """Return the project's macros as a run of a built incremental model calls them.

    Args:
        manifest: of ``dbt parse``.
        model: the name of the model that plans its run.
        warehouse: what is built.
        changed: vars in place of the project's.
    """
    node = manifest["nodes"][f"model.{PROJECT}.{model}"]
    values = project_vars() | changed

    def give_back(value: Any = None) -> None:
        raise MacroReturn(value)

    def refuse(message: str) -> None:
        raise ValueError(message)

    context: dict[str, Any] = {
        # A server that only answers SQL.
        "adapter": SimpleNamespace(),
        "exceptions": SimpleNamespace(raise_compiler_error=refuse),
        "execute": True,
        "flags": SimpleNamespace(WHICH="build", FULL_REFRESH=False),
        "fromjson": json.loads,
        "graph": {"nodes": dict(manifest["nodes"]), "sources": manifest["sources"]},
        "invocation_id": "planning",
        "is_incremental": lambda: True,
        "load_relation": lambda relation: relation,
        "local_md5": lambda text: hashlib.md5(text.encode()).hexdigest(),
        "model": node,
        "modules": {"datetime": datetime, "re": re},
        "project_name": PROJECT,
        "ref": lambda name: f"ref_{name}",
        "return": give_back,
        "run_query": warehouse.query,
        "set": set,
        "this": node["relation_name"],
        "tojson": lambda value, sort_keys=False: json.dumps(value, sort_keys=sort_keys),
        "var": lambda name, *default: values.get(name, *default),
    }
    context["context"] = context
    macros: dict[str, Callable[..., Any]] = {
        macro["name"]: MacroGenerator(SimpleNamespace(**macro), context)
        for macro in manifest["macros"].values()
        if macro["package_name"] == PROJECT
    }
    macros["consumed_loads"] = lambda table: dict(warehouse.reflects.get(table["name"], {}))
    macros["replays_of"] = lambda name: list(warehouse.replays.get(name, []))
    context[PROJECT] = macros
    return context | macros
