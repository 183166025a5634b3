"""`footfall train-example`: it learns what is there, sees no future, and can be repeated."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from footfall.errors import FootfallError, UsageError
from footfall.features import Question, TrainingData, runs, training_data
from footfall.features.churn import FEATURES, LABEL
from footfall.features.model import fit, split_by_time
from footfall.maintain import maintain
from footfall.settings import PROJECT_DIR, Settings, get_settings
from support.answer import Footfall
from support.thorough import only_thorough

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SHOP = Settings(db_schema="returning")
GOLD = SHOP.schema_of("gold")
TOTALS, SESSIONS = f"{GOLD}.int_customer_totals", f"{GOLD}.fct_customer_sessions"
FIRST, DAYS, CUSTOMERS = date(2025, 3, 1), 110, 120
NEWEST = FIRST + timedelta(days=DAYS - 1)
QUESTION = Question(active_days=28, horizon_days=10, every_days=7)
NO_MLFLOW = "MLflow is not installed; make test TRAIN=1 installs it"
TOTALS_COLUMNS = (
    "customer_id bigint, as_of_date date, purchase_count bigint, "
    "unconverted_purchase_count bigint, spend decimal(38,2), spend_currency string, "
    "first_purchase_date date, last_purchase_date date, last_transaction_date date, "
    "recent_transaction_count bigint, event_count bigint, purchase_event_count bigint, "
    "session_count bigint, session_seconds bigint"
)


def visits() -> np.ndarray:
    """Return who came on which day: customers come often, until one day they hardly do any more."""
    rng = np.random.default_rng(4)
    lapses = rng.exponential(60, CUSTOMERS).astype(int) + 1
    chance = np.where(np.arange(DAYS) < lapses[:, None], 0.5, 0.005)
    return rng.random((CUSTOMERS, DAYS)) < chance


def day(number: int) -> str:
    return f"date'{FIRST + timedelta(days=int(number))}'"


@pytest.fixture
def shop(spark: SparkSession) -> Iterator[None]:
    """The marts of a shop in which who has not bought for long does not come back."""
    came = visits()
    sessions = [
        (f"s{customer}-{number}", int(customer) + 1, FIRST + timedelta(days=int(number)))
        for customer, number in np.argwhere(came)
    ]
    totals = []
    for number in range(6, DAYS, 7):
        for customer in range(CUSTOMERS):
            bought = np.flatnonzero(came[customer, : number + 1])
            if not len(bought):
                continue
            first, last = (FIRST + timedelta(days=int(found)) for found in bought[[0, -1]])
            count = len(bought)
            recent = int((bought > number - 30).sum())
            totals.append(
                (customer + 1, FIRST + timedelta(days=number), count, 0, 10 * count, "EUR", first,
                 last, last, recent, 4 * count, count, count, 60 * count)
            )  # fmt: skip
    spark.sql(f"create schema {GOLD}")
    spark.createDataFrame(
        sessions, "session_id string, customer_id bigint, event_date date"
    ).write.format("delta").saveAsTable(SESSIONS)
    as_decimal = TOTALS_COLUMNS.replace("decimal(38,2)", "bigint")
    spark.createDataFrame(totals, as_decimal).selectExpr(
        *("cast(spend as decimal(38,2)) as spend" if name == "spend" else name
          for name in spark.createDataFrame([], as_decimal).columns)
    ).write.format("delta").saveAsTable(TOTALS)  # fmt: skip
    make_view(spark)
    yield
    spark.sql(f"drop schema {GOLD} cascade")


def make_view(spark: SparkSession, more: str = "") -> None:
    """Make the view by the model's own SQL."""
    model = PROJECT_DIR / "models" / "marts" / "customers" / "fct_customer_features.sql"
    sql = model.read_text().replace("{{ ref('int_customer_totals') }}", TOTALS)
    spark.sql(
        f"create or replace view {GOLD}.fct_customer_features tblproperties "
        "('footfall.definitions.reporting_timezone' = 'UTC', "
        f"'footfall.definitions.reporting_currency' = 'EUR') as {sql} {more}"
    )


def as_of(spark: SparkSession, versions: dict[str, int] | None = None) -> TrainingData:
    return training_data(spark, SHOP, QUESTION, versions)


