"""Whether there is a command that takes these arguments; it is not run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import typer
from dbt.cli.main import cli as dbt

from footfall.cli import app


def parse(program: str, arguments: Sequence[str]) -> dict[str, Any]:
    """Return the parameters that a command line gives.

    Args:
        program: footfall or dbt.
        arguments: what follows it.

    Raises:
        ClickException: there is no such command, or it does not take an argument.
    """
    group = {"footfall": typer.main.get_group(app), "dbt": dbt}[program]
    name, *rest = arguments
    parsed: dict[str, Any] = group.commands[name].make_context(name, list(rest)).params
    return parsed
