"""Files through a mapping into a home of its own: what of them was accepted, and what was not."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from pyspark.sql import functions as F

from footfall.atomic import write_atomically
from footfall.duck import ask
from footfall.errors import FootfallError, UsageError
from footfall.ingest import IngestReport, ingest, mapped_entities
from footfall.project.contracts import get_contract
from footfall.project.dbt import run_dbt
from footfall.settings import get_settings
from footfall.spark.session import get_session

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

MOST_EXAMPLES = 3
DBT_READING = "partial_parse.msgpack"
"""The file of dbt's target folder that has what it read of a project."""
FIGURES = ("accepted", "duplicates", "quarantined")
Progress = Callable[[int, int, str], None]


class Rejects(BaseModel):
    """Rows that were quarantined for one reason.

    Attributes:
        reason: a rule of the contract, or a value that the mapping could not read.
        rows: how many.
        examples: some of the values, where the reason has them.
    """

    reason: str
    rows: int
    examples: list[str] = []


class EntityResult(BaseModel):
    """What became of the files' rows in one entity.

    Attributes:
        entity: ``source.entity``.
        files: that were loaded.
        rows: that the mapping made of the files.
        not_selected: that are of no kind that the mapping takes.
        accepted: that reached staging.
        duplicates: repetitions of an accepted one.
        quarantined: that break a rule.
        rejects: of the quarantined rows, by reason.
        rejected_files: with the reason.
        unused: columns of the files that the mapping does not use.
    """

    entity: str
    files: int = 0
    rows: int = 0
    not_selected: int = 0
    accepted: int = 0
    duplicates: int = 0
    quarantined: int = 0
    rejects: list[Rejects] = []
    rejected_files: list[str] = []
    unused: list[str] = []


def entities_of(mapping: Path, entity: str | None) -> list[str]:
    """Return the entities that a mapping file feeds.

    Args:
        entity: the one to take; needed where the file does not name its entities.

    Raises:
        UsageError: the file names none, nor does the caller.
    """
    if entity is not None:
        return [entity]
    if not (named := mapped_entities(mapping)):
        raise UsageError(
            f"The mapping {mapping} does not say which entity it feeds.",
            "Add --entity SOURCE.ENTITY, for example --entity product.interactions.",
        )
    return named


def load_all(
    entities: Sequence[str], paths: Sequence[str], mapping: Path, file_format: str | None
) -> list[IngestReport]:
    """Load the files into each entity.

    Raises:
        FootfallError: none was loaded.
    """
    reports = [ingest(name, paths, mapping=mapping, file_format=file_format) for name in entities]
    if not any(report.loaded for report in reports):
        reasons = dict.fromkeys(file.reason for report in reports for file in report.rejected)
        raise FootfallError(
            f"No file fits the mapping: {' '.join(reasons)}",
            f"Correct {mapping}, and run the command again with it.",
        )
    return reports


@contextmanager
def project_of(entities: Sequence[str]) -> Iterator[Callable[..., None]]:
    """Have dbt read the project while Spark starts and loads, which leave it a core.

    Yields:
        A function that builds what the entities' sources feed, or the models of it that it is
        given, without tests.
    """
    sources = sorted({get_contract(name).source for name in entities})
    of_sources = ("--vars", json.dumps({"sources": sources}))
    left_out = ("--exclude-resource-type", "unit_test", "test")
    with ThreadPoolExecutor(1) as aside:
        manifest = aside.submit(_parse, of_sources)

        def build(selected: Sequence[str] = ()) -> None:
            chosen = ["--select", *selected] if selected else []
            run_dbt(
                "build", *chosen, *left_out, *of_sources, quiet=True, manifest=manifest.result()
            )

        yield build


def _parse(options: Sequence[str]) -> Any:
    """Have dbt read the project; with what it kept of the last time, it reads what has changed.

    Returns:
        The manifest.
    """
    settings = get_settings()
    asked = "\n".join([str(settings.project_dir), *options])
    kept = settings.cache / "parsed" / f"{sha256(asked.encode()).hexdigest()}.msgpack"
    own = settings.home / "target" / DBT_READING
    if kept.is_file():
        own.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(kept, own)
    manifest = run_dbt("parse", *options, quiet=True)
    kept.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(kept, own.read_bytes())
    return manifest


def results(reports: Sequence[IngestReport]) -> list[EntityResult]:
    """Return what became of the rows, once staging and the tables of quality are built.

    Raises:
        FootfallError: a row is unaccounted for.
    """
    spark = get_session()
    found = [_result(spark, report) for report in reports]
    for result in found:
        known = result.accepted + result.duplicates + result.quarantined + result.not_selected
        if known != result.rows:
            raise FootfallError(
                f"{result.entity}: of {result.rows:,} rows {result.rows - known:,} are unaccounted "
                "for.",
                "This is a defect of footfall: please report it, with the mapping.",
            )
    return found


def _result(spark: SparkSession, report: IngestReport) -> EntityResult:
    settings = get_settings()
    sums = ", ".join(f"coalesce(sum({name}), 0) as {name}" for name in FIGURES)
    table = f"{settings.schema_of('quality')}.dq_load_reconciliation"
    reconciled = f"select {sums} from {table} where source = '{report.source}'"
    [row] = ask(reconciled, settings, lambda: spark).rows
    figures = dict(zip(FIGURES, row, strict=True))
    return EntityResult(
        entity=report.source,
        files=len(report.loaded),
        rows=report.rows + report.rows_not_selected,
        not_selected=report.rows_not_selected,
        accepted=figures["accepted"],
        duplicates=figures["duplicates"],
        quarantined=figures["quarantined"],
        rejects=_rejects(spark, report.source) if figures["quarantined"] else [],
        rejected_files=[file.reason for file in report.rejected],
        unused=report.ignored_columns,
    )


def _rejects(spark: SparkSession, source: str) -> list[Rejects]:
    quarantine = spark.table(f"{get_settings().schema_of('quality')}.dq_quarantine")
    reason = F.explode("reject_reasons").alias("reason")
    kind, value = F.split_part("reason", F.lit(":"), F.lit(1)), F.col("reason")
    found = (
        quarantine.where(F.col("source") == source)
        .select(reason)
        .groupBy(kind.alias("kind"))
        .agg(F.count("*").alias("rows"), F.collect_set(value).alias("values"))
        .orderBy(F.desc("rows"), "kind")
        .collect()
    )
    return [
        Rejects(
            reason=row["kind"],
            rows=row["rows"],
            examples=sorted(text for text in row["values"] if ":" in text)[:MOST_EXAMPLES],
        )
        for row in found
    ]
