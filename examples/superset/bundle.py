"""Make the file that Superset imports: a database, datasets, charts and four dashboards.

    python examples/superset/bundle.py --database duckdb:////data/marts.duckdb --out footfall.zip
    python examples/superset/bundle.py --database hive://me@127.0.0.1:10000/footfall_gold

What they show stands in dashboards.yml, the columns in the models' yml. Ids follow from names, so
that a later import replaces what an earlier one made.
"""

from __future__ import annotations

import argparse
import json
import uuid
import zipfile
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from footfall.project.described import described_models
from footfall.project.records import record_table
from footfall.settings import PROJECT_DIR, get_settings

SPEC = Path(__file__).with_name("dashboards.yml")
DATABASE = "footfall"
KINDS = {
    "trend": "big_number",
    "total": "big_number_total",
    "line": "echarts_timeseries_line",
    "bars": "echarts_timeseries_bar",
    "pie": "pie",
    "table": "table",
    "heatmap": "heatmap_v2",
}
# Not the week: Superset writes it for Hive in a way that Spark refuses.
GRAINS = {"day": "P1D", "month": "P1M"}
NO_FILTER = "No filter"
HEIGHTS = {"trend": 20, "total": 20}
HEIGHT = 46
MOST_ROWS = 10_000
VERSION = {"version": "1.0.0"}
READ_ONLY = {"engine_params": {"connect_args": {"read_only": True}}}


class Dataset(NamedTuple):
    """A table, or its newest rows.

    Attributes:
        table: its name, without a schema.
        newest: the column whose largest value its rows have.
    """

    table: str
    newest: str | None

    @property
    def name(self) -> str:
        return f"{self.table}_newest" if self.newest else self.table

    @property
    def schema(self) -> str:
        return get_settings().schema_of("quality" if self.table.startswith("dq_") else "gold")

    @property
    def sql(self) -> str | None:
        """The query of a dataset that is more than a table."""
        if not self.newest:
            return None
        table = f"{self.schema}.{self.table}"
        return (
            f"select * from {table} where {self.newest} in (select max({self.newest}) from {table})"
        )


def read_spec() -> dict[str, list[list[dict[str, Any]]]]:
    """Return the rows of charts of each dashboard."""
    spec: dict[str, Any] = yaml.safe_load(SPEC.read_text(encoding="utf-8"))
    dashboards: dict[str, list[list[dict[str, Any]]]] = spec["dashboards"]
    return dashboards


def charts_of(rows: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    return [chart for row in rows for chart in row]


def dataset_of(chart: dict[str, Any]) -> Dataset:
    return Dataset(chart["table"], chart.get("newest"))


@lru_cache(maxsize=1)
def models() -> dict[str, dict[str, Any]]:
    return described_models(PROJECT_DIR / "models")


def columns_of(table: str) -> dict[str, str]:
    """Return the types of a table's columns, without those with personal data."""
    if table not in models():
        return {column.name: column.data_type for column in record_table(table).columns}
    return {
        column["name"]: column["data_type"]
        for column in models()[table]["columns"]
        if not column.get("config", {}).get("meta", {}).get("personal")
    }


def date_column(table: str) -> str | None:
    """Return the column by which a table's rows are filtered: the first date or instant."""
    times = [name for name, kind in columns_of(table).items() if kind in ("date", "timestamp")]
    return times[0] if times else None


def is_time(table: str, column: str | None) -> bool:
    return column is not None and columns_of(table)[column] in ("date", "timestamp")


def id_of(*names: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "/".join(("footfall", *names))))


# ---------- a chart


def metric(label: str, sql: str) -> dict[str, Any]:
    return {"expressionType": "SQL", "sqlExpression": sql, "label": label, "optionName": label}


def query_of(chart: dict[str, Any]) -> dict[str, Any]:
    """Return the query that Superset keeps beside a chart, for reports and for its API."""
    x, split, date = chart.get("x"), chart.get("split"), date_column(chart["table"])
    columns: list[Any] = [name for name in (x, split) if name]
    if is_time(chart["table"], x) and chart["kind"] != "table":
        grain = GRAINS[chart.get("grain", "day")]
        columns[0] = {
            "columnType": "BASE_AXIS", "expressionType": "SQL", "sqlExpression": x, "label": x,
            "timeGrain": grain,
        }  # fmt: skip
    metrics = [metric(label, sql) for label, sql in chart["values"].items()]
    query = {
        "columns": columns,
        "metrics": metrics,
        "filters": [{"col": date, "op": "TEMPORAL_RANGE", "val": NO_FILTER}] if date else [],
        "extras": {"where": f"({chart['where']})"} if "where" in chart else {},
        "row_limit": chart.get("sort", MOST_ROWS),
        "orderby": [[metrics[0], False]] if "sort" in chart else [],
    }
    return {
        "datasource": {"id": 0, "type": "table"},
        "queries": [query],
        "result_format": "json",
        "result_type": "full",
    }


