"""Days that a model lacks, or that no longer reflect their inputs."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from datetime import date
from enum import Enum
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from footfall.backfill.models import Model, Project
from footfall.errors import FootfallError
from footfall.project.dbt import run_dbt
from footfall.project.protocol import run_note_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


class GapState(str, Enum):
    """Why days must be rebuilt.

    missing: the inputs have rows on the day and the model has none. stale: loads arrived that the
    model does not reflect. follows: the model reads one whose days are missing or stale.
    """

    missing = "missing"
    stale = "stale"
    follows = "follows"


class Gap(BaseModel):
    """The days of one model that must be rebuilt; ``dates`` None stands for the whole table."""

    model: str
    state: GapState
    dates: list[date] | None


def find_gaps(spark: SparkSession, project: Project) -> list[Gap]:
    """Return the gaps of the chosen models.

    Args:
        spark: the session; nothing is written.
        project: the models to look at.
    """
    models = project.models
    missing = {name: found for name in models if (found := missing_days(spark, models[name]))}
    stale = stale_days(project)
    gaps = []
    for name in models:
        reads = {above for above in missing if name in project.after({above})}
        follows = {day for above in reads for day in missing[above]} - set(missing.get(name, []))
        for state, days in ((GapState.missing, missing.get(name)), (GapState.follows, follows)):
            if days:
                gaps.append(Gap(model=name, state=state, dates=sorted(days)))
        if name in stale:
            gaps.append(Gap(model=name, state=GapState.stale, dates=stale[name]))
        elif above_stale := [above for above in stale if name in project.after({above})]:
            gaps.append(_following(name, [stale[above] for above in above_stale]))
    return gaps


def _following(name: str, dates: Sequence[list[date] | None]) -> Gap:
    known = [days for days in dates if days is not None]
    whole = len(known) < len(dates)
    days = None if whole else sorted({day for days in known for day in days})
    return Gap(model=name, state=GapState.stale, dates=days)


def missing_days(spark: SparkSession, model: Model) -> list[date]:
    """Return the days on which all inputs of a model have rows and the model has none."""
    if model.sparse or model.date_column is None or not model.day_inputs:
        return []
    expected = [_days(spark, relation, column) for relation, column in model.day_inputs]
    built = _days(spark, model.relation, model.date_column)
    return sorted(set.intersection(*expected) - built)


def _days(spark: SparkSession, relation: str, column: str) -> set[date]:
    rows = spark.sql(f"select distinct {column} from {relation} where {column} is not null")
    return {row[0] for row in rows.collect()}


def stale_days(project: Project) -> dict[str, list[date] | None]:
    """Return the days that a normal run of each model would rebuild now, by model.

    They stand in the compiled code: dbt works them out at compile, from the loads that the inputs
    reflect and the model does not. None stands for the whole table.
    """
    # `dbt compile` prints the code whether quiet or not.
    with contextlib.redirect_stdout(io.StringIO()):
        result = run_dbt(
            "compile",
            "--select",
            *project.models,
            "--vars",
            '{"plan_next_run": true}',
            quiet=True,
            manifest=project.manifest,
        )
    found: dict[str, list[date] | None] = {}
    for node in (entry.node for entry in result.results):
        if node.name not in project.models:
            continue
        run = _run_of(node)
        dates = run["dates"]
        if run["changed"] and (dates is None or dates):
            found[node.name] = None if dates is None else [date.fromisoformat(d) for d in dates]
    return found


def _run_of(node: Any) -> dict[str, Any]:
    run = run_note_of(node.compiled_code)
    if run is None:
        raise FootfallError(
            f"Model {node.name} does not say what it replaces.",
            "Call note_replaced_dates(column, affected_dates()) in it; see docs/incremental.md.",
        )
    return run


def require_built(spark: SparkSession, models: Sequence[Model]) -> None:
    """Fail where a model has no table yet: there is nothing to backfill, it must be built.

    Raises:
        FootfallError: names the models and the command.
    """
    unbuilt = [model.name for model in models if not spark.catalog.tableExists(model.relation)]
    if unbuilt:
        raise FootfallError(
            f"Never built: {', '.join(unbuilt)}.",
            f"Run `dbt build --select {' '.join(unbuilt)}` first, or leave them out with --select.",
        )
