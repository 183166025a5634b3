"""``footfall new source``: the contract of an entity, and the model that stages it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from footfall.errors import UsageError
from footfall.ingest.types import contract_type, split_fields
from footfall.project.contracts import LOAD_COLUMNS, load_contracts
from footfall.scaffold.files import NewFile, example_value, rendered
from footfall.settings import get_settings

WORD = re.compile(r"[a-z][a-z0-9_]*")
NAME = re.compile(r"([a-z][a-z0-9]*)\.([a-z][a-z0-9_]*)")
STAGED = frozenset({"event_date", "event_key"})
"""What staging adds to a row's columns."""
PROJECT_FILE = Path("dbt_project.yml")
ENTITIES_FILE = Path("macros") / "staging" / "delivered_entities.sql"


@dataclass(frozen=True)
class SourceColumn:
    """A column of a contract: its Spark type, whether it is required, whose id it holds."""

    name: str
    data_type: str
    is_required: bool
    identifies: str | None = None

    @property
    def description(self) -> str:
        return f"The {self.name.replace('_', ' ')}."

    @property
    def yaml_type(self) -> str:
        """The type as YAML in a line: with quotes where it holds more than letters."""
        return self.data_type if self.data_type.isalpha() else f'"{self.data_type}"'

    @property
    def meta(self) -> str:
        """The rules as the inside of a YAML mapping."""
        rules = ["required: true"] if self.is_required else []
        return ", ".join([*rules, *([f"identifies: {self.identifies}"] if self.identifies else [])])

    @property
    def value(self) -> str | None:
        """A value of the unit test; none for a type that has parts."""
        return None if "<" in self.data_type else example_value(self.data_type)


def new_source(
    name: str,
    columns: str,
    key: Sequence[str],
    event_time: str,
    people: dict[str, str | None],
    owner: str,
) -> list[NewFile]:
    """Return the files of a new entity: its contract, its staging model, and its source's entry.

    Args:
        name: ``SOURCE.ENTITY``, such as ``ads.clicks``; the source may be a known one.
        columns: ``NAME:TYPE`` with a comma between, an exclamation mark behind what is required.
        key: columns that tell one row from all others.
        event_time: the column with the time of the event, a date or a timestamp.
        people: the column that holds the id of a ``user`` or of a ``customer``, by that word.
        owner: who answers for it.

    Raises:
        UsageError: a name is taken or unfit, a type unknown, or key, time or id is no column.
    """
    match = NAME.fullmatch(name)
    if not match:
        raise UsageError(
            f"{name!r} is no name of a source's entity.",
            "Use small letters and digits, a dot between, as in ads.clicks.",
        )
    source, entity = match.groups()
    if name in load_contracts():
        raise UsageError(f"There is a source entity {name} already.", "Choose another name.")
    parsed = _with_people(_parsed(columns), people)
    types = {column.name: column.data_type for column in parsed}
    required = {column.name for column in parsed if column.is_required}
    if not key:
        raise UsageError("No column of the key is named.", "Add --key click_id.")
    for column in (*key, event_time):
        if column not in types:
            raise UsageError(
                f"There is no column {column}.", f"The columns are {', '.join(types)}."
            )
    if types[event_time] not in ("date", "timestamp") or event_time not in required:
        raise UsageError(
            f"{event_time} is no time that each row has.",
            f"Make it a timestamp or a date that is required: {event_time}:timestamp!",
        )
    after_time = list(types).index(event_time) + 1
    date_column = SourceColumn("event_date", "date", True)
    facts = {
        "source": source,
        "entity": entity,
        "model": f"stg_{source}__{entity}",
        "row_words": _row_words(entity),
        "owner": owner,
        "event_time": event_time,
        "key": list(dict.fromkeys(key)),
        "columns": parsed,
        "staged": [*parsed[:after_time], date_column, *parsed[after_time:]],
        "row": ", ".join(f"{c.name}: {c.value}" for c in parsed if c.value is not None),
        "is_testable": all(c.value is not None for c in parsed if c.is_required),
    }
    folder = Path("models") / "staging" / source
    return [
        _contract(folder / f"_{source}__sources.yml", facts),
        *(
            NewFile(folder / f"{facts['model']}.{kind}", rendered(f"staging.{kind}", facts))
            for kind in ("sql", "yml")
        ),
        *_entries(source, entity),
    ]


