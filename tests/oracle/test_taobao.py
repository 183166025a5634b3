"""Real events of 814 users, through the shipped mappings: every table against the oracle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from support.data_sets import DataSet
from support.law import check
from support.reference import Oracle
from support.thorough import only_thorough

pytestmark = only_thorough

IMPRESSION_DAYS = (date(2017, 11, 25), date(2017, 11, 29), date(2017, 12, 4))
ROWS, FAVOURITES = 84_287, 2_351
TABLES = [
    "fct_sessions",
    "fct_session_metrics_daily",
    "fct_session_duration_daily",
    "fct_user_activity_daily",
    "fct_active_users_daily",
    "fct_active_days_histogram",
    "fct_growth_accounting",
    "fct_retention_cohorts",
    "fct_user_product_daily",
    "fct_user_product",
    "training_samples",
    "training_sequences",
]
SHOP = {"shop.clicks": "pv", "shop.add_to_carts": "cart", "shop.orders": "buy"}


@dataclass
class Taobao:
    data: DataSet
    oracle: Oracle


def write_impressions(events: Path, file: Path) -> None:
    """Write two items for each customer and day: the data set does not say what was shown."""
    customers = sorted(set(pq.read_table(events, columns=["user_id"])["user_id"].to_pylist()))
    shown = pa.list_(pa.struct([("item_id", pa.int32()), ("is_order", pa.bool_())]))
    rows = [
        {
            "dt": day,
            "ranking_id": f"{day}-{customer}",
            "customer_id": customer,
            "impressions": [
                {"item_id": customer % 1000 + 1, "is_order": customer % 2 == 0},
                {"item_id": customer % 1000 + 2, "is_order": False},
            ],
        }
        for day in IMPRESSION_DAYS
        for customer in customers
    ]
    schema = pa.schema(
        [
            ("dt", pa.date32()),
            ("ranking_id", pa.string()),
            ("customer_id", pa.int64()),
            ("impressions", shown),
        ]
    )
    pq.write_table(pa.Table.from_pylist(rows, schema), file)


@pytest.fixture(scope="module")
def taobao(
    shared_data: Path,
    data_set: Callable[[str], DataSet],
    new_oracle: Callable[[], Oracle],
    tmp_path_factory: pytest.TempPathFactory,
) -> Taobao:
    events = shared_data / "taobao_userbehavior" / "events.parquet"
    if not events.is_file():
        pytest.skip(f"the Taobao events are not at {events}")
    impressions = tmp_path_factory.mktemp("taobao") / "impressions.parquet"
    write_impressions(events, impressions)

    data = data_set("taobao")
    data.ingest("product.interactions", events, mapping="taobao_interactions")
    data.ingest("shop.impressions", impressions)
    for name in SHOP:
        mapping = f"taobao_{name.removeprefix('shop.')}"
        report = data.ingest(name, events, mapping=mapping)
        assert report.rows + report.rows_not_selected == ROWS
    data.build()

    oracle = new_oracle()
    oracle.load(
        "product.interactions",
        f"""
        select
            to_timestamp(ts_unix_s) as event_time,
            user_id::varchar as user_id,
            item_id::varchar as product_id,
            case behavior_type
                when 'pv' then 'view' when 'cart' then 'click' when 'buy' then 'purchase'
            end as interaction_type,
            case when behavior_type = 'fav'
                then ['interaction_type_unmapped: ''fav''']
            end as errors
        from '{events}'
        """,
    )
    for name, behaviour in SHOP.items():
        item, time = (
            ("item_id", "click_time") if behaviour == "pv" else ("config_id", "occurred_at")
        )
        oracle.load(
            name,
            f"""
            select user_id as customer_id, item_id as {item}, to_timestamp(ts_unix_s) as {time}
            from '{events}' where behavior_type = '{behaviour}'
            """,
        )
    oracle.load("shop.impressions", f"select * from '{impressions}'")
    oracle.judge()
    return Taobao(data, oracle)


def test_every_row_is_accepted_a_duplicate_or_quarantined(taobao: Taobao) -> None:
    found = taobao.data.reconciliation()
    rows, accepted, duplicates, quarantined = found["product.interactions"]
    assert (rows, quarantined) == (ROWS, FAVOURITES)
    assert accepted + duplicates + quarantined == ROWS
    assert found == taobao.oracle.reconciliation()
    assert {name: found[name][0] for name in SHOP} == {
        "shop.clicks": 75_693,
        "shop.add_to_carts": 4_494,
        "shop.orders": 1_749,
    }


def test_favourites_are_quarantined_with_the_value_that_has_no_counterpart(
    taobao: Taobao,
) -> None:
    found = taobao.data.rows(
        "select source, reject_reasons, count(*) from {quality}.dq_quarantine group by 1, 2"
    )
    reasons = ["interaction_type_unmapped: 'fav'", "interaction_type_missing"]
    assert found == [("product.interactions", reasons, FAVOURITES)]


@pytest.mark.parametrize("table", TABLES)
def test_the_table_is_the_oracles(taobao: Taobao, table: str) -> None:
    check(taobao.data, table, taobao.oracle)


def test_the_data_exercises_every_calendar_day_and_every_customer(taobao: Taobao) -> None:
    expected = taobao.oracle.active_users()
    days = set(expected["metric_date"].to_pylist())
    assert len(days) == (max(days) - min(days)).days + 1
    assert 0 in expected["mau_30"].to_pylist(), "the data has a gap longer than every window"
    assert taobao.oracle.sequences().num_rows == 814 * len(IMPRESSION_DAYS)
