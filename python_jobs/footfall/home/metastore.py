"""The embedded metastore's own tables: where it says that schemas and tables lie.

Hive's client (2.3) can move neither a schema nor a table whose old folder is gone, so they are read
and written as Hive's ``metatool`` does it: in the database itself, which is Derby.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from footfall.errors import FootfallError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

FOLDER = "metastore"
URL = f"jdbc:derby:;databaseName={FOLDER};create=true"
"""Below derby.system.home: a path in this URL would end at a semicolon."""
VIEW, MANAGED, EXTERNAL = "VIRTUAL_VIEW", "MANAGED_TABLE", "EXTERNAL_TABLE"
PLACEHOLDER = "-__PLACEHOLDER__"
"""What Spark appends to the location of an external table that is not Hive's own."""
NOT_THERE = {"XJ004", "42X05", "42Y07"}
"""Derby's states for a database, a table or a schema that does not exist: nothing is registered."""
IN_USE = "XSDB6"
LOCATIONS = (
    # Table, column, key and the rows' condition.
    ("DBS", "DB_LOCATION_URI", ("DB_ID",), ""),
    ("SDS", "LOCATION", ("SD_ID",), "where LOCATION is not null"),
    ("SERDE_PARAMS", "PARAM_VALUE", ("SERDE_ID", "PARAM_KEY"), "where PARAM_KEY = 'path'"),
)


def in_use(home: Path, holder: str | None = None) -> FootfallError:
    """Return the error for a home whose metastore another process has for itself.

    Args:
        home: FOOTFALL_HOME.
        holder: the other process, as a user knows it.
    """
    who = f": {holder}" if holder else ""
    return FootfallError(
        f"Another process is using {home}{who} (the embedded metastore serves one at a time).",
        "Wait for it or stop it, or set FOOTFALL_HOME to another folder.",
    )


class State(str, Enum):
    """What a home's metastore looks like from outside."""

    missing = "missing"
    present = "present"
    broken = "broken"


class Entry(NamedTuple):
    """A table or view of the metastore; a view has no location."""

    schema: str
    name: str
    kind: str
    location: str | None


class Catalog(NamedTuple):
    """What the metastore knows: the location of each schema, and the tables and views."""

    schemas: dict[str, str]
    entries: list[Entry]

    @property
    def tables(self) -> list[Entry]:
        return [entry for entry in self.entries if entry.kind != VIEW]


def state_of(home: Path) -> State:
    """Look at a home's metastore without opening it; an empty folder is a missing one."""
    folder = home / FOLDER
    if (folder / "service.properties").is_file():
        return State.present
    return State.broken if folder.is_dir() and any(folder.iterdir()) else State.missing


def local_path(location: str) -> Path | None:
    """Return a location on this machine as a path, None for one elsewhere (``s3://…``).

    Hive keeps locations as Hadoop prints them: ``file:/home/me/my tables``, not percent-encoded.
    """
    scheme, colon, rest = location.partition(":")
    if not colon or "/" in scheme:
        return Path(location)
    return Path("/" + rest.lstrip("/")) if scheme == "file" else None


class BrokenMetastoreError(Exception):
    """Derby cannot open the database, or cannot read what Hive keeps there."""


