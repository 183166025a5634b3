"""Commands that watch the tables from build to build: drift, alerts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from footfall.cli.app import app
from footfall.cli.arguments import parse_date
from footfall.cli.output import JsonOption, print_line, print_result, print_table, say
from footfall.errors import FootfallError, UsageError
from footfall.settings import get_settings
from footfall.words import count

if TYPE_CHECKING:
    from footfall.drift import DriftReport


@app.command()
def drift(
    table: Annotated[
        str, typer.Argument(metavar="TABLE", help="A mart, or any table as schema.table.")
    ] = "fct_customer_features",
    column: Annotated[
        list[str] | None,
        typer.Option(help="A column to compare; may be repeated. By default all but ids."),
    ] = None,
    date_column: Annotated[
        str | None, typer.Option(help="By default event_date, as_of_date, metric_date or dt.")
    ] = None,
    until: Annotated[
        str | None, typer.Option(help="Last date of the current window; by default the newest.")
    ] = None,
    days: Annotated[
        int, typer.Option(min=1, help="The current window, in dates that the table has.")
    ] = 7,
    reference_days: Annotated[
        int, typer.Option(min=1, help="The reference window: so many dates before those.")
    ] = 28,
    psi: Annotated[
        float, typer.Option(min=0, help="A column has drifted from this index on …")
    ] = 0.2,
    p_value: Annotated[
        float,
        typer.Option(min=0, max=1, help="… and up to this p-value, divided by the columns."),
    ] = 0.01,
    fail: Annotated[
        bool, typer.Option("--fail", help="Exit with code 1 where a column has drifted.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Compare the newest dates of a table with those before, column by column.

    Numbers are compared by the population stability index and the Kolmogorov-Smirnov test, texts
    and booleans by the index and the chi-squared test. Each comparison is a row of
    `footfall_quality.dq_feature_drift`. Needs SciPy: `pip install -e '.[drift]'`.

    Example: `footfall drift fct_customer_features --days 1 --reference-days 1`

    Example: `footfall drift fct_user_activity_daily --column country --column action_count --fail`

    Example: `footfall drift footfall_silver.stg_crm__transactions --until 2025-08-14 --json`
    """
    from footfall.drift import Thresholds, find_drift
    from footfall.spark.session import get_session

    report = find_drift(
        get_session(join_others=True),
        get_settings(),
        table,
        columns=column or (),
        date_column=date_column,
        until=parse_date(until) if until else None,
        days=days,
        reference_days=reference_days,
        thresholds=Thresholds(psi=psi, p_value=p_value),
    )
    print_result(report.model_dump(mode="json"), as_json, lambda: _print_drift(report))
    if fail and report.drifted:
        names = ", ".join(found.column_name for found in report.drifted)
        raise FootfallError(
            f"{count(len(report.drifted), 'column')} of {report.table} drifted: {names}.",
            "See what changed in the sources, or compare other dates: --until, --days, "
            "--reference-days.",
        )


def _print_drift(report: DriftReport) -> None:
    print_table(
        report.table,
        ["column", "kind", "PSI", "test", "statistic", "p-value", "drifted"],
        [
            [c.column_name, c.kind, c.psi, c.test, c.statistic, c.p_value, c.is_drifted]
            for c in report.columns
        ],
    )
    for name, window in (("Current", report.current), ("Reference", report.reference)):
        print_line(
            f"{name}: {window.dates[0]} to {window.dates[-1]}, "
            f"{count(len(window.dates), 'date')}, {count(window.rows, 'row')}"
        )
    if report.passed_over:
        reasons = ", ".join(f"{name} ({why})" for name, why in report.passed_over.items())
        say(f"Not compared: {reasons}")


@app.command()
def alerts(
    webhook: Annotated[
        str | None,
        typer.Option(help="http(s) URL that takes JSON; by default FOOTFALL_ALERT_WEBHOOK."),
    ] = None,
    file: Annotated[
        Path | None, typer.Option(help="Append to this file, a line of JSON a message.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List what would be sent; send nothing.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Send a message for each test, source or model that began to fail or to warn, or recovered.

    Run it after each build. A state is sent once: `footfall_quality.dq_alerts` has a row for each
    message that arrived, `dq_run_results` the results that it is about. FOOTFALL_ALERT_TOKEN goes
    to the webhook as a bearer token. What does not arrive in four attempts is sent by the next
    call; exit code 1 says so.

    Example: `dbt build; footfall alerts --webhook https://example.com/hook`

    Example: `FOOTFALL_ALERT_WEBHOOK=https://example.com/secret footfall alerts`

    Example: `footfall alerts --file alerts.jsonl --dry-run`
    """
    from footfall.alerts import destination_of, send_alerts
    from footfall.spark.session import get_session

    settings = get_settings()
    destination = destination_of(settings, webhook, file)
    if destination is None:
        raise UsageError(
            "There is nowhere to send alerts to.",
            "Add --webhook or --file, or set FOOTFALL_ALERT_WEBHOOK.",
        )
    sent = send_alerts(get_session(join_others=True), settings, destination, dry_run=dry_run)

    def show() -> None:
        for alert in sent:
            print_line(alert.text)
        verb = "would be sent" if dry_run else "sent"
        print_line(f"{count(len(sent), 'message')} {verb} to {destination.name}.")

    print_result([alert.payload() for alert in sent], as_json, show)
