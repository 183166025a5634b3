"""Avro files: their columns in Arrow's types, and their first rows, without Spark."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import time
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa

from footfall.object_store import DataPath

PLAIN = {
    "null": pa.null(),
    "boolean": pa.bool_(),
    "int": pa.int32(),
    "long": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "bytes": pa.binary(),
    "string": pa.string(),
    "enum": pa.string(),
    "fixed": pa.binary(),
}
LOGICAL = {
    "date": pa.date32(),
    "timestamp-millis": pa.timestamp("ms", tz="UTC"),
    "timestamp-micros": pa.timestamp("us", tz="UTC"),
    "local-timestamp-millis": pa.timestamp("ms"),
    "local-timestamp-micros": pa.timestamp("us"),
    "uuid": pa.string(),
}
"""As Spark reads them; of others it reads the type that they are stored as."""
WIDER = (("int", "long"), ("float", "double"))
"""Unions that Spark reads as the second."""


class NotAvroError(OSError):
    """A file is no Avro file, or a damaged one."""


def avro_columns(file: DataPath) -> pa.Schema:
    """Return the columns of an Avro file.

    Raises:
        NotAvroError: it is none, or its rows are no records.
    """
    with _records(file) as records:
        return _columns(records)


def _columns(records: Any) -> pa.Schema:
    kind = arrow_type(records.writer_schema, {})
    if not pa.types.is_struct(kind):
        raise NotAvroError(f"its rows are of type {kind}, not records")
    return pa.schema(list(kind))


def arrow_type(schema: Any, named: dict[str, Any]) -> Any:
    """Return the type as which Spark reads an Avro type.

    Args:
        schema: as fastavro has it.
        named: the types that have a name, by it; those of the schema are added.

    Raises:
        NotAvroError: a type contains itself, which Spark refuses.
    """
    if isinstance(schema, list):
        return _union(schema, named)
    if isinstance(schema, str):
        if schema in PLAIN:
            return PLAIN[schema]
        if named.get(schema) is None:
            raise NotAvroError(f"the type {schema} contains itself")
        return named[schema]
    kind = schema["type"]
    if kind == "array":
        return pa.list_(arrow_type(schema["items"], named))
    if kind == "map":
        return pa.map_(pa.string(), arrow_type(schema["values"], named))
    if kind in ("record", "error"):
        named[schema["name"]] = None
        fields = [(part["name"], arrow_type(part["type"], named)) for part in schema["fields"]]
        named[schema["name"]] = pa.struct(fields)
        return named[schema["name"]]
    found = _logical(schema) or (PLAIN[kind] if kind in PLAIN else arrow_type(kind, named))
    if "name" in schema:
        named[schema["name"]] = found
    return found


def _logical(schema: dict[str, Any]) -> Any:
    logical = schema.get("logicalType")
    if logical == "decimal":
        return pa.decimal128(schema["precision"], schema.get("scale", 0))
    return LOGICAL.get(str(logical))


def _union(members: list[Any], named: dict[str, Any]) -> Any:
    some = [member for member in members if member != "null"]
    if len(some) == 1:
        return arrow_type(some[0], named)
    for narrow, wide in WIDER:
        if some in ([narrow, wide], [wide, narrow]):
            return PLAIN[wide]
    # Spark makes a struct of what it may be.
    kinds = [arrow_type(member, named) for member in some]
    return pa.struct([(f"member{place}", kind) for place, kind in enumerate(kinds)])


def avro_batches(file: DataPath, rows: int) -> Iterator[Any]:
    """Yield the rows of an Avro file, at most so many at a time; a union's value is left out.

    Raises:
        NotAvroError: it is damaged.
    """
    with _records(file) as records:
        schema = _columns(records)
        while found := list(islice(records, rows)):
            plain = [
                {part.name: _plain(record[part.name], part.type) for part in schema}
                for record in found
            ]
            yield pa.RecordBatch.from_pylist(plain, schema)


def _plain(value: Any, kind: Any) -> Any:
    """Return a value as Arrow takes it for the type as which Spark reads it."""
    if value is None:
        return None
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, time):
        micros = ((value.hour * 60 + value.minute) * 60 + value.second) * 1_000_000
        micros += value.microsecond
        return micros // 1000 if pa.types.is_int32(kind) else micros
    if pa.types.is_list(kind):
        return [_plain(item, kind.value_type) for item in value]
    if pa.types.is_map(kind):
        return [(key, _plain(item, kind.item_type)) for key, item in value.items()]
    if pa.types.is_struct(kind):
        if not isinstance(value, dict):
            return None
        return {part.name: _plain(value.get(part.name), part.type) for part in kind}
    return value


def write_row(file: DataPath, number: int, target: Path) -> None:
    """Write one row of an Avro file as a file of its own.

    Args:
        file: the file.
        number: of the row, from 0.
        target: the file to write.
    """
    import fastavro

    with _records(file) as records, target.open("wb") as alone:
        fastavro.writer(alone, records.writer_schema, islice(records, number, number + 1))


@contextmanager
def _records(file: DataPath) -> Iterator[Any]:
    # Here: few files are Avro.
    import fastavro

    try:
        with file.open("rb") as content:
            yield fastavro.reader(content)
    except (
        ValueError, TypeError, KeyError, IndexError, EOFError, fastavro.schema.SchemaParseException,
    ) as error:  # fmt: skip
        raise NotAvroError(str(error) or type(error).__name__) from error
