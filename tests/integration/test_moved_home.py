"""Homes that were copied, moved, or lost their metastore: refused, repaired, then as before."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from footfall.settings import PROJECT_DIR
from support.thorough import only_thorough

pytestmark = only_thorough

STEPS = PROJECT_DIR / "tests" / "support" / "moved_home.py"
TABLES = {
    "footfall_bronze.product__interactions",
    "footfall_gold.int_hot_products",
    "footfall_quality.dq_ingested_files",
    "footfall_silver.stg_product__interactions",
}
IN_THE_HOME = TABLES | {"footfall_quality.dq_run_results"}
VIEW = "footfall_silver.int_interactions"

Step = Callable[..., Any]


def in_home(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        env=os.environ | {"FOOTFALL_HOME": str(home), "FOOTFALL_CACHE": str(home.parent / "cache")},
        capture_output=True,
        text=True,
        timeout=600,
    )


def step(home: Path, *arguments: str) -> Any:
    """Do a step of moved_home.py in a process of its own and return what it saw."""
    out = home.parent / "seen.json"
    ended = in_home(home, str(STEPS), str(out), *arguments)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return json.loads(out.read_text())


def interactions(file: Path, day: int) -> None:
    rows = [f"2025-08-{day:02}T10:00:0{n}Z,u{n},p{n % 2},view" for n in range(6)]
    file.parent.mkdir(exist_ok=True)
    header = "event_time,user_id,product_id,interaction_type"
    file.write_text("\n".join([header, *rows]) + "\n")


def digests(home: Path) -> dict[str, str]:
    """Return a checksum of each file of the tables and the metastore."""
    return {
        str(file.relative_to(home)): hashlib.sha256(file.read_bytes()).hexdigest()
        for folder in ("warehouse", "metastore", "ingest")
        for file in (home / folder).rglob("*")
        if file.is_file()
    }


@pytest.fixture(scope="module")
def folder(footfall_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the homes, with the jars."""
    folder = tmp_path_factory.mktemp("homes")
    if (footfall_home / "cache").exists():
        (folder / "cache").symlink_to((footfall_home / "cache").resolve())
    return folder


@pytest.fixture(scope="module")
def built(folder: Path) -> Any:
    """What the original home holds."""
    interactions(folder / "landing" / "first.csv", 1)
    return step(folder / "home", "build", str(folder / "landing"))


def copy_home(home: Path, copy: Path) -> None:
    """Copy a home but for Spark's scratch, which the Java of an ended step may still clear."""
    shutil.copytree(home, copy, ignore=shutil.ignore_patterns("tmp"))


def without_locations(seen: Any) -> Any:
    tables = {name: [v, *rest] for name, (v, _location, *rest) in seen["tables"].items()}
    return {"tables": tables, "views": seen["views"]}


def test_a_copied_home_is_refused_then_repaired_and_never_touches_the_original(
    folder: Path, built: Any
) -> None:
    home, copy = folder / "home", folder / "copy"
    assert set(built["tables"]) == TABLES
    assert built["views"] == {VIEW: 6}
    copy_home(home, copy)
    original = digests(home)

    refused = in_home(copy, "-m", "footfall", "status")
    assert refused.returncode == 1
    assert f"{copy} is a copy of {home}" in refused.stderr
    assert "footfall repair --dry-run" in refused.stderr
    dbt = Path(sys.executable).with_name("dbt")
    refused = in_home(copy, str(dbt), "run", "--select", "stg_product__interactions")
    assert refused.returncode != 0
    assert f"{copy} is a copy of {home}" in refused.stdout

    interactions(folder / "new" / "second.csv", 2)
    seen = step(copy, "copy", str(folder / "landing"), str(folder / "new"))
    assert {t["table"]: t["action"] for t in seen["dry_run"]["tables"]} == dict.fromkeys(
        IN_THE_HOME, "moved"
    )
    assert seen["after_dry_run"]["path"] == str(home)
    assert seen["report"] == seen["dry_run"]
    for _version, location, *_ in seen["repaired"]["tables"].values():
        assert "/copy/warehouse/" in location
    assert without_locations(seen["repaired"]) == without_locations(built)
    assert seen["idle_build"] == seen["repaired"]
    assert [file["source_file"] for file in seen["ingest"]["skipped"]] == [
        str(folder / "landing" / "first.csv")
    ]
    assert [file["source_file"] for file in seen["ingest"]["loaded"]] == [
        str(folder / "new" / "second.csv")
    ]
    assert seen["ingest"]["load_ids"] == [2]
    assert not seen["again"]["needed"]
    assert digests(home) == original


def test_a_lost_metastore_is_told_from_an_empty_home_and_made_again(
    folder: Path, built: Any
) -> None:
    home = folder / "lost"
    copy_home(folder / "home", home)
    shutil.rmtree(home / "metastore")
    (home / "home.json").unlink()
    interactions(folder / "more" / "third.csv", 3)
    for command in (["status"], ["ingest", "product.interactions", str(folder / "more")]):
        refused = in_home(home, "-m", "footfall", *command)
        assert refused.returncode == 1
        assert "The metastore is missing" in refused.stderr
        assert "has 5 tables" in refused.stderr
        assert "footfall repair" in refused.stderr
    dry_run = in_home(home, "-m", "footfall", "repair", "--dry-run", "--json")
    assert {t["table"]: t["action"] for t in json.loads(dry_run.stdout)["tables"]} == dict.fromkeys(
        IN_THE_HOME, "registered"
    )
    assert not (home / "metastore").exists()

    seen = step(home, "lost")
    assert seen["interrupted"] is True
    assert "interrupted" in seen["refused"]
    assert VIEW.split(".")[1] in seen["report"]["views"]
    assert without_locations(seen["repaired"])["tables"] == without_locations(built)["tables"]
    assert seen["repaired"]["views"][VIEW] == 6
    assert seen["idle_build"] == seen["repaired"]
