"""From files of one shape to rows of the contract, with what was wrong in each row beside it.

Column names, values and zones that users write reach Spark as literals and positions only: source
columns are renamed to ``c0``, ``c1``, … before any expression is built.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any, cast

import pyarrow as pa
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from footfall.ingest.files import ColumnPlan, PhysicalColumn, ReadPlan
from footfall.ingest.mapping import ColumnMapping, ItemsMapping, Mapping
from footfall.ingest.types import (
    contract_type,
    is_list,
    is_text,
    spark_read_type,
    spark_text_type,
)
from footfall.object_store import DataPath
from footfall.paths import literal_pattern
from footfall.project.contracts import Contract

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession
    from pyspark.sql.types import ArrayType

SOURCE_FILE = "_source_file"
ERRORS = "_ingest_errors"
KAFKA = "_kafka"
SELECTED = "_selected"
UNREADABLE_ROW = "__footfall_unreadable_row"
SHOWN_CHARACTERS = 100

SECONDS_FROM, SECONDS_TO = -62_135_596_800, 253_402_300_799
"""0001-01-01 and 9999-12-31 23:59:59: outside them a number is no time."""
UNITS_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000}

DATE_TEXT = r"^\s*\d{4}-\d{1,2}-\d{1,2}\s*$"
TIME_TEXT = r"^\s*\d{4}-\d{1,2}-\d{1,2}([T ].*)?$"
LOCAL_TIME_TEXT = r"^\s*\d{4}-\d{1,2}-\d{1,2}([T ]\d{1,2}:\d{1,2}(:\d{1,2}([.]\d+)?)?)?\s*$"
INTEGER_TEXT = r"^\s*[+-]?\d+(\.0*)?\s*$"

SESSION_CONF = {
    # Two source columns may differ in case only; Spark reads nanoseconds as a BIGINT or not at all.
    "spark.sql.caseSensitive": "true",
    "spark.sql.legacy.parquet.nanosAsLong": "true",
}
"""What the session that reads must have set."""


@dataclass(frozen=True)
class _Value:
    """A converted column: its value, the source behind it, and whether that could not be read."""

    value: Column
    source: Column
    unreadable: Column
    unmapped: Column | None = None


def ready_to_read(session: SparkSession) -> SparkSession:
    """Set in a session what reading needs, and return it."""
    for key, value in SESSION_CONF.items():
        session.conf.set(key, value)
    return session


def read_files(
    spark: SparkSession,
    files: Sequence[DataPath],
    plan: ReadPlan,
    contract: Contract,
    mapping: Mapping,
) -> DataFrame:
    """Return the rows of files of one shape in the contract's columns.

    Beside them: ``_source_file``, ``_ingest_errors`` (null where all was well) and ``_selected``
    (whether ``where`` of the mapping takes the row). The session needs :data:`SESSION_CONF`.
    """
    raw, position = _read_raw(spark, files, plan, mapping)
    return _converted(raw, position, plan, contract, mapping)


def read_messages(
    messages: DataFrame, plan: ReadPlan, contract: Contract, mapping: Mapping
) -> DataFrame:
    """Return messages of Kafka, each a JSON object, as :func:`read_files` returns lines of JSON.

    ``_source_file`` names topic, partition and offset. Beside it stands ``_kafka``: key, time and
    headers of the message, and its bytes where they are no JSON object.

    Args:
        messages: as Spark's source reads them.
    """
    used = plan.used()
    position = {column.name: f"c{index}" for index, column in enumerate(used)}
    fields = [StructField(column.name, StringType()) for column in used]
    schema = StructType([*fields, StructField(UNREADABLE_ROW, StringType())])
    text = F.col("value").cast("string")
    is_object = F.coalesce(F.is_valid_utf8(text) & F.ltrim(text).startswith("{"), F.lit(False))
    options = {"mode": "PERMISSIVE", "columnNameOfCorruptRecord": UNREADABLE_ROW}
    parsed = messages.withColumn(
        "parsed", F.from_json(F.when(is_object, text), schema, options)
    ).withColumn(
        UNREADABLE_ROW,
        F.when(is_object, F.col("parsed").getField(UNREADABLE_ROW)).otherwise(
            F.coalesce(F.make_valid_utf8(text), F.lit(""))
        ),
    )
    offset = F.concat_ws("/", F.col("topic"), F.col("partition"), F.col("offset"))
    raw = parsed.select(
        *(F.col("parsed").getField(name).alias(new) for name, new in position.items()),
        UNREADABLE_ROW,
        F.concat(F.lit("kafka:"), offset).alias(SOURCE_FILE),
        F.struct(
            "key",
            "timestamp",
            "headers",
            F.when(F.col(UNREADABLE_ROW).isNotNull(), F.col("value")).alias("value"),
        ).alias(KAFKA),
    )
    return _converted(raw, position, plan, contract, mapping, (KAFKA,))


def _converted(
    raw: DataFrame,
    position: dict[str, str],
    plan: ReadPlan,
    contract: Contract,
    mapping: Mapping,
    beside: Sequence[str] = (),
) -> DataFrame:
    """Return source columns, which are called by their position, in the contract's columns."""
    columns = []
    problems = []
    if UNREADABLE_ROW in raw.columns:
        unreadable_row = F.col(UNREADABLE_ROW)
        problems.append(
            F.when(unreadable_row.isNotNull(), _problem("row_unreadable", unreadable_row))
        )
    for column_plan in plan.columns:
        name = column_plan.column.name
        value = _contract_value(column_plan, plan, position)
        columns.append(value.value.alias(name))
        if value.unmapped is not None:
            problems.append(F.when(value.unmapped, _problem(f"{name}_unmapped", value.source)))
        problems.append(F.when(value.unreadable, _problem(f"{name}_unreadable", value.source)))
    found = F.array_compact(F.array(*problems))
    return raw.select(
        *columns,
        F.col(SOURCE_FILE),
        *beside,
        F.when(F.size(found) > 0, found).alias(ERRORS),
        _selected(plan, mapping, position).alias(SELECTED),
    )


