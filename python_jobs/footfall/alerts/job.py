"""What changed between the newest results of each node and what was last told of it."""

from __future__ import annotations

import hashlib
from datetime import datetime, timezone
from enum import Enum
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from footfall.alerts.destination import Destination
from footfall.errors import FootfallError
from footfall.locks import locked
from footfall.project.records import ALERTS, RUN_RESULTS, record_table
from footfall.settings import Settings
from footfall.spark.sql_text import text_literal

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


class State(str, Enum):
    """How a node is."""

    passes = "passes"
    warns = "warns"
    fails = "fails"


STATES = {"pass": State.passes, "success": State.passes, "no-op": State.passes, "warn": State.warns}
"""By dbt's status; all others fail."""
FROM_RESULTS = ("node_id", "node", "kind", "invocation_id", "row_count", "message")


class Alert(BaseModel):
    """A change of a node's state.

    Attributes:
        alert_id: the same each time that this change is sent, so that a receiver can pass over
            what it has.
        previous_state: as it was last told; passes where nothing was.
        invocation_id: the run in which the node first was found in this state, or found again.
        message: why it fails, as dbt says it.
    """

    alert_id: str
    node_id: str
    node: str
    kind: str
    state: State
    previous_state: State
    invocation_id: str
    run_started_at: datetime
    row_count: int | None
    message: str | None

    @property
    def text(self) -> str:
        """The alert as a line."""
        change = {
            State.passes: "is fine again",
            State.warns: "warns",
            State.fails: "fails",
        }[self.state]
        why = f": {self.message}" if self.message else "."
        return f"{self.kind} {self.node} {change}{why}"

    def payload(self) -> dict[str, Any]:
        """Return what is sent: the attributes and, as chat services take it, ``text``."""
        return {"text": self.text, **self.model_dump(mode="json")}


def send_alerts(
    spark: SparkSession, settings: Settings, destination: Destination, *, dry_run: bool = False
) -> list[Alert]:
    """Send a message for each node whose state is another than the destination was last told.

    Each message is recorded in ``dq_alerts`` as soon as it has arrived, so that no state is sent
    twice. Only a process that ends between the two sends a message again, under the same id.

    Args:
        spark: the session.
        settings: names the schema, and the home whose lock keeps two processes apart.
        destination: where the messages go.
        dry_run: send nothing.

    Returns:
        The alerts, the oldest first.

    Raises:
        FootfallError: no run is recorded, or a message did not arrive; those before it did.
    """
    results = record_table(RUN_RESULTS).name_in(settings)
    if not spark.catalog.tableExists(results):
        raise FootfallError(
            f"No run is recorded in {results}.",
            "Run `dbt build`, with the var run_results_kept_days above 0.",
        )
    settings.home.mkdir(parents=True, exist_ok=True)
    with locked(settings.home / "alerts.lock"):
        alerts = _changes(spark, settings, destination.name)
        if alerts and not dry_run:
            record_table(ALERTS).create(spark, settings)
        for alert in [] if dry_run else alerts:
            destination.deliver(alert.payload())
            _record(spark, settings, destination.name, alert)
    return alerts


def _changes(spark: SparkSession, settings: Settings, destination: str) -> list[Alert]:
    told = _last_told(spark, settings, destination)
    results = record_table(RUN_RESULTS).name_in(settings)
    newest = spark.sql(
        "select newest.* from (select max_by(struct(*), run_started_at) as newest "
        f"from {results} where status <> 'skipped' and kind <> 'unit_test' group by node_id) "
        "order by newest.run_started_at, newest.node_id"
    ).collect()
    alerts = []
    for row in newest:
        state = STATES.get(row["status"], State.fails)
        before = told.get(row["node_id"], State.passes)
        if state is not before:
            alerts.append(
                Alert(
                    alert_id=_id(destination, row["node_id"], state, row["invocation_id"]),
                    state=state,
                    previous_state=before,
                    **{name: row[name] for name in FROM_RESULTS},
                    run_started_at=row["run_started_at"].astimezone(timezone.utc),
                )
            )
    return alerts


def _last_told(spark: SparkSession, settings: Settings, destination: str) -> dict[str, State]:
    table = record_table(ALERTS).name_in(settings)
    if not spark.catalog.tableExists(table):
        return {}
    rows = spark.sql(
        f"select node_id, max_by(state, sent_at) as state from {table} "
        f"where destination = {text_literal(destination)} group by node_id"
    ).collect()
    return {row["node_id"]: State(row["state"]) for row in rows}


def _id(*parts: str) -> str:
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]


def _record(spark: SparkSession, settings: Settings, destination: str, alert: Alert) -> None:
    row = {
        **alert.model_dump(mode="json", exclude={"run_started_at", "row_count"}),
        "destination": destination,
        "run_started_at": alert.run_started_at,
        "sent_at": datetime.now(timezone.utc),
    }
    record_table(ALERTS).append(spark, settings, [row])
