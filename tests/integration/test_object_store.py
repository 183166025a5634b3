"""The main job with its tables in an object store: they are those of a local warehouse."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from footfall.demo import SEED, START
from footfall.generate import generate
from footfall.spark.background import free_port
from support.delta_files import read_table
from support.main_job import (
    DAYS,
    USERS,
    Home,
    contents,
    demo,
    environment,
    finished,
    start,
    unlike,
)
from support.object_store import needs_store, running_store
from support.thorough import only_thorough

pytestmark = [
    only_thorough,
    needs_store,
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


def test_no_commit_of_several_drivers_to_one_table_is_lost(tmp_path: Path) -> None:
    with running_store(tmp_path) as store:
        table = f"s3a://{store.bucket}/tables/counts"
        jobs = []
        for number in range(WRITERS):
            own = environment(
                tmp_path / f"home{number}", **store.environment, FOOTFALL_TINY_TABLES="true"
            )
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
            finished(demo(home, **store.environment))
            store.download("tables", tmp_path / "copy")
            assert unlike(contents(home, tmp_path / "copy"), expected) == []
    assert not (home / "warehouse").exists()


def test_landing_files_tables_and_exports_may_all_lie_in_a_bucket(
    expected: Home, tmp_path: Path
) -> None:
    """Turns load and build; a turn and an export that find nothing new do nothing."""
    home, copy, export = tmp_path / "home", tmp_path / "copy", tmp_path / "home/demo/sequences"
    generate(tmp_path / "landing", DAYS, USERS, SEED, START)
    with running_store(tmp_path) as store:
        bucket = f"s3a://{store.bucket}"
        own = environment(home, **store.environment, FOOTFALL_LANDING=f"{bucket}/landing")

        def run(*arguments: str) -> str:
            return finished(start(arguments, own))

        store.upload(tmp_path / "landing", "landing")
        turn = run("run")
        assert "rejected" in turn and "failed" not in turn
        last_day = str(START + timedelta(days=DAYS - 1))
        command = ("export-sequences", "--date", last_day, "--out", f"{bucket}/sequences")
        run(*command)
        assert not list((home / "exports").iterdir())
        store.download("tables", copy)
        store.download("sequences", export)
        assert unlike(contents(home, copy), expected) == []

        assert "Nothing new." in run("run")
        assert "nothing to do" in run(*command)
        verify = ("export-sequences", "--verify", "--out", f"{bucket}/sequences")
        run(*verify)
        shard = sorted(export.glob("*.parquet"))[0]
        store.files.delete_file(f"{store.bucket}/sequences/{shard.name}")
        broken = start(verify, own)
        assert "is missing" in broken.communicate(timeout=300)[0] and broken.returncode == 1
        run(*command)
        run(*verify)

        again = tmp_path / "landing" / "product" / "interactions" / "again.parquet"
        again.write_bytes(next(again.parent.glob("*.parquet")).read_bytes())
        store.upload(tmp_path / "landing", "landing")
        ingested = run("ingest", "product.interactions", f"{bucket}/landing/product/*/*.parquet")
        assert " 0 rows from 0 files loaded" in ingested
    assert not (home / "warehouse").exists()


def test_what_cannot_be_reached_in_a_bucket_is_said(tmp_path: Path) -> None:
    with running_store(tmp_path) as store:
        own = environment(tmp_path / "home", **store.environment)

        def failed(*arguments: str) -> str:
            job = start(arguments, own)
            output, _ = job.communicate(timeout=300)
            assert job.returncode, output
            return " ".join(output.split())

        bucket = f"s3a://{store.bucket}"
        assert "There is no data file at" in failed("ingest", "app.interactions", f"{bucket}/none")
        assert "There is no data file at" in failed("ingest", "app.interactions", "s3a://other/a")
        assert "names no bucket" in failed("ingest", "app.interactions", "gs://bucket/a")
        assert "is a bucket" in failed("export-sequences", "--date", "2025-08-01", "--out", bucket)
        nothing = failed("export-sequences", "--verify", "--out", f"{bucket}/none")
        assert "holds no export" in nothing
        own["FOOTFALL_S3_ENDPOINT"] = f"http://127.0.0.1:{free_port()}"
        assert "Check the bucket" in failed("ingest", "app.interactions", f"{bucket}/a")
        del own["FOOTFALL_WAREHOUSE"]
        assert "FOOTFALL_S3=true" in failed("ingest", "app.interactions", f"{bucket}/a")