def _selected(plan: ReadPlan, mapping: Mapping, position: dict[str, str]) -> Column:
    conditions = [
        F.coalesce(
            F.col(position[source.name]).cast("string").isin(mapping.where[source.name]),
            F.lit(False),
        )
        for source in plan.where
    ]
    return reduce(lambda left, right: left & right, conditions, F.lit(True))


def _problem(label: str, source: Column) -> Column:
    return F.concat(F.lit(f"{label}: '"), F.substring(source, 1, SHOWN_CHARACTERS), F.lit("'"))


def _read_raw(
    spark: SparkSession, files: Sequence[DataPath], plan: ReadPlan, mapping: Mapping
) -> tuple[DataFrame, dict[str, str]]:
    """Return the files' used columns as ``c0``, ``c1``, … and each source column's new name."""
    shape = plan.shape
    paths = [literal_pattern(file) for file in files]
    used = plan.used() if shape.file_format != "csv" else list(shape.columns)
    position = {column.name: f"c{index}" for index, column in enumerate(used)}
    text = [StructField(position[column.name], StringType()) for column in used]
    unreadable_row = StructField(UNREADABLE_ROW, StringType())
    reader = spark.read
    if shape.file_format == "csv":
        # The files share their header, so that positions are names.
        frame = (
            reader.schema(StructType([*text, unreadable_row]))
            .option("header", mapping.csv.columns is None)
            .option("sep", shape.delimiter)
            .option("quote", mapping.csv.quote)
            .option("escape", mapping.csv.quote)
            .option("encoding", mapping.csv.encoding)
            .option("multiLine", mapping.csv.multiline)
            .option("mode", "PERMISSIVE")
            .option("columnNameOfCorruptRecord", UNREADABLE_ROW)
            .csv(paths)
        )
    elif shape.file_format == "json":
        fields = [StructField(column.name, StringType()) for column in used]
        frame = (
            reader.schema(StructType([*fields, unreadable_row]))
            .option("multiLine", shape.json_array)
            .option("mode", "PERMISSIVE")
            .option("columnNameOfCorruptRecord", UNREADABLE_ROW)
            .json(paths)
        )
    else:
        fields = [
            StructField(column.name, spark_read_type(column.type, column.int96)) for column in used
        ]
        frame = reader.schema(StructType(fields)).parquet(*paths)
    frame = frame.select("*", _source_file())
    names = [position[column.name] for column in used]
    if shape.file_format != "parquet":
        names.append(UNREADABLE_ROW)
    return frame.toDF(*names, SOURCE_FILE), position


def _source_file() -> Column:
    """Return the path of the file a row is from, as the file system knows it."""
    uri = F.regexp_replace(F.col("_metadata.file_path"), "^file:(//)?", "")
    # url_decode would make a space of a plus, which a path may hold as it is.
    return F.url_decode(F.replace(uri, F.lit("+"), F.lit("%2B"))).alias(SOURCE_FILE)


