"""The one checksum: of landing files, exported shards and jars."""

from __future__ import annotations

import hashlib
from typing import Any, Literal, Protocol


class Readable(Protocol):
    """A file of this machine or of an object store."""

    def open(self, mode: Literal["rb"], /) -> Any: ...


def sha256_of(file: Readable) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal.

    Raises:
        OSError: the file cannot be read.
    """
    digest = hashlib.sha256()
    with file.open("rb") as content:
        while block := content.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
