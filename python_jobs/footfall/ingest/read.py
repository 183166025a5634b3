"""From files of one shape to rows of the contract, with what was wrong in each row beside it.

Column names, values and zones that users write reach Spark as literals and positions only: source
columns are renamed to ``c0``, ``c1``, … before any expression is built.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import TYPE_CHECKING, Any, cast

import pyarrow as pa
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from footfall.errors import FootfallError
from footfall.ingest.fields import Every, elements_with, json_type, stored_type, value_of
from footfall.ingest.files import (
    NO_FOLDER_VALUE,
    ColumnPlan,
    KindPlan,
    ListPlan,
    PhysicalColumn,
    ReadPlan,
    is_zstd,
)
from footfall.ingest.mapping import ColumnMapping, ItemsMapping, Mapping
from footfall.ingest.types import (
    contract_type,
    holds_local_times,
    is_list,
    is_text,
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
ROW_KIND = "_row_kind"
ELEMENT = "_element"
UNREADABLE_ROW = "__footfall_unreadable_row"
SHOWN_CHARACTERS = 100
LONGEST_TEXT = 2**31 - 1
NO_CHARACTER = "\0"
ZSTD_CODEC = "io.airlift.compress.zstd.ZstdCodec"
"""Spark ships it for ORC; Hadoop's own needs a native library that a Spark from pip lacks."""

SECONDS_FROM, SECONDS_TO = -62_135_596_800, 253_402_300_799
"""0001-01-01 and 9999-12-31 23:59:59: outside them a number is no time."""
UNITS_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000}

DATE_TEXT = r"^\s*\d{4}-\d{1,2}-\d{1,2}\s*$"
TIME_TEXT = r"^\s*\d{4}-\d{1,2}-\d{1,2}([T ].*)?$"
LOCAL_TIME_TEXT = r"^\s*\d{4}-\d{1,2}-\d{1,2}([T ]\d{1,2}:\d{1,2}(:\d{1,2}([.]\d+)?)?)?\s*$"
NOT_BLANK = r"\S"
CONTAINER_TEXT = r"^\s*[\[{]"
INTEGER_TEXT = r"^\s*[+-]?\d+(\.0*)?\s*$"

JSON_OPTIONS = {"mode": "PERMISSIVE", "columnNameOfCorruptRecord": UNREADABLE_ROW}
AGAIN = "_again"
SESSION_CONF = {
    # Two source columns may differ in case only; Spark reads nanoseconds as a BIGINT or not at all.
    "spark.sql.caseSensitive": "true",
    "spark.sql.legacy.parquet.nanosAsLong": "true",
}
"""What the session that reads must have set."""


Names = dict[PhysicalColumn, str]
"""What the columns and nested values of a file are called: ``c0``, ``n0``, …"""


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
    raw, names = _read_raw(spark, files, plan, mapping)
    return convert_rows(raw, names, plan, contract)


def read_messages(
    messages: DataFrame, plan: ReadPlan, contract: Contract, mapping: Mapping
) -> DataFrame:
    """Return messages of Kafka, each a JSON object, as :func:`read_files` returns lines of JSON.

    ``_source_file`` names topic, partition and offset. Beside it stands ``_kafka``: key, time and
    headers of the message, and its bytes where they are no JSON object.

    Args:
        messages: as Spark's source reads them.
    """
    used = plan.columns()
    names = {column: f"c{index}" for index, column in enumerate(used)}
    fields = [StructField(column.name, StringType()) for column in used]
    schema = StructType([*fields, StructField(UNREADABLE_ROW, StringType())])
    text = F.col("value").cast("string")
    is_object = F.coalesce(F.is_valid_utf8(text) & F.ltrim(text).startswith("{"), F.lit(False))
    parsed = messages.withColumn(
        "parsed", F.from_json(F.when(is_object, text), schema, JSON_OPTIONS)
    ).withColumn(
        UNREADABLE_ROW,
        F.when(is_object, F.col("parsed").getField(UNREADABLE_ROW)).otherwise(
            F.coalesce(F.make_valid_utf8(text), F.lit(""))
        ),
    )
    offset = F.concat_ws("/", F.col("topic"), F.col("partition"), F.col("offset"))
    raw = parsed.select(
        *(F.col("parsed").getField(column.name).alias(name) for column, name in names.items()),
        UNREADABLE_ROW,
        F.concat(F.lit("kafka:"), offset).alias(SOURCE_FILE),
        F.struct(
            "key",
            "timestamp",
            "headers",
            F.when(F.col(UNREADABLE_ROW).isNotNull(), F.col("value")).alias("value"),
        ).alias(KAFKA),
    )
    return convert_rows(raw, names, plan, contract, (KAFKA,))