def _contract_value(plan: ColumnPlan, read: ReadPlan, position: dict[str, str]) -> _Value:
    target = contract_type(plan.column.data_type)
    never, nothing = F.lit(False), F.lit(None).cast("string")
    mapped = plan.mapped or ColumnMapping()
    if mapped.constant is not None:
        constant = _from_text(F.lit(mapped.constant), target, mapped)
        return _Value(constant, nothing, never)
    if not plan.sources:
        return _Value(F.lit(None).cast(plan.column.data_type), nothing, never)
    columns = [F.col(position[source.name]) for source in plan.sources]
    if mapped.items is not None:
        return _items(mapped.items, columns, plan.sources, target)
    source = plan.sources[0]
    column = columns[0] if len(columns) == 1 else F.coalesce(*columns)
    if read.shape.file_format == "csv" or (
        read.shape.file_format == "json" and not pa.types.is_string(target)
    ):
        column = F.when(column != "", column)
    if pa.types.is_nested(target):
        return _nested(column, source, target)
    if pa.types.is_binary(source.type):
        column, source = column.cast("string"), PhysicalColumn(source.name, pa.string())
    shown = column.cast("string")
    unmapped = None
    if mapped.values:
        pairs = [F.lit(text) for pair in mapped.values.items() for text in pair]
        column = F.element_at(F.create_map(*pairs), shown)
        unmapped = shown.isNotNull() & column.isNull()
        source = PhysicalColumn(source.name, pa.string())
    present = column.isNotNull()
    if mapped.strip_prefix:
        value = _without_prefix(column.cast("string"), mapped.strip_prefix, target)
    elif is_text(source.type):
        value = _from_text(column, target, mapped)
    else:
        value = _from_typed(column, source, target, mapped)
    return _Value(value, shown, present & value.isNull(), unmapped)


def _spark_name(target: Any) -> str:
    if pa.types.is_decimal(target):
        return f"decimal({target.precision},{target.scale})"
    return {
        pa.string(): "string",
        pa.bool_(): "boolean",
        pa.int32(): "int",
        pa.int64(): "bigint",
        pa.float32(): "float",
        pa.float64(): "double",
        pa.date32(): "date",
    }.get(target, "timestamp")


def _without_prefix(text: Column, prefix: str, target: Any) -> Column:
    """Return the number behind a prefix; null unless prefix and number give the text again."""
    number = F.when(text.startswith(prefix), F.substring(text, len(prefix) + 1, 2**31 - 1))
    value = number.try_cast(_spark_name(target))
    return F.when(value.cast("string") == number, value)


def _from_text(text: Column, target: Any, mapped: ColumnMapping) -> Column:
    if pa.types.is_string(target):
        return text
    if pa.types.is_integer(target):
        # '12.0' is what other tools make of 12 in a column with nulls.
        whole = F.regexp_replace(text, r"\.0*\s*$", "")
        return F.when(text.rlike(INTEGER_TEXT), whole.try_cast(_spark_name(target)))
    if pa.types.is_timestamp(target) or pa.types.is_date(target):
        if mapped.unit in UNITS_PER_SECOND:
            return _from_count(text.try_cast("decimal(38,9)"), mapped.unit, target, mapped)
        return _from_iso(text, target, mapped)
    return text.try_cast(_spark_name(target))


def _from_iso(text: Column, target: Any, mapped: ColumnMapping) -> Column:
    # The pattern keeps out what Spark also takes for a time: '2025', '12:30' (of today).
    instant = F.when(
        text.rlike(LOCAL_TIME_TEXT), F.to_utc_timestamp(text.try_cast("timestamp"), mapped.zone)
    ).when(text.rlike(TIME_TEXT), text.try_cast("timestamp"))
    if pa.types.is_date(target):
        return F.when(text.rlike(DATE_TEXT), text.try_cast("date")).otherwise(
            _day(instant, mapped.zone)
        )
    return instant


def _day(instant: Column, zone: str) -> Column:
    return F.to_date(F.from_utc_timestamp(instant, zone))


