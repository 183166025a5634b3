"""Projects with some of the sources: everything that is left builds, unit tests included."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from support.data_sets import DataSet
from support.thorough import only_thorough


@only_thorough
@pytest.mark.parametrize(
    "sources", [("product",), ("app",), ("shop",), ("crm",), ("product", "shop"), ("app", "crm")]
)
def test_a_project_with_some_sources_builds_whole_with_its_unit_tests(
    data_set: Callable[[str], DataSet], sources: tuple[str, ...]
) -> None:
    data = data_set("_".join(("subset", *sources)))
    results = [
        result
        for result in data.dbt("build", "--vars", json.dumps({"sources": sources})).results
        if result.node.resource_type != "exposure"
    ]
    kinds = {result.node.resource_type for result in results}
    assert kinds >= {"model", "test", "unit_test"}
    assert {result.status for result in results} <= {"success", "pass"}
