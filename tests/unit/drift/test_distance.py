"""Two samples of a column: what is the same raises no alarm, what was changed does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from math import inf, nan
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from footfall.drift import Thresholds, compare
from footfall.drift.job import NUMBERS
from footfall.generate import generate
from footfall.project.contracts import get_contract

START = date(2025, 6, 2)
WEEKS = 14
COMPARED = {
    "app.interactions": ("action_type", "app_version", "duration_ms", "referrer"),
    "crm.sessions": ("device_type", "session_duration"),
    "crm.transactions": ("amount", "currency", "payment_method", "price", "quantity"),
    "product.interactions": ("interaction_type",),
}
RELEASES = "app.interactions.app_version"
"""The one column that changes in the generated world: its users move on to new versions."""
LIMITS = Thresholds()


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pa.Table]:
    """Fourteen clean weeks of each entity, with the day of each row."""
    folder = tmp_path_factory.mktemp("generated")
    generate(folder, days=7 * WEEKS, users=150, seed=5, start=START)
    return {name: read(folder / Path(*name.split("."))) for name in COMPARED}


def read(folder: Path) -> pa.Table:
    rows = pq.read_table(folder)
    clock = get_contract(f"{folder.parent.name}.{folder.name}").event_time
    return rows.append_column("day", pc.cast(rows.column(clock), pa.date32(), safe=False))


def samples(
    generated: dict[str, pa.Table], week: int
) -> Iterator[tuple[str, bool, list[Any], list[Any]]]:
    """Yield each column's values of a week and of the four before it."""
    monday = START + timedelta(weeks=week)
    for name, columns in COMPARED.items():
        rows, contract = generated[name], get_contract(name)
        kinds = {column.name: column.data_type for column in contract.columns}
        windows = [
            rows.filter((pc.field("day") >= first) & (pc.field("day") < last))
            for first, last in (
                (monday - timedelta(weeks=4), monday),
                (monday, monday + timedelta(weeks=1)),
            )
        ]
        for column in columns:
            before, now = (window.column(column).to_pylist() for window in windows)
            yield f"{name}.{column}", kinds[column].startswith(NUMBERS), before, now


def is_alarm(before: list[Any], now: list[Any], numeric: bool, columns: int) -> bool:
    distance = compare(before, now, numeric=numeric)
    return distance.psi >= LIMITS.psi and distance.p_value <= LIMITS.p_value / columns


def test_ten_clean_weeks_raise_no_alarm_but_for_new_releases(
    generated: dict[str, pa.Table],
) -> None:
    alarms = []
    for week in range(4, WEEKS):
        found = list(samples(generated, week))
        assert len(found) == sum(map(len, COMPARED.values()))
        alarms += [
            (week, name)
            for name, numeric, before, now in found
            if is_alarm(before, now, numeric, len(found))
        ]
    assert alarms == [(week, RELEASES) for week in range(4, WEEKS)]


def test_a_planted_drift_is_an_alarm(generated: dict[str, pa.Table]) -> None:
    found = {name: values for name, *values in samples(generated, 10)}
    numeric, before, now = found["crm.transactions.amount"]
    assert is_alarm(before, [None if v is None else float(v) * 2 for v in now], numeric, 12)
    assert is_alarm(before, [v if n % 3 else None for n, v in enumerate(now)], numeric, 12)
    numeric, before, now = found["crm.sessions.device_type"]
    assert is_alarm(before, [v if n % 2 else "television" for n, v in enumerate(now)], numeric, 12)
    numeric, before, now = found["crm.transactions.payment_method"]
    assert is_alarm(before, [now[0]] * len(now), numeric, 12)


def test_the_index_is_that_of_its_definition() -> None:
    distance = compare(["a"] * 60 + ["b"] * 40, ["a"] * 40 + ["b"] * 60, numeric=False)
    shares = np.array([60.5, 40.5]) / 101, np.array([40.5, 60.5]) / 101
    assert distance.psi == pytest.approx(
        sum((n - b) * np.log(n / b) for b, n in zip(*shares, strict=True))
    )
    assert distance.test == "chi_squared" and 0.005 < distance.p_value < 0.01


def test_the_statistic_is_the_largest_distance_of_the_shares() -> None:
    distance = compare(range(100), range(50, 150), numeric=True)
    assert (distance.test, distance.statistic) == ("kolmogorov_smirnov", 0.5)


@pytest.mark.parametrize(
    ("values", "numeric"),
    [
        ([None, None], True),
        ([0] * 50, True),
        ([1.0, nan, inf, -inf, None] * 9, True),
        ([None, True, False] * 9, False),
        (["one"], False),
    ],
)
def test_what_is_the_same_is_no_distance_apart(values: list[Any], numeric: bool) -> None:
    distance = compare(values, values, numeric=numeric)
    assert distance.psi == 0 and distance.statistic == 0 and distance.p_value == 1


def test_rare_categories_are_one() -> None:
    common = ["a", "b"] * 500
    distance = compare(
        [*common, *map(str, range(20))], [*common, *map(str, range(20, 40))], numeric=False
    )
    assert distance.p_value > 0.9 and distance.psi < 0.01
