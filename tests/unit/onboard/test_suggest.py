"""Mappings proposed from files: known trackers, names and values, and what cannot be told."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from footfall.errors import UsageError
from footfall.generate.trackers import TRACKERS, generate_as
from footfall.ingest import load_mapping, shipped_mapping
from footfall.onboard.suggest import FILL_IN, Suggestion, suggest_mapping, time_of
from footfall.project.contracts import get_contract


def lines(folder: Path, *rows: dict[str, Any]) -> str:
    file = folder / "events.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(file)


def csv(folder: Path, text: str) -> str:
    file = folder / "events.csv"
    file.write_text(text)
    return str(file)


def columns(found: Suggestion) -> dict[str, Any]:
    [mapping] = yaml.safe_load(found.text)["entities"].values()
    return dict(mapping["columns"])


@pytest.mark.parametrize("tracker", TRACKERS)
def test_an_export_of_a_tracker_is_recognised(tracker: Any, tmp_path: Path) -> None:
    generate_as(tracker, tmp_path / "out", 1, 40, 3)
    found = suggest_mapping(str(tmp_path / "out" / "events"))
    assert found.tracker == tracker
    assert found.mapping == shipped_mapping(tracker)
    assert found.is_complete


def test_who_what_when_and_kind_are_told_from_names_and_values(tmp_path: Path) -> None:
    found = suggest_mapping(
        csv(
            tmp_path,
            "ts;visitorId;sku;behavior;price\n"
            "1735689600123;u1;p1;pv;9.5\n"
            "1735689700456;u2;p2;buy;8\n"
            "1735689800789;u1;p2;hover;\n",
        )
    )
    assert found.entities == ["product.interactions"]
    assert columns(found) == {
        "event_time": {"from": "ts", "unit": "ms"},
        "user_id": "visitorId",
        "product_id": "sku",
        "interaction_type": {"from": "behavior", "values": {"pv": "view", "buy": "purchase"}},
    }
    assert yaml.safe_load(found.text)["csv"] == {"delimiter": ";", "multiline": False}
    assert found.unused == ["price"]
    by_column = {told.column: told for told in found.findings}
    assert by_column["interaction_type"].sure == "guess"
    assert "hover" in by_column["interaction_type"].why
    file = tmp_path / "mapping.yml"
    file.write_text(found.text)
    assert load_mapping(file, get_contract("product.interactions")).csv.delimiter == ";"


def test_a_device_stands_in_for_an_unknown_user(tmp_path: Path) -> None:
    seen = {"time": "2025-01-01T10:00:00Z", "sku": "p1"}
    rows = [seen | {"deviceId": f"d{n}", "userId": f"u{n}" if n else None} for n in range(3)]
    both = columns(suggest_mapping(lines(tmp_path, *rows)))
    assert (both["user_id"], both["anonymous_id"]) == (["userId", "deviceId"], "deviceId")
    alone = columns(
        suggest_mapping(lines(tmp_path, *(seen | {"deviceId": f"d{n}"} for n in range(3))))
    )
    assert (alone["user_id"], "anonymous_id" in alone) == ("deviceId", False)


def test_files_of_a_folder_count_from_the_first_to_the_last(tmp_path: Path) -> None:
    for number in range(9):
        kind = "pv" if number < 8 else "buy"
        text = f"ts,user_id,sku,behavior\n2025-01-0{number + 1}T00:00:00Z,u{number},p,{kind}\n"
        (tmp_path / f"{number}.csv").write_text(text)
    (tmp_path / "3.csv").write_text('ts,user_id,sku,behavior\n2025-01-04,"a\nb",p,pv\n')
    (tmp_path / "4.csv").write_text("other\n1\n")
    found = suggest_mapping(str(tmp_path))
    values = columns(found)["interaction_type"]["values"]
    assert values == {"pv": "view", "buy": "purchase"}
    assert "csv" not in yaml.safe_load(found.text)


def test_pages_go_to_the_app(tmp_path: Path) -> None:
    rows = [
        {"time": "2025-01-01T10:00:00Z", "user": {"id": f"u{n}"}, "page": {"url": f"/p{n}"}}
        for n in range(3)
    ]
    found = suggest_mapping(lines(tmp_path, *rows))
    assert found.entities == ["app.interactions"]
    told = columns(found)
    assert told["event_time"] == "time"
    assert told["page_id"] == "page.url"
    assert told["action_type"] == {"constant": "page_view"}


def test_what_cannot_be_told_is_left_to_fill_in(tmp_path: Path) -> None:
    found = suggest_mapping(lines(tmp_path, {"a": 1, "b": "x"}, {"a": 2, "b": "y"}))
    assert not found.is_complete
    assert columns(found)["event_time"] == FILL_IN
    assert columns(found)["user_id"] == FILL_IN
    unknown = {told.column for told in found.findings if told.sure == "unknown"}
    assert unknown == {"event_time", "user_id", "product_id"}


def test_stored_types_are_looked_at(tmp_path: Path) -> None:
    file = tmp_path / "events.parquet"
    times = pa.array([datetime(2025, 1, 1, tzinfo=timezone.utc)] * 2, pa.timestamp("us", tz="UTC"))
    table = {
        "created_at": times,
        "customer": ["a", "b"],
        "item": pa.array([1, 2]),
        "type": ["view"] * 2,
    }
    pq.write_table(pa.table(table), file)
    found = columns(suggest_mapping(str(file)))
    assert found["event_time"] == "created_at"
    assert found["user_id"] == "customer"
    assert found["product_id"] == "item"
    assert found["interaction_type"] == {"from": "type", "values": {"view": "view"}}


@pytest.mark.parametrize(
    ("values", "unit"),
    [
        ([1735689600, 1735689601], "s"),
        (["1735689600000"], "ms"),
        ([1735689600000000], "us"),
        (["2025-01-01"], None),
        (["2025-01-01 10:00:00.123 UTC"], None),
        (["2025-01-01T10:00:00+01:00"], None),
    ],
)
def test_times_are_read_by_their_size_or_form(values: list[Any], unit: str | None) -> None:
    time = time_of(values)
    assert time is not None
    assert time.unit == unit


@pytest.mark.parametrize("values", [[], ["yesterday"], [17], ["12:30"], [99999999999999999]])
def test_other_values_are_no_times(values: list[Any]) -> None:
    assert time_of(values) is None


def test_an_entity_without_suggestions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"crm\.customers"):
        suggest_mapping(lines(tmp_path, {"a": 1}), entity="crm.customers")
