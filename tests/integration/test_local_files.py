"""Files of this machine, as Spark writes them: without programs that Hadoop starts."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession


@pytest.fixture
def java(spark: SparkSession) -> Any:
    return spark._jvm


@pytest.fixture
def files(spark: SparkSession, java: Any) -> Any:
    return java.org.apache.hadoop.fs.FileSystem.getLocal(spark._jsc.hadoopConfiguration())


def test_both_interfaces_of_hadoop_are_footfalls(spark: SparkSession, java: Any) -> None:
    conf = spark._jsc.hadoopConfiguration()
    root = java.java.net.URI("file:///")
    files = java.org.apache.hadoop.fs.FileSystem.get(root, conf)
    context = java.org.apache.hadoop.fs.FileContext.getFileContext(root, conf)
    assert files.getClass().getName() == "footfall.PlainLocalFileSystem"
    assert context.getDefaultFileSystem().getClass().getName() == (
        "footfall.PlainLocalFileSystem$Context"
    )


@pytest.mark.parametrize("mode", [0o640, 0o751, 0o400, 0o1777])
def test_a_file_gets_the_permissions_that_are_asked_for(
    java: Any, files: Any, tmp_path: Path, mode: int
) -> None:
    file = tmp_path / "a [b] #c"
    file.touch()
    fs = java.org.apache.hadoop.fs
    files.setPermission(fs.Path(str(file)), fs.permission.FsPermission(f"{mode:o}"))
    assert stat.S_IMODE(file.stat().st_mode) == mode


def test_links_are_links(java: Any, files: Any, tmp_path: Path) -> None:
    file, link, dangling = (tmp_path / name for name in ("file", "link", "dangling"))
    file.write_text("rows")
    link.symlink_to(file)
    dangling.symlink_to(tmp_path / "nothing")
    fs = java.org.apache.hadoop.fs
    status = [files.getFileLinkStatus(fs.Path(str(path))) for path in (file, link, dangling)]
    assert [each.isSymlink() for each in status] == [False, True, True]
    assert status[0].getLen() == 4
    assert status[1].getSymlink().toUri().getPath() == str(file)


def test_what_is_missing_is_missing(java: Any, files: Any, tmp_path: Path) -> None:
    missing = java.org.apache.hadoop.fs.Path(str(tmp_path / "nothing"))
    with pytest.raises(Exception, match="FileNotFoundException"):
        files.getFileLinkStatus(missing)
    with pytest.raises(Exception, match="NoSuchFileException"):
        files.setPermission(missing, java.org.apache.hadoop.fs.permission.FsPermission("644"))


def test_a_table_is_written_with_the_users_mask(spark: SparkSession, tmp_path: Path) -> None:
    spark.range(1).write.format("delta").save(str(tmp_path / "table"))
    written = [path for path in (tmp_path / "table").rglob("*") if path.is_file()]
    [mask] = {stat.S_IMODE(path.stat().st_mode) for path in written}
    assert mask == 0o644
    assert not [path for path in tmp_path.rglob("*") if path.name.endswith(".tmp")]
