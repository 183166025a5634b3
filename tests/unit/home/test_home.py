"""Which homes are opened and which are refused; without Spark."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from footfall.errors import FootfallError
from footfall.home.checks import check_folders, home_of, other_homes, relocated
from footfall.home.identity import (
    Identity,
    path_as_registered,
    read_identity,
    write_identity,
)
from footfall.home.metastore import (
    State,
    local_path,
    set_aside,
    state_of,
)
from footfall.ingest.queue import Queue
from footfall.settings import Settings
from support.homes import make_home

# ---------- which home is opened


def test_a_home_is_opened_where_it_was_made(tmp_path: Path) -> None:
    check_folders(make_home(tmp_path / "home", "gold.t"))


def test_a_new_folder_is_opened_as_a_home(tmp_path: Path) -> None:
    check_folders(tmp_path / "home")


def test_a_home_behind_a_symbolic_link_is_the_same_home(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home", "gold.t")
    (tmp_path / "link").symlink_to(home)
    check_folders(tmp_path / "link")
    assert Settings(home=tmp_path / "link").home == home


def test_a_home_made_through_a_link_keeps_the_spelling_of_its_tables(tmp_path: Path) -> None:
    home, link = make_home(tmp_path / "home"), tmp_path / "link"
    link.symlink_to(home)
    write_identity(home, Identity(path=link))
    assert path_as_registered(home) == link
    assert path_as_registered(tmp_path / "other") == tmp_path / "other"


def test_a_link_that_leads_elsewhere_now_is_no_longer_the_home(tmp_path: Path) -> None:
    home, link = make_home(tmp_path / "home", "gold.t"), tmp_path / "link"
    write_identity(home, Identity(path=link))
    link.symlink_to(make_home(tmp_path / "other"))
    with pytest.raises(FootfallError, match="is a copy of"):
        check_folders(home)


@pytest.mark.parametrize(("original_stays", "word"), [(True, "copy"), (False, "moved")])
def test_a_copied_or_moved_home_is_refused_and_its_origin_named(
    tmp_path: Path, original_stays: bool, word: str
) -> None:
    home = make_home(tmp_path / "here", "gold.t")
    origin = tmp_path / "there"
    if original_stays:
        origin.mkdir()
    write_identity(home, Identity(path=origin))
    with pytest.raises(FootfallError, match=word) as refused:
        check_folders(home)
    assert str(origin) in refused.value.message
    assert "footfall repair --dry-run" in refused.value.fix


def test_a_moved_home_without_tables_is_opened(tmp_path: Path) -> None:
    home = make_home(tmp_path / "here", metastore=False)
    write_identity(home, Identity(path=tmp_path / "there"))
    check_folders(home)


@pytest.mark.parametrize("left_over", ["nothing", "empty", "damaged"])
def test_a_full_warehouse_without_a_metastore_is_refused(tmp_path: Path, left_over: str) -> None:
    home = make_home(tmp_path / "home", "gold.t", "gold.u", metastore=False)
    if left_over != "nothing":
        (home / "metastore").mkdir()
    if left_over == "damaged":
        (home / "metastore" / "seg0").mkdir()
    with pytest.raises(FootfallError, match=r"metastore is .*warehouse beside it has 2 tables"):
        check_folders(home)


def test_a_home_whose_repair_was_interrupted_is_refused(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home", "gold.t")
    write_identity(home, Identity(path=home, repairing=True))
    with pytest.raises(FootfallError, match="interrupted"):
        check_folders(home)


def test_an_identity_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    (tmp_path / "home.json").write_text("{")
    assert read_identity(tmp_path) is None


# ---------- the metastore from outside


def test_a_damaged_metastore_is_set_aside_beside_earlier_ones(tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / "metastore").mkdir()
        (tmp_path / "metastore" / "log").mkdir()
        assert state_of(tmp_path) is State.broken
        assert set_aside(tmp_path) == tmp_path / f"metastore.broken-{number}"
        assert state_of(tmp_path) is State.missing


@pytest.mark.parametrize(
    ("location", "path"),
    [
        ("file:/home/me/a b%20ü", Path("/home/me/a b%20ü")),
        ("file:///home/me", Path("/home/me")),
        ("/home/me:x", Path("/home/me:x")),
        ("s3://bucket/t", None),
    ],
)
def test_a_location_is_a_path_where_it_lies_on_this_machine(
    location: str, path: Path | None
) -> None:
    assert local_path(location) == path


# ---------- what a repair changes


def test_the_home_of_a_schema_is_told_by_its_default_location() -> None:
    assert home_of("default", "file:/a/warehouse") == Path("/a")
    assert home_of("gold", "file:/a/warehouse/gold.db") == Path("/a")
    assert home_of("gold", "file:/data/gold") is None
    assert home_of("gold", "s3://a/warehouse/gold.db") is None


def test_a_schema_that_a_user_placed_elsewhere_makes_no_other_home(tmp_path: Path) -> None:
    schemas = {"gold": f"file:{tmp_path}/warehouse/gold.db", "mine": "file:/data/mine"}
    assert other_homes(tmp_path, schemas) == []


def test_only_what_lies_in_the_other_warehouse_is_relocated() -> None:
    others, home = [Path("/a b"), Path("/a b/copies")], Path("/a b/copies/new")

    def move(location: str) -> str | None:
        return relocated(location, others, home)

    assert move("file:/a b/warehouse/x.db/t") == "file:/a b/copies/new/warehouse/x.db/t"
    assert move("file:/a b/warehouse") == "file:/a b/copies/new/warehouse"
    assert (
        move("file:/a b/copies/warehouse/x.db/t-__PLACEHOLDER__")
        == "file:/a b/copies/new/warehouse/x.db/t-__PLACEHOLDER__"
    )
    for stays in (
        "file:/a b/copies/new/warehouse/x.db/t",
        "file:/a b/warehouse2/x.db/t",
        "file:/a b/exports/t",
        "s3://a b/warehouse/x.db/t",
    ):
        assert move(stays) is None


# ---------- ingestion's queue


def test_a_moved_queue_forgets_what_was_rejected_and_begins_a_new_checkpoint(
    tmp_path: Path,
) -> None:
    old, queue = tmp_path / "old home/queue", Queue(tmp_path / "new home")
    loaded, waiting, rejected = "a" * 64, "b" * 64, "c" * 64
    for sha256 in (loaded, waiting, rejected):
        (queue.manifests / f"{sha256}.json").touch()
    log = queue.checkpoint / "sources" / "0" / "0"
    log.parent.mkdir(parents=True)

    def log_names(folder: Path) -> None:
        entry = json.dumps({"path": f"{(folder / f'{loaded}.json').as_uri()}", "batchId": 0})
        log.write_text(f"v1\n{entry}")

    assert not queue.was_moved()
    log_names(queue.manifests)
    assert not queue.was_moved()
    log_names(old)
    assert queue.was_moved()
    queue.renew({rejected})
    assert queue.sha_queued() == {loaded, waiting}
    assert not queue.checkpoint.exists()
    assert not queue.was_moved()
