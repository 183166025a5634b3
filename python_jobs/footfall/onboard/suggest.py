"""A mapping proposed from a file: known trackers by their marks, all else by names and values.

What is guessed is said with how sure it is and why; what cannot be told is left as a line to fill
in, which keeps the mapping from being used before somebody has done so.
"""

from __future__ import annotations

import io
import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import yaml

from footfall.adopt import table_shape, table_text
from footfall.errors import UsageError
from footfall.ingest.fields import as_text, values_at
from footfall.ingest.files import (
    FileRejectedError,
    FileShape,
    csv_rows,
    expand_paths,
    format_of,
    inspect,
    known_paths,
    open_text,
    stored_batches,
)
from footfall.ingest.mapping import (
    CsvOptions,
    FileFormat,
    read_mapping,
    shipped_mapping,
    source_path,
)
from footfall.object_store import DataPath
from footfall.project.contracts import Contract, get_contract

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SAMPLE_ROWS = 2000
SAMPLE_FILES = 5
FILL_IN = "FILL_IN"
"""Stands in a mapping where nothing could be told; no file has a column of this name."""

Sure = Literal["sure", "likely", "guess", "unknown"]

TRACKER_MARKS: dict[str, tuple[tuple[str, ...], ...]] = {
    "ga4": (("event_timestamp", "event_name", "user_pseudo_id"),),
    "segment": (("messageId", "type", "anonymousId"), ("messageId", "type", "userId")),
    "snowplow": (("collector_tstamp", "event_id", "domain_userid"),),
    "amplitude": (("event_type", "event_time", "device_id", "event_properties"),),
    "mixpanel": (("event", "properties.distinct_id", "properties.time"),),
    "posthog": (("event", "distinct_id", "timestamp", "properties"),),
}
"""Columns and paths that only one tracker's export has together."""

ROLES = {
    "device": (
        "anonymous_id anonymousid device_id deviceid user_pseudo_id visitor_id visitorid client_id "
        "clientid cookie_id domain_userid"
    ),
    "who": (
        "user_id userid user uid customer_id customerid client_id clientid visitor_id visitorid "
        "member_id account_id distinct_id person_id anonymous_id anonymousid user_pseudo_id "
        "user_uuid visitor customer"
    ),
    "when": (
        "event_time eventtime timestamp ts time event_timestamp occurred_at created_at datetime "
        "date_time event_at happened_at client_time server_time date day dt"
    ),
    "product": (
        "product_id productid item_id itemid sku article_id asin product item goods_id content_id "
        "movie_id movieid track_id song_id listing_id offer_id"
    ),
    "page": "page_id pageid page page_url url path pathname page_path screen screen_name location",
    "kind": (
        "interaction_type event_type eventtype action_type action event event_name behavior "
        "behaviour behavior_type activity type activity_type"
    ),
}
"""Names that columns of a role have, the most telling first."""

KINDS = {
    "product.interactions": {
        "view": (
            "view viewed pv impression product_view view_item product_viewed detail page_view "
            "pageview browse visit item_view see look"
        ),
        "click": (
            "click clicked tap select select_item cart add_to_cart addtocart basket add "
            "product_added product_clicked fav favorite favourite wishlist like"
        ),
        "purchase": (
            "purchase purchased buy bought order ordered transaction checkout conversion paid sale "
            "order_completed"
        ),
    },
    "app.interactions": {
        "page_view": "page_view pageview view viewed pv visit screen_view screen open read",
        "edit": "edit edited update updated change changed save",
        "create": "create created add added new insert upload",
        "delete": "delete deleted remove removed",
        "share": "share shared invite send",
    },
}
"""Texts that mean a value of the contract."""


@dataclass(frozen=True)
class Finding:
    """What was told of a contract column.

    Attributes:
        column: of the contract.
        source: the column or path that it comes from; None where nothing was told.
        sure: sure, likely, guess, or unknown.
        why: the reason, for people.
        otherwise: where it comes from in rows without it.
        extra: what the mapping says of it besides, for example its unit.
    """

    column: str
    source: str | None
    sure: Sure
    why: str
    otherwise: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def shown(self) -> str:
        """Where it comes from, for people."""
        return " or ".join(filter(None, (self.source, self.otherwise))) or "nothing"


