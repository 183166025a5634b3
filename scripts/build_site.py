"""Build a site of README.md, docs/ and CHANGELOG.md: target/site/index.html, which needs no server.

    python3 scripts/build_site.py

Sphinx reads Markdown as GitHub does, and its search works from a file. It gets an environment of
its own below target/site-tools. Nothing in the pages is loaded from another host. A warning, such
as a link to a heading that is not there, fails the build.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from pathlib import Path

from environments import PROJECT, call, environment

TOOLS = PROJECT / "target" / "site-tools"
PAGES = PROJECT / "target" / "site-pages"
SITE = PROJECT / "target" / "site"
SPHINX = ("sphinx>=8.1,<10", "myst-parser>=4,<6", "furo==2025.12.19")
SETTINGS = {
    "project": "footfall",
    "html_title": "footfall",
    "extensions": "myst_parser",
    "html_theme": "furo",
    "myst_heading_anchors": 4,
    "html_show_copyright": 0,
    "html_copy_source": 0,
    # SQL with Jinja in it is no SQL to the highlighter.
    "suppress_warnings": "misc.highlighting_failure",
}
FIRST = "index.md"
NAVIGATION = {
    "Begin": ("tutorial", "questions", "your-own-data", "glossary"),
    "Load": ("ingestion", "add-a-source", "generation"),
    "Tables": ("definitions", "entities", "add-a-mart", "features", "incremental", "by-day"),
    "Read": ("bi", "dashboard", "sequences-export", "training"),
    "Operate": ("operations", "monitoring", "runbook", "reliability", "backfill", "erasure"),
    "Elsewhere": ("cluster", "databricks", "package", "compatibility", "upgrading"),
    "Behind it": ("testing", "benchmarks", "changelog", "decisions/*"),
}
"""Headings of the menu, and the pages below them in the order of reading."""
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(([^)\s#]*)(#[^)\s]*)?\)")
FENCE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)


def staged() -> dict[Path, Path]:
    """Return where each file of the repository lies in the site's sources."""
    docs = PROJECT / "docs"
    pages = {file: file.relative_to(docs) for file in sorted(docs.rglob("*.md"))}
    return {
        PROJECT / "README.md": Path(FIRST),
        PROJECT / "CHANGELOG.md": Path("changelog.md"),
        **pages,
    }


def with_links(file: Path, text: str, pages: dict[Path, Path]) -> str:
    """Return a page whose links lead to pages of the site; one to another file is its text."""

    def link(found: re.Match[str]) -> str:
        words, target, anchor = found.group(1), found.group(2), found.group(3) or ""
        if not target or re.match(r"\w+:", target):
            return found.group()
        page = pages.get(Path(os.path.normpath(file.parent / target)))
        if page is None:
            return words
        return f"[{words}]({os.path.relpath(page, pages[file].parent)}{anchor})"

    code = FENCE.findall(text)
    prose = [LINK.sub(link, part) for part in FENCE.split(text)]
    return "".join(part + block for part, block in zip(prose, [*code, ""], strict=True))


def menu() -> str:
    """Return the site's menu, which its first page holds and does not show."""
    return "".join(
        f"\n```{{toctree}}\n:hidden:\n:glob:\n:caption: {caption}\n\n"
        + "\n".join(names)
        + "\n```\n"
        for caption, names in NAVIGATION.items()
    )


def main() -> None:
    started = time.monotonic()
    shutil.rmtree(PAGES, ignore_errors=True)
    pages = staged()
    for file, place in pages.items():
        text = with_links(file, file.read_text(encoding="utf-8"), pages)
        target = PAGES / place
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text + (menu() if str(place) == FIRST else ""), encoding="utf-8")
    tools = environment(TOOLS, SPHINX)
    shutil.rmtree(SITE, ignore_errors=True)
    settings = [part for name, value in SETTINGS.items() for part in ("-D", f"{name}={value}")]
    # -C: all settings stand here.
    call(
        tools / "sphinx-build", "-C", *settings, "-q", "-W", "--keep-going",
        "-d", TOOLS / "doctrees", PAGES, SITE,
    )  # fmt: skip
    count = len(list(SITE.rglob("*.html")))
    print(f"{count} pages, {time.monotonic() - started:.0f} s: {SITE / 'index.html'}")


if __name__ == "__main__":
    main()
