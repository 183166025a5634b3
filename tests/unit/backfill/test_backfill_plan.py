"""How a backfill is cut into chunks, and what it refuses."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import pytest

from footfall.backfill import Chunk, Gap, Request, parse_days
from footfall.backfill.gaps import GapState
from footfall.backfill.models import Model, Project
from footfall.backfill.plan import Kind, plan_days, plan_gaps
from footfall.errors import UsageError

DAYS = [date(2025, 8, day) for day in range(1, 8)]


@dataclass
class Manifest:
    """The part of dbt's manifest that planning reads."""

    child_map: dict[str, list[str]]


@pytest.fixture
def project() -> Project:
    """``daily`` and ``sparse`` stand alone by day; ``users`` is wide, ``report`` reads it."""
    children = {
        "model.footfall.daily": ["model.footfall.users"],
        "model.footfall.users": ["model.footfall.report"],
    }
    models = {
        name: Model(name, f"gold.{name}", name == "users", name == "sparse", "event_date", ())
        for name in ("daily", "sparse", "users", "report")
    }
    return Project(Manifest(children), models)


def test_days_are_cut_into_chunks_and_wide_models_run_once_at_the_end(project: Project) -> None:
    chunks = plan_days(project, DAYS, days_per_chunk=3)
    assert [(chunk.step, chunk.models, len(chunk.dates)) for chunk in chunks] == [
        (1, ["daily", "sparse"], 3),
        (1, ["daily", "sparse"], 3),
        (1, ["daily", "sparse"], 1),
        (2, ["users", "report"], 7),
    ]
    assert [chunk.chunk for chunk in chunks] == [1, 2, 3, 4]
    assert [day for chunk in chunks if chunk.step == 1 for day in chunk.dates] == DAYS


def test_gaps_run_only_the_models_of_each_day_and_new_loads_last(project: Project) -> None:
    gaps = [
        Gap(model="daily", state=GapState.missing, dates=DAYS[:2]),
        Gap(model="sparse", state=GapState.missing, dates=DAYS[1:2]),
        Gap(model="users", state=GapState.follows, dates=DAYS[:2]),
        Gap(model="report", state=GapState.stale, dates=None),
    ]
    chunks = plan_gaps(project, gaps, days_per_chunk=7)
    assert [(chunk.step, chunk.kind, chunk.models, chunk.dates) for chunk in chunks] == [
        (1, Kind.dates, ["daily"], DAYS[:1]),
        (1, Kind.dates, ["daily", "sparse"], DAYS[1:2]),
        (2, Kind.dates, ["users"], DAYS[:2]),
        (3, Kind.loads, ["report"], []),
    ]


def test_no_gaps_make_no_chunks(project: Project) -> None:
    assert plan_gaps(project, [], days_per_chunk=7) == []


def test_a_range_holds_its_last_day_and_a_list_is_sorted() -> None:
    assert parse_days(DAYS[0], DAYS[6], []) == DAYS
    assert parse_days(None, None, [DAYS[3], DAYS[1], DAYS[3]]) == [DAYS[1], DAYS[3]]


@pytest.mark.parametrize(
    ("start", "end", "days"),
    [(DAYS[1], DAYS[0], []), (DAYS[0], None, []), (None, None, []), (DAYS[0], None, DAYS)],
)
def test_days_that_say_nothing_or_too_much_are_refused(
    start: date | None, end: date | None, days: list[date]
) -> None:
    with pytest.raises(UsageError) as error:
        parse_days(start, end, days)
    assert error.value.fix


def test_equal_requests_have_equal_keys() -> None:
    assert Request(days=DAYS, select=["a"]).key == Request(select=["a"], days=DAYS).key
    assert Request(days=DAYS).key != Request(days=DAYS, days_per_chunk=3).key


@pytest.mark.parametrize(
    ("dates", "text"),
    [
        ([], "by loads"),
        (DAYS[:1], "2025-08-01"),
        (DAYS[:3], "2025-08-01 … 2025-08-03"),
        ([DAYS[0], DAYS[6]], "2025-08-01 … 2025-08-07 (2 days)"),
    ],
)
def test_days_are_shown_as_a_range_or_counted(dates: list[date], text: str) -> None:
    assert Chunk(chunk=1, step=1, kind=Kind.dates, dates=dates, models=["daily"]).days == text
