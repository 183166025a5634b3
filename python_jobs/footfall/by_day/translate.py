"""A model's SQL in DuckDB's dialect."""

from __future__ import annotations

from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from footfall.errors import first_line

TIMESTAMP = exp.DataType.Type.TIMESTAMP
BIT_OPERATORS = (exp.BitwiseAnd, exp.BitwiseOr, exp.BitwiseXor)
PATTERNS = (exp.RegexpLike, exp.RegexpILike, exp.RegexpReplace, exp.RegexpExtract, exp.SimilarTo)
SPARK_FUNCTIONS = (
    "create macro raise_error(message) as error(message)",
    # Of dates, too; the second way is the one down.
    """
    create macro spark_get(list, index) as case when index >= 0 then list[index + 1] end
    """,
    # DuckDB refuses to shift a bit out on the left, Spark drops it: an error is no wrong result.
    "create macro spark_shiftleft(bits, places) as bits << places",
    """
    create macro spark_shiftright(bits, places) as case
        when bits >= 0 and places between 0 and 63 then bits >> places
        when bits is not null and places is not null
        then error('Spark alone shifts ' || bits || ' by ' || places || ' places')
    end
    """,
    "create macro spark_getbit(bits, place) as spark_shiftright(bits, place) & 1",
    """
    create macro spark_numbered(items) as
        list_transform(items, lambda item, place: {'place': place - 1, 'item': item})
    """,
    """
    create macro spark_sequence(first, last) as case
        when last >= first
        then list_transform(range(0, last - first + 1), lambda i: first + cast(i as int))
        else list_transform(range(0, first - last + 1), lambda i: first - cast(i as int))
    end
    """,
)
"""What Spark has and DuckDB lacks, where sqlglot does not know it."""


class NotTranslatable(Exception):
    """sqlglot does not understand a statement."""


@dataclass(frozen=True)
class Translated:
    """A query that DuckDB understands.

    Attributes:
        sql: the query.
        relations: the tables and views that it reads, ``schema.name``.
    ordered_by: columns that an order of it names.
    matches_patterns: whether it has regular expressions, whose dialect differs too.
    """

    sql: str
    relations: frozenset[str]
    ordered_by: frozenset[str]
    matches_patterns: bool


def translate(sql: str, hashes_are_compared: bool = False) -> Translated:
    """Translate a query of Spark's.

    Args:
        sql: one query; tables and views are named with their schema, which tells them from the
            names of common table expressions.
        hashes_are_compared: no value of xxhash64 leaves the query, so that another hash does.

    Raises:
        NotTranslatable: it is no query that sqlglot understands.
    """
    if "${" in sql:
        raise NotTranslatable("variables of Spark's configuration are known to Spark alone")
    try:
        [query] = sqlglot.parse(sql, read="spark")
    except (SqlglotError, ValueError) as error:
        raise NotTranslatable(first_line(error)) from error
    if not isinstance(query, exp.Query):
        raise NotTranslatable("it is no query")
    if query.find(exp.Command):
        raise NotTranslatable("it is no query")
    if any(view.args.get("outer") for view in query.find_all(exp.Lateral)):
        raise NotTranslatable("outer lateral views have another form in DuckDB")
    if any(not isinstance(e.parent, exp.ArraySort) for e in query.find_all(exp.ArrayDistinct)):
        raise NotTranslatable("array_distinct leaves no order in DuckDB")
    if any(_binds_otherwise(node) for node in query.find_all(*BIT_OPERATORS)):
        raise NotTranslatable("&, ^ and | want parentheses: they bind in another order in DuckDB")
    if query.find(exp.AtTimeZone):
        raise NotTranslatable("from_utc_timestamp has another meaning in DuckDB")
    for hint in [*query.find_all(exp.Hint)]:
        hint.pop()
    tables = (table for table in query.find_all(exp.Table) if table.db)
    relations = frozenset(f"{table.db}.{table.name}" for table in tables)
    query = query.transform(_in_utc).transform(_interpolated)
    query = query.transform(_in_full).transform(_without_nul).transform(_sequence)
    query = query.transform(_empty_of_nothing).transform(_counted)
    query = query.transform(_bits).transform(_numbered)
    if hashes_are_compared:
        query = query.transform(_any_hash)
    orders = query.find_all(exp.Ordered)
    ordered_by = frozenset(column.name for order in orders for column in order.find_all(exp.Column))
    matches_patterns = query.find(*PATTERNS) is not None
    in_duckdb = query.sql(dialect="duckdb", comments=False)
    return Translated(in_duckdb, relations, ordered_by, matches_patterns)


def _binds_otherwise(node: exp.Binary) -> bool:
    operands = (node.this, node.expression)
    return any(isinstance(it, BIT_OPERATORS) and type(it) is not type(node) for it in operands)


