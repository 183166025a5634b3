"""Types without Spark: a contract's types as Arrow types, and which source types fit them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    from pyspark.sql.types import DataType

_PRIMITIVES = {
    "string": pa.string(),
    "boolean": pa.bool_(),
    "int": pa.int32(),
    "bigint": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}


def contract_type(data_type: str) -> Any:
    """Return the Arrow type of a contract's type, for example ``array<struct<a:int>>``.

    Raises:
        ValueError: the type is not one that ingestion knows.
    """
    text = data_type.replace(" ", "").lower()
    if text in _PRIMITIVES:
        return _PRIMITIVES[text]
    if match := re.fullmatch(r"decimal\((\d+),(\d+)\)", text):
        return pa.decimal128(int(match[1]), int(match[2]))
    if match := re.fullmatch(r"array<(.+)>", text):
        return pa.list_(contract_type(match[1]))
    if match := re.fullmatch(r"struct<(.+)>", text):
        fields = [field.split(":", 1) for field in split_fields(match[1])]
        return pa.struct([(name, contract_type(kind)) for name, kind in fields])
    raise ValueError(f"unknown type {data_type!r}")


def split_fields(text: str) -> list[str]:
    """Return the parts between the commas of a text that lie in no brackets."""
    fields, depth, current = [], 0, ""
    for character in text:
        depth += (character in "<(") - (character in ">)")
        if character == "," and depth == 0:
            fields.append(current)
            current = ""
        else:
            current += character
    return [*fields, current]


def value_type(kind: Any) -> Any:
    """Return the type of the values, for a dictionary-encoded type; any other type as it is."""
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def is_text(kind: Any) -> bool:
    kind = value_type(kind)
    return bool(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    )


def is_list(kind: Any) -> bool:
    return bool(
        pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    )


def is_whole(kind: Any) -> bool:
    """Tell whether a type holds whole numbers only."""
    return bool(pa.types.is_integer(kind) or (pa.types.is_decimal128(kind) and kind.scale == 0))


def _integer_bits(kind: Any) -> int:
    """Return the signed bits that hold every value of an integer type."""
    return int(kind.bit_width) + int(pa.types.is_unsigned_integer(kind))


def fits(source: Any, target: Any) -> bool:
    """Tell whether every value of a source type can be held by the target type unchanged.

    Floating point counts as fitting a decimal: money often comes that way.
    """
    source = value_type(source)
    if pa.types.is_null(source):
        return True
    if is_list(target):
        return is_list(source) and fits(source.value_type, target.value_type)
    if pa.types.is_struct(target):
        if not pa.types.is_struct(source):
            return False
        names = {source.field(index).name for index in range(source.num_fields)}
        return all(
            field.name in names and fits(source.field(field.name).type, field.type)
            for field in target
        )
    if pa.types.is_string(target):
        # A floating-point id would become '12.0': no id that anybody meant.
        return is_text(source) or is_whole(source) or bool(pa.types.is_binary(source))
    if pa.types.is_integer(target):
        if pa.types.is_decimal128(source):
            return is_whole(source) and source.precision <= (9 if target.bit_width == 32 else 18)
        return bool(pa.types.is_integer(source)) and _integer_bits(source) <= target.bit_width
    if pa.types.is_decimal(target):
        return bool(
            pa.types.is_integer(source)
            or pa.types.is_float32(source)
            or pa.types.is_float64(source)
            or pa.types.is_decimal128(source)
        )
    if pa.types.is_floating(target):
        if pa.types.is_integer(source):
            return _integer_bits(source) <= (25 if pa.types.is_float32(target) else 54)
        return bool(pa.types.is_float32(source) or source == target)
    if pa.types.is_date(target):
        return bool(pa.types.is_date(source))
    if pa.types.is_timestamp(target):
        return bool(pa.types.is_timestamp(source) or pa.types.is_date(source))
    return bool(source == target)


def is_same(source: Any, target: Any) -> bool:
    """Tell whether a source type says the same as the target type, however Arrow holds it."""
    source = value_type(source)
    if is_list(target):
        return is_list(source) and is_same(source.value_type, target.value_type)
    if pa.types.is_struct(target):
        return bool(pa.types.is_struct(source)) and all(
            source.get_field_index(field.name) >= 0
            and is_same(source.field(field.name).type, field.type)
            for field in target
        )
    return bool(source == target) or (pa.types.is_string(target) and is_text(source))


def converts_by_row(
    source: Any, target: Any, *, unit: str | None = None, has_values: bool = False
) -> bool:
    """Tell whether a mapped column may convert, row by row, from a type that does not fit.

    Args:
        unit: what numbers count, where the mapping says so.
        has_values: whether the mapping names values and what they become.
    """
    source = value_type(source)
    number = pa.types.is_integer(source) or pa.types.is_floating(source)
    number = number or pa.types.is_decimal(source)
    if is_list(target):
        if is_text(source):
            return True
        return is_list(source) and converts_by_row(
            source.value_type, target.value_type, unit=unit, has_values=has_values
        )
    if pa.types.is_struct(target):
        if not pa.types.is_struct(source):
            return False
        names = {source.field(index).name for index in range(source.num_fields)}
        return all(
            field.name in names
            and (
                fits(source.field(field.name).type, field.type)
                or converts_by_row(
                    source.field(field.name).type, field.type, unit=unit, has_values=has_values
                )
            )
            for field in target
        )
    if has_values or is_text(source):
        return not (pa.types.is_nested(source) or pa.types.is_nested(target))
    if pa.types.is_string(target):
        return is_whole(source) or bool(pa.types.is_boolean(source) or pa.types.is_date(source))
    if pa.types.is_date(target) or pa.types.is_timestamp(target):
        if pa.types.is_date(source) or pa.types.is_timestamp(source):
            return True
        return bool(number and unit in ("s", "ms", "us"))
    if pa.types.is_boolean(target):
        return bool(pa.types.is_integer(source))
    return bool(number or pa.types.is_boolean(source))


def holds_local_times(kind: Any) -> bool:
    """Return whether values of a type are, or have within them, times without a zone."""
    kind = value_type(kind)
    if pa.types.is_timestamp(kind):
        return kind.tz is None
    return any(holds_local_times(kind.field(place).type) for place in range(kind.num_fields))


def spark_read_type(kind: Any, as_instants: bool = False) -> DataType:
    """Return the type to ask Spark's reader of Parquet or ORC for.

    Timestamps in nanoseconds come as a BIGINT (Spark has no such type).

    Args:
        kind: as it is stored.
        as_instants: whether a time without a zone can only be read as an instant, as those of ORC
            and the INT96 of Parquet.

    Raises:
        ValueError: Spark cannot read the type.
    """
    from pyspark.sql import types as spark

    kind = value_type(kind)
    if is_list(kind):
        return spark.ArrayType(spark_read_type(kind.value_type, as_instants))
    if pa.types.is_struct(kind):
        return spark.StructType(
            [
                spark.StructField(field.name, spark_read_type(field.type, as_instants))
                for field in kind
            ]
        )
    if pa.types.is_map(kind):
        return spark.MapType(
            spark_read_type(kind.key_type, as_instants),
            spark_read_type(kind.item_type, as_instants),
        )
    if pa.types.is_timestamp(kind):
        if as_instants:
            return spark.TimestampType()
        if kind.unit == "ns":
            return spark.LongType()
        return spark.TimestampType() if kind.tz else spark.TimestampNTZType()
    if pa.types.is_integer(kind):
        if kind == pa.uint64():
            return spark.DecimalType(20, 0)
        return spark.IntegerType() if _integer_bits(kind) <= 32 else spark.LongType()
    if pa.types.is_decimal128(kind):
        return spark.DecimalType(kind.precision, kind.scale)
    if is_text(kind):
        return spark.StringType()
    for matches, spark_type in (
        (pa.types.is_boolean, spark.BooleanType()),
        (pa.types.is_float32, spark.FloatType()),
        (pa.types.is_float64, spark.DoubleType()),
        (pa.types.is_date, spark.DateType()),
        (pa.types.is_binary, spark.BinaryType()),
    ):
        if matches(kind):
            return spark_type
    raise ValueError(f"Spark cannot read {kind}")


def spark_text_type(kind: Any) -> DataType:
    """Return the same shape as a contract's type with every leaf a string, to parse JSON with."""
    from pyspark.sql import types as spark

    if is_list(kind):
        return spark.ArrayType(spark_text_type(kind.value_type))
    if pa.types.is_struct(kind):
        return spark.StructType(
            [spark.StructField(field.name, spark_text_type(field.type)) for field in kind]
        )
    return spark.StringType()
