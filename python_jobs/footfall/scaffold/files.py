"""Files that a new part of the dbt project writes, and the templates that they are made of."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from footfall.settings import get_settings

# What dbt renders stays as it is.
_TEMPLATES = Environment(
    loader=PackageLoader("footfall.scaffold", "."),
    undefined=StrictUndefined,
    keep_trailing_newline=True,
    block_start_string="<%",
    block_end_string="%>",
    variable_start_string="<<",
    variable_end_string=">>",
    comment_start_string="<#",
    comment_end_string="#>",
)


_EXAMPLES = {
    "date": '"2025-08-20"',
    "timestamp": '"2025-08-20 12:00:00"',
    "string": "A",
    "boolean": "true",
}


def example_value(data_type: str) -> str:
    """Return a value of a scalar type as it stands in a unit test's YAML; a number is 1."""
    return _EXAMPLES.get(data_type, "1")


@dataclass(frozen=True)
class NewFile:
    """A file to write: its path in the project, its text, and what it holds so far."""

    path: Path
    text: str
    former: str | None = None

    @property
    def preview(self) -> str:
        """The text of a new file; what changes in one that is there."""
        if self.former is None:
            return self.text
        lines = difflib.unified_diff(self.former.splitlines(), self.text.splitlines(), n=1)
        return "\n".join(list(lines)[2:])


def rendered(template: str, facts: Mapping[str, Any]) -> str:
    """Return the text of a template of this folder, ``<name>.jinja``."""
    return _TEMPLATES.get_template(f"{template}.jinja").render(facts)


def write_files(files: Sequence[NewFile]) -> None:
    """Write files into the project, and the folders that they need."""
    for file in files:
        path = get_settings().project_dir / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file.text, encoding="utf-8")