def plant(spark: SparkSession, held_as_of: date, purchases: int) -> None:
    """Add totals of all customers as of a day."""
    spark.sql(
        f"insert into {TOTALS} select customer_id, date'{held_as_of}', {purchases}, 0, 1, 'EUR', "
        f"date'{FIRST}', date'{FIRST}', date'{FIRST}', 0, 1, 1, 1, 1 "
        f"from {SESSIONS} group by customer_id"
    )


@only_thorough
def test_each_question_has_the_features_of_its_time_and_the_answer_of_its_days(
    spark: SparkSession, shop: None
) -> None:
    came = visits()
    rows = as_of(spark).rows.to_pylist()
    last = DAYS - 1 - QUESTION.horizon_days
    asked = {(row["customer_id"], row["as_of_date"]) for row in rows}
    wanted = {
        (customer + 1, FIRST + timedelta(days=number))
        for number in range(last, 5, -QUESTION.every_days)
        for customer in range(CUSTOMERS)
        if came[customer, max(0, number - QUESTION.active_days + 1) : number + 1].any()
    }
    assert asked == wanted and len(rows) == len(asked) > 500
    for row in rows:
        customer, number = row["customer_id"] - 1, (row["as_of_date"] - FIRST).days
        # The features of the last of the days 6, 13, 20 … that was over by then.
        held = (number + 1) // 7 * 7 - 1
        purchases = int(came[customer, : held + 1].sum())
        assert row["purchase_frequency"] == (purchases or None)
        horizon = came[customer, number + 1 : number + 1 + QUESTION.horizon_days]
        assert row[LABEL] == bool(horizon.any())


def test_what_is_planted_after_the_as_of_date_changes_nothing(
    spark: SparkSession, shop: None
) -> None:
    before = as_of(spark)
    last_asked = max(before.rows["as_of_date"].to_pylist())
    plant(spark, last_asked + timedelta(days=1), purchases=999)
    plant(spark, NEWEST + timedelta(days=1), purchases=999)
    planted = as_of(spark)
    assert planted.versions != before.versions
    assert planted.rows.equals(before.rows) and planted.checksum == before.checksum
    plant(spark, last_asked, purchases=999)
    seen = as_of(spark)
    assert seen.checksum != before.checksum
    frame = seen.rows.to_pandas()
    is_last = frame["as_of_date"] == last_asked
    assert set(frame[is_last]["purchase_frequency"]) == {999.0}
    assert 999.0 not in set(frame[~is_last]["purchase_frequency"])


@only_thorough
def test_the_versions_of_a_run_give_its_training_data_until_they_are_vacuumed(
    spark: SparkSession, shop: None
) -> None:
    first = as_of(spark)
    assert set(first.versions) == {SESSIONS, TOTALS}
    assert first.definitions == {"reporting_timezone": "UTC", "reporting_currency": "EUR"}
    spark.sql(f"insert into {SESSIONS} select 'n', 1, date'{NEWEST + timedelta(days=3)}'")
    spark.sql(f"insert overwrite {TOTALS} select * from {TOTALS} where customer_id % 2 = 0")
    assert as_of(spark).checksum != first.checksum
    again = as_of(spark, dict(first.versions))
    assert again.checksum == first.checksum and again.rows.equals(first.rows)
    maintain(spark, retain_hours=0, force=True, settings=SHOP)
    with pytest.raises(FootfallError, match=f"{TOTALS} version 0") as gone:
        as_of(spark, dict(first.versions))
    assert "is missing" in gone.value.message and "Train anew" in gone.value.fix
    with pytest.raises(FootfallError, match="Available versions"):
        as_of(spark, first.versions | {SESSIONS: 99})


def test_a_model_learns_what_is_there_and_nothing_from_shuffled_answers(
    spark: SparkSession, shop: None
) -> None:
    data = as_of(spark)
    judged = fit(split_by_time(data.rows, QUESTION.horizon_days))
    assert judged.metrics["roc_auc"] > 0.8 and judged.metrics["baseline_roc_auc"] == 0.5
    assert judged.metrics["log_loss"] < 0.8 * judged.metrics["baseline_log_loss"]
    assert judged.metrics["accuracy"] > judged.metrics["baseline_accuracy"]
    assert judged.weights["recency_days"] < 0 and set(judged.weights) >= set(FEATURES)
    answers = data.rows[LABEL].to_numpy()
    distances = []
    for seed in range(20):
        shuffled = pa.array(np.random.default_rng(seed).permutation(answers))
        rows = data.rows.set_column(data.rows.column_names.index(LABEL), LABEL, shuffled)
        chance = fit(split_by_time(rows, QUESTION.horizon_days)).metrics
        distances.append(chance["roc_auc"] - 0.5)
        assert chance["log_loss"] > 0.95 * chance["baseline_log_loss"]
    assert abs(np.mean(distances)) < 0.04


