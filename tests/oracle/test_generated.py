"""Generated data, built at once: every table against the oracle and against the stated truth."""

from __future__ import annotations

import json
from collections import Counter
from datetime import date

import pytest

from footfall.errors import UsageError
from footfall.project.quarantine import list_rejected, show_rejected
from support.data_sets import DataSet, Generated
from support.law import (
    NOT_BUILT_BY_DEFAULT,
    NOT_GENERATED,
    OFF_BY_DEFAULT,
    WITH_ORACLE,
    check,
    unequal,
)
from support.thorough import only_thorough


def test_every_row_is_accepted_a_duplicate_or_quarantined_as_the_generator_says(
    built: DataSet, generated: Generated
) -> None:
    stated = {
        name: tuple(entity[part] for part in ("rows", "accepted", "duplicates", "quarantined"))
        for name, entity in generated.truth["entities"].items()
    }
    assert built.reconciliation() == stated
    assert generated.oracle.reconciliation() == stated
    assert built.conflicts() == generated.oracle.conflicts() == {}
    for rows, accepted, duplicates, quarantined in stated.values():
        assert rows == accepted + duplicates + quarantined
    assert sum(entity["late"] for entity in generated.truth["entities"].values()) > 0


def test_quarantined_rows_have_the_reasons_that_the_generator_planted(
    built: DataSet, generated: Generated
) -> None:
    listed = list_rejected(built.spark, built.settings)
    found = [(rejected.source, rejected.reason, rejected.rows) for rejected in listed]
    assert [rows for *_, rows in found] == sorted((rows for *_, rows in found), reverse=True)
    planted = {
        (name, reason, count)
        for name, entity in generated.truth["entities"].items()
        for reason, count in entity["rejects"].items()
    }
    assert set(found) == planted
    assert {reason.split("_")[-1] for _, reason, _ in found} >= {
        "missing", "unknown", "minimum", "maximum", "0",
    }  # fmt: skip


def test_rejected_rows_are_shown_as_they_were_delivered(built: DataSet) -> None:
    name, reason = "crm.transactions", "amount_below_minimum"
    [listed] = [
        rejected
        for rejected in list_rejected(built.spark, built.settings, source=name)
        if rejected.reason == reason
    ]
    rows = show_rejected(built.spark, built.settings, name, reason=reason, limit=1000)
    assert len(rows) == listed.rows > 1
    assert all(float(row.payload["amount"]) < 0 and reason in row.reject_reasons for row in rows)
    assert len(show_rejected(built.spark, built.settings, name, reason=reason, limit=1)) == 1
    assert list_rejected(built.spark, built.settings, source=name, since_load=99) == []
    with pytest.raises(UsageError):
        list_rejected(built.spark, built.settings, source="crm.nothing")


def test_daily_active_users_are_those_of_the_generator(
    built: DataSet, generated: Generated
) -> None:
    rows = built.rows(
        "select metric_date, dau from {gold}.fct_active_users_daily "
        "where definition = 'basic' and segment_type = 'all'"
    )
    assert {day.isoformat(): dau for day, dau in rows} == generated.truth["dau"]


def test_each_interaction_is_in_one_session(built: DataSet) -> None:
    [(in_sessions,)] = built.rows("select sum(action_count) from {gold}.fct_sessions")
    assert built.rows("select count(*) from {silver}.int_interactions") == [(in_sessions,)]


def test_dbt_s_unit_tests_pass(built: DataSet) -> None:
    ran = built.dbt("test", "--select", "test_type:unit").results
    assert len(ran) >= 40
    assert {str(result.status) for result in ran} <= {"pass", "success"}


SKETCHES = OFF_BY_DEFAULT["user_sketches"]
ALWAYS_BUILT = [table for table in WITH_ORACLE if table not in NOT_BUILT_BY_DEFAULT | NOT_GENERATED]


@pytest.mark.parametrize("table", ALWAYS_BUILT)
def test_the_table_is_the_oracles(built: DataSet, generated: Generated, table: str) -> None:
    check(built, table, generated.oracle)


def test_active_days_of_the_view_are_those_of_the_oracle(
    built: DataSet, generated: Generated
) -> None:
    expected = {
        (user_id, definition, day)
        for user_id, days in generated.oracle.user_days.items()
        for day, facts in days.items()
        for definition, active in facts.active.items()
        if active
    }
    rows = built.rows("select user_id, definition, active_date from {gold}.fct_user_active_days")
    assert len(rows) == len(expected) and set(rows) == expected


