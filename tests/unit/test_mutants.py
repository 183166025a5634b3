"""The mistakes that scripts/check_mutants.py knows still fit the project."""

from __future__ import annotations

import runpy

from footfall.settings import PROJECT_DIR


def test_each_mutant_changes_one_place_of_a_file() -> None:
    script = runpy.run_path(str(PROJECT_DIR / "scripts" / "check_mutants.py"))
    assert len(script["MUTANTS"]) > 60
    assert script["unfit"]() == []
    assert [mutant for mutant in script["MUTANTS"] if mutant.old == mutant.new] == []
