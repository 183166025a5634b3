"""What models write down of their runs."""

from __future__ import annotations

import pytest

from footfall.project.protocol import reflected_loads, run_note_of


@pytest.mark.parametrize(
    "code",
    [
        '/* footfall:run {"dates": ["2025-08-03"]} */\n\nselect 1',
        'def model(dbt, session): ...\n# footfall:run {"dates": ["2025-08-03"]}\ndbt.x = "}"',
    ],
)
def test_the_note_is_a_comment_in_sql_and_in_python(code: str) -> None:
    assert run_note_of(code) == {"dates": ["2025-08-03"]}


@pytest.mark.parametrize("code", [None, "", "select 1 /* footfall:run */"])
def test_code_without_a_note_says_nothing(code: str | None) -> None:
    assert run_note_of(code) is None


def test_loads_are_those_of_the_prefix() -> None:
    properties = {"footfall.loads.app.users": "7", "footfall.definitions.x": "1", "delta.x": "2"}
    assert reflected_loads(properties) == {"app.users": 7}
