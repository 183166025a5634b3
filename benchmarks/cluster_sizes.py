"""Whether sizes hold: ``python -m benchmarks.cluster_sizes --master spark://… --json FILE``.

Two nodes of two cores and 2.5 GiB are sized by `footfall size` for the bytes of a staging table of
20 million interactions (scale 1.0): two executors of one core and 1 GiB. On a stand-alone cluster
of such workers Spark computes `fct_sessions` and `fct_user_product_daily`, with as many partitions
as the rules say and with the fewest, one a core. By the rules a task reads at most 51 MiB of a
shuffle, a tenth of what it may hold (`MiB of a shuffle a task`), nothing is spilled, and an
executor's process stays within heap and overhead, 1,408 MiB. The rest is what Spark's event log
says.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.event_log import largest_executor, log_events, read_events, tasks_of
from benchmarks.harness import (
    Row,
    Work,
    folder_bytes,
    in_own_process,
    measure,
    temporary_home,
    write_report,
)
from benchmarks.interactions import CONTRACT, Interactions, build
from footfall.project.contracts import get_contract
from footfall.settings import GIB, get_settings
from footfall.spark.conf import temporary_conf
from footfall.spark.session import get_session
from footfall.spark.sizing import Cluster, size_cluster

DAYS = 30
NODES, NODE_CORES, NODE_MEMORY = 2, 2, int(2.5 * GIB)
MODELS = ("fct_sessions", "fct_user_product_daily")


def steps(folder: Path, scale: float) -> list[Row]:
    """Measure the models with partitions by the rules, then with one a core."""
    data = Interactions(folder, DAYS, scale)
    data.write()
    build(*(f"+{model}" for model in MODELS))
    data.stage(data.period, load=1)
    rows = data.count(data.period)
    staged = get_settings().table_folder(get_contract(CONTRACT).staging_table(get_settings()))
    sized = size_cluster(folder_bytes(staged), NODES, NODE_CORES, NODE_MEMORY)
    found = []
    for model in MODELS:
        for partitions in (sized.shuffle_partitions, sized.task_slots):
            found.append(_step(folder, model, partitions, rows))
    return found


def _step(folder: Path, model: str, partitions: int, rows: int) -> Row:
    def run() -> Work:
        build(model, full_refresh=True)
        return Work(rows=rows)

    before = len(read_events(folder))
    conf = {
        "spark.sql.shuffle.partitions": str(partitions),
        "spark.sql.adaptive.coalescePartitions.initialPartitionNum": str(partitions),
    }
    with temporary_conf(get_session(), conf):
        row = measure(f"{model}, {partitions} partitions", "footfall", run)
    events = read_events(folder, before)
    tasks = tasks_of(events)
    return replace(
        row,
        bytes_spilled=tasks.spilled_bytes,
        most_shuffled_bytes=tasks.most_shuffled_bytes,
        most_task_memory_bytes=tasks.most_memory_bytes,
        largest_executor_bytes=largest_executor(events),
    )


def use_cluster(master: str, sizes: Cluster) -> None:
    """Let Spark run on a cluster, with the executors that sizes say."""
    os.environ |= sizes.environment() | {
        "FOOTFALL_SPARK_MASTER": master,
        "FOOTFALL_DAY_ENGINE": "spark",
    }


def main(
    master: Annotated[str, typer.Option(help="A stand-alone cluster, spark://HOST:PORT.")],
    scale: Annotated[float, typer.Option(help="1 is a month's 20 million interactions.")] = 1.0,
    json: Annotated[Path | None, typer.Option(help="Where to write the report.")] = None,
) -> None:
    """Measure whether tasks and executors stay within the sizes that the rules give.

    Example: `python -m benchmarks.cluster_sizes --master spark://127.0.0.1:7077 --scale 0.1`
    """
    use_cluster(master, size_cluster(0, NODES, NODE_CORES, NODE_MEMORY))
    with temporary_home() as folder:
        further = {
            "spark.eventLog.logStageExecutorMetrics": "true",
            "spark.executor.processTreeMetrics.enabled": "true",
        }
        log_events(folder, further)
        rows = in_own_process(steps, folder, scale)
    write_report("cluster_sizes", rows, json)


if __name__ == "__main__":
    typer.run(main)
