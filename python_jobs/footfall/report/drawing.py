"""What a panel of the dashboard consists of: a drawing, a choice of drawings, or words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from footfall.report.charts import Json


class Key(NamedTuple):
    """One entry of a legend."""

    label: str
    color: str
    shape: Literal["line", "wide", "bar", "hatched"]


@dataclass(frozen=True)
class Drawing:
    """A figure, a table or both, with their words.

    Attributes:
        summary: one line of text; what stands in backticks is code.
        figure: for Plotly; None where the table is all.
        height: of the figure, in pixels.
        legend: its entries.
        table: HTML to stand below the figure.
    """

    summary: str
    figure: Json | None = None
    height: int = 280
    legend: list[Key] = field(default_factory=list)
    table: str = ""


class Option(NamedTuple):
    """One entry of a list to choose from.

    Attributes:
        value: its name in the page: letters, digits, `-` and `_`.
        label: what a person reads.
        group: the heading that it stands under.
    """

    value: str
    label: str
    group: str = ""


@dataclass(frozen=True)
class Control:
    """A list to choose from; lists of the same name, in other panels too, choose together."""

    name: str
    label: str
    options: Sequence[Option]


@dataclass(frozen=True)
class Choice:
    """Drawings of which the page shows one, the first of each list to begin with.

    Attributes:
        controls: the lists to choose from.
        drawings: by the chosen option of each control.
    """

    controls: Sequence[Control]
    drawings: Mapping[tuple[str, ...], Drawing]


@dataclass(frozen=True)
class Panel:
    """One section of the page: what is drawn, or the words (HTML) that stand in its place."""

    name: str
    title: str
    content: Drawing | Choice | str
