"""What `footfall metric --where` lets through to MetricFlow's template."""

from __future__ import annotations

import pytest

from footfall.duck.condition import condition_template
from footfall.errors import UsageError

NAMES = {"country": "user_day__country", "event_date": "user_day__event_date"}
COUNTRY = "{{ Dimension('user_day__country') }}"
DATE = "{{ Dimension('user_day__event_date') }}"


@pytest.mark.parametrize(
    ("text", "template"),
    [
        ("country = 'DE'", f"{COUNTRY} = 'DE'"),
        ("{{ Dimension('country') }} <> 'D''E' -- x", f"{COUNTRY} <> 'D''E'"),
        ("country in ('DE', 'FR') or not country is null",
         f"{COUNTRY} IN ('DE', 'FR') OR NOT {COUNTRY} IS NULL"),
        ("(country like 'D%') and event_date between date '2025-08-01' and '2025-08-31'",
         f"({COUNTRY} LIKE 'D%') AND {DATE} BETWEEN CAST('2025-08-01' AS DATE) AND '2025-08-31'"),
        ("country", COUNTRY),
    ],
)  # fmt: skip
def test_a_condition_is_written_anew(text: str, template: str) -> None:
    assert condition_template(text, NAMES) == template


@pytest.mark.parametrize(
    "text",
    [
        "",
        "country = 'DE'; drop table x",
        "1 = 1) or (1 = 1",
        "country in (select country from footfall_gold.dim_users)",
        "exists (select 1)",
        "country = (select max(user_id) from footfall_gold.dim_users)",
        "read_text('/etc/passwd') is null",
        "getenv('HOME') = 'x'",
        "upper(country) = 'DE'",
        "cast(country as int) = 1",
        "footfall_gold.fct_sessions.user_id = 'x'",
        "country = 'DE' union select 1",
        "user_id = 'x'",
        "{{ Metric('dau', ['user']) }} > 1",
        "{{ Dimension('country').grain('day') }} = 1",
        "{{ Dimension('country') }} = '{{ 7 * 7 }}'",
        "country = '{% raw %}'",
        "{{ Dimension('country', entity_path=['x']) }} = 1",
        "{{ ''.__class__.__mro__ }} = 1",
        "{# note #} country = 'DE'",
    ],
)
def test_whatever_is_no_comparison_of_dimensions_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        condition_template(text, NAMES)
    assert refused.value.message.startswith("--where") and refused.value.fix
