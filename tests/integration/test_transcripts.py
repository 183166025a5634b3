"""What docs/your-own-data.md shows of `footfall try`, said again by the same commands."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from footfall.settings import PROJECT_DIR
from support.main_job import environment
from support.own_files import FILES
from support.thorough import only_thorough

PAGE = PROJECT_DIR / "docs" / "your-own-data.md"
SHOWN = dict(
    re.findall(
        r"^```text\n\$ footfall try (\S+)\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL
    )
)


def test_each_kind_of_file_is_shown() -> None:
    assert list(SHOWN) == list(FILES)


@only_thorough
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", FILES)
def test_try_says_what_the_page_shows(name: str, tmp_path: Path) -> None:
    FILES[name](tmp_path / name)
    done = subprocess.run(
        [str(Path(sys.executable).with_name("footfall")), "try", name],
        cwd=tmp_path,
        env=environment(tmp_path / ".footfall", COLUMNS="100", FOOTFALL_TINY_TABLES="true"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout

    def told(text: str) -> list[str]:
        for folder in (tmp_path, PROJECT_DIR):
            text = text.replace(f"{folder}/", "")
        plain = re.sub(r"\b\d+ s\b", "# s", text)
        return [line.rstrip() for line in plain.splitlines()]

    assert told(done.stdout) == told(SHOWN[name])
