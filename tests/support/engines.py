"""Questions to each table of a home, put to Spark and to DuckDB; run as a process of its own."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout

from footfall.cli.arguments import OutputFormat
from footfall.cli.tables import print_answer
from footfall.duck import Answer, answer, ask_spark
from footfall.duck.views import add_view, connect
from footfall.project.tables import tables_in_home
from footfall.settings import get_settings
from footfall.spark.session import get_session

MOST_ROWS = 40
NUMERIC = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "DECIMAL")


def questions(table: str, columns: list[tuple[str, str]]) -> Iterator[str]:
    """Yield queries over all columns of a table whose answers have one order.

    Args:
        table: ``schema.table``.
        columns: names and DuckDB's types.
    """
    plain = [name for name, kind in columns if not kind.endswith((")[]", "[]"))]
    nested = [name for name, _ in columns if name not in plain]
    yield f"select count(*), {', '.join(f'count({name})' for name, _ in columns)} from {table}"
    # Rows that are alike in all plain columns would have no order.
    if not nested or any(name.endswith(("_key", "_id", "_date")) for name in plain):
        order, back = ", ".join(plain), " desc, ".join(plain)
        yield f"select * from {table} order by {order} limit {MOST_ROWS}"
        yield f"select {order} from {table} order by {back} desc limit 20"
    ends = ", ".join(f"min({name}), max({name}), count(distinct {name})" for name in plain)
    yield f"select {ends} from {table}"
    sums = [name for name, kind in columns if kind.startswith(NUMERIC) and name in plain]
    if sums:
        yield f"select {', '.join(f'sum({name})' for name in sums)} from {table}"
    for name in plain[:4]:
        yield (
            f"select {name}, count(*) as n, count(*) / 7 as share from {table} group by {name} "
            f"order by n desc, {name} limit {MOST_ROWS}"
        )
        yield f"select count(*) as n from {table} where {name} is null or {name} in ({name})"


def text_of(given: Answer) -> list[str]:
    """Return what `footfall query` prints of an answer, in each format."""
    printed = []
    for form in OutputFormat:
        with redirect_stdout(io.StringIO()) as output:
            print_answer(given, form)
        printed.append(output.getvalue())
    return printed


def main() -> None:
    """Print how many questions there were, and those with two answers, as JSON."""
    settings = get_settings()
    spark = get_session()
    asked, differing = 0, []
    with connect() as connection:
        described = {
            table.name: add_view(connection, table.name, table.folder)  # type: ignore[arg-type]
            for table in tables_in_home(settings)
        }
    for table, columns in described.items():
        for sql in questions(table, columns):
            asked += 1
            by_duckdb, by_spark = answer(sql, settings), ask_spark(sql, spark)
            if text_of(by_duckdb) != text_of(by_spark):
                differing.append([sql, repr(by_duckdb)[:2000], repr(by_spark)[:2000]])
    json.dump({"tables": len(described), "asked": asked, "differing": differing}, sys.stdout)


if __name__ == "__main__":
    main()
