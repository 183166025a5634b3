"""The export of sequences: contents, order, shards, continuing after a kill, and --verify."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest

from footfall.errors import FootfallError, UsageError
from footfall.sequences import (
    Days,
    ExportFormat,
    ExportManifest,
    export_sequences,
    find_days,
    verify_exports,
)
from footfall.sequences.staging import Source
from footfall.settings import Settings, get_settings
from support.answer import Answer, Footfall

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

DAY = date(2025, 8, 20)
SECOND_DAY = DAY + timedelta(days=2)
PREFIX = "exported"
SCHEMA = f"{PREFIX}_training"
SAMPLES = f"{SCHEMA}.training_samples"
LENGTH = 1000
WITHOUT_HISTORY, WITHOUT_ROW = 39, 40
RANKINGS, CUSTOMERS, ITEMS = 200, 40, 5
SHARD_ROWS = 250
"""Of 1,000 samples: four shards of 250 or so."""

TABLES = {
    "training_samples": f"""
        select
            day as dt,
            concat('r', lpad(string(ranking), 3, '0')) as ranking_id,
            ranking % {CUSTOMERS} + 1 as customer_id,
            int(place) as position,
            int(900 - place + ranking) as item_id,
            place = 1 as is_order
        from
            (select explode(array(date'{DAY}', date'{SECOND_DAY}')) as day),
            (select id as ranking from range({RANKINGS})),
            (select id as place from range({ITEMS}))
        where day = date'{DAY}' or ranking < 10
    """,
    "training_sequences": f"""
        select
            day as dt,
            customer as customer_id,
            transform(history, i -> int(customer * 2000 + i)) as actions,
            transform(history, i -> tinyint(i % 3 + 1)) as action_types,
            size(history) as action_count
        from (
            select
                day,
                customer,
                if(
                    customer = {WITHOUT_HISTORY},
                    array(),
                    sequence(1, least(customer * 30, {LENGTH}))
                ) as history
            from
                (select explode(array(date'{DAY}', date'{SECOND_DAY}')) as day),
                (select id as customer from range(1, {CUSTOMERS}))
        )
    """,
}


class Interrupted(Exception):
    """Stands for a kill."""


@dataclass
class Tables:
    """The two training tables, and how they are exported."""

    spark: SparkSession
    settings: Settings

    def export(
        self, out: Path, file_format: ExportFormat = ExportFormat.padded, **options: Any
    ) -> ExportManifest:
        options = {"day": DAY, "shard_rows": SHARD_ROWS} | options
        return export_sequences(
            self.spark, out=out, file_format=file_format, settings=self.settings, **options
        )

    def earlier(self) -> Days:
        """Return the days in the version before the newest one of the samples."""
        days = find_days(self.spark, DAY, SECOND_DAY, self.settings)
        first = Source(table_id=days.sources[SAMPLES].table_id, version=0)
        return Days(days.sources | {SAMPLES: first}, days.samples)

    def interrupt(
        self,
        out: Path,
        shards: int,
        file_format: ExportFormat = ExportFormat.padded,
        **options: Any,
    ) -> None:
        """Start an export that ends after some shards."""

        def stop(done: int, _total: int, label: str) -> None:
            if done == shards and label.endswith(".parquet"):
                raise Interrupted

        with pytest.raises(Interrupted):
            self.export(out, file_format, progress=stop, **options)

    def rows(self, table: str) -> list[dict[str, Any]]:
        frame = self.spark.sql(f"select * from {SCHEMA}.{table} where dt = date'{DAY}'")
        return [row.asDict(recursive=True) for row in frame.collect()]

    def padding(self) -> list[dict[str, Any]]:
        """Return the rows of a padded export, as the definition says: by ranking and position."""
        known = {row["customer_id"]: row for row in self.rows("training_sequences")}
        none: dict[str, list[int]] = {"actions": [], "action_types": []}
        rows = []
        for row in sorted(self.rows("training_samples"), key=sample_key):
            del row["position"]
            for name in none:
                values = known.get(row["customer_id"], none)[name]
                row[name] = values + [0] * (LENGTH - len(values))
            rows.append(row)
        return rows


@pytest.fixture(scope="module")
def tables(spark: SparkSession) -> Iterator[Tables]:
    settings = Settings(db_schema=PREFIX)
    spark.sql(f"drop schema if exists {SCHEMA} cascade")
    spark.sql(f"create schema {SCHEMA}")
    for name, query in TABLES.items():
        spark.sql(f"create table {SCHEMA}.{name} using delta partitioned by (dt) as {query}")
    spark.sql(f"update {SCHEMA}.training_samples set item_id = 1 where ranking_id = 'r000'")
    yield Tables(spark, settings)
    spark.sql(f"drop schema {SCHEMA} cascade")


@pytest.fixture(scope="module")
def originals(tables: Tables, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a padded and a compact export."""
    folder = tmp_path_factory.mktemp("originals")
    for file_format in ExportFormat:
        tables.export(folder, file_format)
    return folder


