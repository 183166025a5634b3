"""A server that speaks S3, on 127.0.0.1: ``moto_server``, which has to be on the PATH."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pyarrow import fs
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_fixed

from footfall.spark.background import free_port

SERVER = shutil.which("moto_server")
needs_store = pytest.mark.skipif(
    SERVER is None, reason="needs moto_server: pip install 'moto[server]'"
)
KEY, SECRET = "tests", "no-secret"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
BUCKET = "footfall"
TABLES = "tables"
START_SECONDS = 60


again_while_busy = retry(
    retry=retry_if_exception_type(OSError), wait=wait_fixed(2), stop=stop_after_attempt(5),
    reraise=True,
)  # fmt: skip
"""The test server answers with an internal error now and then, when it is busy."""


class ObjectStore:
    """A bucket of a server.

    Args:
        address: of the server, host and port.
    """

    bucket = BUCKET

    def __init__(self, address: str) -> None:
        self.endpoint = f"http://{address}"
        self.files = fs.S3FileSystem(
            access_key=KEY,
            secret_key=SECRET,
            endpoint_override=address,
            scheme="http",
            region="us-east-1",
            allow_bucket_creation=True,
        )
        self.files.create_dir(BUCKET)

    @property
    def environment(self) -> dict[str, str]:
        """The settings of a home whose tables lie in the bucket."""
        return {
            "FOOTFALL_WAREHOUSE": f"s3a://{self.bucket}/{TABLES}",
            "FOOTFALL_S3_ENDPOINT": self.endpoint,
            **CREDENTIALS,
        }

    def keys(self, prefix: str) -> list[str]:
        """Return the objects below a prefix."""
        selector = fs.FileSelector(f"{BUCKET}/{prefix}", recursive=True, allow_not_found=True)
        found = self.files.get_file_info(selector)
        return [info.path for info in found if info.type == fs.FileType.File]

    @again_while_busy
    def clear(self, prefix: str) -> None:
        """Remove the objects below a prefix."""
        self.files.delete_dir_contents(f"{BUCKET}/{prefix}", missing_dir_ok=True)

    def download(self, prefix: str, folder: Path) -> None:
        """Write the objects below a prefix into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        self._copy(f"{BUCKET}/{prefix}", self.files, str(folder), fs.LocalFileSystem())

    def upload(self, folder: Path, prefix: str) -> None:
        """Write the files of a folder into objects below a prefix."""
        self._copy(str(folder), fs.LocalFileSystem(), f"{BUCKET}/{prefix}", self.files)

    @staticmethod
    @again_while_busy
    def _copy(source: str, found_in: fs.FileSystem, target: str, made_in: fs.FileSystem) -> None:
        fs.copy_files(source, target, source_filesystem=found_in, destination_filesystem=made_in)


@contextmanager
def running_store(folder: Path) -> Iterator[ObjectStore]:
    """Start a server with an empty bucket, and end it behind."""
    assert SERVER is not None
    address = f"127.0.0.1:{free_port()}"
    with (folder / "store.log").open("wb") as log:
        server = subprocess.Popen(
            [SERVER, "--host", "127.0.0.1", "--port", address.split(":")[1]],
            stdout=log,
            stderr=log,
        )
    deadline = time.monotonic() + START_SECONDS
    try:
        while True:
            try:
                store = ObjectStore(address)
                break
            except OSError:
                assert time.monotonic() < deadline and server.poll() is None
                time.sleep(0.3)
        yield store
    finally:
        server.terminate()
        server.wait(20)
