"""Kills of the real commands: ``FOOTFALL_KILLS=50 pytest tests/crash``."""

from __future__ import annotations

import os

import pytest

from support.kills import run_kills

KILLS = int(os.environ.get("FOOTFALL_KILLS", "0"))
SEED = int(os.environ.get("FOOTFALL_KILLS_SEED", "1"))
SECONDS_PER_KILL = 120


@pytest.mark.skipif(not KILLS, reason="a kill takes about a minute: set FOOTFALL_KILLS=50")
@pytest.mark.timeout(1800 + KILLS * SECONDS_PER_KILL)
def test_a_command_that_was_killed_and_runs_again_leaves_what_an_undisturbed_one_leaves() -> None:
    report = run_kills(KILLS, SEED, say=print)
    assert report.breaches == []
    assert len(report.kills) == KILLS
