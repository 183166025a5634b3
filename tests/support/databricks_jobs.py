"""Run the daily job of databricks.yml as a cluster would: in a process where Spark runs already.

    python databricks_jobs.py LANDING EXPORT EMPTY_FOLDER [BACKFILL_DAY]

FOOTFALL_HOME is the home of that Spark, which stands for the cluster; what the jobs take for their
home is the empty folder.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from footfall.cli import app
from footfall.project.dbt import run_dbt
from footfall.settings import get_settings
from footfall.spark.session import get_session
from support.bundle import described, resolve

DAILY = ("ingest", "build", "export", "maintain")


def parameters(job: str, variables: dict[str, str], given: dict[str, str]) -> tuple[str, list[str]]:
    """Return what a job calls, and with which arguments.

    Args:
        job: a job of databricks.yml with one wheel task.
        variables: of the bundle.
        given: parameters of the job.
    """
    bundle = described()
    bundle["targets"]["dev"]["variables"] |= variables
    found: dict[str, Any] = resolve(bundle["resources"]["jobs"][job], bundle, "dev")
    (task,) = found["tasks"]
    named = {one["name"]: one["default"] for one in found.get("parameters", [])} | given
    arguments = task["python_wheel_task"]["parameters"]
    for name, value in named.items():
        arguments = [text.replace(f"{{{{job.parameters.{name}}}}}", value) for text in arguments]
    return task["python_wheel_task"]["entry_point"], arguments


def main(landing: str, export: str, empty: str, *backfill: str) -> None:
    spark = get_session()
    os.environ |= {
        "DATABRICKS_RUNTIME_VERSION": "17.3",
        "DATABRICKS_CATALOG": "spark_catalog",
        "FOOTFALL_HOME": empty,
        "DBT_TARGET_PATH": f"{empty}/target",
        "DBT_LOG_PATH": f"{empty}/logs",
    }
    get_settings.cache_clear()
    variables = {"landing": landing, "export": export}
    calls = [parameters(job, variables, {}) for job in DAILY]
    for day in backfill:
        calls.append(parameters("backfill", variables, {"start": day, "end": day}))
    for entry_point, arguments in calls:
        print("▸", entry_point, *arguments, flush=True)
        if entry_point == "dbt":
            run_dbt(*arguments)
        else:
            app(arguments, standalone_mode=False)
    assert get_session() is spark


if __name__ == "__main__":
    main(*sys.argv[1:])
