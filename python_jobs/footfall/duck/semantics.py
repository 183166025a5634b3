"""The project's metrics, which MetricFlow computes from the home's tables, without Java.

MetricFlow writes the SQL out of the semantic models, DuckDB runs it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime, time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import sqlglot
from pydantic import BaseModel
from sqlglot import exp

from footfall.by_day.translate import NotTranslatable, translate
from footfall.duck.condition import condition_template
from footfall.duck.query import Answer
from footfall.duck.views import add_view, answer_as_spark, connect, shut_in
from footfall.duckdb_sql import quoted
from footfall.errors import FootfallError, UsageError, first_line
from footfall.project.dbt import run_dbt
from footfall.project.tables import only_catalog_knows, tables_in_home
from footfall.settings import Settings
from footfall.words import suggest

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

TIME = "metric_time"
"""MetricFlow's name of the date by which a metric is added up."""
LISTED = "`footfall metric --list` names them."
NONE = "No semantic model is enabled: dbt's var `sources` leaves out what they read."

Grain = Literal["day", "week", "month"]


class Metric(BaseModel):
    """A metric of the project.

    Attributes:
        name: by which it is asked for.
        label: its title.
        description: what it counts.
        dimensions: by which it can be split.
    """

    name: str
    label: str
    description: str
    dimensions: list[str]


class Question(NamedTuple):
    """What is asked.

    Attributes:
        metrics: names.
        by: dimensions to split by.
        where: a condition on dimensions.
        grain: of the dates to split by; None for one figure of the whole range.
        since: first date.
        until: last date, inclusive.
    """

    metrics: Sequence[str]
    by: Sequence[str] = ()
    where: str | None = None
    grain: Grain | None = None
    since: date | None = None
    until: date | None = None


class _Dimension(NamedTuple):
    """MetricFlow's names of a dimension: in a condition, and of its column in an answer."""

    name: str
    column: str


class Semantics:
    """The semantic models of the dbt project, and the metrics in them.

    Raises:
        FootfallError: dbt cannot read the project.
    """

    def __init__(self) -> None:
        self._manifest = run_dbt("parse", quiet=True)
        self._engine = _engine(self._manifest)
        self._metrics = {metric.name: metric for metric in self._engine.list_metrics()}

    def metrics(self, names: Sequence[str] = ()) -> list[Metric]:
        """Return some metrics, or all.

        Raises:
            UsageError: a name that there is not.
        """
        self._require_known(names)
        return [
            Metric(
                name=metric.name,
                label=metric.label or metric.name,
                description=metric.description or "",
                dimensions=_shortest(self._dimensions([metric.name])),
            )
            for name, metric in self._metrics.items()
            if name in names or not names
        ]

    def answer(self, question: Question, settings: Settings) -> Answer:
        """Compute metrics from the newest version of the home's tables.

        Rows are in the order of their dates and dimensions. A date without any figure is left out.

        Args:
            question: what is asked.
            settings: the home. DuckDB can read the folders of the tables that the metrics take, and
                nothing else.

        Raises:
            UsageError: a metric, dimension or condition that there is not.
            FootfallError: a table is missing, or only Spark can read it.
        """
        if reason := only_catalog_knows(settings):
            raise FootfallError(
                f"Without Spark the tables are not known: {reason}.",
                "Ask for metrics where the home holds the tables.",
            )
        columns, sql = self._sql(question)
        with connect() as connection:
            answer_as_spark(connection)
            folders = [
                folder
                for relation in _relations(sql)
                if (folder := self._add(connection, relation, settings))
            ]
            shut_in(connection, folders)
            return _rows(connection, sql, columns, question)

    def _sql(self, question: Question) -> tuple[dict[str, str], str]:
        """Return MetricFlow's SQL, and MetricFlow's name of each column of the answer."""
        from metricflow.engine.metricflow_engine import MetricFlowQueryRequest
        from metricflow_semantics.errors.error_classes import MetricFlowException

        self._require_known(question.metrics)
        for name in question.metrics:
            if not question.grain and self._looks_back(name):
                raise UsageError(f"{name} compares dates with earlier ones.", "Add --grain day.")
        known = self._dimensions(question.metrics)
        for name in question.by:
            if name not in known:
                raise UsageError(
                    f"{' and '.join(question.metrics)}: no dimension {name!r}"
                    f"{' in common' if len(question.metrics) > 1 else ''}.",
                    suggest(name, known, f"There are {', '.join(_shortest(known))}.")
                    if known
                    else "Ask for each metric by itself.",
                )
        groups: dict[str, str] = {}
        if question.grain:
            groups[question.grain] = f"{TIME}__{question.grain}"
        groups |= {name: known[name].column for name in question.by}
        where = question.where and condition_template(
            question.where, {name: dimension.name for name, dimension in known.items()}
        )
        try:
            explained = self._engine.explain(
                MetricFlowQueryRequest.create(
                    metric_names=list(question.metrics),
                    group_by_names=list(groups.values()),
                    where_constraints=[where] if where else None,
                    time_constraint_start=_midnight(question.since),
                    time_constraint_end=_midnight(question.until),
                    order_by_names=list(groups.values()),
                )
            )
        except MetricFlowException as error:
            raise UsageError(
                f"MetricFlow cannot answer this: {_reason(error)}",
                "Ask for fewer metrics, dimensions or conditions at a time.",
            ) from error
        metrics = {name: name for name in question.metrics}
        return groups | metrics, explained.sql_statement.sql

    def _require_known(self, names: Sequence[str]) -> None:
        for name in names:
            if name not in self._metrics:
                otherwise = LISTED if self._metrics else NONE
                raise UsageError(
                    f"There is no metric {name!r}.", suggest(name, self._metrics, otherwise)
                )

    def _looks_back(self, name: str) -> bool:
        # Not in the list: a metric that MetricFlow made of a measure.
        metric = self._metrics.get(name)
        inputs = metric.type_params.metrics or () if metric else ()
        return any(
            one.offset_window or one.offset_to_grain or self._looks_back(one.name) for one in inputs
        )

    def _dimensions(self, metrics: Sequence[str]) -> dict[str, _Dimension]:
        """Return the dimensions that metrics share, by each of their names."""
        full = {
            dimension.dunder_name: _Dimension(
                dimension.dunder_name,
                f"{dimension.dunder_name}__day"
                if dimension.type.value == "time"
                else dimension.dunder_name,
            )
            for dimension in self._engine.simple_dimensions_for_metrics(list(metrics))
            if dimension.name != TIME
        }
        times = Counter(map(_short, full))
        return {_short(name): full[name] for name in full if times[_short(name)] == 1} | full

    def _add(
        self, connection: DuckDBPyConnection, relation: str, settings: Settings
    ) -> Path | None:
        """Make a view of a table or of a view of Spark; return the table's folder."""
        import duckdb

        for table in tables_in_home(settings):
            if table.name == relation:
                assert isinstance(table.folder, Path)
                try:
                    add_view(connection, relation, table.folder)
                except duckdb.Error as error:
                    raise FootfallError(
                        f"DuckDB cannot read {relation}: {first_line(error)}.",
                        "`footfall status` says what is wrong with it.",
                    ) from error
                return table.folder
        model = next(
            (node for node in self._manifest.nodes.values() if node.relation_name == relation), None
        )
        if model is None or model.config.materialized != "view":
            raise FootfallError(
                f"{relation} is not there yet.", "Run `footfall demo` or `dbt build`."
            )
        schema, _, name = relation.partition(".")
        connection.execute(f"create schema if not exists {quoted(schema)}")
        connection.execute(f"create view {quoted(schema)}.{quoted(name)} as {_view_sql(model)}")
        return None


