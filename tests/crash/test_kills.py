"""Kills of the real commands: ``FOOTFALL_KILLS=50 pytest tests/crash``."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest

from support.elsewhere import ELSEWHERE
from support.kills import Place, run_kills

KILLS = int(os.environ.get("FOOTFALL_KILLS", "0"))
SEED = int(os.environ.get("FOOTFALL_KILLS_SEED", "1"))
SECONDS_PER_KILL = 120


def on_this_machine(_folder: Path) -> AbstractContextManager[Place]:
    return nullcontext(Place())


@pytest.mark.skipif(not KILLS, reason="a kill takes about a minute: set FOOTFALL_KILLS=50")
@pytest.mark.timeout(1800 + KILLS * SECONDS_PER_KILL)
@pytest.mark.parametrize(
    "place",
    [on_this_machine, *ELSEWHERE],
)
def test_a_command_that_was_killed_and_runs_again_leaves_what_an_undisturbed_one_leaves(
    place: Callable[[Path], AbstractContextManager[Place]], tmp_path: Path
) -> None:
    with place(tmp_path / "place") as found:
        report = run_kills(KILLS, SEED, place=found, say=print)
    assert report.breaches == []
    assert len(report.kills) == KILLS
