"""Source contracts, read from the dbt sources yml: the only place where they stand."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel

from footfall.errors import UsageError
from footfall.settings import Settings, get_settings

LOAD_COLUMNS = {
    "_load_id": "bigint",
    "_ingested_at": "timestamp",
    "_source_file": "string",
    "_ingest_errors": "array<string>",
}
"""What ingestion adds to every bronze row (macros/staging/create_missing_sources.sql agrees)."""


class Column(BaseModel):
    """One column of a contract.

    ``required`` means: a file without it is rejected, a row with a null in it is quarantined, and
    so is one whose id is blank.
    ``pattern`` is a regular expression that is found in each text, ``^`` and ``$`` for its ends.
    ``minimum`` and ``maximum`` are inclusive, ``above`` is exclusive. ``otherwise`` is an SQL
    expression for the column's value where it is null. ``identifies`` says that the column holds a
    person's identifier, and in which space: the id of a user is not that of a customer.
    ``personal`` says that its values name or reach a person, as a telephone number does.
    """

    name: str
    data_type: str
    description: str
    required: bool = False
    accepted_values: list[str] | None = None
    pattern: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None
    otherwise: str | None = None
    identifies: Literal["user", "customer"] | None = None
    personal: bool = False


class Contract(BaseModel):
    """What one entity of one source promises to deliver.

    ``message_id`` is the column with the producer's id of an event. ``version`` is the column that
    tells which of several deliveries of a key is the newest; each of them is kept then. Where
    ``optional``, files that could have rows of the entity may well have none.
    """

    source: str
    entity: str
    identifier: str
    description: str
    event_time: str
    key: list[str]
    message_id: str | None = None
    version: str | None = None
    optional: bool = False
    owner: str
    columns: list[Column]

    @property
    def name(self) -> str:
        """The entity as users write it, for example ``product.interactions``."""
        return f"{self.source}.{self.entity}"

    def bronze_table(self, settings: Settings) -> str:
        return f"{settings.schema_of('bronze')}.{self.identifier}"

    def staging_table(self, settings: Settings) -> str:
        return f"{settings.schema_of('silver')}.{self.staging_model}"

    @property
    def ids(self) -> list[str]:
        """The columns that hold ids (macros/staging/id_columns.sql agrees).

        They are required strings without accepted values, in the key or named ``*_id``.
        """
        return [
            column.name
            for column in self.columns
            if column.data_type == "string"
            and column.required
            and column.accepted_values is None
            and (column.name in self.key or column.name.endswith("_id"))
        ]

    @property
    def staging_model(self) -> str:
        """The dbt model that reads the bronze table."""
        return f"stg_{self.source}__{self.entity}"

    def identifiers_of(self, space: str) -> list[Column]:
        """Return the columns that hold identifiers of a space (``user`` or ``customer``)."""
        return [column for column in self.columns if column.identifies == space]

    def ddl(self) -> str:
        """Return the bronze table's columns as Spark DDL, load columns included."""
        columns = {column.name: column.data_type for column in self.columns} | LOAD_COLUMNS
        return ", ".join(f"`{name}` {data_type}" for name, data_type in columns.items())


def _parse_table(source: str, table: dict[str, Any]) -> Contract:
    meta = table["config"]["meta"]
    columns = [
        Column(
            **{key: value for key, value in column.items() if key in Column.model_fields},
            **column.get("config", {}).get("meta", {}),
        )
        for column in table["columns"]
    ]
    return Contract(
        source=source,
        entity=table["name"],
        identifier=table.get("identifier", table["name"]),
        description=table["description"],
        event_time=meta["event_time"],
        key=meta["key"],
        message_id=meta.get("message_id"),
        version=meta.get("version"),
        optional=meta.get("optional", False),
        owner=meta["owner"],
        columns=columns,
    )


def load_contracts(project_dir: Path | None = None) -> dict[str, Contract]:
    """Return all contracts by name (``source.entity``), in the order of the yml files.

    Args:
        project_dir: the folder of footfall's models; the settings' own by default.
    """
    return _read_contracts(project_dir or get_settings().package_dir)


@lru_cache(maxsize=4)
def _read_contracts(project_dir: Path) -> dict[str, Contract]:
    contracts = [
        _parse_table(source["name"], table)
        for file in sorted((project_dir / "models" / "staging").glob("*/_*__sources.yml"))
        for source in yaml.safe_load(file.read_text())["sources"]
        for table in source["tables"]
    ]
    return {contract.name: contract for contract in contracts}


def get_contract(name: str) -> Contract:
    """Return the contract of ``source.entity``.

    Raises:
        UsageError: there is no such entity.
    """
    contracts = load_contracts()
    if name not in contracts:
        raise UsageError(
            f"There is no source entity {name!r}.", f"Choose one of: {', '.join(contracts)}."
        )
    return contracts[name]
