"""A home that an earlier version built is read and built on by this one."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from footfall.demo import SEED, START
from footfall.settings import PROJECT_DIR
from support.main_job import environment, rows_of_tables
from support.thorough import only_thorough

pytestmark = only_thorough

EARLIER = os.environ.get("FOOTFALL_EARLIER", "88c65c5")
"""A commit of 25 November 2026, before versions of rows, currencies and adopted tables."""
BIN = Path(sys.executable).parent
USERS = "60"


def git(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["git", *arguments], cwd=PROJECT_DIR, capture_output=True, text=True, timeout=120
    )


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The project as it was, run by today's packages."""
    if git("cat-file", "-e", f"{EARLIER}^{{commit}}").returncode:
        pytest.skip(f"the clone has no history: commit {EARLIER} is missing")
    folder = tmp_path_factory.mktemp("earlier") / "project"
    added = git("worktree", "add", "--detach", str(folder), EARLIER)
    assert added.returncode == 0, added.stderr
    yield folder
    git("worktree", "remove", "--force", str(folder))


class Home:
    """A home, and commands in it by the code of a project."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def call(self, project: Path, *command: str) -> subprocess.CompletedProcess[str]:
        env = environment(
            self.path,
            # In the root, where it was before it had a folder of its own.
            PYTHONPATH=os.pathsep.join([str(project / "python_jobs"), str(project)]),
            FOOTFALL_PROJECT_DIR=str(project),
            DBT_TARGET_PATH=str(self.path.parent / "target" / project.name),
            DBT_LOG_PATH=str(self.path.parent / "logs"),
            PATH=f"{BIN}{os.pathsep}{os.environ['PATH']}",
        )
        return subprocess.run(command, cwd=project, env=env, capture_output=True, text=True)

    def do(self, project: Path, *command: str) -> str:
        ended = self.call(project, *command)
        assert ended.returncode == 0, (ended.stdout + ended.stderr)[-4000:]
        return ended.stdout


def build(home: Home, project: Path, *arguments: str) -> str:
    """Build without data tests; return what dbt prints, also where it refuses."""
    skip = ("--exclude-resource-type", "unit_test", "--exclude-resource-type", "test")
    ended = home.call(project, "dbt", "build", *arguments, *skip)
    said = ended.stdout + ended.stderr
    if ended.returncode and (fix := re.search(r"→ Rebuild them: dbt build (.*)", said)):
        refresh = fix.group(1).split()
        home.do(project, "dbt", "build", *refresh, *skip)
        return build(home, project, *arguments)
    assert ended.returncode == 0, said[-4000:]
    return said


def test_a_home_of_an_earlier_version_is_built_on(earlier: Path, tmp_path: Path) -> None:
    home, landing = Home(tmp_path / "home"), tmp_path / "landing"
    home.do(earlier, "footfall", "demo", "--days", "2", "--users", USERS)
    before = rows_of_tables(home.path / "warehouse")
    assert before["footfall_gold.fct_sessions"]

    third = (START + timedelta(days=2)).isoformat()
    generated = ("--days", "1", "--users", USERS, "--seed", str(SEED), "--start", third)
    home.do(PROJECT_DIR, "footfall", "generate", "--out", str(landing), *generated)
    home.do(PROJECT_DIR, "footfall", "ingest", "--landing", str(landing))
    build(home, PROJECT_DIR)
    grown = rows_of_tables(home.path / "warehouse")
    for name, rows in before.items():
        if name.startswith("footfall_bronze."):
            assert rows <= grown[name], name
    build(home, PROJECT_DIR, "--full-refresh")
    whole = rows_of_tables(home.path / "warehouse")
    assert [name for name, rows in whole.items() if rows != grown[name]] == []
