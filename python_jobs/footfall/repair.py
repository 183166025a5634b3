"""The job ``footfall repair``: register the tables of a home where its folders are."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from footfall.errors import FootfallError
from footfall.home import metastore
from footfall.home.checks import delta_folders, folder_of, opened, other_homes, relocated
from footfall.home.identity import Identity, read_identity, same_folder, write_identity
from footfall.home.metastore import (
    EXTERNAL,
    VIEW,
    BrokenMetastoreError,
    Catalog,
    Metastore,
    State,
    local_path,
    remove_empty,
    set_aside,
)
from footfall.settings import Settings, get_settings
from footfall.spark.explain import explain
from footfall.words import count

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

NAME = re.compile(r"[a-z0-9_]+")
"""A schema or table as Spark names its folder."""

Progress = Callable[[int, int, str], None]


class Action(str, Enum):
    """What becomes of a table.

    ``moved``: was registered in another home; ``registered``: the metastore did not know it;
    ``left``: lies outside the home; ``missing``: its folder is not there; ``failed``: it cannot be
    registered, for the reason in ``remark``.
    """

    moved = "moved"
    registered = "registered"
    left = "left"
    missing = "missing"
    failed = "failed"


class TableRepair(BaseModel):
    """One table that was, or would be, changed, or that the user has to look at."""

    table: str
    action: Action
    location: str
    remark: str = ""


class RepairReport(BaseModel):
    """What was repaired, or would be.

    Attributes:
        home: FOOTFALL_HOME.
        moved_from: the homes under which schemas and tables were registered.
        metastore: as it was found.
        set_aside: where a damaged metastore was put; null if there was none, or in a dry run.
        tables: those that change, and those that need a look; all others are well.
        views: the views that dbt made again; null where the metastore still has them.
        needed: whether there is anything to repair.
    """

    home: str
    moved_from: list[str]
    metastore: State
    set_aside: str | None = None
    tables: list[TableRepair]
    views: list[str] | None = None
    needed: bool


@dataclass(frozen=True)
class Plan:
    """What a home needs.

    Attributes:
        home: FOOTFALL_HOME.
        others: the other homes in which the metastore's schemas lie.
        tables: what becomes of each table that is not well already.
    """

    home: Path
    others: list[Path]
    tables: list[TableRepair]

    def location(self, location: str) -> str | None:
        """Return the new location of a schema or table of another home, None for all others."""
        return relocated(location, self.others, self.home)

    @property
    def unregistered(self) -> list[TableRepair]:
        return [table for table in self.tables if table.action is Action.registered]


def plan_repair(home: Path, catalog: Catalog) -> Plan:
    """Compare what the metastore knows with the folders of the home's warehouse.

    Args:
        home: FOOTFALL_HOME.
        catalog: what the metastore knows; empty where there is none.
    """
    others = other_homes(home, catalog.schemas)
    known, tables = set(), []
    for schema, name, kind, location in catalog.entries:
        path = local_path(location) if location else None
        if kind == VIEW or location is None:
            known.add((schema, name))
            continue
        new = relocated(location, others, home)
        if new:
            path = local_path(new)
        here = folder_of(home, schema) / name
        is_here = path is not None and (path == here or same_folder(path, here))
        # An interrupted repair leaves a table that it did not yet make a managed one.
        if is_here and kind == EXTERNAL and not new and here.is_dir():
            continue
        known.add((schema, name))
        entry = {"table": f"{schema}.{name}", "location": new or location}
        if path is not None and not path.exists():
            remark = f"there is no folder {path}"
            tables.append(TableRepair(action=Action.missing, remark=remark, **entry))
        elif new:
            tables.append(TableRepair(action=Action.moved, **entry))
        elif not is_here:
            remark = f"it lies outside the home: {location}"
            tables.append(TableRepair(action=Action.left, remark=remark, **entry))
    for schema, name in delta_folders(home):
        if (schema, name) not in known:
            table = f"{schema}.{name}"
            location = f"file:{folder_of(home, schema) / name}"
            tables.append(TableRepair(table=table, action=Action.registered, location=location))
    return Plan(home, others, tables)


def repair(
    settings: Settings | None = None,
    *,
    dry_run: bool = False,
    progress: Progress = lambda _done, _total, _label: None,
) -> RepairReport:
    """Bring a home's metastore in line with its warehouse: no table is read, written or rebuilt.

    For a home that was copied or moved, or whose metastore is lost. An interrupted repair is ended
    by the same call; a home that is well is left as it is.

    Args:
        settings: the home; the process's own by default.
        dry_run: say what would be done, change nothing.
        progress: called with (done, total, label).

    Raises:
        FootfallError: another process uses the home, or Spark cannot start.
    """
    from footfall.spark.session import get_session

    settings = settings or get_settings()
    home = settings.home
    identity, state = read_identity(home), metastore.state_of(home)
    catalog, session = Catalog({}, []), None
    if state is State.present:
        session = get_session(settings, repairs=True)
        try:
            catalog = Metastore(session, home).read()
        except BrokenMetastoreError:
            state = State.broken
    interrupted = identity is not None and identity.repairing
    lost = not catalog.tables and next(delta_folders(home), None) is not None
    plan = plan_repair(home, catalog)
    moved = bool(plan.others) or bool(identity and not same_folder(identity.path, home))
    report = RepairReport(
        home=str(home),
        moved_from=[str(other) for other in plan.others],
        metastore=state,
        tables=plan.tables,
        needed=moved or bool(plan.unregistered) or interrupted or state is State.broken,
    )
    if dry_run or not report.needed:
        return report
    session = session or get_session(settings, repairs=True)
    database = Metastore(session, home)
    write_identity(home, Identity(path=home, repairing=True))
    if state is State.broken:
        report.set_aside = str(set_aside(home))
    elif state is State.present:
        database.relocate(plan.location)
    remove_empty(home)
    _register(session, database, plan, progress)
    catalog = database.read()
    opened(home, catalog, repairing=True)
    failure = None
    if lost or interrupted:
        try:
            report.views = _make_views(session, settings, catalog)
        except FootfallError as error:
            failure = error
    opened(home, catalog)
    if failure:
        raise failure
    return report


def _register(session: SparkSession, database: Metastore, plan: Plan, progress: Progress) -> None:
    """Register the tables that the metastore does not know, each as dbt and ingestion made it."""
    # Makes the metastore where there is none.
    schemas = {row[0] for row in session.sql("show databases").collect()}
    for number, table in enumerate(plan.unregistered):
        progress(number, len(plan.unregistered), table.table)
        schema, name = table.table.split(".", 1)
        if not (NAME.fullmatch(schema) and NAME.fullmatch(name)):
            table.action, table.remark = Action.failed, "Spark gives no table a name like this"
            continue
        try:
            if schema not in schemas:
                session.sql(f"create schema {schema}")
                schemas.add(schema)
            location = str(local_path(table.location)).replace("\\", "\\\\").replace("'", "\\'")
            session.sql(
                f"create table if not exists {schema}.{name} using delta location '{location}'"
            )
            database.manage(schema, name)
        except Exception as error:
            table.action = Action.failed
            table.remark = explain(error, table.table).message


def _make_views(session: SparkSession, settings: Settings, catalog: Catalog) -> list[str]:
    """Have dbt make the views of which all inputs exist, and return their names.

    Raises:
        FootfallError: dbt failed.
    """
    from footfall.project.dbt import run_dbt
    from footfall.project.tables import vars_as_built

    variables = vars_as_built(session, settings)
    if not variables:
        return []
    options = ("--vars", json.dumps(variables))
    try:
        manifest = run_dbt("parse", *options, quiet=True)
        views = possible_views(manifest, {(table.schema, table.name) for table in catalog.tables})
        if views:
            run_dbt("run", "--select", *views, *options, quiet=True, manifest=manifest)
    except FootfallError as error:
        raise FootfallError(
            "The tables are registered, but dbt could not make the views: see the error above.",
            "Fix it, then run `dbt run --select config.materialized:view`.",
        ) from error
    return views


def possible_views(manifest: Any, tables: Collection[tuple[str, str]]) -> list[str]:
    """Return the names of the views whose inputs are tables that exist, or such views.

    Args:
        manifest: dbt's.
        tables: schema and name of each table that exists.
    """
    views = {
        unique_id: node
        for unique_id, node in manifest.nodes.items()
        if node.resource_type == "model" and node.config.materialized == "view"
    }
    nodes = {**manifest.nodes, **manifest.sources}

    @cache
    def is_there(unique_id: str) -> bool:
        if unique_id in views:
            return all(map(is_there, views[unique_id].depends_on.nodes))
        node = nodes[unique_id]
        return (node.schema, getattr(node, "identifier", None) or node.alias) in tables

    return sorted(node.name for unique_id, node in views.items() if is_there(unique_id))


def check_repaired(report: RepairReport) -> None:
    """Raise a FootfallError if a table could not be registered."""
    if failed := [table for table in report.tables if table.action is Action.failed]:
        raise FootfallError(
            f"{count(len(failed), 'table')} could not be registered; the first: "
            f"{failed[0].table}: {failed[0].remark}",
            "Move the folders that hold no table out of the warehouse, then run `footfall repair`.",
        )
