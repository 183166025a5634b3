"""Which checkpoints and sequences a run writes, and from what: dbt's own macros, without Spark."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from support.planning import Warehouse, macros_of

GRID = {"checkpoint_every_days": 7, "checkpoint_settle_days": 0, "checkpoints_kept": 2}
# Every seventh day since 0001-01-01 is a Sunday.
OLD, MIDDLE, NEW = "2025-03-02", "2025-03-09", "2025-03-16"
FIRST_SEGMENT = "2025-02-01"
Plan = Callable[..., dict[str, Any]]


def change(*dates: str, is_new: bool = True, whole: bool = False) -> dict[str, Any]:
    """Return what affected_dates says of new actions; of a backfill's they are not new."""
    ranges = {"shop.clicks": (1, 2)} if dates and is_new else {}
    return {
        "whole": whole, "changed": bool(dates) or whole, "dates": sorted(dates),
        "ranges": ranges, "loads": {"shop.clicks": 2},
    }  # fmt: skip


NOTHING = change()


@pytest.fixture
def checkpoints(manifest: dict[str, Any]) -> Plan:
    """Return the plan of checkpoints: what is there, the day of the newest impressions, actions."""

    def plan(
        present: list[str], newest: str, actions: Mapping[str, Any], **changed: Any
    ) -> dict[str, Any]:
        warehouse = Warehouse(
            {},
            {
                "select \\(select max": [(newest, FIRST_SEGMENT)],
                "select distinct checkpoint_date": [(day,) for day in present],
                "select distinct pmod": [(3,), (1,)],
            },
        )
        macros = macros_of(manifest, "int_customer_action_checkpoints", warehouse, **GRID | changed)
        found: dict[str, Any] = macros["checkpoint_plan"](actions, change("2025-03-20"))
        return found

    return plan


def dates(*days: str) -> str:
    """Return the predicate of whole checkpoints."""
    return "checkpoint_date in (" + ", ".join(f"date'{day}'" for day in days) + ")"


def test_the_first_build_writes_the_newest_of_the_grid(checkpoints: Plan) -> None:
    plan = checkpoints([], "2025-03-18", change(whole=True))
    assert plan["replace_where"] == "true"
    assert plan["spans"] == [
        {"day": day, "base": None, "who": "everyone"} for day in (MIDDLE, NEW)
    ]  # fmt: skip


def test_a_checkpoint_waits_until_its_day_has_settled(checkpoints: Plan) -> None:
    for settle, newest in ((2, MIDDLE), (1, NEW), (0, NEW)):
        plan = checkpoints([], "2025-03-17", change(whole=True), checkpoint_settle_days=settle)
        assert plan["spans"][-1]["day"] == newest


def test_none_lies_before_the_first_action(checkpoints: Plan) -> None:
    assert checkpoints([], "2025-02-02", change(whole=True))["spans"] == [
        {"day": "2025-02-02", "base": None, "who": "everyone"}
    ]
    assert checkpoints([], "2025-02-01", change(whole=True))["spans"] == []


def test_nothing_is_written_while_no_new_one_is_due(checkpoints: Plan) -> None:
    plan = checkpoints([MIDDLE, NEW], "2025-03-18", change("2025-03-17"))
    assert (plan["replace_where"], plan["spans"]) == ("false", [])


def test_a_new_one_builds_on_the_newest_before_it_and_the_oldest_goes(checkpoints: Plan) -> None:
    plan = checkpoints([OLD, MIDDLE], "2025-03-18", change("2025-03-17"))
    assert plan["replace_where"] == dates(OLD, NEW)
    assert plan["spans"] == [{"day": NEW, "base": MIDDLE, "who": "everyone"}]


@pytest.mark.parametrize(
    ("late", "repaired"), [("2025-03-01", [MIDDLE, NEW]), (MIDDLE, [NEW]), (NEW, [])]
)
def test_late_actions_repair_the_buckets_of_who_acted_in_the_checkpoints_after(
    checkpoints: Plan, late: str, repaired: list[str]
) -> None:
    plan = checkpoints([MIDDLE, NEW], "2025-03-18", change(late))
    conditions = [f"(checkpoint_date = date'{day}' and bucket in (1, 3))" for day in repaired]
    assert plan["replace_where"] == (" or ".join(conditions) or "false")
    base = MIDDLE if late >= MIDDLE else None
    assert plan["spans"] == [
        span
        for day in repaired
        for span in (
            {"day": day, "base": base if base != day else None, "who": "late"},
            {"day": day, "base": day, "who": "others", "buckets": [1, 3]},
        )
    ]
    assert bool(plan["late_customers"]) == bool(repaired)


