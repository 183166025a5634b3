"""docs/tutorial.md, command by command, in a copy of the project."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from footfall.settings import PROJECT_DIR
from support.main_job import environment
from support.projects import project_with
from support.thorough import only_thorough

PAGE = PROJECT_DIR / "docs" / "tutorial.md"
BLOCK = re.compile(r"^```(sh|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@only_thorough
def test_the_tutorial_runs_and_prints_what_it_shows() -> None:
    blocks = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    (_, setup), *rest = blocks
    # The virtual environment is the one that this test runs in.
    assert setup.split() == ["make", "setup", "source", ".venv/bin/activate"]
    said, shown = "", 0
    with project_with({}) as project:
        env = environment(project / ".footfall", FOOTFALL_PROJECT_DIR=str(project))
        env["PATH"] = f"{Path(sys.executable).parent}:{env['PATH']}"
        for kind, text in rest:
            if kind == "text":
                assert said.replace("\r\n", "\n") == text
                shown += 1
                continue
            done = subprocess.run(
                ["bash", "-e", "-c", text],
                cwd=project, env=env, capture_output=True, text=True, check=False, timeout=900,
            )  # fmt: skip
            assert done.returncode == 0, f"{text}\n{done.stdout[-4000:]}\n{done.stderr[-2000:]}"
            said = done.stdout
        assert not list((project / "models").rglob("fct_busiest_sessions.*"))
    assert shown == 4
