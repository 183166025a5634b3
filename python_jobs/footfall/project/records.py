"""Tables that the jobs write themselves; their columns stand in the sources yml of quality."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import BaseModel

from footfall.settings import Settings, get_settings
from footfall.spark.conflicts import retry_conflicts, run_statement
from footfall.spark.sql_text import text_literal

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

DECLARED = Path("models") / "quality" / "_quality__sources.yml"
INGESTED_FILES = "dq_ingested_files"
BACKFILLS = "dq_backfills"
ERASURES = "dq_erasures"
ADOPTED_COMMITS = "dq_adopted_commits"
ADOPTED_DAYS = "dq_adopted_days"
REPLAYS = "dq_replays"
RUN_RESULTS = "dq_run_results"
FEATURE_DRIFT = "dq_feature_drift"
ALERTS = "dq_alerts"


class RecordColumn(BaseModel):
    """A column: its Spark type and what it holds."""

    name: str
    data_type: str
    description: str


class RecordTable(BaseModel):
    """A table of the layer ``quality`` in which a job records what it does."""

    name: str
    description: str
    columns: list[RecordColumn]

    @property
    def ddl(self) -> str:
        """The columns as Spark DDL, for a DataFrame of its rows."""
        return self.ddl_of([column.name for column in self.columns])

    def ddl_of(self, names: Collection[str]) -> str:
        """Return some of the columns as Spark DDL, in the order of the table."""
        return ", ".join(f"{c.name} {c.data_type}" for c in self.columns if c.name in names)

    def name_in(self, settings: Settings) -> str:
        """Return the table's name under the settings' schemas."""
        return f"{settings.schema_of('quality')}.{self.name}"

    def create(self, spark: SparkSession, settings: Settings) -> None:
        """Create schema and table where they do not exist, and columns that an old table lacks."""
        columns = {
            column.name: f"{column.name} {column.data_type} "
            f"comment {text_literal(column.description)}"
            for column in self.columns
        }
        table = self.name_in(settings)
        for statement in (
            f"create schema if not exists {settings.schema_of('quality')}",
            f"create table if not exists {table} ({', '.join(columns.values())}) using delta "
            f"comment {text_literal(self.description)}",
        ):
            run_statement(spark, statement)
        present = spark.table(table).columns
        if missing := [text for name, text in columns.items() if name not in present]:
            run_statement(spark, f"alter table {table} add columns ({', '.join(missing)})")

    def append(
        self, spark: SparkSession, settings: Settings, rows: Sequence[Mapping[str, Any]]
    ) -> None:
        """Add rows, by the names of their columns, in one file and one commit.

        Raises:
            FootfallError: the table is written all the time.
        """
        table = self.name_in(settings)
        frame = spark.createDataFrame(list(rows), self.ddl).coalesce(1)
        retry_conflicts(
            lambda: frame.write.format("delta").mode("append").saveAsTable(table), table
        )


@lru_cache(maxsize=4)
def _declared(project_dir: Path) -> dict[str, RecordTable]:
    content = yaml.safe_load((project_dir / DECLARED).read_text(encoding="utf-8"))
    [source] = content["sources"]
    return {table["name"]: RecordTable(**table) for table in source["tables"]}


def record_table(name: str) -> RecordTable:
    """Return one of the tables by its name."""
    return _declared(get_settings().package_dir)[name]
