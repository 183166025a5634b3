"""A day of training sequences at production scale: ``python -m benchmarks.sequences --json FILE``.

The history before the first day is drawn as a checkpoint (``footfall generate --workload
training``); two days of raw rows follow, through ingestion and staging. Later days are copies of
the first day's segments and of a day's rankings. Bytes read and written count everything that the
processes read and wrote, shuffles included; an export's are its files. The reports were made with
``FOOTFALL_DRIVER_MEMORY_GIB=8``.
"""

from __future__ import annotations

import json as jsonlib
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from benchmarks.harness import (
    Row,
    Work,
    folder_bytes,
    io_bytes,
    measure,
    temporary_home,
    write_report,
)
from footfall.generate import TrainingPlan, generate_training
from footfall.ingest import ingest
from footfall.project.dbt import project_vars, run_dbt
from footfall.sequences import ExportFormat, export_sequences
from footfall.settings import Settings, get_settings
from footfall.spark.session import get_session

SEED = 7
START = date(2025, 8, 1)
RAW_DAYS = 3
COMPACTED = 7
"""The day, counted from the first, of the checkpoint that is made from a week of segments."""
ACTIONS = ("shop.clicks", "shop.add_to_carts", "shop.orders")
STAGING = (*(f"stg_{name.replace('.', '__')}" for name in ACTIONS), "stg_shop__impressions")
SEGMENTS, CHECKPOINTS = "int_customer_action_segments", "int_customer_action_checkpoints"
SAMPLES, SEQUENCES = "training_samples", "training_sequences"
TRAINING = ("int_customer_actions", SEGMENTS, CHECKPOINTS, SAMPLES, SEQUENCES)


@dataclass
class Shop:
    """A home whose checkpoint lies on the first of three raw days."""

    settings: Settings
    folder: Path
    scale: float
    history_days: int
    first_day: date

    def day(self, number: int) -> date:
        return self.first_day + timedelta(days=number)

    def generate(self) -> Work:
        plan = TrainingPlan(
            RAW_DAYS, SEED, self.first_day, self.scale, history_days=self.history_days
        )
        truth = generate_training(self.folder, plan)
        return Work(rows=sum(entity["rows"] for entity in truth["entities"].values()))

    def ingest(self, actions_of: int) -> Work:
        """Load a day's actions and the rankings of the day after it."""
        rows = 0
        for name in (*ACTIONS, "shop.impressions"):
            day = self.day(actions_of + (name not in ACTIONS))
            files = sorted((self.folder / name.replace(".", "/")).glob(f"*-{day}*.parquet"))
            rows += ingest(name, [str(file) for file in files], settings=self.settings).rows
        return Work(rows=rows)

    def run(self, *models: str, days: tuple[int, ...] = ()) -> Work:
        """Run models, on given days or on what is new; only the newest checkpoint is kept."""
        variables: dict[str, object] = {
            "sources": ["shop"], "checkpoints_kept": 1, "checkpoint_settle_days": 0,
        }  # fmt: skip
        if days:
            variables["dates"] = [self.day(number).isoformat() for number in days]
        before = io_bytes()
        run_dbt("run", "--select", *models, "--vars", jsonlib.dumps(variables), quiet=True)
        read, written = io_bytes()
        return Work(bytes_read=read - before[0], bytes_written=written - before[1])

    def sql(self, text: str, **values: object) -> None:
        schemas = {layer: self.settings.schema_of(layer) for layer in ("silver", "training")}
        get_session().sql(text.format(**schemas, **values))

    def load_history(self) -> None:
        """Put the drawn checkpoint in its table, and a row of its first day in the segments."""
        # The grid's dates begin after the first day with an action.
        self.sql(
            "insert into {training}.int_customer_action_segments "
            "select 0L, date'{day}', array(1), array(1Y)",
            day=self.day(-self.history_days),
        )
        self.sql(
            "insert into {training}.int_customer_action_checkpoints "
            "select date'{day}', bucket, customer_id, actions, action_types, array() "
            "from parquet.`{folder}`",
            day=self.first_day,
            folder=(self.folder / "history").as_uri(),
        )
        shutil.rmtree(self.folder / "history")

    def let_days_pass(self, days: range) -> None:
        """Copy the first day's segments to days, and rankings to the days after them."""
        for number in days:
            self.sql(
                "insert into {training}.int_customer_action_segments "
                "select customer_id, date'{day}', actions, action_types "
                "from {training}.int_customer_action_segments where event_date = date'{first}'",
                day=self.day(number),
                first=self.first_day,
            )
            self.sql(
                "insert into {silver}.stg_shop__impressions "
                "select concat(event_key, '-', {number}), date'{day}', date'{day}', ranking_id, "
                "customer_id, impressions, _load_id "
                "from {silver}.stg_shop__impressions where dt = date'{first}'",
                number=number,
                day=self.day(number + 1),
                first=self.day(1),
            )

    def export(self, file_format: ExportFormat) -> Work:
        out = self.folder / file_format.value
        manifest = export_sequences(
            get_session(), self.day(2), out, file_format, settings=self.settings
        )
        samples = "padded" if file_format is ExportFormat.padded else "samples"
        return Work(rows=manifest.rows(samples), bytes_written=folder_bytes(out))


