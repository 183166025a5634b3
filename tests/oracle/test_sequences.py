"""Training sequences at their edges, on a handmade data set, and what the export writes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from footfall.errors import FootfallError
from footfall.sequences import ExportFormat, ExportManifest, export_sequences
from support.data_sets import DataSet
from support.law import check
from support.reference import Oracle

LENGTH = 1000
SHOWN_ON = date(2025, 8, 20)
MIDNIGHT = datetime(2025, 8, 20, tzinfo=timezone.utc)
MICROSECOND = timedelta(microseconds=1)
CLICK, CART, ORDER = 1, 2, 3
ACTIONS = {
    CLICK: ("shop.clicks", "item_id", "click_time"),
    CART: ("shop.add_to_carts", "config_id", "occurred_at"),
    ORDER: ("shop.orders", "config_id", "occurred_at"),
}

NEWCOMER, BEGINNER, EXACT, OVERFULL, TODAY, TIED, TIED_AT_THE_END = range(1, 8)

Action = tuple[int, int, int, datetime]


def actions() -> list[Action]:
    """Return (customer, code, item, time) of every case."""
    found: list[Action] = [(BEGINNER, CART, 50, MIDNIGHT - timedelta(days=300))]
    for customer, count in ((EXACT, LENGTH), (OVERFULL, LENGTH + 1), (TIED_AT_THE_END, LENGTH - 1)):
        # Thirty an hour, so that the history spreads over days.
        found += [
            (customer, CLICK, item, MIDNIGHT - timedelta(minutes=2 * (count + 1 - item)))
            for item in range(1, count + 1)
        ]
    oldest = MIDNIGHT - timedelta(days=30)
    found += [(TIED_AT_THE_END, CLICK, item, oldest) for item in (7001, 7002)]
    found += [
        (TODAY, CLICK, 61, MIDNIGHT - MICROSECOND),
        (TODAY, CLICK, 62, MIDNIGHT),
        (TODAY, ORDER, 63, MIDNIGHT + timedelta(hours=12)),
        (TODAY, CLICK, 64, MIDNIGHT + timedelta(days=1)),
    ]
    at = MIDNIGHT - timedelta(hours=5)
    found += [
        (TIED, CLICK, 99, at),
        (TIED, ORDER, 70, at),
        (TIED, CART, 72, at),
        (TIED, CART, 71, at),
        (TIED, CLICK, 1, at + MICROSECOND),
    ]
    return found


def rankings() -> list[dict[str, Any]]:
    """Return a ranking for each customer, and a second one for TIED, on two days."""

    def ranking(day: date, name: str, customer: int, items: int) -> dict[str, Any]:
        shown = [{"item_id": 900 - place, "is_order": place == 1} for place in range(items)]
        return {
            "dt": day, "ranking_id": name, "customer_id": customer, "impressions": shown
        }  # fmt: skip

    found = [ranking(SHOWN_ON, f"r{customer}", customer, 3) for customer in range(1, 8)]
    found.append(ranking(SHOWN_ON, "r0", TIED, 12))
    found.append(ranking(SHOWN_ON + timedelta(days=1), "r1", TODAY, 2))
    return found


@pytest.fixture(scope="module")
def built_cases(
    data_set: Callable[[str], DataSet], tmp_path_factory: pytest.TempPathFactory
) -> Any:
    folder = tmp_path_factory.mktemp("cases")
    data = data_set("cases")
    for code, (name, item, time) in ACTIONS.items():
        rows = [
            {"dt": at.date(), "order_date": at.date(), "customer_id": customer, item: item_id,
             "simple_id": None, time: at}
            for customer, kind, item_id, at in actions()
            if kind == code
        ]  # fmt: skip
        day = "order_date" if code == ORDER else "dt"
        fields = [(day, pa.date32()), ("customer_id", pa.int64()), (item, pa.int32())]
        if code != CLICK:
            fields.append(("simple_id", pa.int32()))
        schema = pa.schema([*fields, (time, pa.timestamp("us", tz="UTC"))])
        file = folder / f"{name}.parquet"
        pq.write_table(pa.Table.from_pylist(rows, schema), file)
        data.ingest(name, file)
    shown = pa.list_(pa.struct([("item_id", pa.int32()), ("is_order", pa.bool_())]))
    schema = pa.schema(
        [
            ("dt", pa.date32()),
            ("ranking_id", pa.string()),
            ("customer_id", pa.int64()),
            ("impressions", shown),
        ]
    )
    again = {**rankings()[0], "impressions": [{"item_id": 1, "is_order": True}]}
    for name, rows in (("impressions", rankings()), ("again", [again])):
        pq.write_table(pa.Table.from_pylist(rows, schema), folder / f"{name}.parquet")
        data.ingest("shop.impressions", folder / f"{name}.parquet")
    data.build("--select", "+training_sequences", "+training_samples")
    return data, folder


@pytest.fixture(scope="module")
def cases(built_cases: tuple[DataSet, Path]) -> DataSet:
    return built_cases[0]


@pytest.fixture(scope="module")
def sequences(cases: DataSet) -> dict[tuple[date, int], tuple[list[int], list[int]]]:
    """The built sequences: (items, action types) by day and customer."""
    rows = cases.table("training", "training_sequences").to_pylist()
    return {(row["dt"], row["customer_id"]): (row["actions"], row["action_types"]) for row in rows}


@pytest.fixture(scope="module")
def padded(cases: DataSet, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ExportManifest]:
    folder = tmp_path_factory.mktemp("padded")
    return folder, export(cases, folder, ExportFormat.padded)


def export(data: DataSet, out: Path, file_format: ExportFormat) -> ExportManifest:
    return export_sequences(data.spark, SHOWN_ON, out, file_format, settings=data.settings)


def test_all_cases_are_the_oracles(
    built_cases: tuple[DataSet, Path], new_oracle: Callable[[], Oracle]
) -> None:
    data, folder = built_cases
    oracle = new_oracle()
    for name, _, _ in ACTIONS.values():
        oracle.load(name, f"select * from '{folder / name}.parquet'")
    for name in ("impressions", "again"):
        oracle.load("shop.impressions", f"select * from '{folder / name}.parquet'")
    oracle.judge()
    check(data, "training_sequences", oracle)
    check(data, "training_samples", oracle)


def test_a_customer_without_history_has_an_empty_sequence_and_keeps_the_samples(
    cases: DataSet, sequences: dict[Any, Any]
) -> None:
    assert sequences[SHOWN_ON, NEWCOMER] == ([], [])
    samples = cases.table("training", "training_samples").to_pylist()
    shown = [row["item_id"] for row in samples if row["customer_id"] == NEWCOMER]
    assert sorted(shown) == [898, 899, 900]


def test_a_ranking_that_comes_again_with_other_items_keeps_those_of_the_first_load(
    cases: DataSet,
) -> None:
    [again] = cases.rows("select impressions from {bronze}.shop__impressions where _load_id = 2")
    assert [shown.item_id for shown in again[0]] == [1]
    samples = cases.table("training", "training_samples").to_pylist()
    assert 1 not in {row["item_id"] for row in samples}


def test_one_action_is_a_sequence_of_one(sequences: dict[Any, Any]) -> None:
    assert sequences[SHOWN_ON, BEGINNER] == ([50], [CART])


def test_a_thousand_actions_all_fit(sequences: dict[Any, Any]) -> None:
    assert sequences[SHOWN_ON, EXACT] == (list(range(LENGTH, 0, -1)), [CLICK] * LENGTH)


def test_of_a_thousand_and_one_actions_the_oldest_falls_out(sequences: dict[Any, Any]) -> None:
    items, _ = sequences[SHOWN_ON, OVERFULL]
    assert items == list(range(LENGTH + 1, 1, -1))


def test_an_action_on_the_day_of_the_impression_does_not_appear(
    sequences: dict[Any, Any],
) -> None:
    assert sequences[SHOWN_ON, TODAY] == ([61], [CLICK])
    assert sequences[SHOWN_ON + timedelta(days=1), TODAY] == ([63, 62, 61], [ORDER, CLICK, CLICK])


def test_actions_at_the_same_time_are_ordered_by_type_and_item_descending(
    sequences: dict[Any, Any],
) -> None:
    assert sequences[SHOWN_ON, TIED] == ([1, 70, 72, 71, 99], [CLICK, ORDER, CART, CART, CLICK])


def test_of_two_actions_tied_for_the_last_place_the_higher_item_stays(
    sequences: dict[Any, Any],
) -> None:
    items, _ = sequences[SHOWN_ON, TIED_AT_THE_END]
    assert len(items) == LENGTH
    assert items[-1] == 7002


def test_the_padded_export_has_exactly_the_columns_of_the_contract(
    padded: tuple[Path, ExportManifest],
) -> None:
    folder, manifest = padded
    names = ["dt", "ranking_id", "customer_id", "item_id", "is_order", "actions", "action_types"]
    [shard] = manifest.shards
    schema = pq.read_schema(folder / shard.file)
    assert schema.names == names
    types = {name: str(schema.field(name).type.value_type) for name in names[-2:]}
    assert types == {"actions": "int32", "action_types": "int8"}


def test_the_padded_export_fills_every_sequence_with_zeros_to_a_thousand(
    padded: tuple[Path, ExportManifest], sequences: dict[Any, Any]
) -> None:
    folder, manifest = padded
    rows = pq.read_table(folder / manifest.shards[0].file).to_pylist()
    assert len(rows) == 7 * 3 + 12
    for row in rows:
        items, types = sequences[SHOWN_ON, row["customer_id"]]
        zeros = [0] * (LENGTH - len(items))
        assert row["actions"] == items + zeros
        assert row["action_types"] == types + zeros


def test_the_padded_export_keeps_the_rows_of_a_ranking_together_in_shown_order(
    padded: tuple[Path, ExportManifest],
) -> None:
    folder, manifest = padded
    rows = pq.read_table(folder / manifest.shards[0].file).to_pylist()
    expected = [
        (ranking["ranking_id"], ranking["customer_id"], shown["item_id"], shown["is_order"])
        for ranking in sorted(rankings(), key=lambda ranking: ranking["ranking_id"])
        if ranking["dt"] == SHOWN_ON
        for shown in ranking["impressions"]
    ]
    names = ("ranking_id", "customer_id", "item_id", "is_order")
    assert [tuple(row[name] for name in names) for row in rows] == expected


@pytest.mark.parametrize("file_format", ExportFormat)
def test_the_manifest_states_rows_bytes_and_checksum_of_each_shard(
    cases: DataSet, tmp_path: Path, file_format: ExportFormat
) -> None:
    manifest = export(cases, tmp_path, file_format)
    written = json.loads((tmp_path / f"_manifest-{file_format.value}-{SHOWN_ON}.json").read_text())
    assert written == manifest.model_dump(mode="json")
    files = {file.name for file in tmp_path.iterdir() if not file.name.startswith("_")}
    assert files == {shard["file"] for shard in written["shards"]}
    for shard in written["shards"]:
        file = tmp_path / shard["file"]
        assert shard["rows"] == pq.read_metadata(file).num_rows
        assert shard["bytes"] == file.stat().st_size
        assert shard["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    rows = {"padded": {"padded": 33}, "compact": {"samples": 33, "sequences": 7}}
    parts = {shard.part: manifest.rows(shard.part) for shard in manifest.shards}
    assert parts == rows[file_format.value]
    assert manifest.dt == SHOWN_ON
    assert manifest.sequence_length == LENGTH


def test_the_compact_export_holds_the_tables_as_they_are(
    cases: DataSet, tmp_path: Path, sequences: dict[Any, Any]
) -> None:
    manifest = export(cases, tmp_path, ExportFormat.compact)
    parts = {
        part: [
            row
            for shard in manifest.shards
            if shard.part == part
            for row in pq.read_table(tmp_path / shard.file).to_pylist()
        ]
        for part in ("samples", "sequences")
    }
    exported = {
        (row["dt"], row["customer_id"]): (row["actions"], row["action_types"])
        for row in parts["sequences"]
    }
    assert exported == {key: value for key, value in sequences.items() if key[0] == SHOWN_ON}
    samples = [
        row
        for row in cases.table("training", "training_samples").to_pylist()
        if row["dt"] == SHOWN_ON
    ]
    key = ("ranking_id", "customer_id", "position")
    assert parts["samples"] == sorted(samples, key=lambda row: [row[name] for name in key])


def test_another_export_of_a_day_replaces_the_first_one(cases: DataSet, tmp_path: Path) -> None:
    export(cases, tmp_path, ExportFormat.padded)
    manifest_file = tmp_path / f"_manifest-padded-{SHOWN_ON}.json"
    first = ExportManifest.model_validate_json(manifest_file.read_text())
    left_over = tmp_path / f"padded-{SHOWN_ON}-00099.parquet"
    left_over.write_bytes(b"of an export with more shards")
    extra = first.shards[0].model_copy(update={"file": left_over.name})
    first.shards.append(extra)
    manifest_file.write_text(first.model_dump_json())
    again = export(cases, tmp_path, ExportFormat.padded)
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(
        [manifest_file.name, *(shard.file for shard in again.shards)]
    )
    assert ExportManifest.model_validate_json(manifest_file.read_text()) == again


def test_a_day_without_samples_is_refused_with_the_days_that_there_are(
    cases: DataSet, tmp_path: Path
) -> None:
    day = SHOWN_ON + timedelta(days=40)
    with pytest.raises(FootfallError, match="2025-08-20 to 2025-08-21"):
        export_sequences(cases.spark, day, tmp_path / "none", settings=cases.settings)
    assert not (tmp_path / "none").exists()