def params_of(chart: dict[str, Any]) -> dict[str, Any]:
    """Return what Superset's page draws a chart from."""
    kind, x, split = chart["kind"], chart.get("x"), chart.get("split")
    date = date_column(chart["table"])
    filters: list[dict[str, Any]] = []
    if date:
        filters.append({
            "clause": "WHERE", "expressionType": "SIMPLE", "subject": date,
            "operator": "TEMPORAL_RANGE", "comparator": NO_FILTER,
        })  # fmt: skip
    if "where" in chart:
        filters.append({
            "clause": "WHERE", "expressionType": "SQL", "sqlExpression": chart["where"],
        })  # fmt: skip
    metrics = [metric(label, sql) for label, sql in chart["values"].items()]
    params: dict[str, Any] = {
        "viz_type": KINDS[kind],
        "adhoc_filters": filters,
        "row_limit": chart.get("sort", MOST_ROWS),
        "y_axis_format": chart.get("format", "SMART_NUMBER"),
        "number_format": chart.get("format", "SMART_NUMBER"),
    }
    if kind in ("trend", "total", "pie", "heatmap"):
        params["metric"] = metrics[0]
    else:
        params["metrics"] = metrics
    if is_time(chart["table"], x):
        params["time_grain_sqla"] = GRAINS[chart.get("grain", "day")]
    return params | LOOKS[kind](chart, x, split, metrics)


def _trend(_: Any, x: str, __: Any, ___: Any) -> dict[str, Any]:
    return {"x_axis": x, "show_trend_line": True, "start_y_axis_at_zero": True,
            "header_font_size": 0.4, "subtitle_font_size": 0.125}  # fmt: skip


def _total(*_: Any) -> dict[str, Any]:
    return {"header_font_size": 0.4, "subtitle_font_size": 0.125}


def _line(_: Any, x: str, split: str | None, metrics: list[Any]) -> dict[str, Any]:
    return {"x_axis": x, "groupby": [split] if split else [], "rich_tooltip": True,
            "show_legend": bool(split) or len(metrics) > 1, "legendOrientation": "top",
            "x_axis_time_format": "%d %b", "truncateYAxis": False,
            "markerEnabled": False}  # fmt: skip


def _bars(chart: dict[str, Any], x: str, split: str | None, metrics: list[Any]) -> dict[str, Any]:
    look = _line(chart, x, split, metrics) | {"stack": "Stack", "orientation": "vertical"}
    if chart.get("grain") == "month":
        look["x_axis_time_format"] = "%b %Y"
    if "sort" in chart:
        look |= {"orientation": "horizontal", "x_axis_sort": metrics[0]["label"],
                 "x_axis_sort_asc": True, "order_desc": True,
                 "timeseries_limit_metric": metrics[0]}  # fmt: skip
    return look


def _pie(_: Any, __: Any, split: str, ___: Any) -> dict[str, Any]:
    return {
        "groupby": [split],
        "donut": True,
        "label_type": "percent",
        "show_legend": True,
        "number_format": ".0f",
        "outerRadius": 60,
    }


def _table(_: Any, x: str, split: str | None, metrics: list[Any]) -> dict[str, Any]:
    return {"query_mode": "aggregate", "groupby": [name for name in (x, split) if name],
            "timeseries_limit_metric": metrics[0], "order_desc": True,
            "show_cell_bars": False}  # fmt: skip


def _heatmap(_: Any, x: str, split: str, __: Any) -> dict[str, Any]:
    return {"x_axis": x, "groupby": split, "sort_x_axis": "alpha_asc", "sort_y_axis": "alpha_asc",
            "x_axis_time_format": "%d %b", "xscale_interval": -1, "yscale_interval": -1,
            "left_margin": 75, "bottom_margin": 50, "normalize_across": "heatmap",
            "linear_color_scheme": "superset_seq_1", "show_values": True, "show_legend": False,
            "show_percentage": False}  # fmt: skip


LOOKS: dict[str, Callable[..., dict[str, Any]]] = {
    "trend": _trend,
    "total": _total,
    "line": _line,
    "bars": _bars,
    "pie": _pie,
    "table": _table,
    "heatmap": _heatmap,
}


# ---------- the files


def database_file(uri: str) -> dict[str, Any]:
    return VERSION | {
        "database_name": DATABASE,
        "uuid": id_of("database"),
        "sqlalchemy_uri": uri,
        "expose_in_sqllab": True,
        "allow_dml": False,
        "extra": READ_ONLY if uri.startswith("duckdb:") else {},
    }


