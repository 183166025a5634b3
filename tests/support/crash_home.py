"""The homes that jobs are killed in: landing files, and what has to be done in Spark beforehand.

Spark runs in a process of its own: this file is also a script (``prepare`` and ``catalog``).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from footfall.generate import DirtShares, generate
from footfall.project.contracts import load_contracts
from footfall.project.records import RUN_RESULTS

START = date(2025, 8, 1)
DAYS, USERS, SEED = 4, 30, 1
LAST_DAY = START + timedelta(days=DAYS - 1)
USER, CUSTOMER = "needle-7f3a", 987_654_321_987
"""A person whom no cut or encoding of other values looks like."""
NEEDLES = (USER.encode(), str(CUSTOMER).encode(), CUSTOMER.to_bytes(8, "little"))
DIRT = DirtShares(duplicates=0.05, late=0.1, null_keys=0.02, unknown_types=0.02)
DAMAGED = {
    "product": ("fct_sessions", "fct_session_metrics_daily", "fct_user_product_daily"),
    "shop": ("training_samples",),
}
"""Models that lose a day, so that a backfill has something to bring back."""
LAST_IN_FIRST_LOADS = 2


def entities(sources: Sequence[str]) -> list[str]:
    return [name for name, contract in load_contracts().items() if contract.source in sources]


def newest_entity(sources: Sequence[str]) -> str:
    """Return the entity whose newest files are left for a killed ingestion."""
    known = entities(sources)
    return next((name for name in known if name.endswith(".interactions")), known[-1])


def write_landing(folder: Path, sources: Sequence[str]) -> None:
    """Write the files: ``first`` and ``second`` loads, and ``new`` ones for a killed ingestion.

    The busiest user and customer of each entity get the person's ids.
    """
    generate(folder / "generated", DAYS, USERS, SEED, START, dirt=DIRT)
    for name in entities(sources):
        files = sorted((folder / "generated" / name.replace(".", "/")).glob("*.parquet"))
        if not files:
            # So few users leave an entity without a row.
            continue
        person = _busiest(files, name)
        last = "new" if name == newest_entity(sources) else "second"
        for number, file in enumerate(files):
            kind = "first" if number < LAST_IN_FIRST_LOADS else last
            target = folder / kind / name / file.name
            target.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(_with_person(pq.read_table(file), name, person), target)


def _id_column(name: str) -> tuple[str, Any]:
    contract = load_contracts()[name]
    if users := contract.identifiers_of("user"):
        return users[0].name, USER
    return contract.identifiers_of("customer")[0].name, CUSTOMER


def _busiest(files: Sequence[Path], name: str) -> Any:
    column, _ = _id_column(name)
    ids = pa.concat_tables([pq.read_table(file) for file in files])[column].drop_null()
    counts = ids.value_counts().to_pylist()
    return min(counts, key=lambda entry: (-entry["counts"], entry["values"]))["values"]


def _with_person(table: pa.Table, name: str, person: Any) -> pa.Table:
    column, sought = _id_column(name)
    values = table[column]
    mask = pc.fill_null(pc.equal(values, person), False)
    new = pc.if_else(mask, pa.scalar(sought, values.type), values)
    return table.set_column(table.column_names.index(column), column, new)


def mentions_person(file: Path) -> bool:
    """Read a file as bytes and, if it is Parquet, by its values and its statistics."""
    content = file.read_bytes()
    if content.startswith(b"PAR1") and content.endswith(b"PAR1"):
        parquet = pq.ParquetFile(pa.BufferReader(content))
        content += f"{parquet.read().to_pylist()} {parquet.metadata.to_dict()}".encode()
    return any(needle in content for needle in NEEDLES)


# ---------- in Spark


def prepare(landing: Path, out: Path, sources: Sequence[str], kind: str) -> None:
    """Fill the home of the environment.

    Args:
        landing: what :func:`write_landing` wrote.
        out: folder of an earlier export.
        sources: the project's.
        kind: ``built``: all tables exist, reflect the first loads, and lack a day in some models;
            ``fresh``: no table is built, and the newest entity was never loaded.
    """
    from footfall.ingest import ingest
    from footfall.project.dbt import run_dbt
    from footfall.sequences import export_sequences
    from footfall.spark.session import get_session

    def load(kind: str, names: Sequence[str]) -> None:
        for name in names:
            if (landing / kind / name).is_dir():
                ingest(name, [str(landing / kind / name)])

    newest = newest_entity(sources)
    others = [name for name in entities(sources) if name != newest]
    load("first", others)
    if kind == "built":
        load("first", [newest])
        run_dbt("build", "--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")
        spark = get_session()
        for model in (model for source in sources for model in DAMAGED.get(source, ())):
            [table] = [t for t in catalog() if t.endswith(f".{model}")]
            day = "dt" if "training" in table else "event_date"
            spark.sql(f"delete from {table} where {day} = date'{START}'")
        if "shop" in sources:
            export_sequences(spark, START + timedelta(days=1), out)
    load("second", others)


def catalog() -> dict[str, int | None]:
    """Return the number of rows of each table in the catalog, None for a view.

    The record of runs is left out: a command that was killed and run again has run more often.
    """
    from footfall.project.tables import LAYERS
    from footfall.settings import get_settings
    from footfall.spark.session import get_session

    spark, found = get_session(), {}
    for schema in map(get_settings().schema_of, LAYERS):
        if not spark.catalog.databaseExists(schema):
            continue
        views = {view.viewName for view in spark.sql(f"show views in {schema}").collect()}
        for table in spark.sql(f"show tables in {schema}").collect():
            if table.tableName == RUN_RESULTS:
                continue
            name = f"{schema}.{table.tableName}"
            found[name] = None if table.tableName in views else spark.table(name).count()
    return found


def main() -> None:
    command, *arguments = sys.argv[1:]
    if command == "prepare":
        landing, out, sources, kind = arguments
        prepare(Path(landing), Path(out), sources.split(","), kind)
    else:
        Path(arguments[0]).write_text(json.dumps(catalog()))


if __name__ == "__main__":
    main()
