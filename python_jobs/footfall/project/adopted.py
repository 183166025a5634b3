"""Adopted tables: somebody else's Delta tables that views put in the place of bronze tables.

The view of an entity says in its properties which table it is made of (``footfall.adopted.…``);
``macros/adopted`` follows that table's commits at the start of each build.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel

from footfall.errors import UsageError
from footfall.project.contracts import Contract, load_contracts
from footfall.project.protocol import table_properties
from footfall.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PREFIX = "footfall.adopted."

OnChange = Literal["apply", "refuse"]


class Adoption(BaseModel):
    """Which table an entity's rows are read from, and what happens when its rows change.

    Attributes:
        table: as it stands in SQL.
        table_id: Delta's, another one where a table was replaced.
        on_change: whether rows that are updated or deleted are followed, or stop the build.
        signature: of table, mapping and arrival column; another one means other rows or loads.
        arrival_column: the column that says when a row arrived; null where row tracking tells the
            commit that wrote it.
    """

    table: str
    table_id: str
    on_change: OnChange
    signature: str
    arrival_column: str | None = None

    def properties(self) -> dict[str, str]:
        """Return the properties of the view."""
        told = self.model_dump(exclude_none=True)
        return {f"{PREFIX}{name}": value for name, value in told.items()}


def adoption_of(spark: SparkSession, settings: Settings, contract: Contract) -> Adoption | None:
    """Return the adoption of an entity; None where its bronze table is no view of another."""
    return adoptions(spark, settings).get(contract.name)


def adoptions(spark: SparkSession, settings: Settings) -> dict[str, Adoption]:
    """Return the adopted tables by entity."""
    bronze = settings.schema_of("bronze")
    if not spark.catalog.databaseExists(bronze):
        return {}
    views = {row["viewName"] for row in spark.sql(f"show views in {bronze}").collect()}
    found = {
        name: _read(spark, contract.bronze_table(settings))
        for name, contract in load_contracts().items()
        if contract.identifier in views
    }
    return {name: adoption for name, adoption in found.items() if adoption}


def _read(spark: SparkSession, view: str) -> Adoption | None:
    """Return what a view says of itself; None where it is somebody's own."""
    found = table_properties(spark, view)
    told = {
        name: found[f"{PREFIX}{name}"]
        for name in Adoption.model_fields
        if f"{PREFIX}{name}" in found
    }
    return Adoption.model_validate(told) if "signature" in told else None


def require_not_adopted(spark: SparkSession, settings: Settings, contract: Contract) -> None:
    """Refuse to write rows of an entity that are read from an adopted table.

    Raises:
        UsageError: the entity has one.
    """
    if adoption := adoption_of(spark, settings, contract):
        raise UsageError(
            f"The rows of {contract.name} are read from the adopted table {adoption.table}.",
            f"Write to that table, or give it up: footfall adopt {contract.name} --release",
        )