def dataset_file(dataset: Dataset) -> dict[str, Any]:
    columns = columns_of(dataset.table)
    return VERSION | {
        "table_name": dataset.name,
        "uuid": id_of("dataset", dataset.name),
        "database_uuid": id_of("database"),
        "schema": dataset.schema,
        "sql": dataset.sql,
        "main_dttm_col": date_column(dataset.table),
        "extra": None,
        "metrics": [],
        "columns": [
            {
                "column_name": name,
                "type": kind.upper(),
                "is_dttm": is_time(dataset.table, name),
                "filterable": True,
                "groupby": True,
            }
            for name, kind in columns.items()
        ],
    }


def chart_file(dashboard: str, chart: dict[str, Any]) -> dict[str, Any]:
    return VERSION | {
        "slice_name": chart["title"],
        "uuid": id_of("chart", dashboard, chart["title"]),
        "viz_type": KINDS[chart["kind"]],
        "params": params_of(chart),
        "query_context": json.dumps(query_of(chart)),
        "dataset_uuid": id_of("dataset", dataset_of(chart).name),
    }


def dashboard_file(dashboard: str, rows: list[list[dict[str, Any]]]) -> dict[str, Any]:
    position: dict[str, Any] = {
        "DASHBOARD_VERSION_KEY": "v2",
        "ROOT_ID": {"type": "ROOT", "id": "ROOT_ID", "children": ["GRID_ID"]},
        "GRID_ID": {"type": "GRID", "id": "GRID_ID", "children": [], "parents": ["ROOT_ID"]},
    }
    number = 0
    for place, row in enumerate(rows):
        name = f"ROW-{place}"
        position["GRID_ID"]["children"].append(name)
        position[name] = {
            "type": "ROW", "id": name, "children": [], "parents": ["ROOT_ID", "GRID_ID"],
            "meta": {"background": "BACKGROUND_TRANSPARENT"},
        }  # fmt: skip
        for chart in row:
            number += 1
            cell = f"CHART-{number}"
            position[name]["children"].append(cell)
            position[cell] = {
                "type": "CHART", "id": cell, "children": [],
                "parents": ["ROOT_ID", "GRID_ID", name],
                # The import puts the chart's own id in place of this one.
                "meta": {"chartId": number, "uuid": id_of("chart", dashboard, chart["title"]),
                         "sliceName": chart["title"], "width": chart["width"],
                         "height": HEIGHTS.get(chart["kind"], HEIGHT)},
            }  # fmt: skip
    time_range = {
        "id": "NATIVE_FILTER-dates", "name": "Dates", "type": "NATIVE_FILTER",
        "filterType": "filter_time", "targets": [{}], "cascadeParentIds": [],
        "scope": {"rootPath": ["ROOT_ID"], "excluded": []}, "controlValues": {},
        "defaultDataMask": {"extraFormData": {}, "filterState": {}},
    }  # fmt: skip
    return VERSION | {
        "dashboard_title": f"Footfall: {dashboard}",
        "slug": f"footfall-{dashboard}",
        "uuid": id_of("dashboard", dashboard),
        "published": True,
        "position": position,
        "metadata": {"native_filter_configuration": [time_range], "cross_filters_enabled": True},
    }


def files(uri: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the path and the content of each file of the import."""
    yield "metadata.yaml", VERSION | {"type": "Dashboard", "timestamp": "2025-08-01T00:00:00"}
    yield f"databases/{DATABASE}.yaml", database_file(uri)
    dashboards = read_spec()
    charts = [chart for rows in dashboards.values() for chart in charts_of(rows)]
    for dataset in sorted({dataset_of(chart) for chart in charts}, key=lambda found: found.name):
        yield f"datasets/{DATABASE}/{dataset.name}.yaml", dataset_file(dataset)
    for dashboard, rows in dashboards.items():
        for number, chart in enumerate(charts_of(rows)):
            yield f"charts/{dashboard}_{number}.yaml", chart_file(dashboard, chart)
        yield f"dashboards/{dashboard}.yaml", dashboard_file(dashboard, rows)


def write_bundle(uri: str, out: Path) -> None:
    """Write the zip file.

    Args:
        uri: SQLAlchemy's, of the database.
        out: the file.
    """
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as bundle:
        for path, content in files(uri):
            bundle.writestr(f"footfall/{path}", yaml.safe_dump(content, sort_keys=False))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--database", required=True, help="Its SQLAlchemy URI.")
    parser.add_argument("--out", type=Path, default=Path("footfall.zip"), help="The zip file.")
    arguments = parser.parse_args()
    write_bundle(arguments.database, arguments.out)
    print(f"Written: {arguments.out}")
