"""Strings as codes while rows are computed, and as Arrow strings when they are written."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from footfall.generate.columns import Array, null_of


class StringEncoder(Protocol):
    """Turns the codes of a column into strings; the smallest integer is null."""

    def encode(self, codes: Array) -> Any:
        """Return an Arrow array of strings, possibly dictionary-encoded."""
        ...


class Vocabulary:
    """A list of values; a code is a position in it."""

    def __init__(self, values: Iterable[str]) -> None:
        self._values = pa.array(values, pa.string())

    def __len__(self) -> int:
        return len(self._values)

    def encode(self, codes: Array) -> Any:
        missing = codes == null_of(codes)
        indices = pa.array(codes, mask=missing) if missing.any() else pa.array(codes)
        if len(self._values) > max(len(codes), 1000):
            return self._values.take(indices)
        return pa.DictionaryArray.from_arrays(indices, self._values)


@dataclass(frozen=True)
class Numbered:
    """A number between a prefix and a suffix, with leading zeros up to ``digits``."""

    prefix: str
    digits: int
    suffix: str = ""

    def encode(self, codes: Array) -> Any:
        missing = codes == null_of(codes)
        numbers = np.where(missing, 0, codes)
        head, tail = self.prefix.encode(), self.suffix.encode()
        width = len(head) + self.digits + len(tail)
        text = np.empty((len(codes), width), dtype=np.uint8)
        text[:, : len(head)] = np.frombuffer(head, dtype=np.uint8)
        text[:, width - len(tail) :] = np.frombuffer(tail, dtype=np.uint8)
        for position in range(len(head) + self.digits - 1, len(head) - 1, -1):
            rest = numbers // 10
            text[:, position] = numbers - rest * 10 + ord("0")
            numbers = rest
        offsets = np.arange(len(codes) + 1, dtype=np.int64) * width
        return pa.LargeStringArray.from_buffers(
            len(codes),
            pa.py_buffer(offsets),
            pa.py_buffer(text),
            validity(missing),
            int(missing.sum()),
        )


def validity(missing: Array) -> Any:
    """Return the Arrow validity bitmap of a mask of nulls, or None without nulls."""
    if not missing.any():
        return None
    return pa.py_buffer(np.packbits(~missing, bitorder="little"))
