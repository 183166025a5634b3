"""footfall as a package of another dbt project: examples/analytics."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from footfall.backfill.models import load_project
from footfall.errors import FootfallError
from footfall.project.contracts import load_contracts
from footfall.project.dbt import project_vars, run_dbt
from footfall.settings import PROJECT_DIR
from support.data_sets import DataSet
from support.law import MIDDAY, Row, append_load, as_arrow, at
from support.projects import working_on
from support.thorough import only_thorough

pytestmark = only_thorough

ENTITY = "product.interactions"
MART = "fct_long_sessions_daily"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of the example, with footfall installed by ``dbt deps``."""
    folder = tmp_path_factory.mktemp("package") / "analytics"
    shutil.copytree(PROJECT_DIR / "examples" / "analytics", folder)
    shutil.copy(PROJECT_DIR / "profiles.yml", folder)
    (folder / "packages.yml").write_text(
        yaml.safe_dump({"packages": [{"local": str(PROJECT_DIR)}]})
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DBT_LOG_PATH", str(folder / "logs"))
        with working_on(folder):
            run_dbt("deps", quiet=True)
            yield folder


def visits(number: int, *minutes: int) -> list[Row]:
    """Return views of one user so many minutes after midday of a day."""
    return [
        {
            "event_time": at(number, MIDDAY) + timedelta(minutes=minute), "user_id": "U",
            "product_id": "P", "interaction_type": "view",
        }
        for minute in minutes
    ]  # fmt: skip


def test_a_mart_of_another_project_obeys_the_protocol(
    project: Path, data_set: Callable[[str], DataSet]
) -> None:
    """A late row rewrites its day alone, and gives what a full refresh gives."""
    data = data_set("package")

    def load(load_id: int, rows: list[Row]) -> None:
        append_load(data, ENTITY, load_id, as_arrow(ENTITY, rows))

    def rows() -> list[tuple[object, ...]]:
        return data.rows(f"select * from {{gold}}.{MART} order by event_date")

    load(1, [*visits(0, 0, 5), *visits(1, 0, 5), *visits(2, 0, 15)])
    data.build("--select", f"+{MART}")
    first, *days = (at(number, MIDDAY).date() for number in range(3))
    assert rows() == [(first, 0, 1), (days[0], 0, 1), (days[1], 1, 1)]

    # Twenty-five minutes lie between two of the views: a gap by the var of this project.
    before = data.versions()
    load(2, visits(1, 12, 37))
    data.build("--select", f"+{MART}")
    name = data.name("gold", MART)
    assert data.partitions_written(name, before[name]) == {(days[0].isoformat(),)}
    incremental = rows()
    assert incremental == [(first, 0, 1), (days[0], 1, 2), (days[1], 1, 1)]

    written = data.versions()
    data.build("--select", f"+{MART}")
    assert data.versions() == written

    # What a user asks for by accident is refused as in a project of footfall's own.
    with pytest.raises(FootfallError, match="built under other definitions"):
        data.build("--select", MART, "--vars", "{session_gap_minutes: 30}")

    data.build("--full-refresh", "--select", f"+{MART}")
    assert rows() == incremental


def test_commands_know_footfalls_contracts_and_the_projects_models_and_vars(project: Path) -> None:
    assert ENTITY in load_contracts()
    assert project_vars()["session_gap_minutes"] == 20
    assert project_vars()["sequence_length"] == 1000
    models = load_project([MART], {}).models
    assert list(models) == [MART] and models[MART].date_column == "event_date"