def test_a_new_one_after_late_actions_has_two_bases(checkpoints: Plan) -> None:
    plan = checkpoints([OLD, MIDDLE], "2025-03-18", change("2025-03-04"))
    assert plan["spans"] == [
        {"day": MIDDLE, "base": OLD, "who": "late"},
        {"day": MIDDLE, "base": MIDDLE, "who": "others", "buckets": [1, 3]},
        {"day": NEW, "base": OLD, "who": "late"},
        {"day": NEW, "base": MIDDLE, "who": "others"},
    ]
    repaired = f"(checkpoint_date = date'{MIDDLE}' and bucket in (1, 3))"
    assert plan["replace_where"] == f"{repaired} or {dates(OLD, NEW)}"


def test_a_backfill_rebuilds_the_checkpoints_after_its_days_for_everyone(
    checkpoints: Plan,
) -> None:
    plan = checkpoints([MIDDLE, NEW], "2025-03-18", change("2025-03-10", is_new=False))
    assert plan["replace_where"] == dates(NEW)
    assert plan["spans"] == [{"day": NEW, "base": MIDDLE, "who": "everyone"}]


@pytest.fixture
def sequences(manifest: dict[str, Any]) -> Plan:
    """Return the plan of sequences: impressions, actions, and the built days after late actions."""

    def plan(
        impressions: Mapping[str, Any], actions: Mapping[str, Any], after: tuple[str, ...] = ()
    ) -> dict[str, Any]:
        warehouse = Warehouse(
            {},
            {
                "select distinct checkpoint_date": [(MIDDLE,), (NEW,)],
                "select distinct built.dt": [(day,) for day in after],
                "select distinct event_date from ref_stg_shop__impressions": [
                    (day,) for day in after
                ],
            },
        )
        macros = macros_of(manifest, "training_sequences", warehouse)
        found: dict[str, Any] = macros["sequence_plan"](impressions, actions)
        return found

    return plan


def test_new_impressions_write_their_days_from_the_checkpoint_before(sequences: Plan) -> None:
    plan = sequences(change("2025-03-08", MIDDLE, "2025-03-18"), NOTHING)
    assert plan["written"]["dates"] == ["2025-03-08", MIDDLE, "2025-03-18"]
    assert plan["spans"] == [
        {"base": None, "until": MIDDLE, "newest": "2025-03-08"},
        {"base": MIDDLE, "until": NEW, "newest": MIDDLE},
        {"base": NEW, "until": None, "newest": "2025-03-18"},
    ]
    assert (plan["repaired"], plan["late_customers"]) == ([], None)


def test_the_first_build_reads_from_every_checkpoint(sequences: Plan) -> None:
    plan = sequences(change(whole=True), change(whole=True))
    assert [span["base"] for span in plan["spans"]] == [None, MIDDLE, NEW]
    assert [span["newest"] for span in plan["spans"]] == [MIDDLE, NEW, None]


def test_days_after_late_actions_are_repaired_for_who_acted(sequences: Plan) -> None:
    plan = sequences(change("2025-03-18"), change("2025-03-10"), ("2025-03-11", "2025-03-18"))
    assert plan["repaired"] == ["2025-03-11"]
    assert plan["written"]["dates"] == ["2025-03-11", "2025-03-18"]
    assert "_load_id > 1 and _load_id <= 2" in plan["late_customers"]


def test_late_actions_of_nobody_who_was_shown_something_later_repair_nothing(
    sequences: Plan,
) -> None:
    plan = sequences(NOTHING, change("2025-03-10"))
    assert (plan["repaired"], plan["written"]["dates"]) == ([], [])
    assert not plan["late_customers"]
    assert plan["written"]["loads"] == {"shop.clicks": 2}


def test_new_loads_without_an_accepted_action_repair_nothing(sequences: Plan) -> None:
    rejected = NOTHING | {"changed": True, "ranges": {"shop.clicks": (1, 2)}}
    plan = sequences(change("2025-03-18"), rejected, ("2025-03-11",))
    assert (plan["repaired"], plan["written"]["dates"]) == ([], ["2025-03-18"])
    assert not plan["late_customers"]


def test_a_backfill_of_actions_rewrites_all_days_after_them(sequences: Plan) -> None:
    plan = sequences(change("2025-03-12", is_new=False), change("2025-03-12", is_new=False),
                     ("2025-03-13", "2025-03-18"))  # fmt: skip
    assert plan["written"]["dates"] == ["2025-03-12", "2025-03-13", "2025-03-18"]
    assert plan["repaired"] == []


def test_nothing_new_plans_nothing(sequences: Plan) -> None:
    assert sequences(NOTHING, NOTHING)["spans"] == [{"base": None}]
