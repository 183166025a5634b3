"""How far two samples of a column are apart: population stability index and a test."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

BINS = 10
LEAST_EXPECTED = 5
"""Rows that the chi-squared test expects of a category in either sample; rarer ones are pooled."""

Numbers = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
Test = Literal["kolmogorov_smirnov", "chi_squared"]


class Distance(NamedTuple):
    """What two samples of a column come to.

    Attributes:
        psi: population stability index; 0 for the same shares, above 0.2 for other ones.
        test: the test of whether both are drawn from one distribution.
        statistic: of the test.
        p_value: the probability of such a statistic where they are.
    """

    psi: float
    test: Test
    statistic: float
    p_value: float


def compare(reference: Sequence[Any], current: Sequence[Any], *, numeric: bool) -> Distance:
    """Compare two samples of a column, neither of them empty.

    Args:
        reference: the values of before; None for null.
        current: the values of now.
        numeric: numbers, which are cut into bins by the deciles of the reference and compared by
            the Kolmogorov-Smirnov test; null counts as less than every number. Other values are
            compared as categories, by the chi-squared test; null is one of them.
    """
    if numeric:
        return _compare_numbers(_numbers(reference), _numbers(current))
    return _compare_categories(reference, current)


def _compare_numbers(reference: Numbers, current: Numbers) -> Distance:
    from scipy.stats import ks_2samp

    edges = _edges(reference)
    shares = [
        np.bincount(np.searchsorted(edges, values, side="left"), minlength=len(edges) + 1)
        for values in (reference, current)
    ]
    # The exact distribution costs as much as the product of both sizes.
    test = ks_2samp(reference, current, method="asymp")
    return Distance(_psi(*shares), "kolmogorov_smirnov", float(test.statistic), float(test.pvalue))


def _compare_categories(reference: Sequence[Hashable], current: Sequence[Hashable]) -> Distance:
    from scipy.stats import chi2_contingency

    before, now = Counter(reference), Counter(current)
    names = sorted(before | now, key=str)
    counts = _pool_rare(
        np.array([[sample[name] for name in names] for sample in (before, now)], np.int64)
    )
    if counts.shape[1] < 2:
        return Distance(0.0, "chi_squared", 0.0, 1.0)
    test = chi2_contingency(counts)
    return Distance(_psi(*counts), "chi_squared", float(test.statistic), float(test.pvalue))


def _numbers(values: Sequence[Any]) -> Numbers:
    """Return values as numbers; null and NaN are less than all others."""
    numbers = np.array([np.nan if value is None else value for value in values], np.float64)
    numbers[np.isnan(numbers)] = -np.inf
    return numbers


def _edges(reference: Numbers) -> Numbers:
    """Return the upper edges of the bins but the last: the deciles, and null's own bin."""
    known = reference[np.isfinite(reference)]
    deciles = np.quantile(known, np.arange(1, BINS) / BINS, method="lower") if len(known) else []
    edges: Numbers = np.unique(np.concatenate([[-np.inf], deciles]))
    return edges


def _pool_rare(counts: Counts) -> Counts:
    """Put categories of which a sample is too small to hold enough rows into one."""
    totals = counts.sum(axis=0)
    rare = totals * counts.sum(axis=1).min() < LEAST_EXPECTED * counts.sum()
    pooled = counts[:, rare].sum(axis=1, keepdims=True)
    kept = counts[:, ~rare]
    return np.hstack([kept, pooled]) if pooled.sum() else kept


def _psi(reference: Counts, current: Counts) -> float:
    from scipy.stats import entropy

    # Half a row more in each bin: an empty one has no logarithm.
    before, now = (counts + 0.5 for counts in (reference, current))
    return float(entropy(now, before) + entropy(before, now))
