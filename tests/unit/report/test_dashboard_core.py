"""The dashboard's pure core without a browser: valid figures, words in place of them, escaping."""

from __future__ import annotations

import json
import re
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import pytest

from footfall.errors import FootfallError, UsageError
from footfall.report import dashboard, render_dashboard
from footfall.report.markup import page_file
from footfall.report.words import seconds_text, share_text
from footfall.settings import Settings
from support.engagement_frames import (
    CHARTS,
    days_to_last,
    engagement_frames,
    quality_frames,
)

BUILT_AT = datetime(2025, 3, 7, 4, 5, tzinfo=timezone.utc)


def active_users(first: date, *users: int) -> pd.DataFrame:
    days = [first + timedelta(days=number) for number in range(len(users))]
    return pd.DataFrame(
        {
            "metric_date": days,
            "dau": users,
            "wau": users,
            "mau_28": users,
            "stickiness": [1.0] * len(users),
        }
    )


def session_metrics(*days: date) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "event_date": days,
            "session_count": 10,
            "median_duration_seconds": 61.5,
            "p95_duration_seconds": 2400.0,
        }
    )


def reconciliation(accepted: int, duplicates: int, quarantined: int, rows_in: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "source": ["product.interactions"],
            "load_id": [3],
            "rows_in": [rows_in],
            "accepted": [accepted],
            "duplicates": [duplicates],
            "quarantined": [quarantined],
        }
    )


def figures(page: str) -> dict[str, dict[str, Any]]:
    found = re.findall(r'<script type="application/json" id="figure-([\w-]+)">(.*?)</script>', page)
    return {name: json.loads(text) for name, text in found}


