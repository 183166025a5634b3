"""Runs of the example, tracked by MLflow in the home."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel

from footfall.errors import FootfallError, UsageError
from footfall.features.churn import Question, TrainingData, training_data
from footfall.features.model import Judged, Split, draw_curve, fit, split_by_time
from footfall.settings import Settings

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from pyspark.sql import SparkSession

EXPERIMENT = "train-example"
CHECKSUM = "training_data_sha256"
NEEDED = ("mlflow", "sqlalchemy", "alembic", "sklearn")


class TrainedReport(BaseModel):
    """A run of the example.

    Attributes:
        run_id: MLflow's.
        store: the SQLite file that MLflow tracks runs in.
        train_rows: rows that the model was fitted on.
        holdout_rows: rows that it was judged on.
        metrics: as :class:`~footfall.features.model.Judged` has them.
        versions: of the tables that were read.
        definitions: what the features were built under.
        checksum: of the training data and the holdout.
        repeats: the run whose versions were read.
    """

    run_id: str
    store: Path
    question: Question
    train_rows: int
    holdout_rows: int
    metrics: dict[str, float]
    versions: dict[str, int]
    definitions: dict[str, str]
    checksum: str
    repeats: str | None = None


class Recorded(BaseModel):
    """What a former run says of its training data."""

    run_id: str
    question: Question
    versions: dict[str, int]
    definitions: dict[str, str]
    checksum: str


def train_example(
    spark: SparkSession,
    settings: Settings,
    question: Question | None = None,
    *,
    repeat: str | None = None,
) -> TrainedReport:
    """Train a model on who comes back, and track it.

    Args:
        spark: the session.
        settings: the home, and the prefix of its schemas.
        question: what is asked; by default, with the defaults of each of its parts.
        repeat: a former run, whose question is asked again of the tables' versions of that time.

    Raises:
        UsageError: there is no such run, or the marts were not built.
        FootfallError: packages are missing, the marts hold too few days, a version can no longer
            be read, or the repeated training data is not that of the former run.
    """
    if missing := [package for package in NEEDED if find_spec(package) is None]:
        raise FootfallError(
            f"footfall train-example needs {', '.join(missing)}, which is not installed.",
            "Install it: .venv/bin/pip install -e '.[train]'",
        )
    runs = Runs(settings)
    former = runs.recorded(repeat) if repeat else None
    question = former.question if former else question or Question()
    data = training_data(spark, settings, question, former.versions if former else None)
    if former:
        _require_same(former, data)
    split = split_by_time(data.rows, question.horizon_days)
    return runs.record(question, data, split, fit(split), repeat)


class Runs:
    """The runs in a home.

    Args:
        settings: the home.
    """

    def __init__(self, settings: Settings) -> None:
        self.store = settings.home / "mlflow.db"
        self._artifacts = settings.home / "mlflow"
        self._client = _open(self.store)

    def record(
        self,
        question: Question,
        data: TrainingData,
        split: Split,
        judged: Judged,
        repeats: str | None,
    ) -> TrainedReport:
        """Track a model with all that its training data came from."""
        from mlflow.entities import Dataset, DatasetInput, Metric, Param, RunTag
        from mlflow.utils.time import get_current_time_millis

        run_id = self._client.create_run(self._experiment()).info.run_id
        now = get_current_time_millis()
        params = question.model_dump() | {
            "first_holdout_date": split.first_holdout_date,
            "train_rows": len(split.train),
            "holdout_rows": len(split.holdout),
        }
        params |= {f"definition.{name}": value for name, value in data.definitions.items()}
        tags = {CHECKSUM: data.checksum} | ({"repeats": repeats} if repeats else {})
        self._client.log_batch(
            run_id,
            [Metric(name, value, now, 0) for name, value in judged.metrics.items()],
            [Param(name, str(value)) for name, value in params.items()],
            [RunTag(name, value) for name, value in tags.items()],
        )
        read = [
            Dataset(
                table,
                str(version),
                "delta_table",
                json.dumps({"delta_table_name": table, "delta_table_version": version}),
            )
            for table, version in data.versions.items()
        ]
        self._client.log_inputs(run_id, [DatasetInput(dataset, []) for dataset in read])
        self._client.log_dict(run_id, judged.weights, "weights.json")
        # With Plotly's script in the page: it is read offline.
        self._client.log_figure(
            run_id, draw_curve(judged), "roc.html", save_kwargs={"include_plotlyjs": True}
        )
        self._client.set_terminated(run_id)
        return TrainedReport(
            run_id=run_id,
            store=self.store,
            question=question,
            train_rows=len(split.train),
            holdout_rows=len(split.holdout),
            metrics=judged.metrics,
            versions=dict(data.versions),
            definitions=dict(data.definitions),
            checksum=data.checksum,
            repeats=repeats,
        )

    def recorded(self, run_id: str) -> Recorded:
        """Return what a run says of its training data.

        Raises:
            UsageError: there is no such run.
        """
        found = self._client.search_runs([self._experiment()])
        runs = {run.info.run_id: run for run in found if CHECKSUM in run.data.tags}
        if run_id not in runs:
            newest = ", ".join(list(runs)[:3])
            raise UsageError(
                f"There is no run {run_id!r} in {self.store}.",
                f"The newest are: {newest}." if runs else "Train without --repeat first.",
            )
        run = runs[run_id]
        params = run.data.params
        sources = [json.loads(read.dataset.source) for read in run.inputs.dataset_inputs]
        return Recorded(
            run_id=run_id,
            question=Question.model_validate(
                {name: params[name] for name in Question.model_fields}
            ),
            versions={
                source["delta_table_name"]: source["delta_table_version"] for source in sources
            },
            definitions={
                name.removeprefix("definition."): value
                for name, value in params.items()
                if name.startswith("definition.")
            },
            checksum=run.data.tags[CHECKSUM],
        )

    def _experiment(self) -> str:
        found = self._client.get_experiment_by_name(EXPERIMENT)
        if found:
            return str(found.experiment_id)
        at = self._artifacts.as_uri()
        return str(self._client.create_experiment(EXPERIMENT, artifact_location=at))


def _open(store: Path) -> MlflowClient:
    # MLflow reports its use to its makers unless told not to.
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    from mlflow import MlflowClient

    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    store.parent.mkdir(parents=True, exist_ok=True)
    # MLflow decodes the path once.
    path = str(store).replace("%", "%25").replace("?", "%3F")
    return MlflowClient(tracking_uri=f"sqlite:///{path}")


def _require_same(former: Recorded, data: TrainingData) -> None:
    if former.checksum == data.checksum:
        return
    changed = _changes(former.definitions, data.definitions) or "the views' SQL"
    raise FootfallError(
        f"The training data is not that of run {former.run_id}, though the tables were read at its "
        f"versions. What has changed: {changed}.",
        "Build the views by the project's version of that time, or train anew without --repeat.",
    )


def _changes(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    names = sorted(before.keys() | now.keys())
    return ", ".join(
        f"{name} was {before.get(name, 'not there')} and is {now.get(name, 'not there')}"
        for name in names
        if before.get(name) != now.get(name)
    )
