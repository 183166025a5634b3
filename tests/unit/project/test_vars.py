"""Every var is checked before anything runs: ``dbt parse`` says what is wrong. No Spark."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from footfall.errors import FootfallError
from footfall.project.dbt import project_vars, run_dbt

ABSURD: dict[str, list[Any]] = {
    "sources": ["product", ["product", "product"], ["produkt"]],
    "reporting_timezone": ["Mars", 1],
    "earliest_event_date": [20000101, "2000-1-1"],
    "latest_event_days_after_arrival": [-1, 0.5],
    "session_gap_minutes": [0.5, "30", True],
    "session_split_at_midnight": ["yes"],
    "session_max_minutes": [0.5, 0],
    "session_cap_percentile": [99, -0.1],
    "engaged_session_seconds": [-1],
    "hot_product_share": [0, 1.5],
    "sequence_length": [0],
    "sequence_history_days": [0, 2.5],
    "action_time_unit": ["second"],
    "dates": [["yesterday"], "2025-1-1"],
}


def complaints(tmp_path: Path, **variables: Any) -> list[str]:
    """Return the lines with which dbt refuses the vars."""
    with pytest.raises(FootfallError) as refused:
        run_dbt(
            "parse", "--vars", json.dumps(variables), "--target-path", str(tmp_path), quiet=True
        )
    return [line.strip() for line in str(refused.value).splitlines()]


def test_a_value_out_of_its_range_is_refused_with_the_range(tmp_path: Path) -> None:
    for turn in range(max(map(len, ABSURD.values()))):
        tried = {name: values[turn] for name, values in ABSURD.items() if turn < len(values)}
        said = complaints(tmp_path, **tried)
        assert [name for name in tried if not any(f"{name} is " in line for line in said)] == []
    assert "session_gap_minutes is True, not an integer from 1 to 1440" in said


def test_every_var_of_the_project_has_a_rule_and_no_other_is_taken(tmp_path: Path) -> None:
    nonsense = dict.fromkeys(project_vars(), -1) | {"sources": [], "sesion_gap": 3}
    said = complaints(tmp_path, **nonsense)
    assert "sesion_gap is not a var of this project" in said
    assert [
        name for name in project_vars() if not any(f"{name} is " in line for line in said)
    ] == []
