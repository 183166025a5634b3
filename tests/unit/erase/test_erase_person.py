"""Whom an erasure is about: ids, what counts as naming one, and the key of the hashes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from footfall.erase.person import Identifier, identifiers_of
from footfall.erase.register import KEY_FILE, find_key, key_id, make_key
from footfall.errors import UsageError
from footfall.project.contracts import load_contracts
from footfall.settings import Settings


def test_each_source_entity_says_whom_it_identifies() -> None:
    spaces = {"product": "user", "app": "user", "shop": "customer", "crm": "customer"}
    for contract in load_contracts().values():
        named = {column.identifies for column in contract.columns if column.identifies}
        assert named == {spaces[contract.source]}, contract.name


@pytest.mark.parametrize(("user", "customer"), [(None, None), ("", None), ("U1", "  ")])
def test_an_erasure_without_an_id_is_a_wrong_call(user: str | None, customer: str | None) -> None:
    with pytest.raises(UsageError, match=r"--(user|customer)"):
        identifiers_of(user, customer)


def test_the_same_text_in_two_spaces_are_two_ids() -> None:
    user, customer = identifiers_of("7", "7")
    assert user != customer
    assert (user.space, customer.space) == ("user", "customer")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("42", 42),
        ("0", 0),
        ("-7", -7),
        ("9223372036854775807", 2**63 - 1),
        ("9223372036854775808", None),
        ("042", None),
        ("+42", None),
        ("42.0", None),
        ("٤٢", None),
        ("4 or 1=1", None),
    ],
)
def test_only_a_number_as_it_is_written_is_a_number(text: str, number: int | None) -> None:
    assert Identifier("customer", text).number == number


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        ("customer_id_unreadable: '42'", True),
        ("customer_id_unreadable: 'U 42'", True),
        ("row_unreadable: 'a,42,b'", True),
        ('row_unreadable: \'{"id":42,"x\'', True),
        ("row_unreadable: 'a\n42|b'", True),
        ("customer_id_unreadable: '421'", False),
        ("customer_id_unreadable: 'U42'", False),
        ("customer_id_unreadable: '42.5'", False),
        ("row_unreadable: '2025-42-01 12:42:00'", False),
        ("42_unreadable: 'x'", False),
    ],
)
def test_an_id_is_found_in_raw_text_as_a_word_of_its_own(entry: str, found: bool) -> None:
    pattern = Identifier("customer", "42").pattern
    # Java's names for what Python writes otherwise; Spark runs the pattern in the other tests.
    for java, python in ((r"\p{L}\p{N}_", r"\w"), (r"\x{34}\x{32}", "42")):
        assert java in pattern
        pattern = pattern.replace(java, python)
    assert bool(re.search(pattern, entry)) is found


@pytest.mark.parametrize(
    ("reason", "named"),
    [("request of u.1*", True), ("u.1*", True), ("request 2025-118", False), ("u.1*x", False)],
)
def test_a_reason_that_names_the_id_is_noticed(reason: str, named: bool) -> None:
    assert Identifier("user", "u.1*").is_named_in(reason) is named


def test_the_key_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, erasure_key=None)
    assert find_key(settings) is None
    key = make_key(settings)
    assert make_key(settings) == find_key(settings) == key
    assert (tmp_path / KEY_FILE).stat().st_mode & 0o777 == 0o600
    assert [file.name for file in tmp_path.iterdir()] == [KEY_FILE]
    assert key_id(key).encode() not in key


def test_a_key_from_the_environment_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOOTFALL_ERASURE_KEY", "a key of sixteen or more")
    settings = Settings(home=tmp_path)
    assert make_key(settings) == b"a key of sixteen or more"
    assert list(tmp_path.iterdir()) == []
    assert "sixteen" not in repr(settings)
