"""The main job with its tables in an object store: they are those of a local warehouse."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from support.delta_files import read_table
from support.main_job import Home, contents, demo, environment, finished, unlike
from support.object_store import CREDENTIALS, SERVER, ObjectStore, running_store
from support.thorough import only_thorough

pytestmark = [
    only_thorough,
    pytest.mark.skipif(SERVER is None, reason="needs moto_server: pip install 'moto[server]'"),
    pytest.mark.timeout(3600),
]


WRITERS, COMMITS = 6, 20
WRITER = """
import sys
from footfall.spark.conflicts import retry_conflicts
from footfall.spark.session import get_session

spark = get_session()
table, writer, commits = sys.argv[1:]
for number in range(int(commits)):
    rows = spark.createDataFrame([(writer, number)], "writer string, n int")
    retry_conflicts(lambda: rows.write.format("delta").mode("append").save(table), table)
"""


def on(store: ObjectStore) -> dict[str, str]:
    return {
        "FOOTFALL_WAREHOUSE": f"s3a://{store.bucket}/tables",
        "FOOTFALL_S3_ENDPOINT": store.endpoint,
        **CREDENTIALS,
    }


def test_no_commit_of_several_drivers_to_one_table_is_lost(tmp_path: Path) -> None:
    with running_store(tmp_path) as store:
        table = f"s3a://{store.bucket}/tables/counts"
        jobs = []
        for number in range(WRITERS):
            own = environment(tmp_path / f"home{number}", **on(store), FOOTFALL_TINY_TABLES="true")
            command = [sys.executable, "-c", WRITER, table, str(number), str(COMMITS)]
            own |= {"FOOTFALL_DRIVER_MEMORY_GIB": "1", "FOOTFALL_CONFLICT_RETRIES": "50"}
            jobs.append(
                subprocess.Popen(
                    command, env=own, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
                )
            )
        for job in jobs:
            finished(job)
        store.download("tables", tmp_path / "copy")
    counts = read_table(tmp_path / "copy" / "counts")
    assert counts is not None
    rows = sorted((row["writer"], row["n"]) for row in counts.records())
    assert rows == sorted((str(w), n) for w in range(WRITERS) for n in range(COMMITS))


def test_the_main_job_on_s3_equals_that_on_local_files(expected: Home, tmp_path: Path) -> None:
    home = tmp_path / "home"
    with running_store(tmp_path) as store:
        for _ in range(2):
            # The second finds all loaded and built.
            finished(demo(home, **on(store)))
            store.download("tables", tmp_path / "copy")
            assert unlike(contents(home, tmp_path / "copy"), expected) == []
    assert not (home / "warehouse").exists()
