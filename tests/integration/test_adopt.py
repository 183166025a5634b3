"""Tables adopted by a mapping: the view's rows are those that ingestion makes of a file."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from footfall.adopt import adopt
from footfall.errors import FootfallError
from footfall.generate.trackers import generate_as
from footfall.ingest import ingest, shipped_mapping
from footfall.onboard import suggest_mapping_of_table
from footfall.project.adopted import adoptions
from footfall.project.contracts import get_contract
from footfall.project.records import ADOPTED_COMMITS, record_table
from footfall.settings import Settings
from support.thorough import only_thorough

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PRODUCT = "product.interactions"
TABLE, UNTRACKED = "theirs.events", "theirs.untracked"
ROW_TRACKING = "tblproperties ('delta.enableRowTracking' = 'true')"
FLAT: dict[str, Any] = {
    "where": {"event": ["Product Viewed", "it's bought \\ paid"]},
    "columns": {
        "event_time": {"from": "sent.ms", "unit": "ms"},
        "user_id": ["user`Id", "anonymous"],
        "product_id": "properties.product_id",
        "event_id": "raw.id",
        "interaction_type": {
            "from": "event",
            "values": {"Product Viewed": "view", "it's bought \\ paid": "purchase"},
        },
    },
}
OF_EACH: dict[str, Any] = {
    "columns": {"event_time": {"from": "sent.ms", "unit": "ms"}, "user_id": "user`Id"},
    "kinds": [
        {
            "where": {"event": ["Product Viewed"]},
            "columns": {
                "product_id": "properties.product_id",
                "interaction_type": {"constant": "view"},
            },
        },
        {
            "where": {"event": ["it's bought \\ paid"]},
            "each": "items",
            "columns": {
                "product_id": "items[].id",
                "interaction_type": {"constant": "purchase"},
            },
        },
    ],
}
CHOSEN: dict[str, Any] = {
    "columns": FLAT["columns"]
    | {"product_id": "items[kind=it's main].id", "event_id": "raw.p[k=e].v"},
}
OF_CHOSEN: dict[str, Any] = OF_EACH | {
    "kinds": [
        {
            "where": {"items[kind=gift].id": ["P3"]},
            "each": {"list": "items", "where": {"kind": ["it's main", "gift"]}},
            "columns": OF_EACH["kinds"][1]["columns"],
        }
    ]
}
ROWS = r"""
    (1740787200123, 'U1', null, 'Product Viewed', named_struct('product_id', 'P1'),
     '{"id": "e1", "p": [{"k": "d", "v": 1}, {"k": "e", "v": 2}]}', array()),
    (1740787200124, ' ', 'A1', 'Product Viewed', named_struct('product_id', '{"a": 1}'),
     '{"id": 7}', null),
    (1740787200125, null, 'A2', 'it\'s bought \\ paid', null, 'no JSON',
     array(named_struct('id', 'P2', 'kind', 'it\'s main'),
           named_struct('id', 'P3', 'kind', 'gift'))),
    (9223372036854775807, 'U1', null, 'Product Viewed', null, null, null),
    (1740787200126, 'U1', null, 'Page', null, null, null)
"""


NUMBERS = itertools.count()


@pytest.fixture(scope="module", autouse=True)
def theirs(spark: SparkSession) -> Iterator[None]:
    """Somebody else's tables, of which one has no row tracking."""
    spark.sql("create schema if not exists theirs")
    for table, properties in ((TABLE, ROW_TRACKING), (UNTRACKED, "")):
        spark.sql(
            f"create table {table} (`sent.ms` bigint, `user``Id` string, anonymous string, "
            "event string, properties struct<product_id: string>, raw string, "
            f"items array<struct<id: string, kind: string>>) using delta {properties}"
        )
    spark.sql(f"insert into {TABLE} values {ROWS}")
    yield
    spark.sql("drop schema theirs cascade")


@pytest.fixture
def settings(spark: SparkSession) -> Iterator[Settings]:
    """Settings of a data set that nothing was loaded into."""
    of_test = Settings(db_schema=f"adopting_{next(NUMBERS)}")
    yield of_test
    for layer in ("bronze", "quality"):
        spark.sql(f"drop schema if exists {of_test.schema_of(layer)} cascade")


@pytest.fixture
def mapping(tmp_path: Path) -> Callable[[dict[str, Any]], Path]:
    """Return a function that writes a mapping file."""

    def write(content: dict[str, Any]) -> Path:
        file = tmp_path / "mapping.yml"
        file.write_text(yaml.safe_dump(content))
        return file

    return write


