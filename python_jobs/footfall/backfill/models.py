"""Which models a backfill rebuilds, read from dbt's manifest."""

from __future__ import annotations

import contextlib
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from footfall.errors import UsageError
from footfall.project.dbt import run_dbt
from footfall.settings import get_settings
from footfall.words import suggest

LAYERS = ("marts", "training")
DATE_COLUMNS = ("event_date", "dt", "metric_date")
"""Columns whose values are days of events. An as-of date is none: most days rightly have none."""


@dataclass(frozen=True)
class Model:
    """One incremental model that can rebuild single days.

    Args:
        name: the model.
        relation: its table.
        wide: a day depends on other days of its inputs, so all days are rebuilt in one run.
        sparse: a day may rightly have no row.
        date_column: the column of its days; None where its rows have no day.
        day_inputs: relation and date column of each input whose rows stand for days.
    """

    name: str
    relation: str
    wide: bool
    sparse: bool
    date_column: str | None
    day_inputs: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Project:
    """dbt's manifest and the models chosen from it."""

    manifest: Any
    models: dict[str, Model]

    def after(self, names: set[str]) -> set[str]:
        """Return the chosen models that read one of the named ones, directly or through others."""
        children = self.manifest.child_map
        waiting = [
            unique_id
            for unique_id in children
            if unique_id.startswith("model.") and unique_id.rpartition(".")[2] in names
        ]
        seen = set[str]()
        while waiting:
            for child in children.get(waiting.pop(), []):
                if child not in seen:
                    seen.add(child)
                    waiting.append(child)
        return {model for model in self.models if any(n.endswith(f".{model}") for n in seen)}


def load_project(select: Sequence[str], variables: Mapping[str, Any]) -> Project:
    """Return the models that a selection names and that can be rebuilt by day.

    Args:
        select: dbt selection terms; none means every incremental mart and training model.
        variables: dbt's vars, where they differ from the project's.

    Raises:
        UsageError: a name in the selection is unknown, or nothing in it can be rebuilt by day.
    """
    require_known(select)
    manifest = run_dbt("parse", "--vars", json.dumps(variables), quiet=True)
    terms = [term for part in select for term in part.split()]
    nodes = {node.name: node for node in manifest.nodes.values() if node.resource_type == "model"}
    arguments = ["--select", *terms] if terms else []
    chosen = _list_models(manifest, *arguments)
    models = {
        name: _model(nodes[name], manifest) for name in chosen if _is_rebuildable(nodes[name])
    }
    if not models:
        raise UsageError(
            f"The selection {' '.join(terms)!r} has no incremental mart or training model.",
            "Name one of: "
            + ", ".join(sorted(name for name, node in nodes.items() if _is_rebuildable(node)))
            + ". Staging tables follow the loads and are not backfilled.",
        )
    return Project(manifest, models)


def _list_models(manifest: Any, *arguments: str) -> list[str]:
    # `dbt ls` prints its answer whether quiet or not.
    with contextlib.redirect_stdout(io.StringIO()):
        names = run_dbt(
            "ls", "--resource-type", "model", "--output", "name", *arguments,
            quiet=True, manifest=manifest,
        )  # fmt: skip
    return list(names or [])


def require_known(select: Sequence[str]) -> None:
    """Refuse a selection that names what the project has not, by its files: without dbt or Spark.

    Args:
        select: dbt selection terms.

    Raises:
        UsageError: a name is no model, snapshot or seed, no folder of them and not the project.
    """
    names = {
        file.stem
        for project in get_settings().model_dirs
        for folder in ("models", "snapshots", "seeds")
        for file in (project / folder).rglob("*")
        if file.is_dir() or file.suffix in (".sql", ".py", ".csv")
    }
    for part in re.split(r"[\s,]+", " ".join(select)):
        name = re.sub(r"^(@|\d*\+)|(\+\d*)$", "", part)
        if re.fullmatch(r"\w+", name) and name not in names | {"footfall"}:
            raise UsageError(
                f"--select: there is no model {name!r}.",
                suggest(name, names, "`dbt ls` lists the models."),
            )


def _is_rebuildable(node: Any) -> bool:
    is_own = node.package_name == "footfall"
    return node.config.materialized == "incremental" and (not is_own or node.fqn[1] in LAYERS)


def _model(node: Any, manifest: Any) -> Model:
    meta = node.config.meta
    parents = [
        manifest.nodes[parent] for parent in node.depends_on.nodes if parent in manifest.nodes
    ]
    return Model(
        name=node.name,
        relation=node.relation_name,
        wide=bool(meta.get("wide")),
        sparse=bool(meta.get("sparse")),
        date_column=_date_column(node),
        day_inputs=tuple(
            (parent.relation_name, column)
            for parent in parents
            if _rows_stand_for_days(parent) and (column := _date_column(parent))
        ),
    )


def _rows_stand_for_days(node: Any) -> bool:
    meta = node.config.meta
    return node.resource_type == "model" and not (meta.get("sparse") or meta.get("slowly_changing"))


def _date_column(node: Any) -> str | None:
    return next((column for column in DATE_COLUMNS if column in node.columns), None)
