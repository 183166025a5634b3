"""Fourteen generated months, a leap day among them, in three loads: engagement and the oracle."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from footfall.generate import generate
from support.data_sets import DataSet
from support.law import Family, breaches_of_oracle
from support.metrics import figures, read_semantics, unlike_the_marts
from support.reference import Oracle
from support.thorough import only_thorough

START, DAYS = date(2024, 1, 15), 426
ENDS = (START + timedelta(days=396), START + timedelta(days=424), date.max)
"""When each load ends: after 13 months, four weeks more, and the two days that remain."""
FAMILY = Family(("product", "app"))


def day_of(file: Path) -> date:
    """Return the day on which a landing file arrived."""
    return date.fromisoformat(file.stem[-10:])


@only_thorough
@pytest.mark.timeout(1800)
def test_engagement_is_the_oracles(
    tmp_path: Path, data_set: Callable[[str], DataSet], new_oracle: Callable[[], Oracle]
) -> None:
    generate(tmp_path, days=DAYS, users=120, seed=14, start=START)
    data, oracle = data_set("fourteen_months"), new_oracle()
    arrived = date.min
    for end in ENDS:
        for name in FAMILY.entities:
            folder = tmp_path.joinpath(*name.split("."))
            files = [file for file in sorted(folder.glob("*")) if arrived <= day_of(file) < end]
            if files:
                data.ingest(name, *files)
                oracle.load_files(name, files)
        data.build(*FAMILY.dbt_vars())
        arrived = end
    oracle.judge()
    assert breaches_of_oracle(data, oracle) == {}
    semantics = read_semantics(data)
    assert unlike_the_marts(data, semantics) == {}
    assert len(figures(data, semantics, "week_4_retention")) > 10
    days = data.rows("select count(distinct metric_date) from {gold}.fct_active_users_daily")
    assert days[0][0] > 400