def convert_rows(
    raw: DataFrame,
    names: Names,
    plan: ReadPlan,
    contract: Contract,
    beside: Sequence[str] = (),
) -> DataFrame:
    """Return source columns, which are called by position, in the contract's columns.

    Args:
        raw: the source columns by these names, and ``_source_file``.
        names: what each source column is called.
        beside: further columns of ``raw`` to keep.
    """
    rows, names = _flattened(raw, names, plan)
    columns = []
    problems = []
    if UNREADABLE_ROW in rows.columns:
        unreadable_row = F.col(UNREADABLE_ROW)
        problems.append((unreadable_row.isNotNull(), _problem("row_unreadable", unreadable_row)))
    for number, column in enumerate(contract.columns):
        value = _by_kind(plan, number, names, column.name == contract.message_id)
        columns.append(value.value.alias(column.name))
        if value.unmapped is not None:
            problems.append((value.unmapped, _problem(f"{column.name}_unmapped", value.source)))
        problems.append((value.unreadable, _problem(f"{column.name}_unreadable", value.source)))
    selected = F.lit(True) if ROW_KIND not in rows.columns else F.col(ROW_KIND).isNotNull()
    if UNREADABLE_ROW in rows.columns:
        # It does not tell whether it would have been selected.
        selected = selected | F.col(UNREADABLE_ROW).isNotNull()
    return rows.select(
        *columns,
        F.col(SOURCE_FILE),
        *beside,
        _errors(problems).alias(ERRORS),
        selected.alias(SELECTED),
    )


def _errors(problems: Sequence[tuple[Column, Column]]) -> Column:
    """Return the texts of the problems whose conditions hold; null where none does.

    The texts are put together for such rows alone, and by functions that Spark compiles:
    array_compact is not among them.
    """
    any_holds = reduce(operator.or_, (holds for holds, _ in problems))
    none = F.array().cast("array<string>")
    texts = (F.when(holds, F.array(text)).otherwise(none) for holds, text in problems)
    return F.when(any_holds, F.concat(*texts))


def _by_kind(plan: ReadPlan, number: int, names: Names, is_message_id: bool) -> _Value:
    """Return a contract column, by its number, of each row as the row's kind says.

    Args:
        is_message_id: the id of a message counts the elements of its list, if each becomes a row.
    """
    plans = [row_kind.columns[number] for row_kind in plan.kinds]
    values = [_contract_value(column, plan, names) for column in plans]
    if is_message_id and plan.multiplies:
        values = [
            replace(value, value=F.concat(value.value, F.lit("/"), F.col(ELEMENT)))
            if row_kind.each
            else value
            for value, row_kind in zip(values, plan.kinds, strict=True)
        ]
    if len(values) == 1 or (not is_message_id and all(column == plans[0] for column in plans)):
        return values[0]

    def pick(parts: Sequence[Column]) -> Column:
        cases = [F.when(F.col(ROW_KIND) == row_kind, part) for row_kind, part in enumerate(parts)]
        return F.coalesce(*cases)

    def picked(parts: Sequence[Column]) -> Column:
        return F.coalesce(pick(parts), F.lit(False))

    unmapped = [F.lit(False) if value.unmapped is None else value.unmapped for value in values]
    return _Value(
        pick([value.value for value in values]),
        pick([value.source for value in values]),
        picked([value.unreadable for value in values]),
        picked(unmapped) if any(value.unmapped is not None for value in values) else None,
    )


