"""A message reaches a web server or a file, or it is said that it did not. No Spark."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from footfall.alerts import JsonLines, Webhook, destination
from footfall.errors import FootfallError, UsageError
from support.web_server import Receiver, receiving

MESSAGE = {"text": "test a fails: größer", "state": "fails"}


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    monkeypatch.setattr(destination, "LONGEST_PAUSE_SECONDS", 0.1)
    monkeypatch.setattr(destination, "ANSWER_SECONDS", 0.3)
    with receiving() as server:
        yield server


def test_a_message_is_posted_once_with_the_token(receiver: Receiver) -> None:
    Webhook(f"{receiver.url}/hook?a=b", "s3cret").deliver(MESSAGE)
    Webhook(receiver.url).deliver(MESSAGE)
    assert receiver.posts == [("/hook?a=b", "Bearer s3cret", MESSAGE), ("/", None, MESSAGE)]


def test_a_server_that_is_busy_or_silent_is_tried_again(receiver: Receiver) -> None:
    receiver.answers = [503, None, 429]
    Webhook(receiver.url).deliver(MESSAGE)
    assert receiver.bodies == [MESSAGE] * 4


@pytest.mark.parametrize(("answer", "attempts"), [(500, 4), (404, 1), (302, 1)])
def test_a_message_that_is_not_taken_is_an_error_without_the_secret(
    receiver: Receiver, answer: int, attempts: int
) -> None:
    receiver.answers = [answer] * 9
    with pytest.raises(FootfallError, match=f"it answered {answer}") as refused:
        Webhook(f"{receiver.url}/s3cret", "t0ken").deliver(MESSAGE)
    assert len(receiver.posts) == attempts
    assert "s3cret" not in str(refused.value) and "t0ken" not in str(refused.value)
    assert refused.value.fix and refused.value.__cause__ is None


def test_a_server_that_is_not_there_is_an_error(receiver: Receiver) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(FootfallError, match=rf"127\.0\.0\.1:{port} .* no connection"):
        Webhook(f"http://127.0.0.1:{port}/s3cret").deliver(MESSAGE)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ftp://example.com", "no http or https URL"),
        ("file:///etc/passwd", "no http or https URL"),
        ("https://", "no http or https URL"),
        ("http://[::1", "no http or https URL"),
        ("example.com/hook", "no http or https URL"),
        ("https://me:s3cret@example.com", "a user or a password"),
    ],
)
def test_another_kind_of_url_is_refused(url: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as refused:
        Webhook(url)
    assert "s3cret" not in str(refused.value)


def test_a_file_gets_a_line_a_message(tmp_path: Path) -> None:
    file = JsonLines(tmp_path / "new" / "alerts.jsonl")
    file.deliver(MESSAGE)
    file.deliver(MESSAGE)
    lines = (tmp_path / "new" / "alerts.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [MESSAGE] * 2
    with pytest.raises(UsageError, match="is a folder"):
        JsonLines(tmp_path)
