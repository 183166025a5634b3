"""What a repair of a home would change; without Spark."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from footfall.home.metastore import EXTERNAL, VIEW, Catalog, Entry
from footfall.repair import Action, plan_repair, possible_views
from support.homes import catalog_of, make_home


def test_a_plan_tells_moved_new_missing_and_outside_tables_apart(tmp_path: Path) -> None:
    home = make_home(tmp_path / "here", "gold.moved", "gold.new", "gold.half")
    there = tmp_path / "there"
    known = catalog_of(there, "gold.moved", "gold.gone")
    here = f"file:{home}/warehouse/gold.db"
    (tmp_path / "outside").mkdir()
    known.entries.extend(
        [
            Entry("gold", "outside", EXTERNAL, f"file:{tmp_path}/outside"),
            Entry("gold", "remote", EXTERNAL, "s3://bucket/t"),
            # A repair was interrupted before it made the table a managed one.
            Entry("gold", "half", EXTERNAL, f"{here}/half"),
            Entry("gold", "view", VIEW, None),
        ]
    )
    plan = plan_repair(home, known)
    assert plan.others == [there]
    assert {table.table: (table.action, table.location) for table in plan.tables} == {
        "gold.moved": (Action.moved, f"{here}/moved"),
        "gold.gone": (Action.missing, f"{here}/gone"),
        "gold.outside": (Action.left, f"file:{tmp_path}/outside"),
        "gold.remote": (Action.left, "s3://bucket/t"),
        "gold.half": (Action.registered, f"{here}/half"),
        "gold.new": (Action.registered, f"{here}/new"),
    }


def test_a_home_that_is_well_needs_nothing(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home", "gold.t")
    plan = plan_repair(home, catalog_of(home, "gold.t"))
    assert (plan.others, plan.tables) == ([], [])


def test_a_folder_without_a_commit_is_no_table(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home")
    (home / "warehouse" / "gold.db" / "t" / "_delta_log").mkdir(parents=True)
    assert plan_repair(home, Catalog({}, [])).tables == []


def node(kind: str, name: str, materialized: str, *inputs: str) -> Any:
    return SimpleNamespace(
        resource_type=kind,
        name=name,
        schema="gold",
        alias=name,
        config=SimpleNamespace(materialized=materialized),
        depends_on=SimpleNamespace(nodes=list(inputs)),
    )


def test_only_views_of_which_all_inputs_exist_are_made_again() -> None:
    manifest = SimpleNamespace(
        nodes={
            "t": node("model", "t", "incremental"),
            "v": node("model", "v", "view", "t", "source"),
            "on_v": node("model", "on_v", "view", "v"),
            "unbuilt": node("model", "unbuilt", "view", "missing", "v"),
            "on_unbuilt": node("model", "on_unbuilt", "view", "unbuilt"),
            "missing": node("seed", "missing", "seed"),
        },
        sources={"source": SimpleNamespace(schema="bronze", identifier="raw", alias="x")},
    )
    assert possible_views(manifest, {("gold", "t"), ("bronze", "raw")}) == ["on_v", "v"]
