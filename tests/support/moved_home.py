"""What has to be done in Spark of its own: build a home, and repair the home of the environment.

A script: each step is a process, since a process has one home. It prints what it saw as JSON.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any
from unittest import mock

SOURCES = ("--vars", json.dumps({"sources": ["product"]}))
MODELS = ("stg_product__interactions", "int_interactions", "int_hot_products")
ENTITY = "product.interactions"


def build(landing: str) -> dict[str, Any]:
    """Fill a home: bronze, silver, gold, and a view."""
    from footfall.ingest import ingest

    ingest(ENTITY, [landing])
    run_models()
    return look()


def repair_copy(landing: str, new: str) -> dict[str, Any]:
    """Repair a home that was copied, build with nothing new, and load the old and a new file."""
    from footfall.ingest import ingest
    from footfall.repair import repair

    seen: dict[str, Any] = {"dry_run": repair(dry_run=True).model_dump(mode="json")}
    seen["after_dry_run"] = json.loads(home_file().read_text())
    seen["report"] = repair().model_dump(mode="json")
    seen["repaired"] = look()
    run_models()
    seen["idle_build"] = look()
    seen["ingest"] = ingest(ENTITY, [landing, new]).model_dump(mode="json")
    seen["again"] = repair().model_dump(mode="json")
    return seen


def repair_lost() -> dict[str, Any]:
    """Repair a home without a metastore, after a repair that was killed half-way."""
    from footfall.errors import FootfallError
    from footfall.home.checks import check_folders
    from footfall.home.metastore import Metastore
    from footfall.repair import repair
    from footfall.settings import get_settings

    seen: dict[str, Any] = {}
    with mock.patch.object(Metastore, "manage", side_effect=[None, KeyboardInterrupt]):
        try:
            repair()
        except KeyboardInterrupt:
            seen["interrupted"] = json.loads(home_file().read_text())["repairing"]
    try:
        check_folders(get_settings().home)
    except FootfallError as error:
        seen["refused"] = str(error)
    seen["report"] = repair().model_dump(mode="json")
    seen["repaired"] = look()
    run_models()
    seen["idle_build"] = look()
    return seen


def run_models() -> None:
    from footfall.project.dbt import run_dbt

    run_dbt("run", "--select", *MODELS, *SOURCES, quiet=True)


def home_file() -> Path:
    from footfall.settings import get_settings

    return get_settings().home / "home.json"


def look() -> dict[str, Any]:
    """Return rows, versions and descriptions of all tables, and the rows of all views.

    The record of runs, to which the making of views adds a run, is left out.
    """
    from footfall.project.tables import list_tables
    from footfall.settings import get_settings
    from footfall.spark.session import get_session

    spark = get_session()
    tables = {}
    for _, name in list_tables(spark):
        if name.endswith(".dq_run_results"):
            continue
        detail = spark.sql(f"describe detail {name}").first()
        history = spark.sql(f"describe history {name}").first()
        assert detail is not None
        assert history is not None
        described = [
            tuple(row)
            for row in spark.sql(f"describe table extended {name}").collect()
            if row["col_name"] not in ("Location", "Created Time", "Created By", "Last Access")
        ]
        content = spark.table(name).selectExpr("to_json(struct(*))").collect()
        properties = dict(detail["properties"])
        rows = sorted(row[0] for row in content)
        tables[name] = [history["version"], detail["location"], described, properties, rows]
    views = {
        f"{schema}.{view.viewName}": spark.table(f"{schema}.{view.viewName}").count()
        for schema in map(get_settings().schema_of, ("silver", "gold"))
        if spark.catalog.databaseExists(schema)
        for view in spark.sql(f"show views in {schema}").collect()
        if not view.isTemporary
    }
    return {"tables": tables, "views": views}


if __name__ == "__main__":
    out, step, *arguments = sys.argv[1:]
    seen = {"build": build, "copy": repair_copy, "lost": repair_lost}[step](*arguments)
    Path(out).write_text(json.dumps(seen, default=str))
