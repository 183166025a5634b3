"""Spark's hash of a BIGINT in NumPy, for files that Spark is to find by bucket."""

from __future__ import annotations

import numpy as np

from footfall.errors import UsageError
from footfall.generate.columns import Array

SPARK_SEED = 42
BLOCK = 1 << 16
"""Values hashed at a time: what is in between stays in the processor's cache."""


def _rotate(words: Array, bits: int) -> Array:
    rotated: Array = (words << np.uint32(bits)) | (words >> np.uint32(32 - bits))
    return rotated


def _add_word(state: Array, word: Array) -> Array:
    mixed = _rotate(word * np.uint32(0xCC9E2D51), 15) * np.uint32(0x1B873593)
    added: Array = _rotate(state ^ mixed, 13) * np.uint32(5) + np.uint32(0xE6546B64)
    return added


def spark_hash(values: Array) -> Array:
    """Return what Spark SQL's ``hash`` returns for BIGINT values: Murmur3 with seed 42.

    Args:
        values: int64, one dimension.

    Returns:
        int32, of the same length.
    """
    words = np.ascontiguousarray(values, dtype="<i8").view("<u4").reshape(-1, 2)
    state: Array = np.full(len(words), SPARK_SEED, dtype=np.uint32)
    state = _add_word(_add_word(state, words[:, 0]), words[:, 1])
    state ^= np.uint32(8)
    state = (state ^ (state >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    state = (state ^ (state >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    state ^= state >> np.uint32(16)
    return state.view(np.int32)


def bucket_of(customer_ids: Array, buckets: int) -> Array:
    """Return each customer's bucket: ``pmod(hash(customer_id), buckets)`` as Spark SQL has it.

    Args:
        customer_ids: int64, one dimension.
        buckets: how many buckets, at least 1.

    Returns:
        int32, of the same length, from 0 to ``buckets`` − 1.

    Raises:
        UsageError: ``buckets`` is not positive.
    """
    if buckets < 1:
        raise UsageError(f"Customers do not fit into {buckets} buckets.", "Give at least 1 bucket.")
    found = np.empty(len(customer_ids), dtype=np.int32)
    for begin in range(0, len(customer_ids), BLOCK):
        block = slice(begin, begin + BLOCK)
        # NumPy's remainder is never negative, as pmod; int64 holds any number of buckets.
        found[block] = spark_hash(customer_ids[block]).astype(np.int64) % buckets
    return found
