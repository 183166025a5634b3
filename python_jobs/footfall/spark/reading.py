"""Whether a SQL statement only reads the project's tables, by Spark's own parser."""

from __future__ import annotations

import os
import re
from typing import Any

from footfall.errors import UsageError
from footfall.spark.session import explain_start_failure, prepare

QUERY_NODES = frozenset({
    "Aggregate", "AsOfJoin", "CurrentNamespace", "Distinct", "Except", "Filter", "Generate",
    "GlobalLimit", "Intersect", "Join", "LateralJoin", "LimitAll", "LocalLimit", "LocalRelation",
    "Offset", "OneRowRelation", "PipeOperator", "Pivot", "Project", "Range", "RebalancePartitions",
    "RelationTimeTravel", "Repartition", "RepartitionByExpression", "Sample", "Sort",
    "SubqueryAlias", "Union", "UnionLoop", "UnionLoopRef", "Unpivot", "UnresolvedFunctionName",
    "UnresolvedHaving", "UnresolvedHint", "UnresolvedInlineTable", "UnresolvedNamespace",
    "UnresolvedQualify", "UnresolvedRelation", "UnresolvedSubqueryColumnAliases",
    "UnresolvedTVFAliases", "UnresolvedTable", "UnresolvedTableOrView",
    "UnresolvedTableValuedFunction", "UnresolvedTranspose", "UnresolvedView", "UnresolvedWith",
    "Window", "WithWindowDefinition",
})  # fmt: skip
QUESTIONS = ("Show", "Describe", "Explain")
"""What the names of commands that only tell something begin with."""
EXPLAINED_NODES = frozenset({
    "DeleteFromTable", "InsertIntoStatement", "MergeIntoTable", "OverwriteByExpression",
    "UpdateTable",
})  # fmt: skip
"""What EXPLAIN may explain beside queries: it is analyzed and not run."""
NAMED_NODES = ("UnresolvedRelation", "UnresolvedTable", "UnresolvedTableOrView", "UnresolvedView")
TABLE_FUNCTIONS = frozenset({
    "collations", "explode", "explode_outer", "inline", "inline_outer", "json_tuple", "posexplode",
    "posexplode_outer", "range", "sql_keywords", "stack", "table_changes", "variant_explode",
    "variant_explode_outer",
})  # fmt: skip
REACHING_FUNCTIONS = frozenset({
    "java_method", "reflect", "try_reflect", "from_protobuf", "to_protobuf", "identifier",
})  # fmt: skip
"""Functions that call Java or read a file, or whose name is known only at run time."""
ANYWAY = "Add --write to run it anyway."


def require_reading(sql: str) -> None:
    """Refuse a statement that may write, read files or reach beyond SQL; nothing of it is run.

    The statement is parsed in a Java without a Spark session: what is refused starts no Spark, and
    a session that another process serves has no parser to ask.

    Args:
        sql: one statement.

    Raises:
        UsageError: names what is refused, and ``--write``.
        FootfallError: Java does not start.
        ParseException: the statement is no SQL.
    """
    from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
    from pyspark import SparkContext
    from pyspark.errors import PySparkRuntimeError
    from pyspark.errors.exceptions.captured import convert_exception

    prepare()
    # The launcher refuses a server's address beside the master that it would start itself.
    remote = os.environ.pop("SPARK_REMOTE", None)
    try:
        SparkContext._ensure_initialized()  # type: ignore[attr-defined]
    except PySparkRuntimeError as error:
        raise explain_start_failure(error) from error
    finally:
        if remote is not None:
            os.environ["SPARK_REMOTE"] = remote
    java: Any = SparkContext._jvm
    parser = java.io.delta.sql.parser.DeltaSqlParser(
        java.org.apache.spark.sql.execution.SparkSqlParser()
    )
    try:
        plan = parser.parsePlan(sql)
    except Py4JJavaError as error:
        raise convert_exception(error.java_exception) from None
    _Reader(java, parser).visit(plan)


class _Reader:
    """Walks a parsed plan through all fields of its nodes, subqueries and hints included."""

    def __init__(self, java: Any, parser: Any) -> None:
        self.java = java
        self.parser = parser

    def visit(self, item: Any, explained: bool = False) -> None:
        if not hasattr(item, "getClass"):
            return
        full_name = item.getClass().getName()
        if self._is(item, "scala.collection.Iterable"):
            fields = list(self.java.scala.jdk.javaapi.CollectionConverters.asJava(item.toSeq()))
        elif self._is(item, "scala.Product"):
            fields = [item.productElement(index) for index in range(item.productArity())]
        else:
            return
        name = full_name.split(".")[-1].rstrip("$")
        if self._is(item, "org.apache.spark.sql.catalyst.plans.logical.LogicalPlan"):
            self._check_node(item, name, explained)
            explained = explained or name == "ExplainCommand"
        elif name in ("UnresolvedFunction", "ExpressionWithUnresolvedIdentifier"):
            self._check_function(item, name)
        if name != "LocalRelation":
            for field in fields:
                self.visit(field, explained)

    def _is(self, item: Any, type_name: str) -> bool:
        return bool(self.java.py4j.reflection.TypeUtil.isInstanceOf(type_name, item))

    def _check_node(self, node: Any, name: str, explained: bool) -> None:
        is_question = name.startswith(QUESTIONS)
        if not (is_question or name in QUERY_NODES or (explained and name in EXPLAINED_NODES)):
            kind = re.sub(r"(Statement|Command)$", "", name)
            words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", kind).lower()
            raise UsageError(
                f"`footfall query` only reads tables; this statement is: {words}.", ANYWAY
            )
        if name in NAMED_NODES:
            self._check_source(node.multipartIdentifier())
        if name == "UnresolvedTableValuedFunction":
            self._check_table_function(node)

    def _check_source(self, identifier: Any) -> None:
        """Refuse a file in place of a table: a data source's name stands before its path."""
        parts = list(self.java.scala.jdk.javaapi.CollectionConverters.asJava(identifier))
        if len(parts) > 1 and self._is_data_source(parts[-2]):
            raise UsageError(
                f"`footfall query` reads the project's tables, not {parts[-2]}.`{parts[-1]}`.",
                ANYWAY,
            )

    def _is_data_source(self, name: str) -> bool:
        from py4j.protocol import Py4JJavaError
        from pyspark.errors import PySparkException

        sql = self.java.org.apache.spark.sql
        try:
            sql.execution.datasources.DataSource.lookupDataSource(name, sql.internal.SQLConf())
        except (Py4JJavaError, PySparkException):
            return False
        return True

    def _check_function(self, function: Any, name: str) -> None:
        if name == "UnresolvedFunction":
            called = function.nameParts().last().lower()
        else:
            called = "identifier"
        if called in REACHING_FUNCTIONS:
            raise UsageError(f"`footfall query` only reads tables; {called}() can do more.", ANYWAY)

    def _check_table_function(self, function: Any) -> None:
        called = function.name().last().lower()
        if called not in TABLE_FUNCTIONS:
            raise UsageError(f"`footfall query` only reads tables; {called}() may do more.", ANYWAY)
        if called == "table_changes":
            table = function.functionArgs().head()
            if self._is(table, "org.apache.spark.sql.catalyst.expressions.Literal"):
                self._check_source(self.parser.parseMultipartIdentifier(table.value().toString()))
            else:
                raise UsageError("table_changes() needs the name of a table as text.", ANYWAY)