@dataclass(frozen=True)
class Suggestion:
    """A proposed mapping.

    Attributes:
        entities: that it feeds.
        tracker: whose export it is, where it was recognised.
        mapping: a shipped mapping file; None where one was made.
        text: the mapping as YAML.
        findings: for each contract column what was told and why.
        unused: columns and paths that it does not use.
    """

    entities: list[str]
    tracker: str | None
    mapping: Path | None
    text: str
    findings: list[Finding]
    unused: list[str]

    @property
    def is_complete(self) -> bool:
        """Whether no line is left to fill in."""
        return FILL_IN not in self.text


def suggest_mapping(
    path: str, file_format: str | None = None, entity: str | None = None
) -> Suggestion:
    """Propose a mapping for a file, or for a folder from up to five of its files.

    Args:
        path: a file, a folder or a glob.
        file_format: parquet, csv or json; by default what the file's name tells.
        entity: ``product.interactions`` or ``app.interactions``; by default the one that fits.

    Raises:
        UsageError: there is no file, it cannot be read, or the entity is another.
    """
    _require_known(entity)
    given = cast("FileFormat | None", file_format)
    files = expand_paths([path], given)
    first, *others = spread(files)
    try:
        options = _csv_options(first, files, format_of(first, given))
        shape = inspect(first, format_of(first, given), options)
    except FileRejectedError as error:
        raise UsageError(str(error), "Name another file, or its --format.") from error
    most = SAMPLE_ROWS // (1 + len(others))
    rows = list(islice(sample_rows(first, shape, options), most))
    for other in others:
        rows += islice(_rows_of_same_shape(other, shape, options), most)
    return _suggested(shape, rows, options, entity)


