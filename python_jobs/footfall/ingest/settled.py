"""Whether files are known to be loaded, from what the last load left: without Spark."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cached_property
from typing import Any

from footfall.atomic import write_atomically
from footfall.ingest.queue import Queue
from footfall.object_store import table_path
from footfall.project.contracts import Contract
from footfall.project.records import INGESTED_FILES, record_table
from footfall.settings import Settings
from footfall.spark.delta_log import read_delta_table


class Settled:
    """What one source entity's record said when its last load ended.

    It holds as long as nothing was committed to the bronze table since, nor the table or the record
    made anew: any other commit may have been a load, an erasure or a restore.

    Args:
        settings: home and schemas.
        contract: the entity.
        queue: its queue, locked by the caller.
    """

    def __init__(self, settings: Settings, contract: Contract, queue: Queue) -> None:
        self.queue = queue
        self.file = queue.folder / "settled.json"
        self.bronze = table_path(contract.bronze_table(settings), settings)
        self.record = table_path(record_table(INGESTED_FILES).name_in(settings), settings)

    def note(self, loaded: Iterable[str], rejected: Iterable[str]) -> None:
        """Keep which contents, by SHA-256, the record now says were loaded and rejected."""
        state = self._state()
        if state is None:
            self.file.unlink(missing_ok=True)
            return
        text = {"state": state, "loaded": sorted(loaded), "rejected": sorted(rejected)}
        write_atomically(self.file, json.dumps(text))

    def loaded(self) -> set[str]:
        """Return the contents that are loaded for sure; none where only the record can tell."""
        noted = self._noted
        if noted is None:
            return set()
        loaded, rejected = set(noted["loaded"]), set(noted["rejected"])
        return set() if self.queue.sha_queued() - loaded - rejected else loaded

    def knows(self) -> bool:
        """Return whether a content that :meth:`loaded` does not name is new for sure."""
        return self._noted is not None or read_delta_table(self.bronze) is None

    @cached_property
    def _noted(self) -> dict[str, Any] | None:
        """What the last load left, read before this one: on a bucket each look is a request."""
        try:
            noted: dict[str, Any] = json.loads(self.file.read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return None
        return noted if noted["state"] == self._state() else None

    def _state(self) -> list[Any] | None:
        bronze, record = read_delta_table(self.bronze), read_delta_table(self.record)
        if bronze is None or record is None:
            return None
        # Other entities are recorded in the same table.
        return [bronze.table_id, bronze.version, record.table_id]
