"""Random schedules of loads and builds give the tables of one full refresh and of the oracle.

Each day has a schedule of its own, for one family of models, and one of the fixed cases.
``FOOTFALL_LAW_EXAMPLES`` tries so many schedules of each family, ``FOOTFALL_LAW_SEED`` plays
another day's. With ``FOOTFALL_THOROUGH=1`` all families and cases are tried, and all tables
compared with a full refresh.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from footfall.project.dbt import run_dbt
from footfall.scaffold import new_mart, new_source
from support.data_sets import DataSet
from support.law import (
    FAMILIES,
    OFF_BY_DEFAULT,
    SUBJECTS,
    Family,
    breaches_of_oracle,
    play,
    random_schedule,
    run_schedule,
    table_contents,
)
from support.law_cases import CASES
from support.projects import project_with
from support.thorough import THOROUGH, only_thorough

NOT_SPLIT = "engagement_elsewhere"
EXAMPLES = int(os.environ.get("FOOTFALL_LAW_EXAMPLES", "1"))
SEED = os.environ.get("FOOTFALL_LAW_SEED", date.today().isoformat())
MOST_LOADS = 5 if EXAMPLES > 1 or THOROUGH else 2
TRIED = FAMILIES if EXAMPLES > 1 else (random.Random(SEED).choice(sorted(FAMILIES)),)


@pytest.fixture(scope="module")
def law_data(data_set: Callable[[str], DataSet]) -> Callable[[str], DataSet]:
    """Return a function that gives each family a data set of its own."""
    made: dict[str, DataSet] = {}

    def of(family: str) -> DataSet:
        if family not in made:
            made[family] = data_set(f"law_{family}")
        return made[family]

    return of


def test_every_incremental_model_is_under_the_law(tmp_path: Path) -> None:
    optional = dict.fromkeys(OFF_BY_DEFAULT, True) | {"identify_by": "first_known"}
    everything = ("--vars", json.dumps(optional))
    manifest = run_dbt("parse", *everything, "--target-path", str(tmp_path), quiet=True)
    kinds = {node.name: node.config.materialized for node in manifest.nodes.values()}
    tables = {name for name, kind in kinds.items() if kind in ("incremental", "snapshot")}
    assert tables == {name for name in SUBJECTS if kinds[name] != "view"}


def longest_sessions() -> dict[str, str]:
    """Return the mart of docs/add-a-mart.md: what the command writes, filled in as it says."""
    sql, yml = new_mart(
        "fct_longest_sessions", ["fct_sessions"], ["user_id", "event_date"], "engagement"
    )
    counted = "max(duration_seconds) as longest_session_seconds"
    text = yml.text.replace("row_count", "longest_session_seconds").replace("bigint", "double")
    return {
        str(sql.path): sql.text.replace("count(*) as row_count", counted),
        str(yml.path): text,
    }


GROWS = "a session grows past midnight"
SAID: dict[str, tuple[str, list[tuple[Any, ...]]]] = {
    GROWS: (
        "select month_start, engaged_days from {gold}.fct_user_activity_monthly order by 1",
        [(date(2025, 2, 1), 1 << 27), (date(2025, 3, 1), 0)],
    ),
    "sessions join across midnight": (
        "select first_date, last_date from {gold}.int_user_active_spans "
        "where definition = 'engaged'",
        [(date(2025, 3, 1), date(2025, 3, 1))],
    ),
    "last week is read again": (
        "select period_start, active_users, retained_users from {gold}.fct_growth_accounting "
        "where period_type = 'week' and definition = 'basic' and active_users > 0 order by 1",
        [(date(2025, 2, 3), 1, 0), (date(2025, 2, 24), 1, 0), (date(2025, 3, 3), 1, 1)],
    ),
    "a device is known later": (
        "select user_id, sum(view_count) from {gold}.fct_user_product_daily group by 1 order by 1",
        [("T", 2), ("U", 1), ("V", 3), ("W", 1)],
    ),
    "the last 30 days reach into a kept month": (
        "select purchase_frequency, total_spend, transaction_frequency_last_30_days "
        "from {gold}.fct_customer_features where as_of_date = '2025-04-02'",
        [(5, Decimal(31), 4)],
    ),
    "a history begins within a checkpoint": (
        "select dt, array_max(actions), array_min(actions) from {training}.training_sequences "
        "where dt >= '2025-03-11' order by 1",
        [(date(2025, 3, day), day - 1, day - 6) for day in (11, 12, 13)],
    ),
}
"""What each case comes to, beside the oracle."""


OTHERS = sorted(CASES.keys() - {GROWS})


@only_thorough
@pytest.mark.parametrize("case", OTHERS)
def test_a_case_that_draws_rarely_meet(case: str, law_data: Callable[[str], DataSet]) -> None:
    schedule = CASES[case]
    family = next(name for name, known in FAMILIES.items() if known is schedule.family)
    data = law_data(family)
    assert breaches_of_oracle(data, play(data, schedule)) == {}
    query, rows = SAID[case]
    assert data.rows(query) == rows


@only_thorough
def test_a_mart_that_reads_sessions_and_says_nothing_of_midnight_is_under_the_law(
    law_data: Callable[[str], DataSet],
) -> None:
    grows = CASES[GROWS]
    schedule = replace(
        grows,
        runs=tuple(
            replace(run, options=(*run.options, "+fct_longest_sessions")) for run in grows.runs
        ),
    )
    data = law_data(NOT_SPLIT)
    with project_with(longest_sessions()):
        oracle = play(data, schedule)
    assert breaches_of_oracle(data, oracle) == {}
    query, rows = SAID[GROWS]
    assert data.rows(query) == rows
    longest = data.rows(
        "select event_date, longest_session_seconds from {gold}.fct_longest_sessions"
    )
    assert longest == [(date(2025, 2, 28), 150.0)]


def ad_clicks() -> dict[str, str]:
    """Return the source and the mart of docs/add-a-source.md, as the commands write them."""
    columns = "click_id:string!,user_id:string!,ad_id:string!,clicked_at:timestamp!"
    people = {"user": "user_id"}
    source = new_source("ads.clicks", columns, ["click_id"], "clicked_at", people, "marketing")
    files = {str(file.path): file.text for file in source}
    with project_with(files):
        grain = ["ad_id", "event_date"]
        mart = new_mart("fct_ad_clicks_daily", ["stg_ads__clicks"], grain, "engagement")
    return files | {str(file.path): file.text for file in mart}


@only_thorough
def test_a_new_source_and_its_mart_are_under_the_law(law_data: Callable[[str], DataSet]) -> None:
    data = law_data("ads")
    with project_with(ad_clicks()):
        schedule = random_schedule(Family(("ads",)), random.Random(f"{SEED} ads"), data)
        print(f"FOOTFALL_LAW_SEED={SEED} {schedule!r}")
        assert run_schedule(data, schedule) == {}
        tables = table_contents(data)
    assert {"stg_ads__clicks", "fct_ad_clicks_daily", "dq_quarantine"} <= set(tables)
    assert tables["fct_ad_clicks_daily"].num_rows > 0


@pytest.mark.parametrize(
    "family",
    [pytest.param(family, marks=[] if family in TRIED else [only_thorough]) for family in FAMILIES],
)
@pytest.mark.parametrize("number", range(EXAMPLES))
@pytest.mark.timeout(1200)
def test_any_schedule_gives_the_tables_of_one_full_refresh(
    family: str, number: int, law_data: Callable[[str], DataSet]
) -> None:
    data = law_data(family)
    rng = random.Random(f"{SEED} {family} {number}")
    schedule = random_schedule(FAMILIES[family], rng, data, MOST_LOADS)
    print(f"FOOTFALL_LAW_SEED={SEED} {family} {number}: {schedule!r}")
    assert run_schedule(data, schedule) == {}
