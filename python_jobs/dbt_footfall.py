"""dbt plugin of footfall, found by dbt through its name.

It gives dbt-spark's ``session`` method what it lacks: a prepared environment before Spark starts, a
session that several processes share, a second try for writes that lost against another run, errors
without Java's traces, an end by one message at Ctrl-C, a submission method ``session`` for Python
models, and a documentation that knows Delta tables.
"""

from __future__ import annotations

import linecache
import re
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbt.adapters.base import PythonJobHelper
from dbt.adapters.contracts.connection import Connection
from dbt.adapters.contracts.relation import RelationType
from dbt.adapters.events.logging import AdapterLogger
from dbt.adapters.spark.connections import SparkConnectionManager, SparkConnectionMethod
from dbt.adapters.spark.impl import TABLE_OR_VIEW_NOT_FOUND_MESSAGES, SparkAdapter
from dbt.adapters.spark.relation import SparkRelation
from dbt.adapters.spark.session import Cursor
from dbt.plugins.manager import dbtPlugin
from dbt.task.runnable import GraphRunnableTask, mark_node_as_skipped
from dbt_common.exceptions import DbtRuntimeError
from pyspark.sql import Row, SparkSession

from footfall import interrupts
from footfall.errors import FootfallError
from footfall.settings import get_settings
from footfall.spark.catalog import describe
from footfall.spark.conf import hash_key_conf
from footfall.spark.conflicts import run_statement, table_of
from footfall.spark.delta_log import DeltaTable, read_delta_table, table_location
from footfall.spark.explain import explain
from footfall.spark.session import get_session
from footfall.trace_log import log_trace, trace_of
from footfall.words import count

if TYPE_CHECKING:
    from footfall.by_day.step import DayStep

log = AdapterLogger("Spark")

OPTIMIZE = re.compile(r"(\s|/\*.*?\*/)*optimize\s", re.IGNORECASE | re.DOTALL)


class SessionPythonJobHelper(PythonJobHelper):
    """Runs a compiled Python model in the Spark session that dbt itself uses.

    Args:
        parsed_model: the model's node as a dict.
        credentials: the target's credentials; only ``method: session`` is served.
    """

    def __init__(self, parsed_model: dict[str, Any], credentials: Any) -> None:
        if credentials.method != SparkConnectionMethod.SESSION:
            raise DbtRuntimeError(
                f"Python model {parsed_model['name']}: the submission method 'session' needs a "
                f"target with method 'session', this one has '{credentials.method}'.\n"
                "  → Run it on target 'local', or set submission_method to one that your cluster "
                "offers (job_cluster, all_purpose_cluster)."
            )
        self.file_name = f"{parsed_model['original_file_path']}"
        self.model_name = parsed_model["name"]

    def submit(self, compiled_code: str) -> Any:
        """Execute the code; a failure becomes a dbt error that names the model's line."""
        linecache.cache[self.file_name] = (
            len(compiled_code), None, compiled_code.splitlines(keepends=True), self.file_name,
        )  # fmt: skip
        namespace = {
            "spark": get_session(join_others=True),
            "__name__": f"dbt_model_{self.model_name}",
        }
        try:
            exec(compile(compiled_code, self.file_name, "exec"), namespace)
        except Exception as error:
            place = f"{self.file_name}:{_line_in(self.file_name, error)}"
            raise DbtRuntimeError(
                f"Python model {self.model_name} failed at {place}: {_explained(error, place)}"
            ) from error


def _line_in(file_name: str, error: BaseException) -> int:
    line, trace = 0, error.__traceback__
    while trace:
        if trace.tb_frame.f_code.co_filename == file_name:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def execute(self: Cursor, sql: str, *parameters: Any) -> None:
    """Run a statement in the process's session; a write that lost a conflict is run again.

    Stands in for dbt-spark's own, which asks for Hive support at each statement: a session in
    another process's Spark refuses that. An OPTIMIZE that fails only warns: the rows are there.

    Raises:
        FootfallError: Spark refused the statement, or the conflict lasted.
    """
    statement = sql % parameters if parameters else sql
    session = _configured_session(self.server_side_parameters)
    try:
        self._df = run_statement(session, statement)
    except Exception as error:
        if not OPTIMIZE.match(statement):
            raise _explained(error) from error
        told = explain(error)
        log.warning(f"{table_of(statement)} was not compacted; a later run does it: {told.message}")
        self._df = session.sql("select 'not optimized' as result")


def fetchall(self: Cursor) -> list[Row] | None:
    """Return the statement's rows. A query runs only now, so that it may fail here.

    Raises:
        DbtRuntimeError: Spark could not run the query.
    """
    if self._rows is None and self._df is not None:
        try:
            self._rows = self._df.collect()
        except Exception as error:
            raise DbtRuntimeError(str(_explained(error))) from error
    rows: list[Row] | None = self._rows
    return rows


