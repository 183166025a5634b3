"""compose.yml: loopback ports, no secret, nothing undeclared. No container is started."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from footfall.settings import PROJECT_DIR

TEXT = (PROJECT_DIR / "compose.yml").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
# Of the Compose specification, what this file may use.
KEYS = {
    "command", "depends_on", "environment", "image", "network_mode", "ports", "restart", "user",
    "volumes",
}  # fmt: skip
SECRET = re.compile(r"PASSWORD|SECRET|TOKEN|ROOT_USER")


def test_the_services_are_those_that_the_docs_name() -> None:
    assert set(COMPOSE) <= {"name", "services", "volumes", "x-spark"}
    assert set(SERVICES) == {
        "minio", "kafka", "spark-master", "spark-worker", "thrift", "superset"
    }  # fmt: skip


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_known_keys_a_pinned_image_and_no_undeclared_part(name: str) -> None:
    service = SERVICES[name]
    assert set(service) <= KEYS
    assert re.fullmatch(r"[a-z]+/[a-z]+:[\w.-]*\d[\w.-]*", service["image"])
    assert set(service.get("depends_on", [])) <= set(SERVICES)
    volumes = [volume.partition(":")[0] for volume in service.get("volumes", [])]
    assert {name for name in volumes if name.isalnum()} <= set(COMPOSE["volumes"])


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_reached_from_this_machine_only(name: str) -> None:
    service = SERVICES[name]
    if service.get("network_mode") == "host":
        said = [*service.get("command", []), *map(str, service["environment"].values())]
        assert "ports" not in service
        assert any("127.0.0.1" in text for text in said)
    else:
        assert service["ports"]
        assert all(re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port) for port in service["ports"])


def test_secrets_are_taken_from_the_environment_and_must_be_set() -> None:
    secrets = {
        name: value
        for service in SERVICES.values()
        for name, value in service["environment"].items()
        if SECRET.search(name)
    }
    assert len(secrets) == 3
    assert {name: f"${{{name}:?}}" for name in secrets} == secrets


def test_each_variable_is_named_in_the_head_of_the_file_or_has_a_default() -> None:
    head = TEXT.partition("name: footfall")[0]
    used = re.findall(r"\$\{(\w+)(:-)?", TEXT)
    assert {name for name, default in used if not default and name not in head} == set()
