"""A short Spark run like the project's own, at whose end Java archives the classes it loaded."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from pyspark import SparkContext
from pyspark.sql import SparkSession

from footfall.spark.class_archive import SECONDS_TO_MAKE
from footfall.spark.conf import java_options
from footfall.spark.session import prepare

BASE_ARCHIVE = Path("lib", "server", "classes.jsa")
"""The archive of Java's own classes, which a runtime from a wheel lacks."""

STATEMENTS = (
    "create schema if not exists {schema}",
    """create table {schema}.events (user_id string, event_time timestamp, event_date date,
        items array<int>, amount decimal(18, 2)) using delta partitioned by (event_date)""",
    """insert into {schema}.events
        select concat('u', id % 5), timestamp_seconds(1700000000 + id * 600),
            date'2025-01-01', array(1, 2), cast(id as decimal(18, 2))
        from range(100)""",
    """merge into {schema}.events as existing
        using (select * from {schema}.events limit 3) as arriving
        on existing.user_id = arriving.user_id and existing.event_time = arriving.event_time
        when not matched then insert *""",
    """insert into {schema}.events replace where event_date in (date'2025-01-01')
        select * from {schema}.events where event_date in (date'2025-01-01')""",
    """create or replace view {schema}.sessions as
        select user_id, event_date, md5(concat_ws('|', user_id, event_time)) as session_key,
            lag(event_time) over (partition by user_id order by event_time) as before
        from {schema}.events""",
    """create or replace temporary view days as
        select event_date, count(*) as events, count(distinct user_id) as users,
            percentile(size(items), 0.5) as median, sort_array(collect_list(user_id)) as list
        from {schema}.sessions join {schema}.events using (user_id, event_date)
        group by event_date""",
    "create table {schema}.days using delta as select * from days",
    "alter table {schema}.days set tblproperties ('footfall.loads.a.b' = '1')",
    "alter table {schema}.days add constraint known check (users >= 0)",
    "comment on table {schema}.days is 'one row per day'",
    "show tblproperties {schema}.days",
    "show table extended in {schema} like '*'",
    "describe extended {schema}.days",
    "describe detail {schema}.days",
    "describe history {schema}.days",
    "optimize {schema}.events",
    "select users, explode(list) from {schema}.days order by 1, 2",
    "drop table {schema}.days",
)


def _make_base(java: Path, base: Path) -> None:
    """Make the archive of Java's own classes, in its final place: the other one names it."""
    fresh = base.with_suffix(".new")
    subprocess.run(
        [str(java), "-Xshare:dump", f"-XX:SharedArchiveFile={fresh}", "-XX:+UseParallelGC"],
        check=True,
        capture_output=True,
        timeout=SECONDS_TO_MAKE,
    )
    fresh.replace(base)


def _run_statements(session: SparkSession) -> None:
    for statement in STATEMENTS:
        session.sql(statement.format(schema="class_archive")).collect()
    with tempfile.TemporaryDirectory() as folder:
        events = session.table("class_archive.events")
        for file_format in ("parquet", "json"):
            target = f"{folder}/{file_format}"
            events.write.format(file_format).save(target)
            session.read.format(file_format).load(target).collect()


def make_archive(file: Path, base: Path, java_home: Path) -> None:
    """Run Spark on statements like the project's, and have Java archive its classes at its end.

    Args:
        file: the archive to write.
        base: where the archive of Java's own classes belongs, if the runtime ships none.
        java_home: the Java that Spark runs on.
    """
    settings = prepare()
    options = java_options(settings)
    if not (java_home / BASE_ARCHIVE).is_file():
        _make_base(java_home / "bin" / "java", base)
        options.append(f"-XX:SharedArchiveFile={base}")
    options.append(f"-XX:ArchiveClassesAtExit={file}")
    builder = SparkSession.builder.config("spark.driver.extraJavaOptions", shlex.join(options))
    session = builder.enableHiveSupport().getOrCreate()
    _run_statements(session)
    gateway = SparkContext._gateway
    assert gateway is not None
    session.stop()
    gateway.shutdown()
    gateway.proc.stdin.close()
    gateway.proc.wait(SECONDS_TO_MAKE)
    shutil.rmtree(settings.home, ignore_errors=True)


if __name__ == "__main__":
    make_archive(*map(Path, sys.argv[1:4]))
