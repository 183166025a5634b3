"""Avro files, looked at without Spark."""

from __future__ import annotations

from datetime import date, datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import fastavro
import pyarrow as pa
import pytest

from footfall.ingest.avro import NotAvroError, arrow_type, avro_batches, avro_columns, write_row
from footfall.ingest.files import FileRejectedError, damage, expand_paths, inspect
from footfall.ingest.mapping import CsvOptions

NOON = datetime(2025, 3, 1, 12, tzinfo=timezone.utc)
POINT = {"type": "record", "name": "Point", "fields": [{"name": "x", "type": "int"}]}


def written(file: Path, kind: Any, *values: Any, codec: str = "null") -> Path:
    schema = {"type": "record", "name": "Row", "fields": [{"name": "c", "type": kind}]}
    with file.open("wb") as out:
        fastavro.writer(out, schema, [{"c": value} for value in values], codec=codec)
    return file


@pytest.mark.parametrize(
    ("kind", "value", "expected", "shown"),
    [
        (["null", "string"], "a", pa.string(), "a"),
        ({"type": "long", "logicalType": "timestamp-millis"}, NOON, pa.timestamp("ms", "UTC"),
         NOON),
        ({"type": "long", "logicalType": "timestamp-micros"}, NOON, pa.timestamp("us", "UTC"),
         NOON),
        ({"type": "long", "logicalType": "local-timestamp-micros"}, NOON.replace(tzinfo=None),
         pa.timestamp("us"), NOON.replace(tzinfo=None)),
        ({"type": "int", "logicalType": "date"}, NOON.date(), pa.date32(), date(2025, 3, 1)),
        ({"type": "int", "logicalType": "time-millis"}, NOON.time(), pa.int32(), 43_200_000),
        ({"type": "long", "logicalType": "time-micros"}, NOON.time(), pa.int64(), 43_200_000_000),
        ({"type": "string", "logicalType": "uuid"}, UUID(int=1), pa.string(), str(UUID(int=1))),
        ({"type": "bytes", "logicalType": "decimal", "precision": 6, "scale": 2},
         Decimal("9.50"), pa.decimal128(6, 2), Decimal("9.50")),
        ({"type": "enum", "name": "Kind", "symbols": ["view"]}, "view", pa.string(), "view"),
        ({"type": "fixed", "name": "Two", "size": 2}, b"ab", pa.binary(), b"ab"),
        ({"type": "array", "items": ["null", POINT]}, [{"x": 1}, None],
         pa.list_(pa.struct([("x", pa.int32())])), [{"x": 1}, None]),
        ({"type": "map", "values": "double"}, {"a": 0.5}, pa.map_(pa.string(), pa.float64()),
         [("a", 0.5)]),
        (["int", "long"], 5, pa.int64(), 5),
        (["double", "null", "float"], 0.5, pa.float64(), 0.5),
        (["string", "null", "int"], "a",
         pa.struct([("member0", pa.string()), ("member1", pa.int32())]), None),
    ],
)  # fmt: skip
def test_columns_are_of_the_types_as_which_spark_reads_them(
    tmp_path: Path, kind: Any, value: Any, expected: Any, shown: Any
) -> None:
    file = written(tmp_path / "a.avro", kind, value)
    assert avro_columns(file).field("c").type == expected
    [batch] = avro_batches(file, 10)
    assert batch["c"].to_pylist() == [shown]


def test_a_named_type_is_used_again_but_not_within_itself() -> None:
    pair = {
        "type": "record",
        "name": "Pair",
        "fields": [{"name": "a", "type": POINT}, {"name": "b", "type": ["null", "Point"]}],
    }
    point = pa.struct([("x", pa.int32())])
    assert arrow_type(pair, {}) == pa.struct([("a", point), ("b", point)])
    pair["fields"].append({"name": "next", "type": ["null", "Pair"]})  # type: ignore[attr-defined]
    with pytest.raises(NotAvroError, match="Pair contains itself"):
        arrow_type(pair, {})


def test_a_file_is_found_by_its_name_and_read_in_parts(tmp_path: Path) -> None:
    file = written(tmp_path / "a.avro", "int", *range(5), codec="snappy")
    assert expand_paths([str(tmp_path)]) == [file]
    shape = inspect(file, "avro", CsvOptions())
    assert [(column.name, column.type) for column in shape.columns] == [("c", pa.int32())]
    assert [batch["c"].to_pylist() for batch in avro_batches(file, 2)] == [[0, 1], [2, 3], [4]]
    write_row(file, 3, tmp_path / "alone.avro")
    assert [batch.to_pylist() for batch in avro_batches(tmp_path / "alone.avro", 9)] == [[{"c": 3}]]


def test_files_that_are_none_or_damaged_are_rejected(tmp_path: Path) -> None:
    file = written(tmp_path / "a.avro", "string", *("text " * 50 for _ in range(2_000)))
    assert damage(file, "avro") is None
    cut = tmp_path / "cut.avro"
    cut.write_bytes(file.read_bytes()[:-1000])
    assert inspect(cut, "avro", CsvOptions()).columns
    assert "not a readable avro file" in str(damage(cut, "avro"))
    other = tmp_path / "other.avro"
    other.write_text("no Avro")
    with pytest.raises(FileRejectedError, match=r"other\.avro: not a readable avro file"):
        inspect(other, "avro", CsvOptions())
    number = tmp_path / "number.avro"
    with number.open("wb") as out:
        fastavro.writer(out, "int", [1])
    with pytest.raises(FileRejectedError, match="not records"):
        inspect(number, "avro", CsvOptions())
