"""A home of its own for a process that has not started Spark."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from footfall.settings import get_settings
from footfall.spark.session import get_session

QUICK = {"FOOTFALL_JIT_LEVEL": "1", "FOOTFALL_DATA_SKIPPING": "false"}
"""Faster for the few minutes that a home of its own is used; what the user has set stays."""


@contextmanager
def own_home(home: Path) -> Iterator[Path]:
    """Let footfall and dbt keep all they write in a home of its own; Java and jars stay shared.

    Args:
        home: a folder that nothing else uses.
    """
    changed = {
        "FOOTFALL_CACHE": str(get_settings().cache),
        "FOOTFALL_HOME": str(home),
        "DBT_TARGET_PATH": str(home / "target"),
        "DBT_LOG_PATH": str(home / "logs"),
        **{name: value for name, value in QUICK.items() if name not in os.environ},
    }
    before = {name: os.environ.get(name) for name in changed}
    os.environ.update(changed)
    get_settings.cache_clear()
    try:
        yield home
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        get_settings.cache_clear()


@contextmanager
def spark_starting(home: Path) -> Iterator[None]:
    """Start Spark on a home of its own, while the caller does what needs none yet."""
    with own_home(home), ThreadPoolExecutor(1) as aside:
        aside.submit(get_session)
        yield
