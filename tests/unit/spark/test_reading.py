"""`footfall query` is for reading: statements judged by Spark's parser, without a Spark session."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.errors import ParseException

from footfall.errors import UsageError
from footfall.spark.reading import require_reading

READING = [
    "select 1",
    "SELECT * FROM footfall_gold.fct_sessions -- drop table x\n limit 5",
    "/* insert\n into */ select 'drop table x' as text",
    "with a as (select 1 as x) select * from a",
    "with recursive r as (select 1 as n union all select n + 1 from r where n < 3) select * from r",
    "table footfall_gold.dim_users",
    "values (1, 'a'), (2, 'b')",
    "from t |> where a = 1 |> aggregate count(*) group by b",
    "select * from a left join b using (x) where exists (select 1 from c where c.x = a.x)",
    "select a.x, sum(y) over w from a lateral view explode(z) as y window w as (partition by x)",
    "select * from t pivot (sum(x) for y in (1, 2))",
    "select * from t unpivot (a for b in (c, d))",
    "select * from t tablesample (10 percent)",
    "select * from t version as of 3",
    "select * from table_changes('footfall_gold.t', 0)",
    "select * from range(3), lateral (select 1)",
    "select 1 union select 2 except select 3 intersect select 4",
    "select x, count(*) from t group by cube (x) having count(*) > 1 order by all limit 3 offset 1",
    "select * from t qualify row_number() over (order by x) = 1",
    "select transform(array(1), x -> x + 1), if(a, b, c), try_cast(d as date) from t",
    "select * from identifier('footfall_gold.t')",
    "show tables in footfall_gold",
    "show create table t",
    "show tblproperties t",
    "describe extended footfall_gold.t",
    "describe history t",
    "describe detail t",
    "describe query select 1",
    "describe function sum",
    "explain extended select * from t",
    "explain merge into t using s on t.x = s.x when not matched then insert *",
]
WRITING = [
    "drop table t",
    "DELETE FROM t",
    "/* select */\n-- select 1\ninsert into t select 1",
    "with a as (select 1 as x) insert into t select * from a",
    "from s insert into a select 1 insert into b select 2",
    "insert into t replace where d = 1 select 1",
    "insert overwrite directory '/tmp/x' using parquet select 1",
    "update t set a = 1",
    "merge into t using s on t.x = s.x when matched then delete",
    "create table t as select 1",
    "create temp view v as select 1",
    "drop table identifier('t')",
    "delete from identifier(concat('a', 'b'))",
    "alter table t set tblproperties ('a' = 'b')",
    "truncate table t",
    "vacuum t",
    "optimize t",
    "restore table t to version as of 0",
    "cache table t",
    "refresh table t",
    "analyze table t compute statistics",
    "use footfall_gold",
    "call system.anything()",
    "execute immediate 'drop table t'",
    "explain execute immediate 'drop table t'",
    "begin select 1; drop table t; end",
    "select transform(a) using 'cat' as (b) from t",
    "set spark.sql.ansi.enabled = true",
    "reset",
    "add jar '/tmp/x.jar'",
    "list jar",
]
REACHING = [
    "select * from text.`/etc/passwd`",
    "select * from PARQUET.`/tmp/x`",
    "select * from delta.`/tmp/x`",
    "select * from delta.`/tmp/x` version as of 1",
    "select * from spark_catalog.delta.`/tmp/x`",
    "select * from identifier('text.`/etc/passwd`')",
    "select * from identifier(concat('text.`/etc', '/passwd`'))",
    "select * from t where a in (select value from csv.`/etc/passwd`)",
    "with a as (select * from json.`/etc/passwd`) select * from a",
    "explain select * from binaryFile.`/etc/passwd`",
    "describe detail '/tmp/x'",
    "describe delta.`/tmp/x`",
    "select * from table_changes('delta.`/tmp/x`', 0)",
    "select * from table_changes_by_path('/tmp/x', 0)",
    "select * from read_files('/tmp')",
    "select reflect('java.lang.System', 'getenv', 'HOME')",
    "select java_method('java.lang.System', 'exit', 0)",
    "select sum(1) over w from t window w as (order by system.builtin.try_reflect('a', 'b'))",
    "values (reflect('java.lang.System', 'getenv', 'HOME'))",
]


@pytest.mark.parametrize("sql", READING)
def test_what_reads_tables_passes(footfall_home: Path, sql: str) -> None:
    require_reading(sql)


@pytest.mark.parametrize("sql", WRITING)
def test_what_writes_is_refused_with_the_option_that_allows_it(
    footfall_home: Path, sql: str
) -> None:
    with pytest.raises(UsageError, match=r"(?s)only reads tables.*--write"):
        require_reading(sql)


@pytest.mark.parametrize("sql", REACHING)
def test_what_reaches_beyond_the_tables_is_refused(footfall_home: Path, sql: str) -> None:
    with pytest.raises(UsageError, match=r"(?s)`footfall query`.*--write"):
        require_reading(sql)


def test_what_is_no_sql_is_said_in_sparks_words(footfall_home: Path) -> None:
    for sql in ("selct 1", "select 1; drop table t"):
        with pytest.raises(ParseException, match="PARSE_SYNTAX_ERROR"):
            require_reading(sql)
