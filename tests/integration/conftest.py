"""The command line in this process, with its Spark session."""

from __future__ import annotations

import sys

import pytest

from footfall.cli import main
from support.answer import Answer, Footfall
from support.main_job import Home, contents, demo, finished


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
