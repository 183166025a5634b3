"""Growth, retention and active days of a year: ``python -m benchmarks.growth --json FILE``.

100,000 users come and go in a year; what `fct_user_activity_monthly` holds of them is drawn.
`fct_growth_accounting`, `fct_retention_cohorts` and `fct_active_days_histogram` are built from it
for all days, then the histogram of the last day alone. `rows` counts the days on which users were
active, by each of the three definitions. dbt's own start and Delta's commits are included.
"""

from __future__ import annotations

import json as jsonlib
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import typer

from benchmarks.harness import Row, Work, measure, temporary_home, write_report
from footfall.project.dbt import run_dbt
from footfall.settings import get_settings
from footfall.spark.session import get_session

USERS = 100_000
START = date(2024, 1, 1)
DAYS = 365
SEED = 7
RUNS = 2
MODELS = ("fct_growth_accounting", "fct_retention_cohorts", "fct_active_days_histogram")
VARS = ("--vars", jsonlib.dumps({"sources": ["product"]}))


def draw_months(users: int) -> tuple[pa.Table, int]:
    """Return the rows of fct_user_activity_monthly and the active days in them.

    A user joins on a random day, is active on it and then on a share of the days until leaving:
    half of the users on less than one day in twenty, a few nearly daily.
    """
    rng = np.random.default_rng(SEED)
    user_ids = np.array([f"user {number}" for number in range(users)])
    share = rng.beta(0.5, 5, users)
    joined = rng.integers(0, DAYS, users)
    left = joined + rng.exponential(DAYS / 2, users)
    planes: dict[date, list[npt.NDArray[np.int32]]] = {}
    user_days = 0
    for number in range(DAYS):
        day = START + timedelta(days=number)
        present = (joined < number) & (number < left)
        basic = (joined == number) | present & (rng.random(users) < share)
        core = basic & (rng.random(users) < 0.4)
        engaged = basic & (rng.random(users) < 0.25)
        month = planes.setdefault(day.replace(day=1), [np.zeros(users, np.int32)] * 3)
        for plane, active in enumerate((basic, core, engaged)):
            month[plane] = month[plane] | active.astype(np.int32) << (day.day - 1)
            user_days += int(active.sum())
    months = []
    for month_start, (basic, core, engaged) in planes.items():
        active = rng.permutation(np.flatnonzero(basic))
        columns = {
            "month_start": pa.repeat(pa.scalar(month_start), len(active)),
            "user_id": user_ids[active],
            "basic_days": basic[active],
            "core_days": core[active],
            "engaged_days": engaged[active],
            "core_once_days": core[active],
            "core_twice_days": core[active],
        }
        months.append(pa.table(columns))
    return pa.concat_tables(months), user_days


def prepare(users: int) -> int:
    """Create the tables, fill those that the models read, and return the active days."""
    run_dbt("run", "--empty", "--select", *(f"+{model}" for model in MODELS), *VARS, quiet=True)
    months, user_days = draw_months(users)
    gold = get_settings().schema_of("gold")
    spark = get_session()
    spark.createDataFrame(months).write.insertInto(f"{gold}.fct_user_activity_monthly")
    last = START + timedelta(days=DAYS - 1)
    # The models ask it for its first and last day only.
    spark.sql(
        f"insert into {gold}.fct_user_activity_daily (user_id, event_date) "
        f"values ('user', date'{START}'), ('user', date'{last}')"
    )
    return user_days


def build(model: str, options: tuple[str, ...], user_days: int | None = None) -> Work:
    run_dbt("run", "--select", model, *options, quiet=True)
    return Work(rows=user_days)


def main(
    scale: Annotated[float, typer.Option(help=f"Multiplies {USERS:,} users.")] = 1.0,
    json: Annotated[Path | None, typer.Option(help="Where to write the report.")] = None,
) -> None:
    """Measure the tables of a year, and the histogram of one day.

    Example: `python -m benchmarks.growth --scale 0.1`
    """
    rows: list[Row] = []
    last = (START + timedelta(days=DAYS - 1)).isoformat()
    one_day = ("--vars", jsonlib.dumps({"sources": ["product"], "dates": [last]}))
    with temporary_home():
        user_days = prepare(max(1, round(USERS * scale)))
        for model in MODELS:
            whole = partial(build, model, ("--full-refresh", *VARS), user_days)
            rows.append(measure(f"{model}, {DAYS} days", "footfall", whole, RUNS))
        day = partial(build, MODELS[-1], one_day)
        rows.append(measure(f"{MODELS[-1]}, 1 day", "footfall", day, RUNS))
    write_report("growth", rows, json)


if __name__ == "__main__":
    typer.run(main)
