"""Dirt with stated shares: duplicates, late rows, and rows that break one rule of the contract."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from footfall.generate.columns import (
    Array,
    Columns,
    blank_of,
    null_of,
    round_at_random,
    row_count,
    take,
)
from footfall.generate.strings import StringEncoder, Vocabulary
from footfall.project.contracts import Column, Contract

MOST_DAYS_LATE = 10
UNKNOWN_VALUE = "other"
"""What stands in a row that breaks a rule of accepted values or of a pattern: a vocabulary ends
with it, after the accepted values."""


class DirtShares(BaseModel):
    """How much dirt to plant, each as a share of an entity's valid rows.

    Late rows are valid rows that arrive late, and later versions are valid, too. All other dirt
    comes on top of the valid rows, so that the sources stay consistent with each other.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    duplicates: float = Field(default=0.01, ge=0, le=1)
    late: float = Field(default=0.02, ge=0, le=1)
    versions: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="Payments and customers of which later versions are delivered.",
    )
    null_keys: float = Field(
        default=0.003,
        ge=0,
        le=1,
        description="Shared by the required columns of an entity; every other id is blank.",
    )
    unknown_types: float = Field(default=0.002, ge=0, le=1)
    below_minimum: float = Field(
        default=0.002, ge=0, le=1, description="Negative durations, items."
    )
    above_maximum: float = Field(default=0.002, ge=0, le=1, description="Durations over 2 hours.")
    non_positive_payments: float = Field(
        default=0.005, ge=0, le=1, description="Shared by quantity, price and amount of payments."
    )


@dataclass(frozen=True)
class Rule:
    """One rule of a contract and the share of rows that break it."""

    column: Column
    kind: str
    reason: str
    share: float
    is_id: bool = False
    unknown_code: int = 0


def rules_of(
    contract: Contract, shares: DirtShares, strings: Mapping[str, StringEncoder]
) -> list[Rule]:
    """Return the rules that rows of the contract can break, with the reason a reject gets.

    Args:
        contract: of the rows.
        shares: how much dirt to plant.
        strings: the vocabularies of text columns, by column.
    """
    required = sum(column.required for column in contract.columns)
    is_payment = any(column.above is not None for column in contract.columns)
    limits = sum(
        limit is not None for column in contract.columns for limit in (column.minimum, column.above)
    )
    payment = shares.non_positive_payments / max(limits, 1)
    below = payment if is_payment else shares.below_minimum
    rules = []
    for column in contract.columns:
        name = column.name
        if column.required:
            share = shares.null_keys / required
            is_id = name in contract.ids
            rules.append(Rule(column, "missing", f"{name}_missing", share, is_id))
        if column.accepted_values or column.pattern:
            reason = f"{name}_unknown" if column.accepted_values else f"{name}_unlike_pattern"
            values = strings[name]
            assert isinstance(values, Vocabulary)
            last = len(values) - 1
            rules.append(Rule(column, "unknown", reason, shares.unknown_types, unknown_code=last))
        if column.minimum is not None:
            rules.append(Rule(column, "below", f"{name}_below_minimum", below))
        if column.maximum is not None:
            rules.append(Rule(column, "above", f"{name}_above_maximum", shares.above_maximum))
        if column.above is not None:
            reason = f"{name}_not_above_{column.above:g}"
            rules.append(Rule(column, "not_above", reason, payment))
    return rules


def _break(rule: Rule, values: Array, rows: Array, rng: np.random.Generator) -> None:
    """Overwrite the given rows of a column with values that break the rule."""
    column = rule.column
    top = int(column.maximum or 0)
    broken: Array | int
    if rule.kind == "missing":
        broken = null_of(values)
        if rule.is_id:
            values[rows[::2]] = blank_of(values)
            rows = rows[1::2]
    elif rule.kind == "unknown":
        broken = rule.unknown_code
    elif rule.kind == "below":
        broken = int(column.minimum or 0) - rng.integers(1, 4 + top // 1000, len(rows))
    elif rule.kind == "above":
        broken = top + rng.integers(1, 8 * top, len(rows))
    else:
        broken = round((column.above or 0) * 100) - rng.integers(0, 5000, len(rows))
    values[rows] = broken


def spoil(
    rules: list[Rule],
    valid: Columns,
    next_id: tuple[str, int] | None,
    rng: np.random.Generator,
) -> tuple[Columns, Counter[str]]:
    """Return rejected rows, each a copy of a valid row that breaks exactly one rule.

    Args:
        rules: the contract's rules.
        valid: the valid rows, at least one.
        next_id: where the contract has an id, its column and the first unused number: each
            rejected row gets an id of its own.

    Returns:
        The rows, and how many break each rule, by reason.
    """
    counts = [round_at_random(row_count(valid) * rule.share, rng) for rule in rules]
    rejected = take(valid, rng.integers(0, row_count(valid), sum(counts)))
    if next_id:
        id_column, first = next_id
        rejected[id_column] = np.arange(first, first + sum(counts), dtype=np.int64)
    position = 0
    for rule, count in zip(rules, counts, strict=True):
        rows = np.arange(position, position + count)
        _break(rule, rejected[rule.column.name], rows, rng)
        position += count
    reasons = Counter({rule.reason: n for rule, n in zip(rules, counts, strict=True) if n})
    return rejected, reasons


def delay(size: int, share: float, day: int, last_day: int, rng: np.random.Generator) -> Array:
    """Return the day of arrival of ``size`` rows of a day: a share of them is 1 to 10 days late.

    Nothing arrives after ``last_day``.
    """
    arrival = np.full(size, day, dtype=np.int32)
    count = min(size, round_at_random(size * share, rng))
    rows = rng.choice(size, count, replace=False, shuffle=False)
    arrival[rows] = np.minimum(day + rng.integers(1, MOST_DAYS_LATE + 1, count), last_day)
    return arrival
