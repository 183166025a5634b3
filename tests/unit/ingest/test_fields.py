"""Paths into nested values: what they say, and where they lead."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from footfall.ingest.fields import (
    Chosen,
    Element,
    Every,
    Field,
    conflict,
    parse_path,
    type_at,
    values_at,
)

ROW: dict[str, Any] = {
    "user": {"id": 7, "name.full": "Ada"},
    "a.b": "flat",
    "items": [{"id": "x"}, {"id": "y"}, {}],
    "params": [{"key": "page", "value": {"text": "/home"}}, {"key": "n", "value": {"int": 3}}],
    "text": '{"data": [{"id": "in text"}]}',
    "nothing": None,
}


@pytest.mark.parametrize(
    ("text", "root", "steps"),
    [
        ("user", "user", ()),
        ("user.id", "user", (Field("id"),)),
        ("items[1].id", "items", (Element(1), Field("id"))),
        ("items[].id", "items", (Every(), Field("id"))),
        ("params[key=page].value", "params", (Chosen("key", "page"), Field("value"))),
        ('"a.b"', "a.b", ()),
        ('user."name.full"', "user", (Field("name.full"),)),
        (r'user."say \"hi\""', "user", (Field('say "hi"'),)),
        ("$current_url", "$current_url", ()),
        ("p.[x]", None, None),
        ("p..q", None, None),
        ("p[a]", None, None),
        ("p[].q[].r", None, None),
        ("", None, None),
    ],
)
def test_a_path_says_where_it_begins_and_how_it_goes_on(
    text: str, root: str | None, steps: tuple[object, ...] | None
) -> None:
    if root is None:
        with pytest.raises(ValueError, match=r"path|\[\]"):
            parse_path(text)
        return
    path = parse_path(text)
    assert (path.root, path.steps) == (root, steps)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("user.id", [7]),
        ('user."name.full"', ["Ada"]),
        ("a.b", ["flat"]),
        ("items[].id", ["x", "y"]),
        ("items[1].id", ["y"]),
        ("items[9].id", []),
        ("params[key=page].value.text", ["/home"]),
        ("params[key=n].value.int", [3]),
        ("params[key=none].value.int", []),
        ("text.data[0].id", ["in text"]),
        ("nothing", [None]),
        ("nothing.at.all", []),
        ("user.id.more", []),
        ("absent", []),
    ],
)
def test_a_path_leads_to_values(text: str, values: list[object]) -> None:
    assert list(values_at(ROW, parse_path(text))) == values


def test_the_type_of_a_stored_value_is_that_of_its_field() -> None:
    params = pa.list_(
        pa.struct([("key", pa.string()), ("value", pa.struct([("int", pa.int64())]))])
    )
    kind = pa.struct([("id", pa.int32()), ("tags", pa.map_(pa.string(), pa.float64()))])

    def at(kind: Any, text: str) -> Any:
        return type_at(kind, parse_path(text).steps)

    assert at(kind, "c.id") == pa.int32()
    assert at(kind, "c.tags.any") == pa.float64()
    assert at(kind, "c.none") is None
    assert at(kind, "c[0]") is None
    assert at(params, "c[key=x].value.int") == pa.int64()
    assert at(params, "c[none=x].value.int") is None
    assert at(params, "c[].value") == pa.struct([("int", pa.int64())])
    assert at(pa.string(), "c.any.thing[3]") == pa.string()
    assert at(pa.int64(), "c.any") is None


def test_a_value_is_not_read_as_an_object_too() -> None:
    paths = [parse_path(text) for text in ("a.b", "a.b.c", "d")]
    assert conflict(paths) == "'a.b' is read as a value, and 'a.b.c' as a part of it"
    assert conflict(paths[1:]) is None
