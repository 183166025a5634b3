"""Files in a store that speaks S3, used as files of this machine are.

Arrow is loaded where it is used: who reads a log on this machine does not wait for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple, TypeAlias, TypeVar, cast

from footfall.errors import FootfallError, UsageError, first_line
from footfall.paths import require_readable
from footfall.settings import Settings

URI = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.DOTALL)
BUCKET = re.compile(r"[A-Za-z0-9.-]{3,63}")
CONNECT_SECONDS, REQUEST_SECONDS, ATTEMPTS = 5, 60, 3


class Status(NamedTuple):
    """Size in bytes and time of change in nanoseconds since 1970, under ``os.stat_result``'s names.

    An object's time of change has whole seconds in most stores.
    """

    st_size: int
    st_mtime_ns: int


@dataclass(frozen=True)
class ObjectPath:
    """A file or folder in a bucket, with what footfall uses of :class:`pathlib.Path`.

    Args:
        key: ``bucket/folder/file``.
        store: the file system; credentials come from Amazon's own chain of providers.
        known: what a listing said of it; without, the store is asked.
    """

    key: str
    store: Any = field(compare=False, repr=False)
    known: Status | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return f"s3a://{self.key}"

    def __truediv__(self, name: str) -> ObjectPath:
        return ObjectPath(f"{self.key}/{name}", self.store)

    @property
    def name(self) -> str:
        return PurePosixPath(self.key).name

    @property
    def parent(self) -> ObjectPath:
        return ObjectPath(str(PurePosixPath(self.key).parent), self.store)

    @property
    def suffix(self) -> str:
        return PurePosixPath(self.key).suffix

    def stat(self) -> Status:
        """Return size and time of change.

        Raises:
            FileNotFoundError: there is no such object.
            OSError: the store cannot be reached, or refuses.
        """
        if self.known:
            return self.known
        info = self._info()
        if info.type.name != "File":
            raise FileNotFoundError(2, "No such object", str(self))
        return _status(info)

    def is_file(self) -> bool:
        return bool(self._info().type.name == "File")

    def is_dir(self) -> bool:
        """Return whether an object's key begins with this one and a slash."""
        return bool(self._info().type.name == "Directory")

    def files(self) -> Iterator[ObjectPath]:
        """Yield the files of a folder and of the folders in it, by name, as a listing has them.

        Raises:
            OSError: the store cannot be reached, or refuses.
        """
        from pyarrow import fs

        selector = fs.FileSelector(self.key, recursive=True, allow_not_found=True)
        found = (info for info in self.store.get_file_info(selector) if info.type.name == "File")
        for info in sorted(found, key=lambda info: cast(str, info.path)):
            yield ObjectPath(info.path, self.store, _status(info))

    def iterdir(self) -> Iterator[ObjectPath]:
        """Yield the files that lie in this folder itself."""
        return (file for file in self.files() if "/" not in file.key[len(self.key) + 1 :])

    def open(self, mode: str = "rb") -> Any:
        """Return the content as a file to read or, by mode ``wb``, one to write.

        What is written appears as a whole when the file is closed.
        """
        if mode == "rb":
            return self.store.open_input_file(self.key)
        return self.store.open_output_stream(self.key)

    def parts_below(self, folder: ObjectPath) -> tuple[str, ...]:
        """Return the parts of the key below a folder's."""
        return PurePosixPath(self.key).relative_to(folder.key).parts

    def read_bytes(self) -> bytes:
        with self.open() as content:
            return cast(bytes, content.read())

    def write_bytes(self, content: bytes) -> None:
        with self.open("wb") as target:
            target.write(content)

    def upload(self, file: Path) -> None:
        """Write a local file's content."""
        from pyarrow import fs

        fs.copy_files(
            str(file),
            self.key,
            source_filesystem=fs.LocalFileSystem(),
            destination_filesystem=self.store,
        )

    def unlink(self) -> None:
        self.store.delete_file(self.key)

    def _info(self) -> Any:
        return self.store.get_file_info(self.key)