def _parsed(columns: str) -> list[SourceColumn]:
    found: dict[str, SourceColumn] = {}
    for text in split_fields(columns):
        column, _, data_type = (part.strip() for part in text.strip().partition(":"))
        is_required, data_type = data_type.endswith("!"), data_type.rstrip("!").strip().lower()
        if not WORD.fullmatch(column) or column in found:
            raise UsageError(
                f"{text.strip()!r} names no new column.",
                "Write NAME:TYPE in small letters, each name once, as in click_id:string!",
            )
        if column in LOAD_COLUMNS or column in STAGED:
            raise UsageError(f"{column} is a column of footfall's own.", "Choose another name.")
        try:
            contract_type(data_type)
        except ValueError as error:
            raise UsageError(
                f"The type {data_type!r} of {column} is unknown.",
                "Choose string, boolean, int, bigint, float, double, decimal(18,2), date, "
                "timestamp, array<…> or struct<…>.",
            ) from error
        found[column] = SourceColumn(column, data_type, is_required)
    return list(found.values())


def _with_people(
    columns: Sequence[SourceColumn], people: dict[str, str | None]
) -> list[SourceColumn]:
    spaces = {column: space for space, column in people.items() if column}
    for column in spaces:
        if column not in {known.name for known in columns}:
            raise UsageError(
                f"There is no column {column}.",
                f"The columns are {', '.join(known.name for known in columns)}.",
            )
    return [
        SourceColumn(known.name, known.data_type, known.is_required, spaces.get(known.name))
        for known in columns
    ]


def _row_words(entity: str) -> str:
    words = entity.replace("_", " ")
    return words.removesuffix("s") if not words.endswith("ss") else words


def _contract(path: Path, facts: dict[str, object]) -> NewFile:
    """Return the source's yml: a new one, or the one that is there with the entity at its end."""
    existing = get_settings().project_dir / path
    if not existing.exists():
        return NewFile(path, rendered("source.yml", facts | {"is_first": True}))
    former = existing.read_text(encoding="utf-8")
    entity = rendered("source.yml", facts | {"is_first": False})
    return NewFile(path, former.rstrip("\n") + "\n" + entity, former)


def _entries(source: str, entity: str) -> list[NewFile]:
    """Return the files that list sources and entities, with the new one."""
    project = get_settings().project_dir
    macro, settings = ((project / path).read_text() for path in (ENTITIES_FILE, PROJECT_FILE))
    known = rf"^(        '{source}': \[.*)\],$"
    listed = re.sub(known, rf"\1, '{entity}'],", macro, count=1, flags=re.MULTILINE)
    files = []
    if listed == macro:
        listed = macro.replace("    }) }}", f"        '{source}': ['{entity}'],\n    }}) }}}}")
        chosen = re.sub(
            r"^(  sources: \[.*)\]$", rf"\1, {source}]", settings, count=1, flags=re.MULTILINE
        )
        files = [NewFile(PROJECT_FILE, chosen, settings)]
    return [NewFile(ENTITIES_FILE, listed, macro), *files]


def left_to_do_for_source(name: str, files: Sequence[NewFile]) -> list[str]:
    """Return what is left to do by hand for a new source, in order."""
    source, entity = name.split(".")
    return [
        f"Say in {files[0].path} what the columns mean, and which values they accept "
        "(accepted_values, pattern, minimum, maximum).",
        f"footfall ingest {name} FOLDER",
        f"dbt build --select +stg_{source}__{entity}",
        "footfall docs model --write   # its keys in docs/entities.md",
        ".venv/bin/pytest tests/oracle/test_law.py   # its contract puts it under the law",
    ]
