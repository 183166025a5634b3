"""Paths into nested values: ``properties.product_id``, ``items[0].id``, ``params[key=page].value``.

A path begins with the name of a column. Behind it, ``.name`` takes a field of an object, ``[2]`` an
element of a list by its position from 0, ``[key=page]`` the first element whose field ``key`` is
``page``, and ``[]`` each element of the list that the mapping's ``each`` names. A name with a dot,
a bracket or a quote in it stands in double quotes: ``properties."$lib.version"``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import pyarrow as pa

from footfall.ingest.types import is_list, is_text, spark_read_type, value_type

if TYPE_CHECKING:
    from pyspark.sql import Column
    from pyspark.sql.types import ArrayType, DataType, StructType

_NAME = re.compile(r'"((?:[^"\\]|\\.)+)"|([^.\[\]"]+)')
_BRACKET = re.compile(r"\[(?:(\d*)|([^=\]]+)=([^\]]*))\]")


@dataclass(frozen=True)
class Field:
    """A field of an object, by its name."""

    name: str


@dataclass(frozen=True)
class Element:
    """An element of a list, by its position from 0."""

    position: int


@dataclass(frozen=True)
class Chosen:
    """The first element of a list of objects one field of which has a certain value, as text."""

    name: str
    value: str


@dataclass(frozen=True)
class Every:
    """Each element of a list, a row for each."""


Step = Field | Element | Chosen | Every


@dataclass(frozen=True)
class FieldPath:
    """A path into nested values.

    Attributes:
        text: as its author wrote it.
        root: the column that it begins with.
        steps: from the column's value down.
    """

    text: str
    root: str
    steps: tuple[Step, ...]

    @property
    def is_nested(self) -> bool:
        return bool(self.steps)

    @property
    def list_path(self) -> str | None:
        """The text up to the ``[]``, where there is one."""
        return self.text.split("[]", 1)[0] if Every() in self.steps else None


def parse_path(text: str) -> FieldPath:
    """Return what a path says.

    Raises:
        ValueError: it is none; the text says where it ends to be one.
    """
    steps: list[Step] = []
    position = 0
    while True:
        name = _NAME.match(text, position)
        if name is None:
            raise ValueError(
                f"{text!r} is no path: a name is expected at character {position + 1}; "
                "put a name with dots or brackets in double quotes"
            )
        plain = re.sub(r"\\(.)", r"\1", name[1]) if name[1] is not None else name[2]
        steps.append(Field(plain))
        position = name.end()
        while bracket := _BRACKET.match(text, position):
            number, key, value = bracket.groups()
            if key is not None:
                steps.append(Chosen(key.strip(), value.strip()))
            else:
                steps.append(Element(int(number)) if number else Every())
            position = bracket.end()
        if position == len(text):
            break
        if text[position] != ".":
            raise ValueError(
                f"{text!r} is no path: a dot or a bracket is expected at character {position + 1}"
            )
        position += 1
    if steps.count(Every()) > 1:
        raise ValueError(
            f"{text!r} has more than one []: a row is made of the elements of one list"
        )
    root, *rest = steps
    assert isinstance(root, Field)
    return FieldPath(text, root.name, tuple(rest))


def values_at(row: dict[str, Any], path: FieldPath) -> Iterator[Any]:
    """Yield the values that a path leads to in a JSON object; none where it leads nowhere.

    A text that the path goes on from is read as JSON, as ingestion does.
    """
    if path.text in row:
        yield row[path.text]
    elif path.root in row:
        yield from _below(row[path.root], path.steps)


def _below(value: Any, steps: Sequence[Step]) -> Iterator[Any]:
    if not steps:
        yield value
        return
    step, rest = steps[0], steps[1:]
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return
    found: Iterable[Any] = ()
    if isinstance(step, Field):
        found = [value[step.name]] if isinstance(value, dict) and step.name in value else []
    elif isinstance(value, list):
        if isinstance(step, Every):
            found = value
        elif isinstance(step, Element):
            found = value[step.position : step.position + 1]
        else:
            found = [item for item in value if _has(item, step)][:1]
    for item in found:
        yield from _below(item, rest)


def _has(item: Any, step: Chosen) -> bool:
    if not isinstance(item, dict) or step.name not in item:
        return False
    return as_text(item[step.name]) == step.value


def as_text(value: Any) -> str | None:
    """Return a JSON value as Spark's JSON reader gives it for a text."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def type_at(kind: Any, steps: Sequence[Step]) -> Any:
    """Return the type of the values that steps lead to from a stored column, None if nowhere.

    Below a text lies JSON, whose values are read as text.
    """
    kind = value_type(kind)
    if not steps:
        return kind
    if is_text(kind):
        return pa.string()
    step, rest = steps[0], steps[1:]
    if isinstance(step, Field):
        if pa.types.is_map(kind):
            return type_at(kind.item_type, rest)
        if pa.types.is_struct(kind) and kind.get_field_index(step.name) >= 0:
            return type_at(kind.field(step.name).type, rest)
        return None
    if not is_list(kind):
        return None
    item = value_type(kind.value_type)
    if isinstance(step, Chosen) and type_at(item, [Field(step.name)]) is None:
        return None
    return type_at(item, rest)


