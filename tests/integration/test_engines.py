"""What DuckDB answers to `footfall query` is what Spark answers, to the letter."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from footfall.duck import OnlySparkError, answer, ask_spark
from footfall.settings import PROJECT_DIR, Settings, get_settings
from support.answer import Footfall
from support.main_job import demo, environment, finished
from support.thorough import THOROUGH, only_thorough

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

NAMES = {
    "KINDS": "engines_gold.kinds",
    "PAIRS": "engines_gold.pairs",
    "OLDER": "engines_gold.older",
}
FIRST = 9
COPIED = "/tmp/footfall-engines.csv"
SAME = [
    "select * from KINDS order by id",
    "select * from KINDS order by share, day desc, id",
    "select count(*), count(day), count(distinct name), COUNT(k.name) from KINDS k",
    "select max(k.Name), MIN(day), max(seen_at), min(price), sum(price), avg(id) from KINDS k",
    "select ID, k.Share, seen_at as at from KINDS k order by id",
    "select name, count(*) as n, sum(id) s from KINDS group by name having count(*) > 1",
    "select count_if(id > 1) as a, count_if(name in ('ab')) b, count_if(id = 2 and is_new) as c,"
    " count_if(id between 1 and 2) as d from KINDS",
    "select name, count(*) as n from KINDS group by all order by all",
    "select id / 2 as half, id / 0 as none, share / 0 as no, id * share x from KINDS order by id",
    "select count(*) / count(day) as r, sum(id) / count(*) as m from KINDS",
    "select id % 2 as rest, -id as minus, abs(-id) as plus, id - 5 as less from KINDS order by 1",
    "select id from KINDS where day = '2025-08-14' or seen_at >= '2025-08-15 10:00:00' order by id",
    "select id from KINDS where day between date '2025-08-01' and '2025-08-31' order by id",
    "select id from KINDS where seen_at < timestamp '2025-08-16 00:00:00' order by id desc",
    "select id from KINDS where price > 2 and price <= 10.50 and share >= 0.25 order by id",
    "select id from KINDS where name like 'a%' or name not like '%b' order by id",
    "select id from KINDS where name in ('ab', 'é') or day not in ('2025-08-14') order by id",
    "select id from KINDS where not is_new or is_new is null order by id",
    "select id from KINDS where name is distinct from 'ab' order by id",
    "select year(day) as y, month(seen_at) m, day(day) d, hour(seen_at) h from KINDS order by id",
    "select cast(seen_at as date) as d, cast(day as string) as t, cast(id as string) i from KINDS"
    " order by id",
    "select coalesce(name, 'none') as name, case when id > 2 then 'more' end as size from KINDS"
    " order by id",
    "select place.city, place.at, place from KINDS order by id",
    "select length(name) as n, name || '!' as loud from KINDS order by id",
    "select id, 'it''s' as text, null as nothing, 1.50 as d, true as yes from KINDS order by id",
    "select id, row_number() over (partition by name order by id) as n, sum(id) over (order by id)"
    " as total, rank() over (order by name) as r from KINDS order by id",
    "with a as (select id, day from KINDS) select a.id, p.word from a join PAIRS p"
    " on a.id = p.id order by a.id, p.word",
    "select k.id, p.word from KINDS k left join PAIRS p using (id) order by 1, 2",
    "select id from KINDS k where exists (select 1 from PAIRS p where p.id = k.id) order by id",
    "select id, (select max(word) from PAIRS p where p.id = k.id) as w from KINDS k order by id",
    "select id from KINDS where id not in (select id from PAIRS) order by id",
    "select id from KINDS union select id from PAIRS order by id",
    "select id from KINDS except select id from PAIRS order by id",
    "select day, name, count(*) as n from KINDS group by rollup (day, name) order by 1, 2, 3",
    "select count_if(is_new) as new, count(*) filter (where is_new) as also from KINDS",
    "select distinct name from KINDS order by name desc",
    "select id from KINDS order by name, id limit 2 offset 1;",
    "select min(share) as b, max(share) as c from KINDS",
    "select id from KINDS -- the first\n /* and\n only */ where id = 1",
    "select 1 as one",
]
"""What DuckDB answers, and Spark alike."""
SPARKS = [
    "select * from OLDER",
    'select id from KINDS where name = "ab"',
    "select `id` from KINDS",
    "select 'a\\tb' as text from KINDS",
    "select 1.5d",
    "select 7L as big",
    "select price / 2 as half from KINDS",
    "select price * price as squared from KINDS",
    "select count(*) / 2.0 as half from KINDS",
    "select avg(price) from KINDS",
    "select avg(share) from KINDS",
    "select sum(share) over (order by id) as total from KINDS",
    "select cast(share as int) as i from KINDS",
    "select cast(name as int) as i from KINDS",
    "select cast(seen_at as string) as t from KINDS",
    "select round(share, 1) as r from KINDS",
    "select day - date '2025-08-01' as days from KINDS",
    "select dayofweek(day) as d from KINDS",
    "select date_trunc('month', day) as m from KINDS",
    "select date_add(day, 1) as d from KINDS",
    "select concat(name, null) as c from KINDS",
    "select upper(name) as u from KINDS",
    "select tags[0] as first from KINDS",
    "select explode(tags) as tag from KINDS",
    "select size(tags) as n from KINDS",
    "select count(distinct name, day) as n from KINDS",
    "select id + 1 from KINDS",
    "select * from KINDS join PAIRS using (id)",
    "select * from KINDS version as of 0",
    "select id ^ 2 as x from KINDS",
    "select * from KINDS tablesample (1 rows)",
    "select id from KINDS where day = 'yesterday'",
    "select id from KINDS where name = 1",
    "select max(tags) from KINDS",
    "select current_date() as today",
    "select * from range(3)",
    "values (1)",
    "describe KINDS",
    "show tables in engines_gold",
]
"""What only Spark answers, or another way than DuckDB."""
BARRED = [
    "select * from read_text('/etc/passwd')",
    "select * from '/etc/passwd'",
    "select * from delta_scan('/tmp')",
    "select * from glob('/*')",
    "select * from duckdb_settings()",
    "select * from information_schema.tables",
    f"copy (select 1) to '{COPIED}'",
    "select 1 as one; select 2 as two",
    "select getenv('HOME') as home",
    "insert into KINDS select * from KINDS",
]
"""What reaches beyond the tables."""


@pytest.fixture(scope="module")
def tables(spark: SparkSession) -> Iterator[Settings]:
    """Tables of every type that the marts have, with nulls in each column."""
    spark.sql("drop schema if exists engines_gold cascade")
    spark.sql("create schema engines_gold")
    spark.sql(
        """
        create table engines_gold.kinds using delta partitioned by (day) as
        select * from values
            (1, 'ab', date'2025-08-14', timestamp'2025-08-14 23:30:00.123456', 10.50BD, 0.25D, true,
             array('x', null), named_struct('city', 'Köln', 'at', 1), array(named_struct('a', 1))),
            (2, 'é', date'2025-08-15', timestamp'2025-08-15 10:00:00', 2.00BD, 1e-7D, false,
             array(), named_struct('city', null, 'at', 2), null),
            (3, 'ab', null, null, null, null, null, null, null, array()),
            (4, null, date'1970-01-01', timestamp'1969-12-31 23:59:59', -0.01BD, -3.0D, true,
             array('é'), named_struct('city', 'b', 'at', null), array(named_struct('a', null)))
            as kinds (id, name, day, seen_at, price, share, is_new, tags, place, places)
        """
    )
    spark.sql(
        "create table engines_gold.pairs using delta as "
        "select * from values (1, 'p'), (1, 'q'), (3, 'r') as pairs (id, word)"
    )
    spark.sql("create view engines_gold.older as select * from engines_gold.kinds where id < 3")
    yield get_settings()
    spark.sql("drop schema engines_gold cascade")


def named(sql: str) -> str:
    for short, name in NAMES.items():
        sql = sql.replace(short, name)
    return sql


# A question takes Spark a third of a second: short runs ask those that hold the most.
@pytest.mark.parametrize("sql", SAME if THOROUGH else SAME[:FIRST])
def test_duckdb_answers_as_spark_does(spark: SparkSession, tables: Settings, sql: str) -> None:
    by_spark, by_duckdb = ask_spark(named(sql), spark), answer(named(sql), tables)
    assert by_duckdb.columns == by_spark.columns
    assert list(map(repr, by_duckdb.rows)) == list(map(repr, by_spark.rows))


@pytest.mark.parametrize("sql", SPARKS if THOROUGH else SPARKS[::3])
def test_what_may_differ_is_left_to_spark(tables: Settings, sql: str) -> None:
    with pytest.raises(OnlySparkError) as refused:
        answer(named(sql), tables)
    assert str(refused.value)


@pytest.mark.parametrize("sql", BARRED)
def test_duckdb_reaches_no_file_and_no_setting(tables: Settings, sql: str) -> None:
    with pytest.raises(OnlySparkError):
        answer(named(sql), tables)
    assert not Path(COPIED).exists()


def test_the_engine_is_told_and_can_be_chosen(tables: Settings, footfall: Footfall) -> None:
    sql = named("select count(*) from KINDS")
    for engine, name in (("auto", "DuckDB"), ("duckdb", "DuckDB"), ("spark", "Spark")):
        said = footfall("query", sql, "--engine", engine, "--format", "csv")
        assert (said.exit_code, said.out.split()) == (0, ["count(1)", "4"]), said.err
        assert said.err == f"Answered by {name}.\n"
    left = footfall("query", named("select max(price) / 2 as half from KINDS"), "--format", "csv")
    assert "Answered by Spark; DuckDB did not: Spark computes with decimals." in left.err
    refused = footfall("query", "select 1.5d as x", "--engine", "duckdb")
    assert refused.exit_code == 2 and "--engine" in refused.err
    assert footfall("query", "--write", "select 1", "--engine", "duckdb").exit_code == 2


def without_java(home: Path, *arguments: str) -> str:
    """Run a command in a process of its own, which must not start Java."""
    ended = subprocess.run(
        [sys.executable, "-m", "footfall", *arguments],
        env=os.environ
        | {
            "FOOTFALL_HOME": str(home),
            "FOOTFALL_DB_SCHEMA": "engines",
            "JAVA_HOME": "/nonexistent",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_a_home_that_another_process_holds_is_read_without_it(tables: Settings) -> None:
    assert "2025-08-15" in without_java(tables.home, "query", named("select max(day) from KINDS"))


def test_status_by_folders_and_logs_is_that_of_the_catalog(
    tables: Settings, footfall: Footfall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOOTFALL_DB_SCHEMA", "engines")
    get_settings.cache_clear()
    by_catalog = footfall("status", "--json", "--catalog").json
    monkeypatch.undo()
    get_settings.cache_clear()
    by_logs = json.loads(without_java(tables.home, "status", "--json"))
    for table in (*by_catalog, *by_logs):
        del table["age_hours"]
    assert [table["table"] for table in by_logs] == [NAMES["KINDS"], NAMES["PAIRS"]]
    assert by_logs == by_catalog


@only_thorough
def test_the_engines_agree_on_every_table(tmp_path: Path) -> None:
    home = tmp_path / "home"
    finished(demo(home))
    asked = subprocess.run(
        [sys.executable, "-m", "support.engines"],
        env=environment(home, FOOTFALL_TINY_TABLES="true"),
        cwd=PROJECT_DIR / "tests",
        capture_output=True,
        text=True,
        timeout=1500,
        check=False,
    )
    assert asked.returncode == 0, asked.stderr[-3000:]
    found = json.loads(asked.stdout)
    assert found["tables"] > 50 and found["asked"] > 500
    assert found["differing"] == []
