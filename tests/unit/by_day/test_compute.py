"""One day of a model, computed by DuckDB."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from footfall.by_day import files
from footfall.by_day.compute import Day, Resources, compute_day, connected
from footfall.by_day.inputs import Input, Inputs
from footfall.by_day.translate import translate

DAY = "2025-08-20"
TIME = datetime(2025, 8, 20, 10, 0, 0, 123_456, tzinfo=timezone.utc)
TYPES = {"user_id": "TEXT", "event_time": "TIMESTAMP", "event_date": "DATE", "amount": "BIGINT"}
QUERY = """
    select
        user_id, event_date, count(*) as events, max(event_time) as last_time, sum(amount) as amount
    from s.events where event_date in (date'2025-08-20') group by user_id, event_date
"""
RESULT = {
    "user_id": "TEXT", "event_date": "DATE", "events": "BIGINT", "last_time": "TIMESTAMP",
    "amount": "BIGINT",
}  # fmt: skip


def write(folder: Path, name: str, int96: bool = False, **columns: list[Any]) -> Path:
    file = folder / name
    pq.write_table(pa.table(columns), file, use_deprecated_int96_timestamps=int96)
    return file


def computed(
    folder: Path,
    delivered: list[Path],
    query: str = QUERY,
    types: Mapping[str, str] = RESULT,
) -> dict[str, Any] | None:
    events = Input("s.events", TYPES, "event_date", {DAY: delivered} if delivered else {})
    inputs = Inputs(tables={"s.events": events})
    task = Day(DAY, translate(query).sql, inputs, "event_date", types, folder / "table")
    resources = Resources(threads=1, memory_mib=256, spill_folder=folder / "spill")
    with connected(resources) as connection:
        return compute_day(task, connection)


def test_a_day_is_one_file_with_delta_statistics(tmp_path: Path) -> None:
    spark_wrote = write(
        tmp_path, "1.parquet", int96=True, user_id=["u2", "u1"], event_time=[TIME, TIME]
    )
    with_new_column = write(
        tmp_path, "2.parquet", user_id=["u" * 40], event_time=[TIME], amount=[7]
    )
    file = computed(tmp_path, [spark_wrote, with_new_column])
    assert file is not None
    written = pq.read_table(tmp_path / "table" / file["path"])
    assert sorted(written.to_pylist(), key=lambda row: row["user_id"]) == [
        {"user_id": "u1", "events": 1, "last_time": TIME, "amount": None},
        {"user_id": "u2", "events": 1, "last_time": TIME, "amount": None},
        {"user_id": "u" * 40, "events": 1, "last_time": TIME, "amount": 7},
    ]
    assert written.schema.field("last_time").type == pa.timestamp("us", tz="UTC")
    assert file["partitionValues"] == {"event_date": DAY}
    assert file["size"] == (tmp_path / "table" / file["path"]).stat().st_size
    stats = json.loads(file["stats"])
    assert stats["numRecords"] == 3
    assert stats["nullCount"] == {"user_id": 0, "events": 0, "last_time": 0, "amount": 2}
    # A text too long for Delta's statistics has no bounds there, which would otherwise be wrong.
    assert stats["maxValues"] == {"events": 1, "last_time": "2025-08-20T10:00:00.123Z", "amount": 7}


def test_lists_are_written_in_row_groups_of_bounded_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "ROWS_AT_A_TIME", 2048)
    monkeypatch.setattr(files, "BYTES_OF_A_ROW_GROUP", 100_000)
    users = 10_000
    rows = write(
        tmp_path, "1.parquet", user_id=[f"u{i:05}" for i in range(users)],
        event_time=[TIME] * users, amount=[None, *range(1, users)],
    )  # fmt: skip
    query = """
        select user_id, event_date, max(event_time) as last_time, collect_list(amount) as amounts
        from s.events group by user_id, event_date
    """
    types = {"user_id": "TEXT", "event_date": "DATE", "last_time": "TIMESTAMP",
             "amounts": "BIGINT[]"}  # fmt: skip
    file = computed(tmp_path, [rows], query, types)
    assert file is not None
    path = tmp_path / "table" / file["path"]
    written = pq.read_table(path).sort_by("user_id")
    assert written["user_id"].to_pylist() == [f"u{i:05}" for i in range(users)]
    assert written["amounts"].to_pylist() == [[], *([i] for i in range(1, users))]
    groups = pq.read_metadata(path)
    assert groups.num_row_groups > 1
    assert max(groups.row_group(i).total_byte_size for i in range(groups.num_row_groups)) < 300_000
    stats = json.loads(file["stats"])
    assert stats == {
        "numRecords": users,
        "minValues": {"user_id": "u00000", "last_time": "2025-08-20T10:00:00.123Z"},
        "maxValues": {"user_id": f"u{users - 1:05}", "last_time": "2025-08-20T10:00:00.123Z"},
        "nullCount": {"user_id": 0, "last_time": 0},
    }


def test_a_day_without_rows_is_no_file(tmp_path: Path) -> None:
    assert computed(tmp_path, []) is None
    assert not [*tmp_path.rglob("*.parquet")]


def test_a_row_of_another_day_is_an_error(tmp_path: Path) -> None:
    users = [f"u{i}" for i in range(50_000)]
    file = write(tmp_path, "1.parquet", user_id=users, event_time=[TIME] * len(users))
    spread = QUERY.replace(
        "user_id, event_date,", "user_id, event_date + int(user_id = 'u45000') as event_date,"
    )
    among = "a row of 2025-08-21 among those of 2025-08-20"
    with pytest.raises(duckdb.Error, match=among):
        computed(tmp_path, [file], spread)
    lists = spread.replace("count(*) as events", "array(1) as events")
    with pytest.raises(duckdb.Error, match=among):
        computed(tmp_path, [file], lists, RESULT | {"events": "INT[]"})