def _engine(manifest: Any) -> Any:
    """Return MetricFlow's engine on what dbt parsed."""
    from dbt.contracts.graph.semantic_manifest import SemanticManifest
    from metricflow.engine.metricflow_engine import MetricFlowEngine
    from metricflow.protocols.sql_client import SqlEngine
    from metricflow.sql.render.duckdb_renderer import DuckDbSqlPlanRenderer
    from metricflow_semantics.model.dbt_manifest_parser import (
        parse_manifest_from_dbt_generated_manifest,
    )
    from metricflow_semantics.model.semantic_manifest_lookup import SemanticManifestLookup

    class Dialect:
        """All that the engine asks of a client while it only explains."""

        sql_engine_type = SqlEngine.DUCKDB
        sql_plan_renderer = DuckDbSqlPlanRenderer()

    with TemporaryDirectory() as folder:
        file = Path(folder) / "semantic_manifest.json"
        SemanticManifest(manifest).write_json_to_file(str(file))
        parsed = parse_manifest_from_dbt_generated_manifest(file.read_text(encoding="utf-8"))
    return MetricFlowEngine(SemanticManifestLookup(parsed), Dialect())


def _short(name: str) -> str:
    return name.rpartition("__")[2]


def _shortest(known: dict[str, _Dimension]) -> list[str]:
    """Return one name of each dimension, the shortest."""
    return sorted({dimension: name for name, dimension in reversed(known.items())}.values())


def _midnight(day: date | None) -> datetime | None:
    return datetime.combine(day, time.min) if day else None


def _reason(error: Exception) -> str:
    """Return MetricFlow's message out of an error that also quotes the question."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[lines.index("Message:") + 1] if "Message:" in lines else lines[0]


def _relations(sql: str) -> list[str]:
    """Return the tables and views that a query reads, ``schema.name``."""
    tables = sqlglot.parse_one(sql, read="duckdb").find_all(exp.Table)
    return sorted({f"{table.db}.{table.name}" for table in tables if table.db})


def _view_sql(model: Any) -> str:
    """Return a view's query in DuckDB's dialect, with the columns of its contract."""
    relation = model.relation_name
    try:
        if "{" in model.raw_code:
            raise NotTranslatable("its SQL is a template")
        query = translate(model.raw_code).sql
    except NotTranslatable as error:
        raise FootfallError(
            f"{relation} is a view that only Spark reads: {error}.",
            f"Materialize {model.name} as a table in dbt_project.yml and build it.",
        ) from error
    columns = ", ".join(
        f"cast({quoted(column.name)} as {column.data_type}) as {quoted(column.name)}"
        for column in model.columns.values()
    )
    return f"select {columns} from ({query})"


def _rows(
    connection: DuckDBPyConnection, sql: str, columns: dict[str, str], question: Question
) -> Answer:
    import duckdb

    try:
        result = connection.sql(sql)
        places = [result.columns.index(name) for name in columns.values()]
        rows = [tuple(_plain(row[place]) for place in places) for row in result.fetchall()]
    except duckdb.Error as error:
        if question.where:
            raise UsageError(
                f"--where: {first_line(error)}.", "Compare a dimension with values of its type."
            ) from error
        raise FootfallError(
            f"DuckDB cannot compute it: {first_line(error)}.",
            "`footfall status` says whether the tables can be read.",
        ) from error
    figures = len(question.metrics)
    if question.grain:
        # A metric that looks back also has the dates from which the newest ones are looked back at.
        rows = [row for row in rows if any(value is not None for value in row[-figures:])]
    return Answer(list(columns), rows)


def _plain(value: Any) -> Any:
    """Return the date of a midnight: MetricFlow truncates dates to timestamps."""
    return value.date() if isinstance(value, datetime) and value.time() == time.min else value
