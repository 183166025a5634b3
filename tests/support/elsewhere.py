"""Places other than this machine's own cores and files, for the length of a test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.cluster import running_cluster
from support.kills import Place
from support.object_store import needs_store, running_store


@contextmanager
def in_a_bucket(folder: Path) -> Iterator[Place]:
    """Keep the tables in a bucket of an S3 server.

    Args:
        folder: for its log.
    """
    folder.mkdir(parents=True)
    with running_store(folder) as store:
        yield Place(store.environment, store)


@contextmanager
def on_a_cluster(folder: Path) -> Iterator[Place]:
    """Let a stand-alone Spark cluster of three workers run the tasks.

    Args:
        folder: for logs and the workers' files.
    """
    with running_cluster(folder) as cluster:
        yield Place(cluster.environment)


ELSEWHERE = [pytest.param(in_a_bucket, marks=needs_store), on_a_cluster]
"""Parameters of a test that has to hold in each place."""
