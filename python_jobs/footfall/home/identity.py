"""What a home says of itself: the path under which its tables are registered."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel

from footfall.atomic import write_atomically

IDENTITY_FILE = "home.json"


class Identity(BaseModel):
    """What a home says of itself.

    Attributes:
        path: the home as its tables are registered; perhaps through a symbolic link.
        repairing: a repair began and has not ended.
    """

    path: Path
    repairing: bool = False


def read_identity(home: Path) -> Identity | None:
    """Return what the home says of itself; None for a new home, or one that says nothing."""
    try:
        return Identity.model_validate_json((home / IDENTITY_FILE).read_text())
    except (OSError, ValueError):
        return None


def write_identity(home: Path, identity: Identity) -> None:
    """Write what the home says of itself, if it changed."""
    if read_identity(home) == identity:
        return
    write_atomically(home / IDENTITY_FILE, identity.model_dump_json() + "\n")


def same_folder(one: Path, other: Path) -> bool:
    """Return whether two paths lead to one folder, through whatever links and mounts."""
    try:
        return one.samefile(other)
    except OSError:
        return False


def path_as_registered(home: Path) -> Path:
    """Return the path under which the home's tables are registered, where it leads there as well.

    A home that is opened through a symbolic link so keeps one spelling in its metastore.
    """
    identity = read_identity(home)
    return identity.path if identity and same_folder(identity.path, home) else home
