"""Import examples/superset into a real Superset, ask for each chart's data, compare DAU.

    .venv/bin/python scripts/check_superset.py                          # over DuckDB's views
    .venv/bin/python scripts/check_superset.py --screenshots pictures   # also draw each dashboard
    .venv/bin/python scripts/check_superset.py --database hive://me@127.0.0.1:10000/footfall_gold

Superset does not agree with the project's lock: it gets an environment of its own (a gigabyte)
below target/superset, which is kept. The tables are those of FOOTFALL_HOME. Nothing listens but,
for pictures, a server on 127.0.0.1 that ends with the check.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from environments import BIN, PROJECT, call, environment

WORK = PROJECT / "target" / "superset"
# The last lines are what 6.1.0 needs and does not declare, and its way to DuckDB and to Hive.
SUPERSET = (
    "apache-superset==6.1.0",
    *("rich", "cachetools", "flask-caching==2.3.1"),
    *("duckdb==1.5.5", "duckdb-extension-delta==1.5.5", "duckdb-extensions", "duckdb-engine==0.17"),
    "pyhive[hive-pure-sasl]",
)
USER = "admin"
DAU = "Daily active users"
DAU_SQL = (
    "select metric_date, dau from footfall_gold.fct_active_users_daily "
    "where definition = 'basic' and segment_type = 'all' order by metric_date"
)
ASK = """
import json, sys
from superset.app import create_app
app = create_app()
client = app.test_client()
login = {"username": sys.argv[1], "password": sys.argv[2], "provider": "db"}
token = client.post("/api/v1/security/login", json=login).json["access_token"]
headers = {"Authorization": f"Bearer {token}"}
answers = {}
for chart in client.get("/api/v1/chart/?q=(page_size:100)", headers=headers).json["result"]:
    one = client.get(f"/api/v1/chart/{chart['id']}", headers=headers).json["result"]
    asked = client.post(
        "/api/v1/chart/data", json=json.loads(one["query_context"]), headers=headers
    )
    [dashboard] = [board["dashboard_title"] for board in one["dashboards"]]
    answers[f"{dashboard}: {chart['slice_name']}"] = (
        asked.json["result"][0]["data"] if asked.status_code == 200 else str(asked.json)
    )
