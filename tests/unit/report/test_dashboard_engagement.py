"""The dashboard's panels on users and sessions: from frames to figures, tables and words."""

from __future__ import annotations

import re
from html import unescape
from itertools import pairwise
from typing import Any

import pandas as pd
import pytest

from footfall.report.drawing import Choice, Drawing
from footfall.report.panels import draw_panels
from footfall.report.users import SEGMENTS_SHOWN
from footfall.report.words import interval_text, signed_text, whole_share_text
from support.engagement_frames import (
    COHORTS,
    SEGMENTS,
    SHARE_OF_BASIC,
    WEEKS,
    Week,
    active_users_by_segment,
    days_to_last,
    engagement_frames,
    growth,
    outlier_policies,
    retention,
    session_durations,
    weeks_to_last,
)

DAYS = days_to_last(9)
PANELS = ("dau", "stickiness", "definitions", "active_days", "growth", "retention", "durations")

Frames = dict[str, pd.DataFrame]


@pytest.fixture
def frames() -> Frames:
    return engagement_frames(DAYS)


def drawn(frames: Frames, panel: str, *chosen: str) -> Drawing:
    """Return a panel's drawing, or that of what is chosen in its lists."""
    content = next(found.content for found in draw_panels(frames) if found.name == panel)
    if isinstance(content, Choice):
        return content.drawings[chosen]
    assert isinstance(content, Drawing)
    return content


def traces(drawing: Drawing) -> dict[str, dict[str, Any]]:
    assert drawing.figure is not None
    return {trace["name"]: trace for trace in drawing.figure["data"]}


def cells(table: str) -> list[list[str]]:
    """Return the texts of each row of a table's body."""
    return [
        [unescape(re.sub(r"<[^>]+>", "", cell)) for cell in re.findall(r"<t[hd].*?</t[hd]>", row)]
        for body in re.findall(r"<tbody>.*?</tbody>", table)
        for row in re.findall(r"<tr>.*?</tr>", body)
    ]


# ---------------------------------------------------------------- segments


def test_the_segment_list_groups_the_segments_by_split_and_the_largest_come_first(
    frames: Frames,
) -> None:
    for panel in ("dau", "stickiness"):
        content = next(found.content for found in draw_panels(frames) if found.name == panel)
        assert isinstance(content, Choice)
        (control,) = content.controls
        assert [(option.group, option.label) for option in control.options] == [
            ("", "All users"),
            ("Country", "SE"),
            ("Country", "NO"),
            ("Country", "unknown"),
            ("Device", "mobile"),
            ("Device", "desktop"),
            ("Plan", "free"),
            ("Plan", "pro"),
        ]
        assert list(content.drawings) == [(option.value,) for option in control.options]


def test_each_segment_draws_its_own_users_on_the_axis_of_all(frames: Frames) -> None:
    everybody = drawn(frames, "dau", "all")
    for split, segments in SEGMENTS.items():
        for position, daily in enumerate(segments.values()):
            drawing = drawn(frames, "dau", f"{split}-{position}")
            lines = traces(drawing)
            users = [daily * number for number in range(1, len(DAYS) + 1)]
            assert lines["DAU"]["y"] == users
            assert lines["WAU, 7 days"]["y"] == [2 * count for count in users]
            assert lines["MAU, 28 days"]["y"] == [4 * count for count in users]
            assert drawing.figure is not None
            assert everybody.figure is not None
            assert drawing.figure["layout"]["xaxis"] == everybody.figure["layout"]["xaxis"]
    assert "Country NO only" in drawn(frames, "dau", "country-1").summary
    assert "Country NO only" in drawn(frames, "stickiness", "country-1").summary
    assert "only" not in everybody.summary


def test_a_segment_that_begins_late_has_no_line_before(frames: Frames) -> None:
    segments = frames["active_users_by_segment"]
    is_late = (segments["segment_value"] == "pro") & (segments["metric_date"] < DAYS[5])
    frames["active_users_by_segment"] = segments[~is_late]
    line = traces(drawn(frames, "dau", "subscription_type-1"))["DAU"]
    assert line["x"] == [day.isoformat() for day in DAYS[5:]]


def test_of_many_segments_the_largest_of_the_newest_day_can_be_chosen(frames: Frames) -> None:
    many = [
        frames["active_users"].assign(
            segment_type="country",
            segment_value=f"C{number:02}",
            # The last country was the largest once.
            mau_28=[9_000 - number] + (len(DAYS) - 1) * [number],
        )
        for number in range(40)
    ]
    frames["active_users_by_segment"] = pd.concat(many)
    content = next(found.content for found in draw_panels(frames) if found.name == "dau")
    assert isinstance(content, Choice)
    options = content.controls[0].options[1:]
    assert [option.label for option in options] == [
        f"C{number}" for number in range(39, 39 - SEGMENTS_SHOWN, -1)
    ]
    assert {option.group for option in options} == {f"Country, the largest {SEGMENTS_SHOWN} of 40"}


