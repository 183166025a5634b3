"""Rows to Parquet landing files, one a day of arrival, with a count of all that was written."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from footfall.errors import FootfallError
from footfall.generate.columns import (
    DAY,
    MINUTE,
    Array,
    Columns,
    blank_of,
    concatenate,
    null_of,
    random_stream,
    row_count,
    take,
)
from footfall.generate.dirt import DirtShares, Rule, delay, rules_of, spoil
from footfall.generate.entities import Entity
from footfall.generate.strings import StringEncoder, validity
from footfall.generate.world import Period
from footfall.project.contracts import Contract

ARRIVAL_MINUTE = "_arrival_minute"
MINUTES_A_DAY = 1440
BLANK = " \t"
ROWS_A_GROUP = 1_000_000
DUPLICATES_IN_SAME_FILE = 0.6


def _nullable(values: Array, data_type: Any) -> Any:
    missing = values == null_of(values)
    return pa.array(values, data_type, mask=missing if missing.any() else None)


def _decimals(hundredths: Array) -> Any:
    """Return decimal(18,2) from hundredths, without a detour over Python objects."""
    missing = hundredths == null_of(hundredths)
    words = np.empty((len(hundredths), 2), dtype=np.int64)
    words[:, 0] = hundredths
    words[:, 1] = hundredths >> 63
    return pa.Decimal128Array.from_buffers(
        pa.decimal128(18, 2), len(words), [validity(missing), pa.py_buffer(words)]
    )


def _impressions(cells: Array) -> Any:
    """Return lists of (item_id, is_order) from cells: item id × 2 + is_order, 0 where free."""
    missing = cells[:, 0] == null_of(cells)
    used = (cells > 0) & ~missing[:, None]
    offsets = np.zeros(len(cells) + 1, dtype=np.int32)
    np.cumsum(used.sum(axis=1), out=offsets[1:])
    shown = cells[used]
    items = pa.StructArray.from_arrays(
        [pa.array(shown // 2, pa.int32()), pa.array(shown % 2 == 1)], ["item_id", "is_order"]
    )
    return pa.ListArray.from_arrays(
        pa.array(offsets, pa.int32()), items, mask=pa.array(missing) if missing.any() else None
    )


def _strings(codes: Array, encoder: StringEncoder) -> Any:
    blank = codes == blank_of(codes)
    if not blank.any():
        return encoder.encode(codes)
    array = encoder.encode(np.where(blank, null_of(codes), codes))
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    return pc.if_else(blank, BLANK, array)


def encode(contract: Contract, columns: Columns, strings: dict[str, StringEncoder]) -> Any:
    """Return the rows as an Arrow table with exactly the contract's columns and types.

    Raises:
        FootfallError: the contract has a type that no generated column has.
    """
    arrays = []
    for column in contract.columns:
        if column.name not in columns and not column.required and column.data_type == "string":
            # Ids of events and devices, which the simulated world has none of.
            arrays.append(pa.nulls(row_count(columns), pa.string()))
            continue
        values = columns[column.name]
        if column.data_type == "string":
            array = _strings(values, strings[column.name])
        elif column.data_type == "timestamp":
            array = _nullable(values, pa.timestamp("us", tz="UTC"))
        elif column.data_type == "date":
            array = _nullable(values, pa.date32())
        elif column.data_type == "int":
            array = _nullable(values, pa.int32())
        elif column.data_type == "bigint":
            array = _nullable(values, pa.int64())
        elif column.data_type == "decimal(18,2)":
            array = _decimals(values)
        elif column.data_type == "array<struct<item_id:int,is_order:boolean>>":
            array = _impressions(values)
        else:
            raise FootfallError(
                f"No {column.data_type} can be generated for {contract.name}.{column.name}.",
                "Give the contract's column one of the types that other columns have.",
            )
        arrays.append(array)
    return pa.Table.from_arrays(arrays, names=[column.name for column in contract.columns])


def landing_options(contract: Contract, id_column: str | None) -> dict[str, Any]:
    """Return how pyarrow is to write an entity's landing files.

    Args:
        contract: the entity's.
        id_column: the column with a running number that identifies a row, if there is one.
    """
    return {
        # A dictionary of values that hardly repeat costs time and saves nothing.
        "use_dictionary": [
            column.name
            for column in contract.columns
            if column.data_type != "timestamp" and column.name != id_column
        ],
        # Readers see plain columns, not how Arrow held them here.
        "store_schema": False,
    }


@dataclass
class Landing:
    """The landing files of one entity, written a day at a time.

    Args:
        entity: what is written.
        folder: where.
        period: the days; nothing arrives after the last one.
        seed: of all random numbers.
        dirt: how much dirt to plant.
    """

    entity: Entity
    folder: Path
    period: Period
    seed: int
    dirt: DirtShares
    files: int = 0
    accepted: int = 0
    versions: int = 0
    duplicates: int = 0
    late: int = 0
    rejects: Counter[str] = field(default_factory=Counter)
    _waiting: dict[int, list[Columns]] = field(default_factory=dict)
    _next_id: int = 0
    _rules: list[Rule] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._next_id = self.entity.first_id
        self._rules = rules_of(self.entity.contract, self.dirt, self.entity.strings)

    def counts(self) -> dict[str, Any]:
        """Return the truth about the files: rows = accepted + duplicates + quarantined.

        Of the accepted rows ``versions`` are later versions of others.
        """
        quarantined = sum(self.rejects.values())
        return {
            "files": self.files,
            "rows": self.accepted + self.duplicates + quarantined,
            "accepted": self.accepted,
            "versions": self.versions,
            "duplicates": self.duplicates,
            "quarantined": quarantined,
            "rejects": dict(sorted(self.rejects.items())),
            "late": self.late,
        }

    def deliver(self, valid: Columns, day: int) -> None:
        """Take all valid rows of one event day, add the dirt, and spread it over arrival days.

        Args:
            valid: the contract's columns; a running id may be left out and is added here.
            day: index of the event day, and the day of arrival of rows that are in time.
        """
        size = row_count(valid)
        if size == 0:
            return
        contract = self.entity.contract
        last_day = self.period.days - 1
        rng = random_stream(self.seed, f"dirt {contract.name}", day)
        valid = dict(valid)
        next_id: tuple[str, int] | None = None
        if id_column := self.entity.id_column:
            if id_column not in valid:
                valid[id_column] = np.arange(self._next_id, self._next_id + size, dtype=np.int64)
                self._next_id += size
            next_id = (id_column, self._next_id)
        self._deliver_versions(valid, day)
        valid[ARRIVAL_MINUTE] = self._minutes(valid[contract.event_time], rng)

        late_share = self.dirt.late if self.entity.can_be_late else 0.0
        arrival = delay(size, late_share, day, last_day, rng)
        on_time = arrival == day
        self._spread(valid, arrival, on_time, day)

        # Duplicates arrive with their original, after it in the file, or up to three days later.
        copies = self._sample(size, self.dirt.duplicates, rng)
        again = arrival[copies] + np.where(
            rng.random(len(copies)) < DUPLICATES_IN_SAME_FILE, 0, rng.integers(1, 4, len(copies))
        )
        duplicates = take(valid, copies)
        again = np.minimum(again, last_day)
        minute = duplicates[ARRIVAL_MINUTE] + rng.integers(0, 60, len(copies), dtype=np.uint16)
        duplicates[ARRIVAL_MINUTE] = np.minimum(minute, MINUTES_A_DAY - 1)
        self._spread(duplicates, again, again == day, day)

        rejected, reasons = spoil(self._rules, valid, next_id, rng)
        self._next_id += row_count(rejected)
        self._waiting.setdefault(day, []).append(rejected)

        self.accepted += size
        self.duplicates += len(copies)
        self.rejects += reasons
        self.late += size - int(np.count_nonzero(on_time))

    def write(self, day: int) -> None:
        """Write the file of one arrival day, if anything arrived on it."""
        parts = self._waiting.pop(day, [])
        if not parts:
            return
        columns = concatenate(parts)
        # A stable sort of small integers takes linear time and leaves ties in order of delivery.
        order = np.argsort(columns.pop(ARRIVAL_MINUTE), kind="stable")
        table = encode(self.entity.contract, take(columns, order), self.entity.strings)
        name = self.entity.contract.entity
        self.folder.mkdir(parents=True, exist_ok=True)
        pq.write_table(
            table,
            self.folder / f"{name}-{self.period.start + timedelta(days=day)}.parquet",
            row_group_size=ROWS_A_GROUP,
            **landing_options(self.entity.contract, self.entity.id_column),
        )
        self.files += 1

    def _deliver_versions(self, valid: Columns, day: int) -> None:
        """Let some rows change; the later versions arrive on the day of their change."""
        if not self.entity.revise:
            return
        rng = random_stream(self.seed, f"versions {self.entity.contract.name}", day)
        chosen = self._sample(row_count(valid), self.dirt.versions, rng)
        for later in self.entity.revise(valid, chosen, self.period, rng):
            later = take(later, later["updated_at"] < self.period.end)
            later[ARRIVAL_MINUTE] = self._minutes(later["updated_at"], rng)
            changed_on = later["updated_at"] // DAY - self.period.first_day
            arrival = np.maximum(changed_on, day).astype(np.int32)
            self._spread(later, arrival, arrival == day, day)
            size = row_count(later)
            self.accepted += size
            self.versions += size
            self.late += int(np.count_nonzero(arrival > day))

    def _minutes(self, event_time: Array, rng: np.random.Generator) -> Array:
        """Return the minute of the day at which rows arrive: at once, if they have a time."""
        if event_time.dtype != np.int64:
            return rng.integers(0, MINUTES_A_DAY, len(event_time), dtype=np.uint16)
        minutes: Array = (event_time % DAY // MINUTE).astype(np.uint16)
        return minutes

    def _sample(self, size: int, share: float, rng: np.random.Generator) -> Array:
        count = min(size, int(np.floor(size * share + rng.random())))
        rows: Array = np.sort(rng.choice(size, count, replace=False, shuffle=False))
        return rows

    def _spread(self, rows: Columns, arrival: Array, on_time: Array, day: int) -> None:
        self._waiting.setdefault(day, []).append(take(rows, on_time))
        later = np.flatnonzero(~on_time)
        for arrival_day in np.unique(arrival[later]):
            part = take(rows, later[arrival[later] == arrival_day])
            self._waiting.setdefault(int(arrival_day), []).append(part)
