"""``footfall new mart``: SQL and yml of a mart that obeys the incremental protocol."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from footfall.errors import UsageError
from footfall.project.described import described_models
from footfall.scaffold.files import NewFile, example_value, rendered
from footfall.settings import get_settings
from footfall.words import suggest

NAME = re.compile(r"(fct|dim|int)_[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Upstream:
    """A model that a mart reads: its columns' types, and when it is built."""

    name: str
    types: dict[str, str]
    enabled: str | None

    @property
    def alias(self) -> str:
        """The name of the step that reads it: ``sessions`` of ``fct_sessions``."""
        return re.sub(r"^(stg|int|fct|dim)_", "", self.name).split("__")[-1]


def new_mart(name: str, reads: Sequence[str], grain: Sequence[str], folder: str) -> list[NewFile]:
    """Return the files of a new mart: one row per distinct values of its grain, counted.

    Args:
        name: the model's, such as ``fct_ad_clicks_daily``.
        reads: models that it reads; the first gives the rows, the others are joined by the grain.
        grain: columns whose values make a row; one of them, a date, is the partition.
        folder: subfolder of ``models/marts``.

    Raises:
        UsageError: a name is taken, unknown or unfit, or the grain has no date.
    """
    models = get_settings().project_dir / "models"
    known = described_models(models)
    if not NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is no name of a mart.",
            "Use small letters, digits and _ behind fct_, dim_ or int_, as in fct_clicks_daily.",
        )
    if name in known or any(models.rglob(f"{name}.*")):
        raise UsageError(f"There is a model {name} already.", "Choose another name.")
    folders = sorted(entry.name for entry in (models / "marts").iterdir() if entry.is_dir())
    if folder not in folders:
        raise UsageError(
            f"There is no folder models/marts/{folder}.", f"Choose one of {', '.join(folders)}."
        )
    if not reads or not grain:
        raise UsageError(
            "No model to read is named." if not reads else "No column of the grain is named.",
            "Add --reads fct_sessions --grain user_id,event_date.",
        )
    upstream = [_upstream(known, read) for read in dict.fromkeys(reads)]
    grain = list(dict.fromkeys(grain))
    for table in upstream:
        for column in grain:
            if column not in table.types:
                raise UsageError(
                    f"{table.name} has no column {column}.",
                    f"Its columns are {', '.join(table.types)}.",
                )
    dates = [column for column in grain if upstream[0].types[column] == "date"]
    if not dates:
        raise UsageError(
            f"None of {', '.join(grain)} is a date.",
            "Add the date by which the mart is partitioned to --grain, as a rule event_date.",
        )
    row = ", ".join(f"{column}: {example_value(upstream[0].types[column])}" for column in grain)
    facts = {
        "name": name,
        "upstream": upstream,
        "grain": grain,
        "grain_words": " and ".join(_words(column) for column in grain),
        "date_column": dates[0],
        # A column that two tables have needs the table's name.
        "columns": [f"{upstream[0].alias}.{c}" if len(upstream) > 1 else c for c in grain],
        "enabled": _all_of([table.enabled for table in upstream]),
        "row": row,
    }
    path = Path("models") / "marts" / folder
    return [
        NewFile(path / f"{name}.{kind}", rendered(f"mart.{kind}", facts)) for kind in ("sql", "yml")
    ]


def _upstream(known: dict[str, dict[str, Any]], name: str) -> Upstream:
    if name not in known:
        raise UsageError(
            f"There is no model {name}.", suggest(name, known, "`dbt ls` lists the models.")
        )
    model = known[name]
    types = {
        column["name"]: str(column["data_type"])
        for column in model.get("columns", [])
        if column.get("data_type")
    }
    return Upstream(name, types, model.get("config", {}).get("enabled"))


def _all_of(conditions: Sequence[str | None]) -> str:
    """Return the condition under which all of several models are enabled, as Jinja."""
    texts = dict.fromkeys(text.strip().strip("{}").strip() for text in conditions if text)
    if len(texts) == 1:
        return next(iter(texts))
    return " and ".join(f"({text})" for text in texts)


def _words(column: str) -> str:
    return "day" if column in ("event_date", "dt") else column.removesuffix("_id").replace("_", " ")


def left_to_do_for_mart(name: str, files: Sequence[NewFile]) -> list[str]:
    """Return what is left to do by hand for a new mart, in order."""
    return [
        f"Write what it counts into {files[0].path}, and its columns and the unit test into "
        "the yml.",
        "Where a date depends on other dates than its own: `meta.wide: true`, see "
        "docs/incremental.md.",
        f"dbt build --select {name}",
        "footfall docs model --write   # its keys in docs/entities.md",
        ".venv/bin/pytest tests/oracle/test_law.py   # its grain puts it under the law",
    ]
