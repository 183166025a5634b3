"""dbt plugin of footfall, found by dbt through its name.

It gives dbt-spark's ``session`` method what it lacks: a prepared environment before Spark starts, a
session that several processes share, a second try for writes that lost against another run, and a
submission method ``session`` for Python models.
"""

from __future__ import annotations

import linecache
import re
import sys
from typing import Any

from dbt.adapters.base import PythonJobHelper
from dbt.adapters.contracts.connection import Connection
from dbt.adapters.events.logging import AdapterLogger
from dbt.adapters.spark.connections import SparkConnectionManager, SparkConnectionMethod
from dbt.adapters.spark.impl import SparkAdapter
from dbt.adapters.spark.session import Cursor
from dbt.plugins.manager import dbtPlugin
from dbt_common.exceptions import DbtRuntimeError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from footfall.conflicts import retry_conflicts, table_of
from footfall.errors import FootfallError, without_java_stack
from footfall.shared_session import holder_ended, is_lost
from footfall.spark import get_session

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
            line = _line_in(self.file_name, error)
            raise DbtRuntimeError(
                f"Python model {self.model_name} failed at {self.file_name}:{line}: "
                f"{type(error).__name__}: {error}"
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
        DbtRuntimeError: Spark refused the statement, or the conflict lasted.
    """
    statement = sql % parameters if parameters else sql
    session = _configured_session(self.server_side_parameters)
    try:
        self._df = retry_conflicts(lambda: session.sql(statement), table_of(statement))
    except (FootfallError, PySparkException) as error:
        if isinstance(error, PySparkException) and is_lost(error):
            raise DbtRuntimeError(str(holder_ended())) from error
        message = without_java_stack(error)
        if not OPTIMIZE.match(statement):
            raise DbtRuntimeError(message) from error
        log.warning(f"{table_of(statement)} was not compacted, a later run will: {message}")
        self._df = session.sql("select 'not optimized' as result")


def _say(line: str) -> None:
    print(line, file=sys.stderr)


def _configured_session(parameters: dict[str, Any]) -> SparkSession:
    builder = SparkSession.builder
    for key, value in parameters.items():
        builder = builder.config(key, value)
    return builder.getOrCreate()


def _install() -> None:
    cluster_helpers = SparkAdapter.python_submission_helpers.fget
    open_connection = SparkConnectionManager.open.__func__

    def python_submission_helpers(self: SparkAdapter) -> dict[str, type[PythonJobHelper]]:
        return {**cluster_helpers(self), "session": SessionPythonJobHelper}

    def open(cls: type[SparkConnectionManager], connection: Connection) -> Connection:
        if connection.credentials.method == SparkConnectionMethod.SESSION:
            try:
                get_session(join_others=True, say=_say)
            except FootfallError as error:
                raise DbtRuntimeError(str(error)) from error
        return open_connection(cls, connection)

    SparkAdapter.python_submission_helpers = property(python_submission_helpers)
    SparkConnectionManager.open = classmethod(open)
    Cursor.execute = execute


class FootfallPlugin(dbtPlugin):
    """Installs the extensions into dbt-spark."""

    def initialize(self) -> None:
        if not getattr(SparkAdapter, "_footfall_installed", False):
            _install()
            SparkAdapter._footfall_installed = True


plugins = [FootfallPlugin]
