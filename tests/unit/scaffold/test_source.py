"""``footfall new source``: files that parse as they are, refusals, and the page that shows it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from footfall.cli import app
from footfall.errors import UsageError
from footfall.project.contracts import get_contract
from footfall.scaffold import new_source
from footfall.settings import PROJECT_DIR
from support.manifest import nodes, parse
from support.projects import project_with

PAGE = PROJECT_DIR / "docs" / "add-a-source.md"
COLUMNS = "click_id:string!,user_id:string!,clicked_at:timestamp!"
WITH_PARTS = "day:date!,ad_id:string!,cost:decimal(18,2),tags:array<struct<a:int,b:string>>!"


def files_of(name: str = "ads.clicks", **changes: Any) -> dict[str, str]:
    """Return the texts of the files of a new source by path."""
    usual = {
        "columns": COLUMNS, "key": ["click_id"], "event_time": "clicked_at", "people": {},
        "owner": "marketing",
    }  # fmt: skip
    return {str(file.path): file.text for file in new_source(name, **(usual | changes))}


def test_the_page_shows_what_the_commands_say_and_what_they_write_parses(tmp_path: Path) -> None:
    with project_with({}) as project:
        for block in re.findall(r"^```console\n(.*?)^```$", PAGE.read_text(), re.M | re.S):
            command, _, said = block.partition("\n")
            answer = CliRunner().invoke(app, command.removeprefix("$ footfall ").split())
            assert answer.output == said
            for path in re.findall(r"^(?:Written|Changed): (.+)$", said, re.M):
                assert (project / path).is_file()
        manifest = parse(tmp_path)
    staged = manifest["nodes"]["model.footfall.stg_ads__clicks"]
    assert staged["config"]["materialized"] == "incremental"
    assert staged["config"]["group"] == "data_engineering"
    quarantine = manifest["nodes"]["model.footfall.dq_quarantine"]
    assert "source.footfall.ads.clicks" in quarantine["depends_on"]["nodes"]
    assert any("stg_ads__clicks" in test["model"] for test in manifest["unit_tests"].values())


def test_an_entity_joins_the_source_that_is_there_and_its_types_may_have_parts(
    tmp_path: Path,
) -> None:
    changes = {"columns": WITH_PARTS, "key": ["day", "ad_id"], "event_time": "day"}
    files = files_of("crm.ad_costs", **changes)
    assert "dbt_project.yml" not in files
    contract = yaml.safe_load(files["models/staging/crm/_crm__sources.yml"])
    names = [table["name"] for table in contract["sources"][0]["tables"]]
    assert names[-1] == "ad_costs" and "customers" in names
    with project_with(files):
        assert [c.data_type for c in get_contract("crm.ad_costs").columns] == [
            "date", "string", "decimal(18,2)", "array<struct<a:int,b:string>>",
        ]  # fmt: skip
        manifest = parse(tmp_path)
    assert "stg_crm__ad_costs" in {node["name"] for node in nodes(manifest, "model")}


def test_a_dry_run_writes_nothing_and_shows_what_would_change() -> None:
    arguments = ["--columns", COLUMNS, "--key", "click_id", "--event-time", "clicked_at"]
    with project_with({}) as project:
        answer = CliRunner().invoke(app, ["new", "source", "ads.clicks", *arguments, "--dry-run"])
        assert not (project / "models" / "staging" / "ads").exists()
    assert "+        'ads': ['clicks']," in answer.output
    assert "+  sources: [product, app, shop, crm, ads]" in answer.output


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("ads", {}, "'ads' is no name"),
        ("Ads.clicks", {}, "'Ads.clicks' is no name"),
        ("ads.x;drop", {}, "is no name"),
        ("crm.customers", {}, "There is a source entity crm.customers already."),
        ("ads.clicks", {"columns": "a:string!,a:int"}, "'a:int' names no new column."),
        ("ads.clicks", {"columns": "A b:string!"}, "names no new column."),
        ("ads.clicks", {"columns": "a:text!"}, "The type 'text' of a is unknown."),
        ("ads.clicks", {"columns": "event_date:date!"}, "column of footfall's own."),
        ("ads.clicks", {"key": []}, "No column of the key"),
        ("ads.clicks", {"key": ["id"]}, "There is no column id."),
        ("ads.clicks", {"people": {"user": "who"}}, "There is no column who."),
        ("ads.clicks", {"event_time": "user_id"}, "user_id is no time"),
        ("ads.clicks", {"columns": COLUMNS.replace("p!", "p")}, "clicked_at is no time"),
    ],
)
def test_what_cannot_be_a_source_is_refused(
    name: str, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=re.escape(message)) as refused:
        files_of(name, **changes)
    assert refused.value.fix
