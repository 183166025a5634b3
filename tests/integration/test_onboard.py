"""Somebody's own file: a mapping suggested and checked, and a dashboard from one command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from footfall.generate.trackers import generate_as
from footfall.ingest import shipped_mapping
from support.answer import Answer
from support.thorough import only_thorough
from support.trackers import raw_events, valid

pytestmark = pytest.mark.timeout(900)

USERS, PRODUCTS = 40, 25
START = datetime(2025, 3, 1, tzinfo=timezone.utc)


def footfall(home: Path, *arguments: str) -> Answer:
    """Run the command line in a process and a home of its own."""
    ended = subprocess.run(
        [sys.executable, "-m", "footfall", *arguments],
        env=os.environ | {"FOOTFALL_HOME": str(home), "FOOTFALL_TINY_TABLES": "true"},
        capture_output=True,
        text=True,
        check=False,
    )
    return Answer(ended.returncode, ended.stdout, ended.stderr)


def shop_events(folder: Path) -> Path:
    """Write 3,000 events with a repeated row, a line without a user, and an unknown kind."""
    kinds = ("view", "view", "click", "purchase", "hover")
    file = folder / "shop.csv"
    rows = [
        f"{(START + timedelta(minutes=7 * n)).isoformat()},c{n % USERS},p{n * n % PRODUCTS},"
        f"{kinds[n % 5]},{n}.5"
        for n in range(3000)
    ]
    rows += [rows[0], ",".join(["2025-03-01T00:00:00Z", "", "p1", "view", "1"])]
    file.write_text("\n".join(["time,customer,sku,event,price", *rows]) + "\n")
    return file


@only_thorough
def test_try_goes_from_a_file_to_a_dashboard(tmp_path: Path) -> None:
    home = tmp_path / "home"
    tried = footfall(home, "try", str(shop_events(tmp_path)), "--keep", "--json")
    assert tried.exit_code == 0, tried.err
    trial = json.loads(tried.out)
    [found] = trial["results"]
    assert found["entity"] == "product.interactions"
    assert found["rows"] == 3002
    assert found["accepted"] + found["duplicates"] + found["quarantined"] == 3002
    assert (found["duplicates"], found["quarantined"]) == (1, 601)
    reasons = {rejects["reason"]: rejects["rows"] for rejects in found["rejects"]}
    assert reasons == {"interaction_type_unmapped": 600, "user_id_missing": 1} | {
        reason: rows for reason, rows in reasons.items() if reason == "interaction_type_missing"
    }
    assert found["unused"] == ["price"]
    assert "sku (" in tried.err
    assert "hover" in tried.err
    page = Path(trial["dashboard"]).read_text(encoding="utf-8")
    assert "<html" in page
    rows = {table["table"]: table["rows"] for table in trial["tables"]}
    assert rows["footfall_gold.fct_user_product_daily"] > 500
    again = footfall(home, "try", str(tmp_path / "shop.csv"))
    assert again.exit_code == 2
    assert "--overwrite" in again.err


def test_what_the_file_does_not_tell_is_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "strange.jsonl"
    file.write_text('{"a": 1, "b": "x"}\n{"a": 2, "b": "y"}\n')
    suggested = footfall(tmp_path, "suggest-mapping", str(file), "--out", str(tmp_path / "m.yml"))
    assert suggested.exit_code == 1
    assert "FILL_IN" in (tmp_path / "m.yml").read_text()
    tried = footfall(tmp_path, "try", str(file))
    assert tried.exit_code == 1
    assert "FILL_IN" in tried.err
    assert "--mapping" in tried.err


@only_thorough
def test_a_mapping_is_checked_on_a_sample(tmp_path: Path) -> None:
    truth = generate_as("segment", tmp_path / "out", 1, 60, 5)
    files = tmp_path / "out" / "events"
    mapping = shipped_mapping("segment")
    checked = footfall(tmp_path / "home", "check-mapping", str(mapping), str(files), "--json")
    assert checked.exit_code == 0, checked.err
    found = json.loads(checked.out)
    raw = raw_events("segment", files)
    for result, view in zip(found["results"], ("products", "pages", "calls"), strict=True):
        [(accepted,)] = raw.sql(f"select count(*) from ({valid(view)})").fetchall()
        assert result["accepted"] == accepted
        assert result["rows"] == (
            result["accepted"]
            + result["duplicates"]
            + result["quarantined"]
            + result["not_selected"]
        )
        unreadable = [
            rejects for rejects in result["rejects"] if rejects["reason"] == "row_unreadable"
        ]
        assert [rejects["rows"] for rejects in unreadable] == [truth["cut_off"]]
    for shown in found["shown"].values():
        assert len(shown) == 5
        assert all(row["after"][0]["user_id"] in row["before"].values() for row in shown)
    assert not (tmp_path / "home" / "warehouse").exists()


@only_thorough
def test_a_mapping_is_checked_on_a_table(tmp_path: Path) -> None:
    home, mapping = tmp_path / "home", tmp_path / "mapping.yml"
    mapping.write_text(
        "columns: {event_time: at, user_id: who, product_id: 'items[kind=main].id', "
        "interaction_type: {from: event, values: {seen: view}}}\n"
    )
    made = footfall(
        home,
        "query",
        "--write",
        "create table theirs using delta as select timestamp'2025-03-01 10:00:00' as at, "
        "concat('u', id) as who, if(id < 8, 'seen', 'lost') as event, "
        "array(named_struct('kind', 'main', 'id', concat('p', id))) as items from range(10)",
    )
    assert made.exit_code == 0, made.err
    check = ("check-mapping", str(mapping), "--table", "default.theirs")
    checked = footfall(home, *check, "--entity", "product.interactions", "--json")
    assert checked.exit_code == 0, checked.err
    found = json.loads(checked.out)
    [result] = found["results"]
    assert (result["rows"], result["accepted"], result["quarantined"]) == (10, 8, 2)
    assert "interaction_type_unmapped: 'lost'" in str(result["rejects"])
    shown = found["shown"]["product.interactions"]
    assert [row["after"][0]["product_id"] for row in shown] == [
        row["before"]["items"][0]["id"] for row in shown
    ]
    assert len(shown) == 5
    missing = footfall(home, *check[:-1], "default.nothing", "--entity", "product.interactions")
    assert (missing.exit_code, "default.nothing" in missing.err) == (1, True)
    assert footfall(home, *check[:2]).exit_code == 2


@only_thorough
def test_a_mapping_that_fits_no_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_text('{"at": "2025-01-01", "who": {"id": "u"}}\n')
    mapping = tmp_path / "mapping.yml"
    mapping.write_text(
        "entities: {product.interactions: {columns: {event_time: at, user_id: who.name, "
        "product_id: {constant: p}, interaction_type: {constant: view}}}}"
    )
    checked = footfall(tmp_path / "home", "check-mapping", str(mapping), str(file))
    assert checked.exit_code == 1
    assert "who.name" in checked.err
    assert "who.id" in checked.err
