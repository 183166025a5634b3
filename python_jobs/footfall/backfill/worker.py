"""A worker process of a backfill: runs dbt for each task line on standard input.

It works in the Spark of the process that started it. A task is ``{"models": […], "dates": […]}`` as
a line of JSON; the answer is ``{"error": null}`` or the error's text, as a line on standard output.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
from pathlib import Path
from typing import Any

from footfall.errors import FootfallError
from footfall.project.dbt import run_dbt
from footfall.spark.session import get_session


def _read_tasks(tasks: queue.SimpleQueue[str]) -> None:
    for line in sys.stdin:
        tasks.put(line)
    # Closed: the backfill is done or was killed. Its Spark goes with it, so nothing is left to do.
    os._exit(0)


def run_task(
    task: dict[str, Any], variables: dict[str, Any], manifest: Any, target: Path, threads: int
) -> None:
    """Run dbt for the models of a task, with its dates forced where it has any.

    Raises:
        FootfallError: dbt failed.
    """
    dates = {"dates": task["dates"]} if task["dates"] else {}
    run_dbt(
        "run", "--select", *task["models"], "--vars", json.dumps(variables | dates),
        "--threads", str(threads), "--target-path", str(target), quiet=True, manifest=manifest,
    )  # fmt: skip


def main() -> None:
    """Serve tasks until standard input closes.

    Arguments: a target folder, threads of dbt, dbt's vars as JSON.
    """
    target, threads, variables = Path(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3])
    tasks: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_read_tasks, args=(tasks,), daemon=True).start()
    # dbt prints to standard output, which is the answers' own.
    answers, sys.stdout = sys.stdout, sys.stderr
    get_session(join_others=True)
    manifest = run_dbt("parse", "--vars", sys.argv[3], "--target-path", str(target), quiet=True)
    while True:
        error = None
        try:
            run_task(json.loads(tasks.get()), variables, manifest, target, threads)
        except FootfallError as failure:
            error = failure.message
        print(json.dumps({"error": error}), file=answers, flush=True)


if __name__ == "__main__":
    main()
