"""dbt's documentation as one page, in a browser."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from footfall.project.dbt import run_dbt
from support.thorough import only_thorough

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = only_thorough
COLUMN = "longest_session_seconds"


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page as `make docs` writes it, but without what only built tables tell."""
    target = tmp_path_factory.mktemp("docs")
    at = ("--target-path", str(target))
    run_dbt("parse", *at, quiet=True)
    run_dbt("docs", "generate", "--static", "--empty-catalog", "--no-compile", *at, quiet=True)
    return target / "static_index.html"


def test_the_page_finds_a_column_and_draws_the_lineage(page_file: Path, browser: Browser) -> None:
    page = browser.new_page()
    failures: list[str] = []
    page.on("pageerror", lambda error: failures.append(str(error)))
    page.goto(page_file.as_uri())
    page.locator("#search").fill(COLUMN)
    page.wait_for_function(
        "name => document.body.innerText.includes('columns: ' + name)", arg=COLUMN
    )
    assert "fct_user_activity_daily" in page.locator("body").inner_text()

    page.goto(f"{page_file.as_uri()}#!/model/model.footfall.fct_sessions")
    page.locator('[ng-click="onLauncherClick()"]').click()
    drawn = page.wait_for_function(
        """() => {
            const canvas = document.querySelector('canvas[data-id="layer2-node"]')
            if (!canvas || !canvas.width) return false
            const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
            return pixels.data.some(value => value > 0)
        }"""
    )
    assert drawn.json_value() is True
    assert failures == []


def test_each_model_has_an_owner_and_a_description(page_file: Path) -> None:
    manifest = json.loads((page_file.parent / "manifest.json").read_text())
    groups = {group["name"]: group["owner"] for group in manifest["groups"].values()}
    for node in manifest["nodes"].values():
        if node["resource_type"] == "model":
            assert node["description"] and groups[node["config"]["group"]]["email"], node["name"]