def text_within(kind: Any, steps: Sequence[Step]) -> bool:
    """Return whether steps go on below a text that lies within a stored column."""
    return any(
        is_text(found)
        for found in (type_at(kind, steps[:depth]) for depth in range(1, len(steps)))
        if found is not None
    ) and not is_text(kind)


@dataclass
class _Used:
    """What paths use of a value: some of its fields, its elements, or itself."""

    fields: dict[str, _Used] = field(default_factory=dict)
    elements: _Used | None = None

    def add(self, steps: Sequence[Step]) -> None:
        if not steps:
            return
        step, rest = steps[0], steps[1:]
        if isinstance(step, Field):
            self.fields.setdefault(step.name, _Used()).add(rest)
            return
        self.elements = self.elements or _Used()
        if isinstance(step, Chosen):
            self.elements.add([Field(step.name)])
        self.elements.add(rest)


def conflict(paths: Iterable[FieldPath]) -> str | None:
    """Return a path that is read as a value while another reads a part of that value."""
    found = list(paths)
    for path in found:
        for other in found:
            is_part = path.root == other.root and len(other.steps) > len(path.steps)
            if path.steps and is_part and other.steps[: len(path.steps)] == path.steps:
                return f"{path.text!r} is read as a value, and {other.text!r} as a part of it"
    return None


def json_type(ways: Iterable[Sequence[Step]]) -> ArrayType | StructType:
    """Return the Spark type to parse a column's JSON with: what steps lead to, its leaves texts.

    Args:
        ways: of at least a step each.
    """
    return cast("ArrayType | StructType", _json_type(_used(ways)))


def _used(ways: Iterable[Sequence[Step]]) -> _Used:
    used = _Used()
    for steps in ways:
        used.add(steps)
    return used


def _json_type(used: _Used) -> DataType:
    from pyspark.sql.types import ArrayType, StringType, StructField, StructType

    if used.elements is not None:
        return ArrayType(_json_type(used.elements))
    if used.fields:
        return StructType(
            [StructField(name, _json_type(below)) for name, below in used.fields.items()]
        )
    return StringType()


def stored_type(kind: Any, ways: Iterable[Sequence[Step]], as_instants: bool) -> DataType:
    """Return the Spark type to read a stored column with: of its fields those that ways lead to.

    Args:
        kind: the column's type.
        ways: from its value down.
        as_instants: see :func:`footfall.ingest.types.spark_read_type`.
    """
    return spark_read_type(_pruned(kind, _used(ways)), as_instants)


def _pruned(kind: Any, used: _Used) -> Any:
    kind = value_type(kind)
    if is_list(kind) and used.elements is not None:
        return pa.list_(_pruned(kind.value_type, used.elements))
    if pa.types.is_struct(kind) and used.fields:
        return pa.struct(
            [
                pa.field(name, _pruned(kind.field(name).type, below))
                for name, below in used.fields.items()
                if kind.get_field_index(name) >= 0
            ]
        )
    return kind


def value_of(column: Column, steps: Sequence[Step]) -> Column:
    """Return the value that steps lead to from a parsed or stored column, or from an element.

    Args:
        steps: without a ``[]``: the caller goes on from the element that a row is made of.
    """
    from pyspark.sql import functions as F

    for step in steps:
        if isinstance(step, Field):
            column = column.getItem(step.name)
        elif isinstance(step, Element):
            column = F.get(column, F.lit(step.position))
        else:
            assert isinstance(step, Chosen)
            column = F.get(elements_with(column, {step.name: [step.value]}), F.lit(0))
    return column


def elements_with(column: Column, wanted: dict[str, list[str]]) -> Column:
    """Return the elements of a list of objects whose fields have one of the wanted values."""
    from pyspark.sql import functions as F

    def fits(item: Column) -> Column:
        fitting = F.lit(True)
        for name, values in wanted.items():
            one_of = item.getItem(name).cast("string").isin(values)
            fitting = fitting & F.coalesce(one_of, F.lit(False))
        return fitting

    return F.filter(column, fits)