def _from_count(number: Column, unit: str, target: Any, mapped: ColumnMapping) -> Column:
    per_second = UNITS_PER_SECOND[unit]
    in_range = number.between(SECONDS_FROM * per_second, SECONDS_TO * per_second)
    micros = (number * F.lit(1_000_000 // per_second)).cast("bigint")
    instant = F.when(in_range, F.timestamp_micros(micros))
    return _day(instant, mapped.zone) if pa.types.is_date(target) else instant


def _from_typed(
    column: Column, source: PhysicalColumn, target: Any, mapped: ColumnMapping
) -> Column:
    kind = source.type
    if pa.types.is_timestamp(target) or pa.types.is_date(target):
        if pa.types.is_date(kind):
            if pa.types.is_date(target):
                return column
            return F.to_utc_timestamp(column.cast("timestamp"), mapped.zone)
        if not pa.types.is_timestamp(kind):
            if pa.types.is_floating(kind):
                column = column.try_cast("decimal(38,9)")
            return _from_count(column, mapped.unit or "s", target, mapped)
        if source.nanoseconds:
            micros = F.call_function("div", column - F.pmod(column, F.lit(1000)), F.lit(1000))
            column = F.timestamp_micros(micros)
        instant = column.cast("timestamp")
        if kind.tz is None and not source.int96:
            instant = F.to_utc_timestamp(instant, mapped.zone)
        return _day(instant, mapped.zone) if pa.types.is_date(target) else instant
    value = column.try_cast(_spark_name(target))
    if pa.types.is_integer(target) and (pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        return F.when(value.cast("decimal(38,9)") == column.try_cast("decimal(38,9)"), value)
    return value


def _nested(column: Column, source: PhysicalColumn, target: Any) -> _Value:
    if is_text(source.type):
        schema = cast("ArrayType | StructType", spark_text_type(target))
        parsed = F.from_json(column, schema)
        value, unreadable = _cast_leaves(parsed, spark_text_type_as_arrow(target), target)
        unreadable = parsed.isNull() | unreadable
        shown = column
    else:
        value, unreadable = _cast_leaves(column, source.type, target)
        shown = F.to_json(column)
    unreadable = F.coalesce(column.isNotNull() & unreadable, F.lit(False))
    return _Value(F.when(~unreadable, value), shown, unreadable)


def spark_text_type_as_arrow(target: Any) -> Any:
    """Return the same shape as a type with every leaf a string."""
    if is_list(target):
        return pa.list_(spark_text_type_as_arrow(target.value_type))
    if pa.types.is_struct(target):
        return pa.struct([(field.name, spark_text_type_as_arrow(field.type)) for field in target])
    return pa.string()


def _cast_leaves(column: Column, source: Any, target: Any) -> tuple[Column, Column]:
    """Return a value of the target's type, and whether some leaf of it could not be cast."""
    if is_list(target):
        element = source.value_type
        value = F.transform(column, lambda item: _cast_leaves(item, element, target.value_type)[0])
        bad = F.exists(
            column,
            lambda item: F.coalesce(
                _cast_leaves(item, element, target.value_type)[1], F.lit(False)
            ),
        )
        return value, F.coalesce(bad, F.lit(False))
    if pa.types.is_struct(target):
        parts = {
            field.name: _cast_leaves(
                column.getField(field.name), source.field(field.name).type, field.type
            )
            for field in target
        }
        value = F.struct(*(part.alias(name) for name, (part, _bad) in parts.items()))
        bad = reduce(lambda left, right: left | right, (bad for _part, bad in parts.values()))
        return F.when(column.isNotNull(), value), bad
    leaf = PhysicalColumn("", source)
    if is_text(source):
        value = _from_text(column, target, ColumnMapping())
    else:
        value = _from_typed(column, leaf, target, ColumnMapping())
    return value, column.isNotNull() & value.isNull()


def _as_list(column: Column, source: PhysicalColumn, delimiter: str) -> Column:
    if is_list(source.type):
        return column.cast("array<string>")
    as_json = F.from_json(column, "array<string>")
    parts = F.split(F.trim(column), re.escape(delimiter))
    return F.when(column == "", F.array().cast("array<string>")).otherwise(
        F.when(F.trim(column).startswith("["), as_json).otherwise(parts)
    )


def _items(
    items: ItemsMapping,
    columns: Sequence[Column],
    sources: Sequence[PhysicalColumn],
    target: Any,
) -> _Value:
    lists = [
        _as_list(column, source, items.delimiter)
        for column, source in zip(columns, sources, strict=True)
    ]
    id_type = target.value_type.field("item_id").type

    def item_id(text: Column) -> Column:
        if items.strip_prefix:
            return _without_prefix(text, items.strip_prefix, id_type)
        return _from_text(text, id_type, ColumnMapping())

    if items.labelled is not None:
        ids = F.transform(
            lists[0],
            lambda text: F.struct(
                item_id(F.regexp_replace(text, re.escape(items.separator) + "[01]$", "")).alias(
                    "item_id"
                ),
                F.when(text.endswith(f"{items.separator}1"), F.lit(True))
                .when(text.endswith(f"{items.separator}0"), F.lit(False))
                .alias("is_order"),
            ),
        )
    else:
        clicked = F.coalesce(lists[1], F.array().cast("array<string>"))
        ids = F.transform(
            lists[0],
            lambda text: F.struct(
                item_id(text).alias("item_id"),
                F.coalesce(F.array_contains(clicked, text), F.lit(False)).alias("is_order"),
            ),
        )
    bad = F.exists(
        ids, lambda item: item.getField("item_id").isNull() | item.getField("is_order").isNull()
    )
    unreadable = F.coalesce(columns[0].isNotNull() & (ids.isNull() | bad), F.lit(False))
    shown = F.concat_ws(items.delimiter, lists[0])
    return _Value(F.when(~unreadable, ids), shown, unreadable)
