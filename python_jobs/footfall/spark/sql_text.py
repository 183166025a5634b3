"""Names and values as they stand in SQL."""

from __future__ import annotations


def quoted_name(name: str) -> str:
    """Return a name between backticks, whatever it holds."""
    return "`" + name.replace("`", "``") + "`"


def text_literal(value: str) -> str:
    """Return a text as a literal of Spark SQL, with its quotes."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
