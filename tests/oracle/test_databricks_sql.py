"""The SQL that dbt-databricks makes of the models, executed on open-source Spark and Delta."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

from support.data_sets import DataSet
from support.databricks_on_spark import databricks_on_spark
from support.law import FAMILIES, Schedule, breaches_of_oracle, play, random_row, whole
from support.thorough import only_thorough


@only_thorough
def test_loads_in_two_builds_give_the_tables_of_the_oracle(
    data_set: Callable[[str], DataSet],
) -> None:
    data, family, rng = data_set("databricks"), FAMILIES["engagement"], random.Random(3)
    loads = tuple(
        {name: [random_row(name, rng) for _ in range(20)] for name in family.entities}
        for _ in range(2)
    )
    with databricks_on_spark(data.spark) as statements:
        schedule = Schedule(family, loads, whole(0, 1), family.definitions)
        oracle = play(data, schedule, "--target", "databricks")
    assert breaches_of_oracle(data, oracle) == {}
    for strategy, models in ((r"insert into\s+\S+\s+replace where", 8), (r"merge\s+into", 3)):
        run = [sql for sql in statements if re.search(strategy, sql, re.IGNORECASE)]
        assert len(run) >= models, strategy
