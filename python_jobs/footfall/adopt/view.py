"""The view that shows the rows of an adopted table as those of a bronze table.

Ingestion's own expressions convert the columns (:mod:`footfall.ingest.read`). Spark keeps a view as
text, so each step of its analysed plan is written as a SELECT around the one before, and the text
is taken only if Spark finds that it means the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from pyspark.errors import AnalysisException, ParseException, PySparkException
from pyspark.sql.pandas.types import to_arrow_type
from pyspark.sql.types import ArrayType, StructType

from footfall.adopt.loads import Loads
from footfall.errors import FootfallError, UsageError
from footfall.ingest.fields import json_type
from footfall.ingest.files import (
    FileRejectedError,
    FileShape,
    PhysicalColumn,
    ReadPlan,
    plan_read,
)
from footfall.ingest.mapping import Mapping
from footfall.ingest.read import ERRORS, SELECTED, SOURCE_FILE, convert_rows
from footfall.ingest.types import is_text
from footfall.project.adopted import Adoption
from footfall.project.contracts import Contract
from footfall.project.records import ADOPTED_COMMITS, record_table
from footfall.settings import Settings
from footfall.spark.conf import temporary_conf
from footfall.spark.sql_text import quoted_name, text_literal

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.types import DataType


LAMBDA = re.compile(
    r"lambdafunction\(((?:(?!lambdafunction\().)*?), namedlambdavariable\(\)\)", re.DOTALL
)
"""How Spark writes a lambda of one argument, in which no other lies."""


def table_shape(spark: SparkSession, table: str) -> FileShape:
    """Return a table's columns as those of a Parquet file, which is what it stores.

    Columns of types that ingestion does not know are left out, such as variants.

    Raises:
        FootfallError: there is no such table.
    """
    try:
        fields = spark.table(table).schema.fields
    except AnalysisException as error:
        raise no_delta_table(table.replace("`", "")) from error
    columns = []
    for field in fields:
        with suppress(PySparkException):
            kind = to_arrow_type(field.dataType, timezone="UTC")
            columns.append(PhysicalColumn(field.name, kind))
    return FileShape("parquet", tuple(columns))


def plan_table(spark: SparkSession, table: str, contract: Contract, mapping: Mapping) -> ReadPlan:
    """Decide which columns of a table become the contract's.

    Raises:
        UsageError: a required column is missing, or one has a type that does not fit.
    """
    try:
        return plan_read(f"the table {table}", table_shape(spark, table), contract, mapping)
    except FileRejectedError as error:
        raise UsageError(
            str(error), "Correct the mapping, or name another one by --mapping."
        ) from None


def rows_sql(
    spark: SparkSession, table: str, plan: ReadPlan, contract: Contract, loads: Loads
) -> str:
    """Return the SELECT of a table's rows in the contract's columns.

    Beside them: ``_source_file``, ``_ingest_errors``, ``_selected`` and what tells the load.

    Args:
        spark: with what reading needs set.
        table: as it stands in SQL.
        plan: where the columns come from.
        contract: the entity's.
        loads: what tells the load of a row.

    Raises:
        UsageError: the mapping needs what a view cannot hold.
    """
    names = {column: f"c{index}" for index, column in enumerate(plan.columns())}
    source = text_literal(table.replace("`", "") + "@")
    # Analysed, the metadata of Delta's files no longer reads as SQL.
    first = [
        *(f"{quoted_name(column.name)} as {name}" for column, name in names.items()),
        f"concat({source}, {loads.written_by}) as {SOURCE_FILE}",
        *(f"{expression} as {name}" for name, expression in loads.beside.items()),
    ]
    raw = spark.table(table).selectExpr(*first)
    text = "select\n    " + ",\n    ".join(first) + f"\nfrom {table}"
    parsed = {
        f"{name}_parsed": json_type(plan.ways_below(column))
        for column, name in names.items()
        if plan.ways_below(column) and is_text(column.type)
    }
    rows = convert_rows(raw, names, plan, contract, tuple(loads.beside))
    for number, step in enumerate(_steps(rows, raw)):
        text = f"{_selected(step, parsed)}\nfrom (\n{text}\n) as step{number}"
    if not _means(spark, text, rows):
        raise _not_in_a_view()
    return text


def _not_in_a_view() -> UsageError:
    return UsageError(
        "The mapping needs what a view cannot hold.",
        "Have the table's owner store that value as a column, or ingest files of the table.",
    )


def _steps(rows: DataFrame, raw: DataFrame) -> Iterator[Any]:
    """Return the nodes of the plan between two frames, the innermost first."""
    plan = rows._jdf.queryExecution().analyzed()
    inner = raw._jdf.queryExecution().analyzed()
    found: list[Any] = []
    while not plan.fastEquals(inner):
        if plan.nodeName() not in ("Project", "Generate"):
            raise _not_in_a_view()
        if plan.nodeName() == "Generate":
            # Spark adds the projection above it when it reads the explode().
            found.pop()
        found.append(plan)
        plan = plan.child()
    return reversed(found)


def _selected(step: Any, parsed: dict[str, ArrayType | StructType]) -> str:
    if step.nodeName() == "Generate":
        exploded = step.generator().sql()
        if step.outer():
            exploded = exploded.replace("explode(", "explode_outer(", 1)
        return f"select *, {exploded} as {step.generatorOutput().apply(0).name()}"
    listed = step.projectList()
    columns = (_column(listed.apply(index), parsed) for index in range(listed.size()))
    return "select\n    " + ",\n    ".join(columns)


def _column(expression: Any, parsed: dict[str, ArrayType | StructType]) -> str:
    name = str(expression.name())
    if name in parsed and expression.nodeName() == "Alias":
        # Written by Spark, it lacks the schema.
        schema = text_literal(_ddl(parsed[name]))
        return f"from_json({name.removesuffix('_parsed')}, {schema}) as {name}"
    return _with_arrows(str(expression.sql()))


def _with_arrows(text: str) -> str:
    """Return SQL in which lambdas are as Spark reads them: it writes them as functions."""

    def arrow(found: re.Match[str]) -> str:
        return f"item -> {found[1].replace('namedlambdavariable()', 'item')}"

    return LAMBDA.sub(arrow, text)


def _ddl(kind: DataType) -> str:
    if isinstance(kind, ArrayType):
        return f"array<{_ddl(kind.elementType)}>"
    if isinstance(kind, StructType):
        fields = ", ".join(
            f"{quoted_name(part.name)}: {_ddl(part.dataType)}" for part in kind.fields
        )
        return f"struct<{fields}>"
    return kind.simpleString()


def _means(spark: SparkSession, text: str, rows: DataFrame) -> bool:
    """Return whether a text is read as the same plan.

    Compared as texts: an exploded column differs in what nothing reads, and plans with one are
    never the same to Spark.
    """
    try:
        written = spark.sql(text)
    except (AnalysisException, ParseException):
        return False
    with temporary_conf(spark, {"spark.sql.debug.maxToStringFields": "100000"}):
        plans = [
            frame._jdf.queryExecution().analyzed().canonicalized().toString()
            for frame in (written, rows)
        ]
    return written.columns == rows.columns and plans[0] == plans[1]


def view_sql(
    view: str, rows: str, contract: Contract, adoption: Adoption, loads: Loads, settings: Settings
) -> str:
    """Return the statement that creates an entity's view.

    A row arrived when its commit was made, or when its arrival column says; rows of commits that
    the table's history had forgotten by then arrived when the table was adopted.

    Args:
        view: its name.
        rows: see :func:`rows_sql`.
        contract: the entity's.
        adoption: what its properties say.
        loads: as for the rows.
        settings: schemas.
    """
    adopted_at = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M:%S")
    names = [column.name for column in contract.columns]
    committed_at = f"coalesce(commits.committed_at, timestamp'{adopted_at}')"
    beside = loads.columns(names, committed_at)
    listed = ",\n    ".join(
        [
            *(f"found.{name}" for name in [*names, SOURCE_FILE, ERRORS]),
            *(f"{expression} as {name}" for name, expression in beside.items()),
        ]
    )
    properties = ", ".join(
        f"{text_literal(name)} = {text_literal(value)}"
        for name, value in adoption.properties().items()
    )
    commits = record_table(ADOPTED_COMMITS).name_in(settings)
    return f"""\
create or replace view {view}
comment {text_literal(f"Rows of {adoption.table}, adopted for {contract.name}")}
tblproperties ({properties})
as
select
    {listed}
from (
{rows}
) as found
left join (
    select {loads.seen} from {commits} where source = '{contract.name}'{loads.grouped}
) as commits
    on {loads.is_of_load}
where found.{SELECTED}"""


def no_delta_table(shown: str) -> FootfallError:
    """Return what is said of a table that cannot be adopted for what it is."""
    return FootfallError(
        f"{shown} is not a Delta table that this session can read.",
        "Name a table as catalog.schema.table, or the folder of one.",
    )