@only_thorough
def test_no_answer_of_the_training_rows_was_known_after_the_first_question_of_the_holdout(
    spark: SparkSession, shop: None
) -> None:
    rows = as_of(spark).rows
    split = split_by_time(rows, QUESTION.horizon_days)
    known = max(split.train["as_of_date"].to_pylist()) + timedelta(QUESTION.horizon_days)
    assert known <= split.first_holdout_date == min(split.holdout["as_of_date"].to_pylist())
    assert len(set(split.holdout["as_of_date"].to_pylist())) == 4
    with pytest.raises(FootfallError, match="the training data has none"):
        split_by_time(rows, 200)


@only_thorough
def test_too_few_days_and_missing_marts_are_told(spark: SparkSession, shop: None) -> None:
    with pytest.raises(FootfallError, match="whose next 200 days are known"):
        training_data(spark, SHOP, Question(horizon_days=200))
    with pytest.raises(UsageError, match="There is no table nowhere_gold"):
        training_data(spark, Settings(db_schema="nowhere"), QUESTION)


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "NEEDED", ("json", "no_such_package"))
    with pytest.raises(FootfallError, match=r"needs no_such_package, .*\n.*pip install") as missing:
        runs.train_example(None, SHOP)  # type: ignore[arg-type]
    assert "json" not in missing.value.message


@only_thorough
@pytest.mark.parametrize("name", ["a%20b", "what? now#1 ü [x]"])
def test_runs_lie_in_a_home_of_an_unusual_name(tmp_path: Path, name: str) -> None:
    pytest.importorskip("mlflow", reason=NO_MLFLOW)
    home = tmp_path / name
    home.mkdir()
    with pytest.raises(UsageError, match="There is no run 'x'") as unknown:
        runs.Runs(Settings(home=home)).recorded("x")
    assert unknown.value.fix == "Train without --repeat first."
    assert (home / "mlflow.db").stat().st_size > 0


@only_thorough
def test_the_command_tracks_a_run_and_repeats_it(
    spark: SparkSession, shop: None, footfall: Footfall, monkeypatch: pytest.MonkeyPatch
) -> None:
    mlflow = pytest.importorskip("mlflow", reason=NO_MLFLOW)
    monkeypatch.setenv("FOOTFALL_DB_SCHEMA", SHOP.db_schema)
    get_settings.cache_clear()
    days = ("--active-days", "28", "--horizon-days", "10", "--every-days", "7")
    trained = footfall("train-example", *days, "--json").json
    data = as_of(spark)
    assert trained["metrics"]["roc_auc"] > 0.8 and trained["checksum"] == data.checksum
    run_id = trained["run_id"]

    client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{trained['store']}")
    run = client.get_run(run_id)
    assert run.info.status == "FINISHED"
    assert run.data.metrics == pytest.approx(trained["metrics"])
    assert run.data.tags["training_data_sha256"] == data.checksum
    assert run.data.params["horizon_days"] == "10"
    assert run.data.params["definition.reporting_currency"] == "EUR"
    read = {found.dataset.name: found.dataset.digest for found in run.inputs.dataset_inputs}
    assert read == {SESSIONS: "0", TOTALS: "0"}
    assert {found.path for found in client.list_artifacts(run_id)} == {"roc.html", "weights.json"}

    spark.sql(f"insert overwrite {TOTALS} select * from {TOTALS} where customer_id % 2 = 0")
    newer = footfall("train-example", *days, "--json").json
    again = footfall("train-example", "--repeat", run_id, "--json").json
    assert newer["checksum"] != again["checksum"] == data.checksum
    assert again["metrics"] == trained["metrics"] and again["repeats"] == run_id

    told = footfall("train-example", "--repeat", "nosuch")
    assert told.exit_code == 2 and "There is no run 'nosuch'" in told.err and run_id in told.err
    told = footfall("train-example", "--repeat", run_id, "--every-days", "1")
    assert told.exit_code == 2 and "--repeat asks what the former run asked" in told.err
    make_view(spark, "where customer_id > 5")
    told = footfall("train-example", "--repeat", run_id)
    assert told.exit_code == 1 and "What has changed: the views' SQL" in told.err
    get_settings.cache_clear()
