"""Data sets in one warehouse: each has a schema prefix and a state of ingestion of its own."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from footfall.ingest import IngestReport, ingest
from footfall.object_store import table_path
from footfall.project.dbt import run_dbt
from footfall.project.records import RUN_RESULTS, record_table
from footfall.project.tables import LAYERS, list_tables
from footfall.settings import PROJECT_DIR, Settings, get_settings
from footfall.spark.delta_log import read_delta_table
from support.reference import Oracle

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@dataclass
class DataSet:
    """One set of input data with the tables built from it."""

    spark: SparkSession
    settings: Settings
    target: Path
    _tables: dict[str, pa.Table] = field(default_factory=dict)

    @property
    def project(self) -> Path:
        """The dbt project that is built."""
        return get_settings().project_dir

    def ingest(self, name: str, *paths: Path, mapping: str | None = None) -> IngestReport:
        """Load files; a rejected one fails the test."""
        file = PROJECT_DIR / "mappings" / f"{mapping}.yml" if mapping else None
        report = ingest(name, [str(path) for path in paths], file, settings=self.settings)
        assert not report.rejected
        return report

    def dbt(self, *arguments: str) -> Any:
        """Run dbt on this data set's schemas."""
        self._tables.clear()
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("FOOTFALL_DB_SCHEMA", self.settings.db_schema)
            patch.setenv("DBT_LOG_PATH", str(self.target / "logs"))
            return run_dbt(*arguments, "--target-path", str(self.target), quiet=True)

    def build(self, *arguments: str) -> Any:
        """Run ``dbt build`` without tests."""
        exclude = ("--exclude-resource-type", "unit_test", "--exclude-resource-type", "test")
        return self.dbt("build", *exclude, *arguments)

    def drop_all(self) -> None:
        """Drop all tables of the data set."""
        self._tables.clear()
        for layer in LAYERS:
            self.spark.sql(f"drop schema if exists {self.settings.schema_of(layer)} cascade")

    def versions(self) -> dict[str, int]:
        """Return the newest version of each table but the one that every run writes to."""
        found = {
            name: read_delta_table(table_path(name, get_settings()))
            for _, name in list_tables(self.spark, self.settings)
            if name != record_table(RUN_RESULTS).name_in(self.settings)
        }
        return {name: table.version for name, table in found.items() if table}

    def commits(self, table: str) -> list[Path]:
        """Return the commit files of a table's log, oldest first."""
        schema, name = table.split(".")
        folder = self.settings.local_warehouse / f"{schema}.db" / name / "_delta_log"
        return sorted(folder.glob("*.json"))

    def partitions_written(self, table: str, after: int) -> set[tuple[str, ...]]:
        """Return the partitions of the files that commits after a version added or removed."""
        actions = [
            json.loads(line)
            for commit in self.commits(table)
            if int(commit.stem) > after
            for line in commit.read_text().splitlines()
        ]
        files = [action[kind] for action in actions for kind in ("add", "remove") if kind in action]
        return {tuple(file["partitionValues"].values()) for file in files}

    def name(self, layer: str, table: str) -> str:
        return f"{self.settings.schema_of(layer)}.{table}"

    def table(self, layer: str, table: str) -> pa.Table:
        """Return all rows of a table; of a sketch, whose bytes depend on their order, what it says.

        A sketch that was merged forgets the order in which its values came.
        """
        name = self.name(layer, table)
        if name not in self._tables:
            rows = self.spark.table(name)
            readable = [
                f"hll_sketch_estimate(hll_union({column}, {column})) as {column}"
                if data_type == "binary"
                else column
                for column, data_type in rows.dtypes
            ]
            self._tables[name] = rows.selectExpr(*readable).toArrow()
        return self._tables[name]

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Run SQL in which ``{bronze}``, ``{gold}`` and so on stand for this data set's schemas."""
        layers = ("bronze", "silver", "gold", "training", "quality")
        schemas = {layer: self.settings.schema_of(layer) for layer in layers}
        return [tuple(row) for row in self.spark.sql(sql.format(**schemas)).collect()]

    def reconciliation(self) -> dict[str, tuple[int, ...]]:
        """Return rows in, accepted, duplicates, quarantined of each entity that has any."""
        rows = self.rows(
            "select source, sum(rows_in), sum(accepted), sum(duplicates), sum(quarantined) "
            "from {quality}.dq_load_reconciliation group by source"
        )
        return {source: tuple(counts) for source, *counts in rows if any(counts)}

    def reconciliation_by_load(self) -> dict[tuple[str, int], tuple[int, ...]]:
        """Return the counts of each load with rows.

        Rows in, accepted, duplicates, conflicting duplicates, quarantined.
        """
        rows = self.rows(
            "select source, load_id, rows_in, accepted, duplicates, conflicting_duplicates, "
            "quarantined from {quality}.dq_load_reconciliation"
        )
        return {(source, load_id): tuple(counts) for source, load_id, *counts in rows}

    def quarantine(self) -> Counter[tuple[Any, ...]]:
        """Return entity, load, day since 1970 and broken rules of each rejected row."""
        rows = self.rows(
            "select source, load_id, unix_date(event_date), reject_reasons "
            "from {quality}.dq_quarantine"
        )
        return Counter((*row, *sorted(reasons)) for *row, reasons in rows)

    def conflicts(self) -> dict[str, int]:
        """Return the duplicates of each entity that differ from what they repeat."""
        return dict(
            self.rows(
                "select source, sum(conflicting_duplicates) as conflicts "
                "from {quality}.dq_load_reconciliation group by source having conflicts > 0"
            )
        )


@dataclass
class Generated:
    """Generated landing files: the folder, what the generator says of them, and the oracle."""

    folder: Path
    truth: dict[str, Any]
    oracle: Oracle

    def files(self, name: str) -> list[Path]:
        source, entity = name.split(".")
        return sorted((self.folder / source / entity).glob("*.parquet"))
