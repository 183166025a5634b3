"""Mappings with paths, kinds, lists and folder values: what is planned and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from footfall.errors import UsageError
from footfall.generate.trackers import TRACKERS
from footfall.ingest import shipped_mapping
from footfall.ingest.files import (
    FileRejectedError,
    ReadPlan,
    folder_values,
    inspect,
    known_paths,
    plan_read,
)
from footfall.ingest.mapping import CsvOptions, Mapping, load_mapping, mapped_entities
from footfall.project.contracts import get_contract

INTERACTIONS = get_contract("product.interactions")
VIEW = {"constant": "view"}
COLUMNS = {
    "event_time": "at",
    "user_id": "who.id",
    "product_id": "what.id",
    "interaction_type": VIEW,
}
ROW = {"at": "2025-01-01", "who": {"id": "u"}, "what": {"id": "p"}, "kind": "view"}


def plan_of(folder: Path, mapping: dict[str, Any], *rows: dict[str, Any]) -> ReadPlan:
    file = folder / "events.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    columns = Mapping.model_validate(mapping)
    return plan_read(file, inspect(file, "json", columns.csv), INTERACTIONS, columns)


def sources(plan: ReadPlan, row_kind: int = 0) -> dict[str, list[str]]:
    return {
        column.column.name: [source.name for source in column.sources]
        for column in plan.kinds[row_kind].columns
    }


def write_mapping(folder: Path, text: str) -> Path:
    file = folder / "mapping.yml"
    file.write_text(text)
    return file


@pytest.mark.parametrize("tracker", TRACKERS)
def test_each_tracker_has_a_mapping_for_products_and_pages(tracker: Any) -> None:
    file = shipped_mapping(tracker)
    calls = [] if tracker in ("ga4", "snowplow") else ["app.identify_calls"]
    assert mapped_entities(file) == ["product.interactions", "app.interactions", *calls]
    for name in mapped_entities(file):
        mapping = load_mapping(file, get_contract(name))
        assert len(mapping.description) > 40
        assert Mapping.model_validate_json(mapping.canonical()) == mapping


def test_nested_values_are_read_from_their_column(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, {"columns": COLUMNS}, ROW)
    assert sources(plan) == {
        "event_time": ["at"],
        "user_id": ["who.id"],
        "anonymous_id": ["anonymous_id"],
        "product_id": ["what.id"],
        "interaction_type": [],
        "event_id": ["event_id"],
    }
    read = [column.name for column in plan.columns()]
    assert read == ["at", "who", "anonymous_id", "what", "event_id"]
    assert plan.ignored == ("kind",)


def test_a_column_whose_name_has_a_dot_is_taken_before_a_path(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, {"columns": COLUMNS}, ROW | {"who.id": "flat"})
    read = [column.name for column in plan.columns()]
    assert read == ["at", "who.id", "anonymous_id", "what", "event_id"]


def test_a_path_that_leads_nowhere_is_named_with_those_that_are_there(tmp_path: Path) -> None:
    with pytest.raises(FileRejectedError, match=r"'what\.sku'.*found at, who\.id, what\.id, kind"):
        plan_of(tmp_path, {"columns": COLUMNS | {"product_id": "what.sku"}}, ROW)


def test_rows_of_another_kind_say_nothing_about_a_rule(tmp_path: Path) -> None:
    kinds = [
        {"where": {"kind": "view"}, "columns": {"product_id": "what.id"}},
        {"where": {"kind": "buy"}, "columns": {"product_id": "order.id"}},
    ]
    mapping = {"columns": COLUMNS, "kinds": kinds}
    assert sources(plan_of(tmp_path, mapping, ROW), 1)["product_id"] == ["order.id"]
    with pytest.raises(FileRejectedError, match=r"'order\.id'"):
        plan_of(tmp_path, mapping, ROW, ROW | {"kind": "buy"})


def test_the_elements_of_a_list_need_the_list(tmp_path: Path) -> None:
    columns = COLUMNS | {"product_id": "items[].id"}
    with pytest.raises(ValueError, match="add `each: items`"):
        Mapping.model_validate({"columns": columns})
    with pytest.raises(ValueError, match=r"kinds\.0: 'items\[\]\.id'"):
        Mapping.model_validate({"columns": columns, "kinds": [{"where": {"kind": "buy"}}]})
    plan = plan_of(tmp_path, {"columns": columns, "each": "items"}, ROW | {"items": [{"id": "p"}]})
    assert plan.multiplies
    assert not plan_of(tmp_path, {"columns": COLUMNS}, ROW).multiplies


def test_a_stored_list_and_its_fields_are_found_by_type(tmp_path: Path) -> None:
    item = pa.struct([("id", pa.string()), ("price", pa.float64())])
    table = pa.table(
        {
            "at": pa.array([1735689600], pa.int64()),
            "who": pa.array([{"id": "u", "age": 3}]),
            "items": pa.array([[{"id": "p", "price": 1.0}]], pa.list_(item)),
        }
    )
    file = tmp_path / "events.parquet"
    pq.write_table(table, file)
    shape = inspect(file, "parquet", CsvOptions())
    assert known_paths(shape) == ["at", "who.id", "who.age", "items[].id", "items[].price"]
    columns = COLUMNS | {"event_time": {"from": "at", "unit": "s"}, "product_id": "items[].id"}

    def plan(**changed: Any) -> ReadPlan:
        mapping = Mapping.model_validate({"columns": columns, "each": "items"} | changed)
        return plan_read(file, shape, INTERACTIONS, mapping)

    assert sources(plan())["product_id"] == ["items[].id"]
    with pytest.raises(FileRejectedError, match=r"'who\.id' is .*a list|list 'who'"):
        plan(each="who", columns=COLUMNS | {"product_id": "who[].id"})
    with pytest.raises(FileRejectedError, match=r"'items\[\]\.sku'.*items\[\]\.id"):
        plan(columns=columns | {"product_id": "items[].sku"})
    with pytest.raises(FileRejectedError, match=r"'items\[\]\.price' is double"):
        plan(columns=columns | {"product_id": "items[].price"})


def test_folders_give_values_unless_the_file_has_the_column(tmp_path: Path) -> None:
    folder = tmp_path / "dt=2025-01-02" / "country=D%C3%A9" / "empty=__HIVE_DEFAULT_PARTITION__"
    folder.mkdir(parents=True)
    file = folder / "x=y.csv"
    file.write_text("country,user_id\nFR,u\n")
    assert folder_values(file) == {"dt": "2025-01-02", "country": "Dé", "empty": None}
    shape = inspect(file, "csv", CsvOptions())
    assert [(column.name, column.of_folder) for column in shape.columns] == [
        ("country", False),
        ("user_id", False),
        ("dt", True),
        ("empty", True),
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("entities: {app.interactions: {}}", "has none for product.interactions"),
        ("entities: {product.interactions: {}}\ncolumns: {}\nwhere: {a: b}", "put `columns`"),
        ("columns: {user_id: {from: a, clock: {sent: s, received: r}}}", "only for a timestamp"),
        ("columns: {user_id: a.b, product_id: a.b.c}", "'a.b' is read as a value"),
        ("each: items\nkinds: [{where: {a: b}}]", "`each` belongs into a kind"),
        ("kinds: [{columns: {user: a}}]", "kinds.0.columns.user: product.interactions has no"),
        ("kinds: [{columns: {interaction_type: {constant: look}}}]", "'look' is not one of"),
    ],
)
def test_what_a_mapping_cannot_mean_is_refused(text: str, problem: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as refused:
        load_mapping(write_mapping(tmp_path, text), INTERACTIONS)
    assert problem in refused.value.message
