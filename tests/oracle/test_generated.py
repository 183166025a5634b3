"""Generated data, built at once: every table against the oracle and against the stated truth."""

from __future__ import annotations

from datetime import date

import pytest
from conftest import DataSet, Generated, check
from reference import ENTITIES, differences

from footfall.tables import list_tables


def test_every_row_is_accepted_a_duplicate_or_quarantined_as_the_generator_says(
    built: DataSet, generated: Generated
) -> None:
    stated = {
        name: tuple(entity[part] for part in ("rows", "accepted", "duplicates", "quarantined"))
        for name, entity in generated.truth["entities"].items()
    }
    assert built.reconciliation() == stated
    assert generated.oracle.reconciliation() == stated
    for rows, accepted, duplicates, quarantined in stated.values():
        assert rows == accepted + duplicates + quarantined
    assert sum(entity["late"] for entity in generated.truth["entities"].values()) > 0


def test_quarantined_rows_have_the_reasons_that_the_generator_planted(
    built: DataSet, generated: Generated
) -> None:
    found = built.rows(
        "select source, reason, count(*) from {quality}.dq_quarantine "
        "lateral view explode(reject_reasons) as reason group by source, reason"
    )
    planted = {
        (name, reason, count)
        for name, entity in generated.truth["entities"].items()
        for reason, count in entity["rejects"].items()
    }
    assert set(found) == planted
    assert {reason.split("_")[-1] for _, reason, _ in found} >= {
        "missing", "unknown", "minimum", "maximum", "0",
    }  # fmt: skip


def test_daily_active_users_are_those_of_the_generator(
    built: DataSet, generated: Generated
) -> None:
    rows = built.rows("select metric_date, dau from {gold}.fct_active_users_daily")
    assert {day.isoformat(): dau for day, dau in rows} == generated.truth["dau"]


@pytest.mark.parametrize("name", ENTITIES)
def test_staging_holds_the_accepted_rows(built: DataSet, generated: Generated, name: str) -> None:
    table = f"stg_{name.replace('.', '__')}"
    rows = built.table("silver", table).drop_columns(["_load_id"])
    expected = generated.oracle.accepted(name)
    # Staging leaves the source's own filing day out: footfall's is event_date.
    unused = set(expected.column_names) - set(rows.column_names)
    assert unused <= {"dt", "order_date"}
    assert not differences(rows, expected.drop_columns(sorted(unused)), ["event_key"])
    print(f"{table}: {rows.num_rows} rows equal")


def test_sessions_are_the_oracles(built: DataSet, generated: Generated) -> None:
    check(built, "gold", "fct_sessions", ["session_id"], generated.oracle.sessions())


def test_session_metrics_are_the_oracles(built: DataSet, generated: Generated) -> None:
    key = ["event_date", "segment_type", "segment_value"]
    check(built, "gold", "fct_session_metrics_daily", key, generated.oracle.session_metrics())


def test_user_days_are_the_oracles(built: DataSet, generated: Generated) -> None:
    key = ["user_id", "event_date"]
    check(built, "gold", "fct_user_activity_daily", key, generated.oracle.user_activity())


def test_active_users_are_the_oracles(built: DataSet, generated: Generated) -> None:
    key = ["metric_date", "definition", "segment_type", "segment_value"]
    check(built, "gold", "fct_active_users_daily", key, generated.oracle.active_users())


def test_user_product_days_are_the_oracles(built: DataSet, generated: Generated) -> None:
    key = ["user_id", "product_id", "event_date"]
    check(built, "gold", "fct_user_product_daily", key, generated.oracle.user_product_daily())


def test_lifetime_user_product_counts_are_the_oracles(built: DataSet, generated: Generated) -> None:
    key = ["user_id", "product_id"]
    check(built, "gold", "fct_user_product", key, generated.oracle.user_product())


def test_user_intervals_are_the_oracles(built: DataSet, generated: Generated) -> None:
    check(built, "gold", "dim_users", ["user_id", "valid_from"], generated.oracle.users())
    intervals = built.rows("select count(*), count(distinct user_id) from {gold}.dim_users")
    assert intervals[0][0] > intervals[0][1]


def test_customer_features_are_the_oracles(built: DataSet, generated: Generated) -> None:
    key = ["customer_id", "as_of_date"]
    check(built, "gold", "fct_customer_features", key, generated.oracle.customer_features())
    days = built.rows("select distinct as_of_date from {gold}.fct_customer_features")
    assert {(date(2025, 8, 31),), (date(2025, 9, 4),)} <= set(days)


def test_training_samples_are_the_oracles(built: DataSet, generated: Generated) -> None:
    key = ["dt", "ranking_id", "customer_id", "position"]
    check(built, "training", "training_samples", key, generated.oracle.samples())


def test_training_sequences_are_the_oracles(built: DataSet, generated: Generated) -> None:
    key = ["dt", "customer_id"]
    check(built, "training", "training_sequences", key, generated.oracle.sequences())


def test_a_build_with_nothing_new_writes_no_table_version(built: DataSet) -> None:
    def versions() -> dict[str, int]:
        names = [name for _, name in list_tables(built.spark, built.settings)]
        return {
            name: built.spark.sql(f"describe history {name} limit 1").collect()[0]["version"]
            for name in names
            if not name.endswith(".action_types")
        }

    before = versions()
    assert len(before) > 20
    built.build()
    assert versions() == before
