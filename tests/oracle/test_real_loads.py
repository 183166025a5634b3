"""Real events in hourly and daily loads, shuffled, every twentieth row twice: one load's tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from footfall.project.contracts import load_contracts
from support.data_sets import DataSet
from support.law import (
    Family,
    append_loads,
    breaches_of_full_refresh,
    breaches_of_oracle,
    table_contents,
)
from support.reference import Oracle
from support.thorough import only_thorough

BUILDS = 2
REPEATED_SHARE = 0.05
ARRIVAL = ["_load_id", "_ingested_at", "_source_file"]
MICROS_PER_HOUR = 3600 * 1_000_000


@dataclass(frozen=True)
class RealSet:
    """A set of real events: its entity, the mapping that reads it, and where it lies."""

    entity: str
    mapping: str
    path: str

    @property
    def table(self) -> str:
        return load_contracts()[self.entity].identifier


SETS = {
    "taobao": RealSet(
        "product.interactions", "taobao_interactions", "taobao_userbehavior/events.parquet"
    ),
    "puffy": RealSet("app.interactions", "puffy_interactions", "puffy_web_events"),
}


@pytest.fixture(scope="module")
def events(shared_data: Path, data_set: Callable[[str], DataSet]) -> Callable[[str], pa.Table]:
    """Return a function that gives a set's rows as ingestion reads them."""

    def read(name: str) -> pa.Table:
        real, source = SETS[name], data_set(f"{name}_events")
        if not (shared_data / real.path).exists():
            pytest.skip(f"the events are not at {shared_data / real.path}")
        if not source.spark.catalog.tableExists(source.name("bronze", real.table)):
            source.ingest(real.entity, shared_data / real.path, mapping=real.mapping)
        return source.table("bronze", real.table).drop_columns(ARRIVAL)

    return read


def in_loads(rows: pa.Table, hours: int, rng: np.random.Generator) -> pa.Table:
    """Give the rows of each span of hours, and repeats of any rows, a load id in random order."""
    spans = pc.cast(rows["event_time"], pa.int64()).to_numpy() // (hours * MICROS_PER_HOUR)
    _, numbers = np.unique(spans, return_inverse=True)
    load_ids = 1 + rng.permutation(numbers.max() + 1)
    repeated = rng.choice(rows.num_rows, round(REPEATED_SHARE * rows.num_rows), replace=False)
    arrived_in = np.concatenate([load_ids[numbers], rng.choice(load_ids, len(repeated))])
    arrived = pa.concat_tables([rows, rows.take(repeated)])
    return arrived.append_column("_load_id", pa.array(arrived_in, pa.int64()))


@only_thorough
@pytest.mark.parametrize("hours", [1, 24])
@pytest.mark.parametrize("name", SETS)
def test_shuffled_loads_give_the_tables_of_one(
    events: Callable[[str], pa.Table],
    data_set: Callable[[str], DataSet],
    new_oracle: Callable[[], Oracle],
    name: str,
    hours: int,
) -> None:
    real, data = SETS[name], data_set(f"{name}_{hours}h")
    arrived = in_loads(events(name), hours, np.random.default_rng(hours))
    # Of more users than a sketch lists, it gives an estimate: the oracle counts.
    options = Family((real.entity.split(".")[0],)).dbt_vars({"user_sketches": False})
    load_ids = np.unique(arrived["_load_id"].to_numpy())
    for part in np.array_split(load_ids, BUILDS):
        append_loads(
            data, real.entity, arrived.filter(pc.is_in(arrived["_load_id"], pa.array(part)))
        )
        data.build(*options)
    oracle = new_oracle()
    oracle.connection.register("arrived", arrived.drop_columns(["_load_id"]))
    oracle.load(
        real.entity, "select * exclude (_ingest_errors), _ingest_errors as errors from arrived"
    )
    oracle.judge()
    assert breaches_of_oracle(data, oracle) == {}
    assert breaches_of_full_refresh(data, *options) == {}
    rows = sum(table.num_rows for table in table_contents(data).values())
    print(f"{name}: {arrived.num_rows} rows in {len(load_ids)} loads, {rows} built rows equal")