def test_a_split_that_is_not_known_is_named_by_its_column(frames: Frames) -> None:
    frames["active_users_by_segment"] = active_users_by_segment(DAYS).replace(
        {"segment_type": {"country": "sales_region"}}
    )
    content = next(found.content for found in draw_panels(frames) if found.name == "dau")
    assert isinstance(content, Choice)
    groups = [option.group for option in content.controls[0].options]
    assert groups[-3:] == ["Sales region"] * 3


# ---------------------------------------------------------------- definitions


def test_the_definitions_stand_side_by_side_in_one_order(frames: Frames) -> None:
    shuffled = frames["active_users_by_definition"].sort_values(
        ["metric_date", "definition"], ascending=[True, False]
    )
    frames["active_users_by_definition"] = shuffled
    drawing = drawn(frames, "definitions")
    assert drawing.figure is not None
    mau, stickiness = drawing.figure["data"][:3], drawing.figure["data"][3:]
    for lines in (mau, stickiness):
        assert [line["name"] for line in lines] == ["basic", "core", "engaged"]
        assert [line["line"]["color"] for line in lines] == ["--basic", "--core", "--engaged"]
    for line, share in zip(mau, SHARE_OF_BASIC.values(), strict=True):
        assert line["y"] == [400 * share * number for number in range(1, len(DAYS) + 1)]
    assert {line["yaxis"] for line in stickiness} == {"y2"}
    assert [key.label for key in drawing.legend] == ["basic", "core", "engaged"]


def test_the_newest_day_has_all_windows_in_a_table(frames: Frames) -> None:
    newest = frames["active_users_by_definition"]
    newest.loc[(newest["definition"] == "engaged"), "stickiness"] = None
    table = drawn(frames, "definitions").table
    assert cells(table) == [
        ["basic", "900", "1,800", "3,600", "4,500", "2,700", "25.0%"],
        ["core", "450", "900", "1,800", "2,250", "1,350", "25.0%"],
        ["engaged", "225", "450", "900", "1,125", "675", "–"],
    ]
    assert "On 6 Mar 2025" in table


def test_the_bars_of_active_days_add_up_to_mau(frames: Frames) -> None:
    histogram = frames["active_days"]
    for definition in SHARE_OF_BASIC:
        drawing = drawn(frames, "active_days", definition)
        users = histogram.loc[histogram["definition"] == definition, "user_count"].tolist()
        bars = traces(drawing)["Users"]
        assert (bars["x"], bars["y"]) == (list(range(1, 29)), users)
        assert f"add up to MAU: {sum(users):,}." in drawing.summary
        assert cells(drawing.table) == [
            [f"{length}", f"{count:,}"] for length, count in enumerate(users, 1)
        ]


# ---------------------------------------------------------------- growth


@pytest.mark.parametrize("definition", WEEKS)
def test_the_bars_of_a_week_reach_its_active_users_and_explain_their_change(
    frames: Frames, definition: str
) -> None:
    found = traces(drawn(frames, "growth", definition))
    assert list(found) == ["Retained", "Resurrected", "New", "Churned", "Active"]
    starts = [start.isoformat() for start in weeks_to_last(4)]
    assert [trace["x"] for trace in found.values()] == [starts] * 5
    retained, resurrected, new, churned, active = (trace["y"] for trace in found.values())
    assert active == [week.active for week in WEEKS[definition]]
    assert found["Churned"]["customdata"] == [week.churned for week in WEEKS[definition]]
    for parts in zip(retained, resurrected, new, active, strict=True):
        assert sum(parts[:3]) == parts[3]
    for week, (before, now) in enumerate(pairwise(active), 1):
        assert now - before == new[week] + resurrected[week] + churned[week]


def test_the_identities_are_written_for_the_newest_week_that_is_over(frames: Frames) -> None:
    table = drawn(frames, "growth", "basic").table
    note = re.search(r'<p class="note">(.*?)</p>', table)
    assert note
    assert re.sub(r"</?b>", "", note[1]) == (
        "Week of 24 Feb 2025: 110 active = 30 new + 10 resurrected + 70 retained. "
        "+10 on the week before = 30 new + 10 resurrected − 30 churned."
    )
    assert cells(table) == [
        ["3 Mar 2025, so far", "75", "20", "5", "50", "60", "−35"],
        ["24 Feb 2025", "110", "30", "10", "70", "30", "+10"],
        ["17 Feb 2025", "100", "40", "0", "60", "40", "±0"],
        ["10 Feb 2025", "100", "100", "0", "0", "0", "–"],
    ]


