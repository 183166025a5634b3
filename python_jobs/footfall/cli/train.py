"""The command that trains an example on features as they were."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from footfall.cli.app import app
from footfall.cli.output import JsonOption, print_line, print_result, print_table
from footfall.errors import UsageError
from footfall.settings import get_settings
from footfall.words import count

if TYPE_CHECKING:
    from footfall.features import TrainedReport


@app.command("train-example")
def train_example(
    active_days: Annotated[
        int | None,
        typer.Option(min=1, help="Customers with a session in so many days; by default 30."),
    ] = None,
    horizon_days: Annotated[
        int | None, typer.Option(min=1, help="Do they come back in so many days? By default 30.")
    ] = None,
    every_days: Annotated[
        int | None, typer.Option(min=1, help="From one as-of date to the next; by default 7.")
    ] = None,
    repeat: Annotated[
        str | None,
        typer.Option(metavar="RUN_ID", help="Read the table versions that a former run read."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Train a model that tells which customers come back, on features as they were.

    A logistic regression on `fct_customer_features`, joined point in time, judged on the newest
    quarter of the as-of dates. MLflow tracks it in FOOTFALL_HOME/mlflow.db: parameters, metrics,
    the ROC curve, definitions, the version of each Delta table and a checksum of the training data.
    With --repeat the same versions give the same training data, checksum for checksum, or the
    command ends with exit code 1. Needs MLflow and scikit-learn: `pip install -e '.[train]'`.

    Example: `footfall train-example`

    Example: `footfall train-example --active-days 14 --horizon-days 7 --every-days 1`

    Example: `footfall train-example --repeat 4f1d2c…`
    """
    from footfall.features import Question
    from footfall.features import train_example as train
    from footfall.spark.session import get_session

    asked = {
        name: days
        for name, days in (
            ("active_days", active_days),
            ("horizon_days", horizon_days),
            ("every_days", every_days),
        )
        if days is not None
    }
    if repeat and asked:
        raise UsageError(
            "--repeat asks what the former run asked.",
            "Leave out --active-days, --horizon-days and --every-days, or --repeat.",
        )
    report = train(get_session(join_others=True), get_settings(), Question(**asked), repeat=repeat)
    print_result(report, as_json, lambda: _print_trained(report))


def _print_trained(report: TrainedReport) -> None:
    rows = count(report.train_rows, "row")
    print_line(f"Trained on {rows}, judged on {report.holdout_rows:,} later ones.")
    print_table(
        "On the holdout",
        ["metric", "model", "guess"],
        [
            [name, report.metrics[name], report.metrics[f"baseline_{name}"]]
            for name in ("roc_auc", "log_loss", "accuracy")
        ],
    )
    print_table("Read", ["table", "version"], [list(read) for read in report.versions.items()])
    print_line(f"Checksum of the training data: {report.checksum}")
    print_line(f"Run {report.run_id} in {report.store}")
