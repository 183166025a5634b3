"""A server that speaks S3, on 127.0.0.1: ``moto_server``, which has to be on the PATH."""

from __future__ import annotations

import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree

from support.cluster import free_port

SERVER = shutil.which("moto_server")
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "tests", "AWS_SECRET_ACCESS_KEY": "no-secret"}
START_SECONDS = 60


class ObjectStore:
    """A bucket of a server.

    Args:
        endpoint: the server's URL.
        bucket: its name.
    """

    def __init__(self, endpoint: str, bucket: str = "footfall") -> None:
        self.endpoint = endpoint
        self.bucket = bucket
        self._ask("", "PUT")

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys below a prefix."""
        token = ""
        while True:
            query = {"list-type": "2", "prefix": prefix}
            query |= {"continuation-token": token} if token else {}
            answer = ElementTree.fromstring(self._ask("?" + urllib.parse.urlencode(query)))
            space = {"s3": answer.tag[1:].split("}")[0]}
            for entry in answer.findall("s3:Contents/s3:Key", space):
                yield entry.text or ""
            token = answer.findtext("s3:NextContinuationToken", "", space)
            if not token:
                return

    def download(self, prefix: str, folder: Path) -> None:
        """Write the objects below a prefix into a folder."""
        for key in self.keys(prefix):
            if key.endswith("/"):
                continue
            file = folder / key.removeprefix(prefix).lstrip("/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(self._ask("/" + urllib.parse.quote(key)))

    def _ask(self, path: str, method: str = "GET") -> bytes:
        request = urllib.request.Request(f"{self.endpoint}/{self.bucket}{path}", method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            content: bytes = answer.read()
        return content


@contextmanager
def running_store(folder: Path) -> Iterator[ObjectStore]:
    """Start a server with an empty bucket, and end it behind."""
    assert SERVER is not None
    port = free_port()
    with (folder / "store.log").open("wb") as log:
        server = subprocess.Popen(
            [SERVER, "--host", "127.0.0.1", "--port", str(port)], stdout=log, stderr=log
        )
    deadline = time.monotonic() + START_SECONDS
    try:
        while True:
            try:
                store = ObjectStore(f"http://127.0.0.1:{port}")
                break
            except urllib.error.URLError:
                assert time.monotonic() < deadline and server.poll() is None
                time.sleep(0.3)
        yield store
    finally:
        server.terminate()
        server.wait(20)