print("ANSWERS", json.dumps(answers, default=str))
"""


def superset_home(password: str) -> dict[str, str]:
    """Return the environment of a Superset without users, in a folder of its own."""
    folder = WORK / "home"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    config = folder / "superset_config.py"
    config.write_text(
        f"SECRET_KEY = {secrets.token_urlsafe(42)!r}\n"
        f"SQLALCHEMY_DATABASE_URI = 'sqlite:///{folder}/superset.db'\n"
        "WTF_CSRF_ENABLED = False\n"
        "TALISMAN_ENABLED = False\n"
    )
    env = {
        "HOME": str(folder),
        "SUPERSET_HOME": str(folder),
        "SUPERSET_CONFIG_PATH": str(config),
        "FLASK_APP": "superset",
    }
    tools = environment(WORK / "environment", SUPERSET)
    # Into ~/.duckdb of this HOME, where DuckDB looks for what a view needs.
    call(
        tools / "python", "-c",
        "from duckdb_extensions import import_extension; import_extension('delta')", env=env,
    )  # fmt: skip
    call(tools / "superset", "db", "upgrade", env=env)
    call(tools / "superset", "init", env=env)
    call(
        tools / "superset", "fab", "create-admin", "--username", USER, "--firstname", "A",
        "--lastname", "B", "--email", "admin@example.com", "--password", password, env=env,
    )  # fmt: skip
    return env


def answers_of(env: dict[str, str], password: str) -> dict[str, Any]:
    """Return the rows of each chart, or what Superset says instead."""
    tools = WORK / "environment" / "bin"
    said = call(tools / "python", "-c", ASK, USER, password, env=env)
    answers: dict[str, Any] = json.loads(said.split("ANSWERS ", 1)[1].splitlines()[0])
    return answers


def check(answers: dict[str, Any]) -> None:
    """End the check where a chart has no rows, or DAU is not the mart's."""
    for chart, rows in answers.items():
        print(f"  {chart}: {len(rows) if isinstance(rows, list) else rows[:400]}")
    if failed := [chart for chart, rows in answers.items() if not isinstance(rows, list)]:
        sys.exit(f"Without an answer: {', '.join(failed)}")
    mart = subprocess.run(
        [BIN / "footfall", "query", DAU_SQL, "--format", "csv"],
        cwd=PROJECT, stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    expected = [int(row["dau"]) for row in csv.DictReader(mart.stdout.splitlines())]
    rows = sorted(answers[f"Footfall: engagement: {DAU}"], key=lambda row: row["metric_date"])
    found = [row["DAU"] for row in rows]
    if not expected or found != expected:
        sys.exit(f"{DAU} by Superset: {found}; by the mart: {expected}")
    print(f"{len(answers)} charts; {DAU} of {len(expected)} days as in the mart")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def draw(env: dict[str, str], password: str, folder: Path) -> None:
    """Write a picture of each dashboard."""
    sys.path.insert(0, str(PROJECT / "tests"))
    from playwright.sync_api import sync_playwright

    from support.browser import CHROMIUM_ARGS, chromium

    if (browser_path := chromium()) is None:
        sys.exit("No Chromium is installed; install one or name it by FOOTFALL_CHROMIUM.")
    port = free_port()
    server = subprocess.Popen(
        [WORK / "environment" / "bin" / "superset", "run", "--host", "127.0.0.1", "-p", str(port)],
        env=os.environ | env,
        stdout=(WORK / "server.log").open("w"),
        stderr=subprocess.STDOUT,
    )
    at = f"http://127.0.0.1:{port}"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        wait_for(f"{at}/health", server)
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=browser_path, args=CHROMIUM_ARGS)
            page = browser.new_page(viewport={"width": 1500, "height": 1000})
            page.set_default_timeout(120_000)
            page.goto(f"{at}/login/")
            page.locator("input[name=username], #username").first.fill(USER)
            page.locator("input[name=password], #password").first.fill(password)
            page.locator("[type=submit]").first.click()
            page.wait_for_url(lambda url: "/login" not in url)
            for dashboard in ("engagement", "products", "customers", "quality"):
                page.goto(f"{at}/superset/dashboard/footfall-{dashboard}/?standalone=1")
                page.locator(".dashboard-component-chart-holder").first.wait_for()
                # Charts below the window are drawn when they are seen.
                height = page.evaluate("document.body.scrollHeight")
                page.set_viewport_size({"width": 1500, "height": int(height) + 1400})
                page.wait_for_timeout(3000)
                page.wait_for_function(
                    "() => !document.querySelector('.loading, [data-test=loading-indicator]')"
                )
                page.wait_for_timeout(3000)
                bottom = page.evaluate(
                    "Math.max(...[...document.querySelectorAll('.dashboard-component-chart-holder')]"
                    ".map(holder => holder.getBoundingClientRect().bottom))"
                )
                page.screenshot(
                    path=folder / f"{dashboard}.png",
                    clip={"x": 0, "y": 0, "width": 1500, "height": bottom + 20},
                )
                errors = page.locator(".ant-alert-error").count()
                print(f"  {folder / dashboard}.png: {errors} errors")
                if errors:
                    sys.exit(f"{dashboard}: a chart shows an error.")
            browser.close()
    finally:
        server.terminate()
        server.wait()


def wait_for(url: str, server: subprocess.Popen[bytes]) -> None:
    for _ in range(120):
        if server.poll() is not None:
            sys.exit(f"Superset ended; see {WORK / 'server.log'}")
        try:
            urlopen(url, timeout=2).close()
            return
        except OSError:
            time.sleep(1)
    sys.exit(f"Superset does not answer; see {WORK / 'server.log'}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--database", help="A SQLAlchemy URI in place of the home's DuckDB views.")
    parser.add_argument("--screenshots", type=Path, metavar="DIR", help="Draw each dashboard.")
    arguments = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    uri = arguments.database
    if not uri:
        marts = WORK / "marts.duckdb"
        call(BIN / "footfall", "share", "--out", marts)
        uri = f"duckdb:///{marts}"
    bundle, password = WORK / "footfall.zip", secrets.token_urlsafe(12)
    call(
        BIN / "python", PROJECT / "examples" / "superset" / "bundle.py", "--database", uri,
        "--out", bundle,
    )  # fmt: skip
    env = superset_home(password)
    superset = WORK / "environment" / "bin" / "superset"
    call(superset, "import-dashboards", "-p", bundle, "-u", USER, env=env)
    check(answers_of(env, password))
    if arguments.screenshots:
        draw(env, password, arguments.screenshots)
    print(f"{time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
