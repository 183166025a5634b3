"""Checkpoints: when they are made, what late actions rewrite, how far back a sequence reaches.

The law's schedules of the training family hold them against the oracle too.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta

import pytest

from support.data_sets import DataSet
from support.law import MIDDAY, Row, append_load, as_arrow, at
from support.thorough import only_thorough

pytestmark = only_thorough
CLICKS, IMPRESSIONS = "shop.clicks", "shop.impressions"
CUSTOMERS = range(1, 9)
LATE = 5
"""The customer who acts late, the only one shown something on the day before the last."""
DAYS = range(40)
LATE_DAY = 30
SHOWN = (20, 37, 38)
EVERY, KEPT, BUCKETS = 7, 3, 4
VARS = {
    "sources": ["shop"], "sequence_length": 12, "checkpoint_every_days": EVERY,
    "checkpoints_kept": KEPT, "checkpoint_settle_days": 1, "checkpoint_buckets": BUCKETS,
}  # fmt: skip
CHECKPOINTS, SEQUENCES = "int_customer_action_checkpoints", "training_sequences"


def day(number: int) -> date:
    return at(number, MIDDAY).date()


def click(number: int, customer: int, item: int) -> Row:
    moment = at(number, MIDDAY)
    return {
        "dt": moment.date(), "customer_id": customer, "item_id": item, "click_time": moment
    }  # fmt: skip


def ranking(number: int, customer: int) -> Row:
    return {
        "dt": day(number), "ranking_id": f"{number}-{customer}", "customer_id": customer,
        "impressions": [{"item_id": 1, "is_order": False}],
    }  # fmt: skip


def load(data: DataSet, load_id: int, entity: str, rows: list[Row]) -> None:
    append_load(data, entity, load_id, as_arrow(entity, rows))


def build(data: DataSet, *options: str, **more: object) -> None:
    variables = json.dumps(VARS | more)
    data.build("--select", "+training_sequences", *options, "--vars", variables)


def grid(until: int) -> list[date]:
    """Return the checkpoints that are kept when the newest impressions are of a day."""
    newest = day(until) - timedelta(days=1)
    newest -= timedelta(days=newest.toordinal() % EVERY)
    return [newest - timedelta(days=EVERY * number) for number in reversed(range(KEPT))]


def checkpoint_dates(data: DataSet) -> list[date]:
    dates = f"select distinct checkpoint_date from {{training}}.{CHECKPOINTS} order by 1"
    return [row[0] for row in data.rows(dates)]


def sequence(data: DataSet, number: int, customer: int) -> list[int]:
    [row] = data.rows(
        f"select actions from {{training}}.{SEQUENCES} "
        f"where dt = date'{day(number)}' and customer_id = {customer}"
    )
    return list(row[0])


@pytest.fixture(scope="module")
def data(data_set: Callable[[str], DataSet]) -> DataSet:
    """Forty days of a click a day: the item tells the day, from 1 on."""
    data = data_set("checkpoints")
    clicks = [click(d, customer, d + 1) for d in DAYS for customer in CUSTOMERS]
    load(data, 1, CLICKS, clicks)
    shown = [ranking(number, c) for number in SHOWN for c in CUSTOMERS if number != 37 or c == LATE]
    load(data, 1, IMPRESSIONS, shown)
    build(data)
    return data


def test_the_newest_dates_of_the_grid_are_kept(data: DataSet) -> None:
    assert checkpoint_dates(data) == grid(until=38)


@pytest.fixture(scope="module")
def after_late_click(data: DataSet) -> dict[str, int]:
    """A click before a checkpoint, and a build: the versions before them."""
    before = data.versions()
    load(data, 2, CLICKS, [click(LATE_DAY, LATE, 999)])
    build(data)
    return before


def test_a_late_action_rewrites_the_bucket_of_its_customer_in_later_checkpoints(
    data: DataSet, after_late_click: dict[str, int]
) -> None:
    [[bucket]] = data.rows(f"select pmod(hash({LATE}L), {BUCKETS})")
    later = [str(date) for date in grid(until=38) if date > day(LATE_DAY)]
    name = data.name("training", CHECKPOINTS)
    written = data.partitions_written(name, after_late_click[name])
    assert 0 < len(later) < KEPT
    assert written == {(date, str(bucket)) for date in later}


def test_a_late_action_rewrites_only_days_on_which_its_customer_was_shown_something(
    data: DataSet, after_late_click: dict[str, int]
) -> None:
    name = data.name("training", SEQUENCES)
    written = data.partitions_written(name, after_late_click[name])
    assert written == {(str(day(37)),), (str(day(38)),)}
    for customer in CUSTOMERS:
        expected = list(range(38, 26, -1))
        if customer == LATE:
            expected = [*range(38, 31, -1), 999, *range(31, 27, -1)]
        assert sequence(data, 38, customer) == expected


def test_a_new_checkpoint_starts_from_the_last_and_the_oldest_is_dropped(
    data: DataSet, after_late_click: dict[str, int]
) -> None:
    load(data, 2, IMPRESSIONS, [ranking(45, LATE)])
    build(data)
    assert checkpoint_dates(data) == grid(until=45)
    assert grid(until=45) != grid(until=38)
    assert sequence(data, 45, LATE) == [*range(40, 31, -1), 999, 31, 30]


def test_a_limited_history_cuts_checkpoints_by_day(
    data: DataSet, after_late_click: dict[str, int]
) -> None:
    build(data, "--full-refresh", sequence_history_days=9)
    assert sequence(data, 38, LATE) == [*range(38, 31, -1), 999, 31, 30]
    assert sequence(data, 38, 1) == list(range(38, 29, -1))
