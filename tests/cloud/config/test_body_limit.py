"""No body is larger than memory is lent for it, or longer under way, whatever it announces, and whoever sends it."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest

from egide.cloud.config.body_limit import ALWAYS_TAKEN, BodyLimit

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


class Held:
    """Requests to one BodyLimit whose application reads the whole body, then waits for `answer`."""

    def __init__(self, *, room: int = 1_000, within_s: float = 30) -> None:
        self.answer, self.read = asyncio.Event(), 0
        self.limit = BodyLimit(self._app, 10 * ALWAYS_TAKEN, within_s=within_s, room=room)

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        while (await receive())["more_body"]:
            pass
        self.read += 1
        await self.answer.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def ask(self, size: int, *, announced: int | None = None) -> MutableMapping[str, Any]:
        """How the answer begins."""
        told: list[MutableMapping[str, Any]] = []

        async def receive() -> MutableMapping[str, Any]:
            return {"type": "http.request", "body": b"x" * size, "more_body": False}

        async def send(message: MutableMapping[str, Any]) -> None:
            told.append(message)

        headers = [(b"content-length", str(announced).encode())] if announced is not None else []
        await self.limit({"type": "http", "headers": headers}, receive, send)
        return told[0]


def test_a_body_that_does_not_come_whole_in_its_time_is_refused() -> None:
    """408, and the connection is closed: a part and then nothing, or nothing at all."""

    async def go() -> None:
        for parts in (0, 1):
            sent, told = [b"part"] * parts, list[MutableMapping[str, Any]]()

            async def receive(sent: list[bytes] = sent) -> MutableMapping[str, Any]:
                if not sent:
                    await asyncio.Event().wait()
                return {"type": "http.request", "body": sent.pop(), "more_body": True}

            async def send(message: MutableMapping[str, Any], told: list[Any] = told) -> None:
                told.append(message)

            held = Held(within_s=0.01)
            await held.limit({"type": "http", "headers": []}, receive, send)
            assert told[0]["status"] == 408
            assert (b"connection", b"close") in told[0]["headers"]
            assert held.read == 0

    asyncio.run(go())


def test_who_has_sent_all_may_wait_for_an_answer_as_long_as_it_takes() -> None:
    """The time is that of the body: a stream listens for its reader's going long after."""

    async def go() -> None:
        gone, parts = asyncio.Event(), [{"type": "http.request", "body": b"", "more_body": False}]
        heard: list[str] = []

        async def receive() -> MutableMapping[str, Any]:
            if parts:
                return parts.pop()
            await gone.wait()
            return {"type": "http.disconnect"}

        async def app(scope: Any, receive: Any, send: Any) -> None:
            await receive()
            asyncio.get_running_loop().call_later(0.05, gone.set)
            heard.append((await receive())["type"])

        async def send(_message: MutableMapping[str, Any]) -> None:
            raise AssertionError("nobody is told anything")

        await BodyLimit(app, LIMIT, within_s=0.01)({"type": "http", "headers": []}, receive, send)
        assert heard == ["http.disconnect"]

    asyncio.run(go())


def test_all_bodies_together_have_a_room_until_they_are_answered() -> None:
    """Beyond it 503 and when to try again; a form passes meanwhile, and the room comes back."""

    async def go() -> None:
        held = Held()
        first = asyncio.ensure_future(held.ask(ALWAYS_TAKEN + 900))
        form = asyncio.ensure_future(held.ask(ALWAYS_TAKEN))
        async with asyncio.timeout(30):
            while held.read < 2:
                await asyncio.sleep(0)
            for refused in (await held.ask(ALWAYS_TAKEN + 101), await held.ask(0, announced=ALWAYS_TAKEN + 101)):
                assert refused["status"] == 503
                assert (b"retry-after", b"30") in refused["headers"]
            held.answer.set()
            assert [(await each)["status"] for each in (first, form)] == [200, 200]
            assert (await held.ask(ALWAYS_TAKEN + 1_000))["status"] == 200
            assert (await held.ask(ALWAYS_TAKEN + 1_001))["status"] == 503

    asyncio.run(go())
