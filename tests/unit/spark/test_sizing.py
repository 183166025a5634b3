"""Sizes of a cluster: what fits a node, and how a shuffle is cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footfall.errors import UsageError
from footfall.spark.sizing import (
    CORES_OF_AN_EXECUTOR,
    GIB,
    LARGEST_HEAP,
    MIB,
    SHUFFLED_BYTES_OF_A_TASK,
    parse_bytes,
    shuffle_partitions,
    shuffled_bytes_of_a_task,
    size_cluster,
    target_file_bytes,
)


def test_a_node_of_16_cores_and_64_gib_has_three_executors_of_five() -> None:
    cluster = size_cluster(parse_bytes("500GB"), 10, 16, 64 * GIB)
    assert (cluster.executors, cluster.executor_cores, cluster.task_slots) == (30, 5, 150)
    assert (cluster.executor_memory_mib, cluster.executor_overhead_mib) == (19549, 1954)
    # 500 GB in parts of 128 MiB are 3,726; in whole waves of 150, 3,750.
    assert (cluster.shuffle_partitions, cluster.waves) == (3750, 25.0)
    assert cluster.environment()["FOOTFALL_EXECUTOR_MEMORY_GIB"] == "19"
    assert cluster.environment()["FOOTFALL_SHUFFLE_PARTITIONS"] == "3750"
    assert cluster.spark_conf()["spark.executor.memory"] == "19549m"


@given(
    st.integers(1, 50), st.integers(2, 128), st.integers(3, 2000), st.integers(0, 10**14)
)  # fmt: skip
def test_executors_fit_their_node(nodes: int, cores: int, gib: int, data: int) -> None:
    cluster = size_cluster(data, nodes, cores, gib * GIB)
    on_a_node = cluster.executors // nodes
    assert cluster.executors == on_a_node * nodes
    assert on_a_node * cluster.executor_cores < cores
    assert 1 <= cluster.executor_cores <= CORES_OF_AN_EXECUTOR
    each = cluster.executor_memory_mib + cluster.executor_overhead_mib
    assert on_a_node * each * MIB < gib * GIB
    assert 0 < cluster.executor_memory_mib * MIB <= LARGEST_HEAP
    assert cluster.shuffle_partitions % cluster.task_slots == 0 or cluster.shuffle_partitions == 4


@given(st.integers(1, 5000), st.integers(0, 10**14))
def test_no_task_of_a_shuffle_gets_more_than_it_can_sort(slots: int, shuffled: int) -> None:
    partitions = shuffle_partitions(slots, shuffled)
    assert partitions >= max(4, 2 * slots)
    assert shuffled <= partitions * SHUFFLED_BYTES_OF_A_TASK


def test_a_small_heap_gets_smaller_parts_of_a_shuffle() -> None:
    assert shuffled_bytes_of_a_task(18 * GIB, 5) == SHUFFLED_BYTES_OF_A_TASK
    # 0.6 of 1024 - 300 MiB are a task's; it grows tenfold in memory.
    assert shuffled_bytes_of_a_task(GIB, 1) // MIB == 43
    assert size_cluster(10**9, 2, 2, int(2.5 * GIB)).shuffle_partitions == 20


def test_files_grow_with_their_table_between_two_and_ten_terabytes() -> None:
    sizes = [target_file_bytes(parse_bytes(f"{tb}TB")) // MIB for tb in (0.1, 2.56, 6.28, 10, 50)]
    assert sizes == [256, 256, 640, 1024, 1024]


@pytest.mark.parametrize("text", ["", "5", "GB", "-1GB", "0GB", "5 XB", "1e3GB", "5GB 6GB"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is no size"):
        parse_bytes(text)


def test_a_node_too_small_for_an_executor_is_refused() -> None:
    for cores, memory in ((1, 64 * GIB), (16, 2 * GIB)):
        with pytest.raises(UsageError, match="2 cores"):
            size_cluster(10**9, 1, cores, memory)
