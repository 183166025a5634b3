"""Reading and changing the metastore's own tables: on real Derby, without Spark."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyspark
import pytest

from footfall.errors import FootfallError
from footfall.home import checks
from footfall.home.checks import check_metastore
from footfall.home.identity import Identity, read_identity
from footfall.home.metastore import (
    EXTERNAL,
    MANAGED,
    VIEW,
    BrokenMetastoreError,
    Entry,
    Metastore,
)
from footfall.spark.java import find_java_home

JARS = Path(pyspark.__file__).parent / "jars"
HIVES_TABLES = (
    "create table DBS (DB_ID bigint, NAME varchar(128), DB_LOCATION_URI varchar(4000))",
    "create table SDS (SD_ID bigint, SERDE_ID bigint, LOCATION varchar(4000))",
    "create table SERDE_PARAMS (SERDE_ID bigint, PARAM_KEY varchar(256), PARAM_VALUE clob)",
    "create table TBLS (TBL_ID bigint, DB_ID bigint, SD_ID bigint, TBL_NAME varchar(128), "
    "TBL_TYPE varchar(128))",
    "create table TABLE_PARAMS (TBL_ID bigint, PARAM_KEY varchar(256), PARAM_VALUE clob)",
)
"""What the queries touch of Hive's schema."""


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A Java with Derby, in the place of a Spark session."""
    from py4j import java_gateway, protocol
    from py4j.java_gateway import GatewayParameters, JavaGateway, launch_gateway

    port = launch_gateway(
        jarpath=str(next(JARS.glob("py4j-*.jar"))),
        classpath=os.pathsep.join(map(str, JARS.glob("derby*.jar"))),
        javaopts=[f"-Dderby.stream.error.file={tmp_path_factory.mktemp('derby') / 'derby.log'}"],
        java_path=str(find_java_home() / "bin" / "java"),
        die_on_exit=True,
    )
    gateway = JavaGateway(gateway_parameters=GatewayParameters(port=port))
    with pytest.MonkeyPatch.context() as patch:
        # pyspark's replacement asks the Java of its own session about this one's exceptions.
        patch.setattr(java_gateway, "get_return_value", protocol.get_return_value)
        yield SimpleNamespace(_jvm=gateway.jvm)
    gateway.shutdown()


def make(session: Any, home: Path, made_at: Path) -> Metastore:
    """Make a metastore with a managed and an external table and a view, located at ``made_at``."""
    database = Metastore(session, home)
    warehouse = f"file:{made_at}/warehouse"
    gold = f"{warehouse}/gold.db"
    create = f"{database.url};create=true"
    connection = session._jvm.java.sql.DriverManager.getConnection(create, "APP", "mine")
    statement = connection.createStatement()
    for text in (
        *HIVES_TABLES,
        f"insert into DBS values (1, 'default', '{warehouse}'), (2, 'gold', '{gold}')",
        f"insert into SDS values (1, 1, '{gold}/t'), (2, 2, '{gold}/e-__PLACEHOLDER__'), "
        "(3, 3, null)",
        f"insert into SERDE_PARAMS values (1, 'path', '{gold}/t'), (2, 'path', '{gold}/e'), "
        "(2, 'serialization.format', '1')",
        f"insert into TBLS values (1, 2, 1, 't', '{MANAGED}'), (2, 2, 2, 'e', '{EXTERNAL}'), "
        f"(3, 2, 3, 'v', '{VIEW}')",
        "insert into TABLE_PARAMS values (2, 'EXTERNAL', 'TRUE'), (2, 'comment', 'kept')",
    ):
        statement.executeUpdate(text)
    connection.close()
    return database


def rows(database: Metastore, query: str) -> list[list[Any]]:
    from footfall.home.metastore import _rows

    with database._connection() as connection:
        return _rows(connection, query)


def test_schemas_tables_and_views_are_read(session: Any, tmp_path: Path) -> None:
    catalog = make(session, tmp_path, Path("/a b")).read()
    assert catalog.schemas == {
        "default": "file:/a b/warehouse",
        "gold": "file:/a b/warehouse/gold.db",
    }
    assert catalog.entries == [
        Entry("gold", "e", EXTERNAL, "file:/a b/warehouse/gold.db/e"),
        Entry("gold", "t", MANAGED, "file:/a b/warehouse/gold.db/t"),
        Entry("gold", "v", VIEW, None),
    ]
    assert [entry.name for entry in catalog.tables] == ["e", "t"]


def test_locations_change_all_or_none(session: Any, tmp_path: Path) -> None:
    database = make(session, tmp_path, Path("/old"))
    before = database.read()
    seen: list[str] = []

    def fails(location: str) -> str:
        seen.append(location)
        if len(seen) == 5:
            raise KeyboardInterrupt
        return "file:/nowhere"

    with pytest.raises(KeyboardInterrupt):
        database.relocate(fails)
    assert database.read() == before
    database.relocate(lambda location: location.replace("/old/", "/new/"))
    columns = (
        "select DB_LOCATION_URI from DBS",
        "select LOCATION from SDS where LOCATION is not null",
        "select PARAM_VALUE from SERDE_PARAMS where PARAM_KEY = 'path'",
    )
    found = [row[0] for column in columns for row in rows(database, column)]
    assert len(found) == 6
    assert all(location.startswith("file:/new/warehouse") for location in found)


def test_a_registered_table_becomes_a_managed_one(session: Any, tmp_path: Path) -> None:
    database = make(session, tmp_path, tmp_path)
    database.manage("gold", "e")
    assert {entry.name: entry.kind for entry in database.read().tables} == {
        "e": MANAGED,
        "t": MANAGED,
    }
    # Where Hive removes the files of a table that is dropped.
    [[location]] = rows(database, "select LOCATION from SDS where SD_ID = 2")
    assert location == f"file:{tmp_path}/warehouse/gold.db/e"
    assert rows(database, "select PARAM_KEY from TABLE_PARAMS") == [["comment"]]


def test_a_metastore_that_is_not_there_knows_nothing(session: Any, tmp_path: Path) -> None:
    assert Metastore(session, tmp_path).read().schemas == {}
    assert not (tmp_path / "metastore").exists()


def test_a_damaged_metastore_is_told(session: Any, tmp_path: Path) -> None:
    data = tmp_path / "metastore" / "seg0"
    data.mkdir(parents=True)
    (data.parent / "service.properties").touch()
    with pytest.raises(BrokenMetastoreError):
        Metastore(session, tmp_path).read()
    with pytest.raises(FootfallError, match="damaged"):
        check_metastore(session, tmp_path)


def test_a_home_from_before_is_adopted_where_its_tables_lie_in_it(
    session: Any, tmp_path: Path
) -> None:
    make(session, tmp_path, tmp_path)
    check_metastore(session, tmp_path)
    assert read_identity(tmp_path) == Identity(path=tmp_path)


def test_a_copy_of_a_home_from_before_is_refused(session: Any, tmp_path: Path) -> None:
    make(session, tmp_path, tmp_path / "gone")
    with pytest.raises(FootfallError, match=r"was moved here from .*gone"):
        check_metastore(session, tmp_path)
    assert read_identity(tmp_path) is None


def test_a_metastore_that_knows_no_table_of_a_full_warehouse_is_refused(
    session: Any, tmp_path: Path
) -> None:
    log = tmp_path / "warehouse" / "gold.db" / "t" / "_delta_log"
    log.mkdir(parents=True)
    (log / f"{0:020}.json").touch()
    # A kill between Delta's first commit and the catalog's entry leaves no more than this.
    check_metastore(session, tmp_path)
    checks._opened.clear()
    (log.parent / "part-0.parquet").touch()
    with pytest.raises(FootfallError, match=r"lists no tables.* has 1 table"):
        check_metastore(session, tmp_path)


def test_a_moved_home_without_tables_is_opened_with_new_locations(
    session: Any, tmp_path: Path
) -> None:
    database = make(session, tmp_path, tmp_path / "gone")
    with database._connection() as connection:
        connection.createStatement().executeUpdate("delete from TBLS")
    check_metastore(session, tmp_path)
    assert database.read().schemas["gold"] == f"file:{tmp_path}/warehouse/gold.db"
