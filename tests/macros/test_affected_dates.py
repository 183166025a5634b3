"""Which dates a run recomputes: dbt's own macros on the project's graph, without Spark."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from support.manifest import nodes
from support.planning import PROJECT, Warehouse, macros_of

NEW = "2025-03-05"
SPREAD = "2025-03-04"
"""A day on which sessions began that reach into the new one, or on which new attributes hold."""
FOLLOWING = [f"2025-03-{day:02}" for day in range(5, 12)]
"""The days on which an action of the first can make a day core."""
ANSWERS = {
    "explode\\(sequence\\(first_date": [(SPREAD,), (NEW,)],
    "stg_app__users": [(SPREAD,)],
    "_load_id > 1 and _load_id <= 2": [(NEW,)],
}
NOT_SPLIT = {"session_split_at_midnight": False}


def affected(
    manifest: dict[str, Any],
    model: str,
    entity: str,
    *,
    of: list[str] | None = None,
    without: tuple[str, ...] = (),
    answers: dict[str, list[tuple[Any, ...]]] = ANSWERS,
    **changed: Any,
) -> dict[str, Any]:
    """Return what affected_dates says where a second load of one entity arrived on :data:`NEW`."""
    tables = nodes(manifest, "model", "snapshot")
    entities = [f"{row['source_name']}.{row['name']}" for row in manifest["sources"].values()]
    before = dict.fromkeys(entities, 1)
    reflects = {table["name"]: before | {entity: 2} for table in tables} | {model: before}
    macros = macros_of(manifest, model, Warehouse(reflects, answers), **changed)
    found: dict[str, Any] = macros["affected_dates"](of=of, without=list(without))
    return found


DIRECT = (
    "int_hot_products", "fct_product_daily", "fct_user_product_daily", "int_user_product_monthly",
)  # fmt: skip
BY_SESSION = (
    "fct_sessions", "fct_session_metrics_daily", "fct_session_duration_daily",
    "fct_user_activity_daily",
)  # fmt: skip


@pytest.mark.parametrize("model", [*DIRECT, *BY_SESSION])
def test_a_new_row_affects_its_date(manifest: dict[str, Any], model: str) -> None:
    plan = affected(manifest, model, "product.interactions")
    assert (plan["dates"], plan["whole"], plan["changed"]) == ([NEW], False, True)
    assert plan["loads"]["product.interactions"] == 2
    assert plan["ranges"] == {"product.interactions": (1, 2)}


@pytest.mark.parametrize(
    ("model", "dates"),
    [*((model, [NEW]) for model in DIRECT), *((model, [SPREAD, NEW]) for model in BY_SESSION)],
)
def test_sessions_spread_it_where_midnight_does_not_split_them(
    manifest: dict[str, Any], model: str, dates: list[str]
) -> None:
    assert affected(manifest, model, "product.interactions", **NOT_SPLIT)["dates"] == dates


def test_months_spread_it_to_the_days_that_it_can_make_core(manifest: dict[str, Any]) -> None:
    months = affected(manifest, "fct_user_activity_monthly", "product.interactions")
    assert (months["input_dates"], months["dates"]) == ([NEW], FOLLOWING)
    for model in ("fct_active_users_daily", "fct_active_days_histogram"):
        assert affected(manifest, model, "product.interactions")["dates"] == FOLLOWING


@pytest.mark.parametrize(
    ("model", "dates"),
    [
        ("fct_session_metrics_daily", [SPREAD]),
        ("fct_active_users_daily", [SPREAD, *FOLLOWING[:-1]]),
    ],
)
def test_attributes_spread_to_the_days_on_which_they_hold(
    manifest: dict[str, Any], model: str, dates: list[str]
) -> None:
    assert affected(manifest, model, "app.users")["dates"] == dates


FORMER = "2025-01-31"
"""A day of an earlier version of the same transaction."""


@pytest.mark.parametrize("model", ["fct_transactions", "int_customer_totals"])
@pytest.mark.parametrize("entity", ["crm.transactions", "crm.events"])
def test_a_new_version_affects_the_days_of_those_before_it(
    manifest: dict[str, Any], model: str, entity: str
) -> None:
    versions = {r"\(transaction_id\) in \(select": [(FORMER,), (NEW,)]}
    plan = affected(manifest, model, entity, answers=versions | ANSWERS)
    if entity == "crm.transactions":
        assert plan["dates"] == [FORMER, NEW]
    else:
        assert plan["dates"] == ([NEW] if model == "int_customer_totals" else [])


def test_what_a_model_leaves_out_gives_no_date_and_counts_as_read(manifest: dict[str, Any]) -> None:
    plan = affected(manifest, "fct_user_activity_daily", "app.users", without=("dim_users",))
    assert plan["dates"] == []
    assert (plan["changed"], plan["loads"]["app.users"]) == (True, 2)


def test_of_some_inputs_come_only_their_dates_and_loads(manifest: dict[str, Any]) -> None:
    segments = affected(
        manifest, "training_sequences", "shop.clicks", of=["int_customer_action_segments"]
    )
    assert segments["dates"] == [NEW]
    assert "shop.impressions" not in segments["loads"]
    impressions = affected(
        manifest, "training_sequences", "shop.clicks", of=["stg_shop__impressions"]
    )
    assert (impressions["changed"], list(impressions["loads"])) == (False, ["shop.impressions"])


def test_nothing_new_asks_nothing(manifest: dict[str, Any]) -> None:
    read = dict.fromkeys(("product.interactions", "app.interactions", "app.users"), 1)
    warehouse = Warehouse({table["name"]: read for table in nodes(manifest, "model")})
    plan = macros_of(manifest, "fct_active_users_daily", warehouse)["affected_dates"]()
    assert (plan["changed"], plan["dates"], warehouse.asked) == (False, [], [])


def with_mart(manifest: dict[str, Any], *reads: str) -> dict[str, Any]:
    """Return a manifest with a mart more that says nothing of how it is affected."""
    grown = deepcopy(manifest)
    mart = deepcopy(grown["nodes"][f"model.{PROJECT}.int_hot_products"])
    mart |= {"name": "fct_new", "unique_id": f"model.{PROJECT}.fct_new"}
    mart["depends_on"]["nodes"] = [f"model.{PROJECT}.{name}" for name in reads]
    grown["nodes"][mart["unique_id"]] = mart
    return grown


@pytest.mark.parametrize(
    ("reads", "entity", "dates"),
    [
        ("fct_sessions", "product.interactions", [SPREAD, NEW]),
        ("fct_user_activity_daily", "product.interactions", [SPREAD, NEW]),
        ("fct_user_active_days", "product.interactions", [SPREAD, *FOLLOWING]),
        ("dim_users", "app.users", [SPREAD]),
        ("stg_product__interactions", "app.users", []),
        ("fct_user_product_daily", "product.interactions", [NEW]),
    ],
)
def test_a_mart_inherits_what_its_inputs_declare(
    manifest: dict[str, Any], reads: str, entity: str, dates: list[str]
) -> None:
    plan = affected(with_mart(manifest, reads), "fct_new", entity, **NOT_SPLIT)
    assert (plan["dates"], plan["whole"]) == (dates, False)


@pytest.mark.parametrize(
    "reads", ["fct_growth_accounting", "fct_active_users_daily", "fct_user_product"]
)
def test_an_input_that_changes_nobody_knows_where_is_read_whole(
    manifest: dict[str, Any], reads: str
) -> None:
    assert affected(with_mart(manifest, reads), "fct_new", "product.interactions")["whole"]


def test_a_replay_affects_the_dates_that_it_names(manifest: dict[str, Any]) -> None:
    tables = {table["name"]: {"product.interactions": 2} for table in nodes(manifest, "model")}
    reflects = tables | {"fct_product_daily": {"product.interactions": 1}}
    replay = {"load_id": 2, "dates": [SPREAD], "rules_before": "a", "rules_after": "b"}
    warehouse = Warehouse(reflects, {"_load_id": []}, {"product.interactions": [replay]})
    macros = macros_of(manifest, "fct_product_daily", warehouse)
    assert macros["affected_dates"]()["dates"] == [SPREAD]

    def may_differ(name: str, before: str, after: str) -> object:
        node = manifest["nodes"][f"model.{PROJECT}.{name}"]
        return macros["is_replayed"](node, "contract.product.interactions", before, after)

    assert may_differ("fct_product_daily", "a", "b")
    assert not may_differ("fct_product_daily", "b", "a")
    assert not may_differ("fct_product_daily", "a", "c")
    assert not may_differ("fct_sessions", "a", "b"), "it reflects the replay"


def test_a_load_counts_once_all_inputs_reflect_it(manifest: dict[str, Any]) -> None:
    tables = {table["name"]: {"product.interactions": 5} for table in nodes(manifest, "model")}
    reflects = tables | {"fct_sessions": {"product.interactions": 3}, "fct_session_metrics_daily": {
        "product.interactions": 2}}  # fmt: skip
    plan = macros_of(
        manifest, "fct_session_metrics_daily", Warehouse(reflects, {"_load_id > 2": [(NEW,)]})
    )["affected_dates"]()
    assert plan["ranges"]["product.interactions"] == (2, 3)
    # An input that never saw the entity reflects none of it.
    del reflects["fct_sessions"]
    plan = macros_of(manifest, "fct_session_metrics_daily", Warehouse(reflects))["affected_dates"]()
    assert not plan["changed"]


def test_a_backfill_s_dates_spread_as_new_rows_do(manifest: dict[str, Any]) -> None:
    plan = affected(manifest, "fct_sessions", "product.interactions", dates=[NEW], **NOT_SPLIT)
    assert (plan["dates"], plan["loads"], plan["is_forced"]) == ([SPREAD, NEW], {}, True)
    months = affected(manifest, "fct_user_activity_monthly", "product.interactions", dates=[NEW])
    assert (months["input_dates"], months["dates"]) == ([NEW], FOLLOWING)


def test_a_table_that_says_nothing_of_itself_is_built_whole(manifest: dict[str, Any]) -> None:
    warehouse = Warehouse({"stg_product__interactions": {"product.interactions": 4}})
    plan = macros_of(manifest, "int_hot_products", warehouse)["affected_dates"]()
    assert (plan["whole"], plan["loads"]) == (True, {"product.interactions": 4})


DAYS_WITH_A_ROW = [f"2025-03-{day:02}" for day in range(1, 8)]


def active_user_days(
    manifest: dict[str, Any], edges: tuple[Any, Any], *changed: str, reach: int = 3
) -> list[str]:
    """Return the metric dates to write, of a table that has the first seven days of March."""
    warehouse = Warehouse(
        {},
        {
            "select min\\(event_date\\), max": [edges],
            "select distinct metric_date": [(day,) for day in DAYS_WITH_A_ROW],
        },
    )
    macros = macros_of(manifest, "fct_active_users_daily", warehouse)
    plan = {"whole": False, "changed": True, "dates": list(changed)}
    found: list[str] = macros["active_user_dates"](plan, reach)["dates"]
    return found


@pytest.mark.parametrize(
    ("edges", "changed", "written"),
    [
        # A day counts on itself and on those after it that its window reaches.
        (("2025-03-01", "2025-03-07"), "2025-03-02", DAYS_WITH_A_ROW[1:4]),
        # Days behind the last one with activity have no row.
        (("2025-03-01", "2025-03-07"), "2025-03-06", DAYS_WITH_A_ROW[5:]),
        # New activity after a gap: the days of the gap get their rows, too.
        (("2025-03-01", "2025-03-09"), "2025-03-09", ["2025-03-08", "2025-03-09"]),
        (("2025-02-27", "2025-03-07"), "2025-02-27", ["2025-02-27", "2025-02-28", "2025-03-01"]),
        # The last day lost its activity, the first got none back, or none is left.
        (("2025-03-01", "2025-03-05"), "2025-03-06", ["2025-03-06", "2025-03-07"]),
        (("2025-03-02", "2025-03-07"), "2025-03-01", DAYS_WITH_A_ROW[:3]),
        ((None, None), "2025-03-01", DAYS_WITH_A_ROW),
    ],
)
def test_metric_dates_are_dense_between_the_edges_of_activity(
    manifest: dict[str, Any], edges: tuple[Any, Any], changed: str, written: list[str]
) -> None:
    assert active_user_days(manifest, edges, changed) == written


def test_metric_dates_need_the_days_that_their_windows_reach_back_to(
    manifest: dict[str, Any],
) -> None:
    macros = macros_of(manifest, "fct_active_users_daily", Warehouse({}))
    inputs = macros["active_user_inputs"]({"whole": False, "dates": ["2025-03-01"]}, 3)
    assert inputs["dates"] == ["2025-02-27", "2025-02-28", "2025-03-01"]
    # 31 days of the longest month, and the six before on which a core day depends.
    assert macros["active_user_reach"]() == 37


@pytest.mark.parametrize(
    ("day", "reach", "months"),
    [
        ("2025-02-28", 0, ["2025-02-01"]),
        ("2025-02-28", 1, ["2025-02-01", "2025-03-01"]),
        ("2025-03-01", -1, ["2025-02-01", "2025-03-01"]),
        ("2024-02-28", 1, ["2024-02-01"]),
    ],
)
def test_the_months_of_dates(
    manifest: dict[str, Any], day: str, reach: int, months: list[str]
) -> None:
    macros = macros_of(manifest, "fct_user_activity_monthly", Warehouse({}))
    assert macros["affected_months"]({"dates": [day]}, reach)["dates"] == months


@pytest.mark.parametrize(
    ("plan", "newest", "first"),
    [
        ({"whole": True, "dates": []}, (), None),
        ({"whole": False, "dates": []}, (), None),
        ({"whole": False, "dates": ["2025-03-05", "2025-03-02"]}, ("2025-03-04",), "2025-03-02"),
        # The newest as-of date is none at the end of a month: it goes when a newer day comes.
        ({"whole": False, "dates": ["2025-03-05"]}, ("2025-03-04",), "2025-03-04"),
        ({"whole": False, "dates": ["2025-03-05"]}, (None,), "2025-03-05"),
        # The newest days are gone.
        ({"dates": ["2025-03-05"]}, ("2025-03-06", "2025-02-11"), "2025-02-11"),
    ],
)
def test_as_of_dates_are_rewritten_from_the_first_affected_or_the_newest_on(
    manifest: dict[str, Any], plan: dict[str, Any], newest: tuple[Any, ...], first: str | None
) -> None:
    rows = [(day,) for day in newest]
    warehouse = Warehouse({}, {"select max\\(as_of_date\\)": rows})
    macros = macros_of(manifest, "int_customer_totals", warehouse)
    assert macros["first_affected_as_of"](plan) == first
    assert ("max(event_date)" in " ".join(warehouse.asked)) == (first is not None)


HELD = ("2025-01-01", "2025-02-01")


@pytest.mark.parametrize(
    ("edges", "held", "changed", "replaced"),
    [
        (("2024-12-31", "2025-03-05"), HELD, "2025-03-05", []),
        (("2024-12-31", "2025-03-05"), HELD, "2025-02-28", ["2025-02-01"]),
        (("2024-12-31", "2025-03-05"), HELD, "2024-12-31", ["2024-12-01"]),
        # March and, without a row, April close at the first of May.
        (("2025-01-01", "2025-05-01"), HELD, "2025-05-01", ["2025-03-01", "2025-04-01"]),
        # The last months were removed: February is open again.
        (("2025-01-01", "2025-02-03"), HELD, "2025-03-05", ["2025-02-01"]),
        ((None, None), HELD, "2025-03-05", list(HELD)),
        # The first months that close.
        (("2025-01-31", "2025-03-01"), (), "2025-03-01", ["2025-01-01", "2025-02-01"]),
        (("2025-03-01", "2025-03-31"), (), "2025-03-31", []),
    ],
)
def test_the_closed_months_that_a_change_replaces(
    manifest: dict[str, Any],
    edges: tuple[Any, Any],
    held: tuple[str, ...],
    changed: str,
    replaced: list[str],
) -> None:
    warehouse = Warehouse(
        {},
        {
            "select min\\(event_date\\), max": [edges],
            "select distinct month_start": [(month,) for month in held],
        },
    )
    macros = macros_of(manifest, "int_user_product_monthly", warehouse)
    plan = {"whole": False, "changed": True, "dates": [changed]}
    daily = {"relation_name": "daily"}
    assert macros["closed_months"](plan, daily)["dates"] == replaced


def test_where_nothing_changed_no_month_is_asked_for(manifest: dict[str, Any]) -> None:
    macros = macros_of(manifest, "int_user_product_monthly", Warehouse({}))
    for plan in ({"whole": True, "changed": True}, {"whole": False, "changed": False}):
        assert macros["closed_months"](plan, {}) == plan


@pytest.mark.parametrize(
    ("day", "after", "month"),
    [
        ("2025-01-31", 0, "2025-01-01"),
        ("2025-01-31", 1, "2025-02-01"),
        ("2025-01-01", -1, "2024-12-01"),
        ("2024-12-01", 1, "2025-01-01"),
    ],
)
def test_the_month_of_a_day(manifest: dict[str, Any], day: str, after: int, month: str) -> None:
    macros = macros_of(manifest, "int_user_product_monthly", Warehouse({}))
    assert macros["month_of"](day, after) == month


@pytest.mark.parametrize(
    ("changed", "dates"),
    [
        ({}, None),
        (
            {"start_date": "2025-02-28", "end_date": "2025-03-02"},
            ["2025-02-28", "2025-03-01", "2025-03-02"],
        ),
        ({"dates": ["2025-03-02", "2025-03-01", "2025-03-02"]}, ["2025-03-01", "2025-03-02"]),
        ({"dates": "2025-03-02"}, ["2025-03-02"]),
    ],
)
def test_the_dates_of_a_backfill(
    manifest: dict[str, Any], changed: dict[str, Any], dates: list[str] | None
) -> None:
    macros = macros_of(manifest, "int_hot_products", Warehouse({}), **changed)
    assert macros["forced_dates"]() == dates


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"start_date": "2025-03-02", "end_date": "2025-03-01"}, "lies before its start_date"),
        ({"start_date": "2025-03-02"}, "'start_date' and 'end_date' together"),
        ({"dates": ["2025-03-02"], "end_date": "2025-03-02"}, "or a list of 'dates'"),
    ],
)
def test_dates_of_a_backfill_that_say_nothing_clear_are_refused(
    manifest: dict[str, Any], changed: dict[str, Any], message: str
) -> None:
    macros = macros_of(manifest, "int_hot_products", Warehouse({}), **changed)
    with pytest.raises(ValueError, match=message):
        macros["forced_dates"]()


def test_attributes_change_the_days_that_hold_others(manifest: dict[str, Any]) -> None:
    """The user's days in the table itself, where the attributes differ from those that hold now."""
    warehouse = Warehouse(
        {}, {"on days.user_id = now.user_id .* where days.country <> ": [(SPREAD,)]}
    )
    macros = macros_of(manifest, "fct_user_activity_daily", warehouse)
    plan = {"dates": [NEW], "ranges": {"app.users": (1, 2)}}
    assert macros["changed_attribute_dates"](plan)["dates"] == [SPREAD, NEW]
    nothing = {"dates": [NEW], "ranges": {"product.interactions": (1, 2)}}
    assert macros["changed_attribute_dates"](nothing) == nothing
    assert len(warehouse.asked) == 1


