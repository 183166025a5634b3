"""Which partitions are compacted, by the sizes of the files in Delta's log."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from footfall.spark.compaction import SMALL_FILES, plan_compaction
from footfall.spark.delta_log import DeltaTable
from footfall.spark.sizing import MIB, SMALLEST_FILE

SMALL = 1 * MIB
MAPPING = "delta.columnMapping.mode"


def log_of(
    *partitions: tuple[dict[str, str | None], list[int]],
    configuration: dict[str, str] | None = None,
) -> DeltaTable:
    """Return a table with files of these sizes in these partitions."""
    files = [
        {"path": "f", "partitionValues": values, "size": size}
        for values, sizes in partitions
        for size in sizes
    ]
    checksum: dict[str, Any] = {
        "metadata": {
            "partitionColumns": list(partitions[0][0]),
            "configuration": configuration or {},
        },
        "tableSizeBytes": sum(file["size"] for file in files),
        "allFiles": files,
    }
    return DeltaTable({}, 1, datetime.now(timezone.utc), checksum)


def test_partitions_with_many_small_files_are_named_and_no_others() -> None:
    many, few = [SMALL] * SMALL_FILES, [SMALL] * (SMALL_FILES - 1)
    log = log_of(({"day": "2025-08-01"}, many), ({"day": "2025-08-02"}, few))
    plan = plan_compaction("s.t", log)
    assert plan is not None
    assert plan.statement == "OPTIMIZE s.t WHERE `day` = '2025-08-01'"
    assert plan.files_after == 1 + len(few)
    assert plan_compaction("s.t", log_of(({"day": "2025-08-02"}, few))) is None


def test_large_files_do_not_count() -> None:
    large = [SMALLEST_FILE // 2] * 20
    assert plan_compaction("s.t", log_of(({}, large))) is None
    plan = plan_compaction("s.t", log_of(({}, large + [SMALL] * SMALL_FILES)))
    assert plan is not None
    assert plan.statement == "OPTIMIZE s.t"
    assert plan.files_after == 21


def test_files_grow_to_the_target_of_so_large_a_table() -> None:
    sizes = [SMALLEST_FILE // 3] * 10
    plan = plan_compaction("s.t", log_of(({}, sizes)))
    assert plan is not None
    assert plan.files_after == 4
    assert set(plan.conf.values()) == {str(SMALLEST_FILE), str(SMALLEST_FILE // 2)}
    larger = plan_compaction("s.t", log_of(({}, [10**13, *sizes])))
    assert larger is not None
    assert str(1024 * MIB) in larger.conf.values()


def test_partition_values_of_users_are_quoted() -> None:
    many = [SMALL] * SMALL_FILES
    log = log_of(({"country": "'; drop", "b`y": None}, many), ({"country": "\\", "b`y": "1"}, many))
    plan = plan_compaction("s.t", log)
    assert plan is not None
    assert plan.statement == (
        "OPTIMIZE s.t WHERE (`country` = '\\'; drop' AND `b``y` IS NULL)"
        " OR (`country` = '\\\\' AND `b``y` = '1')"
    )


def test_columns_of_a_model_cluster_the_files() -> None:
    plan = plan_compaction("s.t", log_of(({}, [SMALL] * SMALL_FILES)), ["user_id", "product_id"])
    assert plan is not None
    assert plan.statement == "OPTIMIZE s.t ZORDER BY (`user_id`, `product_id`)"


def test_mapped_columns_and_unknown_files_are_left_alone() -> None:
    many = [SMALL] * SMALL_FILES
    assert plan_compaction("s.t", log_of(({}, many), configuration={MAPPING: "name"})) is None
    unknown = log_of(({}, many))
    del unknown.checksum["allFiles"]
    assert plan_compaction("s.t", unknown) is None
