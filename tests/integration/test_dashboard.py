"""The dashboard as a browser shows it: what is drawn, and that nothing else happens."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from footfall.errors import FootfallError
from footfall.report import build_dashboard, render_dashboard
from footfall.report.frames import read_frames
from footfall.settings import get_settings
from support.browser import Show
from support.engagement_frames import (
    CHARTS,
    SEGMENTS,
    days_to_last,
    engagement_frames,
    quality_frames,
    retention,
)
from support.thorough import only_thorough

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

BUILT_AT = datetime(2025, 3, 7, 4, 5, tzinfo=timezone.utc)
WIDTHS = (1280, 390)
PANELS = (*CHARTS, "retention")
DAYS = 9


@pytest.fixture
def frames() -> dict[str, pd.DataFrame]:
    """Nine days, four products, two sources."""
    days = days_to_last(DAYS)
    numbers = range(1, DAYS + 1)
    return {
        **engagement_frames(days),
        "session_metrics": pd.DataFrame(
            {
                "event_date": days,
                "session_count": [150 * number for number in numbers],
                "median_duration_seconds": [60.5 * number for number in numbers],
                "p95_duration_seconds": [600.5 * number for number in numbers],
            }
        ),
        "top_products": pd.DataFrame(
            {
                "product_id": ["p1", "p2", "p3", "p4"],
                "view_count": [40, 30, 20, 10],
                "click_count": [4, 3, 2, 1],
                "purchase_count": [2, 1, 0, 0],
                "product_count": 70,
                "interaction_count": 5000,
            }
        ),
        "reconciliation": pd.DataFrame(
            {
                "source": ["app.interactions", "product.interactions"],
                "load_id": [2, 5],
                "rows_in": [1000, 123_456],
                "accepted": [900, 123_000],
                "duplicates": [60, 400],
                "quarantined": [40, 56],
            }
        ),
        "quarantine_reasons": pd.DataFrame(
            {
                "source": ["product.interactions", "app.interactions", "app.interactions"],
                "reason": ["user_id_missing", "duration_ms_above_maximum", "action_type_unknown"],
                "row_count": [56, 30, 10],
            }
        ),
        **quality_frames(),
        "loads": pd.DataFrame(
            {
                "source": ["app.interactions", "product.interactions"],
                "load_id": [2, 6],
                "loaded_at": pd.to_datetime(["2025-03-06 22:10", "2025-03-07 04:00"]),
            }
        ),
        "turn": pd.DataFrame({"lag_seconds": [75.4]}),
    }


@pytest.mark.parametrize("width", WIDTHS)
def test_each_panel_draws_every_row(
    show: Show, frames: dict[str, pd.DataFrame], width: int
) -> None:
    shown = show(render_dashboard(frames, BUILT_AT), width)
    assert shown.page.title() == "footfall dashboard: 26 Feb – 6 Mar 2025"
    assert shown.marks("dau", ".scatterlayer .trace") == [DAYS] * 3
    assert shown.marks("stickiness", ".scatterlayer .trace") == [DAYS]
    assert shown.marks("sessions", ".scatterlayer .trace") == [DAYS] * 2
    assert shown.marks("sessions", ".barlayer .trace") == [DAYS]
    assert shown.marks("products", ".barlayer .trace") == [4] * 3
    assert shown.marks("quality", ".barlayer .trace") == [2] * 3
    assert shown.marks("quarantine", ".barlayer .trace") == [3]
    assert shown.marks("arrivals", ".scatterlayer .trace") == [2, 2]
    assert shown.marks("pauses", ".scatterlayer .trace") == [1]
    assert shown.marks("builds", ".barlayer .trace") == [2, 2]
    assert shown.count("#dau .js-line") == 3
    assert shown.marks("definitions", ".scatterlayer .trace") == [DAYS] * 6
    assert shown.marks("active_days", ".barlayer .trace") == [28]
    assert shown.marks("growth", ".barlayer .trace") == [4] * 4
    assert shown.marks("growth", ".scatterlayer .trace") == [4]
    assert shown.marks("durations", ".barlayer .trace") == [5, 1]
    assert len(shown.shown("retention", "td[title]")) == 6


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_its_window(
    show: Show, frames: dict[str, pd.DataFrame], width: int, scheme: str
) -> None:
    shown = show(render_dashboard(frames, BUILT_AT), width, scheme)
    assert shown.overflow() == 0
    for panel in CHARTS:
        section = shown.page.locator(f"#{panel}").bounding_box()
        chart = shown.page.locator(f"#{panel} .main-svg").first.bounding_box()
        assert section
        assert chart
        assert chart["width"] > 250
        assert chart["x"] + chart["width"] <= section["x"] + section["width"]
        assert chart["y"] + chart["height"] <= section["y"] + section["height"]


@pytest.mark.parametrize("width", WIDTHS)
def test_the_segment_that_is_chosen_is_shown_in_both_panels(
    show: Show, frames: dict[str, pd.DataFrame], width: int
) -> None:
    shown = show(render_dashboard(frames, BUILT_AT), width)
    names = [segment for segments in SEGMENTS.values() for segment in segments]
    assert shown.page.locator("#dau option").all_inner_texts() == ["All users", *names]
    assert shown.values("dau")["DAU"][-1] == 900
    shown.choose("dau", "segment", "NO")
    assert shown.values("dau")["DAU"] == [60 * number for number in range(1, DAYS + 1)]
    assert shown.values("dau")["MAU, 28 days"][-1] == 2160
    for panel in ("dau", "stickiness"):
        (summary,) = shown.shown(panel, ".summary")
        assert "Country NO only" in summary
        selected = shown.page.locator(f"#{panel} select option:checked").inner_text()
        assert selected == "NO"
    shown.choose("stickiness", "segment", "desktop")
    assert shown.values("dau")["DAU"][-1] == 450
    shown.choose("stickiness", "segment", "All users")
    assert shown.values("dau")["DAU"][-1] == 900
    assert shown.overflow() == 0


def test_a_definition_is_chosen_in_all_panels_together(
    show: Show, frames: dict[str, pd.DataFrame]
) -> None:
    shown = show(render_dashboard(frames, BUILT_AT))
    assert shown.values("growth")["Active"] == [100, 100, 110, 75]
    shown.choose("retention", "definition", "core")
    assert shown.values("growth")["Active"] == [50, 50, 55, 37]
    assert shown.values("active_days")["Users"][0] == 112
    assert shown.shown("retention", "td[title]") == ["20%", "0%", "2% so far"]
    shown.choose("retention", "retention", "In that week or later (rolling)")
    assert shown.shown("retention", "td[title]") == ["20%", "2%", "2% so far"]
    assert "any later one" in shown.shown("retention", ".summary")[0]


def test_a_chart_that_was_hidden_fits_a_window_that_changed_meanwhile(
    show: Show, frames: dict[str, pd.DataFrame]
) -> None:
    shown = show(render_dashboard(frames, BUILT_AT))
    shown.choose("dau", "segment", "SE")
    shown.choose("dau", "segment", "All users")
    shown.page.set_viewport_size({"width": 390, "height": 844})
    shown.page.emulate_media(color_scheme="dark")
    shown.choose("dau", "segment", "SE")
    shown.page.wait_for_function(
        "() => document.querySelector('#dau [data-choice=country-0] .main-svg').clientWidth < 390"
    )
    line = shown.page.locator("#dau [data-choice=country-0] .js-line").last
    assert line.evaluate("path => getComputedStyle(path).stroke") == "rgb(93, 180, 236)"
    assert shown.overflow() == 0


def test_the_heat_map_scrolls_inside_its_panel_and_keeps_its_cohorts_in_sight(
    show: Show, frames: dict[str, pd.DataFrame]
) -> None:
    users = list(range(27, 0, -1))
    sizes = [users[:count] for count in range(27, 0, -1)]
    frames["retention"] = retention({"basic": [(cohort, cohort) for cohort in sizes]})
    shown = show(render_dashboard(frames, BUILT_AT), 390)
    assert shown.overflow() == 0
    scrolled = shown.page.locator("#retention .scroll >> visible=true")
    cohort = shown.page.locator("#retention tbody th >> visible=true").first
    before = cohort.bounding_box()
    assert scrolled.evaluate("box => (box.scrollLeft = box.scrollWidth) && box.scrollLeft") > 200
    assert cohort.bounding_box() == before
    assert scrolled.locator("td[title]").evaluate_all(
        "cells => cells.every(cell => cell.scrollWidth <= cell.clientWidth)"
    )


def test_charts_follow_the_window_and_the_theme(
    show: Show, frames: dict[str, pd.DataFrame]
) -> None:
    shown = show(render_dashboard(frames, BUILT_AT))
    line = shown.page.locator("#stickiness .js-line").first
    light = line.evaluate("path => getComputedStyle(path).stroke")
    assert light == "rgb(0, 103, 168)"
    shown.page.emulate_media(color_scheme="dark")
    shown.page.wait_for_function(
        "light => getComputedStyle(document.querySelector('#stickiness .js-line'))"
        ".stroke !== light",
        arg=light,
    )
    shown.page.set_viewport_size({"width": 390, "height": 844})
    shown.page.wait_for_function(
        "() => [...document.querySelectorAll('.main-svg')].every(svg => svg.clientWidth < 390)"
    )
    assert shown.overflow() == 0
    assert shown.marks("dau", ".scatterlayer .trace") == [DAYS] * 3


def test_header_tiles_and_loads_say_the_numbers(
    show: Show, frames: dict[str, pd.DataFrame]
) -> None:
    page = show(render_dashboard(frames, BUILT_AT)).page
    assert page.locator("#data-range").inner_text() == "26 Feb – 6 Mar 2025 (9 days)"
    assert page.locator("#built-at").inner_text() == "7 Mar 2025 04:05 UTC"
    assert "product 7 Mar 2025 04:00" in page.locator("#newest-loads").inner_text()
    assert page.locator("#lag").inner_text() == "1 min 15 s"
    assert page.locator("[data-kpi=dau]").inner_text().split("\n") == [
        "DAU",
        "900",
        "▲ 350.0% vs Thu 27 Feb",
    ]
    assert "9 min 4 s" in page.locator("[data-kpi=median_duration_seconds]").inner_text()
    row = page.locator("#quality tbody tr").nth(1).locator("th, td").all_inner_texts()
    assert row == ["product.interactions", "123,456", "123,000", "400", "56"]
    loads = page.locator("#loads li").all_inner_texts()
    assert "not built yet" not in loads[0]
    assert "not built yet" in loads[1]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("exists", [False, True], ids=["no_tables", "empty_tables"])
def test_nothing_to_draw_is_said_in_words(
    show: Show, frames: dict[str, pd.DataFrame], width: int, exists: bool
) -> None:
    empty = {name: frame.head(0) for name, frame in frames.items()} if exists else {}
    shown = show(render_dashboard(empty, BUILT_AT), width)
    assert shown.count("[data-figure]") == 0
    for panel in PANELS:
        assert "dbt build" in shown.page.locator(f"#{panel} .nothing").inner_text()
    assert "footfall demo" in shown.page.locator("#loads .nothing").inner_text()
    assert shown.overflow() == 0


@pytest.mark.parametrize("width", WIDTHS)
def test_awkward_data_is_shown_as_text(
    show: Show, frames: dict[str, pd.DataFrame], width: int
) -> None:
    ids = [
        "<script>alert(1)</script>",
        "</script><img src=x onerror=alert(2)>",
        '"><b>bold</b> &amp; $x$ %{y}',
        "--dau",
        "line\nbreak\u2028and\u0000more",
        "0f8fad5b-d9cb-469f-a165-70867728950e" * 4,
        "0f8fad5b-xxxx-469f-a165-70867728950e" * 4,
        "",
        "商品 🛒",
        "1e5",
    ]
    frames["top_products"] = pd.DataFrame(
        {
            "product_id": ids,
            "view_count": range(10, 0, -1),
            "click_count": 0,
            "purchase_count": 0,
            "product_count": 10,
            "interaction_count": 55,
        }
    )
    frames["quarantine_reasons"]["reason"] = "<img src=x onerror=alert(3)> " + "long_" * 60
    frames["active_users_by_segment"] = frames["active_users_by_segment"].replace(
        {"segment_value": {"SE": ids[1], "NO": ids[5]}}
    )
    shown = show(render_dashboard(frames, BUILT_AT), width)
    for position in (0, 1):
        shown.page.locator("#dau select").select_option(f"country-{position}")
        assert shown.overflow() == 0
    assert ids[1] in shown.page.locator("#dau option").all_inner_texts()
    shown.page.locator("#products .bars .point path").first.hover(force=True)
    assert shown.marks("products", ".barlayer .trace") == [10] * 3
    assert shown.count("img") == 0
    labels = shown.page.locator("#products .ytick text").all_text_contents()
    assert labels[0].strip() == "<script>…script>"
    assert labels[3].strip() == "--dau"
    assert len(labels) == len(ids)
    assert shown.overflow() == 0


@pytest.mark.parametrize("width", WIDTHS)
def test_a_single_day_is_drawn_as_one_mark(
    show: Show, frames: dict[str, pd.DataFrame], width: int
) -> None:
    for name in ("active_users", "session_metrics"):
        frames[name] = frames[name].head(1)
    shown = show(render_dashboard(frames, BUILT_AT), width)
    assert shown.page.title() == "footfall dashboard: 26 Feb 2025"
    assert shown.marks("dau", ".scatterlayer .trace") == [1] * 3
    assert shown.marks("sessions", ".barlayer .trace") == [1]
    ticks = shown.page.locator("#dau .xtick text").all_text_contents()
    assert ticks == ["26 Feb2025"]
    assert "no value a week before" in shown.page.locator("[data-kpi=dau]").inner_text()


def test_a_long_history_is_drawn_as_lines(show: Show, frames: dict[str, pd.DataFrame]) -> None:
    days = [date(2023, 1, 1) + timedelta(days=number) for number in range(800)]
    frames["active_users"] = pd.DataFrame(
        {"metric_date": days, "dau": 50_000, "wau": 90_000, "mau_28": 200_000, "stickiness": 0.25}
    )
    shown = show(render_dashboard(frames, BUILT_AT), 390)
    assert shown.count("#dau .js-line") == 3
    drawn = shown.page.evaluate(
        "document.querySelector('#dau [data-figure]').data.map(trace => trace.x.length)"
    )
    assert drawn == [800] * 3
    assert shown.overflow() == 0


# ---------------------------------------------------------------- with Spark


@only_thorough
def test_the_marts_are_read_as_the_dashboard_needs_them(
    spark: SparkSession, tmp_path: Path
) -> None:
    settings = get_settings().model_copy(update={"db_schema": "dashboard"})
    for layer in ("bronze", "gold", "quality"):
        spark.sql(f"create schema {settings.schema_of(layer)}")
    tables = {
        "gold.fct_active_users_daily": """
            select metric_date, definition, segment_type, segment_value, users as dau,
                users as wau, users as mau_28, users as mau_30, users as mau_calendar,
                cast(1 as double) as stickiness
            from values
                (date'2025-03-02', 'basic', 'all', 'all', 7L),
                (date'2025-03-01', 'basic', 'all', 'all', 5L),
                (date'2025-03-02', 'core', 'all', 'all', 3L),
                (date'2025-03-02', 'basic', 'country', 'SE', 2L),
                (date'2025-03-02', 'core', 'country', 'SE', 1L)
            as users(metric_date, definition, segment_type, segment_value, users)""",
        "gold.fct_active_days_histogram": """
            select * from values
                (date'2025-03-01', 'basic', 1, 5L), (date'2025-03-02', 'basic', 2, 4L),
                (date'2025-03-02', 'basic', 1, 3L)
            as bars(metric_date, definition, active_days, user_count)""",
        "gold.fct_growth_accounting": """
            select period_type, period_start, definition, users as active_users,
                users as new_users, 0L as retained_users, 0L as resurrected_users,
                0L as churned_users, false as is_complete
            from values
                ('week', date'2025-02-24', 'basic', 7L), ('day', date'2025-03-02', 'basic', 7L),
                ('week', date'2025-02-17', 'basic', 6L)
            as periods(period_type, period_start, definition, users)""",
        "gold.fct_retention_cohorts": """
            select period_type, cohort_start, definition, period_number, 8L as cohort_size,
                users as bounded_users, users as rolling_users,
                users / 8D as bounded_retention, users / 8D as rolling_retention,
                true as is_complete
            from values
                ('week', date'2025-02-17', 'basic', 1, 2L),
                ('week', date'2025-02-17', 'basic', 0, 8L),
                ('month', date'2025-02-01', 'basic', 0, 8L)
            as cohorts(period_type, cohort_start, definition, period_number, users)""",
        "gold.fct_product_daily": """
            select user_id, if(user_id < 40, 'a', concat('p', lpad(user_id, 2, '0'))) as product_id,
                2L as view_count, 1L as click_count, 0L as purchase_count
            from (select explode(sequence(0, 64)) as user_id)""",
        "quality.dq_load_reconciliation": """
            select * from values
                ('product.interactions', 1L, 10L, 8L, 1L, 1L),
                ('product.interactions', 2L, 20L, 18L, 2L, 0L)
            as loads(source, load_id, rows_in, accepted, duplicates, quarantined)""",
        "quality.dq_quarantine": """
            select 'product.interactions' as source, reject_reasons
            from values (array('a', 'b')), (array('b')) as rows(reject_reasons)""",
        "bronze.product__interactions": """
            select * from values
                (1L, timestamp'2025-03-01 01:00:00'), (2L, timestamp'2025-03-02 03:04:05')
            as rows(_load_id, _ingested_at)""",
    }
    for name, query in tables.items():
        spark.sql(f"create table {settings.db_schema}_{name} using delta as {query}")

    frames = read_frames(spark, settings)
    assert "session_metrics" not in frames
    assert frames["active_users"]["dau"].tolist() == [5, 7]
    by_definition = frames["active_users_by_definition"]
    assert by_definition[["definition", "mau_calendar"]].values.tolist() == [
        ["basic", 5],
        ["basic", 7],
        ["core", 3],
    ]
    by_segment = frames["active_users_by_segment"]
    assert by_segment[["segment_type", "segment_value", "dau"]].values.tolist() == [
        ["country", "SE", 2]
    ]
    assert frames["active_days"]["user_count"].tolist() == [3, 4]
    assert frames["growth"]["active_users"].tolist() == [6, 7]
    assert frames["retention"]["bounded_retention"].tolist() == [1.0, 0.25]
    products = frames["top_products"]
    assert len(products) == 20
    assert products.iloc[0].tolist() == ["a", 80, 40, 0, 26, 195]
    assert products["product_id"].tolist()[1:3] == ["p40", "p41"]
    assert frames["reconciliation"].iloc[0].tolist() == ["product.interactions", 2, 30, 26, 3, 1]
    assert frames["quarantine_reasons"][["reason", "row_count"]].values.tolist() == [
        ["b", 2],
        ["a", 1],
    ]
    assert frames["loads"].iloc[0].tolist() == [
        "product.interactions",
        2,
        pd.Timestamp("2025-03-02 03:04:05"),
    ]

    report = build_dashboard(tmp_path / "page.html", spark, settings)
    assert report.bytes == report.file.stat().st_size
    assert (report.first_day, report.last_day) == (date(2025, 3, 1), date(2025, 3, 2))
    assert [name for name, state in report.panels.items() if state == "empty"] == [
        "sessions",
        "durations",
    ]

    spark.sql(
        f"""
        create table {settings.schema_of("gold")}.fct_session_metrics_daily using delta as
        select event_date, outlier_policy, segment_type, sessions as session_count,
            1L as outlier_count, 70.0D as avg_duration_seconds,
            60.0D as median_duration_seconds, 90.0D as p95_duration_seconds
        from values
            (date'2025-03-02', 'flag', 'all', 9L), (date'2025-03-01', 'flag', 'all', 8L),
            (date'2025-03-02', 'filter', 'all', 7L), (date'2025-03-02', 'flag', 'country', 5L)
        as sessions(event_date, outlier_policy, segment_type, sessions)
        """
    )
    spark.sql(
        f"""
        create table {settings.schema_of("gold")}.fct_session_duration_daily using delta as
        select * from values
            (date'2025-03-02', 'outlier', 36000, null, 1L), (date'2025-03-02', '0', null, 0, 2L),
            (date'2025-02-03', '0', null, 0, 4L), (date'2025-02-02', '0', null, 0, 8L)
        as buckets(event_date, duration_bucket, above_seconds, up_to_seconds, session_count)
        """
    )
    frames = read_frames(spark, settings)
    assert frames["session_metrics"]["session_count"].tolist() == [8, 9]
    policies = frames["outlier_policies"]
    assert policies[["outlier_policy", "session_count"]].values.tolist() == [
        ["flag", 8],
        ["filter", 7],
        ["flag", 9],
    ]
    durations = frames["session_durations"]
    assert durations[["duration_bucket", "session_count"]].values.tolist() == [
        ["0", 6],
        ["outlier", 1],
    ]
    assert set(durations["last_date"]) == {date(2025, 3, 2)}

    spark.sql(f"alter table {settings.schema_of('gold')}.fct_product_daily rename to gone")
    spark.sql(f"create table {settings.schema_of('gold')}.fct_product_daily (x int) using delta")
    with pytest.raises(FootfallError, match="fct_product_daily cannot be read") as raised:
        read_frames(spark, settings)
    assert "--full-refresh --select fct_product_daily" in raised.value.fix
