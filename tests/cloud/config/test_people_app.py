"""People are answered by a few lasting threads, and whoever is slow holds none of them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import path

from egide.cloud.config.people_app import PeopleHandler

PATIENCE_S = 30


async def _ticks(ended: threading.Event) -> AsyncIterator[bytes]:
    try:
        while True:
            yield b"tick"
            await asyncio.sleep(0)
    finally:
        ended.set()


class Views:
    """Pages of this test; `urlpatterns` makes it a URL configuration."""

    def __init__(self) -> None:
        self.threads: list[int] = []
        self.ended = threading.Event()
        self.urlpatterns = [
            path("page", self.page), path("file", self.file), path("stream", self.stream), path("broken", self.broken),
        ]  # fmt: skip

    def page(self, request: HttpRequest) -> HttpResponse:
        self.threads.append(threading.get_ident())
        answer = HttpResponse(request.body + request.META.get("HTTP_X_FORWARDED_FOR", "").encode())
        answer.set_cookie("seen", "1")
        return answer

    def file(self, _request: HttpRequest) -> HttpResponseBase:
        answer = StreamingHttpResponse(iter([b"one ", b"two"]), headers={"X-Kind": "file"})
        answer.set_cookie("seen", "1")
        return answer

    def stream(self, _request: HttpRequest) -> HttpResponseBase:
        return StreamingHttpResponse(_ticks(self.ended))

    def broken(self, _request: HttpRequest) -> HttpResponse:
        raise RuntimeError("a value that nobody should read")


@pytest.fixture
def views(settings: Any) -> Views:
    made = Views()
    settings.ROOT_URLCONF = made
    settings.MIDDLEWARE = []
    return made


class Browser:
    """One request to the application; its last part waits for `more`, and it stays until `gone`."""

    def __init__(self, app: PeopleHandler, address: str, *parts: bytes, headers: Mapping[str, str] = {}) -> None:
        self._app, self._parts = app, list(parts or (b"",))
        self._scope = {
            "type": "http", "method": "POST", "path": address, "query_string": b"", "http_version": "1.1",
            "headers": [(b"host", b"testserver"), *((k.encode(), v.encode()) for k, v in headers.items())],
        }  # fmt: skip
        self.told: list[Mapping[str, Any]] = []
        self.more, self.gone = asyncio.Event(), asyncio.Event()
        self.more.set()

    async def _receive(self) -> Mapping[str, Any]:
        if not self._parts:
            await self.gone.wait()
            return {"type": "http.disconnect"}
        body = self._parts.pop(0)
        if not self._parts:
            await self.more.wait()
        return {"type": "http.request", "body": body, "more_body": bool(self._parts)}

    async def _send(self, message: Mapping[str, Any]) -> None:
        self.told.append(message)

    async def ask(self) -> None:
        async with asyncio.timeout(PATIENCE_S):
            await self._app(self._scope, self._receive, self._send)

    @property
    def status(self) -> int:
        return int(self.told[0]["status"])

    @property
    def headers(self) -> dict[bytes, bytes]:
        return dict(self.told[0]["headers"])

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.told[1:])


async def _until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not true():
            await asyncio.sleep(0)


def test_the_same_threads_answer_again_and_again(views: Views) -> None:
    """And so their connections serve again."""
    app = PeopleHandler(threads=2)

    async def go() -> None:
        for _ in range(4):
            await asyncio.gather(*(Browser(app, "/page").ask() for _ in range(5)))

    asyncio.run(go())
    assert len(views.threads) == 20
    assert len(set(views.threads)) <= 2


def test_whoever_sends_slowly_holds_no_thread(views: Views) -> None:
    """With one thread, another is answered while the first still sends; then the first is, whole."""
    app = PeopleHandler(threads=1)

    async def go() -> None:
        slow, other = Browser(app, "/page", b"first ", b"then"), Browser(app, "/page", b"other")
        slow.more.clear()
        waiting = asyncio.ensure_future(slow.ask())
        await other.ask()
        assert (other.status, other.body) == (200, b"other")
        assert not waiting.done()
        slow.more.set()
        await waiting
        assert slow.body == b"first then"

    asyncio.run(go())


def test_a_file_comes_whole_with_its_headers_and_cookies(views: Views) -> None:
    async def go() -> None:
        browser = Browser(PeopleHandler(threads=1), "/file")
        await browser.ask()
        assert (browser.status, browser.body) == (200, b"one two")
        assert browser.headers[b"X-Kind"] == b"file"
        assert browser.headers[b"Set-Cookie"].startswith(b"seen=1")

    asyncio.run(go())


def test_a_stream_ends_when_its_reader_goes_and_holds_no_thread_meanwhile(views: Views) -> None:
    app = PeopleHandler(threads=1)

    async def go() -> None:
        watching, other = Browser(app, "/stream"), Browser(app, "/page", b"other")
        waiting = asyncio.ensure_future(watching.ask())
        await _until(lambda: b"tick" in watching.body)
        await other.ask()
        assert other.body == b"other"
        assert not views.ended.is_set()
        watching.gone.set()
        await waiting

    asyncio.run(go())
    assert views.ended.wait(PATIENCE_S)


def test_a_header_with_an_underscore_is_nobodys(views: Views) -> None:
    """It would read as the one with a hyphen, which a front sets or removes."""

    async def go() -> None:
        browser = Browser(PeopleHandler(threads=1), "/page", headers={"x_forwarded_for": "192.0.2.1"})
        await browser.ask()
        assert browser.body == b""

    asyncio.run(go())


def test_what_breaks_says_nothing_of_why(views: Views, settings: Any) -> None:
    settings.DEBUG = False

    async def go() -> None:
        browser = Browser(PeopleHandler(threads=1), "/broken")
        await browser.ask()
        assert browser.status == 500
        assert b"nobody" not in browser.body

    asyncio.run(go())


def test_whoever_goes_before_having_asked_is_not_answered(views: Views) -> None:
    async def go() -> None:
        browser = Browser(PeopleHandler(threads=1), "/page")
        browser._parts.clear()
        browser.gone.set()
        await browser.ask()
        assert browser.told == []

    asyncio.run(go())
    assert views.threads == []


def test_only_http_comes(views: Views) -> None:
    async def go() -> None:
        browser = Browser(PeopleHandler(threads=1), "/page")
        browser._scope["type"] = "websocket"
        await browser.ask()

    with pytest.raises(ValueError, match="HTTP"):
        asyncio.run(go())
