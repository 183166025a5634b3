"""The one settings object. Every value comes from an environment variable FOOTFALL_<NAME>."""

from __future__ import annotations

import os
import re
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, get_args

import psutil
from pydantic import (
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from footfall.errors import UsageError
from footfall.home.checks import folder_of
from footfall.home.identity import path_as_registered
from footfall.paths import require_usable

PROJECT_DIR = Path(__file__).resolve().parents[2]
GIB = 1024**3
LOOPBACK = "127.0.0.1"


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
    spark_master: str | None = Field(
        default=None,
        pattern=r"^(local(\[[^\]]+\])?|spark://[^\s/:,]+:\d+(,[^\s/:,]+:\d+)*|yarn|k8s://\S+)$",
        description="Where Spark's tasks run: by default in this process, on FOOTFALL_CORES.",
    )
    driver_host: str = Field(
        default=LOOPBACK,
        pattern=r"^[A-Za-z0-9.:-]+$",
        description="The address of this machine at which a cluster's executors reach it; Spark "
        "listens there.",
    )
    executors: int | None = Field(default=None, ge=1, description="A cluster's executors.")
    executor_cores: int | None = Field(default=None, ge=1, description="Cores of an executor.")
    executor_memory_gib: int | None = Field(
        default=None, ge=1, description="Heap of an executor in GiB."
    )
    shuffle_partitions: int | None = Field(
        default=None,
        ge=1,
        description="Into how many parts the largest shuffle goes, as `footfall size` says; by "
        "default 64, or two for each core. Small ones are merged.",
    )
    warehouse: str | None = Field(
        default=None,
        pattern=r"^s3a://[A-Za-z0-9.-]{3,63}(/[A-Za-z0-9._=-]+)*/?$",
        description="Where tables lie, in place of the home: a bucket, or a folder in one.",
    )
    landing: str | None = Field(
        default=None,
        description="Folder of landing files, LANDING/<source>/<entity>, which `footfall run` "
        "looks through by default: a path, or s3a://bucket/folder.",
    )
    s3: bool = Field(
        default=False,
        description="Whether Spark gets the jars to read and write in an object store; implied by "
        "a warehouse or a landing folder there.",
    )
    kafka: bool = Field(
        default=False, description="Whether Spark gets the jars to read from Kafka."
    )
    s3_endpoint: str | None = Field(
        default=None,
        pattern=r"^https?://[A-Za-z0-9.-]+(:\d+)?/?$",
        description="An object store that speaks S3; Amazon's by default.",
    )
    s3_region: str = Field(
        default="us-east-1", pattern=r"^[a-z0-9-]+$", description="The bucket's region."
    )
    metastore_uri: str | None = Field(
        default=None,
        pattern=r"^thrift://[^\s/:,]+:\d+(,thrift://[^\s/:,]+:\d+)*$",
        description="A Hive metastore server, in place of the home's own metastore.",
    )
    cores: int = Field(default_factory=usable_cores, ge=1, description="Spark's local cores.")
    driver_memory_gib: int = Field(
        default_factory=lambda: max(1, min(12, int(usable_memory_gib() / 2))),
        ge=1,
        description="Spark's heap in GiB: half of the machine's memory, at most 12.",
    )
    day_engine: Literal["auto", "duckdb", "spark"] = Field(
        default="auto",
        description="What computes models whose days are independent, and tables that are written "
        "anew: DuckDB, Spark, or DuckDB where it can.",
    )
    jit_level: int = Field(
        default=4,
        ge=1,
        le=4,
        description="How far Java compiles: 1 for runs of minutes, 4 for the best throughput.",
    )
    class_archive: bool = Field(
        default=True,
        description="Whether `footfall setup` makes an archive of Java's classes, from which Spark "
        "starts in half the time.",
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
    tiny_tables: bool = Field(
        default=False,
        description="Whether Spark plans for tables of a few thousand rows, as in tests: one "
        "partition, fixed plans, no generated code. A build takes two thirds of the time.",
    )
    databricks_runtime: str | None = Field(
        default=None,
        validation_alias="DATABRICKS_RUNTIME_VERSION",
        description="Set by Databricks on its clusters: Spark runs already, and is the session.",
    )
    databricks_catalog: str = Field(
        default="main",
        validation_alias="DATABRICKS_CATALOG",
        description="The catalog of the tables there; the dbt profile reads the same variable.",
    )
    ivy_settings: Path | None = Field(
        default=None, description="An Ivy settings file, for a mirror of the public repository."
    )

    erasure_key: SecretStr | None = Field(
        default=None,
        min_length=16,
        description="Keys the hashes of erased ids; by default a random key kept in the home.",
    )
    hash_key: SecretStr | None = Field(
        default=None,
        min_length=16,
        description="Keys the hashes of names, addresses and numbers in marts, where the var "
        "`personal_data` is hashed.",
    )

    alert_webhook: SecretStr | None = Field(
        default=None,
        description="Where `footfall alerts` sends messages: with many services the URL is a "
        "secret, which has no place on a command line.",
    )
    alert_token: SecretStr | None = Field(
        default=None, description="Sent to that webhook as a bearer token."
    )

    @property
    def package_dir(self) -> Path:
        """Where footfall's own models lie: the project, or the package that it has installed."""
        installed = self.project_dir / "dbt_packages" / "footfall"
        return installed if installed.is_dir() else self.project_dir

    @property
    def model_dirs(self) -> list[Path]:
        """The folders with models, snapshots and seeds: the project's, and footfall's in it."""
        return list(dict.fromkeys((self.project_dir, self.package_dir)))

    @field_validator("project_dir")
    @classmethod
    def _holds_the_project(cls, folder: Path) -> Path:
        if not (folder / "dbt_project.yml").is_file():
            raise ValueError("a folder with dbt_project.yml")
        return folder

    @field_validator("home", "cache")
    @classmethod
    def _is_no_file(cls, folder: Path, info: ValidationInfo) -> Path:
        if folder.expanduser().is_file():
            raise ValueError("a folder; this is a file")
        return folder

    @field_validator("ivy_settings")
    @classmethod
    def _is_a_file(cls, file: Path | None) -> Path | None:
        if file is not None and not file.is_file():
            raise ValueError("a file that exists")
        return file

    @field_validator("driver_memory_gib")
    @classmethod
    def _fits_the_machine(cls, gib: int) -> int:
        if gib > max(1.0, usable_memory_gib()):
            raise ValueError(f"at most what this machine has: {usable_memory_gib():.1f} GiB")
        return gib

    def model_post_init(self, _context: object) -> None:
        self.home = path_as_registered(self.home.expanduser().absolute())
        # The class path names it, and a class-data archive fits one class path only.
        self.cache = self.cache.expanduser().resolve()
        require_usable("FOOTFALL_HOME", self.home)
        require_usable("FOOTFALL_CACHE", self.cache)

    @model_validator(mode="after")
    def _is_within_reach_of_the_cluster(self) -> Settings:
        hosts = re.findall(r"(?<=[/,])[^/:,]+(?=:)", self.spark_master or "")
        local = (LOOPBACK, "localhost", "::1")
        is_remote = self.uses_cluster and not (hosts and all(host in local for host in hosts))
        if is_remote and self.driver_host in local:
            raise ValueError(
                "FOOTFALL_DRIVER_HOST: the address at which the executors of "
                f"{self.spark_master} reach this machine"
            )
        return self

    def table_folder(self, table: str) -> Path:
        """Return where a table of the home lies, ``schema.table``."""
        schema, _, name = table.partition(".")
        return folder_of(self.home, schema) / name

    def schema_of(self, layer: str) -> str:
        """Return the schema of a layer: bronze, silver, gold, training or quality."""
        return f"{self.db_schema}_{layer}"

    @property
    def local_warehouse(self) -> Path:
        """Where tables lie on this machine's file systems."""
        return self.home / "warehouse"

    @property
    def tables_at(self) -> str:
        """Where new schemas are made: a path, or the URI of an object store."""
        return self.warehouse.rstrip("/") if self.warehouse else str(self.local_warehouse)

    @property
    def tables_are_local(self) -> bool:
        """Whether new tables lie on this machine's file systems."""
        return self.warehouse is None

    @property
    def uses_s3(self) -> bool:
        """Whether Spark needs a client for an object store."""
        in_store = (self.landing or "").lower().startswith(("s3a://", "s3://"))
        return self.s3 or in_store or not self.tables_are_local

    @property
    def ingest_dir(self) -> Path:
        """State of ingestion: the queue of files and the streaming checkpoints."""
        return self.home / "ingest" / self.db_schema

    @property
    def uses_cluster(self) -> bool:
        """Whether Spark's tasks run in processes other than this one."""
        return bool(self.spark_master) and not str(self.spark_master).startswith("local")

    @property
    def task_slots(self) -> int:
        """How many of Spark's tasks run at a time, as far as the settings say it."""
        if self.uses_cluster and self.executors:
            return self.executors * (self.executor_cores or 1)
        return self.cores

    @property
    def jars(self) -> Path:
        return self.cache / "jars"


ALLOWED = {
    "day_engine": "auto, duckdb, spark",
    "db_schema": "a lower-case letter, then lower-case letters, digits and _",
    "spark_master": "local[4], spark://host:7077, yarn, k8s://https://host:6443",
    "driver_host": "a host name or an address",
    "metastore_uri": "thrift://host:9083",
    "warehouse": "s3a://bucket/folder",
    "s3_endpoint": "http://host:9000",
    "s3_region": "eu-central-1",
}
"""What a setting accepts, where its type does not say it."""


def _allowed(field: str) -> str:
    known = Settings.model_fields[field]
    limits: dict[str, Any] = {}
    for constraint in known.metadata:
        limits |= {
            k: getattr(constraint, k) for k in ("ge", "le", "min_length") if hasattr(constraint, k)
        }
    if int in (known.annotation, *get_args(known.annotation)):
        to = f" to {limits['le']}" if "le" in limits else " or more"
        return f"a whole number, {limits['ge']}{to}"
    if "min_length" in limits:
        return f"{limits['min_length']} characters or more"
    if known.annotation is bool:
        return "true or false"
    return ALLOWED.get(field, "a path")


def _explain(error: ValidationError) -> UsageError:
    """Return which environment variables are wrong, with their values and what is allowed."""
    wrong, names = [], []
    for found in error.errors():
        if found["type"] == "default_factory_not_called":
            continue
        if not found["loc"]:
            name, _, needed = str(found["ctx"]["error"]).partition(": ")
            wrong.append(f"{name} is missing; needed: {needed}.")
            names.append(name)
            continue
        field = str(found["loc"][0])
        name = f"FOOTFALL_{field.upper()}"
        secret = SecretStr in get_args(Settings.model_fields[field].annotation)
        own = found["type"] == "value_error"
        allowed = str(found["ctx"]["error"]) if own else _allowed(field)
        value = "" if secret else f"={found['input']}"
        wrong.append(f"{name}{value} is not valid; allowed: {allowed}.")
        names.append(name)
    return UsageError("\n  ".join(wrong), f"Correct, set or unset {', '.join(names)}.")


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """Return the settings of this process, read from the environment once.

    Raises:
        UsageError: an environment variable has a value that is not allowed.
    """
    try:
        return Settings()
    except ValidationError as error:
        raise _explain(error) from None
