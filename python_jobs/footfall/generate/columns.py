"""Rows as columns: a dict of numpy arrays of one length, with one convention for null and blank."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
Columns: TypeAlias = dict[str, Array]
"""Columns by name. Strings are codes (see strings.py), times are microseconds since 1970 UTC,
dates are days since 1970, decimals are hundredths. A column may have a second dimension."""

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def null_of(values: Array) -> int:
    """Return the number that stands for null in an integer column: the smallest of its type."""
    return int(np.iinfo(values.dtype).min)


def blank_of(values: Array) -> int:
    """Return the number that stands for a blank in a column of ids: the smallest but one."""
    return null_of(values) + 1


def row_count(columns: Columns) -> int:
    return len(next(iter(columns.values())))


def take(columns: Columns, rows: Array) -> Columns:
    """Return the given rows: positions, or a mask."""
    return {name: values[rows] for name, values in columns.items()}


def concatenate(parts: Sequence[Columns]) -> Columns:
    """Return the rows of all parts, in order; the parts have the same columns."""
    if len(parts) == 1:
        return parts[0]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def random_stream(seed: int, purpose: str, day: int = 0) -> np.random.Generator:
    """Return the random numbers of one purpose on one day: no purpose disturbs another's."""
    words = [int.from_bytes(purpose.encode(), "little"), day]
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, *words])))


def round_at_random(expected: float, rng: np.random.Generator) -> int:
    """Return one of the two whole numbers around ``expected``, with that mean."""
    return int(np.floor(expected + rng.random()))


def choose(rng: np.random.Generator, weights: Iterable[float], size: int) -> Array:
    """Return ``size`` codes (int8), each drawn in proportion to its weight."""
    edges = np.cumsum(np.fromiter(weights, dtype=np.float64))
    return np.searchsorted(edges[:-1] / edges[-1], rng.random(size), side="right").astype(np.int8)


def days_since_epoch(day: date) -> int:
    return (day - date(1970, 1, 1)).days
