"""A daily run by Dagster: sources, models, export and maintenance as assets, tests as checks.

    DAGSTER_HOME=… FOOTFALL_DIR=… FOOTFALL_LANDING=… FOOTFALL_EXPORT=… dagster dev -f dagster_job.py

FOOTFALL_DIR is a clone of footfall in which `make setup` and `dbt parse` were run. One `dbt build`,
in one Spark, builds all models; Dagster follows it model by model.
"""

# No `from __future__ import annotations`: Dagster reads the types of functions when it loads them.
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dagster import (
    AssetExecutionContext,
    AssetSpec,
    Definitions,
    MaterializeResult,
    RetryPolicy,
    ScheduleDefinition,
    asset,
    define_asset_job,
    in_process_executor,
    multi_asset,
)
from dagster_dbt import DbtCliResource, dbt_assets, get_asset_key_for_model

PROJECT = Path(os.environ["FOOTFALL_DIR"])
BIN = PROJECT / ".venv" / "bin"
MANIFEST = Path(os.environ.get("DBT_TARGET_PATH", PROJECT / "target")) / "manifest.json"
SOURCES = json.loads(MANIFEST.read_text())["sources"].values()
LOADED = [
    AssetSpec([source["source_name"], source["name"]])
    for source in SOURCES
    if source["schema"].endswith("_bronze")
]


def footfall(*arguments: str) -> None:
    subprocess.run([str(BIN / "footfall"), *arguments], cwd=PROJECT, check=True)


@multi_asset(specs=LOADED, retry_policy=RetryPolicy(max_retries=2, delay=300))
def bronze() -> Iterator[MaterializeResult]:
    footfall("ingest", "--landing", os.environ["FOOTFALL_LANDING"])
    for spec in LOADED:
        yield MaterializeResult(asset_key=spec.key)


@dbt_assets(manifest=MANIFEST, exclude="resource_type:unit_test")
def models(context: AssetExecutionContext, dbt: DbtCliResource) -> Iterator[Any]:
    yield from dbt.cli(["build"], context=context).stream()


@asset(
    deps=[
        get_asset_key_for_model([models], f"training_{name}") for name in ("samples", "sequences")
    ]
)
def sequences() -> None:
    footfall("export-sequences", "--date", "newest", "--out", os.environ["FOOTFALL_EXPORT"])


@asset(deps=[sequences])
def maintenance() -> None:
    footfall("backfill", "--gaps")
    footfall("maintain")


daily = define_asset_job("daily", executor_def=in_process_executor)
definitions = Definitions(
    assets=[bronze, models, sequences, maintenance],
    jobs=[daily],
    schedules=[ScheduleDefinition(job=daily, cron_schedule="0 3 * * *")],
    resources={
        "dbt": DbtCliResource(project_dir=str(PROJECT), dbt_executable=str(BIN / "dbt")),
    },
)
