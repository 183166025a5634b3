"""The entity diagram: keys and relationships of tables, read from dbt's manifest."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from footfall.project.contracts import load_contracts

PAGE = Path("docs") / "entities.md"
SHOWN = re.compile(r"(dim|fct|stg)_\w+")

HEAD = """\
# Tables and their relationships

Made by `footfall docs model --write` from the models' yml. Each diagram shows the tables that
relate to one another, with their keys and the columns that refer to others.

| sign | means |
| --- | --- |
| `PK` | part of the key: the columns of the table's `unique_grain` test |
| `UK` | the entity's own key, beside `event_key` |
| `FK` | refers to the other table: the column of a `relationships` test |
| one bar and a circle | at most one row of that table |
| crow's foot and a circle | any number of rows: `dim_users` has a row for each version of a user |

A row may refer to nothing, as sources deliver independently of each other. Such rows stay where
they are; each `relationships` test counts them, and `dbt build` warns. If a source delivers
nothing, all rows that refer to it are counted: leave it out of the var `sources`, and the tests are
left out too.
"""


class Table(NamedTuple):
    """A table of the diagram.

    Attributes:
        types: of its columns, by name.
        grain: the columns that identify a row.
        own_key: the column by which its entity identifies a row; None where several do.
    """

    name: str
    types: Mapping[str, str]
    grain: Sequence[str]
    own_key: str | None

    def is_unique(self, column: str) -> bool:
        return column == self.own_key or list(self.grain) == [column]


class Relationship(NamedTuple):
    """A column of a table that refers to a column of another."""

    table: str
    column: str
    to: str
    field: str


def entity_page(manifest: Mapping[str, Any]) -> str:
    """Return the page with the diagrams of all dimensions, facts and staging tables.

    Args:
        manifest: dbt's, as its file has it.
    """
    tables = _tables(manifest)
    relationships = _relationships(manifest, tables)
    groups = _groups(tables, relationships)
    alone = sorted(tables.keys() - {name for group in groups.values() for name in group})
    sections = [
        f"\n## {hub}\n\n```mermaid\n{_diagram(group, tables, relationships)}```\n"
        for hub, group in groups.items()
    ]
    if alone:
        names = ", ".join(f"`{name}`" for name in alone)
        sections.append(f"\n## Without relationships\n\n{names}\n")
    return HEAD + "".join(sections)


def _tables(manifest: Mapping[str, Any]) -> dict[str, Table]:
    grains = {
        test["attached_node"]: test["test_metadata"]["kwargs"]["columns"]
        for test in _tests(manifest, "unique_grain")
    }
    own_keys = {
        contract.staging_model: contract.key[0]
        for contract in load_contracts().values()
        if len(contract.key) == 1 and contract.version is None
    }
    models = (
        node
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and SHOWN.fullmatch(node["name"])
    )
    return {
        node["name"]: Table(
            name=node["name"],
            types={name: column["data_type"] for name, column in node["columns"].items()},
            grain=grains.get(node["unique_id"], ()),
            own_key=own_keys.get(node["name"]),
        )
        for node in sorted(models, key=lambda node: str(node["name"]))
    }


def _relationships(manifest: Mapping[str, Any], tables: Mapping[str, Table]) -> list[Relationship]:
    found = []
    for test in _tests(manifest, "relationships"):
        arguments = test["test_metadata"]["kwargs"]
        child = manifest["nodes"][test["attached_node"]]["name"]
        parents = [manifest["nodes"][name]["name"] for name in test["depends_on"]["nodes"]]
        parent = next(name for name in parents if f"'{name}'" in arguments["to"])
        if child in tables and parent in tables:
            found.append(Relationship(child, arguments["column_name"], parent, arguments["field"]))
    return sorted(found)


def _tests(manifest: Mapping[str, Any], name: str) -> list[Any]:
    return [
        node
        for node in manifest["nodes"].values()
        if node["resource_type"] == "test" and (node.get("test_metadata") or {}).get("name") == name
    ]


def _groups(
    tables: Mapping[str, Table], relationships: Sequence[Relationship]
) -> dict[str, list[str]]:
    """Return the tables that hang together, by the one that most others refer to."""
    group_of = {name: {name} for name in tables}
    for relationship in relationships:
        merged = group_of[relationship.table] | group_of[relationship.to]
        group_of |= dict.fromkeys(merged, merged)
    referred = Counter(relationship.to for relationship in relationships)
    groups = {frozenset(group) for group in group_of.values() if len(group) > 1}
    hubs = {max(sorted(group), key=lambda name: referred[name]): sorted(group) for group in groups}
    return dict(sorted(hubs.items(), key=lambda item: (-len(item[1]), item[0])))


def _diagram(
    names: Sequence[str], tables: Mapping[str, Table], relationships: Sequence[Relationship]
) -> str:
    own = [relationship for relationship in relationships if relationship.table in names]
    lines = ["erDiagram"]
    for name in names:
        table = tables[name]
        referring = {relationship.column for relationship in own if relationship.table == name}
        lines.append(f"    {name} {{")
        for column, data_type in table.types.items():
            signs = [
                sign
                for sign, holds in (
                    ("PK", column in table.grain),
                    ("UK", column == table.own_key),
                    ("FK", column in referring),
                )
                if holds
            ]
            if signs:
                plain_type = re.split(r"[(<]", data_type)[0]
                lines.append(f"        {plain_type} {column} {', '.join(signs)}")
        lines.append("    }")
    for relationship in own:
        one = tables[relationship.to].is_unique(relationship.field)
        lines.append(
            f"    {relationship.to} {'|o' if one else '}o'}--o{{ {relationship.table} : "
            f"{relationship.column}"
        )
    return "\n".join(lines) + "\n"
