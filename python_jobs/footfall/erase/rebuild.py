"""Recompute what a person's rows went into, through the models themselves."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from footfall.erase.find import Plan
from footfall.project.dbt import run_dbt
from footfall.project.tables import LAYERS, vars_as_built
from footfall.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

RECONCILIATION = "dq_load_reconciliation"
FROM_BRONZE = ("path:models/staging", "dq_quarantine", RECONCILIATION)
"""Models whose rows of the person were deleted, or that are rebuilt apart from the marts."""


def rebuild(spark: SparkSession, settings: Settings, plan: Plan) -> None:
    """Bring the tables in line with the bronze rows that remain.

    Staging models in which somebody else's row takes the place of the person's are rebuilt whole;
    the marts downstream of the person's rows recompute the plan's dates; the reconciliation counts
    anew.
    Models that were never built stay so.

    Raises:
        FootfallError: dbt failed.
    """
    built = _built(spark, settings)
    dates = [day.isoformat() for day in sorted(plan.dates)]
    # The same vars in all calls: dbt parses once.
    options = ("--vars", json.dumps({"dates": dates} | vars_as_built(spark, settings)))
    if staging := sorted(plan.rebuilt & built):
        run_dbt("run", "--full-refresh", "--select", *staging, *options, quiet=True)
    if dates and (models := sorted(plan.models & built)):
        never_built = sorted(_models(settings) - built)
        behind = (f"{model}+" for model in models)
        exclude = ("--exclude", *FROM_BRONZE, *never_built)
        run_dbt("run", "--select", *behind, *exclude, *options, quiet=True)
    if RECONCILIATION in built:
        run_dbt("run", "--full-refresh", "--select", RECONCILIATION, *options, quiet=True)


def _built(spark: SparkSession, settings: Settings) -> set[str]:
    """Return the names of the tables and views that exist."""
    schemas = [settings.schema_of(layer) for layer in LAYERS if layer != "bronze"]
    return {
        row["tableName"]
        for schema in schemas
        if spark.catalog.databaseExists(schema)
        for row in spark.sql(f"show tables in {schema}").collect()
        if not row["isTemporary"]
    }


def _models(settings: Settings) -> set[str]:
    return {
        file.stem
        for folder in settings.model_dirs
        for file in (folder / "models").rglob("*")
        if file.suffix in (".sql", ".py")
    }
