"""The training workload: a production day's rows at a scale, and the history before them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from footfall.generate.columns import DAY, Array, Columns, concatenate, random_stream, row_count
from footfall.generate.entities import shop_clicks, shop_impressions, shop_items
from footfall.generate.history import write_history
from footfall.generate.run import HISTORY_FOLDER, Progress, prepare_folder, write_truth
from footfall.generate.sessions import SHOWN_ORDERS, SIMPLES_PER_ITEM, mark_ordered
from footfall.generate.shop import (
    ACTIVITY_EXPONENT,
    AUDIENCE_EXPONENT,
    HEAD_DRAWS,
    HEAD_ITEMS,
    ROWS_A_DAY,
    SHOWN_ITEMS,
    Shop,
    TrainingPlan,
)
from footfall.generate.strings import Numbered, StringEncoder
from footfall.generate.world import daily_rhythm
from footfall.generate.writer import encode, landing_options
from footfall.project.contracts import get_contract
from footfall.project.dbt import project_vars

MILLISECOND = 1000
CHUNK_ROWS = 1_000_000
"""The most rows drawn at a time, and of a row group."""
CHUNKS_A_FILE = 2

BYTES_A_ROW = {
    "shop.impressions": 29.2,
    "shop.clicks": 7.4,
    "shop.add_to_carts": 11.0,
    "shop.orders": 12.3,
}
BYTES_A_HISTORY_ACTION = 2.8
"""For the estimate, as measured at scale 1.0; smaller scales have shorter ids and take less."""

SIMULATED = [
    f"customers act by a Zipf law of exponent {ACTIVITY_EXPONENT}, the same every day;"
    " ids say nothing of activity",
    f"rankings are shown by the square root of the activity (exponent {AUDIENCE_EXPONENT})",
    f"items by a Zipf law: {HEAD_ITEMS:.0%} of them take {HEAD_DRAWS:.0%} of the draws;"
    " ids say nothing of popularity",
    f"a ranking shows {SHOWN_ITEMS} different items; {SHOWN_ORDERS:.0%} of the orders are of a"
    " shown item, and is_order is true exactly if the customer ordered the item that day",
    "times follow the hours of a day, in milliseconds; rows stand in their order in the files",
    "history: the number of actions is Poisson with the rate of the days, types in the same"
    " proportions, dates those of the newest actions at a constant rate",
]
NOT_SIMULATED = [
    "duplicates, late rows, broken rows",
    "sessions, weekdays, new or lapsing customers and items",
    "tastes: a click, cart or order knows nothing of the customer's others, and an order needs no"
    " click or cart before it",
    "the order of the history's actions within a day, which is as drawn",
]


def _bounds(rows: int) -> list[tuple[int, int]]:
    """Return the begin and end of the chunks of so many rows, all about equally large."""
    chunks = -(-rows // CHUNK_ROWS)
    edges = [rows * chunk // chunks for chunk in range(chunks + 1)]
    return list(pairwise(edges))


def _times(day: int, share: tuple[float, float], size: int, rng: np.random.Generator) -> Array:
    """Return ascending times in whole milliseconds, within a share of the day's rhythm.

    Args:
        day: in days since 1970.
        share: begin and end of the share of the day's events, from 0 to 1.
        size: how many times.
    """
    begin, end = share
    quantiles = begin + (end - begin) * rng.random(size)
    # Neighbouring shares have no millisecond in common: no row of one repeats one of the other.
    edges = daily_rhythm(np.array(share)) // MILLISECOND
    times: Array = np.clip(daily_rhythm(quantiles) // MILLISECOND, edges[0], edges[1] - 1)
    times.sort()
    times *= MILLISECOND
    times += day * DAY
    return times


def _repeated(rows: Columns) -> Array:
    """Return the positions of rows that repeat an earlier one; the rows are sorted by time."""
    found: list[Array] = [np.empty(0, dtype=np.int64)]
    lag = 1
    while (same := rows["time"][lag:] == rows["time"][:-lag]).any():
        same &= rows["user"][lag:] == rows["user"][:-lag]
        same &= rows["item"][lag:] == rows["item"][:-lag]
        found.append(np.flatnonzero(same) + lag)
        lag += 1
    positions: Array = np.unique(np.concatenate(found))
    return positions


class _Day:
    """Draws the rows of one day, chunk by chunk.

    Args:
        shop: the customers and items.
        index: of the day, from 0.
    """

    def __init__(self, shop: Shop, index: int) -> None:
        self.shop = shop
        self.index = index
        self.date = shop.plan.first_day + index

    def chunks(self) -> dict[str, Iterator[Columns]]:
        """Return the chunks of each entity's rows, in the contracts' columns.

        Rankings and orders are drawn together: about 250 bytes a ranking.
        """
        impressions, orders = self._rankings_and_orders()
        return {
            "shop.impressions": _slices(impressions),
            "shop.clicks": map(shop_clicks, self._actions("shop.clicks")),
            "shop.add_to_carts": (
                shop_items(rows, "dt") for rows in self._actions("shop.add_to_carts")
            ),
            "shop.orders": _slices(shop_items(orders, "order_date")),
        }

    def _stream(self, name: str, chunk: int = 0) -> np.random.Generator:
        return random_stream(self.shop.plan.seed, f"training {name} {self.index}", chunk)

    def _actions(self, name: str) -> Iterator[Columns]:
        """Yield chunks of rows with user, item, simple and time."""
        size = self.shop.plan.rows_a_day[name]
        for chunk, (begin, end) in enumerate(_bounds(size)):
            rng = self._stream(name, chunk)
            yield self._completed(
                {
                    "user": self.shop.actors.draw(end - begin, rng),
                    "item": self.shop.items.draw(end - begin, rng),
                    "time": _times(self.date, (begin / size, end / size), end - begin, rng),
                },
                rng,
            )

    def _completed(self, rows: Columns, rng: np.random.Generator) -> Columns:
        """Draw the items of repeated rows again, and a variant for each item."""
        while len(repeated := _repeated(rows)):
            rows["item"][repeated] = self.shop.items.draw(len(repeated), rng)
        variant = rng.integers(0, SIMPLES_PER_ITEM, len(rows["item"]), dtype=np.int32)
        rows["simple"] = rows["item"] * SIMPLES_PER_ITEM + variant
        return rows

    def _rankings_and_orders(self) -> tuple[Columns, Columns]:
        """Return the impressions, and the orders with user, item, simple and time."""
        plan = self.shop.plan
        rng = self._stream("rankings")
        size = plan.rows_a_day["shop.impressions"]
        shown_to = self.shop.audience.draw(size, rng)
        cells = self.shop.rankings(size, rng)
        orders = self._orders(shown_to, cells)
        cells *= 2
        mark_ordered(cells, shown_to, orders, plan.customers, plan.items)
        impressions = shop_impressions(self.date, shown_to, cells)
        first = self.index * size + 1
        impressions["ranking_id"] = np.arange(first, first + size, dtype=np.int64)
        return impressions, orders

    def _orders(self, shown_to: Array, shown: Array) -> Columns:
        """Draw the day's orders, most of them of an item in a ranking, one a ranking at most."""
        rng = self._stream("shop.orders")
        size = self.shop.plan.rows_a_day["shop.orders"]
        from_rankings = round(SHOWN_ORDERS * size)
        rankings = rng.choice(len(shown_to), from_rankings, replace=False)
        slots = rng.integers(0, SHOWN_ITEMS, from_rankings)
        others = size - from_rankings
        rows = concatenate(
            [
                {"user": shown_to[rankings], "item": shown[rankings, slots]},
                {
                    "user": self.shop.actors.draw(others, rng),
                    "item": self.shop.items.draw(others, rng),
                },
            ]
        )
        order = rng.permutation(size)
        rows = {name: values[order] for name, values in rows.items()}
        rows["time"] = _times(self.date, (0.0, 1.0), size, rng)
        return self._completed(rows, rng)


