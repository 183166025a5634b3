"""The wheel for Databricks leaves Spark, Delta and Java to the cluster."""

from __future__ import annotations

import importlib.util
import re

from footfall.settings import PROJECT_DIR

SPEC = importlib.util.spec_from_file_location(
    "databricks_wheel", PROJECT_DIR / "scripts" / "databricks_wheel.py"
)
assert SPEC and SPEC.loader
wheel = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(wheel)


def test_what_a_cluster_has_is_no_requirement() -> None:
    text = (PROJECT_DIR / "pyproject.toml").read_text(encoding="utf-8")
    trimmed = wheel.without_cluster_packages(text)
    gone = {
        re.split("[=<>]", line.strip(' ",'))[0]
        for line in text.splitlines()
        if line not in trimmed.splitlines()
    }
    assert gone == set(wheel.OF_THE_CLUSTER)
    assert '"dbt-spark==' in trimmed