def _flattened(raw: DataFrame, names: Names, plan: ReadPlan) -> tuple[DataFrame, Names]:
    """Add each row's kind and the nested values; where its kind says so, a row for each element."""
    parsed: dict[PhysicalColumn, Column] = {}
    for root, name in names.items():
        if ways := plan.ways_below(root):
            column = F.col(name)
            is_read = not isinstance(raw.schema[name].dataType, StringType)
            parsed[root] = column if is_read else F.from_json(column, json_type(ways))
    rows = raw.select("*", *(parsed[root].alias(f"{names[root]}_parsed") for root in parsed))
    roots = {root: F.col(f"{names[root]}_parsed") for root in parsed}

    def plain(source: PhysicalColumn) -> Column:
        return value_of(roots[source.root], source.steps) if source.below else F.col(names[source])

    if len(plan.kinds) > 1 or plan.kinds[0].where:
        cases = [
            F.when(_fits(row_kind, plain), number) for number, row_kind in enumerate(plan.kinds)
        ]
        rows = rows.withColumn(ROW_KIND, F.coalesce(*cases))
    elif plan.multiplies:
        rows = rows.withColumn(ROW_KIND, F.lit(0))
    lists: dict[int, str] = {}
    if plan.multiplies:
        for number, row_kind in enumerate(plan.kinds):
            if row_kind.each:
                lists[number] = f"_list{number}"
                rows = rows.withColumn(lists[number], _elements(row_kind.each, roots))
        rows = _row_for_each(rows, lists)
    nested = {source: f"n{index}" for index, source in enumerate(plan.nested())}
    values = []
    for source, name in nested.items():
        assert source.below is not None
        if source.below.row_kind is not None:
            element = F.get(F.col(lists[source.below.row_kind]), F.col(ELEMENT))
            below = source.steps[source.steps.index(Every()) + 1 :]
            values.append(value_of(element, below).alias(name))
        else:
            values.append(plain(source).alias(name))
    return rows.select("*", *values), names | nested


def _fits(row_kind: KindPlan, value: Callable[[PhysicalColumn], Column]) -> Column:
    conditions = [
        F.coalesce(value(source).cast("string").isin(list(wanted)), F.lit(False))
        for source, wanted in row_kind.where
    ]
    return reduce(lambda left, right: left & right, conditions, F.lit(True))


def _elements(each: ListPlan, roots: dict[PhysicalColumn, Column]) -> Column:
    elements = value_of(roots[each.source.root], each.source.steps)
    return elements_with(elements, each.where) if each.where else elements


def _row_for_each(rows: DataFrame, lists: dict[int, str]) -> DataFrame:
    """Give each element of a row's list a row, with its position; without one, none is selected."""
    cases = [
        F.when(F.col(ROW_KIND) == number, F.coalesce(F.array_size(name), F.lit(1)))
        for number, name in lists.items()
    ]
    size = F.coalesce(*cases, F.lit(1))
    positions = F.when(size > 0, F.sequence(F.lit(0), size - 1)).otherwise(
        F.array().cast("array<int>")
    )
    rows = rows.select("*", F.explode_outer(positions).alias(ELEMENT))
    return rows.withColumn(ROW_KIND, F.when(F.col(ELEMENT).isNotNull(), F.col(ROW_KIND)))


def _problem(label: str, source: Column) -> Column:
    return F.concat(F.lit(f"{label}: '"), F.substring(source, 1, SHOWN_CHARACTERS), F.lit("'"))


