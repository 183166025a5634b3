"""The main job with its tables in an object store: they are those of a local warehouse."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.main_job import Home, contents, demo, finished, unlike
from support.object_store import CREDENTIALS, SERVER, running_store
from support.thorough import only_thorough

pytestmark = [
    only_thorough,
    pytest.mark.skipif(SERVER is None, reason="needs moto_server: pip install 'moto[server]'"),
    pytest.mark.timeout(3600),
]


def test_the_main_job_on_s3_equals_that_on_local_files(expected: Home, tmp_path: Path) -> None:
    home = tmp_path / "home"
    with running_store(tmp_path) as store:
        place = {
            "FOOTFALL_WAREHOUSE": f"s3a://{store.bucket}/tables",
            "FOOTFALL_S3_ENDPOINT": store.endpoint,
            **CREDENTIALS,
        }
        for _ in range(2):
            # The second finds all loaded and built.
            finished(demo(home, **place))
            store.download("tables/", tmp_path / "copy")
            assert unlike(contents(home, tmp_path / "copy"), expected) == []
    assert not (home / "warehouse").exists()
