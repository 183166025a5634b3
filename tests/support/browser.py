"""Pages as a browser shows them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

CHROMIUM_ARGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def chromium() -> str | None:
    names = (os.environ.get("FOOTFALL_CHROMIUM", ""), "chromium", "chromium-browser")
    return next((path for name in names if name and (path := shutil.which(name))), None)


@dataclass
class Shown:
    """A page in the browser, with all it said and asked for."""

    page: Page
    messages: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def count(self, selector: str) -> int:
        return self.page.locator(selector).count()

    def marks(self, panel: str, selector: str) -> list[int]:
        """Return how many marks of each trace of a panel are drawn."""
        return list(
            self.page.locator(f"#{panel} {selector}").evaluate_all(
                "traces => traces.map(trace => trace.querySelectorAll('.point path, .points path')"
                ".length)"
            )
        )

    def choose(self, panel: str, name: str, option: str) -> None:
        """Choose in a list of a panel, as a person does, by what the option says."""
        self.page.locator(f"#{panel} select[name={name}]").select_option(label=option)

    def shown(self, panel: str, selector: str) -> list[str]:
        """Return the texts of what can be seen of a panel."""
        return self.page.locator(f"#{panel} {selector} >> visible=true").all_text_contents()

    def values(self, panel: str) -> dict[str, list[float]]:
        """Return what each trace of a panel's chart that can be seen is drawn from."""
        values: dict[str, list[float]] = self.page.locator(
            f"#{panel} [data-figure] >> visible=true"
        ).evaluate("chart => Object.fromEntries(chart.data.map(({ name, y }) => [name, y]))")
        return values

    def overflow(self) -> int:
        """Return by how many pixels the page is wider than its window."""
        return int(
            self.page.evaluate(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
        )


Show = Callable[..., Shown]
