"""Counted nouns and near names, as every message writes them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


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


def suggest(name: str, known: Iterable[str], otherwise: str) -> str:
    """Return ``Did you mean a or b?`` for a name that is not known.

    Args:
        name: as it was written.
        known: the names that there are.
        otherwise: a sentence for a name that is near none of them.
    """
    close = difflib.get_close_matches(name, list(known), n=3)
    return f"Did you mean {' or '.join(close)}?" if close else otherwise
