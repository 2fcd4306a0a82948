"""No body is larger than memory is lent for it, whatever it announces, and whoever sends it."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest

from egide.cloud.config.body_limit import BodyLimit

LIMIT = 1_000


class Sent:
    """One request to an application that reads the whole body, then answers with its length."""

    def __init__(self, parts: list[bytes], *, announced: str = "", kind: str = "http") -> None:
        self.parts = [
            {"type": "http.request", "body": body, "more_body": n < len(parts) - 1} for n, body in enumerate(parts)
        ]
        self.headers = [(b"content-length", announced.encode())] if announced else []
        self.kind, self.read, self.answers = kind, 0, list[MutableMapping[str, Any]]()

    async def receive(self) -> MutableMapping[str, Any]:
        self.read += 1
        return self.parts[self.read - 1]

    async def send(self, message: MutableMapping[str, Any]) -> None:
        self.answers.append(message)

    def run(self) -> int:
        """The status."""

        async def app(scope: Any, receive: Any, send: Any) -> None:
            size, more = 0, True
            while more:
                message = await receive()
                size, more = size + len(message["body"]), message["more_body"]
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": str(size).encode()})

        scope = {"type": self.kind, "headers": self.headers}
        asyncio.run(BodyLimit(app, LIMIT)(scope, self.receive, self.send))
        return int(self.answers[0]["status"])


@pytest.mark.parametrize("parts", [[b""], [b"x" * LIMIT], [b"x" * 600, b"x" * 400]])
def test_what_fits_passes_whole(parts: list[bytes]) -> None:
    """To the last byte of the limit, in one part or several."""
    sent = Sent(parts, announced=str(sum(map(len, parts))))
    assert sent.run() == 200
    assert sent.answers[1]["body"] == str(sum(map(len, parts))).encode()


def test_what_announces_too_much_is_not_read_at_all() -> None:
    """The answer comes before the first byte is asked for."""
    sent = Sent([b"x" * 10], announced=str(LIMIT + 1))
    assert sent.run() == 413
    assert sent.read == 0


@pytest.mark.parametrize("announced", ["", "10", "-5", "many"])
def test_what_sends_more_than_it_said_is_stopped_there(announced: str) -> None:
    """In chunks without a length, or with a lie: no part beyond the limit is taken."""
    sent = Sent([b"x" * 400] * 100, announced=announced)
    assert sent.run() == 413
    assert sent.read == 3
    assert sent.answers[1]["body"].startswith(b"egide: too-large")


def test_other_kinds_of_connection_pass() -> None:
    """Only requests have bodies."""
    assert Sent([b"x" * (LIMIT + 1)], kind="lifespan").run() == 200
