"""A person's identifiers, and the conditions that tell the person's rows from all others.

An id is text that somebody typed or delivered. It reaches Spark as a literal of a DataFrame or as a
row of one, never as a part of SQL.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Literal

from pyspark.sql import functions as F

from footfall.errors import UsageError

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

Space = Literal["user", "customer"]

BIGINT = range(-(2**63), 2**63)
INTEGER_TYPES = {"tinyint", "smallint", "int", "bigint"}
SOUGHT_DDL = "_sought_text string, _sought_number bigint, _sought_pattern string"
RAW_ROW = "row_unreadable: '"
BEFORE, AFTER = r"(?<![\p{L}\p{N}_.@-])", r"(?![\p{L}\p{N}_.@:-])"
"""What may not stand around an id in raw text: U1 is not named in U10, x.U1 or U1-b."""


@dataclass(frozen=True)
class Sought:
    """The id as columns: its text, its number if it is one, and a pattern that finds it in text."""

    text: Column
    number: Column
    pattern: Column


@dataclass(frozen=True)
class Identifier:
    """An id in one of the two spaces: the same text names different people in each."""

    space: Space
    text: str

    @property
    def number(self) -> int | None:
        """The id as the number that it is written as; ``007`` is another id than ``7``."""
        if not re.fullmatch(r"0|-?[1-9][0-9]*", self.text) or int(self.text) not in BIGINT:
            return None
        return int(self.text)

    @property
    def pattern(self) -> str:
        """A Java regular expression that finds the id in raw text, between other characters."""
        quoted = "".join(f"\\x{{{ord(character):x}}}" for character in self.text)
        return f"(?s)^[a-zA-Z0-9_]+: '.*{BEFORE}{quoted}{AFTER}"

    def is_named_in(self, text: str) -> bool:
        """Return whether a text names the id, as a word of its own."""
        return bool(re.search(rf"(?<!\w){re.escape(self.text)}(?!\w)", text))

    def literals(self) -> Sought:
        """Return the id for a filter."""
        return Sought(F.lit(self.text), F.lit(self.number).cast("bigint"), F.lit(self.pattern))

    def frame(self, spark: SparkSession) -> DataFrame:
        """Return the id as a row, for a merge: Delta writes a filter's literals into its log."""
        return spark.createDataFrame([(self.text, self.number, self.pattern)], SOUGHT_DDL)


JOINED = ("_sought_text", "_sought_number", "_sought_pattern")


def joined() -> Sought:
    """Return the columns of :meth:`Identifier.frame`."""
    return Sought(*(F.col(name) for name in JOINED))


def identifiers_of(user: str | None, customer: str | None) -> list[Identifier]:
    """Return the ids that were given.

    Raises:
        UsageError: none was given, or an empty one.
    """
    given: list[tuple[Space, str | None]] = [("user", user), ("customer", customer)]
    found = [Identifier(space, text) for space, text in given if text is not None]
    if not found:
        raise UsageError(
            "No person is given.",
            "Give --user ID, --customer ID, or both for one person.",
        )
    for identifier in found:
        if not identifier.text.strip():
            raise UsageError(f"--{identifier.space} is empty.", "Give the id as it was delivered.")
    return found


def holds(column: str, data_type: str, sought: Sought) -> Column:
    """Return whether a typed column holds the id."""
    value = F.col(column)
    if data_type in INTEGER_TYPES:
        return value == sought.number
    return (value if data_type == "string" else value.cast("string")) == sought.text


def mentions(errors: str, column: str, sought: Sought) -> Column:
    """Return whether a list of ingestion errors shows the id in its raw form.

    Args:
        errors: the column with the list; its entries read ``<what>: '<raw text>'``.
        column: the identifying column; an unreadable value of it stands in the list only.
        sought: the id.
    """
    starts = (RAW_ROW, f"{column}_unreadable: '", f"{column}_unmapped: '")

    def shows(entry: Column) -> Column:
        concerned = reduce(lambda one, other: one | other, map(entry.startswith, starts))
        return concerned & F.rlike(entry, sought.pattern)

    return F.exists(F.col(errors), shows)


def in_poison(message: str, sought: Sought) -> Column:
    """Return whether a message that is no JSON object has the id as its key or names it.

    Args:
        message: the column with a message's key, and with its bytes where they could not be read.
        sought: the id.
    """
    key, value = F.col(f"{message}.key"), F.col(f"{message}.value")
    shown = F.concat(F.lit(RAW_ROW), F.make_valid_utf8(value.cast("string")))
    is_named = F.rlike(shown, sought.pattern) | (key.cast("string") == sought.text)
    return F.coalesce(value.isNotNull() & is_named, F.lit(False))
