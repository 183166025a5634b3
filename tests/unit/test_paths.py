"""Unusual names of folders: refused in one line, or written so that their readers read them."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pyspark
import pytest

from footfall.erase.purge import log_dir_of
from footfall.errors import FootfallError, UsageError
from footfall.generate.run import prepare_folder
from footfall.ingest.files import expand_paths
from footfall.paths import property_line, require_usable_clone
from footfall.report import page_file
from footfall.sequences import export_folder
from footfall.settings import Settings
from footfall.spark.conf import session_conf
from footfall.spark.java import find_java_home

UNUSUAL = """a b'c"d;e[1]{f}*g%41#hö\\i(j)&k!l?m~n+o=p@q$r -Dinjected=x"""


@pytest.mark.parametrize("characters", [":", ",", "${", "!/", "\n", "\t", "\x7f", "😀", "\udce4"])
@pytest.mark.parametrize("setting", ["home", "cache"])
def test_a_folder_that_java_or_spark_would_misread_is_refused_in_one_line(
    tmp_path: Path, setting: str, characters: str
) -> None:
    folder = tmp_path / f"a{characters}b"
    folders = {"home": tmp_path / "home", setting: folder}
    with pytest.raises(UsageError) as refusal:
        Settings(**folders)
    assert refusal.value.message.startswith(f"FOOTFALL_{setting.upper()} {str(folder)!r} holds")
    assert "\n" not in refusal.value.message
    assert refusal.value.fix
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("character", list(':,"$`\\\n'))
def test_a_clone_where_no_virtual_environment_works_is_refused(character: str) -> None:
    with pytest.raises(UsageError, match="The folder"):
        require_usable_clone(Path(f"/a{character}b"))


def test_a_clone_in_a_folder_with_spaces_brackets_and_letters_of_any_language_is_not() -> None:
    require_usable_clone(Path("/my projects/föö [1] it's {x} 100% #1; (2)"))


def test_javas_options_and_class_path_come_out_of_sparks_launcher_as_they_were(
    tmp_path: Path,
) -> None:
    settings = Settings(home=tmp_path / UNUSUAL, driver_memory_gib=1)
    jar = settings.jars / "a.jar"
    archive = f"-XX:SharedArchiveFile={settings.cache}/x.jsa"
    conf = session_conf(settings, [jar], [archive])
    properties = tmp_path / "spark.conf"
    lines = [property_line(key, value) for key, value in conf.items()]
    properties.write_text("".join(lines), encoding="utf-8")
    spark_home, java_home = Path(pyspark.__file__).parent, find_java_home()
    (launcher,) = spark_home.glob("jars/spark-launcher_*.jar")
    launched = subprocess.run(
        [
            java_home / "bin" / "java",
            *("-cp", launcher, "org.apache.spark.launcher.Main"),
            *("org.apache.spark.deploy.SparkSubmit", "--properties-file", properties, "x"),
        ],
        env={
            "JAVA_HOME": str(java_home),
            "LC_ALL": "C.UTF-8",
            "SPARK_HOME": str(spark_home),
            "SPARK_SCALA_VERSION": "2.13",
        },
        stdout=subprocess.PIPE,
        encoding="utf-8",
        check=True,
    )
    arguments = launched.stdout.split("\0")
    assert f"-Dderby.system.home={settings.home}" in arguments
    assert archive in arguments
    assert str(jar) in arguments[arguments.index("-cp") + 1].split(":")
    assert not [argument for argument in arguments if argument.startswith("-Dinjected")]
    assert shlex.split(conf["spark.driver.extraJavaOptions"])[0] == (
        f"-Dderby.system.home={settings.home}"
    )


def test_an_existing_folder_with_brackets_is_meant_literally_before_a_glob(tmp_path: Path) -> None:
    for folder in ("day[1]", "day1"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.csv").write_text("x")
    named = [tmp_path / "day[1]" / "a.csv"]
    assert expand_paths([str(tmp_path / "day[1]" / "*.csv")]) == named
    assert expand_paths([str(tmp_path / "day[1]")]) == named
    assert expand_paths([str(tmp_path / "day[1]" / "a.csv")]) == named
    assert expand_paths([str(tmp_path / "day[12]" / "*.csv")]) == [tmp_path / "day1" / "a.csv"]


def test_a_line_break_in_the_path_of_a_landing_file_or_of_an_output_is_refused(
    tmp_path: Path,
) -> None:
    landing, out = tmp_path / "land\ning", tmp_path / "o\nut"
    landing.mkdir()
    (landing / "a.csv").write_text("x")
    calls = [
        lambda: expand_paths([str(tmp_path)]),
        lambda: expand_paths([str(landing / "*.csv")]),
        lambda: export_folder(str(out)),
        lambda: prepare_folder(out, overwrite=False),
        lambda: page_file(out),
    ]
    for call in calls:
        with pytest.raises(UsageError, match="holds the control character"):
            call()
    assert not out.exists()


def test_a_colon_beside_a_bracket_in_the_path_of_a_landing_file_is_refused(tmp_path: Path) -> None:
    landing = tmp_path / "12:00 [1]"
    landing.mkdir()
    (landing / "a.csv").write_text("x")
    with pytest.raises(UsageError, match=r"holds ':' beside '\['"):
        expand_paths([str(landing)])
    plain = landing.rename(tmp_path / "12:00")
    assert expand_paths([str(plain)]) == [plain / "a.csv"]


def test_the_log_of_a_table_lies_where_delta_says_whatever_its_path_holds() -> None:
    folder = Path("/a%20b#c?d;e [1]/warehouse/x.db/t")
    for location in (f"file:{folder}", f"file://{folder}", str(folder)):
        assert log_dir_of("t", location, Settings()) == folder / "_delta_log"
    stored = log_dir_of("t", "s3a://bucket/t", Settings(s3=True))
    assert str(stored) == "s3a://bucket/t/_delta_log"
    for location in ("abfss://container@account/t", "s3a://bucket/t"):
        with pytest.raises(FootfallError, match="cannot remove log entries"):
            log_dir_of("t", location, Settings())
