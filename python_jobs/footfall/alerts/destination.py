"""Where alerts go: a webhook, or a file of JSON lines."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import requests
from pydantic import SecretStr
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from footfall.errors import FootfallError, UsageError
from footfall.settings import Settings

ATTEMPTS = 4
LONGEST_PAUSE_SECONDS = 8.0
CONNECT_SECONDS, ANSWER_SECONDS = 5.0, 10.0
TRY_AGAIN = (408, 425, 429)
"""Answers, beside those from 500 on, after which another attempt may succeed."""


class Destination(Protocol):
    """Where alerts go.

    Attributes:
        name: tells destinations apart in ``dq_alerts``; holds no secret.
    """

    name: str

    def deliver(self, message: Mapping[str, Any]) -> None:
        """Hand a message over.

        Raises:
            FootfallError: it did not arrive.
        """


class JsonLines:
    """A file to which each message is appended as a line of JSON."""

    def __init__(self, file: Path) -> None:
        self.file = file.expanduser().absolute()
        self.name = f"file {self.file}"
        if self.file.is_dir():
            raise UsageError(f"{self.file} is a folder.", "Name a file, such as alerts.jsonl.")

    def deliver(self, message: Mapping[str, Any]) -> None:
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            with self.file.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps(message, ensure_ascii=False) + "\n")
        except OSError as error:
            raise FootfallError(
                f"{self.file} cannot be written: {error.strerror}.",
                "Name a file in a folder that you can write to.",
            ) from error


class _Undelivered(Exception):
    """An attempt that is worth another."""


class Webhook:
    """An address that takes a message as JSON by POST.

    Redirects are not followed, and no message quotes the address beyond its host: with many
    services the rest is the secret.

    Args:
        url: http or https, without user and password.
        token: sent as ``Authorization: Bearer``.

    Raises:
        UsageError: the URL is of another kind.
    """

    def __init__(self, url: str, token: str | None = None) -> None:
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            raise _no_webhook() from None
        if parts.scheme not in ("http", "https") or not host:
            raise _no_webhook()
        if parts.username or parts.password:
            raise UsageError(
                "The webhook's URL holds a user or a password.",
                "Leave them out and set FOOTFALL_ALERT_TOKEN, which is sent as a bearer token.",
            )
        self.url = url
        self.name = f"webhook {host}" + (f":{port}" if port else "")
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}

    def deliver(self, message: Mapping[str, Any]) -> None:
        attempts = Retrying(
            stop=stop_after_attempt(ATTEMPTS),
            wait=wait_random_exponential(multiplier=0.5, max=LONGEST_PAUSE_SECONDS),
            retry=retry_if_exception_type(_Undelivered),
            reraise=True,
        )
        try:
            attempts(self._post, message)
        except _Undelivered as undelivered:
            raise FootfallError(
                f"The {self.name} took no message in {ATTEMPTS} attempts: {undelivered}.",
                "Run the command again when it answers: what was not delivered is sent then.",
            ) from None

    def _post(self, message: Mapping[str, Any]) -> None:
        try:
            answer = requests.post(
                self.url,
                json=message,
                headers=self.headers,
                timeout=(CONNECT_SECONDS, ANSWER_SECONDS),
                allow_redirects=False,
            )
        except requests.Timeout:
            raise _Undelivered("no answer in time") from None
        except requests.RequestException as error:
            raise _Undelivered(f"no connection ({type(error).__name__})") from None
        if answer.status_code in TRY_AGAIN or answer.status_code >= 500:
            raise _Undelivered(f"it answered {answer.status_code}")
        if not answer.ok or answer.is_redirect:
            raise FootfallError(
                f"The {self.name} refused a message: it answered {answer.status_code}.",
                "Correct the webhook's URL, or FOOTFALL_ALERT_TOKEN.",
            )


def destination_of(
    settings: Settings, webhook: str | None = None, file: Path | None = None
) -> Destination | None:
    """Return where alerts go: what is named, else FOOTFALL_ALERT_WEBHOOK; None where neither is.

    Args:
        settings: has the webhook that is a secret, and its token.
        webhook: an http(s) URL that takes JSON.
        file: gets a line of JSON a message.

    Raises:
        UsageError: both are named, or the webhook is no URL.
    """
    if webhook and file:
        raise UsageError("A webhook and a file exclude each other.", "Call the command for each.")
    if file:
        return JsonLines(file)
    url = webhook or _revealed(settings.alert_webhook)
    return Webhook(url, _revealed(settings.alert_token)) if url else None


def _revealed(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None


def _no_webhook() -> UsageError:
    return UsageError(
        "The webhook is no http or https URL.", "Write it as https://example.com/hook."
    )
