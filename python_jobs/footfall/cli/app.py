"""The command ``footfall``: its options, and how it ends."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, NoReturn

import structlog
import typer
from rich.markup import escape

from footfall import __version__, interrupts
from footfall.cli.arguments import LogFormat
from footfall.cli.logs import FORMAT, configure_logs, is_structured
from footfall.cli.output import log
from footfall.errors import FootfallError
from footfall.spark.explain import explain
from footfall.trace_log import log_trace, trace_of

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
    log_format: Annotated[
        LogFormat,
        typer.Option(
            "--log-format",
            envvar=FORMAT,
            show_envvar=True,
            help="Form of what is said beside the result, on standard error: text, or JSON lines.",
        ),
    ] = LogFormat.text,
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=print_version, is_eager=True),
    ] = False,
) -> None:
    _Options.debug = debug
    configure_logs(log_format)


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
    is_told_in_full = told is error and not (error.__cause__ and told.exit_code == 1)
    file = None if is_told_in_full else log_trace(error, command)
    if is_structured():
        _log_failure(told, command, file, trace_of(error) if _Options.debug else None)
    else:
        _print_failure(told, None if _Options.debug else file)
        if _Options.debug:
            print(trace_of(error), file=sys.stderr)
    sys.exit(told.exit_code)


def _print_failure(told: FootfallError, trace_file: Path | None) -> None:
    log.print(f"[red]Error:[/red] {escape(told.message)}", soft_wrap=True)
    if told.fix:
        log.print(f"  → {escape(told.fix)}", soft_wrap=True)
    if trace_file:
        log.print(f"  Trace: {escape(str(trace_file))}", soft_wrap=True)


def _log_failure(
    told: FootfallError, command: str, trace_file: Path | None, trace: str | None
) -> None:
    # Of the highest level: no level hides why the process ends.
    structlog.get_logger().critical(
        "command_failed",
        command=command,
        message=told.message,
        fix=told.fix,
        exit_code=told.exit_code,
        trace_file=trace_file,
        trace=trace,
    )
