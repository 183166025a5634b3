"""A topic's messages come to bronze once each, however often ingestion and broker are killed."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from footfall.erase.person import Identifier, in_poison
from footfall.errors import UsageError
from footfall.ingest import Mapping, Topic
from footfall.ingest.kafka import plan_of_messages, starting_offsets
from footfall.ingest.read import SESSION_CONF, read_messages
from footfall.project.contracts import get_contract
from footfall.spark.conf import temporary_conf
from support.delta_files import read_table
from support.kafka_broker import PASSWORD, Broker, login, needs_broker, running_broker
from support.main_job import environment, finished, rows_of_tables, start
from support.thorough import only_thorough

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

MESSAGES = int(os.environ.get("FOOTFALL_KAFKA_MESSAGES", "20000"))
STREAM_SECONDS = int(os.environ.get("FOOTFALL_STREAM_SECONDS", "90"))
PARTITIONS, KILLS = 4, 3
ENTITY, TOPIC = "product.interactions", "interactions"
POISON = ("no json", '{"user_id": ', "[1, 2]", "7", '{"event_time": "yesterday", "user_id": "U"}')
"""The last is JSON with a value that is no time."""
COLUMNS = ("event_time", "user_id", "product_id", "interaction_type")


def message(number: int, rng: random.Random, entity: str = ENTITY) -> str:
    """Return a message; one in a hundred is poison, one in fifty repeats an earlier one."""
    if rng.random() < 0.01:
        return rng.choice(POISON)
    if rng.random() < 0.02:
        number = rng.randrange(max(1, number))
    seconds = number * 7 % 86_400
    row = {
        "event_time": f"2025-08-{1 + number % 3:02d}T{seconds // 3600:02d}:"
        f"{seconds // 60 % 60:02d}:{seconds % 60:02d}Z",
        "user_id": f"U{number % 500}",
    }
    if entity == ENTITY:
        row["product_id"] = f"P{number % 50}"
        row["interaction_type"] = ("view", "click", "purchase")[number % 3]
    else:
        row["action_type"] = ("page_view", "search")[number % 2]
        row["page_id"] = f"page {number % 20}"
    return json.dumps(row)


def key(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row[column] for column in COLUMNS[1:])


def read(home: Path, broker: Broker, *more: str) -> subprocess.Popen[str]:
    topic = ("ingest", ENTITY, "--kafka", broker.server, "--topic", TOPIC)
    return start([*topic, *more], environment(home, FOOTFALL_TINY_TABLES="true"))


def loads_of(home: Path) -> int:
    commits = home.glob("warehouse/footfall_bronze.db/product__interactions/_delta_log/*.json")
    return len(list(commits))


@pytest.mark.parametrize(
    ("servers", "topic"), [("host", "t"), ("host:9092;x", "t"), ("host:9092", "a b"), ("", "t")]
)
def test_what_names_no_server_or_topic_is_refused(servers: str, topic: str) -> None:
    with pytest.raises(UsageError):
        Topic(servers, topic)


VALUES: tuple[tuple[bytes | None, str | None], ...] = (
    (
        b'{"event_time": "2025-08-01T10:00:00Z", "user_id": "U", "product_id": "P",'
        b' "interaction_type": "view", "more": {"a": 1}}',
        None,
    ),
    (b"no json", "row_unreadable: 'no json'"),
    (b'{"user_id": ', "row_unreadable: '{\"user_id\": '"),
    (b"[1, 2]", "row_unreadable: '[1, 2]'"),
    (b"\xff{}", "row_unreadable: '\ufffd{}'"),
    (None, "row_unreadable: ''"),
    (b'{"event_time": "yesterday", "user_id": "U"}', "event_time_unreadable: 'yesterday'"),
)
"""Values of messages, and what is wrong with each."""


def test_a_message_is_a_row_whatever_its_value_is(spark: SparkSession) -> None:
    contract = get_contract(ENTITY)
    messages = spark.createDataFrame(
        [
            ("t", 3, offset, b"k", value, datetime(2025, 8, 1, 12), [("h", b"1")])
            for offset, (value, _) in enumerate(VALUES)
        ],
        "topic string, partition int, offset bigint, key binary, value binary, "
        "timestamp timestamp, headers array<struct<key string, value binary>>",
    )
    with temporary_conf(spark, SESSION_CONF):
        plan = plan_of_messages(TOPIC, contract, Mapping())
        read_rows = read_messages(messages, plan, contract, Mapping())
        rows = read_rows.selectExpr("*", "unix_seconds(event_time) as seconds").collect()
    assert [row["_source_file"] for row in rows] == [f"kafka:t/3/{n}" for n in range(len(VALUES))]
    assert [row["_ingest_errors"] and row["_ingest_errors"][0] for row in rows] == [
        wrong for _, wrong in VALUES
    ]
    first = rows[0]
    assert (first["user_id"], first["product_id"], first["interaction_type"]) == ("U", "P", "view")
    assert first["seconds"] == datetime(2025, 8, 1, 10, tzinfo=timezone.utc).timestamp()
    assert bytes(first["_kafka"]["key"]) == b"k"
    kept = [row["_kafka"]["value"] and bytes(row["_kafka"]["value"]) for row in rows]
    assert kept == [None, *(value for value, _ in VALUES[1:-1]), None]


MESSAGES_THAT_NAME = (
    ((b"U1", b"no json"), True),
    ((b"k", b"-" * 200 + b'{"user_id": "U1"'), True),
    ((b"k", b"\xff U1"), True),
    ((b"k", b"U10, x.U1 or U1-b"), False),
    ((b"U1", None), False),
    ((None, b""), False),
)


def test_an_erasure_finds_a_message_that_could_not_be_read(spark: SparkSession) -> None:
    rows = spark.createDataFrame(
        [((key, value),) for (key, value), _ in MESSAGES_THAT_NAME],
        "_kafka struct<key: binary, value: binary>",
    )
    found = rows.select(in_poison("_kafka", Identifier("user", "U1").literals())).collect()
    assert [row[0] for row in found] == [is_named for _, is_named in MESSAGES_THAT_NAME]


@only_thorough
@needs_broker
@pytest.mark.timeout(3600)
def test_each_message_is_in_bronze_once_however_often_readers_and_broker_are_killed(
    tmp_path: Path,
) -> None:
    rng, home = random.Random(7), tmp_path / "home"
    sent = [message(number, rng) for number in range(MESSAGES)]
    part = MESSAGES // (KILLS + 1)
    with running_broker(tmp_path / "broker") as broker:
        broker.create_topic(TOPIC, PARTITIONS)
        for kill in range(KILLS):
            broker.send(TOPIC, sent[kill * part : (kill + 1) * part])
            before = loads_of(home)
            job = read(home, broker, "--every", "1s")
            deadline = time.monotonic() + 300
            while loads_of(home) == before:
                assert job.poll() is None, job.stdout and job.stdout.read()
                assert time.monotonic() < deadline
                time.sleep(0.1)
            time.sleep(rng.random() * 3)
            job.send_signal(signal.SIGKILL)
            job.wait()
            if kill == 1:
                broker.kill()
                broker.restart()
        broker.send(TOPIC, sent[KILLS * part :])
        job = read(home, broker, "--until-caught-up", "--json")
        finished(job)
        # A reader that is asked to end does so, with nothing left to load.
        job = read(home, broker, "--every", "1s")
        time.sleep(25)
        job.send_signal(signal.SIGTERM)
        assert f"0 messages of topic {TOPIC} loaded" in finished(job)

    [folder] = home.glob("warehouse/footfall_bronze.db/product__interactions")
    table = read_table(folder)
    assert table is not None
    rows = list(table.records())
    assert len(rows) == len({row["_source_file"] for row in rows}) == MESSAGES
    good = [row for row in rows if not row["_ingest_errors"]]
    bad = [row for row in rows if row["_ingest_errors"]]
    poison = Counter(text for text in sent if text in POISON)
    assert len(bad) == sum(poison.values()) > 0
    unreadable = Counter(row["_kafka"]["value"] for row in bad if row["_kafka"]["value"])
    assert unreadable == {
        text.encode(): number for text, number in poison.items() if text != POISON[-1]
    }
    expected = Counter(key(json.loads(text)) for text in sent if text not in POISON)
    assert Counter(map(key, good)) == expected


def test_a_new_checkpoint_begins_behind_what_was_loaded() -> None:
    assert json.loads(starting_offsets("t", [0, 1, 2], {0: 7, 2: 1})) == {
        "t": {"0": 7, "1": -2, "2": 1}
    }


RESTORE = """
from footfall.spark.session import get_session
get_session().sql("restore table footfall_bronze.product__interactions to version as of {version}")
"""


@only_thorough
@needs_broker
@pytest.mark.timeout(1800)
def test_messages_are_read_once_without_the_checkpoint_and_again_after_a_restore(
    tmp_path: Path,
) -> None:
    rng, home = random.Random(5), tmp_path / "home"
    sent = [message(number, rng) for number in range(300)]

    def catch_up(*more: str) -> str:
        return finished(read(home, broker, "--until-caught-up", *more))

    def in_bronze() -> Counter[str]:
        [folder] = home.glob("warehouse/footfall_bronze.db/product__interactions")
        table = read_table(folder)
        assert table is not None
        return Counter(row["_source_file"] for row in table.records())

    with running_broker(tmp_path / "broker") as broker:
        broker.create_topic(TOPIC, PARTITIONS)
        broker.send(TOPIC, sent[:100])
        assert "100 messages" in catch_up()
        version = loads_of(home) - 1
        shutil.rmtree(home / "ingest")
        broker.send(TOPIC, sent[100:])
        assert "200 messages" in catch_up()
        once = in_bronze()
        assert set(once.values()) == {1}
        assert once.total() == len(sent)

        restore = RESTORE.format(version=version)
        own = environment(home, FOOTFALL_TINY_TABLES="true")
        subprocess.run([sys.executable, "-c", restore], env=own, check=True)
        assert in_bronze().total() == 100
        assert "200 messages" in catch_up()
        assert in_bronze() == once
        assert "0 messages" in catch_up()
        assert "300 messages" in catch_up("--from-earliest")
        assert in_bronze() == Counter(dict.fromkeys(once, 2))


@only_thorough
@needs_broker
@pytest.mark.timeout(900)
def test_a_broker_with_tls_and_passwords_is_read_by_settings_of_the_environment(
    tmp_path: Path,
) -> None:
    rng, home = random.Random(3), tmp_path / "home"
    sent = [message(number, rng) for number in range(200)]
    with running_broker(tmp_path / "broker", secured=True) as broker:
        broker.create_topic(TOPIC, PARTITIONS)
        broker.send(TOPIC, sent)
        command = ["ingest", ENTITY, "--kafka", broker.server, "--topic", TOPIC]
        settings = {
            "FOOTFALL_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "FOOTFALL_KAFKA_SASL_MECHANISM": "PLAIN",
            "FOOTFALL_KAFKA_SASL_JAAS_CONFIG": f"{login()};",
            "FOOTFALL_KAFKA_TRUSTSTORE": str(broker.folder / "ca.pem"),
            "FOOTFALL_TINY_TABLES": "true",
        }
        for wrong in (
            {"FOOTFALL_KAFKA_SASL_JAAS_CONFIG": f"{login('not-this-one')};"},
            {"FOOTFALL_KAFKA_TRUSTSTORE": ""},
        ):
            own = environment(home, **settings | wrong)
            refused = start([*command, "--until-caught-up"], own)
            output, _ = refused.communicate(timeout=300)
            assert refused.returncode == 1, output
            assert f"Topic {TOPIC} of {broker.server}" in output
            assert "not-this-one" not in output
            assert PASSWORD not in output
        told = finished(start([*command, "--until-caught-up"], environment(home, **settings)))
        assert f"{len(sent)} messages of topic {TOPIC} loaded" in told


ENTITIES = {ENTITY: TOPIC, "app.interactions": "app"}
OF_A_TURN, OF_A_STREAM = "turns.jsonl", {"_kafka"}
OF_LOADS = ("dq_backfills", "dq_load_reconciliation")
"""They tell how the rows came."""
OPTIMIZE = """
import time
from footfall.spark.conflicts import run_statement
from footfall.spark.session import get_session