def said(spark: SparkSession, table: str, entity: str = PRODUCT) -> list[tuple[Any, ...]]:
    columns = [column.name for column in get_contract(entity).columns]
    rows = spark.table(table).select(*columns, "_ingest_errors").collect()
    return sorted((tuple(row) for row in rows), key=repr)


@pytest.mark.parametrize(
    "content",
    [FLAT, OF_EACH, CHOSEN, OF_CHOSEN],
    ids=["flat", "a row of each", "chosen by a field", "a row of each that is chosen"],
)
def test_the_rows_of_an_adopted_table_are_those_of_the_same_file(
    spark: SparkSession,
    settings: Settings,
    mapping: Callable[[dict[str, Any]], Path],
    tmp_path: Path,
    content: dict[str, Any],
) -> None:
    folder = tmp_path / "files"
    spark.table(TABLE).coalesce(1).write.parquet(str(folder))
    ingest(PRODUCT, [str(folder)], mapping(content), settings=settings)
    bronze = get_contract(PRODUCT).bronze_table(settings)
    ingested = said(spark, bronze)
    spark.sql(f"drop table {bronze}")
    found = adopt(spark, PRODUCT, table=TABLE, mapping=mapping(content), settings=settings)
    assert said(spark, found.view) == ingested
    assert found.rows == len(ingested) >= 2
    assert found.rows_with_errors == sum(row[-1] is not None for row in ingested)


@pytest.mark.parametrize("entity", [PRODUCT, pytest.param("app.interactions", marks=only_thorough)])
def test_a_table_of_ga4_s_export_is_read_by_its_mapping(
    spark: SparkSession, settings: Settings, tmp_path: Path, entity: str
) -> None:
    generate_as("ga4", tmp_path / "export", 1, 20, 5)
    file = shipped_mapping("ga4")
    rows = spark.read.json(str(tmp_path / "export" / "events"))
    rows.coalesce(1).write.parquet(str(tmp_path / "files"))
    rows.write.format("delta").option("delta.enableRowTracking", "true").mode(
        "overwrite"
    ).saveAsTable("theirs.ga4")
    ingest(entity, [str(tmp_path / "files")], file, settings=settings)
    bronze = get_contract(entity).bronze_table(settings)
    ingested = said(spark, bronze, entity)
    spark.sql(f"drop table {bronze}")
    found = adopt(spark, entity, table="theirs.ga4", mapping=file, settings=settings)
    assert said(spark, found.view, entity) == ingested
    assert found.rows == len(ingested) > 20


HOUR = 3_600_000
ARRIVALS = f"""
    (0, 1740787200000, 10, date'2025-03-01'), (1, 1740787200000 + 40 * 60000, 10, date'2025-03-01'),
    (2, 1740787200000 + {HOUR}, 11, date'2025-03-02')
"""


@pytest.fixture(scope="module")
def arriving(spark: SparkSession, theirs: None) -> str:
    """A table without row tracking whose rows say when they arrived."""
    table = "theirs.arriving"
    spark.sql(
        f"create table {table} using delta as "
        "select timestamp'2025-03-01 10:00:00' as event_time, concat('U', row) as user_id, "
        "'P1' as product_id, 'view' as interaction_type, timestamp_millis(arrived) as loaded_at, "
        "batch, day, if(row = 0, null, batch) as gaps, "
        f"row as zero from values {ARRIVALS} as t(row, arrived, batch, day)"
    )
    return table


@pytest.mark.parametrize(
    ("column", "loads"),
    [
        # The hours since 1970.
        ("loaded_at", [483552000, 483552000, 483553000]),
        ("day", [483552000, 483552000, 483576000]),
        ("batch", [10000, 10000, 11000]),
    ],
)
def test_a_column_of_arrival_tells_the_loads(
    spark: SparkSession, settings: Settings, arriving: str, column: str, loads: list[int]
) -> None:
    found = adopt(spark, PRODUCT, table=arriving, arrival=column, settings=settings)
    rows = spark.table(found.view).orderBy("user_id").collect()
    assert [row["_load_id"] for row in rows] == loads
    assert [row["user_id"] for row in rows] == ["U0", "U1", "U2"]
    assert adoptions(spark, settings)[PRODUCT].arrival_column == column


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ("nothing", "no column 'nothing' of times, dates or whole numbers.*\n.*loaded_at, batch"),
        ("user_id", "no column 'user_id' of times"),
        ("gaps", "1 row has no value in 'gaps' that can be an arrival"),
        ("zero", "1 row has no value in 'zero'"),
    ],
)
def test_a_column_that_tells_no_arrival_is_refused(
    spark: SparkSession, settings: Settings, arriving: str, column: str, message: str
) -> None:
    with pytest.raises(FootfallError, match=message):
        adopt(spark, PRODUCT, table=arriving, arrival=column, settings=settings)
    assert not spark.catalog.databaseExists(settings.schema_of("bronze"))


