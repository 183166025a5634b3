"""Data sets of the tests: empty ones, and nine generated days, built."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import TYPE_CHECKING

import pytest

from footfall.generate import DirtShares, generate
from footfall.settings import PROJECT_DIR, Settings
from support.data_sets import DataSet, Generated
from support.reference import Oracle, core_actions
from support.thorough import THOROUGH

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture(scope="session")
def data_set(
    spark: SparkSession, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], DataSet]:
    """Return a function that makes an empty data set under a schema prefix."""

    def make(prefix: str) -> DataSet:
        target = tmp_path_factory.mktemp(f"target_{prefix}")
        return DataSet(spark, Settings(db_schema=prefix), target)

    return make


@pytest.fixture(scope="session")
def new_oracle() -> Callable[[], Oracle]:
    """Return a function that makes an oracle without input."""
    return lambda: Oracle(core_actions(PROJECT_DIR / "seeds" / "action_types.csv"))


@pytest.fixture(scope="session")
def generated(
    tmp_path_factory: pytest.TempPathFactory, new_oracle: Callable[[], Oracle]
) -> Generated:
    """Nine days across the end of a month, with so much dirt that every rule is broken."""
    folder = tmp_path_factory.mktemp("generated") / "landing"
    dirt = DirtShares(
        duplicates=0.05,
        late=0.1,
        null_keys=0.05,
        unknown_types=0.02,
        below_minimum=0.01,
        above_maximum=0.01,
        non_positive_payments=0.1,
    )
    truth = generate(folder, days=9, users=200, seed=11, start=date(2025, 8, 27), dirt=dirt)
    oracle = new_oracle()
    oracle.load_landing(folder)
    oracle.judge()
    return Generated(folder, truth, oracle)


@pytest.fixture(scope="session")
def built(generated: Generated, data_set: Callable[[str], DataSet]) -> Iterator[DataSet]:
    """The generated files in one load per entity, and a complete build.

    dbt's data tests, which ``make test`` runs on its sample, are in it where that is thorough.
    """
    data = data_set("whole")
    for name in generated.truth["entities"]:
        data.ingest(name, *generated.files(name))
    if THOROUGH:
        data.dbt("build", "--exclude-resource-type", "unit_test")
    else:
        data.build()
    yield data