def _slices(rows: Columns) -> Iterator[Columns]:
    for begin, end in _bounds(row_count(rows)):
        yield {name: values[begin:end] for name, values in rows.items()}


class _Files:
    """The landing files of one entity, several a day where it is large.

    Args:
        name: of the entity.
        out: the folder of the data set.
    """

    def __init__(self, name: str, out: Path) -> None:
        self.contract = get_contract(name)
        self._folder = out / self.contract.source / self.contract.entity
        id_column = "ranking_id" if name == "shop.impressions" else None
        self._strings: dict[str, StringEncoder] = {"ranking_id": Numbered("r", 10)}
        self._options = landing_options(self.contract, id_column) | {"compression": "zstd"}
        self.files = self.rows = self.bytes = 0

    def counts(self) -> dict[str, Any]:
        """Return the truth about the files, in the terms of the sample generator."""
        return {
            "files": self.files,
            "rows": self.rows,
            "accepted": self.rows,
            "versions": 0,
            "duplicates": 0,
            "quarantined": 0,
            "rejects": {},
            "late": 0,
            "bytes": self.bytes,
        }

    def write(self, day: str, chunks: Iterator[Columns], rows: int) -> None:
        """Write the files of one day.

        Args:
            day: as it stands in the files' names.
            chunks: the rows, in the contract's columns.
            rows: how many rows the chunks have together.
        """
        parts = -(-len(_bounds(rows)) // CHUNKS_A_FILE)
        self._folder.mkdir(parents=True, exist_ok=True)
        for part in range(parts):
            suffix = f"-{part:0{max(2, len(str(parts - 1)))}d}" if parts > 1 else ""
            path = self._folder / f"{self.contract.entity}-{day}{suffix}.parquet"
            self._write_file(path, chunks)
            self.files += 1
            self.bytes += path.stat().st_size
        self.rows += rows

    def _write_file(self, path: Path, chunks: Iterator[Columns]) -> None:
        table = encode(self.contract, next(chunks), self._strings)
        with pq.ParquetWriter(path, table.schema, **self._options) as writer:
            writer.write_table(table)
            for _ in range(CHUNKS_A_FILE - 1):
                if (chunk := next(chunks, None)) is not None:
                    writer.write_table(encode(self.contract, chunk, self._strings))


def _write_days(out: Path, shop: Shop, step: Callable[[str], None]) -> dict[str, Any]:
    plan = shop.plan
    files = {name: _Files(name, out) for name in ROWS_A_DAY}
    for index in range(plan.days):
        day = (plan.start + timedelta(days=index)).isoformat()
        for name, chunks in _Day(shop, index).chunks().items():
            files[name].write(day, chunks, plan.rows_a_day[name])
            step(f"{files[name].contract.entity} of {day}")
    return {name: written.counts() for name, written in files.items()}


def _arguments(plan: TrainingPlan) -> dict[str, Any]:
    return {
        "workload": "training",
        "seed": plan.seed,
        "start": plan.start.isoformat(),
        "days": plan.days,
        "scale": plan.scale,
        "history_days": plan.history_days,
        "customers": plan.customers,
        "items": plan.items,
    }


def estimate_training(plan: TrainingPlan) -> dict[str, Any]:
    """Return what ``generate_training`` would write, about, without writing it.

    Args:
        plan: what to write.

    Returns:
        The arguments, and ``rows`` and ``bytes`` per entity; for the history its expected
        ``rows``, ``actions`` and ``bytes``, or None.
    """
    length = int(project_vars()["sequence_length"])
    rows = {name: plan.days * count for name, count in plan.rows_a_day.items()}
    expected = plan.expected_actions()
    actions = float(np.minimum(expected, length).sum())
    history = {
        "rows": round(float(-np.expm1(-expected).sum())),
        "actions": round(actions),
        "bytes": round(actions * BYTES_A_HISTORY_ACTION),
    }
    return _arguments(plan) | {
        "history": history if plan.history_days else None,
        "entities": {
            name: {"rows": count, "bytes": round(count * BYTES_A_ROW[name])}
            for name, count in rows.items()
        },
    }


def generate_training(
    out: Path,
    plan: TrainingPlan,
    progress: Progress | None = None,
    *,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Write the training workload: raw rows of the shop, and the history before them.

    Raw rows are ``<out>/shop/<entity>/<entity>-<day>[-<part>].parquet`` in the columns and types of
    the contracts, up to 2 million rows a file; the history is described at ``write_history``, in
    ``<out>/history``; ``<out>/truth.json`` says what is in them, what is simulated and what is not,
    and is written last. The same arguments give the same bytes with the same numpy and pyarrow.
    A day's rows do not depend on the number of days, nor on the history.

    Memory: 1 million rows at a time, a day's rankings (about 250 bytes each), and about 30 bytes a
    customer: below 2 GiB at scale 1.0.

    Args:
        out: a new or empty folder.
        plan: what to write.
        progress: called with steps done, steps in all, and what was done.
        overwrite: replace a data set that is in ``out``; other files there are left alone.

    Returns:
        The truth: the arguments, ``customers`` and ``items``; per entity ``files``, ``rows``,
        ``bytes`` and the counts of dirt, all 0; ``history`` with its ``days``, ``buckets``,
        ``sequence_length``, ``files``, ``rows``, ``actions`` and ``bytes``, or None;
        ``simulated`` and ``not_simulated`` in words.

    Raises:
        UsageError: ``out`` is not empty.
    """
    prepare_folder(out, overwrite)
    steps = plan.days * len(ROWS_A_DAY) + (plan.history_buckets if plan.history_days else 0)
    done = 0

    def step(label: str) -> None:
        nonlocal done
        done += 1
        if progress:
            progress(done, steps, label)

    shop = Shop(plan)
    entities = _write_days(out, shop, step)
    history = None
    if plan.history_days:
        length = int(project_vars()["sequence_length"])
        history = {
            "days": plan.history_days,
            "buckets": plan.history_buckets,
            "sequence_length": length,
        } | write_history(out / HISTORY_FOLDER, shop, length, step)
    truth = _arguments(plan) | {
        "entities": entities,
        "history": history,
        "simulated": SIMULATED,
        "not_simulated": NOT_SIMULATED,
    }
    write_truth(out, truth)
    return truth