def _read_raw(
    spark: SparkSession, files: Sequence[DataPath], plan: ReadPlan, mapping: Mapping
) -> tuple[DataFrame, Names]:
    """Return the files' used columns as ``c0``, ``c1``, … and each source column's new name."""
    shape = plan.shape
    paths = [literal_pattern(file) for file in files]
    chosen = plan.columns() if shape.file_format != "csv" else list(shape.columns)
    used = [column for column in chosen if not column.of_folder]
    names = {column: f"c{index}" for index, column in enumerate(used)}
    text = [StructField(names[column], StringType()) for column in used]
    unreadable_row = StructField(UNREADABLE_ROW, StringType())
    reader = spark.read
    if shape.is_text and any(map(is_zstd, files)):
        reader = reader.option("io.compression.codecs", ZSTD_CODEC)
    if shape.file_format == "csv":
        # The files share their header, so that positions are names.
        frame = (
            reader.schema(StructType([*text, unreadable_row]))
            .option("header", mapping.csv.columns is None)
            .option("sep", shape.delimiter)
            .option("quote", mapping.csv.quote or NO_CHARACTER)
            .option("escape", mapping.csv.quote or NO_CHARACTER)
            .option("encoding", mapping.csv.encoding)
            .option("multiLine", mapping.csv.multiline)
            # A line that is cut off goes unnoticed if only its first columns are parsed.
            .option("columnPruning", False)
            .option("mode", "PERMISSIVE")
            .option("columnNameOfCorruptRecord", UNREADABLE_ROW)
            .csv(paths)
        )
    elif shape.file_format == "json":
        parsed = {} if shape.json_array else plan.only_below()
        fields = [
            StructField(
                column.name, json_type(parsed[column]) if column in parsed else StringType()
            )
            for column in used
        ]
        frame = (
            reader.schema(StructType([*fields, unreadable_row]))
            .option("multiLine", shape.json_array)
            .options(**JSON_OPTIONS)
            .json(paths)
        )
    else:
        is_orc = shape.file_format == "orc"
        if is_orc and any(holds_local_times(column.type) for column in used):
            _require_java_in_utc(spark)
        fields = [
            StructField(
                column.name,
                stored_type(column.type, plan.ways_below(column), column.int96 or is_orc),
            )
            for column in used
        ]
        frame = reader.schema(StructType(fields)).format(shape.file_format).load(paths)
    frame = frame.select("*", _source_file())
    unreadable = [UNREADABLE_ROW] if shape.is_text else []
    frame = frame.toDF(*names.values(), *unreadable, SOURCE_FILE)
    if shape.file_format == "json" and parsed:
        frame = _with_other_shapes(frame, dict(zip(names.values(), fields, strict=True)))
    of_folder = {
        column: f"f{index}" for index, column in enumerate(plan.columns()) if column.of_folder
    }
    values = [_folder_value(column.name).alias(name) for column, name in of_folder.items()]
    return frame.select("*", *values), names | of_folder


def _with_other_shapes(lines: DataFrame, fields: dict[str, StructField]) -> DataFrame:
    """Read once more the lines of JSON in which a nested value is not of the shape that is read.

    Spark takes them for unreadable, whole. Read as texts, each such value is null by itself. All
    other lines are parsed once: from_json allocates eight kilobytes for each value.

    Args:
        lines: as Spark reads them, beside columns that stay.
        fields: by name, what each column was read as.
    """
    line = F.col(UNREADABLE_ROW)
    named = [*(field.name for field in fields.values()), UNREADABLE_ROW]
    texts = StructType([StructField(name, StringType()) for name in named])
    again = F.from_json(F.when(F.ltrim(line).startswith("{"), line), texts, JSON_OPTIONS)
    lines = lines.withColumn(AGAIN, again)
    is_again = F.col(AGAIN).isNotNull()
    read = {UNREADABLE_ROW: F.when(is_again, F.col(AGAIN).getField(UNREADABLE_ROW)).otherwise(line)}
    for name, field in fields.items():
        text = F.col(AGAIN).getField(field.name)
        is_nested = not isinstance(field.dataType, StringType)
        value = F.from_json(text, cast("StructType", field.dataType)) if is_nested else text
        read[name] = F.when(is_again, value).otherwise(F.col(name))
    return lines.select(*(read.get(name, F.col(name)).alias(name) for name in lines.columns[:-1]))


