"""Random schedules of loads and builds give the tables of one full refresh and of the oracle.

Each day has a schedule of its own, for one family of models. ``FOOTFALL_LAW_EXAMPLES`` tries so
many for each family, ``FOOTFALL_LAW_SEED`` plays those of another day again. With
``FOOTFALL_THOROUGH=1`` all families are tried, and all tables compared with a full refresh.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from datetime import date, datetime, timezone
from decimal import Decimal
from pathlib import Path

import pytest

from footfall.project.dbt import run_dbt
from footfall.scaffold import new_mart, new_source
from support.data_sets import DataSet
from support.law import (
    FAMILIES,
    SUBJECTS,
    Family,
    Row,
    Run,
    Schedule,
    breaches_of_oracle,
    play,
    random_schedule,
    run_schedule,
    table_contents,
)
from support.projects import project_with
from support.thorough import only_thorough

NOT_SPLIT = "engagement_elsewhere"
EXAMPLES = int(os.environ.get("FOOTFALL_LAW_EXAMPLES", "1"))
SEED = os.environ.get("FOOTFALL_LAW_SEED", date.today().isoformat())
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
    everything = ("--vars", "user_sketches: true")
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


def view(moment: str) -> Row:
    return {
        "event_time": datetime.fromisoformat(moment).replace(tzinfo=timezone.utc),
        "user_id": "U", "product_id": "P", "interaction_type": "view",
    }  # fmt: skip


def test_a_session_that_grows_past_midnight_changes_the_day_on_which_it_began(
    law_data: Callable[[str], DataSet],
) -> None:
    """Its user is engaged on the last day of February once a row of March makes it long enough.

    So it is in a mart that reads sessions and says nothing of midnight.
    """

    marts = ("+fct_user_activity_monthly", "+fct_longest_sessions")
    select = ("--select", *marts, "+dq_load_reconciliation")
    # Midnight in New York is at 05:00 UTC.
    schedule = Schedule(
        FAMILIES[NOT_SPLIT],
        (
            {"product.interactions": [view("2025-03-01 04:58:30"), view("2025-03-01 04:59:30")]},
            {"product.interactions": [view("2025-03-01 05:01:00")]},
        ),
        runs=(Run(0, select), Run(1, select)),
        definitions=FAMILIES[NOT_SPLIT].definitions,
    )
    data = law_data(NOT_SPLIT)
    with project_with(longest_sessions()):
        oracle = play(data, schedule)
    assert breaches_of_oracle(data, oracle) == {}
    engaged = data.rows(
        "select month_start, engaged_days from {gold}.fct_user_activity_monthly order by 1"
    )
    assert engaged == [(date(2025, 2, 1), 1 << 27), (date(2025, 3, 1), 0)]
    longest = data.rows(
        "select event_date, longest_session_seconds from {gold}.fct_longest_sessions"
    )
    assert longest == [(date(2025, 2, 28), 150.0)]


def test_a_user_of_last_week_is_retained_though_only_this_week_is_counted_again(
    law_data: Callable[[str], DataSet],
) -> None:
    """Of February the 25th is read again, in the week before 9 March, and not the 3rd alone."""

    select = ("--select", "+fct_growth_accounting", "+fct_retention_cohorts", "+fct_user_product",
              "+dq_load_reconciliation")  # fmt: skip
    february = [view("2025-02-03 12:00:00"), view("2025-02-25 12:00:00")]
    schedule = Schedule(
        FAMILIES["engagement"],
        (
            {"product.interactions": february},
            {"product.interactions": [view("2025-03-09 12:00:00")]},
        ),
        runs=(Run(0, select), Run(1, select)),
        definitions=FAMILIES["engagement"].definitions,
    )
    data = law_data("engagement")
    assert breaches_of_oracle(data, play(data, schedule)) == {}
    weeks = data.rows(
        "select period_start, active_users, retained_users from {gold}.fct_growth_accounting "
        "where period_type = 'week' and definition = 'basic' and active_users > 0 order by 1"
    )
    assert weeks == [(date(2025, 2, 3), 1, 0), (date(2025, 2, 24), 1, 0), (date(2025, 3, 3), 1, 1)]
    assert data.rows("select month_start, view_count from {gold}.int_user_product_monthly") == [
        (date(2025, 2, 1), 2)
    ]


def test_a_customer_s_last_30_days_reach_into_the_month_whose_totals_are_kept(
    law_data: Callable[[str], DataSet],
) -> None:
    """A load of April alone goes on from March's totals, and counts March's last days again."""

    def paid(number: int, day: str, amount: str) -> Row:
        return {
            "transaction_id": f"t{number}", "customer_id": 1, "currency": "EUR",
            "quantity": 1, "price": Decimal(amount), "transaction_status": "completed",
            "transaction_time": datetime.fromisoformat(day).replace(tzinfo=timezone.utc),
        }  # fmt: skip

    march = [paid(1, "2025-02-10", "1"), paid(2, "2025-03-04", "2"), paid(3, "2025-03-31", "4")]
    april = [paid(4, "2025-04-01", "8")]
    select = ("--select", "+fct_customer_features", "+dq_load_reconciliation")
    schedule = Schedule(
        FAMILIES["customers"],
        ({"crm.transactions": march}, {"crm.transactions": april}),
        runs=(Run(0, select), Run(1, select)),
        definitions=FAMILIES["customers"].definitions,
    )
    data = law_data("customers")
    assert breaches_of_oracle(data, play(data, schedule)) == {}
    newest = data.rows(
        "select purchase_frequency, total_spend, transaction_frequency_last_30_days "
        "from {gold}.fct_customer_features where as_of_date = '2025-04-01'"
    )
    assert newest == [(4, Decimal(15), 3)]


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
    schedule = random_schedule(FAMILIES[family], random.Random(f"{SEED} {family} {number}"), data)
    print(f"FOOTFALL_LAW_SEED={SEED} {family} {number}: {schedule!r}")
    assert run_schedule(data, schedule) == {}
