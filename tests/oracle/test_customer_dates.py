"""Customers' features as of each day of ten generated weeks, in three loads, beside the oracle."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from footfall.features import Question, training_data
from footfall.features.model import fit, split_by_time
from footfall.generate import DirtShares, generate
from footfall.settings import PROJECT_DIR
from support.data_sets import DataSet
from support.law import Family, as_arrow, check
from support.reference import Definitions, Oracle, core_actions
from support.thorough import only_thorough

START, DAYS = date(2025, 6, 1), 70
ENDS = (START + timedelta(days=40), START + timedelta(days=55), date.max)
"""When each load ends."""
FAMILY = Family(
    ("crm",),
    # Who registered before is no customer here: each as-of date since would be a partition.
    Definitions(as_of_dates="daily", earliest_event_date=START.isoformat()),
)
MARTS = ("fct_customer_features", "fct_transactions", "fct_customer_sessions", "dim_customers")
QUIET, BUYER = 9001, 9002
QUESTION = Question(active_days=14, horizon_days=7, every_days=7)


def at(day: int) -> datetime:
    return datetime(2025, 6, 1, 12, tzinfo=timezone.utc) + timedelta(days=day)


def paid(number: int, day: int, currency: str, *versions: tuple[int, str]) -> list[dict[str, Any]]:
    """Return the versions of a payment, each with its day and its status."""
    return [
        {
            "transaction_id": f"planted{number}", "customer_id": BUYER, "quantity": 1,
            "price": Decimal(10 + number), "currency": currency, "transaction_time": at(day),
            "transaction_status": status, "updated_at": at(changed),
        }
        for changed, status in versions
    ]  # fmt: skip


def plant(landing: Path) -> None:
    """Add a customer who does nothing, and one who pays in two currencies, late, and changing."""
    registered = [
        {"customer_id": customer, "registration_date": START + timedelta(days=3)}
        for customer in (QUIET, BUYER)
    ]
    arriving: dict[int, list[dict[str, Any]]] = {
        10: paid(1, 9, "EUR", (9, "pending")) + paid(2, 10, "USD", (10, "completed")),
        45: paid(1, 9, "EUR", (30, "completed")) + paid(3, 20, "GBP", (20, "completed")),
        60: paid(2, 10, "USD", (11, "failed"), (59, "refunded"))
        + paid(4, 5, "EUR", (5, "completed")),
    }
    write(landing, "crm.customers", 10, registered)
    for day, rows in arriving.items():
        write(landing, "crm.transactions", day, rows)


def write(landing: Path, name: str, day: int, rows: list[dict[str, Any]]) -> None:
    folder = landing.joinpath(*name.split("."))
    pq.write_table(as_arrow(name, rows), folder / f"planted-{START + timedelta(days=day)}.parquet")


@only_thorough
@pytest.mark.timeout(1800)
def test_features_are_the_oracles_and_a_former_builds_training_data_can_be_had_again(
    tmp_path: Path, data_set: Callable[[str], DataSet]
) -> None:
    changing = DirtShares(late=0.1, versions=0.4)
    generate(tmp_path, days=DAYS, users=150, seed=21, start=START, dirt=changing)
    plant(tmp_path)
    data = data_set("customer_dates")
    seed = PROJECT_DIR / "seeds" / "action_types.csv"
    oracle = Oracle(core_actions(seed), FAMILY.definitions)
    trained, arrived = [], date.min
    for end in ENDS:
        for name in FAMILY.entities:
            folder = tmp_path.joinpath(*name.split("."))
            arrivals = {file: date.fromisoformat(file.stem[-10:]) for file in folder.iterdir()}
            files = sorted(file for file, day in arrivals.items() if arrived <= day < end)
            if files:
                data.ingest(name, *files)
                oracle.load_files(name, files)
        data.build("--select", *(f"+{mart}" for mart in MARTS), *FAMILY.dbt_vars())
        trained.append(training_data(data.spark, data.settings, QUESTION))
        arrived = end
    oracle.judge()

    features = data.table("gold", "fct_customer_features")
    dates = sorted(set(features["as_of_date"].to_pylist()))
    expected = oracle.customer_features()
    for as_of in Random(3).sample(dates, 20):
        ours, theirs = (
            rows.filter(pc.field("as_of_date") == as_of).sort_by("customer_id").to_pylist()
            for rows in (features, expected)
        )
        assert ours == theirs, as_of
    for mart in MARTS:
        check(data, mart, oracle)

    of_customer = features.filter(pc.field("as_of_date") == dates[-1]).to_pylist()
    last = {row["customer_id"]: row for row in of_customer}
    assert {value for value in last[QUIET].values() if value} == {QUIET, dates[-1]}
    # 11 and 14 EUR, and 13 GBP; what was paid in USD was given back.
    assert last[BUYER]["purchase_frequency"] == 3
    assert last[BUYER]["last_purchase_date"] == at(20).date()
    assert last[BUYER]["days_since_last_transaction"] == (dates[-1] - at(20).date()).days
    before = features.filter(
        (pc.field("customer_id") == BUYER) & (pc.field("as_of_date") == at(8).date())
    )
    assert before["purchase_frequency"].to_pylist() == [1]

    again = training_data(data.spark, data.settings, QUESTION, trained[1].versions)
    assert again.checksum == trained[1].checksum != trained[2].checksum
    judged = fit(split_by_time(trained[2].rows, QUESTION.horizon_days))
    assert judged.metrics["roc_auc"] > judged.metrics["baseline_roc_auc"] + 0.05