DataPath: TypeAlias = Path | ObjectPath
"""A file or folder of this machine, or of an object store."""
AnyPath = TypeVar("AnyPath", bound=DataPath)


def files_in(folder: AnyPath) -> Iterator[AnyPath]:
    """Yield what lies in a folder itself."""
    return cast(Iterator[AnyPath], folder.iterdir())


def open_parquet(file: DataPath) -> Any:
    """Return a Parquet file, open for reading, as a context manager."""
    import pyarrow.parquet as pq

    return pq.ParquetFile(file.open() if isinstance(file, ObjectPath) else file)


def open_orc(file: DataPath) -> Any:
    """Return an ORC file, open for reading."""
    from pyarrow import orc

    return orc.ORCFile(file.open() if isinstance(file, ObjectPath) else file)


def _status(info: Any) -> Status:
    return Status(int(info.size), int(info.mtime_ns))


@lru_cache(maxsize=8)
def _store(endpoint: str | None, region: str) -> Any:
    from pyarrow import fs

    scheme, _, address = (endpoint or "https://").partition("://")
    return fs.S3FileSystem(
        region=region,
        scheme=scheme,
        endpoint_override=address.rstrip("/") or None,
        connect_timeout=CONNECT_SECONDS,
        request_timeout=REQUEST_SECONDS,
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=ATTEMPTS),
    )


def is_uri(text: str) -> bool:
    """Return whether a text names something by a URI, and not by a path of this machine."""
    return URI.match(text) is not None


def named_by_spark(location: str, settings: Settings) -> DataPath:
    """Return the file or folder that Spark and Delta name so: a path, or a URI without escapes.

    Args:
        location: such as ``/data/a b``, ``file:/data/a b`` or ``s3a://bucket/key``.
        settings: the store's endpoint and region.

    Raises:
        UsageError: a URI of another kind, or of an object store that the settings do not name.
    """
    local = re.fullmatch("(?:file:(?://)?)?(/.*)", location)
    return Path(local.group(1)) if local else data_path(location, settings)


def data_path(text: str, settings: Settings) -> DataPath:
    """Return what a path or a URI names.

    Args:
        text: a path of this machine, ``s3a://bucket/key`` or ``s3://bucket/key``.
        settings: the store's endpoint and region.

    Raises:
        UsageError: a URI of another kind, or one that Spark could not read.
    """
    found = URI.match(text)
    if found is None:
        return Path(text).expanduser()
    scheme, key = found.group(1).lower(), found.group(2).strip("/")
    if scheme not in ("s3", "s3a") or not BUCKET.fullmatch(key.partition("/")[0]):
        raise UsageError(
            f"{text} names no bucket.", "Name a local path, or s3a://BUCKET/FOLDER in lower case."
        )
    if not settings.uses_s3:
        raise UsageError(
            f"{text} lies in an object store, and Spark has no client for one.",
            "Set FOOTFALL_S3=true and run `footfall setup`.",
        )
    require_readable("The key", PurePosixPath(key))
    return ObjectPath(key, _store(settings.s3_endpoint, settings.s3_region))


def table_path(table: str, settings: Settings) -> DataPath:
    """Return where a table lies, or will.

    Args:
        table: ``schema.table``.
        settings: the home and the warehouse. A schema that the home has keeps its place.
    """
    folder = settings.table_folder(table)
    if settings.tables_are_local or folder.parent.is_dir():
        return folder
    schema, _, name = table.partition(".")
    return data_path(f"{settings.tables_at}/{schema}.db/{name}", settings)


def unreachable(path: DataPath, error: OSError) -> FootfallError:
    """Return the error for a path that could not be looked at."""
    return FootfallError(
        f"{path} cannot be read: {first_line(error)}.",
        "Check the bucket's name, the credentials (AWS_ACCESS_KEY_ID or AWS_PROFILE), "
        "FOOTFALL_S3_ENDPOINT and FOOTFALL_S3_REGION."
        if isinstance(path, ObjectPath)
        else "Give this process read permission.",
    )
