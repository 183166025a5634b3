"""The job: simulate day by day, write every entity's files, and state the truth about them."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from footfall.errors import UsageError
from footfall.generate import entities as rows_of
from footfall.generate.columns import DAY, Array, Columns, concatenate, take
from footfall.generate.dirt import DirtShares
from footfall.generate.entities import describe_entities
from footfall.generate.sessions import SessionDay, rank_items, simulate_day
from footfall.generate.world import Period, World, build_world
from footfall.generate.writer import Landing
from footfall.paths import require_printable
from footfall.project.contracts import load_contracts

Progress = Callable[[int, int, str], None]
TRUTH_FILE = "truth.json"
HISTORY_FOLDER = "history"
USUAL_DIRT = DirtShares()


def prepare_folder(out: Path, overwrite: bool) -> None:
    """Make ``out`` an empty folder; of a former data set only its own files are removed.

    Args:
        out: the folder of a data set.
        overwrite: whether a data set may be in it.

    Raises:
        UsageError: ``out`` is a file, holds a control character, or is not empty and may not be
            overwritten.
    """
    require_printable("--out", out)
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file.", "Name a folder.")
    if out.is_dir() and any(out.iterdir()):
        if not overwrite:
            raise UsageError(
                f"{out} is not empty.",
                "Name a new or empty folder, or allow the data set in it to be overwritten.",
            )
        (out / TRUTH_FILE).unlink(missing_ok=True)
        for contract in load_contracts().values():
            shutil.rmtree(out / contract.source / contract.entity, ignore_errors=True)
        shutil.rmtree(out / HISTORY_FOLDER, ignore_errors=True)
    out.mkdir(parents=True, exist_ok=True)


def write_truth(out: Path, truth: dict[str, Any]) -> None:
    """Write what is true of a complete data set: the last of its files."""
    (out / TRUTH_FILE).write_text(json.dumps(truth, indent=2) + "\n")


class _Simulation:
    """Runs the days one after the other; a day's files are complete once its day is simulated."""

    def __init__(self, world: World, out: Path, dirt: DirtShares) -> None:
        self.world = world
        self.entities = describe_entities(world)
        self.landings = {
            name: Landing(
                entity,
                out / entity.contract.source / entity.contract.entity,
                world.period,
                world.seed,
                dirt,
            )
            for name, entity in self.entities.items()
        }
        self.dau: list[int] = []
        self.totals: dict[str, Counter[str]] = {}
        self._ever_active = np.zeros(len(world.users), dtype=bool)
        self._busy_until = np.zeros(len(world.users), dtype=np.int64)
        self._directory = rows_of.app_users(world)
        self._tomorrow: dict[str, Columns] = {}

    def run_day(self, day: int) -> None:
        """Simulate one day and write the files that arrive on it."""
        simulated = simulate_day(self.world, day, self._busy_until)
        started = self._rows_of_sessions(day, simulated)
        del simulated
        valid = {name: self._rows_of_day(name, started.pop(name), day) for name in list(started)}
        customers = self._count_activity(valid["product.interactions"], valid["app.interactions"])
        valid["shop.impressions"] = self._impressions(day, customers, valid["shop.orders"])
        valid["app.users"] = self._directory_rows(day)
        valid["crm.support_interactions"] = rows_of.crm_support_interactions(
            self.entities["crm.support_interactions"], self.world, day
        )
        if day == self.world.period.days - 1:
            # The customers are one export, made when the period is over.
            valid["crm.customers"] = rows_of.crm_customers(self.world)
        for name, landing in self.landings.items():
            if name in valid:
                landing.deliver(valid.pop(name), day)
            landing.write(day)

    def active_users(self) -> int:
        return int(self._ever_active.sum())

    def _rows_of_sessions(self, day: int, simulated: SessionDay) -> dict[str, Columns]:
        """Return the rows of all entities that come from the sessions started on the day."""
        world, entities = self.world, self.entities
        app_events = simulated.app_events
        return {
            "product.interactions": rows_of.product_interactions(
                entities["product.interactions"], simulated
            ),
            "app.interactions": rows_of.app_interactions(
                entities["app.interactions"], world, day, app_events
            ),
            "shop.clicks": rows_of.shop_clicks(simulated.clicks),
            "shop.add_to_carts": rows_of.shop_items(simulated.carts, "dt"),
            "shop.orders": rows_of.shop_items(simulated.orders, "order_date"),
            "crm.transactions": rows_of.crm_transactions(
                entities["crm.transactions"], world, day, simulated.orders
            ),
            "crm.events": rows_of.crm_events(entities["crm.events"], world, day, simulated),
            "crm.sessions": rows_of.crm_sessions(world, day, simulated.sessions),
        }

    def _rows_of_day(self, name: str, started: Columns, day: int) -> Columns:
        """Return the rows of one event day: sessions run over midnight, but not over two."""
        if name in self._tomorrow:
            started = concatenate([self._tomorrow.pop(name), started])
        time = started[self.entities[name].contract.event_time]
        today = time < self.world.period.begin_of(day + 1)
        self._tomorrow[name] = take(started, ~today)
        return take(started, today)

    def _count_activity(self, product: Columns, app: Columns) -> Array:
        """Count the day's active users and actions; return the users of the shop front."""
        customers = np.zeros(len(self._ever_active), dtype=bool)
        customers[product["user_id"] - 1] = True
        active = customers.copy()
        active[app["user_id"] - 1] = True
        self._ever_active |= active
        self.dau.append(int(active.sum()))
        for name, column, codes in (
            ("product.interactions", "interaction_type", product["interaction_type"]),
            ("app.interactions", "action_type", app["action_type"]),
        ):
            values = rows_of.accepted_values(self.entities[name], column)
            counts = np.bincount(codes, minlength=len(values))
            total = self.totals.setdefault(name, Counter())
            total.update({value: int(n) for value, n in zip(values, counts, strict=True)})
        return np.flatnonzero(customers)

    def _impressions(self, day: int, customers: Array, orders: Columns) -> Columns:
        ordered = {"user": (orders["customer_id"] - 1), "item": orders["config_id"]}
        shown_to, cells = rank_items(self.world, day, customers, ordered)
        return rows_of.shop_impressions(self.world.period.first_day + day, shown_to, cells)

    def _directory_rows(self, day: int) -> Columns:
        """Return the users' rows to deliver on a day: the first delivers all earlier ones."""
        since = self._directory["updated_at"] // DAY - self.world.period.first_day
        return take(self._directory, np.maximum(since, 0) == day)