def measured_steps(shop: Shop, window: int, only_a_day: bool) -> Iterator[Row]:
    """Yield the steps of a day, and of what is not done on every day, as they are measured.

    Args:
        shop: a home without tables; its landing files are generated unless they are there.
        window: so many days of sequences in one run; 0 for none.
        only_a_day: whether to end after a day's steps.
    """

    def row(step: str, function: Callable[[], Work | None]) -> Row:
        # Shuffle files are deleted with the Java objects that stand for them.
        cast(Any, get_session().sparkContext)._jvm.System.gc()
        return measure(f"{shop.history_days} days: {step}", "footfall", function)

    if not shop.folder.exists():
        yield row("generate three raw days and a year's checkpoint", shop.generate)
    yield row("ingest a day", lambda: shop.ingest(actions_of=0))
    yield row("stage a day, tables created", lambda: shop.run(*STAGING))
    shop.run(*TRAINING)
    yield row("load the checkpoint", shop.load_history)
    shop.ingest(actions_of=1)
    yield row("stage one more day", lambda: shop.run(*STAGING))
    yield row("segments of a day", lambda: shop.run(SEGMENTS))
    yield row("checkpoint: nothing due", lambda: shop.run(CHECKPOINTS))
    yield row("samples of a day", lambda: shop.run(SAMPLES))
    yield row("sequences of a day, 2 segments since the checkpoint", lambda: shop.run(SEQUENCES))
    if only_a_day:
        return
    shop.let_days_pass(range(RAW_DAYS - 1, COMPACTED + 1))
    last = (COMPACTED + 1,)
    yield row(
        "sequences of a day, 8 segments since the checkpoint",
        lambda: shop.run(SEQUENCES, days=last),
    )
    yield row("checkpoint: a week compacted", lambda: shop.run(CHECKPOINTS, days=last))
    yield row("export of a day, compact", lambda: shop.export(ExportFormat.compact))
    yield row("export of a day, padded", lambda: shop.export(ExportFormat.padded))
    if window:
        first = COMPACTED + 2
        days = tuple(range(first, first + window))
        shop.let_days_pass(range(first - 1, days[-1]))
        yield row(f"sequences of {window} days in one run", lambda: shop.run(SEQUENCES, days=days))


def grid_date(near: date) -> date:
    """Return the first date of the checkpoints' grid that is not before a date."""
    every = int(project_vars()["checkpoint_every_days"])
    return near + timedelta(days=-near.toordinal() % every)


def main(
    scale: Annotated[float, typer.Option(help="1 is a day of 10M customers.")] = 0.02,
    history: Annotated[
        list[int] | None, typer.Option(help="Days of history; by default 365.")
    ] = None,
    window: Annotated[int, typer.Option(help="Days of sequences in one run; 0 for none.")] = 14,
    only_a_day: Annotated[
        bool, typer.Option("--only-a-day", help="Leave out what is not done on every day.")
    ] = False,
    json: Annotated[Path | None, typer.Option(help="Where to write the report.")] = None,
) -> None:
    """Measure each step of a day, in one home and one session.

    Example: `python -m benchmarks.sequences --scale 0.1 --history 30 --history 365 --only-a-day`
    """
    rows: list[Row] = []
    with temporary_home() as folder:
        for days in history or [365]:
            os.environ["FOOTFALL_DB_SCHEMA"] = f"history_{days}"
            get_settings.cache_clear()
            get_session()
            landing = folder / f"landing_{days}"
            shop = Shop(get_settings(), landing, scale, days, grid_date(START))
            rows += measured_steps(shop, window, only_a_day)
    write_report("sequences", rows, json)


if __name__ == "__main__":
    typer.run(main)