class Metastore:
    """The database of a home's metastore, opened in the Java of a session.

    Args:
        session: it need not have used its catalog yet.
        home: FOOTFALL_HOME.
    """

    def __init__(self, session: SparkSession, home: Path) -> None:
        self.jvm = cast("Any", session._jvm)
        self.home = home
        # By its short name where that will do: a path in the URL would end at a semicolon.
        below = self.jvm.java.lang.System.getProperty("derby.system.home") == str(home)
        self.url = f"jdbc:derby:;databaseName={FOLDER if below else home / FOLDER}"

    def read(self) -> Catalog:
        """Return what is registered; nothing where there is no metastore yet.

        Raises:
            BrokenMetastoreError: the database is damaged.
            FootfallError: another process has it open.
        """
        from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]

        try:
            with self._connection() as connection:
                schemas = _rows(connection, "select NAME, DB_LOCATION_URI from DBS")
                entries = _rows(
                    connection,
                    "select d.NAME, t.TBL_NAME, t.TBL_TYPE, s.LOCATION, p.PARAM_VALUE "
                    "from TBLS t join DBS d on d.DB_ID = t.DB_ID join SDS s on s.SD_ID = t.SD_ID "
                    "left join SERDE_PARAMS p on p.SERDE_ID = s.SERDE_ID and p.PARAM_KEY = 'path'",
                )
        except Py4JJavaError as error:
            if IN_USE in str(error):
                raise in_use(self.home) from error
            if _sql_state(error) in NOT_THERE:
                return Catalog({}, [])
            raise BrokenMetastoreError(str(error.java_exception)) from error
        # A Delta table has its folder as a property, one of Hive's has no such property.
        found = [
            Entry(schema, name, kind, path or location)
            for schema, name, kind, location, path in entries
        ]
        return Catalog(dict(schemas), sorted(found, key=lambda entry: entry[:2]))

    def relocate(self, moved: Callable[[str], str | None]) -> None:
        """Change the locations of schemas and tables, all or none.

        Args:
            moved: returns a location's new value, or None for one that stays.
        """
        with self._connection() as connection:
            for table, column, keys, condition in LOCATIONS:
                selected = ", ".join((*keys, column))
                rows = _rows(connection, f"select {selected} from {table} {condition}")
                where = " and ".join(f"{key} = ?" for key in keys)
                for *key, location in rows:
                    if new := moved(location):
                        change = f"update {table} set {column} = ? where {where}"
                        _execute(connection, change, new, *key)

    def manage(self, schema: str, table: str) -> None:
        """Turn a table that was registered by its location into a managed one, as dbt makes them.

        Dropping a managed table removes its files; ``create table … location`` makes external ones.
        """
        with self._connection() as connection:
            [[table_id, storage_id, path]] = _rows(
                connection,
                "select t.TBL_ID, t.SD_ID, p.PARAM_VALUE from TBLS t "
                "join DBS d on d.DB_ID = t.DB_ID join SDS s on s.SD_ID = t.SD_ID "
                "join SERDE_PARAMS p on p.SERDE_ID = s.SERDE_ID and p.PARAM_KEY = 'path' "
                "where d.NAME = ? and t.TBL_NAME = ?",
                schema,
                table,
            )
            for statement, *values in (
                ("update TBLS set TBL_TYPE = ? where TBL_ID = ?", MANAGED, table_id),
                ("update SDS set LOCATION = ? where SD_ID = ?", path, storage_id),
                ("delete from TABLE_PARAMS where TBL_ID = ? and PARAM_KEY = 'EXTERNAL'", table_id),
            ):
                _execute(connection, statement, *values)

    @contextmanager
    def _connection(self) -> Iterator[Any]:
        """Hold a transaction: committed at the end, rolled back by an error."""
        # Spark's own name and password for an embedded Derby, which checks neither.
        connection = self.jvm.java.sql.DriverManager.getConnection(self.url, "APP", "mine")
        try:
            connection.setAutoCommit(False)
            yield connection
            connection.commit()
        except BaseException:
            connection.rollback()
            raise
        finally:
            connection.close()


def _prepare(connection: Any, statement: str, values: tuple[str, ...]) -> Any:
    prepared = connection.prepareStatement(statement)
    for number, value in enumerate(values, start=1):
        prepared.setString(number, value)
    return prepared


def _execute(connection: Any, statement: str, *values: str) -> None:
    _prepare(connection, statement, values).executeUpdate()


def _rows(connection: Any, statement: str, *values: str) -> list[list[Any]]:
    found = _prepare(connection, statement, values).executeQuery()
    columns = range(1, found.getMetaData().getColumnCount() + 1)
    rows = []
    while found.next():
        rows.append([found.getString(column) for column in columns])
    return rows


def _sql_state(error: Any) -> str | None:
    state = getattr(error.java_exception, "getSQLState", None)
    return str(state()) if state else None


def remove_empty(home: Path) -> None:
    """Remove an empty metastore folder: Derby makes its own and takes none that exists."""
    if state_of(home) is State.missing and (home / FOLDER).is_dir():
        (home / FOLDER).rmdir()


def set_aside(home: Path) -> Path:
    """Rename a metastore that cannot be used, so that a new one can take its place.

    Returns:
        Where it lies now.

    Raises:
        FootfallError: the folder cannot be renamed.
    """
    number = 1
    while (aside := home / f"{FOLDER}.broken-{number}").exists():
        number += 1
    try:
        (home / FOLDER).rename(aside)
    except OSError as error:
        raise FootfallError(
            f"{home / FOLDER} cannot be renamed: {error.strerror}.",
            f"Move it out of {home}, then run `footfall repair` again.",
        ) from error
    return aside
