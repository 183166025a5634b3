"""What Kafka's client is told by the environment."""

from __future__ import annotations

import pytest

from footfall.ingest.kafka import security_options


def test_security_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert security_options() == {}
    monkeypatch.setenv("FOOTFALL_KAFKA_SECURITY_PROTOCOL", "SASL_SSL")
    monkeypatch.setenv("FOOTFALL_KAFKA_TRUSTSTORE", "/etc/ca.pem")
    monkeypatch.setenv("FOOTFALL_KAFKA_KEYSTORE", "/etc/client.p12")
    monkeypatch.setenv("FOOTFALL_KAFKA_KEYSTORE_PASSWORD", "")
    assert security_options() == {
        "kafka.security.protocol": "SASL_SSL",
        "kafka.ssl.truststore.location": "/etc/ca.pem",
        "kafka.ssl.truststore.type": "PEM",
        "kafka.ssl.keystore.location": "/etc/client.p12",
    }
