"""A Kafka broker on 127.0.0.1: one KRaft node, from the jars in FOOTFALL_KAFKA_BROKER."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from footfall.spark.java import find_java_home
from support.cluster import free_port

JARS = os.environ.get("FOOTFALL_KAFKA_BROKER")
"""``mvn dependency:copy-dependencies`` of org.apache.kafka:kafka_2.13 and kafka-tools makes it."""
START_SECONDS = 60
CLIENTS = "org.apache.kafka.clients"
PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={folder}/data
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
"""


class Broker:
    """A broker that can be killed and started again on its data.

    Args:
        folder: for its data and its log.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.server = f"127.0.0.1:{self.port}"
        self.properties = folder / "server.properties"
        text = PROPERTIES.format(port=self.port, controller=free_port(), folder=folder)
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
            "org.apache.kafka.tools.TopicCommand", "--bootstrap-server", self.server, "--create",
            "--topic", name, "--partitions", str(partitions),
        )  # fmt: skip

    def send(self, topic: str, messages: Iterable[str]) -> None:
        """Send messages, one a line, and wait until the broker has them all."""
        self._run(
            "org.apache.kafka.tools.ConsoleProducer", "--bootstrap-server", self.server,
            "--topic", topic, "--producer-property", "acks=all",
            "--producer-property", f"partitioner.class={CLIENTS}.producer.RoundRobinPartitioner",
            text="".join(f"{message}\n" for message in messages),
        )  # fmt: skip

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
        while True:
            try:
                self._run("org.apache.kafka.tools.TopicCommand", *listing)
                return
            except AssertionError:
                assert time.monotonic() < deadline and self.process.poll() is None
                time.sleep(0.5)


@contextmanager
def running_broker(folder: Path) -> Iterator[Broker]:
    """Start a broker, and end it behind."""
    folder.mkdir(parents=True, exist_ok=True)
    broker = Broker(folder)
    try:
        broker._await()
        yield broker
    finally:
        broker.kill()
