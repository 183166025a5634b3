"""What all tests share: a home of their own, one Spark session, the real data sets."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadFileScheduling

from footfall.settings import PROJECT_DIR, get_settings
from support.manifest import parse
from support.thorough import THOROUGH

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# How long an example takes says something of the machine, and nothing of the project.
settings.register_profile("footfall", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("footfall")


OF_ONE_HOME = {f"tests/oracle/test_{name}.py" for name in ("generated", "metrics", "superset")}
"""Files that read the tables of the fixture ``built``: in two workers it would be built twice."""


class ByFileAndHome(LoadFileScheduling):  # type: ignore[misc]
    """Gives a worker all tests of a file, and all files of one home."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return "built" if file in OF_ONE_HOME else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFileAndHome:
    """Return what spreads the tests over the workers of ``make test``."""
    return ByFileAndHome(config, log)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was left out, by reason."""
    left_out: dict[str, set[str]] = defaultdict(set)
    for report in terminalreporter.stats.get("skipped", []):
        _, _, reason = report.longrepr
        left_out[reason.removeprefix("Skipped: ")].add(Path(report.nodeid.split("::")[0]).stem)
    if left_out:
        terminalreporter.section("left out")
    for reason, files in sorted(left_out.items()):
        terminalreporter.write_line(f"{', '.join(sorted(files))}: {reason}")


@pytest.fixture(scope="session")
def footfall_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A new FOOTFALL_HOME for the run, with the jars that the project's own home has."""
    home = tmp_path_factory.mktemp("home")
    jars = Path(os.environ.get("FOOTFALL_HOME", PROJECT_DIR / ".footfall")) / "cache"
    if jars.is_dir():
        (home / "cache").symlink_to(jars.absolute())
    before = os.environ.copy()
    os.environ["FOOTFALL_HOME"] = str(home)
    os.environ.setdefault("FOOTFALL_DRIVER_MEMORY_GIB", "2")
    os.environ.setdefault("FOOTFALL_JIT_LEVEL", "1")
    os.environ.setdefault("FOOTFALL_DATA_SKIPPING", "false")
    # What is thorough, and the sample that make test builds, plan as users' builds do.
    os.environ.setdefault("FOOTFALL_TINY_TABLES", str(not THOROUGH).lower())
    get_settings.cache_clear()
    yield home
    os.environ.clear()
    os.environ.update(before)
    get_settings.cache_clear()


@pytest.fixture(scope="session")
def spark(footfall_home: Path) -> Iterator[SparkSession]:
    """The one Spark session of the run."""
    from footfall.spark.session import get_session

    session = get_session()
    yield session
    session.stop()


@pytest.fixture(scope="session")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The manifest of the project, parsed once."""
    return parse(tmp_path_factory.mktemp("target"), "--target", "local")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets, which lies outside the repository."""
    folder = Path(os.environ.get("FOOTFALL_REAL_DATA", PROJECT_DIR.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"the real data sets are not at {folder}; name them by FOOTFALL_REAL_DATA")
    return folder
