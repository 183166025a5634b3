"""The command ``footfall``: its options, and how it ends."""

from __future__ import annotations

import logging
import os
import sys
from typing import Annotated, NoReturn

import structlog
import typer
from rich.markup import escape

from footfall import __version__, interrupts
from footfall.cli.output import log
from footfall.errors import FootfallError, UsageError
from footfall.spark.explain import explain
from footfall.trace_log import log_trace, trace_of

LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")

app = typer.Typer(
    name="footfall",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Interaction logs in, exact analytics and training data out, on Spark and Delta.",
)


class _Options:
    """The options that stand before the command."""

    debug = False


def print_version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


@app.callback()
def configure(
    debug: Annotated[
        bool, typer.Option("--debug", help="Also print the trace of an error.")
    ] = False,
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=print_version, is_eager=True),
    ] = False,
) -> None:
    _Options.debug = debug
    level = os.environ.get("FOOTFALL_LOG_LEVEL") or "WARNING"
    if level.upper() not in LOG_LEVELS:
        raise UsageError(
            f"FOOTFALL_LOG_LEVEL={level} is not valid; allowed: {', '.join(LOG_LEVELS)}.",
            "Correct or unset FOOTFALL_LOG_LEVEL.",
        )
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        # Looked up at each use: whoever calls the command line may have put another in its place.
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )


def main() -> None:
    """Run the command line. An error is one message; its trace goes to the log of the home."""
    _Options.debug = False
    with interrupts.installed():
        try:
            app()
        except Exception as error:
            _fail(error)


def _fail(error: Exception) -> NoReturn:
    """Print one message, keep the trace in the log, and exit."""
    commands = typer.main.get_group(app).commands
    command = " ".join(["footfall", *(name for name in sys.argv[1:] if name in commands)][:2])
    told = error if isinstance(error, FootfallError) else explain(error)
    log.print(f"[red]Error:[/red] {escape(told.message)}", soft_wrap=True)
    if told.fix:
        log.print(f"  → {escape(told.fix)}", soft_wrap=True)
    if told is not error or (error.__cause__ and told.exit_code == 1):
        file = log_trace(error, command)
        if file and not _Options.debug:
            log.print(f"  Trace: {escape(str(file))}", soft_wrap=True)
    if _Options.debug:
        print(trace_of(error), file=sys.stderr)
    sys.exit(told.exit_code)
