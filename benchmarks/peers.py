"""The same step by several engines, on the same interactions and with the same result."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, TypeAlias

from benchmarks.harness import Row, Work, in_own_process, measure, require_same
from benchmarks.interactions import Days, Interactions

Result: TypeAlias = dict[str, Any]
"""What an engine found, part by part: one that is given fewer days has fewer parts."""


@dataclass
class Engine(ABC):
    """One way to do the step.

    Args:
        data: the interactions, written.
    """

    data: Interactions
    name: ClassVar[str]

    def prepare(self, days: Days) -> None:  # noqa: B027 (not every engine has to)
        """Do before the step what is not measured."""

    def given(self, days: Days) -> Days:
        """Return the days that this engine is given in place of all days of the step."""
        return days

    @abstractmethod
    def run(self, days: Days) -> None:
        """Do the step: this is measured."""

    @abstractmethod
    def result(self, days: Days) -> Result:
        """Return what the step found."""


def compare(what: str, data: Interactions, engines: Sequence[Engine]) -> list[Row]:
    """Measure the step over all days, then over one more, each engine in a process of its own.

    Args:
        what: what the step makes, for the report.
        data: the interactions, written.
        engines: in the order of the report.

    Raises:
        FootfallError: two engines found something else.
    """
    steps = {f"{what} of {len(data.period)} days": data.period, "one more day": data.new_day}
    rows: dict[str, list[Row]] = {step: [] for step in steps}
    found: dict[str, Result] = {}
    for engine in engines:
        for step, measured, result in in_own_process(_measure_steps, engine, steps):
            rows[step] += measured
            for part, value in result.items():
                found.setdefault(part, {})[engine.name] = value
    for part, values in found.items():
        require_same(part, values)
    return [row for step in steps for row in rows[step]]


def _measure_steps(engine: Engine, steps: dict[str, Days]) -> list[tuple[str, list[Row], Result]]:
    """Return of each step the rows of the report and what was found."""
    done = []
    for step, days in steps.items():
        given = engine.given(days)
        engine.prepare(given)
        if given == days:
            rows = [_measure(engine, step, given)]
        else:
            row = _measure(engine, f"{step}, the last {len(given)} alone", given)
            rows = [row, _projection(row, step, len(days) / len(given))]
        done.append((step, rows, engine.result(given)))
    return done


def _measure(engine: Engine, step: str, days: Days) -> Row:
    work = Work(rows=engine.data.count(days))

    def run() -> Work:
        engine.run(days)
        return work

    return measure(step, engine.name, run)


def _projection(row: Row, step: str, factor: float) -> Row:
    """Return what so many times the days would take."""
    return replace(
        row,
        step=step,
        seconds=row.seconds * factor,
        runs=[seconds * factor for seconds in row.runs],
        cpu_seconds=row.cpu_seconds * factor,
        rows=None,
        rows_per_second=None,
        projected=True,
    )
