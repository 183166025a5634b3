"""A mapping tried on a sample: what becomes of its rows, and five of them before and after."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import orc
from pydantic import BaseModel

from footfall.adopt import table_shape, table_text
from footfall.ingest.avro import write_row
from footfall.ingest.files import (
    FileRejectedError,
    FileShape,
    ReadPlan,
    expand_paths,
    format_of,
    inspect,
    plan_read,
    selects,
    stored_batches,
)
from footfall.ingest.mapping import Mapping, load_mapping
from footfall.ingest.read import SELECTED, SOURCE_FILE, read_files, ready_to_read
from footfall.object_store import DataPath
from footfall.onboard.load import (
    EntityResult,
    Progress,
    entities_of,
    load_all,
    project_of,
    results,
)
from footfall.onboard.suggest import SAMPLE_ROWS, sample_rows
from footfall.project.contracts import Contract, get_contract, load_contracts
from footfall.spark.own_home import own_home
from footfall.spark.session import get_session
from footfall.spark.sql_text import quoted_name

SHOWN_ROWS = 5
TABLE_ROWS = 100_000
"""How many rows of a table a mapping is tried on."""
HOME_PREFIX = "footfall-check-"


class Shown(BaseModel):
    """A row of the sample before and after the mapping.

    Attributes:
        before: as the file has it.
        after: the rows of the contract that it gives, without nulls; ``_ingest_errors`` among them.
    """

    before: dict[str, Any]
    after: list[dict[str, Any]]


class MappingCheck(BaseModel):
    """What a mapping makes of a sample.

    Attributes:
        results: by entity, what became of the rows.
        shown: by entity, rows before and after.
    """

    results: list[EntityResult]
    shown: dict[str, list[Shown]]

    @property
    def is_useful(self) -> bool:
        """Whether each entity that is not optional gets a row, and no file was rejected."""
        return all(
            (found.accepted or get_contract(found.entity).optional) and not found.rejected_files
            for found in self.results
        )


def check_mapping(
    mapping: Path,
    sample: str,
    entity: str | None = None,
    file_format: str | None = None,
    progress: Progress | None = None,
) -> MappingCheck:
    """Load a sample through a mapping in a temporary home, and stage it.

    Args:
        mapping: the file.
        sample: a file, a folder or a glob of data files.
        entity: ``source.entity``, where the mapping does not name its entities.
        file_format: parquet, csv or json; by default what the files' names tell.
        progress: called with steps done, steps in all, and what was done.

    Raises:
        UsageError: the mapping, the sample or the entity is not usable.
        FootfallError: no file could be loaded, or Spark failed.
    """
    entities = entities_of(mapping, entity)
    contracts = [get_contract(name) for name in entities]
    mappings = {contract.name: load_mapping(mapping, contract) for contract in contracts}
    tell = progress or (lambda _done, _total, _text: None)
    files = expand_paths([sample], file_format or mappings[entities[0]].format)  # type: ignore[arg-type]
    paths = [str(file) for file in files]
    with _temporary_home() as folder, project_of(entities) as build:
        reports = load_all(entities, paths, mapping, file_format)
        tell(1, 3, "loaded")
        sources = {contract.source for contract in contracts}
        known = load_contracts().values()
        staged = [contract.staging_model for contract in known if contract.source in sources]
        build([*staged, "dq_quarantine", "dq_load_reconciliation"])
        tell(2, 3, "staged")
        found = results(reports)
        shown = {
            contract.name: _shown(files[0], contract, mappings[contract.name], file_format, folder)
            for contract in contracts
        }
        tell(3, 3, "read")
        return MappingCheck(results=found, shown=shown)


def check_mapping_of_table(
    mapping: Path, table: str, entity: str | None = None, progress: Progress | None = None
) -> MappingCheck:
    """Check a mapping on rows of a table that is to be adopted, which are loaded as a file.

    Args:
        mapping: the file.
        table: as ``catalog.schema.table``; its first 100,000 rows are taken.
        entity: see :func:`check_mapping`.
        progress: see :func:`check_mapping`.

    Raises:
        UsageError: see :func:`check_mapping`; or the table's name is none.
        FootfallError: see :func:`check_mapping`; or there is no such table.
    """
    entities_of(mapping, entity)
    text = table_text(table, None)
    with TemporaryDirectory(prefix=HOME_PREFIX) as folder:
        rows = Path(folder) / f"{table}.parquet"
        # In a process of its own: this one's Spark will have another catalog.
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as reader:
            reader.submit(_write_rows, text, rows).result()
        return check_mapping(mapping, str(rows), entity, progress=progress)


def _write_rows(table: str, file: Path) -> None:
    """Write the first rows of a table, which is given as it stands in SQL, as a Parquet file."""
    spark = get_session(join_others=True)
    columns = [quoted_name(column.name) for column in table_shape(spark, table).columns]
    pq.write_table(spark.table(table).select(*columns).limit(TABLE_ROWS).toArrow(), file)


@contextmanager
def _temporary_home() -> Iterator[Path]:
    with (
        TemporaryDirectory(prefix=HOME_PREFIX, ignore_cleanup_errors=True) as folder,
        own_home(Path(folder) / "home"),
    ):
        yield Path(folder)


def _shown(
    file: DataPath, contract: Contract, mapping: Mapping, file_format: str | None, folder: Path
) -> list[Shown]:
    """Return the first rows of a file that the mapping selects, each mapped by itself."""
    kind = format_of(file, file_format or mapping.format)  # type: ignore[arg-type]
    try:
        shape = inspect(file, kind, mapping.csv)
        plan = plan_read(file, shape, contract, mapping)
    except FileRejectedError:
        return []
    alone = folder / "rows" / contract.name
    alone.mkdir(parents=True)
    written = [
        (_write_alone(file, number, row, plan, mapping, alone), row)
        for number, row in islice(_selected(file, shape, mapping), SHOWN_ROWS)
    ]
    if not written:
        return []
    frame = read_files(
        ready_to_read(get_session()), [part for part, _row in written], plan, contract, mapping
    )
    mapped = frame.where(SELECTED).collect()
    return [
        Shown(
            before=row,
            after=[
                {
                    name: value
                    for name, value in made.asDict(recursive=True).items()
                    if value is not None and name not in (SELECTED, SOURCE_FILE)
                }
                for made in mapped
                if made[SOURCE_FILE] == str(part)
            ],
        )
        for part, row in written
    ]


def _selected(
    file: DataPath, shape: FileShape, mapping: Mapping
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the numbers and values of the first rows that the mapping has a kind for."""
    kinds = mapping.all_kinds()
    for number, row in enumerate(islice(sample_rows(file, shape, mapping.csv), SAMPLE_ROWS)):
        if any(selects(row_kind, row) for row_kind in kinds):
            yield number, row


def _write_alone(
    file: DataPath, number: int, row: dict[str, Any], plan: ReadPlan, mapping: Mapping, folder: Path
) -> Path:
    """Write one row of a file as a file of the same shape."""
    shape = plan.shape
    alone = folder / f"{number}.{shape.file_format}"
    if shape.file_format == "avro":
        write_row(file, number, alone)
    elif not shape.is_text:
        batch = next(stored_batches(file, shape.file_format, SAMPLE_ROWS))
        table = pa.Table.from_batches([batch.slice(number, 1)])
        (orc if shape.file_format == "orc" else pq).write_table(table, alone)
    elif shape.file_format == "json":
        alone.write_text(json.dumps([row] if shape.json_array else row) + "\n", encoding="utf-8")
    else:
        with alone.open("w", encoding=mapping.csv.encoding, newline="") as lines:
            if mapping.csv.quote:
                writer = csv.writer(lines, delimiter=shape.delimiter, quotechar=mapping.csv.quote)
            else:
                writer = csv.writer(lines, delimiter=shape.delimiter, quoting=csv.QUOTE_NONE)
            if mapping.csv.columns is None:
                writer.writerow(column.name for column in shape.columns if not column.of_folder)
            writer.writerow(value or "" for value in row.values())
    return alone
