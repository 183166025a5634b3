"""A Kafka broker on 127.0.0.1: one KRaft node, from the jars in FOOTFALL_KAFKA_BROKER."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from footfall.spark.background import free_port
from footfall.spark.java import find_java_home

JARS = os.environ.get("FOOTFALL_KAFKA_BROKER")
"""``mvn dependency:copy-dependencies`` of org.apache.kafka:kafka_2.13 and kafka-tools makes it."""
needs_broker = pytest.mark.skipif(
    not JARS, reason="needs a broker's jars in the folder FOOTFALL_KAFKA_BROKER"
)
START_SECONDS = 60
CLIENTS = "org.apache.kafka.clients"
PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners={protocol}://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners={protocol}://127.0.0.1:{port}
controller.listener.names=CONTROLLER
inter.broker.listener.name={protocol}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,{protocol}:{protocol}
log.dirs={folder}/data
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
"""


USER, PASSWORD = "footfall", "no-secret"
LOGIN = "org.apache.kafka.common.security.plain.PlainLoginModule required"
SECURED = """\
sasl.enabled.mechanisms=PLAIN
sasl.mechanism.inter.broker.protocol=PLAIN
listener.name.sasl_ssl.plain.sasl.jaas.config={login} user_{user}="{password}";
ssl.keystore.type=PKCS12
ssl.keystore.location={folder}/broker.p12
ssl.keystore.password={password}
ssl.truststore.type=PEM
ssl.truststore.location={folder}/ca.pem
"""
CLIENT = """\
security.protocol=SASL_SSL
sasl.mechanism=PLAIN
sasl.jaas.config={login};
ssl.truststore.type=PEM
ssl.truststore.location={folder}/ca.pem
"""


def login(password: str = PASSWORD) -> str:
    """Return how a client names itself, in the words of Java's login modules."""
    return f'{LOGIN} username="{USER}" password="{password}"'


class Broker:
    """A broker that can be killed and started again on its data.

    Args:
        folder: for its data and its log.
        secured: whether it speaks TLS, by a certificate of its own in ``ca.pem``, and asks for a
            password.
    """

    def __init__(self, folder: Path, secured: bool = False) -> None:
        self.folder = folder
        self.port = free_port()
        self.server = f"127.0.0.1:{self.port}"
        self.properties = folder / "server.properties"
        self.client = folder / "client.properties"
        protocol = "SASL_SSL" if secured else "PLAINTEXT"
        ports = {"port": self.port, "controller": free_port()}
        text = PROPERTIES.format(protocol=protocol, folder=folder, **ports)
        if secured:
            self._make_certificate()
            asked = {"user": USER, "password": PASSWORD, "login": login()}
            text += SECURED.format(folder=folder, **asked)
        own = CLIENT.format(folder=folder, login=login()) if secured else ""
        self.client.write_text(own)
        self.properties.write_text(text)
        format_it = ("format", "-t", "4L6g3nShT-eMCtK--X86sw", "-c", str(self.properties))
        self._run("kafka.tools.StorageTool", *format_it)
        self.process = self._start()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def restart(self) -> None:
        self.process = self._start()
        self._await()

    def create_topic(self, name: str, partitions: int) -> None:
        self._run(
            "org.apache.kafka.tools.TopicCommand", "--bootstrap-server", self.server,
            "--command-config", str(self.client), "--create", "--topic", name,
            "--partitions", str(partitions),
        )  # fmt: skip

    def send(self, topic: str, messages: Iterable[str]) -> None:
        """Send messages, one a line, and wait until the broker has them all."""
        self._run(
            "org.apache.kafka.tools.ConsoleProducer", "--bootstrap-server", self.server,
            "--producer.config", str(self.client), "--topic", topic,
            "--producer-property", "acks=all",
            "--producer-property", f"partitioner.class={CLIENTS}.producer.RoundRobinPartitioner",
            text="".join(f"{message}\n" for message in messages),
        )  # fmt: skip

    def _make_certificate(self) -> None:
        keytool, store = str(find_java_home() / "bin" / "keytool"), str(self.folder / "broker.p12")
        known = ("-alias", "broker", "-keystore", store, "-storepass", PASSWORD)
        named = ("-dname", "CN=127.0.0.1", "-ext", "san=ip:127.0.0.1")
        for command in (
            ("-genkeypair", "-keyalg", "RSA", "-storetype", "PKCS12", *named),
            ("-exportcert", "-rfc", "-file", str(self.folder / "ca.pem")),
        ):
            subprocess.run([keytool, *command, *known], check=True, capture_output=True)

    def _java(self, *arguments: str) -> list[str]:
        java = str(find_java_home() / "bin" / "java")
        return [java, "-Xmx512m", "-cp", f"{JARS}/*", *arguments]

    def _run(self, *arguments: str, text: str | None = None) -> None:
        done = subprocess.run(
            self._java(*arguments), input=text, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{arguments[0]}: {done.stdout[-2000:]}{done.stderr[-2000:]}"

    def _start(self) -> subprocess.Popen[bytes]:
        with (self.folder / "broker.log").open("ab") as log:
            return subprocess.Popen(
                self._java("kafka.Kafka", str(self.properties)), stdout=log, stderr=log
            )

    def _await(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        listing = ("--bootstrap-server", self.server, "--list")
        listing += ("--command-config", str(self.client))
        while True:
            try:
                self._run("org.apache.kafka.tools.TopicCommand", *listing)
                return
            except AssertionError:
                assert time.monotonic() < deadline and self.process.poll() is None
                time.sleep(0.5)


@contextmanager
def running_broker(folder: Path, secured: bool = False) -> Iterator[Broker]:
    """Start a broker, and end it behind."""
    folder.mkdir(parents=True, exist_ok=True)
    broker = Broker(folder, secured)
    try:
        broker._await()
        yield broker
    finally:
        broker.kill()