def _in_utc(node: exp.Expression) -> exp.Expression:
    """Replace Spark's timestamps by those without a zone: all of them are in UTC."""
    if isinstance(node, exp.DataType) and node.this in (
        exp.DataType.Type.TIMESTAMPTZ, exp.DataType.Type.TIMESTAMPLTZ,
    ):  # fmt: skip
        return exp.DataType(this=TIMESTAMP)
    return node


def _interpolated(node: exp.Expression) -> exp.Expression:
    """Replace Spark's percentile by the quantile that interpolates; sqlglot takes the other."""
    if isinstance(node, exp.Quantile):
        return exp.Anonymous(this="quantile_cont", expressions=[node.this, node.args["quantile"]])
    return node


def _in_full(node: exp.Expression) -> exp.Expression:
    """Replace ``trunc``'s short name of a month."""
    if isinstance(node, exp.DateTrunc) and node.text("unit").upper() in ("MM", "MON"):
        return exp.DateTrunc(this=node.this, unit=exp.Literal.string("MONTH"))  # type: ignore[no-untyped-call]
    return node


def _empty_of_nothing(node: exp.Expression) -> exp.Expression:
    """Have a list that is collected from nulls alone be empty, as Spark's is; DuckDB's is null."""
    collected = node.this if isinstance(node, exp.Window) else node
    if not isinstance(collected, (exp.ArrayAgg, exp.ArrayUniqueAgg)):
        return node
    return exp.Coalesce(this=node, expressions=[exp.Array()])


def _counted(node: exp.Expression) -> exp.Expression:
    """Have ``count_if`` of nulls alone be zero, as Spark's is; DuckDB's is null."""
    if isinstance(node, exp.CountIf):
        one = exp.Literal.number(1)
        return exp.Count(this=exp.If(this=node.this.transform(_counted), true=one))
    return node


def _sequence(node: exp.Expression) -> exp.Expression:
    if isinstance(node, exp.GenerateSeries) and not node.args.get("step"):
        first, last = node.args["start"], node.args["end"]
        return exp.Anonymous(this="spark_sequence", expressions=[first, last])
    return node


def _without_nul(node: exp.Expression) -> exp.Expression:
    """Replace the character 0 in a text by a call: DuckDB's parser takes it for the end."""
    if not (isinstance(node, exp.Literal) and node.is_string and "\0" in node.this):
        return node
    nul = exp.Anonymous(this="chr", expressions=[exp.Literal.number(0)])
    [first, *others] = node.this.split("\0")
    text: exp.Expression = exp.Literal.string(first)
    for other in others:
        text = exp.DPipe(this=exp.DPipe(this=text, expression=nul.copy()),
                         expression=exp.Literal.string(other))  # fmt: skip
    return exp.Paren(this=text)


def _bits(node: exp.Expression) -> exp.Expression:
    """Have shifts fail where DuckDB's differ, and ``getbit`` be one; ``get`` counts from 0."""
    match node:
        case exp.BitwiseLeftShift():
            return exp.Anonymous(this="spark_shiftleft", expressions=[node.this, node.expression])
        case exp.BitwiseRightShift():
            return exp.Anonymous(this="spark_shiftright", expressions=[node.this, node.expression])
        case exp.Getbit():
            return exp.Anonymous(this="spark_getbit", expressions=[node.this, node.expression])
        case exp.Anonymous() if node.name.lower() == "get":
            return exp.Anonymous(this="spark_get", expressions=node.expressions)
    return node


def _numbered(node: exp.Expression) -> exp.Expression:
    """Have ``posexplode`` in a lateral view be one of structs: sqlglot loses the view's name."""
    if isinstance(node, exp.Lateral) and isinstance(node.this, exp.Posexplode):
        items = exp.Anonymous(this="spark_numbered", expressions=[node.this.this])
        node.set("this", exp.Inline(this=items))
    return node


def _any_hash(node: exp.Expression) -> exp.Expression:
    if isinstance(node, exp.Anonymous) and node.name.lower() == "xxhash64":
        return exp.Anonymous(this="hash", expressions=node.expressions)
    return node


def duckdb_type(spark_type: str) -> str:
    """Return DuckDB's name of a Spark type; of a timestamp the one without a zone.

    Args:
        spark_type: such as ``bigint`` or ``array<int>``.

    Raises:
        NotTranslatable: sqlglot does not know it, or it holds timestamps among other things.
    """
    try:
        found = exp.DataType.build(spark_type, dialect="spark")
    except (SqlglotError, ValueError) as error:
        raise NotTranslatable(f"the type {spark_type}") from error
    name = found.transform(_in_utc).sql(dialect="duckdb")
    if TIMESTAMP.value in name and name != TIMESTAMP.value:
        raise NotTranslatable(f"the type {spark_type}")
    return name
