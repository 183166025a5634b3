"""README.md and docs/: links lead somewhere, and the site has each page and loads nothing."""

from __future__ import annotations

import re
import runpy
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from footfall.settings import PROJECT_DIR
from support.thorough import only_thorough

PAGES = [PROJECT_DIR / "README.md", PROJECT_DIR / "CHANGELOG.md"]
PAGES += sorted((PROJECT_DIR / "docs").rglob("*.md"))
FENCE = re.compile(r"^ *```.*?^ *```", re.DOTALL | re.MULTILINE)
LOADING = {"src", "srcset", "data", "poster", "action"}
"""Attributes by which a page loads something; ``href`` does in a link element."""


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What scripts/build_site.py defines."""
    monkeypatch.syspath_prepend(PROJECT_DIR / "scripts")
    return runpy.run_path(str(PROJECT_DIR / "scripts" / "build_site.py"))


def prose(page: Path) -> str:
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """Return the names that GitHub gives a page's headings."""
    headings = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    plain = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower() for heading in headings]
    return {re.sub(r"[^\w\- ]", "", heading).strip().replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT_DIR)))
def test_each_link_leads_to_a_file_and_a_heading(script: dict[str, Any], page: Path) -> None:
    broken = []
    for _, target, anchor in script["LINK"].findall(prose(page)):
        if re.match(r"\w+:", target):
            continue
        file = (page.parent / target).resolve() if target else page
        if not file.exists() or (
            anchor and file.suffix == ".md" and anchor[1:] not in anchors(file)
        ):
            broken.append(target + anchor)
    assert broken == []


def test_the_menu_of_the_site_has_each_page_once(script: dict[str, Any]) -> None:
    named = [name for names in script["NAVIGATION"].values() for name in names]
    staged = {str(place.with_suffix("")) for place in script["staged"]().values()}
    staged = {"decisions/*" if name.startswith("decisions/") else name for name in staged}
    assert sorted(named) == sorted(staged - {"index"})


class Loads(HTMLParser):
    """Collects what a page loads."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if value and (name in LOADING or (name == "href" and tag == "link")):
                self.found.append(value)


@only_thorough
def test_the_site_loads_nothing_from_another_host(script: dict[str, Any]) -> None:
    script["main"]()
    site: Path = script["SITE"]
    pages = list(site.rglob("*.html"))
    assert len(pages) > len(PAGES)
    for page in pages:
        loads = Loads()
        loads.feed(page.read_text(encoding="utf-8"))
        assert loads.found, page
        assert [url for url in loads.found if re.match(r"(\w+:)?//", url)] == [], page
    for sheet in site.rglob("*.css"):
        assert not re.search(r"(url\(|@import)\s*[\"']?(\w+:)?//", sheet.read_text()), sheet
