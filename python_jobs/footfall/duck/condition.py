"""A condition on dimensions, as MetricFlow takes it.

MetricFlow renders a condition by Jinja and puts it into its SQL as it stands. So a user's text goes
no further than here: it is parsed, each part of it has to be on a list, and what MetricFlow gets is
written anew from those parts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from footfall.errors import UsageError, first_line
from footfall.words import suggest

DIMENSION = re.compile(r"\{\{\s*Dimension\(\s*(['\"])(\w+)\1\s*\)\s*\}\}")
PARTS = (
    exp.And, exp.Between, exp.Boolean, exp.Cast, exp.Column, exp.DataType, exp.EQ, exp.GT, exp.GTE,
    exp.Identifier, exp.In, exp.Is, exp.Like, exp.Literal, exp.LT, exp.LTE, exp.Neg, exp.NEQ,
    exp.Not, exp.Null, exp.Or, exp.Paren,
)  # fmt: skip
EXAMPLE = "Write it as \"country in ('DE', 'FR') and device_type <> 'tablet'\"."


def condition_template(text: str, names: Mapping[str, str]) -> str:
    """Return a condition with each dimension as MetricFlow's Jinja names it.

    Args:
        text: comparisons of dimensions with literals, joined by and, or, not; a dimension is a name
            or ``{{ Dimension('name') }}``.
        names: MetricFlow's name of each dimension that may be named.

    Raises:
        UsageError: the text is something else, or names an unknown dimension.
    """
    plain = DIMENSION.sub(r'"\2"', text)
    if re.search("[{}]", plain):
        raise UsageError(
            "--where holds a brace; of Jinja it may hold {{ Dimension('name') }} alone.",
            "Write a dimension by its name: \"country = 'DE'\".",
        )
    try:
        parsed = sqlglot.parse(plain, read="duckdb")
    except SqlglotError as error:
        raise UsageError(f"--where is no condition: {first_line(error)}", EXAMPLE) from error
    if len(parsed) != 1 or parsed[0] is None:
        raise UsageError("--where is not one condition.", EXAMPLE)
    condition = parsed[0]
    for part in condition.walk():
        if type(part) not in PARTS or (isinstance(part, exp.Cast) and not part.is_type("date")):
            raise UsageError(
                f"--where compares dimensions with values; it may not hold {part.sql('duckdb')}.",
                EXAMPLE,
            )
    for column in list(condition.find_all(exp.Column)):
        named = exp.Var(this=f"{{{{ Dimension('{_known(column, names)}') }}}}")
        if column is condition:
            condition = named
        column.replace(named)
    return str(condition.sql(dialect="duckdb", comments=False))


def _known(column: exp.Column, names: Mapping[str, str]) -> str:
    name = column.sql(dialect="duckdb").replace('"', "")
    if name not in names:
        raise UsageError(
            f"--where: the metrics have no dimension {name!r} in common.",
            suggest(name, names, "`footfall metric --list` names the dimensions."),
        )
    return names[name]
