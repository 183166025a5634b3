"""The same files in slices, later days before earlier ones: the tables of one complete build."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import DataSet, Generated
from law import OF_SINGLE_LOADS, table_contents, unequal
from reference import differences

from footfall.tables import list_tables

SLICES = 2
OPTIMIZE_OFTEN = ("--vars", "{optimize_small_files: 20}")
"""By default so few loads would leave too few files for an OPTIMIZE in most tables."""


def contents(data: DataSet) -> dict[str, pa.Table]:
    return table_contents(data, leave_out=OF_SINGLE_LOADS)


@pytest.fixture(scope="module")
def sliced(generated: Generated, data_set: Callable[[str], DataSet]) -> DataSet:
    """The generated files in shuffled slices, with a build after each."""
    data = data_set("sliced")
    shuffled = random.Random(5)
    slices: list[dict[str, list]] = [{} for _ in range(SLICES)]
    out_of_order = 0
    for name in generated.truth["entities"]:
        files = generated.files(name)
        shuffled.shuffle(files)
        for number, part in enumerate(slices):
            part[name] = files[number::SLICES]
        out_of_order += max(slices[0][name]) > min(slices[-1][name] or files)
    assert out_of_order >= 10
    for part in slices:
        for name, files in part.items():
            if files:
                data.ingest(name, *files)
        data.build(*OPTIMIZE_OFTEN)
    return data


def test_slices_in_any_order_give_the_tables_of_one_build(sliced: DataSet, built: DataSet) -> None:
    assert unequal(contents(sliced), contents(built)) == {}


def test_slices_in_any_order_give_the_totals_of_one_reconciliation(
    sliced: DataSet, built: DataSet
) -> None:
    assert sliced.reconciliation() == built.reconciliation()
    loads = sliced.rows("select count(distinct load_id) from {quality}.dq_load_reconciliation")
    assert loads == [(SLICES,)]


def test_tables_were_optimized_between_the_slices(sliced: DataSet) -> None:
    optimized = {
        name
        for _, name in list_tables(sliced.spark, sliced.settings)
        if any(
            commit["operation"] == "OPTIMIZE"
            for commit in sliced.spark.sql(f"describe history {name}").collect()
        )
    }
    assert optimized >= {
        sliced.name("quality", "dq_quarantine"),
        sliced.name("quality", "dq_load_reconciliation"),
        sliced.name("training", "training_samples"),
    }


def test_a_full_refresh_gives_the_tables_of_the_incremental_builds(
    sliced: DataSet, built: DataSet
) -> None:
    sliced.build("--full-refresh", *OPTIMIZE_OFTEN)
    assert unequal(contents(sliced), contents(built)) == {}
    assert sliced.reconciliation() == built.reconciliation()


def test_a_known_key_in_a_later_load_changes_nothing_whatever_else_the_row_says(
    sliced: DataSet, generated: Generated, tmp_path: Path
) -> None:
    before = contents(sliced)["stg_crm__transactions"]
    transaction = generated.oracle.connection.sql(
        """
        select
            * exclude (event_date, event_key)
            replace (999 as quantity, transaction_time + interval 3 days as transaction_time)
        from accepted_crm_transactions
        order by transaction_id
        limit 1
        """
    ).to_arrow_table()
    pq.write_table(transaction, tmp_path / "transactions.parquet")
    assert sliced.ingest("crm.transactions", tmp_path / "transactions.parquet").rows == 1
    sliced.build("--select", "stg_crm__transactions", *OPTIMIZE_OFTEN)
    after = contents(sliced)["stg_crm__transactions"]
    load = ["_load_id"]
    assert not differences(after.drop_columns(load), before.drop_columns(load), ["event_key"])
