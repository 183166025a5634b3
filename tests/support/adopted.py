"""Somebody else's Delta tables: what happens to them between builds, and what the oracle reads."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pyarrow as pa

from footfall.adopt import adopt
from footfall.project.contracts import get_contract
from support.data_sets import DataSet
from support.law import Row, as_arrow, random_row
from support.reference import Oracle

ROW_TRACKING = "tblproperties ('delta.enableRowTracking' = 'true')"


@dataclass
class Upstream:
    """A table of somebody else's that is adopted for an entity."""

    data: DataSet
    entity: str
    rng: random.Random

    @property
    def table(self) -> str:
        return f"{self.data.settings.db_schema}_theirs.{self.entity.replace('.', '_')}"

    def create(self, properties: str = ROW_TRACKING) -> None:
        """Make the empty table, its columns those of the contract."""
        columns = get_contract(self.entity).columns
        listed = ", ".join(f"{column.name} {column.data_type}" for column in columns)
        schema = self.table.split(".")[0]
        self.data.spark.sql(f"create schema if not exists {schema}")
        self.data.spark.sql(f"drop table if exists {self.table}")
        self.data.spark.sql(f"create table {self.table} ({listed}) using delta {properties}")

    def adopt(self, on_change: str = "apply") -> None:
        adopt(
            self.data.spark,
            self.entity,
            table=self.table,
            on_change=on_change,  # type: ignore[arg-type]
            settings=self.data.settings,
        )

    def drawn(self, rows: int) -> list[Row]:
        return [random_row(self.entity, self.rng) for _ in range(rows)]

    def append(self, rows: list[Row]) -> None:
        """Append rows, some of them twice."""
        again = [row for row in rows if self.rng.random() < 0.1]
        frame = self.data.spark.createDataFrame(as_arrow(self.entity, rows + again))
        frame.coalesce(1).write.format("delta").mode("append").saveAsTable(self.table)

    def happen(self) -> str:
        """Let something happen to the table; return what, as SQL or in words."""
        user, other = self.rng.choice(("U0", "U1", "U2")), f"U{self.rng.randrange(11)}"
        kind = self.rng.choice(
            ("append", "append", "update", "move", "spoil", "delete", "merge", "optimize", "vacuum")
        )
        if kind == "append":
            self.append(self.drawn(self.rng.randint(1, 12)))
            return "append"
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
            "optimize": f"optimize {self.table}",
            "vacuum": f"vacuum {self.table} retain 0 hours",
        }[kind]
        self.data.spark.sql(statement)
        return statement

    def feed(self, oracle: Oracle) -> None:
        """Give the oracle the rows as they are now, each in the load of its commit."""
        rows: pa.Table = self.data.spark.sql(
            f"select *, _metadata.row_commit_version + 1 as load from {self.table}"
        ).toArrow()
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
