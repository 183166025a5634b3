"""Run each example of examples/orchestration once, with the real tool, on the demo's landing files.

    .venv/bin/python scripts/check_orchestration.py                  # all
    .venv/bin/python scripts/check_orchestration.py --only airflow
    .venv/bin/python scripts/check_orchestration.py --landing FOLDER # other landing files

Airflow and Dagster do not agree with the project's lock: each gets an environment of its own below
target/orchestration, which is kept. Each run has a home of its own; all end with the same tables.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from environments import BIN, PROJECT, call, environment

EXAMPLES = PROJECT / "examples" / "orchestration"
WORK = PROJECT / "target" / "orchestration"
AIRFLOW = ("apache-airflow==3.3.2",)
DAGSTER = ("dagster==1.13.27", "dagster-dbt==0.29.27", "dbt-core==1.11.16", "dbt-spark==1.10.3")


class Listener(BaseHTTPRequestHandler):
    """Where alerts arrive."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def fresh(name: str, landing: Path) -> dict[str, str]:
    """Return the environment of a run with a new home."""
    folder = WORK / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return {
        "FOOTFALL_DIR": str(PROJECT),
        "FOOTFALL_HOME": str(folder / "home"),
        "FOOTFALL_CACHE": os.environ.get("FOOTFALL_CACHE", str(PROJECT / ".footfall" / "cache")),
        "FOOTFALL_LANDING": str(landing),
        "FOOTFALL_EXPORT": str(folder / "export"),
        "FOOTFALL_JIT_LEVEL": "1",
        "FOOTFALL_DATA_SKIPPING": "false",
        "FOOTFALL_TINY_TABLES": "true",
        "DBT_TARGET_PATH": str(folder / "dbt"),
        "DBT_LOG_PATH": str(folder / "dbt"),
    }


def made(env: dict[str, str]) -> dict[str, int]:
    """Return the rows of each table of a run's home, and the shards of its export."""
    status = json.loads(call(BIN / "footfall", "status", "--json", env=env))
    rows = {table["table"]: table["rows"] for table in status}
    shards = len(list(Path(env["FOOTFALL_EXPORT"]).glob("*.parquet")))
    if not shards:
        sys.exit(f"Nothing was exported to {env['FOOTFALL_EXPORT']}.")
    # Each way records other runs; the others are a function of the files.
    return {name: n for name, n in rows.items() if "_quality.dq_run" not in name} | {
        "shards": shards
    }


def by_script(env: dict[str, str]) -> None:
    """daily.sh, as cron calls it; the units, by systemd's own check."""
    call(EXAMPLES / "daily.sh", env=env)
    if not shutil.which("systemd-analyze"):
        print("  systemd-analyze is not installed: units not checked")
        return
    units = Path(env["FOOTFALL_HOME"]).parent / "units"
    units.mkdir()
    for unit in EXAMPLES.glob("footfall.*"):
        text = unit.read_text().replace("/opt/footfall", str(PROJECT))
        (units / unit.name).write_text(text)
    call("systemd-analyze", "verify", *sorted(units.iterdir()))


def by_airflow(env: dict[str, str]) -> None:
    """The DAG: imported, its tasks listed, run by `dag.test()`."""
    airflow = environment(WORK / "environments" / "airflow", AIRFLOW)
    env |= {
        "AIRFLOW_HOME": str(Path(env["FOOTFALL_HOME"]).parent / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(EXAMPLES),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
    }
    call(airflow / "airflow", "db", "migrate", env=env)
    run = (
        f"import sys; sys.path.insert(0, {str(EXAMPLES)!r}); from airflow_dag import dag; "
        "run = dag.test(); states = {t.task_id: str(t.state) for t in run.get_task_instances()}; "
        "print('STATES', states); sys.exit(str(run.state) != 'success')"
    )
    print("  ", call(airflow / "python", "-c", run, env=env).split("STATES")[-1].split("\n")[0])


def by_dagster(env: dict[str, str]) -> None:
    """The job: its assets loaded from the manifest, all materialised in one process."""
    dagster = environment(WORK / "environments" / "dagster", DAGSTER)
    call(BIN / "dbt", "parse", env=env)
    env |= {"DAGSTER_HOME": str(Path(env["FOOTFALL_HOME"]).parent / "dagster")}
    Path(env["DAGSTER_HOME"]).mkdir()
    run = (
        f"import sys; sys.path.insert(0, {str(EXAMPLES)!r}); from dagster_job import definitions; "
        "run = definitions.resolve_job_def('daily').execute_in_process(); "
        "print('ASSETS', len(run.get_asset_materialization_events()), 'CHECKS', "
        "len(run.get_asset_check_evaluations())); sys.exit(not run.success)"
    )
    print("  ", call(dagster / "python", "-c", run, env=env).split("ASSETS")[-1].split("\n")[0])


RUNS: dict[str, Callable[[dict[str, str]], None]] = {
    "script": by_script,
    "airflow": by_airflow,
    "dagster": by_dagster,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=RUNS, help="One of the examples.")
    parser.add_argument("--landing", type=Path, default=PROJECT / ".footfall" / "demo" / "landing")
    arguments = parser.parse_args()
    if not arguments.landing.is_dir():
        sys.exit(
            f"{arguments.landing} does not exist. Run `make demo`, or name other landing files."
        )
    listener = ThreadingHTTPServer(("127.0.0.1", 0), Listener)
    threading.Thread(target=listener.serve_forever, daemon=True).start()
    webhook = f"http://127.0.0.1:{listener.server_port}"
    tables: dict[str, dict[str, int]] = {}
    for name in [arguments.only] if arguments.only else RUNS:
        started = time.monotonic()
        env = fresh(name, arguments.landing.resolve()) | {"FOOTFALL_ALERT_WEBHOOK": webhook}
        RUNS[name](env)
        tables[name] = made(env)
        rows = sum(tables[name].values())
        print(
            f"{name}: {len(tables[name]) - 1} tables, {rows:,} rows, "
            f"{time.monotonic() - started:.0f} s",
            flush=True,
        )
    first = next(iter(tables.values()))
    for name, found in tables.items():
        if found != first:
            sys.exit(f"{name} made other tables: {found.items() ^ first.items()}")


if __name__ == "__main__":
    main()
