"""The one settings object. Every value comes from an environment variable FOOTFALL_<NAME>."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

import psutil
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

PROJECT_DIR = Path(__file__).resolve().parent.parent
GIB = 1024**3


def usable_cores() -> int:
    """Return the number of cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def usable_memory_gib() -> float:
    """Return the machine's memory in GiB, or the container's limit where that is smaller."""
    total = psutil.virtual_memory().total
    for limit_file in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        path = Path(limit_file)
        if path.is_file() and (limit := path.read_text().strip()).isdigit():
            total = min(total, int(limit))
    return total / GIB


class Settings(BaseSettings):
    """Where footfall keeps its state and how much of the machine it takes."""

    model_config = SettingsConfigDict(env_prefix="FOOTFALL_", env_ignore_empty=True)

    project_dir: Path = PROJECT_DIR
    home: Path = Field(
        default=PROJECT_DIR / ".footfall",
        description="Folder of all state: warehouse, metastore, checkpoints, landing, jars.",
    )
    cache: Path = Field(
        default_factory=lambda data: data["home"] / "cache",
        description="Folder of what was fetched: Delta's jars, the Java wrapper.",
    )
    db_schema: str = Field(
        default="footfall",
        pattern=r"^[a-z][a-z0-9_]*$",
        description="Prefix of all schemas; the dbt profile reads the same variable.",
    )
    cores: int = Field(default_factory=usable_cores, ge=1, description="Spark's local cores.")
    driver_memory_gib: int = Field(
        default_factory=lambda: max(1, min(12, int(usable_memory_gib() / 2))),
        ge=1,
        description="Spark's heap in GiB: half of the machine's memory, at most 12.",
    )
    jit_level: int = Field(
        default=4,
        ge=1,
        le=4,
        description="How far Java compiles: 1 for runs of minutes, 4 for the best throughput.",
    )
    conflict_retries: int = Field(
        default=8,
        ge=0,
        description="How often a write is tried again that lost against another writer.",
    )
    data_skipping: bool = Field(
        default=True,
        description="Whether Delta passes over files by their statistics. It asks them once for "
        "each table that a query reads, which costs more than it saves on a few days of data.",
    )
    ivy_settings: Path | None = Field(
        default=None, description="An Ivy settings file, for a mirror of the public repository."
    )

    erasure_key: SecretStr | None = Field(
        default=None,
        min_length=16,
        description="Keys the hashes of erased ids; by default a random key kept in the home.",
    )

    def model_post_init(self, _context: object) -> None:
        self.home = self.home.expanduser().absolute()
        # The class path names it, and a class-data archive fits one class path only.
        self.cache = self.cache.expanduser().resolve()

    def schema_of(self, layer: str) -> str:
        """Return the schema of a layer: bronze, silver, gold, training or quality."""
        return f"{self.db_schema}_{layer}"

    @property
    def warehouse(self) -> Path:
        return self.home / "warehouse"

    @property
    def ingest_dir(self) -> Path:
        """State of ingestion: the queue of files and the streaming checkpoints."""
        return self.home / "ingest" / self.db_schema

    @property
    def jars(self) -> Path:
        return self.cache / "jars"


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """Return the settings of this process, read from the environment once."""
    return Settings()
