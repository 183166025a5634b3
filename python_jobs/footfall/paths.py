"""Folders with unusual names: what they may be called, and how their readers want them written."""

from __future__ import annotations

import re
import sys
from pathlib import Path, PurePath

from footfall.errors import UsageError

REFUSED = {
    ":": "Java splits class paths there",
    ",": "Spark splits lists of folders there",
    "${": "Spark expands a variable there",
    "!/": "Java takes what precedes it for a jar's name",
}

WILDCARDS = re.compile(r"[\[\]{}*?\\]")


def require_usable(name: str, folder: Path) -> None:
    """Refuse a folder for state whose path Java or Spark would misread.

    Args:
        name: what the user knows the folder as, for the message.
        folder: its absolute path; it need not exist.

    Raises:
        UsageError: the path holds a character that no quoting gets through.
    """
    text = str(folder)
    for characters, reason in REFUSED.items():
        if characters in f"{text}/":
            raise UsageError(
                f"{name} {text!r} holds {characters!r}: {reason}.", "Choose or rename a folder."
            )
    require_printable(name, folder)
    if wide := [character for character in text if ord(character) > 0xFFFF]:
        raise UsageError(
            f"{name} {text!r} holds {wide[0]!r}: Spark's launcher repeats half of it.",
            "Choose or rename a folder.",
        )
    if not text.isascii() and sys.getfilesystemencoding() != "utf-8":
        raise UsageError(
            f"{name} {text!r} is not plain ASCII, and the locale's file names are not UTF-8.",
            "Set LC_ALL=C.UTF-8.",
        )


def require_printable(name: str, path: PurePath) -> None:
    """Refuse a path with a line break, another control character or broken encoding.

    Args:
        name: what the user knows the path as, for the message.
        path: of a file or folder; it need not exist.

    Raises:
        UsageError: the path holds such a character.
    """
    if broken := [character for character in str(path) if not character.isprintable()]:
        raise UsageError(
            f"{name} {str(path)!r} holds the control character {broken[0]!r}.",
            "Choose or rename it.",
        )


def require_readable(name: str, path: PurePath) -> None:
    """Refuse the path of a data file that Spark could not read.

    Args:
        name: what the user knows the path as, for the message.
        path: of the file.

    Raises:
        UsageError: the path is not printable, or holds a colon beside a character of a wildcard.
    """
    require_printable(name, path)
    wildcards = WILDCARDS.findall(str(path))
    if ":" in str(path) and wildcards:
        raise UsageError(
            f"{name} {str(path)!r} holds ':' beside {wildcards[0]!r}: "
            "Hadoop cannot read such a path.",
            "Rename it, or a folder above it, without one of the two.",
        )


def require_usable_clone(folder: Path) -> None:
    """Refuse a folder of the project in which a virtual environment does not work.

    Args:
        folder: its absolute path.

    Raises:
        UsageError: as :func:`require_usable`, or a shell would read the path otherwise between the
            double quotes in which pip and venv write it.
    """
    require_usable("The folder", folder)
    for character in '"$`\\':
        if character in str(folder):
            raise UsageError(
                f"The folder {str(folder)!r} holds {character!r}: "
                "a virtual environment does not work there.",
                "Choose or rename a folder.",
            )


def property_line(key: str, value: str) -> str:
    """Return a line of a Java properties file."""
    return f"{key} {value}\n".replace("\\", "\\\\")


def literal_pattern(path: object) -> str:
    """Return a path or URI for Spark to read in which no character acts as a wildcard."""
    return WILDCARDS.sub(r"\\\g<0>", str(path))


def as_local_uri(path: Path) -> str:
    """Return a path of this machine for Spark, whose own file system may be another."""
    return f"file:{path}"
