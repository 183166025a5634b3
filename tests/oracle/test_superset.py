"""examples/superset: each chart's query runs on the marts, and the import file holds together.

`scripts/check_superset.py` asks a real Superset the same.
"""

from __future__ import annotations

import importlib.util
import json
import re
import sys
import zipfile
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from footfall.duck import share
from footfall.duck.views import connect
from footfall.duckdb_sql import quoted
from footfall.settings import PROJECT_DIR
from support.data_sets import DataSet

SCRIPT = PROJECT_DIR / "examples" / "superset" / "bundle.py"
Files = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def bundle() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bundle", SCRIPT)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def files(bundle: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Files:
    """The files in the zip file, by their paths."""
    out = tmp_path_factory.mktemp("superset") / "footfall.zip"
    bundle.write_bundle("duckdb:////data/marts.duckdb", out)
    with zipfile.ZipFile(out) as archive:
        return {name: yaml.safe_load(archive.read(name)) for name in archive.namelist()}


def of_kind(files: Files, kind: str) -> list[dict[str, Any]]:
    return [content for path, content in files.items() if path.startswith(f"footfall/{kind}/")]


def sql_of(chart: dict[str, Any], dataset: dict[str, Any]) -> str:
    """Return a chart's query as Superset makes it, as far as the engine sees it."""
    [query] = json.loads(chart["query_context"])["queries"]
    columns = [
        name if isinstance(name, str) else name["sqlExpression"] for name in query["columns"]
    ]
    filtered = [found["col"] for found in query["filters"]]
    metrics = [f"{one['sqlExpression']} as {quoted(one['label'])}" for one in query["metrics"]]
    conditions = [f"({name} is null or true)" for name in filtered]
    conditions += filter(None, [query["extras"].get("where")])
    source = (
        f"({dataset['sql']})" if dataset["sql"] else f"{dataset['schema']}.{dataset['table_name']}"
    )
    return (
        f"select {', '.join([*columns, *metrics])} from {source} as source "
        f"where {' and '.join(conditions) or 'true'} group by {', '.join(columns) or '()'}"
    )


def test_each_chart_has_rows_in_the_marts(files: Files, built: DataSet, tmp_path: Path) -> None:
    out = share(built.settings, "duckdb", tmp_path / "marts.duckdb").out
    datasets = {dataset["uuid"]: dataset for dataset in of_kind(files, "datasets")}
    empty = []
    with connect(str(out)) as connection:
        for chart in of_kind(files, "charts"):
            sql = sql_of(chart, datasets[chart["dataset_uuid"]])
            whole = sql.replace("footfall_", f"{built.settings.db_schema}_")
            if not connection.sql(whole).fetchall():
                empty.append(chart["slice_name"])
    assert empty == []


def test_each_column_of_a_dataset_is_one_of_its_table(
    files: Files, built: DataSet, tmp_path: Path
) -> None:
    out = share(built.settings, "duckdb", tmp_path / "marts.duckdb").out
    with connect(str(out)) as connection:
        for dataset in of_kind(files, "datasets"):
            schema = dataset["schema"].replace("footfall_", f"{built.settings.db_schema}_")
            table = dataset["table_name"].removesuffix("_newest")
            described = connection.sql(f"describe {schema}.{table}").fetchall()
            columns = {column["column_name"] for column in dataset["columns"]}
            assert columns <= {name for name, *_ in described}, table
            assert not columns & {"email", "phone", "name"}, table


def test_the_files_name_each_other_by_ids_that_stay(files: Files, bundle: ModuleType) -> None:
    ids = [content["uuid"] for content in files.values() if "uuid" in content]
    assert max(Counter(ids).values()) == 1
    assert files == {f"footfall/{p}": c for p, c in bundle.files("duckdb:////data/marts.duckdb")}
    [database] = of_kind(files, "databases")
    assert {dataset["database_uuid"] for dataset in of_kind(files, "datasets")} == {
        database["uuid"]
    }
    drawn = Counter(
        cell["meta"]["uuid"]
        for dashboard in of_kind(files, "dashboards")
        for cell in dashboard["position"].values()
        if isinstance(cell, dict) and cell["type"] == "CHART"
    )
    assert drawn == Counter(chart["uuid"] for chart in of_kind(files, "charts"))
    titles = {dashboard["dashboard_title"] for dashboard in of_kind(files, "dashboards")}
    assert titles == {f"Footfall: {name}" for name in bundle.read_spec()}
    for rows in bundle.read_spec().values():
        assert all(sum(chart["width"] for chart in row) == 12 for row in rows)


def test_only_the_address_differs_for_a_server(bundle: ModuleType) -> None:
    address = "hive://me@127.0.0.1:10000/footfall_gold"
    local, served = (dict(bundle.files(uri)) for uri in ("duckdb:////m.duckdb", address))
    different = {path for path in local if local[path] != served[path]}
    assert different == {"databases/footfall.yaml"}
    assert served["databases/footfall.yaml"]["sqlalchemy_uri"] == address


def test_dbt_knows_which_models_the_charts_read() -> None:
    exposures = yaml.safe_load((PROJECT_DIR / "models" / "_exposures.yml").read_text())["exposures"]
    [superset] = [known for known in exposures if known["name"] == "superset"]
    models = {path.stem for path in (PROJECT_DIR / "models").rglob("*.sql")}
    read = set(re.findall(r"table: (\w+)", SCRIPT.with_name("dashboards.yml").read_text()))
    assert sorted(superset["depends_on"]) == [f"ref('{name}')" for name in sorted(read & models)]
