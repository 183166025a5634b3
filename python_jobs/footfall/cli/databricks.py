"""Commands for Databricks: thin calls of its own command line on the project's bundle."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from footfall.cli.app import app
from footfall.cli.output import print_line, say

if TYPE_CHECKING:
    from footfall.bundle import Bundle

databricks = typer.Typer(no_args_is_help=True)
app.add_typer(databricks, name="databricks")

TargetOption = Annotated[
    str | None, typer.Option("--target", "-t", help="dev (default), staging or prod.")
]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Print the command lines; run nothing.")
]


@databricks.callback()
def _group() -> None:
    """Bring the jobs of databricks.yml to a Databricks workspace, and run them there.

    Needs the program `databricks`, logged in. docs/databricks.md says what of this was tried.

    Example: `footfall databricks deploy --target dev --dry-run`
    """


@databricks.command()
def deploy(target: TargetOption = None, dry_run: DryRunOption = False) -> None:
    """Check the bundle, and bring project and jobs to the workspace.

    Example: `footfall databricks deploy --target staging`
    """
    from footfall.bundle import Bundle

    bundle = Bundle(target)
    _call(bundle, bundle.deploy_commands(), dry_run)


@databricks.command()
def run(
    job: Annotated[str, typer.Argument(help="ingest, build, export, maintain, backfill, daily, …")],
    param: Annotated[
        list[str] | None, typer.Option(help="A parameter of the job, NAME=VALUE; repeatable.")
    ] = None,
    target: TargetOption = None,
    dry_run: DryRunOption = False,
) -> None:
    """Run a deployed job, and wait for its end.

    Example: `footfall databricks run daily --target prod`

    Example: `footfall databricks run backfill --param start=2025-08-01 --param end=2025-08-07`
    """
    from footfall.bundle import Bundle

    bundle = Bundle(target)
    _call(bundle, [bundle.run_command(job, param or [])], dry_run)


@databricks.command()
def monitor(target: TargetOption = None, dry_run: DryRunOption = False) -> None:
    """Show the newest runs of each deployed job.

    Example: `footfall databricks monitor --target prod`
    """
    from footfall.bundle import Bundle

    bundle = Bundle(target)
    if dry_run:
        _call(bundle, [bundle.summary_command(), bundle.runs_command("JOB_ID")], dry_run)
        return
    ids = bundle.job_ids()
    if not ids:
        print_line(f"No job is deployed to {bundle.target}.")
    for name, job_id in ids.items():
        say(name, "▸", "bold")
        bundle.call(bundle.runs_command(job_id))


@databricks.command()
def cleanup(
    target: TargetOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before.")] = False,
    dry_run: DryRunOption = False,
) -> None:
    """Remove the deployed jobs and files. Tables and volumes stay.

    Example: `footfall databricks cleanup --target dev --dry-run`
    """
    from footfall.bundle import Bundle

    bundle = Bundle(target)
    _call(bundle, [bundle.destroy_command(without_question=yes)], dry_run)


def _call(bundle: Bundle, commands: Iterable[Sequence[str]], dry_run: bool) -> None:
    for command in commands:
        if dry_run:
            print_line(shlex.join(command))
        else:
            bundle.call(command)
