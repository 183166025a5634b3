"""How Spark writes staging's rows: ``python -m benchmarks.write_settings --json FILE``.

A Delta table of two million rows as a staging table has them, with an MD5 for each event, written
from memory with settings of Spark and Parquet that others gain by: times as whole microseconds in
place of INT96, and no dictionary for the event key, which is unique. The ways take turns.
"""

from __future__ import annotations

from collections import defaultdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from benchmarks.harness import Row, Work, as_one, measure, temporary_home, write_report
from footfall.spark.conf import temporary_conf
from footfall.spark.session import get_session

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

ROWS = 2_000_000
TABLE = "write_settings.events"
OLD_TIMES = {"spark.sql.parquet.outputTimestampType": "INT96"}
WHOLE_MICROSECONDS = {"spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS"}
NO_DICTIONARY = {"parquet.enable.dictionary#event_key": "false"}
WAYS = {
    "INT96, dictionaries": OLD_TIMES,
    "INT96, none of event_key": OLD_TIMES | NO_DICTIONARY,
    "microseconds, dictionaries": WHOLE_MICROSECONDS,
    "microseconds, none of event_key": WHOLE_MICROSECONDS | NO_DICTIONARY,
}


def staging_rows(rows: int) -> DataFrame:
    """Return rows in memory."""
    frame = (
        get_session()
        .sql(f"""
        select
            md5(cast(id as string)) as event_key,
            timestamp_micros(1755648000000000 + cast(rand(1) * 86400e6 as bigint)) as event_time,
            date'2025-08-20' as event_date,
            concat('u', cast(rand(2) * 50000 as int)) as user_id,
            concat('p', cast(pow(rand(3), 3) * 20000 as int)) as product_id,
            if(rand(4) < 0.8, 'view', 'click') as interaction_type,
            1L as _load_id
        from range({rows})
    """)
        .cache()
    )
    frame.count()
    return frame


def write(frame: DataFrame, conf: dict[str, str], rows: int) -> Work:
    with temporary_conf(get_session(), conf):
        writer = frame.write.format("delta").partitionBy("event_date").mode("overwrite")
        writer.saveAsTable(TABLE)
    table = get_session().sql(f"describe detail {TABLE}").collect()[0]
    return Work(rows=rows, bytes_written=table["sizeInBytes"])


def main(
    rows: Annotated[int, typer.Option(help="Rows of the table.", min=1)] = ROWS,
    runs: Annotated[int, typer.Option(help="Runs of each way, after a first one.", min=1)] = 5,
    json: Annotated[Path | None, typer.Option(help="Where to write the report.")] = None,
) -> None:
    """Measure a write with each setting.

    Example: `python -m benchmarks.write_settings --json report.json`
    """
    measured: dict[str, list[Row]] = defaultdict(list)
    with temporary_home():
        get_session().sql("create schema write_settings")
        frame = staging_rows(rows)
        for turn in range(runs + 1):
            for name, conf in WAYS.items():
                row = measure(name, "spark", partial(write, frame, conf, rows))
                measured[name] += [row] if turn else []
    write_report("write_settings", [as_one(*found) for found in measured.items()], json)


if __name__ == "__main__":
    typer.run(main)