def _explained(error: Exception, code_at: str = "") -> FootfallError:
    """Return an error as the user reads it, naming the log that has the trace."""
    if isinstance(error, FootfallError):
        return error
    told = explain(error, code_at=code_at)
    if any(sign in told.message for sign in TABLE_OR_VIEW_NOT_FOUND_MESSAGES):
        # dbt asks for tables that may not exist yet.
        return told
    log.debug(trace_of(error))
    file = log_trace(error, "dbt")
    return FootfallError(told.message, f"{told.fix}\n  Trace: {file}" if file else told.fix)


def read_delta_log(_adapter: SparkAdapter, relation: SparkRelation) -> DeltaTable | None:
    """Return the newest version of a table, for macros: `adapter.read_delta_log(relation)`.

    Args:
        relation: from dbt's cache, which knows the table's location unless this run made it.

    Returns:
        None for a view, a table that only Spark can reach, or a log that Spark must read.
    """
    is_view = relation.type == RelationType.View
    # Databricks' relations know of no location.
    information = getattr(relation, "information", "")
    if information is None and not is_view:
        information = _location(relation)
    folder = None if is_view else table_location(information or "", get_settings())
    return read_delta_table(folder) if folder else None


def _location(relation: SparkRelation) -> str | None:
    """Return where the catalog has a table, as ``show table extended`` says it."""
    session = get_session(join_others=True)
    if not hasattr(session, "_jsparkSession"):
        return None
    uri = describe(session, f"{relation.schema}.{relation.identifier}").location()
    return f"Location: file:{uri.getPath()}" if uri.getScheme() == "file" else f"Location: {uri}"


def try_statements(adapter: SparkAdapter, statements: list[str], problem: str) -> bool:
    """Run statements for macros, where a failure only warns.

    Called as `adapter.try_statements(statements, problem)`.

    Args:
        statements: run one after the other, up to the first that fails.
        problem: what the warning says did not happen.

    Returns:
        Whether all of them succeeded.
    """
    try:
        for statement in statements:
            adapter.execute(statement)
    except Exception as error:
        log.warning(f"{problem}: {error}")
        return False
    return True


def day_step(
    _adapter: SparkAdapter,
    model: dict[str, Any],
    sql: str,
    dates: list[str] | None,
    relation: SparkRelation | None,
) -> DayStep | None:
    """Return a run of a model as DuckDB computes it, for macros: `adapter.day_step(…)`.

    Args:
        model: its node.
        sql: its query, as dbt compiled it.
        dates: the days, ``YYYY-MM-DD``; None for all.
        relation: its table; None where it does not exist.

    Returns:
        None where Spark has to compute it: dbt's log says why.
    """
    # Here: what parses or tests needs neither DuckDB nor the translator, which load for long.
    from footfall.by_day.step import DayStep

    partition_by = model["config"].get("partition_by") or []
    columns = [partition_by] if isinstance(partition_by, str) else partition_by
    by_day = model["config"]["meta"].get("by_day")
    session = get_session(join_others=True)
    step = DayStep(
        get_settings(), session, model["name"], sql, ", ".join(columns) or None, dates,
        at_once=not by_day, by_day=frozenset(by_day if isinstance(by_day, list) else ()),
    )  # fmt: skip
    obstacle = step.obstacle(str(relation) if relation else None)
    if obstacle:
        log.debug(f"Spark computes {step.model}: {obstacle}")
    return None if obstacle else step


def tasks_at_a_time(adapter: SparkAdapter, by_day: bool) -> int | None:
    """Return how many tasks Spark runs at a time, for macros: `adapter.tasks_at_a_time(by_day)`.

    Args:
        by_day: whether the days of the model that is planned are independent.

    Returns:
        One where DuckDB computes such days, which no hot key holds up. None where Spark runs in
        another process, which has to be asked.
    """
    from footfall.by_day.step import leaves_days_to_spark

    if adapter.config.credentials.method != SparkConnectionMethod.SESSION:
        return None
    session = get_session(join_others=True)
    if by_day and not leaves_days_to_spark(get_settings(), session):
        return 1
    if not hasattr(session, "_jsparkSession"):
        return None
    return session.sparkContext.defaultParallelism


def columns_for_catalog(self: SparkAdapter, relation: SparkRelation) -> Iterator[dict[str, Any]]:
    """Yield a row of dbt's catalog for each column of a table or view.

    Stands in for dbt-spark's own, which parses what ``show table extended`` prints: no columns for
    Delta tables. Delta's log has them, and the statistics; the warehouse is asked for the rest.
    """
    information = relation.information or ""
    table = read_delta_log(self, relation)
    rows = table.rows if table else None
    if table:
        columns = table.columns
        rows = _count(self, relation) if rows is None else rows
    else:
        described = self.get_columns_in_relation(relation)
        columns = [(column.name, column.dtype) for column in described]
    owner = re.search(self.INFORMATION_OWNER_REGEX, information)
    for index, (name, data_type) in enumerate(columns):
        yield {
            "table_database": None,
            "table_schema": relation.schema,
            "table_name": relation.identifier,
            "table_type": relation.type,
            "table_owner": owner and owner.group(1),
            "column_name": name,
            "column_type": data_type,
            "column_index": index,
            **dict(_statistics(table, rows)),
        }


