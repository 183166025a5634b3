"""Mapping files: how somebody's own columns become the columns of a contract, without code.

A mapping is a YAML file::

    description: What this delivery is.
    where: {behavior_type: [pv]}             # other rows are counted, not loaded
    columns:
      user_id: [client_id, clientId]         # the first of them that the file has
      event_time: {from: ts, unit: ms}       # s, ms, us or iso
      dt: {from: ts, unit: ms, zone: Asia/Shanghai}
      interaction_type: {from: kind, values: {pv: view, buy: purchase}}
      app_version: {constant: web}

A contract column that ``columns`` does not mention is taken by its own name where the file has it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import pyarrow as pa
import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from footfall.errors import UsageError
from footfall.ingest.types import contract_type, is_list
from footfall.project.contracts import Contract

FileFormat = Literal["parquet", "csv", "json"]


def _text(value: Any) -> Any:
    """Accept the numbers and dates that YAML makes of unquoted text, but not its booleans."""
    if isinstance(value, bool):
        raise ValueError("YAML read this as true or false; write it in quotes to make it a text")
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    return str(value) if isinstance(value, (int, float, Decimal)) else value


def _list(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


Text = Annotated[str, BeforeValidator(_text)]
TextList = Annotated[list[Text], BeforeValidator(_list), Field(min_length=1)]
Separator = Annotated[str, Field(min_length=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True, frozen=True)


class ItemsMapping(_Strict):
    """How a list of shown items becomes ``array<struct<item_id, is_order>>``.

    Either two lists (``shown``, and ``clicked`` with those of them that were chosen), or one list
    of labelled ids (``labelled``: ``N55689-1``, with 1 for chosen and 0 for not).
    In a text file a list is a JSON array, or ids with ``delimiter`` between them.
    """

    shown: str | None = None
    clicked: str | None = None
    labelled: str | None = None
    separator: Separator = "-"
    delimiter: Separator = " "
    strip_prefix: str = ""

    @model_validator(mode="after")
    def _one_form(self) -> ItemsMapping:
        if (self.labelled is None) == (self.shown is None and self.clicked is None):
            raise ValueError("give either `shown` and `clicked`, or `labelled`")
        if self.labelled is None and (self.shown is None or self.clicked is None):
            raise ValueError("`shown` and `clicked` belong together")
        return self

    @property
    def sources(self) -> list[str]:
        return [name for name in (self.shown, self.clicked, self.labelled) if name is not None]


class ColumnMapping(_Strict):
    """Where one contract column comes from.

    Attributes:
        from_: names of the source column (``from`` in the file); the first present one wins.
        unit: what a number or text means as a time: s, ms or us since 1970, or iso text.
        zone: whose wall clock a time without an offset shows, and whose day a date is.
        values: source value → contract value; a value not listed is an error of its row.
        constant: the same value for all rows.
        strip_prefix: text to take off an id, exactly: ``U13740`` with ``U`` gives 13740. An id
            without it, or with leading zeros behind it, is an error of its row, so that two ids
            never become one.
        items: see :class:`ItemsMapping`.
    """

    from_: TextList | None = Field(default=None, alias="from")
    unit: Literal["s", "ms", "us", "iso"] | None = None
    zone: str = "UTC"
    values: dict[Text, Text] | None = None
    constant: Text | None = None
    strip_prefix: str = ""
    items: ItemsMapping | None = None

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (KeyError, ValueError, OSError):
            raise ValueError(
                f"{zone!r} is not an IANA time zone (such as Asia/Shanghai or UTC)"
            ) from None
        return zone

    @model_validator(mode="after")
    def _one_origin(self) -> ColumnMapping:
        if self.constant is not None and (self.from_ or self.values or self.unit or self.items):
            raise ValueError("`constant` excludes `from`, `values`, `unit` and `items`")
        if self.items and (self.from_ or self.values or self.unit or self.strip_prefix):
            raise ValueError(
                "`items` names its own columns; it excludes `from`, `values`, `unit` and "
                "`strip_prefix`"
            )
        return self


class CsvOptions(_Strict):
    """How a CSV file is written.

    Attributes:
        columns: the columns' names, for a file without a header line.
        multiline: false where no value holds a line break; large files are then read in parallel.
    """

    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    quote: Annotated[str, Field(min_length=1, max_length=1)] = '"'
    encoding: Literal["UTF-8", "ISO-8859-1", "UTF-16"] = "UTF-8"
    columns: list[str] | None = None
    multiline: bool = True


def _column(value: Any) -> Any:
    return {"from": value} if isinstance(value, (str, list)) else value


class Mapping(_Strict):
    """A mapping file; empty, it takes every contract column by its own name."""

    description: str = ""
    format: FileFormat | None = None
    csv: CsvOptions = CsvOptions()
    where: dict[str, TextList] = {}
    columns: dict[str, Annotated[ColumnMapping, BeforeValidator(_column)]] = {}

    def sources_of(self, column: str) -> list[str]:
        """Return the source columns that a contract column may come from."""
        mapped = self.columns.get(column)
        if mapped is None:
            return [column]
        if mapped.constant is not None:
            return []
        return mapped.items.sources if mapped.items else mapped.from_ or [column]

    def canonical(self) -> str:
        """Return the mapping as JSON, the same for equal mappings."""
        return self.model_dump_json(by_alias=True, exclude_defaults=True)


def load_mapping(file: Path, contract: Contract) -> Mapping:
    """Read a mapping file and check it against the contract it is meant for.

    Raises:
        UsageError: the file cannot be read, or says something that a mapping cannot mean; the
            message names the file and the key.
    """
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(
            f"The mapping {file} cannot be read: {error.strerror}.",
            "Pass the path of a YAML file; footfall's own are in mappings/.",
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        problem = getattr(error, "problem", None) or error
        raise UsageError(
            f"The mapping {file} is not valid YAML: {problem}{place}.", "Fix the file."
        ) from error
    if not isinstance(content, dict):
        raise UsageError(
            f"The mapping {file} is not a map with the key `columns`.",
            "Write `columns:` and below it one line for each contract column.",
        )
    try:
        mapping = Mapping.model_validate(content)
    except ValidationError as error:
        problems = [
            f"{_key(problem['loc'])}: {problem['msg'].removeprefix('Value error, ')}"
            for problem in error.errors()
        ]
    else:
        problems = list(contract_problems(mapping, contract))
        if not problems:
            return mapping
    raise UsageError(
        f"The mapping {file} does not fit {contract.name}:"
        + "".join(f"\n  - {problem}" for problem in problems),
        "Fix the keys named above.",
    )


def _key(location: tuple[int | str, ...]) -> str:
    # Pydantic appends the name of a validator to the path; it says nothing to the file's author.
    return ".".join(str(part) for part in location if "[" not in str(part)) or "(top)"


def contract_problems(mapping: Mapping, contract: Contract) -> Iterator[str]:
    """Yield what a mapping says that its contract does not allow, with the key."""
    contract_columns = {column.name: column for column in contract.columns}
    for name, mapped in mapping.columns.items():
        key = f"columns.{name}"
        if name not in contract_columns:
            close = difflib.get_close_matches(name, contract_columns, n=1)
            known = ", ".join(contract_columns)
            hint = f"did you mean {close[0]!r}?" if close else f"it has {known}"
            yield f"{key}: {contract.name} has no such column; {hint}"
            continue
        column = contract_columns[name]
        kind = contract_type(column.data_type)
        if mapped.unit and not (pa.types.is_timestamp(kind) or pa.types.is_date(kind)):
            yield f"{key}.unit: only for a timestamp or a date; {name} is {column.data_type}"
        if mapped.strip_prefix and not pa.types.is_integer(kind):
            yield f"{key}.strip_prefix: only for an integer id; {name} is {column.data_type}"
        if mapped.items and not _holds_items(kind):
            yield (
                f"{key}.items: only for array<struct<item_id:…,is_order:boolean>>; "
                f"{name} is {column.data_type}"
            )
        if mapped.constant is not None and not _reads_as(mapped.constant, kind):
            yield f"{key}.constant: {mapped.constant!r} is not a valid {column.data_type}"
        accepted = column.accepted_values
        results = list((mapped.values or {}).values())
        for value in results + ([mapped.constant] if mapped.constant is not None else []):
            if accepted is not None and value not in accepted:
                yield f"{key}: {value!r} is not one of the accepted values {', '.join(accepted)}"
        for value in results:
            if not _reads_as(value, kind):
                yield f"{key}.values: {value!r} is not a valid {column.data_type}"


def _holds_items(kind: Any) -> bool:
    if not (is_list(kind) and pa.types.is_struct(kind.value_type)):
        return False
    return [field.name for field in kind.value_type] == ["item_id", "is_order"]


def _reads_as(text: str, kind: Any) -> bool:
    try:
        if pa.types.is_integer(kind):
            return bool(-(2 ** (kind.bit_width - 1)) <= int(text) < 2 ** (kind.bit_width - 1))
        if pa.types.is_decimal(kind) or pa.types.is_floating(kind):
            return Decimal(text).is_finite()
        if pa.types.is_date(kind):
            date.fromisoformat(text)
        elif pa.types.is_timestamp(kind):
            datetime.fromisoformat(text.replace("Z", "+00:00"))
        elif pa.types.is_boolean(kind):
            return text.lower() in ("true", "false")
    except (ValueError, InvalidOperation):
        return False
    return not pa.types.is_nested(kind)
