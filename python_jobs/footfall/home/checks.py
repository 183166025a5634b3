"""A home knows its own path: one that was copied or moved, or lost its metastore, is not opened.

The metastore holds the absolute location of each table. In a copy they are the original's, which a
build, an erasure or VACUUM would then rewrite; without a metastore a full home looks like an empty
one. ``footfall repair`` (:mod:`footfall.repair`) fixes both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from footfall.errors import FootfallError
from footfall.home import metastore
from footfall.home.identity import Identity, read_identity, same_folder, write_identity
from footfall.home.metastore import (
    BrokenMetastoreError,
    Catalog,
    Metastore,
    State,
    local_path,
)
from footfall.words import count

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

WAREHOUSE = "warehouse"
SCHEMA_SUFFIX = ".db"
DEFAULT_SCHEMA = "default"
FIX = "`footfall repair --dry-run` shows what would change, `footfall repair` changes it."

_opened: set[Path] = set()


def delta_folders(home: Path) -> Iterator[tuple[str, str]]:
    """Yield schema and table of each folder in the warehouse that holds a Delta table."""
    for log in sorted((home / WAREHOUSE).glob("*.db/*/_delta_log")):
        if next(log.glob("[0-9]*"), None):
            yield log.parts[-3].removesuffix(SCHEMA_SUFFIX), log.parts[-2]
    for log in sorted((home / WAREHOUSE).glob("*/_delta_log")):
        if next(log.glob("[0-9]*"), None):
            yield DEFAULT_SCHEMA, log.parts[-2]


def was_written(home: Path, schema: str, table: str) -> bool:
    """Return whether a table has more than its creation, which a kill may keep from the catalog.

    Args:
        home: FOOTFALL_HOME.
        schema: the table's.
        table: its name; its folder exists.
    """
    folder = folder_of(home, schema) / table
    if any(entry.name != "_delta_log" for entry in folder.iterdir()):
        return True
    return any(file.name != f"{0:020}.json" for file in (folder / "_delta_log").glob("[0-9]*"))


def folder_of(home: Path, schema: str) -> Path:
    """Return where a home keeps the tables of a schema."""
    warehouse = home / WAREHOUSE
    return warehouse if schema == DEFAULT_SCHEMA else warehouse / f"{schema}{SCHEMA_SUFFIX}"


def home_of(schema: str, location: str) -> Path | None:
    """Return the home that a schema's location belongs to; None for a folder that a user chose."""
    path = local_path(location)
    if path is None:
        return None
    root = path.parent if schema == DEFAULT_SCHEMA else path.parent.parent
    return root if path == folder_of(root, schema) else None


def other_homes(home: Path, schemas: Mapping[str, str]) -> list[Path]:
    """Return the homes other than this one in which the metastore's schemas lie.

    Args:
        home: the home whose metastore it is.
        schemas: the location of each schema.
    """
    homes = {home_of(schema, location): None for schema, location in sorted(schemas.items())}
    return [other for other in homes if other is not None and not same_folder(other, home)]


def elsewhere(home: Path, made_at: Path) -> FootfallError:
    """Return the error for a home whose tables are registered under another path."""
    what = "is a copy of" if made_at.exists() else "was moved here from"
    return FootfallError(
        f"{home} {what} {made_at}, and its tables are still registered there; nothing was opened.",
        FIX,
    )


def _without_metastore(home: Path, state: State) -> FootfallError:
    fault = {
        State.missing: f"The metastore is missing: {home / metastore.FOLDER}",
        State.present: f"The metastore lists no tables: {home / metastore.FOLDER}",
        State.broken: f"The metastore is damaged: {home / metastore.FOLDER}",
    }[state]
    tables = count(len(list(delta_folders(home))), "table")
    return FootfallError(f"{fault}; the warehouse beside it has {tables}.", FIX)


def check_folders(home: Path) -> None:
    """Refuse a home that was copied or moved or lost its metastore, as far as its files tell.

    Costs nothing where all is well, and needs no Spark.

    Raises:
        FootfallError: one of the three, or a repair that did not end.
    """
    if home in _opened:
        return
    identity, state = read_identity(home), metastore.state_of(home)
    has_tables = state is not State.present and next(delta_folders(home), None) is not None
    if identity and identity.repairing:
        raise FootfallError(f"A repair of {home} was interrupted.", "Run `footfall repair` again.")
    moved = identity and not same_folder(identity.path, home)
    if identity and moved and (has_tables or state is not State.missing):
        raise elsewhere(home, identity.path)
    if has_tables or state is State.broken:
        raise _without_metastore(home, state)


def check_metastore(session: SparkSession, home: Path) -> None:
    """Refuse the same by what the metastore says, once a process; then the home knows its path.

    To be called before the session uses its catalog.

    Raises:
        FootfallError: the home was copied or moved, or its metastore is damaged, empty or in use.
    """
    if home in _opened:
        return
    metastore.remove_empty(home)
    database = Metastore(session, home)
    try:
        catalog = database.read()
    except BrokenMetastoreError as error:
        raise _without_metastore(home, State.broken) from error
    others = other_homes(home, catalog.schemas)
    if others and catalog.tables:
        raise elsewhere(home, others[0])
    if not catalog.tables and any(was_written(home, *found) for found in delta_folders(home)):
        raise _without_metastore(home, State.present)
    if others:
        database.relocate(lambda location: relocated(location, others, home))
    opened(home, catalog)


def opened(home: Path, catalog: Catalog, *, repairing: bool = False) -> None:
    """Note that the metastore is this home's: the home writes its path, the process asks no more.

    Args:
        home: FOOTFALL_HOME.
        catalog: what its metastore knows.
        repairing: other processes still have to wait for the end of a repair.
    """
    spellings = (home_of(name, catalog.schemas[name]) for name in sorted(catalog.schemas))
    registered = (path for path in spellings if path and same_folder(path, home))
    write_identity(home, Identity(path=next(registered, home), repairing=repairing))
    _opened.add(home)


def relocated(location: str, others: list[Path], home: Path) -> str | None:
    """Return where a schema or table of another home's warehouse lies in this one.

    Args:
        location: as the metastore has it.
        others: the homes from which tables came.
        home: this one.

    Returns:
        The new location; None for one that lies in none of their warehouses.
    """
    path = local_path(location)
    for other in others:
        if path and path.is_relative_to(other / WAREHOUSE):
            return f"file:{home / WAREHOUSE / path.relative_to(other / WAREHOUSE)}"
    return None
