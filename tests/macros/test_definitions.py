"""Which changes of a contract change the definition of its rows, without Spark."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from support.planning import Warehouse, macros_of

CUSTOMERS = "source.footfall.crm.customers"


def checksum(manifest: dict[str, Any], contract: dict[str, Any]) -> str:
    macros = macros_of(manifest, "stg_crm__customers", Warehouse({}))
    # Adopted tables are asked for in a run only.
    macros["footfall"]["plans_run"] = lambda: False
    found: str = macros["rules_checksum"](contract)
    return found


def test_a_tag_of_personal_columns_is_no_rule(manifest: dict[str, Any]) -> None:
    tagged = manifest["sources"][CUSTOMERS]
    untagged = deepcopy(tagged)
    for column in untagged["columns"].values():
        column["config"]["meta"].pop("personal", None)
    assert untagged != tagged
    assert checksum(manifest, untagged) == checksum(manifest, tagged)


def test_a_rule_changes_the_definition(manifest: dict[str, Any]) -> None:
    stricter = deepcopy(manifest["sources"][CUSTOMERS])
    stricter["columns"]["email"]["config"]["meta"]["required"] = True
    assert checksum(manifest, stricter) != checksum(manifest, manifest["sources"][CUSTOMERS])
