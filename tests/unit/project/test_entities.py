"""The diagram of tables and relationships: what it draws, and that the docs have it as it is."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

from footfall.project.entities import PAGE, entity_page
from footfall.settings import PROJECT_DIR


def test_the_page_in_the_docs_is_that_of_the_models(manifest: dict[str, Any]) -> None:
    written = (PROJECT_DIR / PAGE).read_text(encoding="utf-8")
    assert written == entity_page(manifest), "Run `footfall docs model --write`."


def model(name: str, **types: str) -> dict[str, Any]:
    columns = {column: {"data_type": data_type} for column, data_type in types.items()}
    return {
        "unique_id": f"model.footfall.{name}", "resource_type": "model", "name": name,
        "columns": columns,
    }  # fmt: skip


def data_test(name: str, kind: str, reads: Sequence[str] = (), **arguments: Any) -> dict[str, Any]:
    return {
        "unique_id": f"test.footfall.{kind}_{name}_{'_'.join(reads)}",
        "resource_type": "test",
        "name": kind,
        "attached_node": f"model.footfall.{name}",
        "test_metadata": {"name": kind, "kwargs": arguments},
        "depends_on": {"nodes": [f"model.footfall.{read}" for read in (*reads, name)]},
    }


def manifest_of(*nodes: dict[str, Any]) -> dict[str, Any]:
    return {"nodes": {node["unique_id"]: node for node in nodes}}


NODES = (
    model("dim_shops", shop_id="bigint", shop_name="string"),
    data_test("dim_shops", "unique_grain", columns=["shop_id"]),
    model("fct_sales", sale_id="string", shop="bigint", amount="decimal(18,2)"),
    data_test("fct_sales", "unique_grain", columns=["sale_id"]),
    data_test(
        "fct_sales", "relationships", ["dim_shops"],
        column_name="shop", to="ref('dim_shops')", field="shop_id",
    ),
    model("fct_weather", day="date"),
    model("int_sales", sale_id="string"),
    {"unique_id": "test.footfall.one", "resource_type": "test", "name": "one"},
)  # fmt: skip


def test_a_relationship_is_drawn_from_its_test_with_the_keys_of_both_tables() -> None:
    page = entity_page(manifest_of(*NODES))
    assert (
        "\n## dim_shops\n\n```mermaid\nerDiagram\n"
        "    dim_shops {\n        bigint shop_id PK\n    }\n"
        "    fct_sales {\n        string sale_id PK\n        bigint shop FK\n    }\n"
        "    dim_shops |o--o{ fct_sales : shop\n```\n"
    ) in page
    assert page.endswith("\n## Without relationships\n\n`fct_weather`\n")
    assert "int_sales" not in page


def test_a_table_with_several_rows_for_a_value_is_drawn_with_many() -> None:
    nodes = deepcopy(NODES)
    nodes[1]["test_metadata"]["kwargs"]["columns"] = ["shop_id", "shop_name"]
    page = entity_page(manifest_of(*nodes))
    assert "    dim_shops }o--o{ fct_sales : shop\n" in page
    assert "string shop_name PK" in page


def test_a_relationship_to_a_table_that_is_not_shown_is_left_out() -> None:
    hidden = data_test(
        "fct_weather", "relationships", ["int_sales"],
        column_name="day", to="ref('int_sales')", field="sale_id",
    )  # fmt: skip
    assert "int_sales" not in entity_page(manifest_of(*NODES, hidden))