def _require_java_in_utc(spark: SparkSession) -> None:
    """Refuse to read times of ORC without a zone where they would be moved.

    Raises:
        FootfallError: Java takes them for times of another zone.
    """
    [zone] = spark.sql("select reflect('java.time.ZoneId', 'systemDefault')").collect()[0]
    if zone not in ("UTC", "Etc/UTC", "GMT", "Z"):
        raise FootfallError(
            f"The ORC files have times without a zone; Java would take them for times of {zone}.",
            "Set TZ=UTC in the environment, and run the command again.",
        )


def _folder_value(name: str) -> Column:
    """Return what the last folder ``name=value`` of a row's file says."""
    pattern = rf"^.*/{re.escape(name)}=([^/]*)/.*$"
    text = F.regexp_extract(SOURCE_FILE, pattern, 1)
    missing = ~F.col(SOURCE_FILE).rlike(pattern) | (text == NO_FOLDER_VALUE)
    return F.when(~missing, _decoded(text))


def _source_file() -> Column:
    """Return the path of the file a row is from, as the file system knows it."""
    path = F.col("_metadata.file_path")
    uri = path
    # Not by a regular expression, which takes ten times as long; and every row asks.
    for scheme in ("file:", "file://"):
        behind = F.substring(path, len(scheme) + 1, LONGEST_TEXT)
        uri = F.when(path.startswith(scheme), behind).otherwise(uri)
    return F.when(uri.contains("%"), _decoded(uri)).otherwise(uri).alias(SOURCE_FILE)


def _decoded(uri: Column) -> Column:
    # url_decode would make a space of a plus, which a path may hold as it is.
    return F.url_decode(F.replace(uri, F.lit("+"), F.lit("%2B")))


def _contract_value(plan: ColumnPlan, read: ReadPlan, names: Names) -> _Value:
    target = contract_type(plan.column.data_type)
    never, nothing = F.lit(False), F.lit(None).cast("string")
    mapped = plan.mapped or ColumnMapping()
    if mapped.constant is not None:
        constant = _from_text(F.lit(mapped.constant), target, mapped)
        return _Value(constant, nothing, never)
    if not plan.sources:
        return _Value(F.lit(None).cast(plan.column.data_type), nothing, never)
    columns = [F.col(names[source]) for source in plan.sources]
    if mapped.items is not None:
        return _items(mapped.items, columns, plan.sources, target)
    source = plan.sources[0]
    if len(columns) > 1 and is_text(source.type):
        columns = [F.when(column.rlike(NOT_BLANK), column) for column in columns]
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
    is_json = read.shape.file_format == "json" or source.below is not None
    if is_json and is_text(source.type) and pa.types.is_string(target):
        value = F.when(~_is_container(column), value)
    if plan.clock:
        value = _by_servers_clock(value, [_time(part, names, mapped) for part in plan.clock])
    return _Value(value, shown, present & value.isNull(), unmapped)


def _is_container(text: Column) -> Column:
    """Return whether a text is a JSON list or object, which stands where a value should."""
    return F.coalesce(
        F.when(text.rlike(CONTAINER_TEXT), F.try_parse_json(text).isNotNull()), F.lit(False)
    )


def _time(source: PhysicalColumn, names: Names, mapped: ColumnMapping) -> Column:
    column, target = F.col(names[source]), pa.timestamp("us", tz="UTC")
    if is_text(source.type):
        return _from_text(column, target, mapped)
    return _from_typed(column, source, target, mapped)


def _by_servers_clock(value: Column, clock: Sequence[Column]) -> Column:
    """Return a device's time plus what its clock was behind when it sent the message."""
    sent, received = clock
    behind = F.unix_micros(received) - F.unix_micros(sent)
    return F.coalesce(F.timestamp_micros(F.unix_micros(value) + behind), value)


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
    number = F.when(text.startswith(prefix), F.substring(text, len(prefix) + 1, LONGEST_TEXT))
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
    has_no_zone = ~text.endswith("Z") & text.rlike(LOCAL_TIME_TEXT)
    instant = F.when(has_no_zone, F.to_utc_timestamp(text.try_cast("timestamp"), mapped.zone)).when(
        text.rlike(TIME_TEXT), text.try_cast("timestamp")
    )
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
