"""The worker processes of a backfill, and the hand-over of chunks to them."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from footfall.backfill.plan import Chunk, Kind

DBT_THREADS = 4


class Event(NamedTuple):
    """A chunk was started (``finished`` False), or ended with or without an error."""

    chunk: Chunk
    finished: bool
    error: str | None = None


class Workers:
    """Up to ``count`` processes that run chunks, started when first needed.

    Args:
        count: how many chunks run at a time.
        folder: for dbt's compiled files and the workers' logs, one subfolder each.
        variables: dbt's vars, where they differ from the project's.
    """

    def __init__(self, count: int, folder: Path, variables: Mapping[str, Any]) -> None:
        self.count = count
        self.folder = folder
        self.variables = json.dumps(variables)
        self.processes: list[subprocess.Popen[str]] = []
        self._starting = threading.Lock()
        self._idle: queue.SimpleQueue[subprocess.Popen[str]] = queue.SimpleQueue()

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes:
            process.kill()
            process.wait()

    def run(self, chunks: Sequence[Chunk]) -> Iterator[Event]:
        """Run independent chunks and yield what happens, as it happens."""
        waiting: queue.SimpleQueue[Chunk] = queue.SimpleQueue()
        for chunk in chunks:
            waiting.put(chunk)
        events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        for _ in range(min(self.count, len(chunks))):
            threading.Thread(target=self._drain, args=(waiting, events), daemon=True).start()
        finished = 0
        while finished < len(chunks):
            event = events.get()
            finished += event.finished
            yield event

    def _drain(self, waiting: queue.SimpleQueue[Chunk], events: queue.SimpleQueue[Event]) -> None:
        process = self._take()
        while True:
            try:
                chunk = waiting.get_nowait()
            except queue.Empty:
                self._idle.put(process)
                return
            events.put(Event(chunk, finished=False))
            error = self._hand_over(process, chunk)
            events.put(Event(chunk, finished=True, error=error))
            if process.poll() is not None:
                process = self._take()

    def _take(self) -> subprocess.Popen[str]:
        with self._starting:
            while not self._idle.empty():
                process = self._idle.get()
                if process.poll() is None:
                    return process
            return self._start()

    def _start(self) -> subprocess.Popen[str]:
        folder = self.folder / f"worker-{len(self.processes) + 1}"
        folder.mkdir(parents=True, exist_ok=True)
        threads = max(1, DBT_THREADS // self.count)
        with (folder / "output.log").open("a") as log:
            process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "footfall.backfill.worker",
                    str(folder),
                    str(threads),
                    self.variables,
                ],
                env=os.environ | {"DBT_LOG_PATH": str(folder)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self.processes.append(process)
        return process

    def _hand_over(self, process: subprocess.Popen[str], chunk: Chunk) -> str | None:
        dates = [day.isoformat() for day in chunk.dates] if chunk.kind is Kind.dates else []
        assert process.stdin is not None and process.stdout is not None
        try:
            process.stdin.write(json.dumps({"models": chunk.models, "dates": dates}) + "\n")
            process.stdin.flush()
            answer = process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if answer:
            error: str | None = json.loads(answer)["error"]
            return error
        return f"The worker process ended (exit code {process.wait()}); see {self.folder}."
