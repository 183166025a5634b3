"""Rows that happen now: as many as asked for, with the duplicates and the lateness of their day."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from threading import Event

import pytest

from footfall.errors import UsageError
from footfall.generate import FileSink, streams, write_stream
from footfall.generate.stream import STREAMED, Rows, Stream
from footfall.project.contracts import get_contract

BEGUN = datetime(2025, 11, 3, 10, tzinfo=timezone.utc)


@pytest.fixture(scope="module")
def found() -> Sequence[Stream]:
    return list(streams(users=60, seed=4))


def at(number: int) -> datetime:
    return BEGUN + timedelta(seconds=number)


def test_each_row_happens_when_it_is_written_or_whole_days_before(found: Sequence[Stream]) -> None:
    for stream in found:
        assert {column.name for column in get_contract(stream.entity).columns} == {
            *stream.rows.column_names
        }
        rows = stream.take(0, len(stream.rows), at)
        behind = [
            at(int(stream.first[number])) - datetime.fromisoformat(row["event_time"])
            for number, row in enumerate(rows)
            if row["event_time"] is not None
        ]
        assert {lag % timedelta(days=1) for lag in behind} == {timedelta(0)}
        assert sum(lag == timedelta(0) for lag in behind) > 0.8 * len(rows)
        assert any(lag > timedelta(0) for lag in behind)


def test_duplicates_stay_duplicates_and_a_new_round_has_rows_of_its_own(
    found: Sequence[Stream],
) -> None:
    stream = found[0]
    size = len(stream.rows)
    repeated = size - len(set(stream.first))
    assert repeated > 0
    rows = Counter(json.dumps(row, sort_keys=True) for row in stream.take(0, 2 * size, at))
    timeless = sum(row[stream.event_time] is None for row in stream.take(0, size, at))
    assert 2 * size - len(rows) == pytest.approx(2 * repeated + timeless, abs=timeless)


def test_taken_in_parts_the_rows_are_the_same(found: Sequence[Stream]) -> None:
    stream = found[1]
    size = len(stream.rows)
    parts: Rows = []
    for begin in range(0, size + 50, 37):
        parts += stream.take(begin, min(begin + 37, size + 50), at)
    assert parts == stream.take(0, size + 50, at)


def test_files_hold_as_many_rows_as_the_rate_says(found: Sequence[Stream], tmp_path: Path) -> None:
    written = write_stream(found, FileSink(tmp_path, 0.4), 200, Event(), seconds=1)
    assert written == dict.fromkeys(STREAMED, 100)
    for entity in STREAMED:
        files = sorted(tmp_path.joinpath(*entity.split(".")).iterdir())
        assert len(files) > 1 and not any(file.name.startswith(".") for file in files)
        assert sum(len(file.read_text().splitlines()) for file in files) == 100


def test_a_stream_that_is_asked_to_end_leaves_no_row_behind(
    found: Sequence[Stream], tmp_path: Path
) -> None:
    asked = Event()
    asked.set()
    assert write_stream(found, FileSink(tmp_path, 60), 1000, asked) == dict.fromkeys(STREAMED, 0)


def test_an_entity_without_a_stream_is_refused() -> None:
    with pytest.raises(UsageError, match=r"no stream of shop\.clicks"):
        list(streams(10, 1, ["shop.clicks"]))
