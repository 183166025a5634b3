"""How large a cluster's parts should be, from the data and the machines.

Each rule names its source; docs/cluster.md shows what they give for some clusters.
"""

from __future__ import annotations

import math
import re

from pydantic import BaseModel

from footfall.errors import UsageError
from footfall.settings import GIB

KIB, MIB, TIB = 1024, 1024**2, 1024**4
UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
UNITS |= {"KIB": KIB, "MIB": MIB, "GIB": GIB, "TIB": TIB}

CORES_FOR_THE_SYSTEM, MEMORY_FOR_THE_SYSTEM = 1, 1 * GIB
"""Of each node, for its operating system and the cluster manager's daemon (Amazon EMR, Best
practices for successfully managing memory for Apache Spark applications)."""
CORES_OF_AN_EXECUTOR = 5
"""At most: more tasks in one JVM wait for its garbage collector and its file system (ibid.)."""
OVERHEAD_SHARE, LEAST_OVERHEAD = 0.10, 384 * MIB
"""Memory of an executor beside its heap (Spark, spark.executor.memoryOverheadFactor)."""
LARGEST_HEAP = 31 * GIB
"""From 32 GiB on Java's references take twice the room (Spark, Tuning, Garbage collection)."""
TASKS_PER_CORE = 2
"""Spark, Tuning, Level of parallelism: two to three."""
FEWEST_PARTITIONS = 4
SHUFFLED_BYTES_OF_A_TASK = 128 * MIB
"""At most: twice the size to which Spark merges partitions
(spark.sql.adaptive.advisoryPartitionSizeInBytes)."""
RESERVED_HEAP, MEMORY_FRACTION = 300 * MIB, 0.6
"""Of a heap, what Spark keeps from tasks, and the share of the rest that is theirs (Spark, Tuning,
Memory management)."""
GROWTH_IN_MEMORY = 10
"""How much more room a part of a shuffle takes where it is sorted or grouped than on disk
(benchmarks.cluster_sizes: up to eleven times where counts per user and product are grouped)."""
SMALLEST_FILE, LARGEST_FILE = 256 * MIB, 1 * GIB
"""Target sizes of files, for tables up to 2.56 TB and from 10 TB on (Databricks, Configure Delta
Lake to control data file size)."""
FILES_GROW_FROM, FILES_GROW_TO = 2.56 * 10**12, 10 * 10**12