def with_real_colours(value: Any) -> Any:
    """Replace the names of CSS variables, which only the page can resolve."""
    if isinstance(value, dict):
        return {key: with_real_colours(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [with_real_colours(inner) for inner in value]
    return "#000000" if isinstance(value, str) and value.startswith("--") else value


@pytest.fixture
def frames() -> dict[str, pd.DataFrame]:
    first = date(2025, 3, 1)
    return {
        **engagement_frames(days_to_last(9)),
        "active_users": active_users(first, 10, 20, 30),
        "session_metrics": session_metrics(first, first + timedelta(days=1)),
        "top_products": pd.DataFrame(
            {
                "product_id": ["a", "b"],
                "view_count": [5, 3],
                "click_count": [2, 0],
                "purchase_count": [1, 0],
                "product_count": [9, 9],
                "interaction_count": [100, 100],
            }
        ),
        "reconciliation": reconciliation(90, 6, 4, 100),
        "quarantine_reasons": pd.DataFrame(
            {"source": ["product.interactions"], "reason": ["user_id_missing"], "row_count": [4]}
        ),
        **quality_frames(),
        "loads": pd.DataFrame(
            {
                "source": ["product.interactions"],
                "load_id": [3],
                "loaded_at": [pd.Timestamp("2025-03-06 23:59:30")],
            }
        ),
    }


def test_every_figure_uses_only_properties_that_plotly_knows(
    frames: dict[str, pd.DataFrame],
) -> None:
    drawn = figures(render_dashboard(frames, BUILT_AT))
    assert {name.partition("-")[0] for name in drawn} == set(CHARTS)
    for figure in drawn.values():
        go.Figure(with_real_colours(figure))


def test_quality_is_drawn_by_the_day_of_arrival_and_of_the_run(
    frames: dict[str, pd.DataFrame],
) -> None:
    drawn = figures(render_dashboard(frames, BUILT_AT))
    quarantined, repeated = drawn["arrivals"]["data"]
    # A line breaks on the day on which nothing arrived.
    assert quarantined["x"] == ["2025-03-04", "2025-03-05", "2025-03-06"]
    assert quarantined["y"] == [20 / 400, None, 0]
    assert repeated["y"] == [10 / 400, None, 0]
    [pause] = drawn["pauses"]["data"]
    assert (pause["name"], pause["x"], pause["y"]) == (
        "product.interactions", ["2025-03-06"], [50.5]
    )  # fmt: skip
    failed, warned = drawn["builds"]["data"]
    assert (failed["y"], warned["y"]) == ([0, 1], [3, 0])


def test_every_colour_of_a_figure_is_defined_by_the_page(frames: dict[str, pd.DataFrame]) -> None:
    page = render_dashboard(frames, BUILT_AT)
    used = set(re.findall(r'"(--\w+)"', json.dumps(figures(page))))
    assert used
    assert used <= set(re.findall(r"(--\w+):", page_file("page.css")))


def test_a_missing_table_and_an_empty_one_are_told_apart(frames: dict[str, pd.DataFrame]) -> None:
    missing = render_dashboard({}, BUILT_AT)
    assert "<code>fct_product_daily</code> does not exist. <code>dbt build</code>" in missing
    frames["top_products"] = frames["top_products"].head(0)
    empty = render_dashboard(frames, BUILT_AT)
    assert "<code>fct_product_daily</code> has no rows." in empty
    assert "<code>footfall ingest</code>" in empty


def test_an_empty_quarantine_beside_loaded_rows_is_good_news(
    frames: dict[str, pd.DataFrame],
) -> None:
    frames["quarantine_reasons"] = frames["quarantine_reasons"].head(0)
    assert "No row is in quarantine" in render_dashboard(frames, BUILT_AT)


def test_rows_that_are_nowhere_get_a_bar_of_their_own(frames: dict[str, pd.DataFrame]) -> None:
    names = [bar["name"] for bar in figures(render_dashboard(frames, BUILT_AT))["quality"]["data"]]
    assert names == ["Accepted", "Duplicates", "Quarantined"]
    frames["reconciliation"] = reconciliation(90, 6, 1, 100)
    bars = figures(render_dashboard(frames, BUILT_AT))["quality"]["data"]
    assert bars[-1]["name"] == "Unaccounted for"
    assert bars[-1]["customdata"] == [["3", "3.0%"]]


def test_a_load_above_the_newest_reconciled_one_waits_for_a_build(
    frames: dict[str, pd.DataFrame],
) -> None:
    assert "not built yet" not in render_dashboard(frames, BUILT_AT)
    frames["loads"]["load_id"] = 4
    assert "not built yet" in render_dashboard(frames, BUILT_AT)


def test_stray_early_days_are_drawn_but_left_of_the_view() -> None:
    frames = {"active_users": active_users(date(2025, 1, 1), 1, 0, 0, 200, 300)}
    page = render_dashboard(frames, BUILT_AT)
    figure = figures(page)["dau"]
    assert len(figure["data"][0]["x"]) == 5
    assert figure["layout"]["xaxis"]["range"][0].startswith("2025-01-03 10")
    assert "the days before 4 Jan 2025" in page


def test_a_line_breaks_where_days_have_no_sessions() -> None:
    days = (date(2025, 1, 1), date(2025, 1, 2), date(2025, 1, 9))
    bars, p95, median = figures(
        render_dashboard({"session_metrics": session_metrics(*days)}, BUILT_AT)
    )["sessions"]["data"]
    assert bars["x"] == [day.isoformat() for day in days]
    assert p95["x"] == ["2025-01-01", "2025-01-02", "2025-01-03", "2025-01-09"]
    assert p95["y"] == [40, 40, None, 40]
    assert median["customdata"] == ["1 min 2 s", "1 min 2 s", "", "1 min 2 s"]


def test_nulls_become_gaps() -> None:
    frame = active_users(date(2025, 1, 1), 10, 20)
    frame["stickiness"] = [None, 0.5]
    page = render_dashboard({"active_users": frame}, BUILT_AT)
    assert figures(page)["stickiness"]["data"][0]["y"] == [None, 0.5]


def test_data_cannot_leave_its_place_in_the_page(frames: dict[str, pd.DataFrame]) -> None:
    attack = "</script><script>alert(1)</script>"
    for frame, column in (
        ("active_users_by_segment", "segment_value"),
        ("top_products", "product_id"),
        ("reconciliation", "source"),
        ("quarantine_reasons", "reason"),
        ("loads", "source"),
        ("arrivals", "source"),
    ):
        frames[frame][column] = attack
    assert "<script>alert" not in render_dashboard(frames, BUILT_AT)


def test_tiles_compare_with_the_same_weekday_before() -> None:
    frame = active_users(date(2025, 1, 1), 100, 0, 0, 0, 0, 0, 0, 125)
    page = render_dashboard({"active_users": frame}, BUILT_AT)
    tile = re.search(r'data-kpi="dau">(.*?)</div>', page)
    assert tile
    assert "<dd>125</dd><dd>▲ 25.0% vs Wed 1 Jan</dd>" in tile[1]
    missing = re.search(r'data-kpi="session_count">(.*?)</div>', page)
    assert missing
    assert "<dd>–</dd><dd>no data</dd>" in missing[1]


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0.0%"), (0.00001, "< 0.1%"), (0.5, "50.0%"), (0.9999, "> 99.9%"), (1, "100.0%")],
)
def test_a_share_hides_neither_a_few_nor_the_last(share: float, text: str) -> None:
    assert share_text(share) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (59.4, "59 s"), (195, "3 min 15 s"), (7260, "2 h 1 min")]
)
def test_a_duration_reads_in_its_own_unit(seconds: float, text: str) -> None:
    assert seconds_text(seconds) == text


def test_the_file_is_replaced_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "new" / "page.html"
    dashboard.write_page(out, "first")
    dashboard.write_page(out, "second")
    assert out.read_text() == "second"

    def no_space(*_: object, **__: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", no_space)
    with pytest.raises(FootfallError, match="No space left"):
        dashboard.write_page(out, "third")
    monkeypatch.undo()
    assert out.read_text() == "second"
    assert [file.name for file in out.parent.iterdir()] == ["page.html"]


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a folder"):
        dashboard.build_dashboard(tmp_path, None, Settings())  # type: ignore[arg-type]