@only_thorough
def test_active_users_by_bitmaps_are_those_by_deltas(built: DataSet) -> None:
    by_deltas = built.table("gold", "fct_active_users_daily")
    days = by_deltas.column("metric_date").to_pylist()
    variables = {
        "start_date": min(days).isoformat(),
        "end_date": max(days).isoformat(),
        "active_users_bitmap_days": len(set(days)),
    }
    built.build("--vars", json.dumps(variables), "--select", "fct_active_users_daily")
    compiled = next((built.target / "compiled").rglob("fct_active_users_daily.sql")).read_text()
    assert "last_active_days" in compiled and "active_intervals" not in compiled
    by_bitmaps = built.table("gold", "fct_active_users_daily")
    assert unequal({"active users": by_bitmaps}, {"active users": by_deltas}) == {}


NEED_WEEKS = {
    "who_are_the_power_users",
    "who_is_about_to_leave",
    "what_did_customers_do_before_they_left",
}
"""Analyses that nine days have no answer for."""


@only_thorough
def test_each_analysis_answers_its_question(built: DataSet) -> None:
    built.dbt("compile", "--select", "resource_type:analysis", "--vars", "day: 2025-08-30")
    analyses = sorted((built.target / "compiled" / "footfall" / "analyses").glob("*.sql"))
    assert len(analyses) == 12
    empty = {file.stem for file in analyses if built.spark.sql(file.read_text()).isEmpty()}
    assert empty <= NEED_WEEKS


@only_thorough
def test_sketches_merge_to_the_distinct_users_of_a_period(
    built: DataSet, generated: Generated
) -> None:
    built.build("--vars", json.dumps({"user_sketches": True}), "--select", SKETCHES)
    check(built, SKETCHES, generated.oracle)
    analysis = "how_many_users_came_in_any_period"
    built.dbt("compile", "--vars", json.dumps({"user_sketches": True}), "--select", analysis)
    query = next((built.target / "compiled").rglob(f"{analysis}.sql")).read_text()
    came = Counter(
        country
        for days in generated.oracle.user_days.values()
        for country in {facts.attributes["country"] for facts in days.values()}
    )
    answers = [row.asDict() for row in built.spark.sql(query).collect()]
    assert {answer["country"]: answer["users"] for answer in answers} == came
    assert all(answer["estimated_users"] == answer["users"] for answer in answers)


def test_attributes_changed_and_features_have_month_ends(built: DataSet) -> None:
    intervals = built.rows("select count(*), count(distinct user_id) from {gold}.dim_users")
    assert intervals[0][0] > intervals[0][1]
    days = built.rows("select distinct as_of_date from {gold}.fct_customer_features")
    assert {(date(2025, 8, 31),), (date(2025, 9, 4),)} <= set(days)


def test_a_build_with_nothing_new_writes_no_table_version(built: DataSet) -> None:
    def versions() -> dict[str, int]:
        found = built.versions()
        return {name: found[name] for name in found if not name.endswith(".action_types")}

    before = versions()
    assert len(before) > 20
    built.build()
    assert versions() == before


OF_SOME_HOMES = {
    "dq_adopted_commits", "dq_adopted_days", "dq_alerts", "dq_backfills", "dq_erasures",
    "dq_feature_drift", "dq_replays",
}  # fmt: skip


@only_thorough
def test_the_documentation_knows_columns_rows_and_bytes_of_every_table(built: DataSet) -> None:
    built.dbt("docs", "generate")
    catalog = json.loads((built.target / "catalog.json").read_text())
    manifest = json.loads((built.target / "manifest.json").read_text())
    in_warehouse = ("model", "snapshot", "seed")
    nodes = {
        unique_id: node
        for unique_id, node in manifest["nodes"].items()
        if node["resource_type"] in in_warehouse
    } | {
        unique_id: node
        for unique_id, node in manifest["sources"].items()
        # Nothing was backfilled, erased, adopted, compared or sent here.
        if node["name"] not in OF_SOME_HOMES
    }
    found = catalog["nodes"] | catalog["sources"]
    assert catalog["errors"] is None and set(found) == set(nodes)
    for unique_id, entry in found.items():
        columns = sorted(entry["columns"].values(), key=lambda column: column["index"])
        relation = built.spark.table(nodes[unique_id]["relation_name"])
        assert [(column["name"], column["type"]) for column in columns] == relation.dtypes
        shown = {name: stat["value"] for name, stat in entry["stats"].items()}
        if entry["metadata"]["type"] == "view":
            assert shown == {"has_stats": False}
        else:
            assert set(shown) == {"has_stats", "num_rows", "num_bytes", "last_modified"}
            assert shown["num_rows"] == relation.count()
    sessions = built.name("gold", "fct_sessions")
    (detail,) = built.spark.sql(f"describe detail {sessions}").collect()
    stats = found["model.footfall.fct_sessions"]["stats"]
    assert stats["num_bytes"]["value"] == detail["sizeInBytes"]
    assert stats["last_modified"]["value"] == f"{detail['lastModified']:%Y-%m-%d %H:%MUTC}"