class Cluster(BaseModel):
    """What a cluster should be told.

    ``shuffle_partitions`` holds the largest shuffle, which is at most all of the data; AQE merges
    those of smaller ones. Memory is in MiB, sizes are in bytes.
    """

    nodes: int
    executors: int
    executor_cores: int
    executor_memory_mib: int
    executor_overhead_mib: int
    task_slots: int
    shuffle_partitions: int
    target_file_bytes: int
    waves: float
    """How often each core gets a task of the largest shuffle."""

    def environment(self) -> dict[str, str]:
        """Return the variables by which footfall takes these sizes."""
        return {
            "FOOTFALL_EXECUTORS": str(self.executors),
            "FOOTFALL_EXECUTOR_CORES": str(self.executor_cores),
            "FOOTFALL_EXECUTOR_MEMORY_GIB": str(max(1, self.executor_memory_mib // 1024)),
            "FOOTFALL_SHUFFLE_PARTITIONS": str(self.shuffle_partitions),
        }

    def spark_conf(self) -> dict[str, str]:
        """Return Spark's own settings, for a cluster that footfall does not start."""
        return {
            "spark.executor.instances": str(self.executors),
            "spark.executor.cores": str(self.executor_cores),
            "spark.executor.memory": f"{self.executor_memory_mib}m",
            "spark.executor.memoryOverhead": f"{self.executor_overhead_mib}m",
            "spark.sql.shuffle.partitions": str(self.shuffle_partitions),
            "spark.databricks.delta.optimize.maxFileSize": str(self.target_file_bytes),
        }


def parse_bytes(text: str) -> int:
    """Return the bytes that a text such as ``500GB`` or ``64GiB`` names.

    Raises:
        UsageError: it names none.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?i?b)", text.strip(), re.IGNORECASE)
    unit = found and UNITS.get(found.group(2).upper())
    if not found or not unit or float(found.group(1)) == 0:
        raise UsageError(f"{text!r} is no size.", "Write it as 500GB, 1.5TB or 64GiB.")
    return int(float(found.group(1)) * unit)


def shuffle_partitions(
    task_slots: int, shuffled_bytes: int = 0, bytes_of_a_task: int = SHUFFLED_BYTES_OF_A_TASK
) -> int:
    """Return into how many partitions a shuffle goes.

    Args:
        task_slots: tasks that run at a time.
        shuffled_bytes: what the largest shuffle moves; 0 where that is little or unknown.
        bytes_of_a_task: what a task may get of it.
    """
    by_cores = max(FEWEST_PARTITIONS, TASKS_PER_CORE * task_slots)
    by_bytes = math.ceil(shuffled_bytes / bytes_of_a_task)
    # Whole waves: a last task alone would leave all other cores idle.
    return max(by_cores, math.ceil(by_bytes / task_slots) * task_slots)


def shuffled_bytes_of_a_task(heap: int, executor_cores: int) -> int:
    """Return how much of a shuffle a task may get so that it need not spill.

    Args:
        heap: of an executor, in bytes.
        executor_cores: tasks that share it.
    """
    memory = (heap - RESERVED_HEAP) * MEMORY_FRACTION / executor_cores
    return min(SHUFFLED_BYTES_OF_A_TASK, int(memory / GROWTH_IN_MEMORY))


def target_file_bytes(table_bytes: int) -> int:
    """Return how large the files of a table should be.

    Args:
        table_bytes: the size of the table.
    """
    grown = (table_bytes - FILES_GROW_FROM) / (FILES_GROW_TO - FILES_GROW_FROM)
    share = min(1.0, max(0.0, grown))
    return round(SMALLEST_FILE + share * (LARGEST_FILE - SMALLEST_FILE))


def size_cluster(data_bytes: int, nodes: int, node_cores: int, node_memory: int) -> Cluster:
    """Return the sizes of a cluster's parts.

    Args:
        data_bytes: what the largest step reads.
        nodes: machines for executors, without the driver's.
        node_cores: cores of each.
        node_memory: memory of each, in bytes.

    Raises:
        UsageError: a node is too small for an executor.
    """
    cores = node_cores - CORES_FOR_THE_SYSTEM
    memory = node_memory - MEMORY_FOR_THE_SYSTEM
    if cores < 1 or memory < GIB + LEAST_OVERHEAD:
        raise UsageError(
            "A node needs 2 cores and 2.4 GiB at least.",
            "One of each is the operating system's; an executor takes the rest.",
        )
    for_cores = math.ceil(cores / CORES_OF_AN_EXECUTOR)
    for_heaps = math.ceil(memory / ((1 + OVERHEAD_SHARE) * LARGEST_HEAP))
    at_most = min(cores, memory // (GIB + LEAST_OVERHEAD))
    executors = min(max(for_cores, for_heaps), at_most)
    heap, overhead = _split(memory // executors)
    executor_cores = min(CORES_OF_AN_EXECUTOR, cores // executors)
    slots = nodes * executors * executor_cores
    heap = min(heap, LARGEST_HEAP)
    of_a_task = shuffled_bytes_of_a_task(heap, executor_cores)
    partitions = shuffle_partitions(slots, data_bytes, of_a_task)
    return Cluster(
        nodes=nodes,
        executors=nodes * executors,
        executor_cores=executor_cores,
        executor_memory_mib=heap // MIB,
        executor_overhead_mib=overhead // MIB,
        task_slots=slots,
        shuffle_partitions=partitions,
        target_file_bytes=target_file_bytes(data_bytes),
        waves=round(partitions / slots, 1),
    )


def _split(memory: int) -> tuple[int, int]:
    """Return heap and overhead of an executor that has so much memory."""
    heap = min(memory - LEAST_OVERHEAD, int(memory / (1 + OVERHEAD_SHARE)))
    return heap, memory - heap
