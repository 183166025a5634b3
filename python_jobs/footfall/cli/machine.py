"""Commands about this machine: set-up, the demo, a check of what is needed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from footfall.cli.app import app
from footfall.cli.output import (
    JsonOption,
    out,
    print_json,
    print_line,
    print_result,
    print_table,
    progress_bar,
    say,
)
from footfall.settings import get_settings

if TYPE_CHECKING:
    from footfall.demo import DemoResult


@app.command()
def setup() -> None:
    """Prepare Java, Delta's jars and the Spark configuration in FOOTFALL_HOME.

    Example: `footfall setup`
    """
    from footfall.spark.java import find_java_home
    from footfall.spark.session import prepare, prepare_archive

    settings = prepare()
    fast = prepare_archive(settings)
    slow = "" if fast else ", without a class-data archive"
    ready = f"Ready: Java at {find_java_home()}{slow}, state in {settings.home}"
    print_line(ready)


@app.command()
def demo(
    days: Annotated[int, typer.Option(min=1, help="Days of data.")] = 14,
    users: Annotated[int, typer.Option(min=1, help="Number of users.")] = 2000,
    as_json: JsonOption = False,
) -> None:
    """Run the main job on generated data and say what was built.

    Example: `footfall demo --days 7 --users 500`
    """
    from footfall.demo import run_demo

    def run_step(name: str, step: Callable[[], object]) -> None:
        say(name, "▸", "bold")
        step()

    with progress_bar("demo") as progress:
        result = run_demo(days=days, users=users, progress=progress, run_step=run_step)
    print_result(asdict(result), as_json, lambda: _print_demo(result))


def _print_demo(result: DemoResult) -> None:
    built = [
        [status.table, status.rows]
        for status in result.tables
        if status.layer in ("gold", "training", "quality")
    ]
    print_table("Built", ["table", "rows"], built)
    steps = [[name, round(seconds, 1)] for name, seconds in result.seconds.items()]
    steps.append(["total", round(sum(result.seconds.values()), 1)])
    print_table("Steps", ["step", "seconds"], steps)
    print_line(f"Dashboard  {result.dashboard}")
    print_line(f"Sequences  {result.export} (padded, {result.export_day})")
    print_line(
        "\nNext:\n"
        "  source .venv/bin/activate\n"
        '  footfall query "select * from footfall_gold.fct_active_users_daily '
        'order by metric_date desc limit 7"\n'
        "  dbt build                       # nothing new: no table is rewritten\n"
        "  dbt docs generate && dbt docs serve --host 127.0.0.1"
    )


@app.command()
def doctor(as_json: JsonOption = False) -> None:
    """Check Python, Java, jars, memory and the home folder, with the fix for each failure.

    Example: `footfall doctor`
    """
    from footfall.doctor import run_checks

    checks = []
    for check in run_checks(get_settings()):
        checks.append(check)
        if not as_json:
            mark = "[green]✓[/green]" if check.ok else "[red]✗[/red]"
            out.print(f"{mark} {check.name}: {escape(check.found)}", soft_wrap=True)
            if not check.ok:
                print_line(f"  → {check.fix}")
    if as_json:
        print_json(checks)
    if not all(check.ok for check in checks):
        raise typer.Exit(1)
