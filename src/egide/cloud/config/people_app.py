"""The people's pages, answered by a few threads that last; streams wait in the event loop.

Django's own ASGI handler gives each request a thread of its own, and so a connection to the database of its own, and
crosses between the loop and that thread at each middleware. Here a request is read whole, answered from one end to the
other in one of THREADS threads, and sent by the loop: a slow sender or reader holds no thread.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from asgiref.sync import ThreadSensitiveContext
from django.core import signals
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, ASGIRequest, get_script_prefix
from django.core.handlers.base import BaseHandler
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import set_script_prefix

__all__ = ["THREADS", "PeopleHandler"]

#: More would only wait for each other: they share one interpreter.
THREADS: Final = 4

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]


class PeopleHandler(ASGIHandler):
    """An ASGI application. Middleware and views run as under WSGI; an answer may still stream asynchronously."""

    def __init__(self, threads: int = THREADS) -> None:
        BaseHandler.__init__(self)
        self.load_middleware(is_async=False)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="page")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; one that goes away before it is sent is answered to nobody."""
        if scope["type"] != "http":
            raise ValueError("people come by HTTP")
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        with body:
            request, refused = self.create_request(scope, body)
            if request is None:
                assert refused is not None
                await self.send_response(refused, send)
                return
            loop = asyncio.get_running_loop()
            response = await loop.run_in_executor(self._threads, self._answer, request)
            await _until_gone(self._send(response, send), receive)

    def _answer(self, request: ASGIRequest) -> HttpResponseBase:
        """In a thread: its connection to the database is let go or kept as settings say."""
        set_script_prefix(get_script_prefix(request.scope))
        signals.request_started.send(sender=self.__class__, scope=request.scope)
        try:
            response = self.get_response(request)
            if isinstance(response, StreamingHttpResponse) and not response.is_async:
                return _whole(response)
            return response
        finally:
            signals.request_finished.send(sender=self.__class__)

    async def _send(self, response: HttpResponseBase, send: Send) -> None:
        if not response.streaming:
            await self.send_response(response, send)
            return
        async with ThreadSensitiveContext():  # what a stream asks of the database waits for no other stream
            await self.send_response(response, send)


def _whole(response: StreamingHttpResponse) -> HttpResponse:
    """A file, read in the thread that found it."""
    with contextlib.closing(response):
        whole = HttpResponse(b"".join(response), status=response.status_code, headers=dict(response.items()))
    whole.cookies = response.cookies
    return whole


async def _until_gone(sending: Awaitable[None], receive: Receive) -> None:
    """Send until the end, or until whoever asked is gone."""
    tasks = [asyncio.ensure_future(sending), asyncio.ensure_future(receive())]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        done = tasks[0].done()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    if done:
        tasks[0].result()