def spread(files: Sequence[DataPath]) -> list[DataPath]:
    """Return up to five of the files, evenly from the first to the last."""
    most = min(SAMPLE_FILES, len(files))
    if most == 1:
        return [files[0]]
    return [files[number * (len(files) - 1) // (most - 1)] for number in range(most)]


def _rows_of_same_shape(
    file: DataPath, like: FileShape, options: CsvOptions
) -> Iterator[dict[str, Any]]:
    """Yield the first rows of a file with the columns of another; none of a file with others."""
    try:
        shape = inspect(file, like.file_format, options)
    except FileRejectedError:
        return
    names, expected = ([column.name for column in one.columns] for one in (shape, like))
    if names == expected or not like.complete:
        yield from sample_rows(file, shape, options)


def suggest_mapping_of_table(
    spark: SparkSession, table: str, entity: str | None = None
) -> Suggestion:
    """Propose a mapping for a table that is to be adopted, from some of its rows.

    Args:
        spark: the session.
        table: as ``catalog.schema.table``.
        entity: see :func:`suggest_mapping`.

    Raises:
        UsageError: the table's name is none, or the entity is another.
        FootfallError: there is no such table.
    """
    _require_known(entity)
    text = table_text(table, None)
    shape = table_shape(spark, text)
    rows = [row.asDict(recursive=True) for row in spark.table(text).limit(SAMPLE_ROWS).collect()]
    return _suggested(shape, rows, CsvOptions(), entity)


def _require_known(entity: str | None) -> None:
    if entity is not None and entity not in KINDS:
        raise UsageError(
            f"No mapping can be suggested for {entity}.", f"Choose one of: {', '.join(KINDS)}."
        )


def _suggested(
    shape: FileShape, rows: Sequence[dict[str, Any]], options: CsvOptions, entity: str | None
) -> Suggestion:
    if tracker := recognise(shape, rows):
        return _shipped(tracker)
    return _guessed(shape, rows, options, entity)


def sample_rows(file: DataPath, shape: FileShape, options: CsvOptions) -> Iterator[dict[str, Any]]:
    """Yield the first rows of a file as JSON objects."""
    if shape.file_format == "json":
        yield from shape.sample
    elif not shape.is_text:
        for batch in stored_batches(file, shape.file_format, SAMPLE_ROWS):
            yield from batch.to_pylist()
    else:
        names = [column.name for column in shape.columns if not column.of_folder]
        with open_text(file) as content:
            encoding = "utf-8-sig" if options.encoding == "UTF-8" else options.encoding
            text = io.TextIOWrapper(content, encoding=encoding, errors="replace", newline="")
            lines = csv_rows(text, shape.delimiter, options)
            if options.columns is None:
                next(lines, None)
            for line in lines:
                yield {name: value or None for name, value in zip(names, line, strict=False)}


def recognise(shape: FileShape, rows: Sequence[dict[str, Any]]) -> str | None:
    """Return the tracker whose export the rows are of, if it is a known one."""
    known = {column.name for column in shape.columns}

    def has(name: str) -> bool:
        path = source_path(name)
        if not path.is_nested:
            return name in known
        return any(True for row in rows for _value in values_at(row, path))

    for tracker, alternatives in TRACKER_MARKS.items():
        if any(all(has(name) for name in names) for names in alternatives):
            return tracker
    return None


def _csv_options(file: DataPath, files: Sequence[DataPath], file_format: FileFormat) -> CsvOptions:
    """Return how CSV files are written: Snowplow's have no header, others have another delimiter.

    Args:
        file: the one whose first line tells.
        files: all that are read with these options.
    """
    if file_format != "csv":
        return CsvOptions()
    with open_text(file) as content:
        line = content.readline(1 << 20).decode("utf-8-sig", errors="replace").rstrip("\r\n")
    snowplow = read_mapping(shipped_mapping("snowplow")).csv
    if snowplow.columns and line.count("\t") == len(snowplow.columns) - 1:
        return snowplow
    counts = Counter({mark: line.count(mark) for mark in (",", "\t", ";", "|")})
    [(mark, number)] = counts.most_common(1)
    delimiter = mark if mark != "," and number else None
    return CsvOptions(delimiter=delimiter, multiline=any(map(_has_quotes, files)))


def _has_quotes(file: DataPath) -> bool:
    """Return whether a value may hold a line break; if none does, a file is read in parallel."""
    with open_text(file) as content:
        return any(b'"' in chunk for chunk in iter(lambda: content.read(1 << 20), b""))


def _shipped(tracker: str) -> Suggestion:
    file = shipped_mapping(tracker)
    why = f"the columns that only an export of {tracker} has together are there"
    return Suggestion(
        entities=list(read_mapping(file).entities),
        tracker=tracker,
        mapping=file,
        text=file.read_text(encoding="utf-8"),
        findings=[Finding("(all)", tracker, "sure", why)],
        unused=[],
    )


@dataclass(frozen=True)
class _Column:
    """A column or path of the sample, with its values there that are not null."""

    name: str
    values: list[Any]
    rows: int

    @property
    def plain(self) -> str:
        """The last part of its name, in lower case with underscores; of user.id user_id."""
        parts = [part.strip('"$') for part in re.split(r"[.\[\]]+", self.name.strip('"'))]
        last = "_".join(parts[-2:]) if parts[-1].lower() == "id" else parts[-1]
        split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", last)
        return re.sub(r"\W+", "_", split).strip("_").lower()

    @property
    def texts(self) -> list[str]:
        return [as_text(_plain(value)) or "" for value in self.values]

    @property
    def distinct(self) -> int:
        return len(set(self.texts))


def _plain(value: Any) -> Any:
    """Return a stored value as JSON would hold it."""
    return str(value) if isinstance(value, (datetime, date, bytes)) else value


def _columns(shape: FileShape, rows: Sequence[dict[str, Any]]) -> list[_Column]:
    found = []
    for name in known_paths(shape, rows if shape.file_format == "json" else ()):
        if "[]" in name:
            continue
        path = source_path(name)
        values = [value for row in rows for value in values_at(row, path) if value is not None]
        if not any(isinstance(value, (list, dict)) for value in values):
            found.append(_Column(name, values, len(rows)))
    return found


def _named(column: _Column, role: str) -> float:
    """Return how much a column's name says that it has a role, 0 to 1."""
    names = ROLES[role].split()
    if column.plain in names:
        return 1.0 - 0.3 * names.index(column.plain) / len(names)
    parts = set(column.plain.split("_"))
    tokens = {token for name in names[:8] for token in name.split("_")} - {"id", "type", "at"}
    return 0.3 if parts & tokens else 0.0


@dataclass(frozen=True)
class _Time:
    """How texts are read as times: the unit of numbers, or ISO."""

    unit: Literal["s", "ms", "us"] | None
    shown: str


def time_of(values: Sequence[Any]) -> _Time | None:
    """Return how values say a time; None where most of them do not."""
    if not values:
        return None
    if all(isinstance(value, datetime) for value in values):
        return _Time(None, "they are stored as times")
    texts = [as_text(_plain(value)) or "" for value in values]
    numbers = [float(text) for text in texts if re.fullmatch(r"\d{9,17}(\.\d+)?", text)]
    if len(numbers) >= 0.95 * len(texts):
        middle = sorted(numbers)[len(numbers) // 2]
        units: tuple[tuple[Literal["s", "ms", "us"], float], ...] = (
            ("s", 1.0),
            ("ms", 1e3),
            ("us", 1e6),
        )
        for unit, per_second in units:
            if 946_684_800 <= middle / per_second < 4_102_444_800:
                year = datetime.fromtimestamp(middle / per_second).year
                return _Time(unit, f"as {unit} since 1970 they lie about {year}")
        return None
    pattern = (
        r"\d{4}-\d{1,2}-\d{1,2}([T ]\d{1,2}:\d{2}(:\d{2}([.]\d+)?)?\s*(Z|UTC|[+-]\d{2}:?\d{2})?)?"
    )
    if sum(bool(re.fullmatch(pattern, text.strip())) for text in texts) >= 0.95 * len(texts):
        return _Time(None, "they are ISO times")
    return None


def _guessed(
    shape: FileShape, rows: Sequence[dict[str, Any]], options: CsvOptions, entity: str | None
) -> Suggestion:
    columns = _columns(shape, rows)
    when = _best(columns, lambda column: _named(column, "when") * bool(time_of(column.values)))
    others = [column for column in columns if column is not when]
    who = _best(others, lambda column: _named(column, "who") * _id_like(column))
    others = [column for column in others if column is not who]
    device = _best(others, lambda column: (_named(column, "device") >= 0.7) * _id_like(column))
    if who is None:
        who, device = device, None
    others = [column for column in others if column not in (who, device)]
    product = _best(others, lambda column: _named(column, "product") * _id_like(column))
    page = _best(others, lambda column: _named(column, "page"))
    if entity is None:
        entity = "app.interactions" if page and not product else "product.interactions"
    what = product if entity == "product.interactions" else page
    others = [column for column in others if column is not what]
    kind = _best(others, lambda column: _named(column, "kind") * (0 < column.distinct <= 200))
    contract = get_contract(entity)
    findings = [
        _when(contract.event_time, when),
        *_who(who, device),
        *_kind(entity, kind),
        *_what(entity, what),
    ]
    findings += _by_own_name(contract, columns, {finding.column for finding in findings})
    used = {name for told in findings for name in (told.source, told.otherwise)}
    return Suggestion(
        entities=[entity],
        tracker=None,
        mapping=None,
        text=_text(entity, findings, options),
        findings=findings,
        unused=[column.name for column in columns if column.name not in used],
    )


def _best(columns: Iterable[_Column], score: Any) -> _Column | None:
    ranked = sorted(columns, key=score, reverse=True)
    return ranked[0] if ranked and score(ranked[0]) > 0 else None


def _id_like(column: _Column) -> float:
    """Return how well values serve as ids: plain, and of more than one kind."""
    if not column.values or any(isinstance(value, float) for value in column.values):
        return 0.2
    return 1.0 if column.distinct > 1 else 0.5


def _filled(column: _Column) -> str:
    share = len(column.values) / max(column.rows, 1)
    return f"{share:.0%} of the rows have it, {column.distinct:,} different values"


def _sure(column: _Column, role: str) -> Sure:
    named = _named(column, role)
    if named >= 0.85 and len(column.values) >= 0.9 * column.rows:
        return "sure"
    return "likely" if named >= 0.6 else "guess"


def _when(name: str, column: _Column | None) -> Finding:
    time = time_of(column.values) if column else None
    if column is None or time is None:
        return Finding(name, None, "unknown", "no column has a name and values of a time")
    extra = {"unit": time.unit} if time.unit else {}
    why = f"{time.shown}; {_filled(column)}"
    if not time.unit and not any(_has_zone(text) for text in column.texts[:100]):
        why += "; without an offset they are read as UTC, `zone` says otherwise"
    return Finding(name, column.name, _sure(column, "when"), why, extra=extra)


def _has_zone(text: str) -> bool:
    return bool(re.search(r"(Z|UTC|[+-]\d{2}:?\d{2})$", text.strip()))


def _who(column: _Column | None, device: _Column | None) -> Iterator[Finding]:
    if column is None:
        yield Finding("user_id", None, "unknown", "no column has the name of a user's id")
        return
    otherwise = device.name if device else None
    sure = "likely" if device else _sure(column, "who")
    yield Finding("user_id", column.name, sure, _filled(column), otherwise)
    if device is not None:
        why = f"{_filled(device)}; the var identify_by says whom they count for"
        yield Finding("anonymous_id", device.name, _sure(device, "device"), why)


def _what(entity: str, column: _Column | None) -> Iterator[Finding]:
    if entity == "app.interactions":
        if column is not None:
            yield Finding("page_id", column.name, _sure(column, "page"), _filled(column))
    elif column is None:
        yield Finding("product_id", None, "unknown", "no column has the name of a product's id")
    else:
        yield Finding("product_id", column.name, _sure(column, "product"), _filled(column))


def _kind(entity: str, column: _Column | None) -> Iterator[Finding]:
    name, usual = (
        ("interaction_type", "view")
        if entity == "product.interactions"
        else ("action_type", "page_view")
    )
    if column is None:
        why = f"no column tells the kind: every row counts as {usual}"
        yield Finding(name, None, "guess", why, extra={"constant": usual})
        return
    meanings = {
        text: meaning
        for text in dict.fromkeys(column.texts)
        if (meaning := _meaning(entity, text)) is not None
    }
    unknown = [text for text in dict.fromkeys(column.texts) if text not in meanings]
    if not meanings:
        why = f"no value of {column.name!r} is known, such as {', '.join(unknown[:5])}"
        yield Finding(name, column.name, "unknown", why, extra={"values": {FILL_IN: usual}})
        return
    share = sum(text in meanings for text in column.texts) / max(len(column.texts), 1)
    why = f"{share:.0%} of the values are known"
    if unknown:
        why += f"; rows with others go to quarantine: {', '.join(unknown[:8])}"
    sure = _sure(column, "kind") if share >= 0.95 else "guess"
    yield Finding(name, column.name, sure, why, extra={"values": meanings})


def _meaning(entity: str, text: str) -> str | None:
    plain = re.sub(r"\W+", "_", text.strip()).strip("_").lower()
    for meaning, texts in KINDS[entity].items():
        if plain == meaning or plain in texts.split():
            return meaning
    return None


def _by_own_name(
    contract: Contract, columns: Sequence[_Column], told: set[str]
) -> Iterator[Finding]:
    """Yield the contract's other columns that the file has under their own names."""
    for column in contract.columns:
        if column.name in told or column.required:
            continue
        same = next((other for other in columns if other.plain == column.name), None)
        if same is not None:
            yield Finding(column.name, same.name, "likely", f"the same name; {_filled(same)}")


def _text(entity: str, findings: list[Finding], options: CsvOptions) -> str:
    lines = ["description: Suggested from a sample; check it before it is used."]
    if written := options.model_dump(exclude_defaults=True):
        lines.append(f"csv: {json.dumps(written)}")
    lines += ["entities:", f"  {entity}:", "    columns:"]
    for finding in findings:
        value: Any = finding.extra.get("constant") and {"constant": finding.extra["constant"]}
        if value is None:
            source: Any = finding.source or FILL_IN
            if finding.otherwise:
                source = [source, finding.otherwise]
            value = {"from": source, **finding.extra} if finding.extra else source
        plain = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=math.inf)
        plain = plain.strip().removesuffix("...").strip()
        lines.append(f"      # {finding.sure}: {finding.why}")
        lines.append(f"      {finding.column}: {plain}")
    return "\n".join(lines) + "\n"
