"""The command that answers the project's metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from footfall.cli.app import app
from footfall.cli.arguments import Grain, OutputFormat, parse_date
from footfall.cli.output import JsonOption, print_result, print_table
from footfall.cli.tables import print_answer
from footfall.errors import UsageError
from footfall.settings import get_settings

if TYPE_CHECKING:
    from footfall.duck.semantics import Metric


@app.command()
def metric(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME", help="Metrics, e.g. dau sessions.")
    ] = None,
    by: Annotated[
        list[str] | None, typer.Option(help="A dimension to split by; may be repeated.")
    ] = None,
    where: Annotated[
        str | None, typer.Option(help="A condition on dimensions, e.g. \"country = 'DE'\".")
    ] = None,
    grain: Annotated[
        Grain | None, typer.Option(help="A row for each day, week or month; one row by default.")
    ] = None,
    since: Annotated[str | None, typer.Option("--from", help="First date, 2025-08-01.")] = None,
    until: Annotated[str | None, typer.Option("--to", help="Last date, inclusive.")] = None,
    listed: Annotated[
        bool, typer.Option("--list", help="List the metrics, or those named, with dimensions.")
    ] = False,
    as_json: JsonOption = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print the result as CSV.")] = False,
) -> None:
    """Compute metrics as the semantic models of the dbt project define them.

    MetricFlow writes the SQL, DuckDB runs it on the newest version of the tables; Java is not
    started. Active users of a window, such as dau, are those of the newest day in the range or in
    each week or month. `--from` and `--to` are widened to whole weeks or months of `--grain`.

    Example: `footfall metric --list`

    Example: `footfall metric dau mau stickiness --grain day --from 2025-08-01 --to 2025-08-31`

    Example: `footfall metric active_users --by country --where "device_type = 'mobile'" --csv`
    """
    from footfall.duck.semantics import Question, Semantics

    if as_json and as_csv:
        raise UsageError("--json and --csv exclude each other.", "Leave one of them out.")
    if listed:
        if as_csv or by or where or grain or since or until:
            raise UsageError("--list takes names and --json only.", "Leave the other options out.")
        metrics = Semantics().metrics(names or ())
        print_result(
            [found.model_dump() for found in metrics], as_json, lambda: _print_metrics(metrics)
        )
        return
    if not names:
        raise UsageError(
            "No metric is named.", "Name some: `footfall metric --list` shows which there are."
        )
    question = Question(
        metrics=list(dict.fromkeys(names)),
        by=list(dict.fromkeys(by or ())),
        where=where,
        grain=grain.value if grain else None,
        since=parse_date(since) if since else None,
        until=parse_date(until) if until else None,
    )
    if question.since and question.until and question.since > question.until:
        raise UsageError(f"--from {since} is after --to {until}.", "Exchange the two dates.")
    answer = Semantics().answer(question, get_settings())
    output = OutputFormat.table
    if as_json or as_csv:
        output = OutputFormat.json if as_json else OutputFormat.csv
    print_answer(answer, output)


def _print_metrics(metrics: list[Metric]) -> None:
    print_table(
        "",
        ["metric", "description", "dimensions"],
        [[found.name, found.description, ", ".join(found.dimensions)] for found in metrics],
    )
