"""The law holds for tables in an object store, and for tasks that a cluster runs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from footfall.settings import PROJECT_DIR
from support.elsewhere import ELSEWHERE
from support.kills import Place
from support.law import FAMILIES
from support.main_job import environment
from support.thorough import only_thorough

SCHEDULES = os.environ.get("FOOTFALL_LAW_EXAMPLES", "1")


@only_thorough
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("place", ELSEWHERE)
def test_any_schedule_gives_the_tables_of_one_full_refresh(
    place: Callable[[Path], AbstractContextManager[Place]], tmp_path: Path
) -> None:
    with place(tmp_path / "place") as found:
        law = [
            sys.executable, "-m", "pytest", "tests/oracle/test_law.py", "-k", "any_schedule",
            "-v", "-s", "--timeout", "3600",
        ]  # fmt: skip
        own = environment(
            tmp_path / "home",
            **found.environment,
            FOOTFALL_LAW_EXAMPLES=SCHEDULES,
            FOOTFALL_THOROUGH="1",
            FOOTFALL_TINY_TABLES="true",
        )
        played = subprocess.run(
            law, env=own, cwd=PROJECT_DIR, capture_output=True, text=True, check=False
        )
        assert played.returncode == 0, played.stdout[-8000:]
    passed = f"{len(FAMILIES) * int(SCHEDULES)} passed"
    assert passed in played.stdout
