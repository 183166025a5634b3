"""A daily run by Airflow 3: ingest, build, catch up, export, maintain.

Put it into Airflow's folder of DAGs, and set in the environment of its workers

    FOOTFALL_DIR        a clone of footfall in which `make setup` was run
    FOOTFALL_LANDING    landing files, LANDING/<source>/<entity>/
    FOOTFALL_EXPORT     folder of exported training days

Each task is one process with one Spark. Cosmos makes a task of each model, and so would start a
Spark for each.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, chain

PROJECT = os.environ["FOOTFALL_DIR"]
STEPS = {
    "ingest": 'footfall ingest --landing "$FOOTFALL_LANDING"',
    "build": "dbt build --exclude-resource-type unit_test",
    "catch_up": "footfall backfill --gaps",
    "export": 'footfall export-sequences --date newest --out "$FOOTFALL_EXPORT"',
    "maintain": "footfall maintain",
}


def step(name: str, command: str) -> BashOperator:
    """Return a task that runs a command of the project's environment."""
    return BashOperator(
        task_id=name,
        bash_command=command,
        cwd=PROJECT,
        append_env=True,
        env={"PATH": f"{PROJECT}/.venv/bin:{os.environ['PATH']}"},
    )


with DAG(
    "footfall",
    schedule="@daily",
    start_date=datetime(2025, 8, 1),
    # A run loads all that is new, whatever its date.
    catchup=False,
    # One run at a time has the home's metastore.
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=5)},
) as dag:
    # A teardown runs however the run ends, and does not hide that it failed.
    alerts = step("alerts", "footfall alerts").as_teardown()
    chain(*(step(name, command) for name, command in STEPS.items()), alerts)
