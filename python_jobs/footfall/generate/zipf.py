"""Draws by Zipf's law from millions of members, cheap enough for billions of draws."""

from __future__ import annotations

import numpy as np

from footfall.generate.columns import Array

CELL_BITS = 18
REST_BITS = 32 - CELL_BITS
DRAWS_AT_A_TIME = 1 << 16


def zipf_shares(size: int, exponent: float) -> Array:
    """Return each rank's share of the whole: proportional to rank^-exponent.

    Args:
        size: how many ranks, at least 1.
        exponent: not negative; 0 is uniform.

    Returns:
        float64, descending, with the sum 1.
    """
    shares = np.arange(1, size + 1, dtype=np.float64)
    np.power(shares, -exponent, out=shares)
    shares /= shares.sum()
    return shares


class Popularity:
    """Members to draw by Zipf's law of their rank.

    A draw is one 32-bit number looked up in the inverse of the cumulative shares, which stands in
    a table of 2¹⁸ cells and is linear within a cell: a rank's probability is wrong by less than
    2⁻¹⁷, and ranks in the tail that share a cell are drawn alike.

    Args:
        members: what is drawn, by rank, the most popular first; one dimension.
        exponent: of the Zipf law, not negative.
    """

    def __init__(self, members: Array, exponent: float) -> None:
        self._members = members
        cumulative = np.concatenate([[0.0], np.cumsum(zipf_shares(len(members), exponent))])
        cells = 1 << CELL_BITS
        quantiles = np.arange(cells + 1, dtype=np.float64) / cells
        edges = np.interp(quantiles, cumulative / cumulative[-1], np.arange(len(cumulative)))
        self._low = edges[:-1]
        self._step = np.diff(edges) / (1 << REST_BITS)

    def __len__(self) -> int:
        return len(self._members)

    def ranks(self, size: int, rng: np.random.Generator) -> Array:
        """Return ``size`` drawn ranks (int32), from 0."""
        drawn = np.empty(size, dtype=np.int32)
        for begin in range(0, size, DRAWS_AT_A_TIME):
            block = drawn[begin : begin + DRAWS_AT_A_TIME]
            numbers = rng.integers(0, 1 << 32, len(block), dtype=np.uint32)
            cells = (numbers >> np.uint32(REST_BITS)).astype(np.int64)
            numbers &= np.uint32((1 << REST_BITS) - 1)
            rank = self._step.take(cells)
            rank *= numbers
            rank += self._low.take(cells)
            block[:] = rank
        return drawn

    def draw(self, size: int, rng: np.random.Generator) -> Array:
        """Return ``size`` drawn members, in the members' type."""
        drawn: Array = self._members.take(self.ranks(size, rng))
        return drawn