def test_the_identities_of_a_first_week_do_without_the_week_before() -> None:
    table = drawn({"growth": growth({"basic": [Week(7, 0, 0, 0)]})}, "growth", "basic").table
    assert "7</b> active = 7 new + 0 resurrected + 0 retained.</p>" in table


def test_a_week_that_is_not_over_is_hatched_and_in_the_legend(frames: Frames) -> None:
    drawing = drawn(frames, "growth", "basic")
    for name in ("Retained", "Resurrected", "New", "Churned"):
        assert traces(drawing)[name]["marker"]["pattern"]["shape"] == ["", "", "", "/"]
    assert "Week not over" in [key.label for key in drawing.legend]
    frames["growth"]["is_complete"] = True
    drawing = drawn(frames, "growth", "basic")
    assert all("pattern" not in trace["marker"] for trace in traces(drawing).values())
    assert "Week not over" not in [key.label for key in drawing.legend]


def test_of_many_weeks_the_newest_are_shown_and_the_first_still_has_a_change() -> None:
    weeks = [Week(3, 0, 0, 0), *(Week(3, 0, 3 * number, 0) for number in range(1, 40))]
    drawing = drawn({"growth": growth({"basic": weeks})}, "growth", "basic")
    assert traces(drawing)["Active"]["x"] == [day.isoformat() for day in weeks_to_last(26)]
    assert "The newest 26 of 40 weeks." in drawing.summary
    assert cells(drawing.table)[-1][1:] == ["45", "3", "0", "42", "0", "+3"]


# ---------------------------------------------------------------- retention


def test_the_heat_map_has_a_row_a_cohort_and_a_cell_a_week_after_its_own(frames: Frames) -> None:
    assert cells(drawn(frames, "retention", "basic", "bounded").table) == [
        ["10 Feb 2025", "100", "60%", "70%", "45% so far"],
        ["17 Feb 2025", "40", "50%", "28% so far", ""],
        ["24 Feb 2025", "30", "30% so far", "", ""],
        ["3 Mar 2025", "20", "", "", ""],
    ]
    assert cells(drawn(frames, "retention", "basic", "rolling").table)[0][2:] == [
        "85%",
        "80%",
        "45% so far",
    ]
    assert cells(drawn(frames, "retention", "core", "bounded").table) == [
        ["10 Feb 2025", "50", "20%", "0%", "2% so far"]
    ]


def test_a_cell_says_its_users_and_is_coloured_by_its_part_of_the_largest_share(
    frames: Frames,
) -> None:
    table = drawn(frames, "retention", "basic", "bounded").table
    assert '<td style="--depth:0.857" title="60 of 100 users">60%</td>' in table
    assert '<td style="--depth:1.000" title="70 of 100 users">70%</td>' in table
    assert table.count('class="hatched"') == 3
    assert '<td class="hatched" style="--depth:0.643" title="45 of 100 users">' in table


def test_only_a_week_that_is_not_over_is_explained_in_the_legend(frames: Frames) -> None:
    legend = drawn(frames, "retention", "basic", "bounded").legend
    assert [key.label for key in legend] == ["Week not over"]
    frames["retention"]["is_complete"] = True
    assert drawn(frames, "retention", "basic", "bounded").legend == []


def test_retention_can_be_chosen_by_definition_and_kind(frames: Frames) -> None:
    content = next(found.content for found in draw_panels(frames) if found.name == "retention")
    assert isinstance(content, Choice)
    assert [control.name for control in content.controls] == ["definition", "retention"]
    assert list(content.drawings) == [
        (definition, kind) for definition in COHORTS for kind in ("bounded", "rolling")
    ]


def test_a_lone_cohort_waits_for_its_second_week() -> None:
    frames = {"retention": retention({"basic": [([20], [20])]})}
    drawing = drawn(frames, "retention", "basic", "bounded")
    assert cells(drawing.table) == [["3 Mar 2025", "20"]]
    assert "No week has followed" in drawing.summary
    assert "colspan" not in drawing.table


def test_of_many_cohorts_the_newest_are_shown() -> None:
    sizes = [list(range(count, 0, -1)) for count in range(30, 0, -1)]
    frames = {"retention": retention({"basic": [(users, users) for users in sizes]})}
    drawing = drawn(frames, "retention", "basic", "rolling")
    rows = cells(drawing.table)
    assert [row[1] for row in rows] == [f"{size}" for size in range(26, 0, -1)]
    assert {len(row) for row in rows} == {2 + 25}
    assert "The newest 26 of 30 cohorts." in drawing.summary


