"""The example's model: how well a logistic regression tells who comes back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from footfall.errors import FootfallError
from footfall.features.churn import FEATURES, LABEL

if TYPE_CHECKING:
    import plotly.graph_objects as go
    from sklearn.pipeline import Pipeline

HOLDOUT_SHARE = 0.25
"""Of the as-of dates, the newest."""


@dataclass(frozen=True)
class Split:
    """Training data by time.

    Attributes:
        train: rows whose answer was known before the first date of the holdout.
        holdout: rows of the newest dates.
        first_holdout_date: where it begins.
    """

    train: pa.Table
    holdout: pa.Table
    first_holdout_date: date


@dataclass(frozen=True)
class Judged:
    """A model, and what it is worth on the holdout.

    Attributes:
        pipeline: the fitted scikit-learn pipeline.
        metrics: of the model, and of guessing by the label's share in training (``baseline_…``).
        curve: false and true positive rates.
    """

    pipeline: Pipeline
    metrics: dict[str, float]
    curve: tuple[list[float], list[float]]

    @property
    def weights(self) -> dict[str, float]:
        """The change in log-odds by a standard deviation of each feature."""
        imputer, regression = self.pipeline[0], self.pipeline[-1]
        names = imputer.get_feature_names_out(list(FEATURES))
        return dict(zip(names, regression.coef_[0].tolist(), strict=True))


def split_by_time(rows: pa.Table, horizon_days: int) -> Split:
    """Hold out the newest as-of dates.

    Dates whose horizon reaches into the holdout are in neither part: their answers were not known
    when the holdout's first question was asked.

    Args:
        rows: as in :class:`~footfall.features.churn.TrainingData`.
        horizon_days: until the answer is known.

    Raises:
        FootfallError: a part would be empty, or hold one answer only.
    """
    dates = sorted(set(rows["as_of_date"].to_pylist()))
    first = dates[-max(1, round(len(dates) * HOLDOUT_SHARE))] if dates else date.max
    last_known = first - timedelta(horizon_days)
    train = rows.filter(pc.field("as_of_date") <= pa.scalar(last_known))
    holdout = rows.filter(pc.field("as_of_date") >= pa.scalar(first))
    for name, part in (("training data", train), ("holdout", holdout)):
        if len(answers := set(part[LABEL].to_pylist())) < 2:
            raise FootfallError(
                f"Of {len(dates)} as-of dates, the {name} "
                + (f"has {answers.pop()} as its only answer." if answers else "has none."),
                "Load more days or customers, or ask for less: --horizon-days 7 --every-days 1",
            )
    return Split(train, holdout, first)


def fit(split: Split) -> Judged:
    """Fit the model on the training rows and judge it on the holdout.

    Args:
        split: both.
    """
    from sklearn.dummy import DummyClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import accuracy_score, log_loss, roc_auc_score, roc_curve
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(
        # A customer without a purchase has no recency: whether it is missing is a feature too.
        SimpleImputer(add_indicator=True, keep_empty_features=True),
        StandardScaler(),
        LogisticRegression(max_iter=1000),
    )
    guess = DummyClassifier(strategy="prior")
    metrics: dict[str, float] = {}
    train_features, train_labels = _columns(split.train)
    features, labels = _columns(split.holdout)
    for prefix, classifier in (("baseline_", guess), ("", model)):
        classifier.fit(train_features, train_labels)
        shares = classifier.predict_proba(features)[:, 1]
        metrics |= {
            f"{prefix}roc_auc": float(roc_auc_score(labels, shares)),
            f"{prefix}log_loss": float(log_loss(labels, shares)),
            f"{prefix}accuracy": float(accuracy_score(labels, shares >= 0.5)),
        }
    false_rates, true_rates, _ = roc_curve(labels, shares)
    return Judged(model, metrics, (false_rates.tolist(), true_rates.tolist()))


def draw_curve(judged: Judged) -> go.Figure:
    """Return the model's ROC curve beside that of guessing."""
    import plotly.graph_objects as go

    false_rates, true_rates = judged.curve
    return go.Figure(
        [
            go.Scatter(x=false_rates, y=true_rates, name="model"),
            go.Scatter(x=[0, 1], y=[0, 1], name="guess", line={"dash": "dash"}),
        ],
        {
            "title": f"ROC curve, area {judged.metrics['roc_auc']:.3f}",
            "xaxis": {"title": "false positive rate"},
            "yaxis": {"title": "true positive rate"},
        },
    )


def _columns(rows: pa.Table) -> tuple[Any, Any]:
    return rows.select(FEATURES).to_pandas(), rows[LABEL].to_numpy()
