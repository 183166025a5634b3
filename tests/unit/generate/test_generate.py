"""The sample data, checked by DuckDB over the written files."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from footfall.errors import UsageError
from footfall.generate import DirtShares, generate
from footfall.generate.entities import GENERATED
from footfall.generate.world import zipf_exponent
from footfall.project.contracts import Column, Contract, get_contract

START = date(2025, 8, 1)
DAYS = 12
EVENT_ENTITIES = [name for name in GENERATED if name not in ("app.users", "crm.customers")]
DUCKDB_TYPES = {
    "string": "VARCHAR",
    "bigint": "BIGINT",
    "int": "INTEGER",
    "date": "DATE",
    "timestamp": "TIMESTAMP WITH TIME ZONE",
    "decimal(18,2)": "DECIMAL(18,2)",
    "array<struct<item_id:int,is_order:boolean>>": "STRUCT(item_id INTEGER, is_order BOOLEAN)[]",
}


def _broken_rules(column: Column) -> list[tuple[str, str]]:
    """Return (SQL condition, reason) for each rule of a column."""
    name = column.name
    rules = []
    if column.required:
        is_id = column.data_type == "string" and not column.accepted_values
        blank = f" or regexp_full_match({name}, '\\s*')" if is_id else ""
        rules.append((f"{name} is null{blank}", f"{name}_missing"))
    if column.pattern:
        rules.append((f"not regexp_matches({name}, '{column.pattern}')", f"{name}_unlike_pattern"))
    if column.accepted_values:
        values = ", ".join(f"'{value}'" for value in column.accepted_values)
        rules.append((f"{name} not in ({values})", f"{name}_unknown"))
    if column.minimum is not None:
        rules.append((f"{name} < {column.minimum}", f"{name}_below_minimum"))
    if column.maximum is not None:
        rules.append((f"{name} > {column.maximum}", f"{name}_above_maximum"))
    if column.above is not None:
        rules.append((f"{name} <= {column.above}", f"{name}_not_above_{column.above:g}"))
    return rules


def _view(contract: Contract) -> str:
    return contract.name.replace(".", "_")


@dataclass
class Dataset:
    """A written data set: raw views by entity, ``valid_*`` views of its deduplicated valid rows."""

    folder: Path
    truth: dict[str, Any]
    connection: duckdb.DuckDBPyConnection

    @classmethod
    def write(cls, folder: Path, users: int, **arguments: Any) -> Dataset:
        truth = generate(folder, DAYS, users, seed=3, start=START, **arguments)
        connection = duckdb.connect()
        connection.execute("set threads = 1; set timezone = 'UTC'")
        for contract in map(get_contract, GENERATED):
            files = folder / contract.source / contract.entity / f"{contract.entity}-*.parquet"
            rules = [rule for column in contract.columns for rule in _broken_rules(column)]
            reasons = ", ".join(f"case when {test} then '{reason}' end" for test, reason in rules)
            names = ", ".join(column.name for column in contract.columns)
            connection.execute(
                f"""
                create view {_view(contract)} as
                select
                    {names},
                    filename[-18:-9]::date as arrival,
                    list_filter([{reasons}], lambda reason: reason is not null) as reasons,
                from read_parquet('{files}', filename = true);
                create view valid_{_view(contract)} as
                select {names}, min(arrival) as arrival from {_view(contract)}
                where len(reasons) = 0
                group by all;
                """
            )
        return cls(folder, truth, connection)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(sql).fetchall()

    def one(self, sql: str) -> Any:
        return self.rows(sql)[0][0]


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return Dataset.write(tmp_path_factory.mktemp("generate") / "usual", users=700)


@pytest.fixture(scope="module")
def dirty(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    shares = DirtShares(**dict.fromkeys(DirtShares.model_fields, 0.4))
    return Dataset.write(tmp_path_factory.mktemp("generate") / "dirty", users=200, dirt=shares)


@pytest.fixture(params=["usual", "dirty"])
def dataset(request: pytest.FixtureRequest) -> Dataset:
    found: Dataset = request.getfixturevalue(request.param)
    return found


# ---------- the files and what the truth says of them


@pytest.mark.parametrize("name", GENERATED)
def test_files_have_the_columns_and_types_of_the_contract(usual: Dataset, name: str) -> None:
    contract = get_contract(name)
    path = usual.folder / contract.source / contract.entity
    files = sorted(path.iterdir())
    assert len(files) == usual.truth["entities"][name]["files"] <= DAYS
    for file in files:
        described = usual.rows(f"describe from '{file}'")
        assert [(row[0], row[1]) for row in described] == [
            (column.name, DUCKDB_TYPES[column.data_type]) for column in contract.columns
        ]


@pytest.mark.parametrize("name", GENERATED)
def test_truth_counts_what_duckdb_counts(dataset: Dataset, name: str) -> None:
    contract = get_contract(name)
    view, key = _view(contract), ", ".join(contract.key)
    counts = dataset.truth["entities"][name]
    version = f", {contract.version}" if contract.version else ""
    accepted, first = (
        dataset.one(f"select count(*) from (select distinct {what} from valid_{view})")
        for what in (key + version, key)
    )
    valid = dataset.one(f"select count(*) from {view} where len(reasons) = 0")
    rejects = dict(
        dataset.rows(
            "select reason, count(*) "
            f"from (select unnest(reasons) as reason from {view}) group by reason"
        )
    )
    assert counts["rows"] == dataset.one(f"select count(*) from {view}")
    assert counts["accepted"] == accepted
    if contract.version:
        assert counts["versions"] == accepted - first > 0
    else:
        assert counts["versions"] == 0
    assert counts["duplicates"] == valid - accepted
    assert counts["rejects"] == rejects
    assert counts["quarantined"] == sum(rejects.values())
    assert counts["rows"] == counts["accepted"] + counts["duplicates"] + counts["quarantined"]


@pytest.mark.parametrize("name", GENERATED)
def test_duplicates_are_exact_copies_and_rejects_break_one_rule(
    dataset: Dataset, name: str
) -> None:
    view = _view(get_contract(name))
    accepted = dataset.truth["entities"][name]["accepted"]
    assert dataset.one(f"select count(*) from valid_{view}") == accepted
    assert dataset.rows(f"select reasons from {view} where len(reasons) > 1") == []


@pytest.mark.parametrize("name", GENERATED)
def test_every_rule_of_the_contract_is_broken_somewhere(dirty: Dataset, name: str) -> None:
    contract = get_contract(name)
    reasons = {reason for column in contract.columns for _, reason in _broken_rules(column)}
    assert set(dirty.truth["entities"][name]["rejects"]) == reasons


def test_missing_ids_are_null_or_blank(dirty: Dataset) -> None:
    found = dirty.rows(
        "select user_id is null, count(*) from product_interactions "
        "where list_contains(reasons, 'user_id_missing') group by 1"
    )
    assert {is_null for is_null, _ in found} == {False, True}


@pytest.mark.parametrize("name", EVENT_ENTITIES)
def test_late_rows_arrive_in_a_later_file_at_most_ten_days_after(
    dataset: Dataset, name: str
) -> None:
    contract = get_contract(name)
    delay = f"arrival - {contract.event_time}::date"
    late, earliest, latest = dataset.rows(
        f"select count(*) filter ({delay} > 0), min({delay}), max({delay})"
        f" from valid_{_view(contract)}"
    )[0]
    assert late == dataset.truth["entities"][name]["late"]
    assert earliest == 0
    assert latest <= 10


def test_dirt_has_the_stated_shares(usual: Dataset) -> None:
    counts = usual.truth["entities"]["app.interactions"]
    shares = DirtShares()
    rejects = counts["rejects"]
    missing = sum(count for reason, count in rejects.items() if reason.endswith("_missing"))
    planted = {
        "duplicates": counts["duplicates"],
        "null_keys": missing,
        "unknown_types": rejects["action_type_unknown"],
        "below_minimum": rejects["duration_ms_below_minimum"],
        "above_maximum": rejects["duration_ms_above_maximum"],
    }
    for name, count in planted.items():
        # Each day and each rule rounds to whole rows.
        expected = counts["accepted"] * getattr(shares, name)
        assert count == pytest.approx(expected, abs=3 * DAYS**0.5), name
    # Nothing arrives after the last day, so the days at the end have fewer late rows.
    assert 0.6 * shares.late < counts["late"] / counts["accepted"] <= shares.late


def test_without_dirt_every_row_is_accepted_on_its_day(tmp_path: Path) -> None:
    clean = DirtShares(**dict.fromkeys(DirtShares.model_fields, 0.0))
    truth = generate(tmp_path / "out", 2, 50, seed=1, dirt=clean)
    for counts in truth["entities"].values():
        assert counts["rows"] == counts["accepted"]
        assert counts["late"] == 0


def test_dau_and_totals_are_those_of_the_valid_rows(dataset: Dataset) -> None:
    interactions = """
        (select event_time, user_id from valid_product_interactions
         union all select event_time, user_id from valid_app_interactions)
    """
    dau = dataset.rows(
        f"select strftime(event_time, '%Y-%m-%d'), count(distinct user_id) from {interactions}"
        " group by 1"
    )
    assert dict(dau) == dataset.truth["dau"]
    active = dataset.one(f"select count(distinct user_id) from {interactions}")
    assert active == dataset.truth["active_users"]
    for name, column in (
        ("product_interactions", "interaction_type"),
        ("app_interactions", "action_type"),
    ):
        totals = dataset.rows(f"select {column}, count(*) from valid_{name} group by 1")
        assert dict(totals) == dataset.truth["interactions"][name.replace("_", ".", 1)]


def test_truth_file_is_what_the_function_returns(usual: Dataset) -> None:
    assert json.loads((usual.folder / "truth.json").read_text()) == usual.truth


# ---------- the same arguments, the same bytes


def _fingerprint(folder: Path) -> dict[str, str]:
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*.*"))
    }


def test_the_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    for name, seed in (("first", 5), ("second", 5), ("other", 6)):
        generate(tmp_path / name, 3, 80, seed=seed)
    first, second, other = (_fingerprint(tmp_path / name) for name in ("first", "second", "other"))
    assert first == second
    assert not set(first.values()) & set(other.values())


def test_scale_multiplies_the_users(tmp_path: Path) -> None:
    plain = generate(tmp_path / "plain", 1, 90, seed=5)
    scaled = generate(tmp_path / "scaled", 1, 30, seed=5, scale=3.0)
    assert scaled["simulated_users"] == plain["simulated_users"] == 90
    assert scaled["entities"] == plain["entities"]


# ---------- the sources agree with each other


def test_each_cart_follows_a_click_and_each_order_a_cart(dataset: Dataset) -> None:
    carts_without_click = """
        select * from valid_shop_add_to_carts as carts
        where not exists (
            select 1 from valid_shop_clicks as clicks
            where clicks.customer_id = carts.customer_id and clicks.item_id = carts.config_id
                and clicks.click_time < carts.occurred_at
                and clicks.click_time > carts.occurred_at - interval 1 hour
        )
    """
    orders_without_cart = """
        select * from valid_shop_orders as orders
        where not exists (
            select 1 from valid_shop_add_to_carts as carts
            where carts.customer_id = orders.customer_id and carts.config_id = orders.config_id
                and carts.simple_id = orders.simple_id
                and carts.occurred_at < orders.occurred_at
                and carts.occurred_at > orders.occurred_at - interval 2 hours
        )
    """
    assert dataset.one("select count(*) from valid_shop_orders") > 0
    assert dataset.rows(carts_without_click) == []
    assert dataset.rows(orders_without_cart) == []


@pytest.mark.parametrize(
    ("kind", "shop_rows"),
    [
        ("click", "select customer_id, item_id, click_time from valid_shop_clicks"),
        ("purchase", "select customer_id, config_id, occurred_at from valid_shop_orders"),
    ],
)
def test_product_interactions_are_the_shop_rows_of_the_same_customers(
    dataset: Dataset, kind: str, shop_rows: str
) -> None:
    product_rows = f"""
        select substr(user_id, 2)::bigint, substr(product_id, 2)::int, event_time
        from valid_product_interactions where interaction_type = '{kind}'
    """
    assert dataset.rows(f"({product_rows}) except ({shop_rows})") == []
    assert dataset.rows(f"({shop_rows}) except ({product_rows})") == []


def test_an_item_is_marked_as_ordered_exactly_if_the_customer_ordered_it_that_day(
    dataset: Dataset,
) -> None:
    marked, wrong = dataset.rows(
        """
        with shown as (
            select dt, customer_id, unnest(impressions, recursive := true)
            from valid_shop_impressions
        ),
        ordered as (
            select distinct occurred_at::date as dt, customer_id, config_id as item_id
            from valid_shop_orders
        )
        select
            count(*) filter (is_order),
            count(*) filter (is_order <> (ordered.item_id is not null))
        from shown left join ordered using (dt, customer_id, item_id)
        """
    )[0]
    assert marked > 0
    assert wrong == 0


def test_a_ranking_has_about_ten_different_items(usual: Dataset) -> None:
    mean, repeated = usual.rows(
        "select avg(len(impressions)),"
        " count(*) filter (len(list_distinct([shown.item_id for shown in impressions]))"
        " < len(impressions)) from valid_shop_impressions"
    )[0]
    assert 9 < mean < 11.5
    assert repeated == 0


def test_each_order_has_its_transaction(dataset: Dataset) -> None:
    unmatched = """
        select * from valid_shop_orders as orders
        where (
            select count(*) from valid_crm_transactions as payments
            where payments.customer_id = orders.customer_id
                and payments.product_id = 'p' || orders.config_id
                and payments.transaction_time between orders.occurred_at
                    and orders.occurred_at + interval 2 minutes
        ) = 0
    """
    assert dataset.rows(unmatched) == []
    orders = dataset.truth["entities"]["shop.orders"]["accepted"]
    payments = dataset.truth["entities"]["crm.transactions"]
    assert payments["accepted"] - payments["versions"] == orders
    wrong, absent = dataset.rows(
        "select count(*) filter (amount <> quantity * price), count(*) filter (amount is null)"
        " from valid_crm_transactions"
    )[0]
    assert wrong == 0
    assert 0 < absent < orders / 2


def test_payments_move_on_and_arrive_when_they_do(dataset: Dataset) -> None:
    histories = dataset.rows(
        """
        select
            list(transaction_status order by updated_at),
            min(updated_at) = any_value(transaction_time),
            bool_and(updated_at = transaction_time or arrival = updated_at::date)
        from valid_crm_transactions group by transaction_id
        """
    )
    assert all(begins_when_paid and is_in_time for _, begins_when_paid, is_in_time in histories)
    moved = Counter(tuple(statuses) for statuses, *_ in histories if len(statuses) > 1)
    assert set(moved) == {("pending", "completed"), ("pending", "completed", "refunded")}
    share = dataset.truth["dirt"]["versions"] * 0.92
    # Those of the last days have not moved yet.
    assert 0.6 * share < sum(moved.values()) / len(histories) < 1.2 * share
    fixed = "customer_id, product_id, quantity, price, amount, currency, transaction_time"
    assert (
        dataset.rows(
            f"select transaction_id from (select distinct transaction_id, {fixed} "
            "from valid_crm_transactions) group by 1 having count(*) > 1"
        )
        == []
    )


def test_customers_take_another_segment_or_address(dataset: Dataset) -> None:
    changed = dataset.rows(
        """
        select count(distinct customer_segment), count(distinct email), count(distinct name)
        from valid_crm_customers group by customer_id having count(*) > 1
        """
    )
    assert set(changed) == {(2, 1, 1), (1, 2, 1)}
    share = len(changed) / dataset.one(
        "select count(distinct customer_id) from valid_crm_customers"
    )
    assert share == pytest.approx(dataset.truth["dirt"]["versions"], rel=0.2)
    shared = (
        "select email from valid_crm_customers group by 1 having count(distinct customer_id) > 1"
    )
    assert dataset.rows(shared) == []


def test_crm_events_lie_in_crm_sessions(usual: Dataset) -> None:
    outside = """
        select * from valid_crm_events as events
        where not exists (
            select 1 from valid_crm_sessions as sessions
            where sessions.customer_id = events.customer_id
                and events.event_timestamp between session_start and session_end
        )
    """
    assert usual.rows(outside) == []


def test_every_actor_is_a_user_who_has_joined(dataset: Dataset) -> None:
    strangers = """
        with joined as (
            select substr(user_id, 2)::bigint as customer_id, min(updated_at) as joined_at
            from valid_app_users group by 1
        ),
        acted as (
            select substr(user_id, 2)::bigint as customer_id, event_time
            from valid_product_interactions
            union all
            select substr(user_id, 2)::bigint, event_time from valid_app_interactions
        )
        select * from acted left join joined using (customer_id)
        where joined_at is null or event_time <= joined_at
    """
    assert dataset.rows(strangers) == []
    assert (
        dataset.rows(
            "select customer_id from valid_crm_customers except"
            " select substr(user_id, 2)::bigint from valid_app_users"
        )
        == []
    )


# ---------- the shape of behaviour


def test_a_tenth_of_the_products_takes_nine_tenths_of_the_rows(usual: Dataset) -> None:
    share = usual.one(
        """
        with products as (
            select product_id, count(*) as taken from product_interactions
            where product_id is not null group by 1
        ),
        ranked as (
            select taken, row_number() over (order by taken desc) as place from products
        )
        select sum(taken) filter (place <= (select round(count(*) / 10) from products))
            / sum(taken)
        from ranked
        """
    )
    assert share == pytest.approx(0.90, abs=0.02)


@pytest.mark.parametrize("items", [100, 2_000, 50_000])
def test_the_zipf_exponent_puts_the_stated_share_on_the_head(items: int) -> None:
    exponent = zipf_exponent(items, 0.1, 0.9)
    demand = [rank**-exponent for rank in range(1, items + 1)]
    assert sum(demand[: items // 10]) / sum(demand) == pytest.approx(0.9, abs=1e-6)


def test_some_users_change_an_attribute(usual: Dataset) -> None:
    users, rows, same = usual.rows(
        """
        select count(distinct user_id), count(*), count(*) filter (unchanged) from (
            select
                user_id,
                row(country, device_type, subscription_type) = lag(
                    row(country, device_type, subscription_type)
                ) over (partition by user_id order by updated_at) as unchanged
            from valid_app_users
        )
        """
    )[0]
    assert users == 700
    assert 0.01 * users < rows - users < 0.1 * users
    assert same == 0


def test_sessions_have_gaps_on_both_sides_of_half_an_hour_and_some_cross_midnight(
    usual: Dataset,
) -> None:
    within, between, across = usual.rows(
        """
        with gaps as (
            select
                event_time,
                lag(event_time) over (partition by user_id order by event_time) as previous
            from valid_product_interactions
        )
        select
            count(*) filter (event_time - previous < interval 30 minutes),
            count(*) filter (event_time - previous >= interval 30 minutes),
            count(*) filter (
                event_time - previous < interval 30 minutes
                and event_time::date > previous::date
            )
        from gaps
        """
    )[0]
    assert within > 10 * between > 0
    assert across > 0
    longest = usual.one("select max(session_end - session_start) from valid_crm_sessions")
    assert longest.total_seconds() <= 7200


def test_users_return_to_products(usual: Dataset) -> None:
    again = usual.one(
        """
        with days as (
            select user_id, product_id, count(distinct event_time::date) as days
            from valid_product_interactions group by all
        )
        select count(*) filter (days > 1) from days
        """
    )
    assert again > 1000


def test_not_everyone_is_active_every_day(usual: Dataset) -> None:
    mean_dau = sum(usual.truth["dau"].values()) / DAYS
    assert mean_dau < usual.truth["active_users"] / 2


# ---------- wrong calls and small ones


@pytest.mark.parametrize(
    "wrong", [{"days": 0}, {"users": 0}, {"seed": -1}, {"scale": 0.0}, {"scale": 0.001}]
)
def test_a_wrong_argument_says_what_to_do(tmp_path: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as raised:
        generate(tmp_path / "out", **({"days": 1, "users": 10, "seed": 1} | wrong))
    assert raised.value.fix
    assert not (tmp_path / "out").exists()


def test_a_folder_in_use_is_left_alone_unless_told_to_overwrite(tmp_path: Path) -> None:
    generate(tmp_path, 2, 20, seed=1)
    (tmp_path / "notes.txt").write_text("mine")
    before = _fingerprint(tmp_path)
    with pytest.raises(UsageError, match="not empty"):
        generate(tmp_path, 1, 20, seed=1)
    assert _fingerprint(tmp_path) == before
    generate(tmp_path, 1, 20, seed=1, overwrite=True)
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert not list(tmp_path.rglob("*2025-08-02.parquet"))


def test_one_user_on_one_day_is_enough(tmp_path: Path) -> None:
    truth = generate(tmp_path / "out", 1, 1, seed=1)
    assert truth["entities"]["crm.customers"]["accepted"] == 1


def test_progress_is_reported_day_by_day(tmp_path: Path) -> None:
    reported: list[tuple[int, int, str]] = []
    generate(tmp_path / "out", 2, 10, seed=1, progress=lambda *step: reported.append(step))
    assert [(done, total) for done, total, _ in reported] == [(1, 2), (2, 2)]
    assert "2025-08-02" in reported[-1][2]