def generate(
    out: Path,
    days: int,
    users: int,
    seed: int,
    start: date = date(2025, 8, 1),
    scale: float = 1.0,
    progress: Progress | None = None,
    *,
    dirt: DirtShares = USUAL_DIRT,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Write a synthetic data set of all sources as Parquet landing files.

    The files are ``<out>/<source>/<entity>/<entity>-<day of arrival>.parquet``, in the columns and
    types of the contracts; ``<out>/truth.json`` says what is in them and is written last. The
    same arguments give the same bytes with the same numpy and pyarrow. A run holds one day in
    memory: about 1.5 kB per user.

    Args:
        out: a new or empty folder.
        days: how many days to simulate, at least 1. Nothing happens or arrives after the last.
        users: how many users there are by the end, at least 1.
        seed: of all random numbers, at least 0.
        start: the first day, UTC.
        scale: multiplies ``users``.
        progress: called with days done, days in all, and what was done.
        dirt: shares of duplicates, late rows and broken rows.
        overwrite: replace a data set that is in ``out``; other files there are left alone.

    Returns:
        The truth: the arguments; per entity ``files``, ``rows`` (= ``accepted`` + ``duplicates``
        + ``quarantined``), ``versions`` (accepted rows that are a later version of another),
        ``rejects`` by reason and ``late`` (accepted rows in the file of a later day than their
        event's); and of the accepted rows the daily active users ``dau`` by
        UTC day (product and app interactions), ``active_users`` of the period, and
        ``interactions`` by type.

    Raises:
        UsageError: an argument is out of range, or ``out`` is not empty.
    """
    if days < 1:
        raise UsageError(f"There is nothing to simulate in {days} days.", "Give at least 1 day.")
    if users < 1:
        raise UsageError(
            f"There is nothing to simulate with {users} users.", "Give at least 1 user."
        )
    if seed < 0:
        raise UsageError(f"The seed {seed} is negative.", "Give 0 or a positive integer.")
    if not scale > 0 or round(users * scale) < 1:
        raise UsageError(
            f"{users} users × scale {scale} is less than one user.", "Give a larger scale."
        )
    prepare_folder(out, overwrite)
    period = Period(start, days)
    world = build_world(round(users * scale), period, seed)
    simulation = _Simulation(world, out, dirt)
    for day in range(days):
        simulation.run_day(day)
        if progress:
            progress(day + 1, days, f"generated {period.start + timedelta(days=day)}")
    truth = {
        "seed": seed,
        "start": start.isoformat(),
        "days": days,
        "users": users,
        "scale": scale,
        "simulated_users": len(world.users),
        "products": len(world.products),
        "dirt": dirt.model_dump(),
        "entities": {name: landing.counts() for name, landing in simulation.landings.items()},
        "dau": {
            (start + timedelta(days=day)).isoformat(): count
            for day, count in enumerate(simulation.dau)
        },
        "active_users": simulation.active_users(),
        "interactions": {name: dict(total) for name, total in simulation.totals.items()},
    }
    write_truth(out, truth)
    return truth
