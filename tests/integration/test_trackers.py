"""Exports of trackers through their mappings, and other people's shapes: equal to the raw files."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from footfall.generate.trackers import TRACKERS, Tracker, generate_as
from footfall.ingest import IngestReport, ingest, mapped_entities, shipped_mapping
from footfall.project.contracts import get_contract
from footfall.settings import get_settings
from support.thorough import only_thorough
from support.trackers import raw_events

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

NOON = datetime(2025, 1, 1, 12, tzinfo=timezone.utc)
PRODUCT = "product.interactions"
APP = "app.interactions"
CALLS = "app.identify_calls"
EVENT = "split_part(event_id, '/', 1)"
"""The id of the event; an order's products are numbered."""


@pytest.fixture(autouse=True)
def own_schemas(request: pytest.FixtureRequest) -> Iterator[None]:
    """Bronze tables of each test."""
    schema = f"onboard_{abs(hash(request.node.name))}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FOOTFALL_DB_SCHEMA", schema)
        get_settings.cache_clear()
        yield
    get_settings.cache_clear()


def load(name: str, mapping: Path, *paths: Path) -> IngestReport:
    return ingest(name, [str(path) for path in paths], mapping)


def bronze(spark: SparkSession, name: str, *columns: str) -> list[tuple[Any, ...]]:
    table = spark.table(get_contract(name).bronze_table(get_settings()))
    return [tuple(row) for row in table.selectExpr(*columns).collect()]


def write_mapping(folder: Path, text: str) -> Path:
    file = folder / "mapping.yml"
    file.write_text(text)
    return file


@pytest.mark.parametrize(
    "tracker",
    [
        pytest.param(name, marks=() if name in ("segment", "snowplow") else (only_thorough,))
        for name in TRACKERS
    ],
)
def test_bronze_holds_what_the_raw_files_say(
    tracker: Tracker, spark: SparkSession, tmp_path: Path
) -> None:
    truth = generate_as(tracker, tmp_path / "out", 2, 60, 11)
    files = tmp_path / "out" / "events"
    raw = raw_events(tracker, files)
    for name, view, columns in (
        (PRODUCT, "products", ("user_id", "anonymous_id", EVENT, "interaction_type", "product_id")),
        (APP, "pages", ("user_id", "anonymous_id", EVENT, "page_id")),
        (CALLS, "calls", ("user_id", "anonymous_id", EVENT)),
    ):
        if name not in mapped_entities(shipped_mapping(tracker)):
            assert (tracker, name) in (("ga4", CALLS), ("snowplow", CALLS))
            continue
        report = load(name, shipped_mapping(tracker), files)
        rows = bronze(
            spark, name, "unix_micros(event_time)", *columns, "if(_ingest_errors is null, 0, 1)"
        )
        unreadable = sum(row[-1] > 0 for row in rows)
        assert unreadable == report.rows_with_errors == truth["cut_off"]
        expected = raw.sql(f"select epoch_us(moment), * exclude (moment) from {view}").fetchall()
        assert len(expected) > (20 if name == CALLS else 100)
        assert Counter(row[:-1] for row in rows if row[-1] == 0) == Counter(expected)
        assert load(name, shipped_mapping(tracker), files).rows == 0


def test_a_row_is_of_the_first_kind_that_fits_and_each_element_becomes_one(
    spark: SparkSession, tmp_path: Path
) -> None:
    mapping = write_mapping(
        tmp_path,
        """
        columns: {event_time: at, user_id: [user.id, device], event_id: id}
        where: {v: 2}
        kinds:
          - where: {name: [seen]}
            columns: {product_id: what.id, interaction_type: {constant: view}}
          - where: {name: [seen, ordered]}
            each: {list: order.lines, where: {kind: [item]}}
            columns:
              product_id: "order.lines[].sku"
              interaction_type: {from: "order.lines[].how", values: {b: purchase, c: click}}
        """,
    )
    at = NOON.isoformat()
    lines = [
        {"at": at, "v": 2, "name": "seen", "user": {"id": "u"}, "what": {"id": "p1"}},
        {"at": at, "v": 1, "name": "seen", "user": {"id": "u"}, "what": {"id": "p2"}},
        {"at": at, "v": 2, "name": "other", "user": {"id": "u"}},
        {
            "at": at,
            "v": 2,
            "id": "m",
            "name": "ordered",
            "user": {"id": ""},
            "device": "d",
            "order": {
                "lines": [
                    {"kind": "item", "sku": "p3", "how": "b"},
                    {"kind": "fee", "sku": "p4", "how": "b"},
                    {"kind": "item", "sku": 5, "how": "c"},
                    {"kind": "item", "sku": ["p6"], "how": "x"},
                ]
            },
        },
        {"at": at, "v": 2, "name": "ordered", "user": {"id": "e"}, "order": {"lines": []}},
        {"at": at, "v": 2, "name": "ordered", "user": {"id": "n"}},
    ]
    file = tmp_path / "events.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"at": "2025')
    report = load(PRODUCT, mapping, file)
    columns = ("user_id", "product_id", "interaction_type", "event_id")
    rows = bronze(spark, PRODUCT, *columns, "array_join(_ingest_errors, ';')")
    unreadable = "product_id_unreadable: '[\"p6\"]';interaction_type_unmapped: 'x'"
    assert Counter(rows) == Counter(
        [
            ("u", "p1", "view", None, None),
            ("d", "p3", "purchase", "m/0", None),
            ("d", "5", "click", "m/1", None),
            ("d", None, None, "m/2", unreadable),
            ("n", None, None, None, None),
            (None, None, None, None, 'row_unreadable: \'{"at": "2025\''),
        ]
    )
    assert (report.rows, report.rows_not_selected) == (6, 3)


