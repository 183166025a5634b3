"""Ten loads of a tracker's raw files: users, sessions and products as DuckDB counts them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from footfall.generate.trackers import TRACKERS, Tracker, generate_as
from footfall.ingest import mapped_entities, shipped_mapping
from support.data_sets import DataSet
from support.thorough import only_thorough
from support.trackers import raw_events, valid

pytestmark = only_thorough

DAYS, USERS = 10, 150
BUILT_AFTER = (4, 10)
MODELS = (
    "--select",
    "+fct_active_users_daily",
    "+fct_user_product_daily",
)

DAILY = """
    select cast(moment as date) as day, count(distinct who) as users
    from (select moment, who from pages union all select moment, who from products) group by day
"""
SESSIONS = """
    select who, cast(moment as date) as day, count(*) filter (is_first) as sessions,
        count(*) as actions
    from (
        select *, coalesce(
            moment >= interval 30 minutes
                + lag(moment) over (partition by who, cast(moment as date) order by moment),
            true
        ) as is_first
        from (select moment, who from pages union all select moment, who from products)
    )
    group by who, day
"""
PAIRS = """
    select who, product, cast(moment as date) as day, count(*) filter (kind = 'view') as views,
        count(*) filter (kind = 'click') as clicks,
        count(*) filter (kind = 'purchase') as purchases
    from products group by who, product, day
"""


KNOWN_LATER = """
    create temporary table known as
    select device, min({'moment': moment, 'who': who}).who as who
    from (
        select moment, who, device from pages
        union all select moment, who, device from products
        union all select moment, who, device from calls
    )
    where who <> device
    group by device
"""


@pytest.mark.parametrize(
    ("tracker", "identify_by"),
    [
        *((tracker, "user_id") for tracker in TRACKERS),
        ("segment", "first_known"),
        ("posthog", "first_known"),
        ("amplitude", "first_known"),
        ("mixpanel", "first_known"),
        ("amplitude", "anonymous_id"),
    ],
)
def test_users_sessions_and_products_are_those_of_the_raw_files(
    tracker: Tracker, identify_by: str, data_set: Callable[[str], DataSet], tmp_path: Path
) -> None:
    truth = generate_as(tracker, tmp_path / "out", DAYS, USERS, 17)
    files = tmp_path / "out" / "events"
    data = data_set(f"as_{tracker}_{identify_by}")
    options = json.dumps({"sources": ["product", "app"], "identify_by": identify_by})
    for number, day in enumerate(sorted(files.iterdir()), start=1):
        for name in mapped_entities(shipped_mapping(tracker)):
            data.ingest(name, day, mapping=tracker)
        if number in BUILT_AFTER:
            data.build("--vars", options, *MODELS)
    raw = raw_events(tracker, files)
    for view in ("products", "pages", "calls"):
        raw.execute(f"create table valid_{view} as {valid(view)}")
        raw.execute(f"drop view {view}")
        raw.execute(f"alter table valid_{view} rename to {view}")
    if identify_by == "first_known":
        assert truth["late_identify_calls"] > 10
        raw.execute(KNOWN_LATER)
    for view in ("products", "pages"):
        if identify_by == "anonymous_id":
            raw.execute(f"update {view} set who = device where device is not null")
        elif identify_by == "first_known":
            raw.execute(
                f"update {view} set who = known.who from known "
                f"where {view}.who = {view}.device and known.device = {view}.device"
            )

    def built(query: str) -> set[tuple[object, ...]]:
        gold = data.settings.schema_of("gold")
        return {tuple(row) for row in data.spark.sql(query.format(gold=gold)).collect()}

    def counted(query: str) -> set[tuple[object, ...]]:
        return set(raw.sql(query).fetchall())

    daily = counted(DAILY)
    assert len(daily) == DAYS
    assert daily == built(
        "select metric_date, dau from {gold}.fct_active_users_daily "
        "where definition = 'basic' and segment_type = 'all'"
    )
    assert counted(SESSIONS) == built(
        "select user_id, event_date, count(*), sum(action_count) from {gold}.fct_sessions "
        "group by user_id, event_date"
    )
    assert counted(PAIRS) == built(
        "select user_id, product_id, event_date, view_count, click_count, purchase_count "
        "from {gold}.fct_user_product_daily"
    )
