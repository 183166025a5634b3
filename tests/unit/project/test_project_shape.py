"""The shape of the dbt project, read from the manifest that ``dbt parse`` writes: no Spark."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from footfall.project.contracts import load_contracts
from footfall.project.dbt import project_vars
from footfall.settings import PROJECT_DIR
from support.manifest import nodes, parse
from support.thorough import only_thorough

SOURCES = tuple(dict.fromkeys(known.source for known in load_contracts().values()))
SUBSETS = [
    pytest.param(chosen, marks=[only_thorough] if 1 < size < 4 else [])
    for size in range(1, 5)
    for chosen in combinations(SOURCES, size)
]
LAYERS_THAT_READ_SOURCES = {"staging", "quality"}


def layer(node: dict[str, Any]) -> str:
    return str(node["fqn"][1])


def is_table_of(node: dict[str, Any], *layers: str) -> bool:
    return layer(node) in layers and node["config"]["materialized"] != "view"


def data_tests_on(manifest: dict[str, Any], node: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        test for test in nodes(manifest, "test") if test.get("attached_node") == node["unique_id"]
    ]


def test_each_description_names_the_grain_first(manifest: dict[str, Any]) -> None:
    for node in nodes(manifest, "model", "snapshot", "seed"):
        assert node["description"].startswith("One row per "), node["name"]


def test_each_column_is_described_and_typed(manifest: dict[str, Any]) -> None:
    for node in nodes(manifest, "model", "snapshot", "seed"):
        assert node["columns"], node["name"]
        for column in node["columns"].values():
            where = f"{node['name']}.{column['name']}"
            assert column["description"].strip(), where
            assert column["data_type"], where


def test_each_model_has_a_yml_of_its_name_beside_it(manifest: dict[str, Any]) -> None:
    for node in nodes(manifest, "model", "snapshot", "seed"):
        yml = Path(node["original_file_path"]).with_suffix(".yml")
        assert node["patch_path"] == f"footfall://{yml}" or node["original_file_path"] == str(yml)
        assert (PROJECT_DIR / yml).is_file(), node["name"]


def test_each_mart_tests_its_grain_exactly_once(manifest: dict[str, Any]) -> None:
    for node in nodes(manifest, "model"):
        if is_table_of(node, "marts", "training"):
            names = [test["test_metadata"]["name"] for test in data_tests_on(manifest, node)]
            assert names.count("unique_grain") == 1, node["name"]


def test_each_stored_model_has_a_data_test(manifest: dict[str, Any]) -> None:
    for node in nodes(manifest, "model"):
        if node["config"]["materialized"] != "view":
            assert data_tests_on(manifest, node), node["name"]


def test_each_sql_mart_enforces_its_contract(manifest: dict[str, Any]) -> None:
    for node in nodes(manifest, "model"):
        if is_table_of(node, "marts", "training", "quality") and node["language"] == "sql":
            assert node["config"]["contract"]["enforced"] is True, node["name"]
            assert node["config"]["on_schema_change"] == "append_new_columns", node["name"]


def test_contracts_leave_no_constraints_on_delta_tables(manifest: dict[str, Any]) -> None:
    for node in nodes(manifest, "model"):
        assert not node["constraints"], node["name"]
        assert not any(column["constraints"] for column in node["columns"].values()), node["name"]


def test_each_model_belongs_to_a_group_with_an_owner(manifest: dict[str, Any]) -> None:
    groups = {group["name"] for group in manifest["groups"].values()}
    for node in nodes(manifest, "model", "snapshot", "seed"):
        assert node["config"]["group"] in groups, node["name"]


def test_each_entity_with_a_contract_is_delivered(manifest: dict[str, Any]) -> None:
    """dbt knows no sources when it parses: macros/staging/delivered_entities.sql lists them."""
    quarantine = manifest["nodes"]["model.footfall.dq_quarantine"]
    delivered = {name for name in quarantine["depends_on"]["nodes"] if name.startswith("source.")}
    assert delivered == {f"source.footfall.{name}" for name in load_contracts()}


def test_no_model_past_staging_and_quality_reads_a_source(manifest: dict[str, Any]) -> None:
    for node in nodes(manifest, "model", "snapshot"):
        if any(name.startswith("source.") for name in node["depends_on"]["nodes"]):
            assert layer(node) in LAYERS_THAT_READ_SOURCES, node["name"]


def entities(manifest: dict[str, Any], unique_id: str) -> set[str]:
    """Return the sources' entities that a node is made of."""
    if unique_id in manifest["sources"]:
        return {unique_id}
    parents = manifest["nodes"][unique_id]["depends_on"].get("nodes", [])
    return {name for parent in parents for name in entities(manifest, parent)}


def ancestors(manifest: dict[str, Any], unique_id: str) -> set[str]:
    """Return all nodes that a node is made of."""
    parents = manifest["nodes"].get(unique_id, {"depends_on": {}})["depends_on"].get("nodes", [])
    return {*parents, *(name for parent in parents for name in ancestors(manifest, parent))}


def test_the_parts_of_its_inputs_that_a_model_plans_by_are_all_that_it_is_made_of(
    manifest: dict[str, Any],
) -> None:
    """A load of an entity that no part holds would never count as new."""
    checked = []
    for node in nodes(manifest, "model"):
        parts = re.findall(r"affected_dates\(\s*of=\[(.*?)\]", node["raw_code"], re.DOTALL)
        named = [name for part in parts for name in re.findall(r"'(\w+)'", part)]
        if named:
            checked.append(node["name"])
            covered = [entities(manifest, f"model.footfall.{name}") for name in named]
            assert set().union(*covered) == entities(manifest, node["unique_id"]), node["name"]
    assert sorted(checked) == ["int_customer_action_checkpoints", "training_sequences"]


