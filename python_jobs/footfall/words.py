"""Counted nouns, as every message writes them."""

from __future__ import annotations


def count(number: int, noun: str) -> str:
    """Return ``1 file``, ``0 files`` or ``1,234 files``.

    Args:
        number: how many.
        noun: singular; its plural ends in -s (or -ies, after a consonant and y).
    """
    if number == 1:
        return f"1 {noun}"
    plural = f"{noun[:-1]}ies" if noun.endswith("y") and noun[-2] not in "aeiou" else f"{noun}s"
    return f"{number:,} {plural}"
