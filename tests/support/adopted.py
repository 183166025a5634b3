"""Somebody else's Delta tables: what happens to them between builds, and what the oracle reads."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

import pyarrow as pa
from pyspark.sql import functions as F

from footfall.adopt import adopt
from footfall.project.contracts import get_contract
from support.data_sets import DataSet
from support.law import Row, as_arrow, random_row
from support.reference import Oracle

ROW_TRACKING = "tblproperties ('delta.enableRowTracking' = 'true')"
ARRIVAL = "loaded_at"


@dataclass
class Upstream:
    """A table of somebody else's that is adopted for an entity.

    Attributes:
        by_arrival: without row tracking, by a column that says when a row arrived.
        now: when the rows of the last append arrived.
    """

    data: DataSet
    entity: str
    rng: random.Random
    by_arrival: bool = False
    now: datetime = datetime(2026, 11, 1, tzinfo=timezone.utc)

    @property
    def table(self) -> str:
        return f"{self.data.settings.db_schema}_theirs.{self.entity.replace('.', '_')}"

    @property
    def shown(self) -> str:
        return ".".join(f"`{part}`" for part in self.table.split("."))

    @property
    def properties(self) -> str:
        return "" if self.by_arrival else ROW_TRACKING

    def create(self) -> None:
        """Make the empty table, its columns those of the contract."""
        columns = get_contract(self.entity).columns
        listed = ", ".join(f"{column.name} {column.data_type}" for column in columns)
        if self.by_arrival:
            listed += f", {ARRIVAL} timestamp"
        schema = self.table.split(".")[0]
        self.data.spark.sql(f"create schema if not exists {schema}")
        self.data.spark.sql(f"drop table if exists {self.table}")
        self.data.spark.sql(f"create table {self.table} ({listed}) using delta {self.properties}")

    def adopt(self, on_change: str = "apply") -> None:
        adopt(
            self.data.spark,
            self.entity,
            table=self.table,
            on_change=on_change,  # type: ignore[arg-type]
            arrival=ARRIVAL if self.by_arrival else None,
            settings=self.data.settings,
        )

    def drawn(self, rows: int) -> list[Row]:
        return [random_row(self.entity, self.rng) for _ in range(rows)]

    def append(self, rows: list[Row], minutes: int | None = None) -> None:
        """Append rows, some of them twice.

        Args:
            rows: of the entity.
            minutes: by how much later than those before they arrive, or earlier; by default one
                draw, so that several appends lie in an hour and some at the same time.
        """
        again = [row for row in rows if self.rng.random() < 0.1]
        frame = self.data.spark.createDataFrame(as_arrow(self.entity, rows + again))
        if self.by_arrival:
            if minutes is None:
                minutes = self.rng.choice((0, 10, 10, 45, 300))
            arrived = self.now + timedelta(minutes=minutes)
            self.now = max(self.now, arrived)
            frame = frame.withColumn(ARRIVAL, F.lit(arrived))
        frame.coalesce(1).write.format("delta").mode("append").saveAsTable(self.table)

    def happen(self) -> str:
        """Let something happen to the table; return what, as SQL or in words."""
        user, other = self.rng.choice(("U0", "U1", "U2")), f"U{self.rng.randrange(11)}"
        kinds = ["append"] * 2
        kinds += ["update", "move", "spoil", "delete", "merge", "optimize", "vacuum"]
        kind = self.rng.choice([*kinds, "late", "arrive"] if self.by_arrival else kinds)
        if kind in ("append", "late"):
            minutes = -self.rng.choice((1, 59, 200)) if kind == "late" else None
            self.append(self.drawn(self.rng.randint(1, 12)), minutes)
            return kind
        days = f"day(event_time) % 3 = {self.rng.randrange(3)}"
        statement = {
            "update": f"update {self.table} set user_id = '{other}' "
            f"where user_id = '{user}' and {days}",
            "move": f"update {self.table} set event_time = event_time + interval 1 day "
            f"where user_id = '{user}' and {days}",
            "spoil": f"update {self.table} set user_id = null where user_id = '{other}' and {days}",
            "delete": f"delete from {self.table} where user_id = '{user}' and {days}",
            "merge": f"merge into {self.table} as old using (select '{user}' as user_id) as new "
            f"on old.user_id = new.user_id and {days} "
            f"when matched and minute(old.event_time) = 0 then delete "
            f"when matched then update set user_id = '{other}'",
            "arrive": f"update {self.table} set {ARRIVAL} = {ARRIVAL} + interval 2 hours "
            f"where user_id = '{user}' and {days}",
            "optimize": f"optimize {self.table}",
            "vacuum": f"vacuum {self.table} retain 0 hours",
        }[kind]
        self.data.spark.sql(statement)
        return statement

    def feed(self, oracle: Oracle) -> None:
        """Give the oracle the rows as they are now, each in its load."""
        contract, spark = get_contract(self.entity), self.data.spark
        columns = ", ".join(column.name for column in contract.columns)
        load, table = "_metadata.row_commit_version + 1", self.table
        if self.by_arrival:
            load, table = "_load_id", contract.bronze_table(self.data.settings)
            theirs = spark.table(self.table).drop(ARRIVAL)
            shown = spark.table(table).select(theirs.columns)
            assert theirs.exceptAll(shown).isEmpty() and shown.exceptAll(theirs).isEmpty()
        rows: pa.Table = spark.sql(f"select {columns}, {load} as load from {table}").toArrow()
        for load in sorted(set(rows.column("load").to_pylist())):
            arriving = rows.filter(pa.compute.equal(rows.column("load"), load))
            oracle.connection.register("arriving", arriving.drop_columns(["load"]))
            oracle.loads[self.entity] = load - 1
            oracle.load(self.entity, "select *, null::varchar[] as errors from arriving")


def fed(oracle: Oracle, *tables: Upstream) -> Oracle:
    """Return the oracle with what the tables hold now."""
    for table in tables:
        table.feed(oracle)
    oracle.judge()
    return oracle
