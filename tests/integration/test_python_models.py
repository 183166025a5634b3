"""Python models in the session that dbt itself uses."""

from __future__ import annotations

from typing import Any

import pytest
from dbt.adapters.spark.connections import SparkConnectionMethod, SparkCredentials
from dbt_common.exceptions import DbtRuntimeError
from pyspark.sql import SparkSession

from dbt_footfall import SessionPythonJobHelper

MODEL: dict[str, Any] = {"name": "fct_example", "original_file_path": "models/fct_example.py"}


def credentials(method: SparkConnectionMethod) -> SparkCredentials:
    return SparkCredentials(
        host="localhost", schema="footfall", database=None, method=method, cluster="c", token="t"
    )


def test_a_model_runs_in_the_session_of_the_process(spark: SparkSession) -> None:
    helper = SessionPythonJobHelper(MODEL, credentials(SparkConnectionMethod.SESSION))
    helper.submit("spark.range(3).createOrReplaceTempView('from_a_python_model')")
    assert spark.table("from_a_python_model").count() == 3


def test_a_failing_model_is_a_dbt_error_that_names_file_and_line(spark: SparkSession) -> None:
    helper = SessionPythonJobHelper(MODEL, credentials(SparkConnectionMethod.SESSION))
    code = "def model():\n    return 1 / 0\n\nmodel()\n"
    with pytest.raises(DbtRuntimeError, match=r"models/fct_example\.py:2: ZeroDivisionError"):
        helper.submit(code)


def test_a_thrift_target_is_refused_with_a_next_step() -> None:
    with pytest.raises(DbtRuntimeError, match=r"(?s)fct_example.*method 'session'.*local"):
        SessionPythonJobHelper(MODEL, credentials(SparkConnectionMethod.THRIFT))
