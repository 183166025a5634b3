"""The register of erasures: that one happened, when and why, without the id in clear."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timezone
from typing import TYPE_CHECKING, Any

from delta.tables import DeltaTable
from pydantic import BaseModel
from pyspark.sql import functions as F

from footfall.atomic import write_atomically
from footfall.erase.find import Plan
from footfall.erase.person import Identifier
from footfall.errors import FootfallError
from footfall.project.records import ERASURES, record_table
from footfall.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import Row, SparkSession

KEY_FILE = "erasure.key"


class ErasureEntry(BaseModel):
    """One row of the register, as ``--check`` shows it."""

    erasure_id: str
    reason: str
    state: str
    started_at: datetime
    finished_at: datetime | None
    purged_at: datetime | None
    rows: int


@dataclass
class Erasure:
    """An erasure that is under way; ``ids`` are its rows in the register."""

    ids: list[str]
    plan: Plan = field(default_factory=Plan)


def find_key(settings: Settings) -> bytes | None:
    """Return the key of the hashes: FOOTFALL_ERASURE_KEY, or the home's own where it has one."""
    if settings.erasure_key is not None:
        return settings.erasure_key.get_secret_value().encode()
    file = settings.home / KEY_FILE
    return file.read_bytes() if file.is_file() else None


def make_key(settings: Settings) -> bytes:
    """Return the key of the hashes, and make the home's own (readable by its owner) if need be."""
    if key := find_key(settings):
        return key
    key = secrets.token_hex(32).encode()
    write_atomically(settings.home / KEY_FILE, key, mode=0o600)
    return key


def key_id(key: bytes) -> str:
    """Return a name of the key that does not tell the key."""
    return hashlib.sha256(b"key id" + key).hexdigest()[:8]


class Register:
    """The table ``dq_erasures``.

    Args:
        spark: the session.
        settings: names the schema.
        key: what the hashes are made with.
        identifiers: the person's ids.
    """

    def __init__(
        self,
        spark: SparkSession,
        settings: Settings,
        key: bytes,
        identifiers: Sequence[Identifier],
    ) -> None:
        self.spark = spark
        self.settings = settings
        self.declared = record_table(ERASURES)
        self.table = self.declared.name_in(settings)
        self.key_id = key_id(key)
        self.hashes = {
            identifier.space: hmac.new(
                key, f"{identifier.space}\x1f{identifier.text}".encode(), hashlib.sha256
            ).hexdigest()
            for identifier in identifiers
        }

    def entries(self) -> list[ErasureEntry]:
        """Return the recorded erasures of any of the ids, oldest first."""
        return [
            ErasureEntry(
                **{name: row[name] for name in ErasureEntry.model_fields if name != "rows"},
                rows=sum((row["rows_erased"] or {}).values()),
            )
            for row in self._rows()
            if self._is_of_person(row)
        ]

    def interrupted(self) -> Erasure | None:
        """Return what earlier calls for this person have begun and not finished.

        Raises:
            FootfallError: it began with a further id, or under another key, so that this call
                cannot tell what is left to do.
        """
        running = [row for row in self._rows() if row["state"] == "running"]
        if any(row["key_id"] != self.key_id for row in running):
            raise FootfallError(
                "An interrupted erasure is recorded under another key, so that footfall cannot "
                "tell whether it is this person's.",
                "Set FOOTFALL_ERASURE_KEY to its value at that time, and run that erasure again.",
            )
        running = [row for row in running if self._is_of_person(row)]
        for row in running:
            for space in ("user", "customer"):
                if row[f"{space}_hash"] not in (None, self.hashes.get(space)):
                    raise FootfallError(
                        f"The erasure of this person was begun with a {space} id"
                        f"{' other than this one' if space in self.hashes else ''}.",
                        f"Add the same --{space} ID to finish it.",
                    )
        if not running:
            return None
        erasure = Erasure([row["erasure_id"] for row in running])
        for row in running:
            merge_into(
                erasure.plan,
                Plan(
                    Counter(row["rows_erased"]),
                    set(row["dates"]),
                    set(row["models"]),
                    set(row["rebuilt"]),
                ),
            )
        return erasure

    def start(self, plan: Plan, reason: str) -> Erasure:
        """Record an erasure as running, with all that is needed to finish it."""
        self.declared.create(self.spark, self.settings)
        erasure_id = uuid.uuid4().hex
        now = datetime.now(timezone.utc)
        row = {
            "erasure_id": erasure_id,
            "user_hash": self.hashes.get("user"),
            "customer_hash": self.hashes.get("customer"),
            "key_id": self.key_id,
            "reason": reason,
            "state": "running",
            "started_at": now,
            **_columns_of(plan),
        }
        self.declared.append(self.spark, self.settings, [row])
        return Erasure([erasure_id], plan)

    def widen(self, erasure: Erasure, plan: Plan) -> None:
        """Add to an interrupted erasure what has been found since."""
        merge_into(erasure.plan, plan)
        columns = _columns_of(erasure.plan)
        frame = self.spark.createDataFrame(
            [{"ids": erasure.ids} | columns],
            "ids array<string>, " + self.declared.ddl_of(columns),
        )
        (
            DeltaTable.forName(self.spark, self.table)
            .alias("known")
            .merge(frame.alias("found"), F.expr("array_contains(found.ids, known.erasure_id)"))
            .whenMatchedUpdate(set={name: F.col(f"found.{name}") for name in columns})
            .execute()
        )

    def finish(self, erasure: Erasure, purged: bool) -> None:
        """Record an erasure as done."""
        now = F.lit(datetime.now(timezone.utc))
        changes = {"state": F.lit("done"), "finished_at": now}
        self._update(erasure.ids, changes | ({"purged_at": now} if purged else {}))

    def purged(self, erasure_ids: list[str]) -> None:
        """Record that the files of earlier erasures are gone."""
        self._update(erasure_ids, {"purged_at": F.lit(datetime.now(timezone.utc))})

    def _update(self, erasure_ids: list[str], changes: dict[str, Any]) -> None:
        DeltaTable.forName(self.spark, self.table).update(
            F.col("erasure_id").isin(erasure_ids), changes
        )

    def _rows(self) -> list[Row]:
        if not self.spark.catalog.tableExists(self.table):
            return []
        return self.spark.table(self.table).orderBy("started_at").collect()

    def _is_of_person(self, row: Row) -> bool:
        return row["key_id"] == self.key_id and any(
            row[f"{space}_hash"] == value for space, value in self.hashes.items()
        )


def merge_into(plan: Plan, other: Plan) -> None:
    """Add another plan to a plan; rows that both count are counted once."""
    plan.rows |= other.rows
    plan.dates |= other.dates
    plan.models |= other.models
    plan.rebuilt |= other.rebuilt


def _columns_of(plan: Plan) -> dict[str, Any]:
    dates: list[date] = sorted(plan.dates)
    return {
        "rows_erased": dict(plan.rows),
        "dates": dates,
        "models": sorted(plan.models),
        "rebuilt": sorted(plan.rebuilt),
    }