@pytest.fixture
def copies(originals: Path, tmp_path: Path) -> Path:
    """The same, to be damaged."""
    return shutil.copytree(originals, tmp_path / "copies")


def sample_key(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["ranking_id"], row["customer_id"], row["position"]


def manifest_of(out: Path, file_format: ExportFormat = ExportFormat.padded) -> ExportManifest:
    file = out / f"_manifest-{file_format.value}-{DAY}.json"
    return ExportManifest.model_validate_json(file.read_text())


def shard_rows(out: Path, part: str = "padded") -> list[list[dict[str, Any]]]:
    """Return the rows of each shard of a part, as they stand."""
    shards = manifest_of(out, ExportFormat.padded if part == "padded" else ExportFormat.compact)
    return [
        pq.read_table(out / shard.file).to_pylist() for shard in shards.shards if shard.part == part
    ]


def all_rows(out: Path, part: str = "padded") -> list[dict[str, Any]]:
    return [row for rows in shard_rows(out, part) for row in rows]


def files_in(out: Path) -> dict[str, tuple[int, int]]:
    """Return what tells whether a file was written again, by name."""
    return {
        file.name: (file.stat().st_ino, file.stat().st_mtime_ns) for file in out.rglob("*.parquet")
    }


def finished_in(staging: Path) -> list[str]:
    """Return the shards that the journal of an interrupted export names."""
    lines = (staging / "journal.jsonl").read_text().splitlines()
    entries = [json.loads(line) for line in lines if line]
    return [entry["shard"]["file"] for entry in entries if "shard" in entry]


# ---------- contents and order


def test_the_compact_export_holds_the_tables(tables: Tables, originals: Path) -> None:
    for part, key in (("samples", sample_key), ("sequences", lambda row: row["customer_id"])):
        shards = shard_rows(originals, part)
        assert len(shards) == (4 if part == "samples" else 1)
        assert all(rows == sorted(rows, key=key) for rows in shards)
        expected = sorted(tables.rows(f"training_{part}"), key=key)
        assert sorted(all_rows(originals, part), key=key) == expected


def test_the_padded_export_is_the_padding_of_the_tables(tables: Tables, originals: Path) -> None:
    shards = shard_rows(originals)
    assert len(shards) == 4
    expected = tables.padding()
    for rows in shards:
        rankings = {row["ranking_id"] for row in rows}
        assert rows == [row for row in expected if row["ranking_id"] in rankings]
    assert sum(map(len, shards)) == len(expected) == RANKINGS * ITEMS


def test_a_customer_without_history_or_without_a_row_is_padded_with_zeros_alone(
    originals: Path,
) -> None:
    for customer in (WITHOUT_HISTORY, WITHOUT_ROW):
        rows = [row for row in all_rows(originals) if row["customer_id"] == customer]
        assert len(rows) == RANKINGS // CUSTOMERS * ITEMS
        assert all(row["actions"] == row["action_types"] == [0] * LENGTH for row in rows)


def test_the_newest_day_is_found(tables: Tables) -> None:
    newest = find_days(tables.spark, None, None, tables.settings).samples
    assert newest == find_days(tables.spark, SECOND_DAY, SECOND_DAY, tables.settings).samples


def test_the_manifest_says_what_the_export_is(tables: Tables, originals: Path) -> None:
    manifest = manifest_of(originals)
    days = find_days(tables.spark, DAY, DAY, tables.settings)
    assert manifest.source_versions == {
        f"{SCHEMA}.training_{name}": days.sources[f"{SCHEMA}.training_{name}"].version
        for name in ("samples", "sequences")
    }
    assert manifest.shuffle_seed is None
    assert manifest.rows_per_shard == {"padded": SHARD_ROWS}
    assert manifest.schemas == {
        "padded": {
            "dt": "date",
            "ranking_id": "string",
            "customer_id": "bigint",
            "item_id": "int",
            "is_order": "boolean",
            "actions": "array<int>",
            "action_types": "array<tinyint>",
        }
    }
    assert manifest_of(originals, ExportFormat.compact).schemas["sequences"] == {
        "dt": "date",
        "customer_id": "bigint",
        "actions": "array<int>",
        "action_types": "array<tinyint>",
        "action_count": "int",
    }


def test_spark_reads_a_padded_shard_with_the_types_of_the_contract(
    tables: Tables, originals: Path
) -> None:
    shard = manifest_of(originals).shards[0]
    frame = tables.spark.read.parquet((originals / shard.file).as_uri())
    assert dict(frame.dtypes) == manifest_of(originals).schemas["padded"]


# ---------- shuffling


def test_a_seed_gives_the_same_shards_again_and_another_seed_others(
    tables: Tables, tmp_path: Path
) -> None:
    outs = [tmp_path / name for name in ("first", "again", "other")]
    for out, seed in zip(outs, (7, 7, 8), strict=True):
        tables.export(out, ExportFormat.compact, shuffle_seed=seed)
    first, again, other = (shard_rows(out, "samples") for out in outs)
    assert first == again
    assert first != other
    assert manifest_of(outs[0], ExportFormat.compact).shuffle_seed == 7
    assert manifest_of(outs[0], ExportFormat.compact).shards == (
        manifest_of(outs[1], ExportFormat.compact).shards
    )


def test_shuffled_samples_are_all_there_in_no_order(tables: Tables, tmp_path: Path) -> None:
    tables.export(tmp_path, ExportFormat.compact, shuffle_seed=7)
    rows = all_rows(tmp_path, "samples")
    assert sorted(rows, key=sample_key) == sorted(tables.rows("training_samples"), key=sample_key)
    kept_together = len([*groupby(rows, key=lambda row: row["ranking_id"])])
    assert kept_together > 0.9 * len(rows)


def test_shuffled_rankings_keep_their_rows_together_in_shown_order(
    tables: Tables, tmp_path: Path
) -> None:
    tables.export(tmp_path, shuffle_seed=7)
    groups = [
        (ranking, [row["item_id"] for row in rows])
        for ranking, rows in groupby(all_rows(tmp_path), key=lambda row: row["ranking_id"])
    ]
    expected = [
        (ranking, [row["item_id"] for row in rows])
        for ranking, rows in groupby(tables.padding(), key=lambda row: row["ranking_id"])
    ]
    assert sorted(groups) == expected
    in_order = sum(first < then for first, then in pairwise(groups))
    assert 0.3 < in_order / len(groups) < 0.7


# ---------- continuing


@pytest.mark.parametrize("file_format", ExportFormat)
def test_an_export_that_was_killed_continues_without_writing_finished_shards_again(
    tables: Tables, originals: Path, tmp_path: Path, file_format: ExportFormat
) -> None:
    tables.interrupt(tmp_path, 2, file_format)
    assert [file for file in tmp_path.iterdir() if not file.name.startswith(".")] == []
    [staging] = tmp_path.glob(".export-*")
    finished = finished_in(staging)
    assert len(finished) == 2
    written = files_in(staging)
    said: list[str] = []
    manifest = tables.export(tmp_path, file_format, say=said.append)
    assert said == [f"{DAY}: continues; finished before: 2 shards."]
    after = files_in(tmp_path)
    assert {name: after[name] for name in finished} == {name: written[name] for name in finished}
    assert manifest.shards == manifest_of(originals, file_format).shards
    assert {file.name for file in tmp_path.iterdir()} == {
        f"_manifest-{file_format.value}-{DAY}.json",
        *(shard.file for shard in manifest.shards),
    }


def test_the_day_is_not_read_again(
    tables: Tables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables.interrupt(tmp_path, 1)
    days = find_days(tables.spark, DAY, DAY, tables.settings)

    def refuse(*_: object) -> None:
        raise AssertionError("Spark writes a part again")

    monkeypatch.setattr("footfall.sequences.prepare.Preparation._samples", refuse)
    monkeypatch.setattr("footfall.sequences.padding._write_index", refuse)
    assert len(tables.export(tmp_path, days=days).shards) == 4


@pytest.mark.parametrize("file_format", ExportFormat)
def test_what_a_kill_left_half_written_is_written_again(
    tables: Tables, originals: Path, tmp_path: Path, file_format: ExportFormat
) -> None:
    tables.interrupt(tmp_path, 2, file_format)
    [staging] = tmp_path.glob(".export-*")
    finished = finished_in(staging)
    with (staging / "journal.jsonl").open("a") as journal:
        journal.write('\n{"shard": {"file": "padded-2')
    flip_a_bit(staging / finished[0])
    if file_format is ExportFormat.compact:
        shutil.rmtree(staging / "samples")
    else:
        unfinished = f"padded-{DAY}-{staging.name.removeprefix('.export-')}-00003.parquet"
        (staging / unfinished).write_bytes(b"PAR1")
    manifest = tables.export(tmp_path, file_format)
    assert manifest.shards == manifest_of(originals, file_format).shards
    assert all(shard.is_whole(tmp_path) for shard in manifest.shards)


def test_a_kill_amid_publishing_leaves_the_former_export_and_the_next_one_completes(
    tables: Tables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    former = tables.export(tmp_path)
    moved = []
    move = Path.replace

    def stop_at_the_third(file: Path, target: Path) -> Path:
        if file.suffix == ".parquet":
            moved.append(file)
            if len(moved) == 3:
                raise Interrupted
        return move(file, target)

    with monkeypatch.context() as patch, pytest.raises(Interrupted):
        patch.setattr(Path, "replace", stop_at_the_third)
        tables.export(tmp_path, shuffle_seed=7)
    assert manifest_of(tmp_path) == former
    assert all(shard.is_whole(tmp_path) for shard in former.shards)
    written = files_in(tmp_path)
    manifest = tables.export(tmp_path, shuffle_seed=7)
    after = files_in(tmp_path)
    assert {file.name for file in tmp_path.glob("*.parquet")} == {s.file for s in manifest.shards}
    assert all(after[shard.file] == written[shard.file] for shard in manifest.shards)


def test_other_options_start_over_and_remove_what_was_begun(tables: Tables, tmp_path: Path) -> None:
    tables.interrupt(tmp_path, 2)
    said: list[str] = []
    tables.export(tmp_path, shuffle_seed=7, say=said.append)
    assert said == []
    assert list(tmp_path.glob(".export-*")) == []


def test_another_version_of_the_tables_starts_over(tables: Tables, tmp_path: Path) -> None:
    tables.interrupt(tmp_path, 2, days=tables.earlier())
    said: list[str] = []
    tables.export(tmp_path, say=said.append)
    assert said == []
    shown = {row["item_id"] for row in all_rows(tmp_path) if row["ranking_id"] == "r000"}
    assert shown == {1}
    assert list(tmp_path.glob(".export-*")) == []


def test_an_export_of_another_day_keeps_what_can_continue_and_removes_the_rest(
    tables: Tables, tmp_path: Path
) -> None:
    earlier = tables.earlier()
    tables.interrupt(tmp_path, 2, days=earlier)
    (tmp_path / ".export-of-an-earlier-footfall").mkdir()
    tables.export(tmp_path, day=SECOND_DAY, days=earlier)
    [kept] = tmp_path.glob(".export-*")
    assert (kept / "plan.json").is_file()
    tables.export(tmp_path, day=SECOND_DAY)
    assert list(tmp_path.glob(".export-*")) == []


def test_a_complete_export_of_the_same_versions_is_left_as_it_stands(
    tables: Tables, copies: Path
) -> None:
    left_over = copies / f"padded-{DAY}-00099.parquet"
    left_over.write_bytes(b"of an export with more shards")
    before = files_in(copies)
    said: list[str] = []
    manifest = tables.export(copies, say=said.append)
    assert said == [f"{DAY}: exported before, from the same table versions; nothing to do."]
    assert manifest == manifest_of(copies)
    del before[left_over.name]
    assert files_in(copies) == before


def test_an_export_that_was_damaged_is_mended(tables: Tables, copies: Path) -> None:
    before = files_in(copies)
    damaged = manifest_of(copies).shards[1]
    flip_a_bit(copies / damaged.file)
    manifest = tables.export(copies)
    after = files_in(copies)
    assert [name for name in after if after[name] != before[name]] == [damaged.file]
    assert damaged in manifest.shards
    [verified] = verify_exports(copies, file_format=ExportFormat.padded)
    assert verified.findings == []


def test_a_second_export_to_the_folder_waits(tables: Tables, tmp_path: Path) -> None:
    said = threading.Event()
    descriptor = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)

    def export() -> None:
        def say(line: str) -> None:
            assert line == f"Waiting for another export to {tmp_path}."
            said.set()

        tables.export(tmp_path, day=SECOND_DAY, say=say)

    waiting = threading.Thread(target=export)
    waiting.start()
    assert said.wait(60)
    assert list(tmp_path.iterdir()) == []
    os.close(descriptor)
    waiting.join(60)
    assert (tmp_path / f"_manifest-padded-{SECOND_DAY}.json").is_file()


# ---------- what is refused


def test_a_day_without_samples_is_refused_before_the_folder_is_made(
    tables: Tables, tmp_path: Path
) -> None:
    with pytest.raises(FootfallError, match="No training samples on 2025-08-21; there are days"):
        tables.export(tmp_path / "none", day=DAY + timedelta(days=1))
    assert not (tmp_path / "none").exists()


def test_a_folder_that_cannot_be_made_is_named(tables: Tables, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(FootfallError, match="cannot be written: File exists"):
        tables.export(file)


def test_a_shard_of_one_row_each_is_refused(
    tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("footfall.sequences.prepare.MOST_SHARDS", 100)
    with pytest.raises(UsageError, match="makes 1,000 shards of 1,000 rows") as refused:
        tables.export(Path("/nowhere"), shard_rows=1)
    assert refused.value.fix == "Choose at least 10."


@pytest.mark.parametrize("file_format", ExportFormat)
def test_a_sequence_that_is_too_long_is_refused(
    tables: Tables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file_format: ExportFormat
) -> None:
    monkeypatch.setattr("footfall.sequences.export.project_vars", lambda: {"sequence_length": 999})
    with pytest.raises(FootfallError, match="of 1000 actions; sequence_length is 999"):
        tables.export(tmp_path, file_format)


# ---------- --verify


def flip_a_bit(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def change_manifest(out: Path, file_format: ExportFormat, **values: Any) -> None:
    manifest = manifest_of(out, file_format).model_copy(update=values)
    file = out / f"_manifest-{file_format.value}-{DAY}.json"
    file.write_text(manifest.model_dump_json())


def rewrite(out: Path, part: str, change: Callable[[list[dict[str, Any]]], object]) -> None:
    """Change the rows of a part's first shard, and the manifest with them."""
    file_format = ExportFormat.padded if part == "padded" else ExportFormat.compact
    manifest = manifest_of(out, file_format)
    number, shard = next((n, s) for n, s in enumerate(manifest.shards) if s.part == part)
    table = pq.read_table(out / shard.file)
    rows = table.to_pylist()
    change(rows)
    pq.write_table(type(table).from_pylist(rows, table.schema), out / shard.file)
    manifest.shards[number] = type(shard).of(out / shard.file, part)
    change_manifest(out, file_format, shards=manifest.shards)


def problems(out: Path) -> list[str]:
    return [finding.problem for export in verify_exports(out) for finding in export.findings]


def without_unknown_customers(out: Path) -> None:
    """Take away the samples of the customer who has no row in sequences."""
    manifest = manifest_of(out, ExportFormat.compact)
    for number, shard in enumerate(manifest.shards):
        if shard.part == "samples":
            table = pq.read_table(out / shard.file)
            kept = table.filter(
                [known != WITHOUT_ROW for known in table["customer_id"].to_pylist()]
            )
            pq.write_table(kept, out / shard.file)
            manifest.shards[number] = type(shard).of(out / shard.file, "samples")
    change_manifest(out, ExportFormat.compact, shards=manifest.shards)


def test_samples_of_a_customer_without_a_row_in_sequences_are_found(originals: Path) -> None:
    assert problems(originals) == [
        f"has samples of 1 customers without a row in sequences, such as {WITHOUT_ROW}: build "
        "training_sequences again, then export"
    ]


def test_a_whole_export_has_no_findings(copies: Path) -> None:
    without_unknown_customers(copies)
    exports = verify_exports(copies)
    assert [(e.format.value, e.dt, e.shards, e.findings) for e in exports] == [
        ("compact", DAY, 5, []),
        ("padded", DAY, 4, []),
    ]


def damage_missing(out: Path) -> None:
    (out / manifest_of(out).shards[2].file).unlink()


def damage_size(out: Path) -> None:
    with (out / manifest_of(out).shards[2].file).open("ab") as file:
        file.write(b"more")


def damage_count(out: Path) -> None:
    shards = manifest_of(out).shards
    shards[0].rows += 1
    change_manifest(out, ExportFormat.padded, shards=shards)


def damage_schema(out: Path) -> None:
    schemas = manifest_of(out).schemas
    schemas["padded"]["item_id"] = "bigint"
    change_manifest(out, ExportFormat.padded, schemas=schemas)


def damage_extra(out: Path) -> None:
    (out / f"padded-{DAY}-0123456789ab-00000.parquet").touch()


def change_customers(rows: list[dict[str, Any]]) -> None:
    rows[1]["customer_id"] = rows[0]["customer_id"]


def change_lengths(rows: list[dict[str, Any]]) -> None:
    for name in ("actions", "action_types"):
        rows[3][name] = rows[3][name] + [1]


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "bit flip": (
        lambda out: flip_a_bit(out / manifest_of(out).shards[0].file),
        "has a different SHA-256",
    ),
    "missing": (damage_missing, "is missing"),
    "size": (damage_size, "bytes, not"),
    "count": (damage_count, "rows, not"),
    "schema": (damage_schema, "'item_id': 'int'"),
    "extra": (damage_extra, "is not named by _manifest-padded"),
    "manifest": (
        lambda out: (out / f"_manifest-padded-{DAY}.json").write_text("{"),
        "it is not what footfall writes",
    ),
    "day": (
        lambda out: rewrite(out, "padded", lambda rows: rows[0].update(dt=SECOND_DAY)),
        "rows of a day other than",
    ),
    "length": (lambda out: rewrite(out, "padded", change_lengths), "not 1000 actions long"),
    "one array": (
        lambda out: rewrite(out, "sequences", lambda rows: rows[0].update(actions=[])),
        "more actions than action_types",
    ),
    "order": (lambda out: rewrite(out, "sequences", lambda rows: rows.reverse()), "not sorted"),
    "twice": (lambda out: rewrite(out, "sequences", change_customers), "a customer twice"),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_found(copies: Path, damage: str) -> None:
    without_unknown_customers(copies)
    make, expected = DAMAGES[damage]
    make(copies)
    found = [p for p in problems(copies) if "not named" not in p or damage == "extra"]
    assert found
    assert all(expected in problem for problem in found)


def test_a_folder_without_exports_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FootfallError, match="holds no export"):
        verify_exports(tmp_path)


# ---------- the command


@pytest.fixture
def export_command(
    tables: Tables, footfall: Footfall, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Answer]]:
    """Return a function that runs export-sequences on the tables."""
    monkeypatch.setenv("FOOTFALL_DB_SCHEMA", PREFIX)
    get_settings.cache_clear()
    yield lambda *arguments: footfall("export-sequences", *map(str, arguments))
    monkeypatch.undo()
    get_settings.cache_clear()


def test_a_range_has_a_manifest_for_each_day_and_names_the_days_without_samples(
    export_command: Callable[..., Answer], tmp_path: Path
) -> None:
    arguments = ("--start", DAY, "--end", SECOND_DAY, "--out", tmp_path, "--shard-rows", 400)
    ended = export_command(*arguments, "--format", "compact", "--json")
    assert ended.exit_code == 0
    answer = ended.json
    assert [export["dt"] for export in answer["exports"]] == [str(DAY), str(SECOND_DAY)]
    assert answer["days_without_samples"] == [str(DAY + timedelta(days=1))]
    for day in (DAY, SECOND_DAY):
        written = json.loads((tmp_path / f"_manifest-compact-{day}.json").read_text())
        assert {shard["file"] for shard in written["shards"]} <= {
            f.name for f in tmp_path.iterdir()
        }
    again = export_command(*arguments, "--format", "compact")
    assert again.exit_code == 0
    assert "nothing to do" in again.err
    assert "Days without samples, not exported: 2025-08-21" in again.err


def test_verify_ends_with_1_and_says_what_is_broken_and_what_to_do(
    export_command: Callable[..., Answer], copies: Path
) -> None:
    arguments = ("--verify", "--out", copies, "--date", DAY, "--format", "padded")
    whole = export_command(*arguments)
    assert whole.exit_code == 0
    assert "_manifest-padded-2025-08-20.json" in whole.out
    damage_missing(copies)
    broken = export_command(*arguments)
    assert broken.exit_code == 1
    assert f"{manifest_of(copies).shards[2].file} is missing" in broken.out
    assert "run the command that wrote them" in broken.err
    listed = export_command(*arguments, "--json")
    assert listed.exit_code == 1
    assert listed.json["ok"] is False
    assert [f["problem"] for f in listed.json["exports"][0]["findings"]] == ["is missing"]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--date", DAY, "--out", "gs://bucket/folder"), "names no bucket"),
        (("--date", DAY, "--out", "s3://bucket/folder"), "FOOTFALL_S3"),
        (("--out", "x"), "No day"),
        (("--start", DAY, "--out", "x"), "--start and --end"),
        (("--date", DAY, "--start", DAY, "--end", DAY, "--out", "x"), "two ways"),
        (("--start", SECOND_DAY, "--end", DAY, "--out", "x"), "after"),
        (("--date", DAY, "--shard-rows", 0, "--out", "x"), "shard-rows"),
        (("--verify", "--shuffle-seed", 1, "--out", "x"), "--verify"),
    ],
)  # fmt: skip
def test_a_wrong_call_ends_with_2(
    export_command: Callable[..., Answer], arguments: tuple[object, ...], named: str
) -> None:
    answer = export_command(*arguments)
    assert answer.exit_code == 2
    assert named in answer.err
