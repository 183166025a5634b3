"""Profiles of tables: what the pages say, show and leave out."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from footfall.project.contracts import get_contract
from footfall.report.profile import PROFILER, _drawn
from footfall.settings import get_settings
from support.answer import Footfall
from support.browser import Show
from support.thorough import only_thorough

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.skipif(find_spec(PROFILER) is None, reason=f"{PROFILER} is not installed")

CUSTOMERS = "profiled_bronze.crm__customers"
VISITS = "profiled_gold.visits"
EMPTY = "profiled_gold.empty"
VISIT_COUNT = 3000
SCRIPT = "</script><script>document.title = 'taken over'</script>"
NEEDLES = ("Ada Byron", "ada@example.org", "+44 20 7946 0000")


@pytest.fixture(scope="module")
def tables(spark: SparkSession, footfall_home: Path) -> Iterator[None]:
    """A bronze table with personal data, a mart with every kind of type, an empty table."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FOOTFALL_DB_SCHEMA", "profiled")
        get_settings.cache_clear()
        for schema in ("profiled_bronze", "profiled_gold"):
            spark.sql(f"create schema {schema}")
        ddl = get_contract("crm.customers").ddl()
        name, email, phone = NEEDLES
        spark.sql(f"create table {CUSTOMERS} ({ddl}) using delta")
        spark.sql(
            f"""
            insert into {CUSTOMERS}
            select
                id, '{name}', '{email}', '{phone}', date'2025-08-01', 'London', 'new',
                null, 1, current_timestamp(), 'a.csv', array("row_unreadable: '{email}'")
            from range(20)
            """
        )
        spark.sql(
            f"""
            create table {VISITS} using delta as
            select
                id as visit_id,
                if(id % 7 = 0, null, 9007199254740993 + id) as large,
                if(id % 2 = 0, "{SCRIPT}", '$x$ %{{y}} 商品 🛒 \\\\frac') as awkward,
                cast(id / 3 as decimal(18, 2)) as price,
                timestamp'2025-08-01 10:00:00' + make_interval(0, 0, 0, 0, 0, id) as seen_at,
                if(id = 5, date'9999-12-31', date'2025-08-01') as `the-day`,
                array(id, 1) as items,
                map('a', id) as counts,
                named_struct('b', id) as nested,
                cast('bytes' as binary) as sketch,
                id % 3 = 0 as is_third,
                cast(null as string) as nothing
            from range({VISIT_COUNT})
            """
        )
        spark.sql(f"create table {EMPTY} (id bigint, name string) using delta")
        yield
        for schema in ("profiled_bronze", "profiled_gold"):
            spark.sql(f"drop schema {schema} cascade")
    get_settings.cache_clear()


@only_thorough
def test_each_table_has_a_page_that_says_how_much_of_it_was_looked_at(
    tables: None, footfall: Footfall, show: Show, tmp_path: Path
) -> None:
    names = (VISITS, CUSTOMERS, EMPTY)
    answer = footfall("profile", *names, "--out", str(tmp_path), "--rows", "500", "--json")
    assert answer.exit_code == 0
    looked_at = [
        (told["table"], told["rows"], told["rows_looked_at"]) for told in answer.json["tables"]
    ]
    assert looked_at == [(VISITS, VISIT_COUNT, 500), (CUSTOMERS, 20, 20), (EMPTY, 0, 0)]
    assert {file.name for file in tmp_path.iterdir()} == {
        "index.html",
        *(f"{name}.html" for name in names),
    }
    visits = show((tmp_path / f"{VISITS}.html").read_text())
    assert visits.page.title() == f"footfall profile: {VISITS}"
    assert visits.page.locator("#rows").inner_text() == (
        "500 of 3,000, drawn at random, each with the same chance; all figures are the sample's"
    )
    assert visits.count("#left-out") == 0
    assert visits.overflow() == 0
    summary = visits.page.locator("#profile")
    for column in ("visit_id", "large", "the-day", "sketch", "is_third"):
        assert summary.get_by_text(column, exact=True).count() > 0, column
    customers = show((tmp_path / f"{CUSTOMERS}.html").read_text())
    assert customers.page.locator("#rows").inner_text() == "all 20"
    assert "name, email, phone, _ingest_errors" in customers.page.locator("#left-out").inner_text()
    assert (
        show((tmp_path / f"{EMPTY}.html").read_text()).page.locator("#rows").inner_text() == "none"
    )
    index = show((tmp_path / "index.html").read_text(), 390)
    assert [link.get_attribute("href") for link in index.page.locator("#tables a").all()] == [
        f"{name}.html" for name in names
    ]
    assert index.overflow() == 0


def test_personal_values_enter_a_page_only_where_that_is_asked_for(
    tables: None, footfall: Footfall, tmp_path: Path
) -> None:
    page = tmp_path / f"{CUSTOMERS}.html"
    assert footfall("profile", CUSTOMERS, "--out", str(tmp_path)).exit_code == 0
    written = page.read_text()
    assert "London" in written
    assert [needle for needle in NEEDLES if needle in written] == []
    answer = footfall("profile", CUSTOMERS, "--out", str(tmp_path), "--with-personal", "--json")
    assert answer.json["tables"][0]["left_out"] == []
    written = page.read_text()
    assert [needle for needle in NEEDLES if needle not in written] == []


def test_a_sample_is_drawn_from_the_whole_table(
    spark: SparkSession, tables: None, footfall: Footfall, tmp_path: Path
) -> None:
    rows = [row.visit_id for row in _drawn(spark.table(VISITS), VISIT_COUNT, 300).collect()]
    assert len(set(rows)) == len(rows) == 300
    assert abs(sum(rows) / len(rows) - VISIT_COUNT / 2) < VISIT_COUNT / 10


@pytest.mark.parametrize(
    ("name", "fix"),
    [
        ("profiled_gold.visit", "Did you mean profiled_gold.visits"),
        ("visits; drop table x", "footfall status"),
        ("parquet.`/etc/passwd`", "footfall status"),
    ],
)
def test_what_is_no_table_of_the_project_is_refused_and_the_nearest_named(
    tables: None, footfall: Footfall, tmp_path: Path, name: str, fix: str
) -> None:
    answer = footfall("profile", name, "--out", str(tmp_path / "pages"))
    assert answer.exit_code == 2
    assert fix in answer.err
    assert not (tmp_path / "pages").exists()
