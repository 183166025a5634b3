"""What integration tests share: the command line in this process, pages in a browser."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from footfall.cli import main
from support.answer import Answer, Footfall
from support.browser import CHROMIUM_ARGS, Show, Shown, chromium
from support.main_job import Home, contents, demo, finished

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture
def footfall(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Footfall:
    """Return a function that runs a command; its argument is the command line behind `footfall`."""

    def run(*arguments: str) -> Answer:
        monkeypatch.setattr(sys, "argv", ["footfall", *arguments])
        capfd.readouterr()
        with pytest.raises(SystemExit) as end:
            main()
        code = end.value.code
        return Answer(code if isinstance(code, int) else int(bool(code)), *capfd.readouterr())

    return run


@pytest.fixture(scope="session")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """What one machine with local files makes of the main job."""
    home = tmp_path_factory.mktemp("local")
    finished(demo(home))
    return contents(home)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium with a profile of its own."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = chromium()
    if path is None:
        pytest.skip("no Chromium is installed; install one or name it by FOOTFALL_CHROMIUM")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=CHROMIUM_ARGS)
        yield browser
        browser.close()


@pytest.fixture
def show(browser: Browser, tmp_path: Path) -> Iterator[Show]:
    """Open a page at a width; the test fails on a message or a request to anything but the file."""
    shown: list[Shown] = []

    def open_page(html: str, width: int = 1280, scheme: str = "light") -> Shown:
        file = tmp_path / f"{len(shown)}.html"
        file.write_text(html, encoding="utf-8")
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme=scheme,  # type: ignore[arg-type]
        )
        one = Shown(context.new_page())
        one.page.on("console", lambda message: one.messages.append(message.text))
        one.page.on("pageerror", lambda error: one.messages.append(str(error)))
        one.page.on("dialog", lambda dialog: one.messages.append(dialog.message))
        one.page.on("request", lambda request: one.requests.append(request.url))
        one.page.goto(file.as_uri())
        one.page.wait_for_function(
            # A function, as the page's policy forbids the evaluation of text.
            "() => [...document.querySelectorAll('[data-figure]')]"
            ".every(chart => chart.closest('[hidden]') || chart.querySelector('.main-svg'))"
        )
        shown.append(one)
        return one

    yield open_page
    for one in shown:
        assert one.messages == []
        assert [url for url in one.requests if not url.startswith(("file://", "data:"))] == []
        one.page.context.close()