def test_stored_objects_lists_and_maps_are_read_by_path(
    spark: SparkSession, tmp_path: Path
) -> None:
    mapping = write_mapping(
        tmp_path,
        """
        each: items
        columns:
          event_time: {from: at, unit: ms}
          user_id: [who.id, tags.device]
          product_id: "items[].id"
          interaction_type:
            from: params[key=kind].value.text
            values: {v: view}
        """,
    )
    value = pa.struct([("text", pa.string()), ("number", pa.int64())])
    table = pa.table(
        {
            "at": pa.array([1735732800000, 1735732800000], pa.int64()),
            "who": pa.array([{"id": "u", "age": 3}, {"id": None, "age": 4}]),
            "tags": pa.array([[], [("device", "d")]], pa.map_(pa.string(), pa.string())),
            "items": pa.array(
                [[{"id": 1}, {"id": 2}], [{"id": 3}]], pa.list_(pa.struct([("id", pa.int64())]))
            ),
            "params": pa.array(
                [[{"key": "n", "value": {"number": 1}}, {"key": "kind", "value": {"text": "v"}}]]
                * 2,
                pa.list_(pa.struct([("key", pa.string()), ("value", value)])),
            ),
        }
    )
    pq.write_table(table, tmp_path / "events.parquet")
    report = load(PRODUCT, mapping, tmp_path / "events.parquet")
    assert (report.rows, report.rows_with_errors, report.rows_not_selected) == (3, 0, 0)
    rows = bronze(spark, PRODUCT, "event_time", "user_id", "product_id", "interaction_type")
    assert sorted(row[1:] for row in rows) == [
        ("d", "3", "view"),
        ("u", "1", "view"),
        ("u", "2", "view"),
    ]


def test_json_in_a_text_column_folders_and_a_wrong_clock(
    spark: SparkSession, tmp_path: Path
) -> None:
    mapping = write_mapping(
        tmp_path,
        """
        columns:
          event_time: {from: at, clock: {sent: sent, received: received}}
          user_id: payload.user[0]
          product_id: shop
          interaction_type: {constant: view}
        """,
    )
    folder = tmp_path / "in" / "dt=2025-01-01" / "shop=caf%C3%A9 1%2F2"
    folder.mkdir(parents=True)
    quoted = '"{""user"": [""u""]}"'
    (folder / "a.csv").write_text(
        "at,sent,received,payload\n"
        f"2025-01-01T11:00:00Z,2025-01-01T11:00:10Z,2025-01-01T12:00:11Z,{quoted}\n"
        f"2025-01-01T11:00:00Z,,2025-01-01T12:00:11Z,{quoted}\n"
    )
    other = tmp_path / "in" / "dt=2025-01-02" / "shop=__HIVE_DEFAULT_PARTITION__"
    other.mkdir(parents=True)
    (other / "b.csv").write_text(f"at,sent,received,payload\n2025-01-02T00:00:00Z,,,{quoted}\n")
    load(PRODUCT, mapping, tmp_path / "in")
    rows = bronze(spark, PRODUCT, "cast(event_time as string)", "user_id", "product_id")
    assert sorted(rows, key=str) == [
        ("2025-01-01 11:00:00", "u", "café 1/2"),
        ("2025-01-01 12:00:01", "u", "café 1/2"),
        ("2025-01-02 00:00:00", "u", None),
    ]