def test_what_is_recorded_of_an_adopted_table_gains_columns(
    spark: SparkSession, settings: Settings, arriving: str
) -> None:
    record = record_table(ADOPTED_COMMITS)
    before = record.model_copy(update={"columns": record.columns[:-2]})
    before.create(spark, settings)
    adopt(spark, PRODUCT, table=arriving, arrival="loaded_at", settings=settings)
    assert spark.table(record.name_in(settings)).columns == [part.name for part in record.columns]


def test_a_table_is_adopted_by_its_folder(
    spark: SparkSession, settings: Settings, mapping: Callable[[dict[str, Any]], Path]
) -> None:
    detail = spark.sql(f"describe detail {TABLE}").first()
    assert detail is not None
    folder = detail["location"].removeprefix("file:")
    found = adopt(spark, PRODUCT, path=folder, mapping=mapping(FLAT), settings=settings)
    assert found.table == f"delta.`{folder}`"
    assert spark.table(found.view).count() == 4


def test_a_dry_run_creates_nothing_and_shows_the_view(
    spark: SparkSession, settings: Settings, mapping: Callable[[dict[str, Any]], Path]
) -> None:
    found = adopt(
        spark, PRODUCT, table=TABLE, mapping=mapping(FLAT), dry_run=True, settings=settings
    )
    assert found.sql.startswith(f"create or replace view {found.view}\n")
    assert not spark.catalog.databaseExists(settings.schema_of("bronze"))


@pytest.mark.parametrize(
    ("content", "table", "message"),
    [
        (FLAT, UNTRACKED, "--enable-row-tracking"),
        (FLAT | {"columns": FLAT["columns"] | {"user_id": "nobody"}}, TABLE, "'nobody'"),
        (
            FLAT | {"columns": FLAT["columns"] | {"user_id": "properties.nobody"}},
            TABLE,
            "'properties.nobody'.*missing; found .*properties.product_id",
        ),
        (FLAT | {"columns": FLAT["columns"] | {"product_id": "items"}}, TABLE, "'items' is list"),
        (
            FLAT | {"columns": FLAT["columns"] | {"product_id": "properties"}},
            TABLE,
            "'properties' is struct",
        ),
    ],
    ids=[
        "no row tracking",
        "no such column",
        "a path to nowhere",
        "a list for a value",
        "an object for a value",
    ],
)
def test_what_cannot_be_adopted_is_refused_and_nothing_is_made(
    spark: SparkSession,
    settings: Settings,
    mapping: Callable[[dict[str, Any]], Path],
    content: dict[str, Any],
    table: str,
    message: str,
) -> None:
    with pytest.raises(FootfallError, match=message):
        adopt(spark, PRODUCT, table=table, mapping=mapping(content), settings=settings)
    assert not spark.catalog.databaseExists(settings.schema_of("bronze"))


def test_a_mapping_is_suggested_for_a_table(spark: SparkSession) -> None:
    found = suggest_mapping_of_table(spark, TABLE)
    told = {finding.column: (finding.source, finding.sure) for finding in found.findings}
    assert found.entities == [PRODUCT] and not found.is_complete
    # The name does not say that it is a time.
    assert told["event_time"] == (None, "unknown")
    assert told["user_id"][0] == "user`Id"
    assert told["product_id"][0] == "properties.product_id"
    assert told["interaction_type"][0] == "event"


def test_rows_that_were_ingested_stand_in_the_way(
    spark: SparkSession,
    settings: Settings,
    mapping: Callable[[dict[str, Any]], Path],
    tmp_path: Path,
) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("event_time,user_id,product_id,interaction_type\n2025-03-01,U1,P1,view\n")
    ingest(PRODUCT, [str(file)], settings=settings)
    with pytest.raises(FootfallError, match="holds 1 row that was ingested"):
        adopt(spark, PRODUCT, table=TABLE, mapping=mapping(FLAT), settings=settings)
    assert spark.table(get_contract(PRODUCT).bronze_table(settings)).count() == 1


@pytest.mark.parametrize(
    ("table", "path", "message"),
    [
        (None, None, "either by --table or by --path"),
        ("raw.events; drop table x", None, "not the name of a table"),
        (None, "/data/`x`", "a quote or a backslash"),
        ("theirs.nothing", None, "not a Delta table"),
    ],
)
def test_a_wrong_name_is_told(
    spark: SparkSession, settings: Settings, table: str | None, path: str | None, message: str
) -> None:
    with pytest.raises(FootfallError, match=message):
        adopt(spark, PRODUCT, table=table, path=path, settings=settings)
