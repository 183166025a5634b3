"""A home and a landing folder whose names hold what a path may hold, in processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from support.thorough import only_thorough

UNUSUAL = """it's "mine" [1] {a}*?;#1 100%41+\\föö$x&"""


@only_thorough
def test_a_home_with_an_unusual_name_holds_its_tables_and_nothing_lies_beside_it(
    footfall_home: Path, tmp_path: Path
) -> None:
    home, landing = tmp_path / UNUSUAL, tmp_path / f"landing {UNUSUAL}"
    home.mkdir()
    (home / "cache").symlink_to((footfall_home / "cache").resolve())
    landing.mkdir()
    file = landing / "a [2].csv"
    file.write_text(
        "event_time,user_id,product_id,interaction_type\n2025-01-01 00:00:00,u1,1,view\n"
    )

    def footfall(*arguments: str) -> str:
        return subprocess.run(
            [sys.executable, "-m", "footfall", *arguments],
            env=os.environ | {"FOOTFALL_HOME": str(home)},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout

    footfall("ingest", "product.interactions", str(landing / "*.csv"))
    table = "footfall_bronze.product__interactions"
    rows = json.loads(footfall("query", f"select _source_file from {table}", "--format", "json"))
    assert rows == [{"_source_file": str(file)}]
    assert (home / "warehouse" / "footfall_bronze.db" / "product__interactions").is_dir()
    assert {entry.name for entry in tmp_path.iterdir()} == {home.name, landing.name}
