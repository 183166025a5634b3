"""Files that are there as a whole or not at all."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from footfall.atomic import write_atomically


def test_a_file_is_replaced_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "räume.txt"
    write_atomically(file, "größer\n")
    write_atomically(file, b"\x00")
    assert file.read_bytes() == b"\x00"
    assert list(tmp_path.iterdir()) == [file]


def test_a_secret_is_its_owner_s_alone_from_the_start(tmp_path: Path) -> None:
    file = tmp_path / "key"
    write_atomically(file, "secret", mode=0o600)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_what_was_there_stays_where_the_writing_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "state.json"
    write_atomically(file, "first")

    def no_space(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", no_space)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(file, "second")
    monkeypatch.undo()
    assert file.read_text() == "first"
    assert list(tmp_path.iterdir()) == [file]
