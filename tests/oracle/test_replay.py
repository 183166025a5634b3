"""Rows judged anew by other rules: the tables are those of a full refresh under these rules."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import date, time
from pathlib import Path

import pytest

from footfall.errors import FootfallError
from footfall.ingest import ingest
from footfall.replay import Replay, replay
from footfall.settings import PROJECT_DIR
from support.data_sets import DataSet
from support.law import (
    Row,
    append_load,
    as_arrow,
    at,
    breaches_of_full_refresh,
    refused,
    table_contents,
    unequal,
)
from support.projects import project_with
from support.thorough import only_thorough

PRODUCT = "product.interactions"
CONTRACTS = "models/staging/product/_product__sources.yml"
VARS = ("--vars", json.dumps({"sources": ["product"]}))
KINDS = ("view", "click", "purchase")
DAYS = 6


def contract_that_accepts(*kinds: str) -> AbstractContextManager[object]:
    text = (PROJECT_DIR / CONTRACTS).read_text()
    known, accepted = f"[{', '.join(KINDS)}]", f"[{', '.join(kinds)}]"
    assert known in text
    return project_with({CONTRACTS: text.replace(known, accepted)})


def interaction(day: int, number: int) -> Row:
    return {
        "event_time": at(day, time(9 + number % 12, number % 60)),
        "user_id": f"U{number % 7}",
        "product_id": f"P{number % 5}",
        "interaction_type": (*KINDS, "no such kind")[number % 4],
    }


def load(data: DataSet, load_id: int) -> None:
    """Append a load: rows of its day, some of the day before, and some that were there."""
    numbers = range(20)
    rows = [interaction(load_id, number) for number in numbers]
    rows += [interaction(load_id - 1, number) for number in range(15, 25)]
    append_load(data, PRODUCT, load_id, as_arrow(PRODUCT, rows))


def judge_anew(data: DataSet, mapping: Path | None = None, dry_run: bool = False) -> Replay:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FOOTFALL_DB_SCHEMA", data.settings.db_schema)
        patch.setenv("DBT_LOG_PATH", str(data.target / "logs"))
        patch.setenv("DBT_TARGET_PATH", str(data.target))
        return replay(data.spark, data.settings, PRODUCT, mapping=mapping, dry_run=dry_run)


def day(number: int) -> date:
    return at(number, time(12)).date()


@only_thorough
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("before", "after"),
    [(KINDS[:2], KINDS), (KINDS, KINDS[1:]), (KINDS[:2], KINDS[1:])],
    ids=["more rows pass", "fewer rows pass", "others pass"],
)
def test_a_replay_gives_the_tables_of_a_full_refresh(
    data_set: Callable[[str], DataSet], before: tuple[str, ...], after: tuple[str, ...]
) -> None:
    data = data_set("replayed")
    data.drop_all()
    with contract_that_accepts(*before):
        for load_id in (1, 2, 3):
            load(data, load_id)
        data.build(*VARS)
        assert not judge_anew(data).changes_something
    load(data, 4)
    with contract_that_accepts(*after):
        assert "stg_product__interactions: contract.product.interactions" in refused(data, *VARS)
        planned = judge_anew(data, dry_run=True)
        assert planned.dates == [day(number) for number in range(4)]
        assert planned.load_id is None
        assert "stg_product__interactions" in refused(data, *VARS)
        assert judge_anew(data).load_id == 5
        # A part takes the replay in, then the rest does.
        data.build("--select", "stg_product__interactions", "fct_sessions", *VARS)
        data.build(*VARS)
        load(data, 6)
        data.build(*VARS)
        assert not judge_anew(data).changes_something
        assert breaches_of_full_refresh(data, *VARS) == {}


MAPPED = """\
columns:
  event_time: {{from: at, unit: iso}}
  user_id: who
  product_id: what
  interaction_type:
    from: kind
    values: {{seen: view, {added}: click, bought: purchase}}
"""


@only_thorough
@pytest.mark.timeout(1800)
def test_a_corrected_mapping_gives_the_tables_of_a_load_that_was_right_from_the_start(
    data_set: Callable[[str], DataSet], tmp_path: Path
) -> None:
    wrong, right = tmp_path / "wrong.yml", tmp_path / "right.yml"
    wrong.write_text(MAPPED.format(added="put"))
    right.write_text(MAPPED.format(added="added"))
    files = []
    for load_id in (1, 2, 3):
        file = tmp_path / f"events-{load_id}.csv"
        kinds = ("seen", "seen") if load_id == 3 else ("seen", "added", "bought", "lost")
        lines = [
            f"2025-03-0{load_id}T10:{number // 60:02}:{number % 60:02}Z,"
            f"U{number % 7},P{number % 5},{kinds[number % len(kinds)]}"
            for number in range(2_000)
        ]
        file.write_text("at,who,what,kind\n" + "\n".join(lines) + "\n")
        files.append(file)

    def loaded(name: str, mapping: Path) -> DataSet:
        data = data_set(name)
        data.drop_all()
        for file in files:
            report = ingest(PRODUCT, [str(file)], mapping, settings=data.settings)
            assert not report.rejected
        data.build(*VARS)
        return data

    replayed = loaded("replayed_mapping", wrong)
    assert replayed.reconciliation() == {PRODUCT: (6_000, 4_000, 0, 2_000)}
    content = files[0].read_text()
    files[0].write_text(content + "\n")
    with pytest.raises(FootfallError, match="another one than load 1 had"):
        judge_anew(replayed, mapping=right)
    files[0].write_text(content)
    found = judge_anew(replayed, mapping=right)
    assert found.files == [str(file) for file in files[:2]]
    assert (found.rows_before, found.rows_after, found.load_id) == (2_000, 3_000, 4)
    replayed.build(*VARS)
    assert replayed.reconciliation() == {PRODUCT: (6_000, 5_000, 0, 1_000)}

    from_the_start = loaded("right_mapping", right)
    assert replayed.reconciliation_by_load() == from_the_start.reconciliation_by_load()
    assert replayed.quarantine() == from_the_start.quarantine()
    assert unequal(table_contents(replayed), table_contents(from_the_start)) == {}


@only_thorough
def test_what_cannot_be_replayed_by_day_is_refused_with_the_command_that_rebuilds_it(
    data_set: Callable[[str], DataSet],
) -> None:
    data = data_set("replayed_users")
    row = {
        "user_id": "U", "join_date": day(0), "country": "SE", "device_type": "mobile",
        "subscription_type": "free", "updated_at": at(0, time(12)),
    }  # fmt: skip
    append_load(data, "app.users", 1, as_arrow("app.users", [row]))
    app = ("--vars", json.dumps({"sources": ["app"]}))
    data.build("--select", "stg_app__users", *app)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FOOTFALL_DB_SCHEMA", data.settings.db_schema)
        patch.setenv("DBT_TARGET_PATH", str(data.target))
        with pytest.raises(FootfallError, match="does not tell the day") as refusal:
            replay(data.spark, data.settings, "app.users")
    assert "dbt build --full-refresh --select stg_app__users+" in refusal.value.fix
