"""Which impression days there are, in which versions of the training tables."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from footfall.errors import FootfallError
from footfall.sequences.staging import Source
from footfall.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


@dataclass(frozen=True)
class Days:
    """Impression days in one version of the tables.

    Attributes:
        sources: the versions of ``training_samples`` and ``training_sequences``, by table.
        samples: number of samples by day; a day without any is missing.
    """

    sources: dict[str, Source]
    samples: dict[date, int]

    def read(self, spark: SparkSession, day: date) -> tuple[DataFrame, DataFrame]:
        """Return a day's samples and sequences."""
        samples, sequences = (
            _at(spark, table, source).where(f"dt = date'{day}'")
            for table, source in self.sources.items()
        )
        return samples, sequences


def find_days(
    spark: SparkSession, first: date | None, last: date | None, settings: Settings
) -> Days:
    """Return the days with samples from ``first`` to ``last``, in the newest version of the tables.

    Args:
        spark: the session.
        first: earliest day; without both, the newest day that there is.
        last: latest day, included.
        settings: names the schema.

    Raises:
        FootfallError: a table is missing, or no day has a sample.
    """
    schema = settings.schema_of("training")
    tables = [f"{schema}.training_{name}" for name in ("samples", "sequences")]
    for table in tables:
        if not spark.catalog.tableExists(table):
            raise FootfallError(f"There is no table {table}.", "Run `dbt build` first.")
    sources = {table: _newest(spark, table) for table in tables}
    samples = _at(spark, tables[0], sources[tables[0]])
    if not (first and last):
        first = last = _edges(samples)[1]
    # Where there is no newest day, there is none at all.
    wanted = samples.where(f"dt between date'{first}' and date'{last}'" if first else "false")
    counts = {row["dt"]: row["count"] for row in wanted.groupBy("dt").count().collect()}
    if not counts:
        oldest, newest = _edges(samples)
        known = f"there are days from {oldest} to {newest}" if newest else "there are none"
        asked = f"from {first} to {last}" if first != last else f"on {first or 'any day'}"
        raise FootfallError(
            f"No training samples {asked}; {known}.",
            "Choose another --date, or ingest shop.impressions and run `dbt build`.",
        )
    return Days(sources, dict(sorted(counts.items())))


def _edges(samples: DataFrame) -> tuple[date | None, date | None]:
    """Return the first and the last day with samples; none where there is no sample."""
    edges = samples.selectExpr("min(dt)", "max(dt)").first()
    assert edges is not None
    return edges[0], edges[1]


def _newest(spark: SparkSession, table: str) -> Source:
    newest = spark.sql(f"describe history {table} limit 1").first()
    detail = spark.sql(f"describe detail {table}").first()
    assert newest is not None and detail is not None
    return Source(table_id=detail["id"], version=newest["version"])


def _at(spark: SparkSession, table: str, source: Source) -> DataFrame:
    return spark.sql(f"select * from {table} version as of {source.version}")
