"""Whether a statement means the same to DuckDB as to Spark.

Both take most of SQL, and differ in what a division, a cast or a function of one name returns. So
DuckDB answers only what is made of the parts listed here, with the types listed here, which were
compared on both engines; everything else is Spark's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from footfall.duckdb_sql import literal

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

WHOLE = frozenset({"TINYINT", "SMALLINT", "INTEGER", "BIGINT"})
REAL = frozenset({"FLOAT", "DOUBLE"})
NUMBERS = WHOLE | REAL
SCALARS = NUMBERS | {"HUGEINT", "DECIMAL", "VARCHAR", "DATE", "TIMESTAMP", "BOOLEAN", "NULL"}

OPERATORS = frozenset({
    "LOGICAL_AGGREGATE_AND_GROUP_BY", "LOGICAL_ANY_JOIN", "LOGICAL_COMPARISON_JOIN",
    "LOGICAL_CROSS_PRODUCT", "LOGICAL_CTE_REF", "LOGICAL_DELIM_GET", "LOGICAL_DELIM_JOIN",
    "LOGICAL_DISTINCT", "LOGICAL_DUMMY_SCAN", "LOGICAL_EXCEPT", "LOGICAL_FILTER", "LOGICAL_GET",
    "LOGICAL_INTERSECT", "LOGICAL_LIMIT", "LOGICAL_MATERIALIZED_CTE", "LOGICAL_ORDER_BY",
    "LOGICAL_PROJECTION", "LOGICAL_UNION", "LOGICAL_WINDOW",
})  # fmt: skip
"""Steps of a plan."""
EXPRESSIONS = frozenset({
    "BOUND_BETWEEN", "BOUND_CASE", "BOUND_COMPARISON", "BOUND_CONJUNCTION", "BOUND_CONSTANT",
    "BOUND_REF",
})  # fmt: skip
"""Expressions that mean the same with operands of whatever type; others are looked at."""
CONDITIONS = frozenset({"BOUND_BETWEEN", "BOUND_COMPARISON", "BOUND_CONJUNCTION"})
"""Of these, a plan does not tell the type."""
NULL_OPERATORS = frozenset({
    "COMPARE_IN", "COMPARE_NOT_IN", "OPERATOR_COALESCE", "OPERATOR_IS_NOT_NULL",
    "OPERATOR_IS_NULL", "OPERATOR_NOT",
})  # fmt: skip
FUNCTIONS: dict[str, tuple[frozenset[str], ...]] = {
    "+": (NUMBERS, NUMBERS),
    "-": (NUMBERS, NUMBERS),
    "*": (NUMBERS, NUMBERS),
    "/": (frozenset({"DOUBLE"}), frozenset({"DOUBLE"})),
    "%": (WHOLE, WHOLE),
    "abs": (NUMBERS,),
    "||": (frozenset({"VARCHAR"}), frozenset({"VARCHAR"})),
    "~~": (frozenset({"VARCHAR"}), frozenset({"VARCHAR"})),
    "!~~": (frozenset({"VARCHAR"}), frozenset({"VARCHAR"})),
    "length": (frozenset({"VARCHAR"}),),
    "year": (frozenset({"DATE", "TIMESTAMP"}),),
    "quarter": (frozenset({"DATE", "TIMESTAMP"}),),
    "month": (frozenset({"DATE", "TIMESTAMP"}),),
    "day": (frozenset({"DATE", "TIMESTAMP"}),),
    "hour": (frozenset({"TIMESTAMP"}),),
    "minute": (frozenset({"TIMESTAMP"}),),
    "struct_extract": (frozenset({"STRUCT"}), frozenset({"VARCHAR"})),
}
"""Functions, with the types of their arguments; ``~~`` is LIKE."""
ARITHMETIC = frozenset({"+", "-", "*", "/"})
AGGREGATES: dict[str, frozenset[str]] = {
    "count_star": frozenset(),
    "count": SCALARS | {"LIST", "STRUCT"},
    "count_if": frozenset({"BOOLEAN"}),
    "min": SCALARS,
    "max": SCALARS,
    # Not of doubles, whose last digit depends on the order of the rows.
    "sum": WHOLE | {"DECIMAL"},
    # Nor of decimals: Spark's is a decimal.
    "avg": WHOLE,
}
RANKS = frozenset({"WINDOW_ROW_NUMBER", "WINDOW_RANK", "WINDOW_RANK_DENSE"})
WIDER = ["TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "DECIMAL", "FLOAT", "DOUBLE"]
"""A cast to a later one loses nothing, or what both engines lose."""
CASTS = frozenset({
    ("DATE", "TIMESTAMP"), ("TIMESTAMP", "DATE"), ("DATE", "VARCHAR"), ("BOOLEAN", "VARCHAR"),
    *((whole, "VARCHAR") for whole in WHOLE),
})  # fmt: skip
MOMENT = re.compile(r"\d{4}-\d\d-\d\d( \d\d:\d\d:\d\d)?")
WRITTEN = {"DATE": MOMENT, "TIMESTAMP": MOMENT, "BOOLEAN": re.compile("t|f|true|false")}
"""What a literal of a type looks like: a text that is cast."""
RESULT_TYPES = SCALARS | {"LIST", "STRUCT", "BLOB"}
TABLES = frozenset({"BASE_TABLE", "EMPTY", "JOIN", "SUBQUERY"})
NAMED_AGGREGATES = frozenset({"avg", "count", "max", "min", "sum"})
PLAIN_STAR = frozenset({"class", "type", "query_location", "relation_name"})
QUERY = re.compile(r"\s*(select|with)\b", re.IGNORECASE)
COMMENTS = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
TEXTS = re.compile(r"'[^']*'")
SPARKS_OWN = re.compile(r"[\"\\`]|\b\d[\d.]*[A-Za-z_]")
"""What is a text or a number to Spark, and a name to DuckDB."""


class Disagreement(Exception):
    """The engines may differ on a statement; says what in it."""


class Statement(NamedTuple):
    """What a statement names.

    Attributes:
        tables: ``schema.table``, in lower case.
        columns: the names of its result as Spark gives them, None where DuckDB's are the same.
    """

    tables: frozenset[str]
    columns: list[str] | None


def read_statement(connection: DuckDBPyConnection, sql: str) -> Statement:
    """Parse a statement.

    Args:
        connection: of any database.
        sql: one statement.

    Raises:
        Disagreement: it is no query, or Spark reads it in another way.
    """
    bare = COMMENTS.sub(" ", TEXTS.sub(_escapes, sql))
    if not QUERY.match(bare):
        raise Disagreement("it is no SELECT")
    if found := SPARKS_OWN.search(bare):
        raise Disagreement(f"{found.group()} is read in another way")
    parsed = _serialized(connection, "json_serialize_sql", sql)["statements"]
    if len(parsed) != 1:
        raise Disagreement("it is more than one statement")
    parts = list(_parts(parsed))
    # ORDER BY ALL is an order by a star.
    ordered = [id(order["expression"]) for part in parts for order in part.get("orders", [])]
    stars = [part for part in parts if part.get("class") == "STAR" and id(part) not in ordered]
    if any(star.keys() - PLAIN_STAR for star in stars):
        raise Disagreement("Spark has no such *")
    tables = set()
    for part in parts:
        for source in filter(None, (part.get("from_table"), part.get("left"), part.get("right"))):
            if "class" not in source and not source["type"].endswith("_NODE"):
                _check_source(source, bool(stars))
        if part.get("type") == "BASE_TABLE":
            named = (part.get("catalog_name"), part.get("schema_name"), part["table_name"])
            tables.add(".".join(filter(None, named)).lower())
    return Statement(frozenset(tables), _column_names(parsed[0]["node"]))


def _escapes(text: re.Match[str]) -> str:
    """Return a literal without its text, but with a backslash where that has one."""
    return "'\\'" if "\\" in text.group() else "''"


def _check_source(source: dict[str, Any], has_star: bool) -> None:
    if source["type"] not in TABLES:
        raise Disagreement("it reads what is no table")
    if source["type"] == "JOIN":
        if source.get("ref_type", "REGULAR") not in ("REGULAR", "CROSS"):
            raise Disagreement("Spark has no such join")
        if has_star and source.get("using_columns"):
            raise Disagreement("* behind USING has another order")


def _column_names(node: dict[str, Any]) -> list[str] | None:
    """Return the names that Spark gives the columns of a query."""
    while node["type"] != "SELECT_NODE":
        node = node["left"] if "left" in node else node["child"]
    items = node["select_list"]
    if all(item.get("alias") or item["class"] in ("COLUMN_REF", "STAR") for item in items) and any(
        item["class"] == "STAR" for item in items
    ):
        return None
    return [_column_name(item) for item in items]


def _column_name(item: dict[str, Any]) -> str:
    if alias := item.get("alias"):
        return str(alias)
    if item["class"] == "COLUMN_REF":
        return str(item["column_names"][-1])
    called = item.get("function_name")
    if called == "count_star":
        return "count(1)"
    arguments = item.get("children", [])
    if called in NAMED_AGGREGATES and [a["class"] for a in arguments] == ["COLUMN_REF"]:
        distinct = "DISTINCT " if item.get("distinct") else ""
        return f"{called}({distinct}{arguments[0]['column_names'][-1]})"
    raise Disagreement("a column has no name: write `as …`")


def check_plan(connection: DuckDBPyConnection, sql: str) -> None:
    """Refuse a query with a part on which the engines may differ.

    Args:
        connection: of a database with the tables that the query names, rows or none.
        sql: one query.

    Raises:
        Disagreement: it has one, or DuckDB does not understand it.
    """
    for plan in _serialized(connection, "json_serialize_plan", sql)["plans"]:
        for part in _parts(plan):
            if "expression_class" in part:
                _check_expression(part)
            elif str(part.get("type", "")).startswith("LOGICAL_"):
                _check_operator(part)


def _serialized(connection: DuckDBPyConnection, function: str, sql: str) -> dict[str, Any]:
    options = "skip_null := true, skip_empty := true, skip_default := true"
    # No parameter: for one DuckDB loads pandas, which takes longer than the query.
    answer = connection.execute(f"select {function}({literal(sql)}, {options})").fetchone()
    [text] = answer or ("{}",)
    found: dict[str, Any] = json.loads(text)
    if found["error"]:
        raise Disagreement(str(found["error_message"]).splitlines()[0])
    return found


def _parts(tree: Any) -> Iterator[dict[str, Any]]:
    if isinstance(tree, dict):
        yield tree
    for below in tree.values() if isinstance(tree, dict) else tree:
        if isinstance(below, (dict, list)):
            yield from _parts(below)


def _check_operator(operator: dict[str, Any]) -> None:
    kind = operator["type"]
    if kind not in OPERATORS:
        raise Disagreement(f"{kind.removeprefix('LOGICAL_').lower()} was not compared")
    if kind == "LOGICAL_GET" and operator["name"] != "seq_scan":
        raise Disagreement(f"{operator['name']} is no table")
    if operator.get("distinct_type") == "DISTINCT_ON":
        raise Disagreement("Spark has no DISTINCT ON")


def _check_expression(expression: dict[str, Any]) -> None:
    kind = expression["expression_class"]
    if kind in EXPRESSIONS:
        return
    if kind == "BOUND_CAST":
        _check_cast(expression)
    elif kind == "BOUND_OPERATOR" and expression["type"] in NULL_OPERATORS:
        return
    elif kind == "BOUND_FUNCTION":
        _check_function(expression)
    elif kind == "BOUND_AGGREGATE" or expression["type"] == "WINDOW_AGGREGATE":
        types = [_type(child) for child in expression.get("children", [])]
        _require(expression["name"], types, AGGREGATES.get(expression["name"]))
    elif expression["type"] not in RANKS:
        raise Disagreement(f"{expression['type'].lower()} was not compared")


def _check_function(function: dict[str, Any]) -> None:
    name, arguments = function["name"], function.get("children", [])
    allowed = FUNCTIONS.get(name, ())
    # One operand: the sign.
    for allowed_type, argument in zip(allowed, arguments, strict=False):
        _require(name, [_type(argument)], allowed_type)
    if not allowed or len(arguments) > len(allowed):
        raise Disagreement(f"{name}() was not compared")
    own = [
        _type(a["child"]) if a["expression_class"] == "BOUND_CAST" else _type(a) for a in arguments
    ]
    if name in ARITHMETIC and "DECIMAL" in own and not REAL & set(own):
        raise Disagreement("Spark computes with decimals")


def _require(name: str, types: list[str], allowed: frozenset[str] | None) -> None:
    if allowed is None or not set(types) <= allowed:
        told = ", ".join(types).lower()
        raise Disagreement(f"{name}({told}) was not compared")


def _check_cast(cast: dict[str, Any]) -> None:
    child, wanted = cast["child"], cast["return_type"]["id"]
    given = _type(child)
    if given == "NULL" or (given, wanted) in CASTS or given == wanted != "DECIMAL":
        return
    if given == "VARCHAR" and wanted in WRITTEN:
        text = child.get("value", {}).get("value", "")
        if isinstance(text, str) and WRITTEN[wanted].fullmatch(text):
            return
    if given in WIDER and wanted in WIDER and WIDER.index(given) < WIDER.index(wanted):
        return
    if given == wanted == "DECIMAL" and _scale(child["return_type"]) <= _scale(cast["return_type"]):
        return
    raise Disagreement(f"a cast of {given.lower()} to {wanted.lower()} was not compared")


def _scale(decimal: dict[str, Any]) -> int:
    return int(decimal["type_info"].get("scale", 0))


def _type(expression: dict[str, Any]) -> str:
    if expression["expression_class"] in CONDITIONS:
        return "BOOLEAN"
    known = expression.get("return_type") or expression["value"]["type"]
    return str(known["id"])