for _ in range(3):
    for table in ("footfall_bronze.product__interactions", "footfall_gold.fct_sessions"):
        run_statement(get_session(), f"optimize {table}")
    time.sleep(5)
"""


@only_thorough
@needs_broker
@pytest.mark.timeout(3600)
def test_turns_over_topics_beside_a_backfill_and_optimize_equal_one_load_of_files(
    tmp_path: Path,
) -> None:
    rng, home, whole = random.Random(11), tmp_path / "home", tmp_path / "whole"
    sent = {
        entity: [message(number, rng, entity) for number in range(MESSAGES // 2)]
        for entity in ENTITIES
    }
    parts = max(3, STREAM_SECONDS // 30)
    own = environment(home, FOOTFALL_TINY_TABLES="true", FOOTFALL_KAFKA="true")

    def loaded() -> int:
        file = home / OF_A_TURN
        lines = file.read_text().splitlines() if file.exists() else []
        return sum(sum(json.loads(line)["messages"].values()) for line in lines)

    with running_broker(tmp_path / "broker") as broker:
        topics = [f"--topic={entity}={topic}" for entity, topic in ENTITIES.items()]
        for topic in ENTITIES.values():
            broker.create_topic(topic, PARTITIONS)
        finished(start(["metastore", "start"], own))
        turns = start(["run", "--kafka", broker.server, *topics, "--every", "30s"], own)
        beside: list[subprocess.Popen[str]] = []
        try:
            for part in range(parts):
                for entity, topic in ENTITIES.items():
                    broker.send(topic, sent[entity][part::parts])
                time.sleep(STREAM_SECONDS / parts)
                if part == 1:
                    wait_until(lambda: loaded() > 0, turns)
                    days = ["--start", "2025-08-01", "--end", "2025-08-03"]
                    beside.append(start(["backfill", *days], own))
                    beside.append(
                        subprocess.Popen(
                            [sys.executable, "-c", OPTIMIZE], env=own, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                        )
                    )  # fmt: skip
            for job in beside:
                finished(job)
            wait_until(lambda: loaded() == sum(map(len, sent.values())), turns)
        finally:
            turns.send_signal(signal.SIGTERM)
        told = finished(turns)
        assert "failed" not in told, told
        finished(start(["metastore", "stop"], own))

    for entity, messages in sent.items():
        file = tmp_path / f"{entity}.jsonl"
        file.write_text("".join(f"{text}\n" for text in messages))
        finished(start(["ingest", entity, str(file)], environment(whole)))
    finished(start(["run", "--landing", str(empty_landing(tmp_path))], environment(whole)))
    expected = rows_of_tables(whole / "warehouse", OF_A_STREAM)
    found = rows_of_tables(home / "warehouse", OF_A_STREAM)
    different = [name for name, rows in expected.items() if rows != found.get(name)]
    assert [name for name in different if not name.endswith(OF_LOADS)] == []


def empty_landing(folder: Path) -> Path:
    landing = folder / "landing"
    (landing / "product" / "interactions").mkdir(parents=True)
    return landing


def wait_until(holds: Callable[[], bool], job: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 900
    while not holds():
        assert job.poll() is None, job.stdout and job.stdout.read()
        assert time.monotonic() < deadline
        time.sleep(0.5)
