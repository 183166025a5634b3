"""Java, Delta's jars and the settings, without Spark."""

from __future__ import annotations

import hashlib
import os
import subprocess
import time
from pathlib import Path

import pytest
from pydantic import ValidationError

from footfall.settings import Settings, get_settings
from footfall.spark import jars as jars_module
from footfall.spark import java as java_module
from footfall.spark.class_archive import (
    archive_file,
    archive_options,
    base_of,
    ensure_archive,
)
from footfall.spark.jars import Jar, fetch_missing, missing_jars
from footfall.spark.java import (
    find_java_home,
    installed_java_home,
    java_major,
    quiet_java_home,
    wheel_java_home,
)
from footfall.spark.session import spark_log, submit_arguments


def make_java(home: Path, version: str) -> Path:
    """Write a program that answers ``java -version`` like that version, and return its home."""
    java = home / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2025-04-15' >&2\n")
    java.chmod(0o755)
    return home


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home of footfall")


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without Java: an empty PATH and no JAVA_HOME."""
    (tmp_path / "path").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    return tmp_path


# ---------- Java


@pytest.mark.parametrize(
    ("version", "major"),
    [("17.0.15", 17), ("21", 21), ("11.0.2", 11), ("1.8.0_292", 1)],
)
def test_the_major_version_is_read_from_what_java_prints(
    tmp_path: Path, version: str, major: int
) -> None:
    assert java_major(make_java(tmp_path / "jdk", version) / "bin" / "java") == major


def test_a_java_that_does_not_run_has_no_version(tmp_path: Path) -> None:
    assert java_major(tmp_path / "nothing") is None
    broken = tmp_path / "java"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    assert java_major(broken) is None


@pytest.mark.parametrize("version", ["1.8.0_292", "11.0.2", "25.0.1"])
def test_an_installed_java_of_an_unsupported_version_is_ignored(
    machine: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(make_java(machine / "unsupported", version)))
    assert installed_java_home() is None


def test_a_supported_java_on_path_is_found_behind_an_unsupported_java_home(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(make_java(machine / "old", "11.0.2")))
    supported = make_java(machine / "jdk", "17.0.15")
    (machine / "path" / "java").symlink_to(supported / "bin" / "java")
    assert installed_java_home() == supported


def test_without_an_installed_java_the_wheels_is_taken(machine: Path) -> None:
    assert java_major(find_java_home() / "bin" / "java") == 21


def test_a_process_that_inherits_the_wrapper_finds_the_java_behind_it(
    machine: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    java_home = make_java(machine / "jdk", "17.0.15")
    monkeypatch.setenv("JAVA_HOME", str(quiet_java_home(settings, java_home)))
    assert installed_java_home() == java_home


def test_the_wrapper_passes_every_argument_but_the_one_that_java_lacks(
    tmp_path: Path, settings: Settings
) -> None:
    runtime = tmp_path / "a runtime's folder"
    (runtime / "bin").mkdir(parents=True)
    java = runtime / "bin" / "java"
    java.write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"\n")
    java.chmod(0o755)
    wrapper = quiet_java_home(settings, runtime) / "bin" / "java"
    arguments = [
        "-Xmx1g",
        "--add-modules=jdk.incubator.vector",
        "-Dname=two  words",
        "",
        "quote ' and \" and $HOME and *",
        "--add-modules=jdk.other",
        "--add-modules=jdk.incubator.vector",
        "last",
    ]
    answer = subprocess.run([wrapper, *arguments], capture_output=True, text=True, check=True)
    kept = [argument for argument in arguments if "incubator" not in argument]
    assert answer.stdout.split("\n")[:-1] == kept


@pytest.mark.parametrize(
    ("main_class", "printed", "logged"),
    [
        ("org.apache.spark.deploy.SparkSubmit", "", "to out\nto err\n"),
        ("org.apache.spark.launcher.Main", "to out\n", "to err\n"),
        ("org.apache.ivy.Main", "to out\nto err\n", None),
    ],
)
def test_what_sparks_java_prints_goes_to_the_log(
    tmp_path: Path, settings: Settings, main_class: str, printed: str, logged: str | None
) -> None:
    java = tmp_path / "jdk" / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text("#!/bin/sh\necho to out\necho to err >&2\n")
    java.chmod(0o755)
    log = tmp_path / "the log"
    answer = subprocess.run(
        [quiet_java_home(settings, tmp_path / "jdk") / "bin" / "java", "-cp", "x", main_class],
        env={"FOOTFALL_SPARK_LOG": str(log), "PATH": os.defpath},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    )
    assert answer.stdout == printed
    assert (log.read_text() if log.exists() else None) == logged


def test_the_wrapper_is_written_once(tmp_path: Path, settings: Settings) -> None:
    make_java(tmp_path / "first", "21")
    wrapper = quiet_java_home(settings, tmp_path / "first") / "bin" / "java"
    written = wrapper.stat().st_ino
    assert quiet_java_home(settings, tmp_path / "first") / "bin" / "java" == wrapper
    assert wrapper.stat().st_ino == written
    assert quiet_java_home(settings, tmp_path / "second") / "bin" / "java" != wrapper


def test_the_wheels_java_runs_with_the_argument_that_spark_passes(settings: Settings) -> None:
    java = quiet_java_home(settings, wheel_java_home()) / "bin" / "java"
    command = [java, java_module.UNSUPPORTED_ARGUMENT, "-version"]
    assert "version" in subprocess.run(command, capture_output=True, text=True, check=True).stderr


# ---------- the class-data archive


def test_an_archive_has_a_new_name_when_java_or_a_jar_changes(
    tmp_path: Path, settings: Settings
) -> None:
    jar, java_home = tmp_path / "delta.jar", make_java(tmp_path / "jdk", "21")
    jar.write_bytes(b"one")
    before = archive_file(settings, java_home, [jar])
    assert archive_file(settings, java_home, [jar]) == before
    assert archive_file(settings, make_java(tmp_path / "other", "21"), [jar]) != before
    jar.write_bytes(b"another")
    assert archive_file(settings, java_home, [jar]) != before


def test_java_takes_an_archive_only_where_there_is_one(tmp_path: Path) -> None:
    archive = tmp_path / "classes.jsa"
    assert archive_options(archive) == []
    archive.touch()
    assert archive_options(archive) == [f"-XX:SharedArchiveFile={archive}"]
    base_of(archive).touch()
    assert archive_options(archive) == [f"-XX:SharedArchiveFile={base_of(archive)}:{archive}"]


def test_an_archive_that_cannot_be_made_is_done_without(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", "/bin/false")
    archive = settings.cache / "class-archive" / "new.jsa"
    assert not ensure_archive(settings, archive, tmp_path)
    assert list(archive.parent.iterdir()) == []


def test_an_archive_that_takes_too_long_leaves_no_process_behind(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    program, ended = tmp_path / "slow", tmp_path / "ended"
    program.write_text(f"#!/bin/sh\n(sleep 2; touch {ended})\n")
    program.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(program))
    monkeypatch.setattr("footfall.spark.class_archive.SECONDS_TO_MAKE", 0.2)
    assert not ensure_archive(settings, settings.cache / "class-archive" / "new.jsa", tmp_path)
    time.sleep(2.5)
    assert not ended.exists()


# ---------- Spark's arguments


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, "--properties-file '/a b/c.conf' pyspark-shell"),
        ("--verbose pyspark-shell", "--properties-file '/a b/c.conf' --verbose pyspark-shell"),
        ("--properties-file /old pyspark-shell", "--properties-file '/a b/c.conf' pyspark-shell"),
    ],
)
def test_footfalls_properties_stand_before_the_arguments_that_were_given(
    given: str | None, expected: str
) -> None:
    assert submit_arguments(Path("/a b/c.conf"), given) == expected


def test_a_large_log_is_set_aside(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("footfall.spark.session.LARGEST_LOG_BYTES", 3)
    (settings.home / "logs").mkdir(parents=True)
    log = spark_log(settings)
    log.write_text("long")
    assert spark_log(settings) == log
    assert not log.exists()
    assert log.with_suffix(".log.1").read_text() == "long"


# ---------- jars


def test_jars_that_are_absent_or_have_another_checksum_are_missing(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = b"a jar"
    good, bad, absent = (
        Jar("group", name, "1.0", hashlib.sha256(content).hexdigest())
        for name in ("good", "bad", "absent")
    )
    monkeypatch.setattr(jars_module, "needed_jars", lambda _: (good, bad, absent))
    settings.jars.mkdir(parents=True)
    (settings.jars / good.file_name).write_bytes(content)
    (settings.jars / bad.file_name).write_bytes(content + b" that somebody changed")
    assert missing_jars(settings) == [bad, absent]


def test_jars_that_are_there_are_not_fetched_again(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    jar = Jar("group", "good", "1.0", hashlib.sha256(b"a jar").hexdigest())
    monkeypatch.setattr(jars_module, "needed_jars", lambda _: (jar,))
    monkeypatch.setattr(jars_module, "_retrieve", lambda *_: pytest.fail("fetched"))
    settings.jars.mkdir(parents=True)
    (settings.jars / jar.file_name).write_bytes(b"a jar")
    fetch_missing(settings, Path("/no/java"))
    assert not missing_jars(settings)


def test_a_fetched_jar_with_another_checksum_is_removed_and_refused(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    jar = Jar("group", "good", "1.0", hashlib.sha256(b"a jar").hexdigest())

    def retrieve(jars: list[Jar], *_: object) -> str:
        assert jars == [jar]
        (settings.jars / jar.file_name).write_bytes(b"something else")
        return ""

    monkeypatch.setattr(jars_module, "needed_jars", lambda _: (jar,))
    monkeypatch.setattr(jars_module, "_retrieve", retrieve)
    with pytest.raises(jars_module.FootfallError, match=jar.sha256):
        fetch_missing(settings, Path("/no/java"))
    assert not (settings.jars / jar.file_name).exists()


def test_a_jar_that_cannot_be_fetched_names_the_way_around(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    jar = Jar("group", "good", "1.0", "0" * 64)
    monkeypatch.setattr(jars_module, "needed_jars", lambda _: (jar,))
    monkeypatch.setattr(jars_module, "_retrieve", lambda *_: "UNRESOLVED DEPENDENCIES")
    with pytest.raises(jars_module.FootfallError) as raised:
        fetch_missing(settings, Path("/no/java"))
    assert "UNRESOLVED DEPENDENCIES" in raised.value.message
    assert "FOOTFALL_IVY_SETTINGS" in raised.value.fix


# ---------- settings


def test_settings_come_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOOTFALL_HOME", str(tmp_path))
    monkeypatch.setenv("FOOTFALL_DB_SCHEMA", "team_a")
    monkeypatch.setenv("FOOTFALL_CORES", "3")
    monkeypatch.setenv("FOOTFALL_DRIVER_MEMORY_GIB", "5")
    monkeypatch.setenv("FOOTFALL_IVY_SETTINGS", "")
    settings = Settings()
    assert (settings.home, settings.cores, settings.driver_memory_gib) == (tmp_path, 3, 5)
    assert settings.schema_of("gold") == "team_a_gold"
    assert settings.ivy_settings is None


def test_a_relative_home_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Settings(home=Path("state")).home == tmp_path / "state"


@pytest.mark.parametrize("name", ["", "1st", "Upper", "a-b", "a.b", "a b", "a;drop"])
def test_a_schema_name_that_sql_would_not_take_unquoted_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        Settings(db_schema=name)


@pytest.mark.parametrize("name", ["CORES", "DRIVER_MEMORY_GIB"])
def test_less_than_one_core_or_gibibyte_is_refused(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"FOOTFALL_{name}", "0")
    with pytest.raises(ValidationError):
        Settings()


def test_the_settings_of_a_process_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    get_settings.cache_clear()
    first = get_settings()
    monkeypatch.setenv("FOOTFALL_CORES", str(first.cores + 1))
    assert get_settings() is first
    get_settings.cache_clear()
