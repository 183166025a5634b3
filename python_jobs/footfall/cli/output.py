"""What commands print: results on standard output, progress and remarks on standard error."""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Any

import structlog
import typer
from pydantic import BaseModel
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from footfall import interrupts
from footfall.cli.logs import is_structured
from footfall.words import count

# A pipe gets whole lines.
out = Console(width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else 1000)
log = Console(stderr=True)

JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
ProgressCallback = Callable[[int, int, str], None]


@contextmanager
def progress_bar(title: str) -> Iterator[ProgressCallback]:
    """Show a bar on a terminal; stay quiet where there is none (CI, a pipe), or JSON is logged.

    An interrupt tells how far it is.
    """
    columns = (
        TextColumn("[bold]{task.fields[title]}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    is_hidden = is_structured() or not log.is_terminal
    with Progress(*columns, console=log, transient=True, disable=is_hidden) as progress:
        task = progress.add_task("", title=title, total=None)
        finished, of = 0, 0

        def update(done: int, total: int, label: str) -> None:
            nonlocal finished, of
            finished, of = done, total
            progress.update(task, completed=done, total=total, description=escape(label))

        def standing() -> interrupts.Standing:
            progress.stop()
            steps = f"{finished} of {count(of, 'step')}" if of else "no step yet"
            return interrupts.Standing(f"{title} had finished {steps}; what is finished is kept.")

        with interrupts.working(standing):
            yield update


def say(line: str, label: str = "", style: str = "") -> None:
    """Print a line about the work, in whole, beside the result; or log it as JSON.

    Args:
        line: the text.
        label: a word before it, in a style.
        style: of the label, as Rich calls it.
    """
    if is_structured():
        structlog.get_logger().info("remark", text=f"{label} {line}".lstrip())
    elif label:
        log.print(f"[{style}]{escape(label)}[/] {escape(line)}", soft_wrap=True)
    else:
        log.print(escape(line), soft_wrap=True)


def print_line(text: str) -> None:
    """Print a line of the result, in whole."""
    out.print(text, soft_wrap=True, markup=False, highlight=False)


def print_result(value: Any, as_json: bool, show: Callable[[], None]) -> None:
    """Print a command's result: as JSON, or as ``show`` does for people.

    Args:
        value: a model, or what holds models; printed as JSON.
    """
    if as_json:
        print_json(value)
    else:
        show()


def print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, default=_plain, ensure_ascii=False))


def _plain(value: Any) -> Any:
    return value.model_dump() if isinstance(value, BaseModel) else str(value)


def print_csv(columns: list[str], rows: Iterable[Iterable[Any]]) -> None:
    writer = csv.writer(sys.stdout)
    writer.writerow(columns)
    writer.writerows([_csv_value(value) for value in row] for row in rows)


def _csv_value(value: Any) -> Any:
    if isinstance(value, (list, dict)):
        return json.dumps(value, default=str, ensure_ascii=False)
    return value.isoformat(sep=" ") if isinstance(value, datetime) else value


def print_table(title: str, columns: list[str], rows: list[list[Any]]) -> None:
    table = Table(
        title=title, title_justify="left", header_style="bold", box=box.SIMPLE_HEAD, pad_edge=False
    )
    numeric = [
        all(isinstance(row[index], (int, float)) or row[index] is None for row in rows)
        for index in range(len(columns))
    ]
    for column, is_numeric in zip(columns, numeric, strict=True):
        table.add_column(column, justify="right" if is_numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    out.print(table)


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1 else f"{value:,.4f}".rstrip("0").rstrip(".")
    return escape(str(value))