@pytest.mark.parametrize(
    ("ranges", "condition"),
    [
        ({"a.b": (3, 5)}, "_load_id > 3 and _load_id <= 5"),
        ({"a.b": (0, None)}, "true"),
        ({"a.c": (3, 5)}, "false"),
    ],
)
def test_a_load_is_read_once(
    manifest: dict[str, Any], ranges: dict[str, Any], condition: str
) -> None:
    macros = macros_of(manifest, "dq_quarantine", Warehouse({}))
    rendered = macros["in_loads"]("_load_id", {"ranges": ranges}, "a.b")
    assert " ".join(str(rendered).split()) == condition


@pytest.mark.parametrize("model", ["fct_product_daily", "fct_sessions"])
@pytest.mark.parametrize(
    "entity", ["product.interactions", "app.interactions", "app.identify_calls"]
)
def test_whose_a_device_is_affects_the_days_of_its_rows(
    manifest: dict[str, Any], model: str, entity: str
) -> None:
    grown = with_mart(
        manifest, "stg_product__interactions", "stg_app__interactions", "stg_app__identify_calls"
    )
    known = grown["nodes"].pop(f"model.{PROJECT}.fct_new")
    known |= {"name": "int_first_known_users", "unique_id": f"model.{PROJECT}.first_known"}
    known["config"] |= {"meta": {"wide": True, "widens": "first_known_dates"}}
    grown["nodes"][known["unique_id"]] = known
    for reader in ("int_interactions", "fct_product_daily"):
        parents = grown["nodes"][f"model.{PROJECT}.{reader}"]["depends_on"]["nodes"]
        parents.append(known["unique_id"])
    answers = {"user_id = anonymous_id": [(FORMER,)]} | ANSWERS
    plan = affected(grown, model, entity, answers=answers)
    own = {"fct_product_daily": ["product.interactions"]}
    reads = own.get(model, ["product.interactions", "app.interactions"])
    assert plan["dates"] == ([FORMER, NEW] if entity in reads else [FORMER])