def test_what_a_model_leaves_out_is_made_before_it(manifest: dict[str, Any]) -> None:
    checked = 0
    for node in nodes(manifest, "model"):
        for names in re.findall(r"without=\[(.*?)\]", node["raw_code"]):
            for name in re.findall(r"'(\w+)'", names):
                checked += 1
                assert f"model.footfall.{name}" in ancestors(manifest, node["unique_id"])
    assert checked >= 3


def test_what_spreads_a_change_names_a_macro(manifest: dict[str, Any]) -> None:
    macros = {macro["name"] for macro in manifest["macros"].values()}
    widening = [node["config"]["meta"].get("widens") for node in nodes(manifest, "model")]
    named = {name for name in widening if name}
    assert named == {
        "session_dates", "new_attribute_dates", "core_window_dates", "version_dates",
    }  # fmt: skip
    assert named <= macros


def test_each_definition_that_a_model_names_is_a_var_or_a_macro(manifest: dict[str, Any]) -> None:
    macros = {macro["name"] for macro in manifest["macros"].values()}
    known = project_vars()
    for node in nodes(manifest, "model"):
        meta = node["config"]["meta"]
        for name in [*meta.get("definitions", []), *meta.get("own_definitions", [])]:
            assert (name in macros) != (name in known), f"{node['name']}: {name}"


def test_each_macro_is_described_with_typed_arguments(manifest: dict[str, Any]) -> None:
    for macro in manifest["macros"].values():
        if macro["package_name"] != "footfall":
            continue
        assert macro["description"], macro["name"]
        for argument in macro["arguments"]:
            assert argument["type"], f"{macro['name']}({argument['name']})"
            assert argument["description"], f"{macro['name']}({argument['name']})"


def test_the_contracts_in_unit_tests_are_those_of_the_sources(manifest: dict[str, Any]) -> None:
    """In dbt's unit tests a macro cannot see the sources: they carry a copy of the contract."""
    checked = 0
    for unit_test in manifest["unit_tests"].values():
        copy = ((unit_test["overrides"] or {}).get("macros") or {}).get("footfall.source_contract")
        if copy is None:
            continue
        source_name, entity = unit_test["model"].removeprefix("stg_").split("__")
        source = manifest["sources"][f"source.footfall.{source_name}.{entity}"]
        meta = source["config"]["meta"]
        told = ("event_time", "key", "message_id", "version")
        assert copy["config"]["meta"] == {name: meta[name] for name in told if name in meta}
        assert list(copy["columns"]) == list(source["columns"])
        for name, column in source["columns"].items():
            assert copy["columns"][name] == {
                "name": name,
                "data_type": column["data_type"],
                "config": {"meta": column["config"]["meta"]},
            }
        checked += 1
    assert checked >= 3


def test_what_is_personal_in_a_contract_is_personal_in_staging(manifest: dict[str, Any]) -> None:
    checked = 0
    for contract in load_contracts().values():
        staged = manifest["nodes"][f"model.footfall.{contract.staging_model}"]["columns"]
        for column in contract.columns:
            if column.personal:
                checked += 1
                assert staged[column.name]["config"]["meta"]["personal"], column.name
    assert checked >= 3


def test_rows_that_refer_to_nothing_are_counted_and_stop_no_build(manifest: dict[str, Any]) -> None:
    checked = 0
    for test in nodes(manifest, "test"):
        if (test.get("test_metadata") or {}).get("name") == "relationships":
            checked += 1
            assert test["config"]["severity"] == "warn", test["name"]
    assert checked >= 15


def test_no_unit_test_needs_a_table_that_a_new_home_does_not_have(manifest: dict[str, Any]) -> None:
    """Of rows of ``this`` dbt asks the table for its columns."""
    for unit_test in manifest["unit_tests"].values():
        for given in unit_test["given"]:
            assert given["input"] != "this" or given["format"] == "sql", unit_test["name"]


@pytest.mark.parametrize("sources", SUBSETS)
def test_models_of_sources_that_are_left_out_vanish_without_a_warning(
    sources: tuple[str, ...], tmp_path: Path
) -> None:
    delivered = parse(tmp_path, "--vars", json.dumps({"sources": sources}))
    staged = {node["fqn"][2] for node in nodes(delivered, "model") if layer(node) == "staging"}
    assert staged == set(sources)
    models = {node["name"] for node in nodes(delivered, "model", "snapshot", "seed")}
    for unit_test in delivered["unit_tests"].values():
        for given in unit_test["given"]:
            if name := re.match(r"ref\('(\w+)'\)", given["input"]):
                assert name[1] in models, unit_test["name"]


@pytest.mark.parametrize(
    "target",
    ["databricks", *(pytest.param(name, marks=only_thorough) for name in ("connect", "thrift"))],
)
def test_the_project_parses_without_a_warning_for_each_target(target: str, tmp_path: Path) -> None:
    """In a process of its own: an adapter that is loaded changes the one beside it."""
    options = ["--no-partial-parse", "--target-path", str(tmp_path), "--log-path", str(tmp_path)]
    dbt = [sys.executable, "-c", "from dbt.cli.main import cli; cli()", "--warn-error", "parse"]
    done = subprocess.run(
        [*dbt, "--target", target, *options],
        cwd=PROJECT_DIR, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads((tmp_path / "manifest.json").read_text())["nodes"]


def test_no_yml_stands_beside_no_model() -> None:
    for yml in PROJECT_DIR.glob("models/**/*.yml"):
        if not yml.name.startswith("_"):
            assert any(yml.with_suffix(suffix).is_file() for suffix in (".sql", ".py")), yml
            names = [model["name"] for model in yaml.safe_load(yml.read_text())["models"]]
            assert names == [yml.stem]
