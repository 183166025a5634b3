"""Ingestion on real Spark and Delta: exactly once, drift, rejection, conversion, real data."""

from __future__ import annotations

import gzip
import json
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import fastavro
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest
from pyarrow import orc
from pyspark.sql import functions as F

from footfall.errors import FootfallError
from footfall.ingest import IngestReport, Mapping, ingest
from footfall.ingest.avro import avro_columns
from footfall.ingest.files import format_of, inspect, plan_read
from footfall.ingest.read import SESSION_CONF, read_files
from footfall.ingest.record import FileRecord, IngestRecord
from footfall.ingest.types import spark_read_type
from footfall.project.contracts import get_contract
from footfall.settings import PROJECT_DIR, Settings, get_settings
from support.thorough import only_thorough

if TYPE_CHECKING:
    from pyspark.sql import Row, SparkSession

pytestmark = pytest.mark.usefixtures("own_schemas")


@pytest.fixture(scope="module")
def own_schemas(spark: SparkSession) -> Iterator[None]:
    """Bronze tables that no other test loads into."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FOOTFALL_DB_SCHEMA", "ingested")
        get_settings.cache_clear()
        yield
    get_settings.cache_clear()


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=timezone.utc)  # type: ignore[misc, arg-type]


def load(name: str, *paths: Path, mapping: str | None = None) -> IngestReport:
    file = PROJECT_DIR / "mappings" / f"{mapping}.yml" if mapping else None
    return ingest(name, [str(path) for path in paths], file)


def bronze(spark: SparkSession, name: str, *columns: str) -> list[Row]:
    table = spark.table(get_contract(name).bronze_table(get_settings()))
    return table.selectExpr(*columns).collect()


def recorded(spark: SparkSession, name: str) -> list[Row]:
    table = f"{get_settings().schema_of('quality')}.dq_ingested_files"
    return spark.table(table).where(f"source = '{name}'").orderBy("recorded_at").collect()


def read_rows(
    spark: SparkSession, files: Sequence[Path], name: str, mapping: dict[str, Any]
) -> list[Row]:
    """Return what a load of the files would write, without loading them."""
    session = spark.newSession()
    for key, value in SESSION_CONF.items():
        session.conf.set(key, value)
    contract, columns = get_contract(name), Mapping.model_validate(mapping)
    shape = inspect(files[0], format_of(files[0]), columns.csv)
    plan = plan_read(files[0], shape, contract, columns)
    return read_files(session, files, plan, contract, columns).collect()


def events(folder: Path, name: str, *numbers: int) -> Path:
    """Write a CSV file of crm.events, a row for each number."""
    file = folder / name
    lines = [f"e{number},{number},search,2024-01-01T00:00:00Z" for number in numbers]
    text = "\n".join(["event_id,customer_id,event_type,event_timestamp", *lines])
    file.write_text(text + "\n")
    return file


def support(folder: Path, name: str, *ids: str) -> Path:
    file = folder / name
    lines = [f"{key},1,2024-01-01,chat,5,solved" for key in ids]
    header = "interaction_id,customer_id,interaction_date,interaction_type,response_time,"
    file.write_text("\n".join([header + "interaction_outcome", *lines]) + "\n")
    return file


# Real data


def test_taobao_loads_once_and_keeps_unmapped_values_as_errors(
    spark: SparkSession, shared_data: Path
) -> None:
    folder = shared_data / "taobao_userbehavior"
    first = load("product.interactions", folder, mapping="taobao_interactions")
    assert (first.rows, first.rows_with_errors, first.load_ids) == (84_287, 2_351, [1])
    assert first.ignored_columns == ["category_id"]
    assert spark.conf.get("spark.sql.caseSensitive") == "false"
    again = load("product.interactions", folder, mapping="taobao_interactions")
    assert (again.rows, again.load_ids, again.loaded) == (0, [], [])
    assert [file.source_file for file in again.skipped] == [str(folder / "events.parquet")]
    [row] = bronze(
        spark,
        "product.interactions",
        "count(*) as all",
        "count_if(interaction_type is null) as unmapped",
        "max(_ingest_errors) as errors",
        "min(event_time) as first",
        "count(distinct user_id) as users",
    )
    assert (row["all"], row["unmapped"], row["users"]) == (84_287, 2_351, 814)
    assert row["errors"] == ["interaction_type_unmapped: 'fav'"]
    assert row["first"].year == 2017


@only_thorough
def test_taobao_clicks_count_the_rows_that_are_not_selected(
    spark: SparkSession, shared_data: Path
) -> None:
    report = load("shop.clicks", shared_data / "taobao_userbehavior", mapping="taobao_clicks")
    assert (report.rows, report.rows_not_selected) == (75_693, 8_594)
    assert recorded(spark, "shop.clicks")[0]["file_rows"] == 84_287
    [row] = bronze(
        spark,
        "shop.clicks",
        "count_if(dt <> to_date(from_utc_timestamp(click_time, 'Asia/Shanghai'))) as other_day",
        "count_if(dt <> to_date(click_time)) as not_utc",
    )
    assert row["other_day"] == 0
    assert row["not_utc"] > 0


@only_thorough
def test_puffy_loads_through_a_renamed_and_a_dropped_column(
    spark: SparkSession, shared_data: Path, tmp_path: Path
) -> None:
    report = load(
        "app.interactions", shared_data / "puffy_web_events", mapping="puffy_interactions"
    )
    assert (report.rows, len(report.loaded), report.rejected) == (49_963, 14, [])
    assert report.load_ids == [1]
    assert report.ignored_columns == ["event_data", "user_agent"]
    [row] = bronze(
        spark,
        "app.interactions",
        "count_if(user_id is null) as no_user",
        "count_if(action_type is null) as no_action",
        "count_if(event_time is null) as no_time",
        "count(referrer) as referrers",
        "count(distinct _source_file) as files",
    )
    assert (row["no_user"], row["no_action"], row["no_time"], row["files"]) == (2_908, 0, 0, 14)
    assert row["referrers"] > 0
    copy = tmp_path / "copy.csv.gz"
    shutil.copy(shared_data / "puffy_web_events" / "events_20250223.csv.gz", copy)
    assert len(load("app.interactions", copy, mapping="puffy_interactions").skipped) == 1


@only_thorough
def test_impressions_come_from_two_lists_or_from_labelled_ids(
    spark: SparkSession, shared_data: Path
) -> None:
    folder = shared_data / "impressions_mind_ebnerd"
    ebnerd = load(
        "shop.impressions", folder / "ebnerd_test_beh*.parquet", mapping="ebnerd_impressions"
    )
    mind = load(
        "shop.impressions", folder / "mind_behaviors_5000.parquet", mapping="mind_impressions"
    )
    assert (ebnerd.rows, ebnerd.rows_with_errors, ebnerd.load_ids) == (1_046, 0, [1])
    assert (mind.rows, mind.rows_with_errors, mind.load_ids) == (5_000, 0, [2])
    rows = spark.sql(
        f"""
        select
            sum(size(impressions)) as shown,
            sum(size(filter(impressions, item -> item.is_order))) as chosen,
            count(distinct customer_id) as customers, min(dt) as first, max(dt) as last
        from {mind.table} group by _load_id order by _load_id
        """
    ).collect()
    assert [tuple(row) for row in rows] == [
        (10_848, 1_047, 38, date(2023, 2, 23), date(2023, 3, 2)),
        (189_359, 7_542, 4_637, date(2019, 11, 9), date(2019, 11, 14)),
    ]


# Rejection


def test_bad_files_are_rejected_whole_and_the_others_load(
    spark: SparkSession, tmp_path: Path
) -> None:
    def write(name: str, **changed: Any) -> Path:
        columns = {
            "transaction_id": pa.array([f"{name}-{number}" for number in range(2_000)]),
            "customer_id": pa.array(range(2_000), pa.int64()),
            "quantity": pa.array([1] * 2_000, pa.int32()),
            "price": pa.array([9.5] * 2_000),
            "transaction_time": pa.array([utc(2024, 1, 1)] * 2_000, pa.timestamp("ns", tz="UTC")),
            "transaction_status": pa.array(["completed"] * 2_000).dictionary_encode(),
        } | changed
        columns = {key: value for key, value in columns.items() if value is not None}
        pq.write_table(pa.table(columns), tmp_path / name)
        return tmp_path / name

    good = write("good [1]+ 20%.parquet")
    write("wrong_type.parquet", quantity=pa.array(["1"] * 2_000))
    write("missing.parquet", price=None)
    truncated = write("truncated.parquet")
    truncated.write_bytes(truncated.read_bytes()[:-100])
    damaged = write("damaged.parquet")
    content = bytearray(damaged.read_bytes())
    content[200:2_000] = b"\xff" * 1_800
    damaged.write_bytes(content)
    header = "transaction_id,customer_id,quantity,price,transaction_time,transaction_status\n"
    line = "t,1,1,1.0,2024-01-01,completed\n"
    cut = tmp_path / "cut.csv.gz"
    cut.write_bytes(gzip.compress((header + line * 50_000).encode())[:-30])
    squeezed = tmp_path / "cut.csv.zst"
    squeezed.write_bytes(zstd((header + line * 50_000).encode())[:-30])
    (tmp_path / "cut.orc").write_bytes(b"ORC and then nothing")
    (tmp_path / "no.avro").write_bytes(b"Obj\x01 and then nothing")
    types = {"transaction_id": "string", "customer_id": "long", "quantity": "int"} | {
        "price": "double", "transaction_status": "string",
        "transaction_time": {"type": "long", "logicalType": "timestamp-micros"},
    }  # fmt: skip
    rows_of_avro = [
        row | {"transaction_time": utc(2024, 1, 1)}
        for row in pq.read_table(good).drop_columns("transaction_time").to_pylist()
    ]
    with (tmp_path / "cut.avro").open("wb") as out:
        fields = [{"name": name, "type": kind} for name, kind in types.items()]
        fastavro.writer(out, {"type": "record", "name": "Row", "fields": fields}, rows_of_avro)
    (tmp_path / "cut.avro").write_bytes((tmp_path / "cut.avro").read_bytes()[:-100])
    (tmp_path / "good.csv").write_text(header + line)
    (tmp_path / "empty.csv").write_text("")

    report = load("crm.transactions", tmp_path)
    reasons = {Path(file.source_file).name: file.reason for file in report.rejected}
    assert sorted(Path(file.source_file).name for file in report.loaded) == [
        "good [1]+ 20%.parquet",
        "good.csv",
    ]
    assert set(reasons) == {
        "wrong_type.parquet",
        "missing.parquet",
        "truncated.parquet",
        "damaged.parquet",
        "cut.csv.gz",
        "cut.csv.zst",
        "cut.avro",
        "no.avro",
        "cut.orc",
        "empty.csv",
    }
    assert "column 'quantity' is string, expected int for quantity" in reasons["wrong_type.parquet"]
    assert "required column 'price' (decimal(18,2)) is missing" in reasons["missing.parquet"]
    broken = [name for name in reasons if name.startswith(("cut.", "no.", "trunc", "damaged"))]
    assert len(broken) == 7
    for name in broken:
        assert "truncated or damaged?" in reasons[name]
    assert report.rows == 2_001
    rows = bronze(spark, "crm.transactions", "_source_file", "price", "transaction_time")
    assert {row["_source_file"] for row in rows} == {str(good), str(tmp_path / "good.csv")}
    assert {row["transaction_time"] for row in rows} == {datetime(2024, 1, 1)}

    mapping = tmp_path / "fix.yml"
    mapping.write_text("columns: {quantity: {from: quantity}}\n")
    shutil.copy(good, tmp_path / "repaired.parquet")
    fixed = ingest("crm.transactions", [str(tmp_path / "wrong_type.parquet")], mapping)
    assert (fixed.rows, fixed.rows_with_errors, fixed.load_ids) == (2_000, 0, [2])
    again = load("crm.transactions", damaged)
    assert "truncated or damaged?" in again.rejected[0].reason
    statuses = [row["status"] for row in recorded(spark, "crm.transactions")]
    assert (statuses.count("loaded"), statuses.count("rejected")) == (3, 11)


# Exactly once


def test_a_replayed_batch_and_a_lost_checkpoint_load_nothing_twice(
    spark: SparkSession, tmp_path: Path
) -> None:
    name = "crm.support_interactions"
    state = get_settings().ingest_dir / name
    first = support(tmp_path, "a.csv", "a1", "a2")
    assert load(name, first).rows == 2

    # A crash between Delta's commit and the checkpoint's: Spark runs the batch again.
    (state / "checkpoint" / "commits" / "0").unlink()
    assert load(name, first).rows == 0
    second = load(name, first, support(tmp_path, "b.csv", "b1"))
    assert (second.rows, second.load_ids, len(second.skipped)) == (1, [2], 1)

    shutil.rmtree(state / "checkpoint")
    third = load(name, support(tmp_path, "c.csv", "c1"))
    assert (third.rows, third.load_ids) == (1, [3])

    shutil.rmtree(state)
    fourth = load(name, tmp_path, support(tmp_path, "d.csv", "d1"))
    assert (fourth.rows, fourth.load_ids, len(fourth.skipped)) == (1, [4], 3)
    rows = bronze(spark, name, "interaction_id", "_load_id")
    assert sorted(map(tuple, rows)) == [("a1", 1), ("a2", 1), ("b1", 2), ("c1", 3), ("d1", 4)]


def test_a_crash_before_the_record_is_made_good_by_the_next_call(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "crm.events"
    append = IngestRecord.append

    def crash(self: IngestRecord, records: Sequence[FileRecord]) -> None:
        if any(record.status == "loaded" for record in records):
            raise OSError("power cut")
        append(self, records)

    monkeypatch.setattr(IngestRecord, "append", crash)
    first = events(tmp_path, "a.csv", 1, 2)
    with pytest.raises(FootfallError, match="power cut"):
        load(name, first)
    assert recorded(spark, name) == []
    monkeypatch.undo()
    report = load(name, first, events(tmp_path, "b.csv", 3))
    assert (report.rows, report.load_ids, len(report.skipped)) == (1, [2], 1)
    assert [(row["load_id"], row["file_rows"]) for row in recorded(spark, name)] == [(1, 2), (2, 1)]
    assert sorted(map(tuple, bronze(spark, name, "event_id", "_load_id"))) == [
        ("e1", 1),
        ("e2", 1),
        ("e3", 2),
    ]

    # A table that was emptied is to be filled again.
    spark.sql(f"delete from {report.table}")
    assert load(name, tmp_path).rows == 3


def test_files_of_a_load_that_a_restore_took_back_are_loaded_when_offered_again(
    spark: SparkSession, tmp_path: Path
) -> None:
    name = "shop.add_to_carts"
    files = [tmp_path / "1.csv", tmp_path / "2.csv"]
    for number, file in enumerate(files, start=1):
        file.write_text(f"customer_id,config_id,occurred_at\n7,{number},2025-08-01T10:00:00Z\n")
        assert load(name, file).load_ids == [number]
    table = get_contract(name).bronze_table(get_settings())
    (newest,) = spark.sql(f"describe history {table} limit 1").collect()
    spark.sql(f"restore table {table} to version as of {newest['version'] - 1}")

    assert load(name, files[0]).loaded == []
    assert [row["status"] for row in recorded(spark, name)] == ["loaded", "rejected"]
    # The number of the load that was undone is not given again: tables may reflect it.
    assert load(name, *files).load_ids == [3]
    assert sorted(bronze(spark, name, "config_id", "_load_id")) == [(1, 1), (2, 3)]
    assert load(name, *files).loaded == []


def test_a_call_finishes_what_a_killed_call_had_queued(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "crm.sessions"
    header = "session_id,customer_id,session_start\n"
    left, gone, new = (tmp_path / f"{part}.csv" for part in ("left", "gone", "new"))
    for file in (left, gone, new):
        file.write_text(f"{header}{file.stem},1,2024-01-01T10:00:00+02:00\n")

    with monkeypatch.context() as patch:
        patch.setattr("footfall.ingest.job._Job._stream", lambda _self: None)
        load(name, left, gone)
    gone.unlink()
    report = load(name, new)
    assert sorted(Path(file.source_file).name for file in report.loaded) == ["left.csv", "new.csv"]
    assert "was queued and is gone" in report.rejected[0].reason
    rows = bronze(spark, name, "session_id", "session_start")
    assert sorted(map(tuple, rows)) == [
        ("left", datetime(2024, 1, 1, 8)),
        ("new", datetime(2024, 1, 1, 8)),
    ]


# Conversion


def zstd(content: bytes) -> bytes:
    return cast("bytes", pa.compress(content, codec="zstd", asbytes=True))


def without_file(rows: Sequence[Row]) -> list[dict[str, Any]]:
    return [
        {name: value for name, value in row.asDict().items() if name != "_source_file"}
        for row in rows
    ]


def test_files_packed_by_zstandard_are_read_like_plain_ones(
    spark: SparkSession, tmp_path: Path
) -> None:
    plain = events(tmp_path, "plain.csv", *range(40_000))
    content = plain.read_bytes()
    packed = tmp_path / "packed.csv.zst"
    # Two frames, as of two files that were put together.
    packed.write_bytes(zstd(content[:900_000]) + zstd(content[900_000:]))
    expected = without_file(read_rows(spark, [plain], "crm.events", {}))
    assert len(expected) == 40_000
    assert without_file(read_rows(spark, [packed], "crm.events", {})) == expected
    lines = tmp_path / "lines.jsonl.zst"
    lines.write_bytes(zstd(b'{"event_id": "e1", "customer_id": 7}\n{broken\n'))
    first, broken = read_rows(spark, [lines], "crm.events", PARTLY)
    assert (first["event_id"], first["customer_id"]) == ("e1", 7)
    assert broken["_ingest_errors"] == ["row_unreadable: '{broken'"]


PARTLY = {
    "columns": {
        "event_type": {"constant": "search"},
        "event_timestamp": {"constant": "2024-01-01T00:00:00Z"},
    }
}


def test_orc_is_read_like_parquet(spark: SparkSession, tmp_path: Path) -> None:
    noon = datetime(2024, 7, 1, 12, 30, 0, 123456)
    table = pa.table(
        {
            "transaction_id": ["t1", "t2"],
            "customer_id": pa.array([1, None], pa.int64()),
            "quantity": pa.array([1, 2], pa.int16()),
            "price": pa.array(["9.50", "1.25"]).cast(pa.decimal128(10, 2)),
            "transaction_time": pa.array([noon, noon], pa.timestamp("us")),
            "more": [{"status": ["completed"]}, {"status": []}],
        }
    )
    pq.write_table(table, tmp_path / "rows.parquet")
    orc.write_table(table, tmp_path / "rows.orc")
    mapping = {"columns": {"transaction_status": "more.status[0]"}}
    expected = read_rows(spark, [tmp_path / "rows.parquet"], "crm.transactions", mapping)
    assert [row["transaction_status"] for row in expected] == ["completed", None]
    found = read_rows(spark, [tmp_path / "rows.orc"], "crm.transactions", mapping)
    assert without_file(found) == without_file(expected)
    written = tmp_path / "by_spark"
    rows = spark.read.parquet(str(tmp_path / "rows.parquet"))
    in_utc = F.col("transaction_time").cast("timestamp")
    rows.withColumn("transaction_time", in_utc).coalesce(1).write.orc(str(written))
    [file] = written.glob("*.orc")
    found = read_rows(spark, [file], "crm.transactions", mapping)
    assert without_file(found) == without_file(expected)
    report = load("crm.transactions", file)
    assert "transaction_status" in report.rejected[0].reason


@pytest.mark.parametrize("codec", ["null", "deflate", "snappy", "zstandard"])
def test_avro_is_read_like_parquet(spark: SparkSession, tmp_path: Path, codec: str) -> None:
    noon = utc(2024, 7, 1, 12, 30, 0, 123456)
    rows = [
        {
            "transaction_id": f"t{number}",
            "customer_id": [1, None][number],
            "quantity": number + 1,
            "price": Decimal("9.50"),
            "transaction_time": noon,
            "more": {"status": [["completed"], []][number]},
        }
        for number in range(2)
    ]
    money = {"type": "bytes", "logicalType": "decimal", "precision": 10, "scale": 2}
    status = {"type": "array", "items": "string"}
    more = {"type": "record", "name": "More", "fields": [{"name": "status", "type": status}]}
    types: dict[str, Any] = {
        "transaction_id": "string",
        "customer_id": ["null", "long"],
        "quantity": "int",
        "price": money,
        "transaction_time": {"type": "long", "logicalType": "timestamp-micros"},
        "more": ["null", more],
    }
    fields = [{"name": name, "type": kind} for name, kind in types.items()]
    file = tmp_path / "rows.avro"
    with file.open("wb") as out:
        schema = {"type": "record", "name": "Row", "fields": fields}
        fastavro.writer(out, schema, rows, codec=codec)
    columns = pa.schema(list(avro_columns(file)))
    pq.write_table(pa.Table.from_pylist(rows, columns), tmp_path / "rows.parquet")
    mapping = {"columns": {"transaction_status": "more.status[0]"}}
    expected = read_rows(spark, [tmp_path / "rows.parquet"], "crm.transactions", mapping)
    assert [row["transaction_status"] for row in expected] == ["completed", None]
    found = read_rows(spark, [file], "crm.transactions", mapping)
    assert without_file(found) == without_file(expected)
    seen = spark.read.format("avro").load(str(file)).schema
    assert [field.dataType for field in seen] == [spark_read_type(c.type) for c in columns]


def test_one_broken_line_in_a_hundred_is_a_row_with_its_reason(
    spark: SparkSession, tmp_path: Path
) -> None:
    def line(number: int) -> str:
        user = {"user": {"id": f"u{number}"}} if number % 50 else {"user": {"id": ["u", "v"]}}
        row = {"at": "2025-03-01T00:00:00Z", "item": "p", "kind": "view"} | user
        return json.dumps(row)[: -15 if number % 100 == 7 else None]

    file = tmp_path / "lines.jsonl"
    file.write_text("\n".join(map(line, range(2_000))) + "\n")
    mapping = tmp_path / "mapping.yml"
    mapping.write_text(
        "columns: {event_time: at, user_id: user.id, product_id: item, interaction_type: kind}\n"
    )
    report = ingest("product.interactions", [str(file)], mapping)
    assert (report.rows, report.rows_with_errors) == (2_000, 60)
    rows = bronze(spark, "product.interactions", "_load_id", "_ingest_errors[0] as error")
    reasons = Counter(
        row["error"].split(":")[0]
        for row in rows
        if row["_load_id"] in report.load_ids and row["error"]
    )
    assert reasons == {"row_unreadable": 20, "user_id_unreadable": 40}


def test_csv_is_read_by_name_with_quotes_line_breaks_and_bad_rows(
    spark: SparkSession, tmp_path: Path
) -> None:
    file = tmp_path / "customers.csv"
    file.write_text(
        "name,customer_id,registration_date,email\r\n"
        '"Lovelace, ""Ada""\nof London",1,2024-02-29,\r\n'
        'Alan,x1,2024-02-30,""\r\n'
        "Grace,12.0,2024-01-01 23:30:00,g@example.com\r\n"
        "short,4\r\n"
        "long,5,2024-01-01,e,surplus\r\n"
        f"{'y' * 3},{'9' * 150},,\r\n"
    )
    rows = read_rows(spark, [file], "crm.customers", {})
    assert rows[0]["name"] == 'Lovelace, "Ada"\nof London'
    assert (rows[0]["registration_date"], rows[0]["email"]) == (date(2024, 2, 29), None)
    assert rows[0]["_ingest_errors"] is None
    assert (rows[1]["customer_id"], rows[1]["email"]) == (None, None)
    assert rows[1]["_ingest_errors"] == [
        "customer_id_unreadable: 'x1'",
        "registration_date_unreadable: '2024-02-30'",
    ]
    assert (rows[2]["customer_id"], rows[2]["registration_date"]) == (12, date(2024, 1, 1))
    assert rows[3]["_ingest_errors"] == ["row_unreadable: 'short,4'"]
    assert rows[4]["_ingest_errors"] == ["row_unreadable: 'long,5,2024-01-01,e,surplus'"]
    assert rows[5]["_ingest_errors"] == [f"customer_id_unreadable: '{'9' * 100}'"]


def test_a_csv_without_header_takes_its_names_from_the_mapping(
    spark: SparkSession, tmp_path: Path
) -> None:
    file = tmp_path / "behaviors.tsv"
    file.write_text("1\tU5\t2019-11-11 09:05:58\tN7-1 N8-0\n2\tX5\t2019-11-11\tN7-1 N08-0\n")
    mapping = {
        "csv": {"columns": ["id", "user", "time", "shown"]},
        "columns": {
            "dt": {"from": "time"},
            "ranking_id": "id",
            "customer_id": {"from": "user", "strip_prefix": "U"},
            "impressions": {"items": {"labelled": "shown", "strip_prefix": "N"}},
        },
    }
    good, bad = read_rows(spark, [file], "shop.impressions", mapping)
    assert [tuple(item) for item in good["impressions"]] == [(7, True), (8, False)]
    assert (good["customer_id"], good["_ingest_errors"]) == (5, None)
    assert bad["_ingest_errors"] == [
        "customer_id_unreadable: 'X5'",
        "impressions_unreadable: 'N7-1 N08-0'",
    ]


@pytest.mark.parametrize("file_format", ["parquet", "csv", "jsonl"])
def test_whole_numbers_as_ids_are_the_same_text_from_every_format(
    spark: SparkSession, tmp_path: Path, file_format: str
) -> None:
    ids = [1, 2**63, None]
    rows = pa.table(
        {
            "event_time": pa.array([date(2024, 1, 1)] * 3),
            "user_id": pa.array(ids, pa.uint64()),
            "product_id": pa.array([7, -7, 0], pa.int8()),
            "interaction_type": ["view"] * 3,
        }
    )
    file = tmp_path / f"ids.{file_format}"
    if file_format == "parquet":
        pq.write_table(rows, file)
    elif file_format == "csv":
        pacsv.write_csv(rows, file)
    else:
        lines = [json.dumps(row, default=str) for row in rows.to_pylist()]
        file.write_text("\n".join(lines) + "\n")
    read = read_rows(spark, [file], "product.interactions", {})
    assert [row["user_id"] for row in read] == ["1", str(2**63), None]
    assert [row["product_id"] for row in read] == ["7", "-7", "0"]
    assert {row["event_time"] for row in read} == {datetime(2024, 1, 1)}
    assert {row["_ingest_errors"] for row in read} == {None}


def test_the_conversion_of_a_column_is_said_once(spark: SparkSession, tmp_path: Path) -> None:
    for name, kind in (("a", pa.int64()), ("b", pa.int64()), ("c", pa.string())):
        column = pa.array([name.encode().hex()] if kind == pa.string() else [1], kind)
        rows = {
            "event_id": column,
            "customer_id": pa.array([1], pa.int32()),
            "event_type": ["search"],
            "event_timestamp": pa.array([utc(2024, 1, 1)], pa.timestamp("us", tz="UTC")),
            "extra": [name],
        }
        pq.write_table(pa.table(rows), tmp_path / f"{name}.parquet")
    report = load("crm.events", tmp_path)
    assert (report.rows, report.rejected) == (3, [])
    assert report.conversions == [
        "event_id: int64 read as string",
        "customer_id: int32 read as bigint",
    ]


def test_json_lines_and_arrays_keep_nested_types(spark: SparkSession, tmp_path: Path) -> None:
    base = {"dt": "2024-01-01", "ranking_id": 17, "customer_id": "3"}
    good = base | {"impressions": [{"item_id": 5, "is_order": True}, {"item_id": "6"}]}
    bad = base | {"impressions": [{"item_id": "abc", "is_order": False}], "dt": "yesterday"}
    lines = tmp_path / "a.jsonl.gz"
    text = "\n".join([json.dumps(good), json.dumps(bad), "{broken", json.dumps(base)])
    lines.write_bytes(gzip.compress(text.encode()))
    rows = read_rows(spark, [lines], "shop.impressions", {})
    assert [tuple(item) for item in rows[0]["impressions"]] == [(5, True), (6, None)]
    assert (rows[0]["ranking_id"], rows[0]["customer_id"]) == ("17", 3)
    assert rows[0]["_ingest_errors"] is None
    assert rows[1]["_ingest_errors"][0] == "dt_unreadable: 'yesterday'"
    assert rows[1]["_ingest_errors"][1].startswith('impressions_unreadable: \'[{"item_id": "abc"')
    assert rows[1]["impressions"] is None
    assert rows[2]["_ingest_errors"] == ["row_unreadable: '{broken'"]
    assert rows[3]["impressions"] is None
    array = tmp_path / "b.json"
    array.write_text(json.dumps([good, base]))
    assert [row["ranking_id"] for row in read_rows(spark, [array], "shop.impressions", {})] == [
        "17",
        "17",
    ]


SHAPES: list[Any] = [
    {"id": "u1", "plan": {"name": "pro"}},
    {"id": 1.10, "plan": {"name": 1e300}},
    {"id": {"a": 1}, "plan": {"name": [1, 2]}},
    {"id": "u2", "plan": "pro"},
    {"id": "u3", "plan": []},
    {"plan": None},
    {},
    None,
    "u4",
    "",
    5,
    True,
    [{"id": "u5"}],
    [],
]


@pytest.mark.parametrize("each", ["items", "order.items"])
def test_lines_of_json_are_read_like_an_array_whatever_the_shape_of_nested_values(
    spark: SparkSession, tmp_path: Path, each: str
) -> None:
    columns = {
        "event_time": "at",
        "user_id": ["user.id", "user.plan.name"],
        "product_id": f"{each}[].sku",
        "interaction_type": "kind",
    }
    mapping = {"columns": columns, "each": each}
    lists: list[Any] = [
        [{"sku": "p1"}, {"sku": 2}], [], None, {"sku": "p3"}, "p4", ["p5"], [{"sku": ["p6"]}, None],
    ]  # fmt: skip
    row = {"at": "2025-03-01T00:00:00Z", "kind": "view"}
    good = row | {"user": SHAPES[0], "items": lists[0]}
    rows = [
        good,
        *(row | {"user": user, "items": lists[0]} for user in SHAPES),
        *(row | {"user": SHAPES[0], "items": items} for items in lists),
        *(row | {"user": user, "items": lists[4], "kind": {"a": 1}} for user in SHAPES),
        row,
    ]
    array, lines = tmp_path / "array.json", tmp_path / "lines.jsonl"
    for each_row in rows:
        each_row["order"] = {"items": each_row.get("items")}
    # Messages show a value's text: as the line has it, or as Spark writes it.
    texts = [json.dumps(each, separators=(",", ":")) for each in rows]
    array.write_text(f"[{','.join(texts)}]")
    lines.write_text("\n".join(texts))
    as_array, as_lines = (
        [
            [value for name, value in row.asDict().items() if name != "_source_file"]
            for row in read_rows(spark, [file], "product.interactions", mapping)
        ]
        for file in (array, lines)
    )
    assert len(as_array) >= len(rows)
    assert as_lines == as_array


@pytest.mark.parametrize("text", [False, True])
def test_times_are_read_by_unit_and_days_by_zone(
    spark: SparkSession, tmp_path: Path, text: bool
) -> None:
    seconds = 1_704_065_400  # 2023-12-31 23:30 UTC, already the next day in Shanghai
    columns: dict[str, list[Any]] = {
        "s": [seconds, None, 10**17],
        "ms": [seconds * 1_000 + 5, None, -1],
        "us": [seconds * 1_000_000 + 7, 0, 0],
    }
    file = tmp_path / ("a.csv" if text else "a.parquet")
    if text:
        rows_of_text = zip(*columns.values(), strict=True)
        lines = [",".join("" if v is None else str(v) for v in row) for row in rows_of_text]
        file.write_text("\n".join(["s,ms,us", *lines]) + "\n")
    else:
        pq.write_table(pa.table(columns), file)
    mapping = {
        "columns": {
            "join_date": {"from": "s", "unit": "s", "zone": "Asia/Shanghai"},
            "updated_at": {"from": ["t", "ms"], "unit": "ms"},
            "user_id": {"from": "us"},
            "country": {"constant": "DE"},
        }
    }
    rows = read_rows(spark, [file], "app.users", mapping)
    assert rows[0]["join_date"] == date(2024, 1, 1)
    assert rows[0]["updated_at"] == datetime(2023, 12, 31, 23, 30, 0, 5_000)
    assert [row["user_id"] for row in rows] == [str(value) for value in columns["us"]]
    assert rows[0]["_ingest_errors"] is None
    assert rows[0]["country"] == "DE"
    assert (rows[1]["join_date"], rows[1]["_ingest_errors"]) == (None, None)
    assert rows[2]["updated_at"] == datetime(1969, 12, 31, 23, 59, 59, 999_000)
    assert rows[2]["_ingest_errors"] == ["join_date_unreadable: '100000000000000000'"]


def test_iso_times_and_stored_times_are_read_by_zone(spark: SparkSession, tmp_path: Path) -> None:
    texts = [
        "2024-01-01T00:30:00",
        "2024-01-01T00:30:00Z",
        "2024-01-01 00:30:00.5+01:00",
        "2024-01-01",
        "12:30",
        "2024",
        "2024-01-01T25:00:00",
    ]
    file = tmp_path / "a.parquet"
    wall = datetime(2024, 1, 1, 0, 30)
    pq.write_table(
        pa.table(
            {
                "text": texts,
                "wall": pa.array([wall] * 7, pa.timestamp("ns")),
                "id": pa.array(range(7), pa.uint32()),
            }
        ),
        file,
    )

    def read(source: str, zone: str) -> list[Row]:
        mapping = {
            "columns": {
                "event_timestamp": {"from": source, "unit": "iso", "zone": zone},
                "event_id": "id",
                "customer_id": "id",
                "event_type": {"constant": "search"},
            }
        }
        return read_rows(spark, [file], "crm.events", mapping)

    rows = read("text", "Europe/Berlin")
    assert [row["event_timestamp"] for row in rows] == [
        datetime(2023, 12, 31, 23, 30),
        datetime(2024, 1, 1, 0, 30),
        datetime(2023, 12, 31, 23, 30, 0, 500_000),
        datetime(2023, 12, 31, 23, 0),
        None,
        None,
        None,
    ]
    assert [row["_ingest_errors"] for row in rows[4:]] == [
        [f"event_timestamp_unreadable: '{text}'"] for text in texts[4:]
    ]
    assert read("wall", "Europe/Berlin")[0]["event_timestamp"] == datetime(2023, 12, 31, 23, 30)
    assert read("wall", "UTC")[0]["event_timestamp"] == wall


@pytest.mark.parametrize("stored", ["s", "ms", "us", "ns", "us-utc", "ns-utc", "int96"])
def test_parquet_times_of_every_kind_give_the_same_instant(
    spark: SparkSession, tmp_path: Path, stored: str
) -> None:
    unit, _, zone = stored.partition("-")
    instant = utc(1961, 7, 1, 12, 0, 1)
    kind = pa.timestamp("ns" if unit == "int96" else unit, tz="UTC" if zone else None)
    file = tmp_path / "a.parquet"
    table = pa.table(
        {
            "event_time": pa.array([instant], kind),
            "user_id": pa.array([b"u1"], pa.binary()),
            "product_id": pa.array(["p"], pa.large_string()),
            "interaction_type": pa.array(["view"]).dictionary_encode(),
            "Event_Time": ["another column by case"],
        }
    )
    pq.write_table(table, file, use_deprecated_int96_timestamps=unit == "int96")
    [row] = read_rows(spark, [file], "product.interactions", {})
    assert row["event_time"] == instant.replace(tzinfo=None)
    assert (row["user_id"], row["product_id"], row["_ingest_errors"]) == ("u1", "p", None)


def test_names_and_values_with_quotes_and_dots_stay_text(
    spark: SparkSession, tmp_path: Path
) -> None:
    odd = "a`.b'); drop table x --"
    file = tmp_path / "a.parquet"
    pq.write_table(pa.table({odd: ["it's", None, "other"], "t.t": ["2024-01-01"] * 3}), file)
    mapping = {
        "where": {odd: ["it's", "other"]},
        "columns": {
            "event_time": {"from": "t.t"},
            "user_id": odd,
            "product_id": odd,
            "interaction_type": {"from": odd, "values": {"it's": "view"}},
        },
    }
    rows = read_rows(spark, [file], "product.interactions", mapping)
    assert [row["_selected"] for row in rows] == [True, False, True]
    assert (rows[0]["user_id"], rows[0]["interaction_type"]) == ("it's", "view")
    assert rows[2]["_ingest_errors"] == ["interaction_type_unmapped: 'other'"]


# Nothing new


@only_thorough
def test_files_that_were_loaded_are_known_without_spark_until_something_else_is_committed(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def prepare(settings: Settings) -> Settings:
        asked.append("Spark")
        return settings

    file = events(tmp_path, "first.csv", 9001, 9002)
    assert load("crm.events", file).rows == 2
    monkeypatch.setattr("footfall.spark.session.prepare", prepare)
    again = load("crm.events", file)
    assert ([skipped.source_file for skipped in again.skipped], asked) == ([str(file)], [])

    other = events(tmp_path, "second.csv", 9003)
    assert (load("crm.events", file, other).rows, asked) == (1, ["Spark"])
    assert (load("crm.events", file, other).rows, asked) == (0, ["Spark"])

    table = get_contract("crm.events").bronze_table(get_settings())
    spark.sql(f"delete from {table} where event_id = 'e9003'")
    assert (load("crm.events", file, other).rows, asked) == (0, ["Spark"] * 2)

    spark.sql(f"drop table {table}")
    assert (load("crm.events", file, other).rows, asked) == (3, ["Spark"] * 3)


@only_thorough
def test_small_files_of_many_loads_are_merged_and_stay_known(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("footfall.ingest.record.COMPACT_AFTER", 3)
    files = [events(tmp_path, f"load{number}.csv", 9100 + number) for number in range(4)]
    loads = [load("crm.events", file).load_ids[0] for file in files]
    ids = bronze(spark, "crm.events", "event_id", "_load_id")
    assert {(f"e{9100 + number}", load_id) for number, load_id in enumerate(loads)} <= {*ids}
    settings = get_settings()
    for table in (
        get_contract("crm.events").bronze_table(settings),
        f"{settings.schema_of('quality')}.dq_ingested_files",
    ):
        history = [row["operation"] for row in spark.sql(f"describe history {table}").collect()]
        assert "OPTIMIZE" in history
    assert load("crm.events", *files).loaded == []
