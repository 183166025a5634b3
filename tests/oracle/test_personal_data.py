"""Names and addresses in marts as hashes under a key that only the user has."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from datetime import time

import pytest

from footfall.settings import get_settings
from support.data_sets import DataSet
from support.law import append_load, as_arrow, at, refused
from support.thorough import only_thorough

KEY = "more than sixteen characters, and ä"
HASHED = (
    "--vars", "{sources: [crm], personal_data: hashed}",
    "--select", "stg_crm__customers", "dim_customers",
)  # fmt: skip


def keyed_hash(text: str) -> str:
    return hmac.new(KEY.encode(), text.encode(), hashlib.sha256).hexdigest()


@only_thorough
def test_hashes_join_by_the_key_which_no_file_and_no_plan_tells(
    data_set: Callable[[str], DataSet], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = data_set("hashed")
    row = {
        "customer_id": 1, "name": " Ada Ö. ", "email": "Ada@Example.org ", "phone": "+46 (0)8-123",
        "registration_date": at(0, time(12)).date(),
    }  # fmt: skip
    nameless = {"customer_id": 2, "registration_date": row["registration_date"]}
    append_load(data, "crm.customers", 1, as_arrow("crm.customers", [row, nameless]))
    monkeypatch.delenv("FOOTFALL_HASH_KEY", raising=False)
    assert "FOOTFALL_HASH_KEY" in refused(data, *HASHED)

    monkeypatch.setenv("FOOTFALL_HASH_KEY", KEY)
    get_settings.cache_clear()
    try:
        data.build(*HASHED)
    finally:
        monkeypatch.undo()
        get_settings.cache_clear()
    persons = "select name, email, phone from {gold}.dim_customers order by customer_id"
    assert data.rows(persons) == [
        tuple(map(keyed_hash, ("ada ö.", "ada@example.org", "+4608123"))),
        (None, None, None),
    ]
    padded = bytes(byte ^ 0x36 for byte in KEY.encode()).hex()
    written = [file.read_bytes() for file in data.target.rglob("*") if file.is_file()]
    assert any(b"spark.footfall.hash.inner" in content for content in written)
    assert not any(
        secret in content for content in written for secret in (KEY.encode(), padded.encode())
    )
    plan = data.spark.sql("select unhex('${spark.footfall.hash.inner}') as pad")
    assert padded.upper() in plan.collect()[0]["pad"].hex().upper()
    shown = plan._jdf.queryExecution().toString()
    assert "redacted" in shown and padded.upper() not in shown.upper()
