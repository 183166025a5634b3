"""What the files of a Delta log say, read without Spark: by hand, where Delta's own take long."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pyarrow import fs

from footfall.object_store import ObjectPath
from footfall.settings import Settings
from footfall.spark.delta_log import DeltaTable, read_delta_table, table_location


def file(name: str, rows: int | None, deleted: int = 0) -> dict[str, Any]:
    stats = {} if rows is None else {"stats": json.dumps({"numRecords": rows})}
    vector = {"storageType": "u", "pathOrInlineDv": f"v{deleted}", "cardinality": deleted}
    return {"path": name, **stats, **({"deletionVector": vector} if deleted else {})}


def commit(table: Path, version: int, *actions: dict[str, Any]) -> None:
    """Write a commit, and the checksum of a version that has too many files to list them."""
    log = table / "_delta_log"
    log.mkdir(exist_ok=True)
    (log / f"{version:020}.json").write_text("\n".join(json.dumps(action) for action in actions))
    (log / f"{version:020}.crc").write_text(json.dumps({"tableSizeBytes": 7}))


def read(table: Path) -> DeltaTable:
    """Return what is read from a table's folder, which is also what is read from a bucket."""
    found = read_delta_table(table)
    stored = read_delta_table(ObjectPath(str(table), fs.LocalFileSystem()))
    assert found and stored
    assert (stored.version, stored.checksum) == (found.version, found.checksum)
    assert stored.modified_at == found.modified_at
    assert stored.rows == found.rows
    return found


def test_rows_are_those_of_the_files_that_no_commit_removed(tmp_path: Path) -> None:
    commit(tmp_path, 0, {"protocol": {}}, {"add": file("a", 10)}, {"add": file("b", 5)})
    assert read(tmp_path).rows == 15
    # A deletion vector: the file is removed as it was, and added again without three rows.
    commit(tmp_path, 1, {"add": file("a", 10, deleted=3)}, {"remove": file("a", None)})
    assert read(tmp_path).rows == 12
    commit(tmp_path, 2, {"remove": file("a", None, deleted=3)}, {"add": file("c", 1)})
    assert read(tmp_path).rows == 6


def test_rows_are_unknown_without_statistics_or_the_first_commits(tmp_path: Path) -> None:
    commit(tmp_path, 0, {"add": file("a", 10)})
    commit(tmp_path, 1, {"add": file("b", None)})
    assert read(tmp_path).rows is None
    (tmp_path / "_delta_log" / f"{0:020}.json").unlink()
    commit(tmp_path, 1, {"add": file("b", 2)})
    assert read(tmp_path).rows is None


def test_commits_are_told_back_to_an_operation(tmp_path: Path) -> None:
    written = {"commitInfo": {"operation": "WRITE", "operationMetrics": {"numFiles": "3"}}}
    commit(tmp_path, 0, written)
    commit(tmp_path, 1, {"commitInfo": {"operation": "OPTIMIZE"}}, {"add": file("a", 1)})
    commit(tmp_path, 2, {"commitInfo": written["commitInfo"] | {"timestamp": 5}})
    commit(tmp_path, 3, {"add": file("b", 1)})
    table = read(tmp_path)
    untold = {"operation": None, "operationMetrics": None}
    assert table.commits_since("OPTIMIZE", 10) == [untold, written["commitInfo"]]
    assert table.commits_since("DELETE", 1) == [untold]
    operations = [told["operation"] for told in table.commits_since("DELETE", 10)]
    assert operations == [None, "WRITE", "OPTIMIZE", "WRITE"]


def test_a_folder_without_log_or_checksum_is_left_to_spark(tmp_path: Path) -> None:
    assert read_delta_table(tmp_path) is None
    commit(tmp_path, 0, {"add": file("a", 10)})
    assert read(tmp_path).rows == 10
    (tmp_path / "_delta_log" / f"{0:020}.crc").unlink()
    assert read_delta_table(tmp_path) is None


def test_a_damaged_commit_is_left_to_spark_unless_a_checkpoint_holds_it(tmp_path: Path) -> None:
    for version in range(3):
        commit(tmp_path, version, {"add": file(f"{version}", 10)})
    (tmp_path / "_delta_log" / f"{1:020}.json").write_text('{"add": ')
    assert read_delta_table(tmp_path) is None
    (tmp_path / "_delta_log" / f"{1:020}.json").write_bytes(b"\xff\xfe")
    assert read_delta_table(tmp_path) is None
    (tmp_path / "_delta_log" / f"{1:020}.checkpoint.parquet").touch()
    assert read(tmp_path).rows is None, "the checkpoint is empty"


def test_the_newest_load_is_told_by_the_files_statistics(tmp_path: Path) -> None:
    def loaded(name: str, load_id: int) -> dict[str, Any]:
        stats = {"numRecords": 1, "maxValues": {"_load_id": load_id, "event_key": "a"}}
        return {"add": {"path": name, "stats": json.dumps(stats)}}

    commit(tmp_path, 0, loaded("a", 7), loaded("b", 3))
    assert read(tmp_path).largest("_load_id") == 7
    commit(tmp_path, 1, {"add": file("c", 1)})
    assert read(tmp_path).largest("_load_id") is None


def test_a_location_is_a_folder_here_or_in_the_store_of_the_settings() -> None:
    told = "Database: gold\nLocation: file:/tmp/my home/gold.db/t\nProvider: delta"
    assert table_location(told, Settings()) == Path("/tmp/my home/gold.db/t")
    stored = "Location: s3a://bucket/gold.db/t\nProvider: delta"
    assert str(table_location(stored, Settings(s3=True))) == "s3a://bucket/gold.db/t"
    assert table_location(stored, Settings()) is None
    assert table_location("Location: abfss://container@account/t", Settings()) is None
    assert table_location("Type: VIEW", Settings()) is None