def _count(adapter: SparkAdapter, relation: SparkRelation) -> int:
    _, counted = adapter.execute(f"select count(*) from {relation}", fetch=True)
    return int(counted.rows[0][0])


def _statistics(table: DeltaTable | None, rows: int | None) -> Iterator[tuple[str, Any]]:
    """Yield what dbt's catalog takes as a table's statistics; those of a view are not shown.

    Args:
        table: the table; None for a view.
        rows: its rows, counted.
    """
    for name, label, description, value in (
        ("num_rows", "# Rows", "Rows of the newest version", rows),
        ("num_bytes", "Approximate Size", "Bytes of its files", table and table.size_bytes),
        (
            "last_modified",
            "Last Modified",
            "When it was last written",
            table and f"{table.modified_at:%Y-%m-%d %H:%MUTC}",
        ),
    ):
        yield f"stats:{name}:label", label
        yield f"stats:{name}:value", value
        yield f"stats:{name}:description", description
        yield f"stats:{name}:include", value is not None


def _say(line: str) -> None:
    print(line, file=sys.stderr)


def _configured_session(parameters: dict[str, Any]) -> SparkSession:
    builder = SparkSession.builder
    for key, value in (parameters | hash_key_conf(get_settings())).items():
        builder = builder.config(key, value)
    return builder.getOrCreate()


def _standing(task: GraphRunnableTask) -> interrupts.Standing:
    """Record what a task has finished, as dbt does at its end: ``dbt retry`` then runs the rest."""
    finished = list(task.node_results)
    ids = {result.node.unique_id for result in finished}
    rest = [node for node in task._flattened_nodes or [] if node.unique_id not in ids]
    message = f"dbt had finished {len(finished)} of {count(len(finished) + len(rest), 'node')}"
    again = interrupts.CONTINUES
    try:
        results = [*finished, *(mark_node_as_skipped(node, ids, "Interrupted") for node in rest)]
        seconds = time.time() - task.started_at
        task.get_result(results, seconds, datetime.now(timezone.utc).replace(tzinfo=None)).write(
            task.result_path()
        )
        again = "The same command continues; `dbt retry` runs only what was not finished."
    except Exception as error:
        log.debug(f"run_results.json was not written: {error}")
    return interrupts.Standing(f"{message}; what is finished is kept.", again)


def _install() -> None:
    cluster_helpers = SparkAdapter.python_submission_helpers.fget
    open_connection = SparkConnectionManager.open.__func__
    execute_all = GraphRunnableTask.execute_nodes

    def python_submission_helpers(self: SparkAdapter) -> dict[str, type[PythonJobHelper]]:
        return {**cluster_helpers(self), "session": SessionPythonJobHelper}

    def open(cls: type[SparkConnectionManager], connection: Connection) -> Connection:
        # Casts between timestamps and dates follow the zone of the server's session.
        connection.credentials.server_side_parameters["spark.sql.session.timeZone"] = "UTC"
        if connection.credentials.method == SparkConnectionMethod.SESSION:
            try:
                get_session(join_others=True, say=_say)
            except FootfallError as error:
                raise DbtRuntimeError(str(error)) from error
        return open_connection(cls, connection)

    def execute_nodes(self: GraphRunnableTask) -> Any:
        if getattr(self.config.credentials, "method", None) == SparkConnectionMethod.SESSION:
            with interrupts.working(lambda: _standing(self)):
                return execute_all(self)
        # Statements on a cluster outlive this process: dbt cancels them.
        with interrupts.suspended():
            return execute_all(self)

    SparkAdapter.python_submission_helpers = property(python_submission_helpers)
    SparkConnectionManager.open = classmethod(open)
    SparkAdapter._get_columns_for_catalog = columns_for_catalog
    SparkAdapter.read_delta_log = read_delta_log
    SparkAdapter.try_statements = try_statements
    SparkAdapter.day_step = day_step
    SparkAdapter.tasks_at_a_time = tasks_at_a_time
    SparkAdapter._available_ |= {
        "read_delta_log", "try_statements", "day_step", "tasks_at_a_time",
    }  # fmt: skip
    Cursor.execute = execute
    Cursor.fetchall = fetchall
    GraphRunnableTask.execute_nodes = execute_nodes


class FootfallPlugin(dbtPlugin):
    """Installs the extensions into dbt-spark."""

    def initialize(self) -> None:
        """Check the settings and install the extensions, once in a process.

        Raises:
            UsageError: a setting is not valid.
        """
        get_settings()
        if Path(sys.argv[0]).name == "dbt":
            interrupts.install()
        if not getattr(SparkAdapter, "_footfall_installed", False):
            _install()
            SparkAdapter._footfall_installed = True


plugins = [FootfallPlugin]
