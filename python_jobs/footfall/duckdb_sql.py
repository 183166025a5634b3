"""Text in DuckDB's SQL, and how each connection of footfall's is set up."""

from __future__ import annotations

OFFLINE: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    # Else a table's name may name a variable of Python.
    "python_enable_replacements": False,
}
"""Nothing is fetched, and nothing is read that no view names."""


def quoted(name: str) -> str:
    """Return a name as an identifier of DuckDB's SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return a text as a literal of DuckDB's SQL."""
    return "'" + text.replace("'", "''") + "'"