# ---------------------------------------------------------------- sessions


def test_outliers_have_a_bar_and_a_colour_of_their_own(frames: Frames) -> None:
    drawing = drawn(frames, "durations")
    found = traces(drawing)
    assert found["Sessions"]["x"] == [300, 50, 120, 400, 80]
    assert found["Sessions"]["y"] == [0, 1, 2, 3, 4]
    assert (found["Outliers"]["x"], found["Outliers"]["y"]) == ([7], [5])
    assert found["Sessions"]["marker"] != found["Outliers"]["marker"]
    labels = ["0 s", "up to 10 s", "30–60 s", "1–3 min", "30–60 min", "over 10 h"]
    assert drawing.figure is not None
    ticks = drawing.figure["layout"]["yaxis"]["ticktext"]
    assert [tick.strip() for tick in ticks] == labels
    assert cells(drawing.table)[-1] == ["over 10 h", "7", "0.7%"]


def test_without_a_maximum_nothing_is_an_outlier(frames: Frames) -> None:
    frames["session_durations"] = session_durations(with_outliers=False)
    drawing = drawn(frames, "durations")
    assert list(traces(drawing)) == ["Sessions"]
    assert traces(drawing)["Sessions"]["x"][-1] == 9
    assert [key.label for key in drawing.legend] == ["Sessions"]
    assert cells(drawing.table)[-1] == ["over 4 h", "9", "0.9%"]


def test_the_policies_are_compared_on_the_newest_day_with_outliers(frames: Frames) -> None:
    table = drawn(frames, "durations").table
    assert cells(table)[:3] == [
        ["filter: left out", "38", "4 min 0 s", "14 min 0 s"],
        ["cap: shortened", "40", "15 min 0 s", "30 min 0 s"],
        ["flag: as they are", "40", "1 h 10 min", "2 h 5 min"],
    ]
    assert "On 5 Mar 2025, the newest day with outliers (2)" in table


def test_a_policy_that_leaves_nothing_has_no_average(frames: Frames) -> None:
    policies = frames["outlier_policies"]
    of_filter = (policies["outlier_policy"] == "filter") & (policies["outlier_count"] > 0)
    policies.loc[of_filter, "session_count"] = 0
    policies.loc[of_filter, ["avg_duration_seconds", "p95_duration_seconds"]] = None
    assert cells(drawn(frames, "durations").table)[0] == ["filter: left out", "0", "–", "–"]


def test_policies_agree_where_nothing_is_an_outlier(frames: Frames) -> None:
    policies = outlier_policies()
    frames["outlier_policies"] = policies[policies["outlier_count"] == 0]
    table = drawn(frames, "durations").table
    assert "On 6 Mar 2025, the newest day; no day has an outlier" in table
    assert [row[1:] for row in cells(table)[:3]] == [["60", "5 min 10 s", "15 min 10 s"]] * 3


def test_durations_are_drawn_without_the_policies(frames: Frames) -> None:
    del frames["outlier_policies"]
    drawing = drawn(frames, "durations")
    assert len(cells(drawing.table)) == 6
    assert "policies" not in drawing.table


# ---------------------------------------------------------------- words


@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_without_its_mart_or_its_rows_says_what_fills_it(
    frames: Frames, panel: str
) -> None:
    no_rows = {name: frame.head(0) for name, frame in frames.items()}
    for found, words in (({}, "does not exist"), (no_rows, "has no rows")):
        content = next(one.content for one in draw_panels(found) if one.name == panel)
        assert isinstance(content, str)
        assert words in content
        assert "<code>product</code> or <code>app</code>" in content


@pytest.mark.parametrize(
    ("above", "up_to", "text"),
    [
        (None, 0, "0 s"),
        (0, 10, "up to 10 s"),
        (30, 60, "30–60 s"),
        (60, 180, "1–3 min"),
        (1800, 3600, "30–60 min"),
        (3600, 5400, "60–90 min"),
        (14_400, 36_000, "4–10 h"),
        (36_000, None, "over 10 h"),
        (5401, None, "over 5,401 s"),
    ],
)
def test_an_interval_reads_in_the_unit_of_both_edges(
    above: int | None, up_to: int | None, text: str
) -> None:
    assert interval_text(above, up_to) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0%"), (0.001, "<1%"), (0.425, "42%"), (0.995, ">99%"), (1, "100%")],
)
def test_a_narrow_share_hides_neither_a_few_nor_the_last(share: float, text: str) -> None:
    assert whole_share_text(share) == text


@pytest.mark.parametrize(("count", "text"), [(1234, "+1,234"), (-5, "−5"), (0, "±0")])
def test_a_change_has_a_sign(count: int, text: str) -> None:
    assert signed_text(count) == text
