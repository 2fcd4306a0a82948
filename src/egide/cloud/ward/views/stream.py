"""Live pages: one stream of events per browser, for all its tabs (server-sent events)."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from asgiref.sync import sync_to_async
from django.db import close_old_connections, connection
from django.http import HttpRequest, StreamingHttpResponse
from django.views.decorators.http import require_safe

from egide.cloud.people.models import Account
from egide.cloud.portal import live
from egide.cloud.portal.subject import Subject, reader_of, subjects_of
from egide.cloud.release.deciding import Ask
from egide.cloud.release.stream import begin_watches
from egide.cloud.signin.sessions import UNTIL, number_of
from egide.cloud.ward.hub import CLOSED, END, Hub, Stream, Told
from egide.errors import MalformedError

__all__ = ["HUB", "stream"]

EVERY_S: Final = 0.4
_BEAT_S: Final = 15.0
_MOST: Final = 60  # patients in one stream
_EVER_MS: Final = 2**53
_RETRY_MS: Final = 5_000

#: The streams of this process, and the one thread that looks for all of them.
HUB: Final = Hub()
_thread = ThreadPoolExecutor(1, thread_name_prefix="live")
_looking: asyncio.Task[None] | None = None


@require_safe
def stream(request: HttpRequest) -> StreamingHttpResponse:
    """Events about the patients named by `p`: "news" (ask the page again), "closed" (no longer yours to see), "end".

    No event carries a measurement. Each beginning and end is in each patient's journal; a patient whom the door refuses
    is told as closed at once.

    Raises:
        AccessDeniedError: nobody is signed in. MalformedError: no patient, too many, or not an id.
    """
    reader = reader_of(request)
    asks = _asks(request, _patients(request))
    body = _events(number_of(request.session.session_key), reader, request.session.get(UNTIL), asks)
    response = StreamingHttpResponse(body, content_type="text/event-stream; charset=utf-8")
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"
    return response


def _patients(request: HttpRequest) -> list[uuid.UUID]:
    named = request.GET.getlist("p")
    if not 0 < len(named) <= _MOST:
        raise MalformedError("a stream is about 1 to 60 patients")
    try:
        return list(dict.fromkeys(uuid.UUID(text) for text in named))
    except ValueError as err:
        raise MalformedError("a patient is named by an id") from err


def _asks(request: HttpRequest, patients: list[uuid.UUID]) -> dict[uuid.UUID, Ask | None]:
    """What the stream asks of each record; None where there is none."""
    subjects = subjects_of(request, patients)
    return {patient: _ask(subjects[patient]) if patient in subjects else None for patient in patients}


def _ask(subject: Subject) -> Ask:
    return Ask(
        reader=subject.reader, patient=subject.patient, since_ms=0, until_ms=_EVER_MS, purpose=subject.purpose,
        channel="stream",
    )  # fmt: skip


async def _events(
    session: uuid.UUID | None, reader: Account, until_ms: int | None, asks: dict[uuid.UUID, Ask | None]
) -> AsyncIterator[bytes]:
    """The body. It waits in the event loop; what needs the database runs in a thread.

    The watches begin here and not before: a body that nobody ever read began none, so that each has its end.
    """
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[Told] = asyncio.Queue()

    def tell(told: Told) -> None:
        loop.call_soon_threadsafe(queue.put_nowait, told)

    mine = Stream(session=session, account=reader, until_ms=until_ms, watches={}, tell=tell)
    try:
        refused = await sync_to_async(_begin)(mine, asks)
        _ensure_looking(loop)
        yield f"retry: {_RETRY_MS}\nevent: ready\ndata:\n\n".encode()
        for patient in refused:
            yield _line(Told(CLOSED, str(patient)))
        while True:
            try:
                told = await asyncio.wait_for(queue.get(), _BEAT_S)
            except TimeoutError:
                yield b":\n\n"  # so that a browser that is gone is noticed
                continue
            yield _line(told)
            if told.kind == END:
                return
    finally:
        # Fire and forget: the browser is gone and this task may be cancelled, the journal must still be written.
        loop.run_in_executor(_thread, _leave, mine)


def _begin(mine: Stream, asks: dict[uuid.UUID, Ask | None]) -> list[uuid.UUID]:
    """Begin the watches that the door allows; the others, in the order asked. Ended at once when the page is gone."""
    allowed = {patient: ask for patient, ask in asks.items() if ask is not None}
    try:
        begun = begin_watches(list(allowed.values()), now_ms=live.now_ms())
        mine.watches.update((p, watch) for p, watch in zip(allowed, begun, strict=True) if watch is not None)
        refused = [patient for patient in asks if patient not in mine.watches]
        HUB.join(mine)
        if mine.left:
            HUB.leave(mine, why="page-closed", now_ms=live.now_ms())
        return refused
    finally:
        _let_go()


def _line(told: Told) -> bytes:
    return f"event: {told.kind}\ndata: {told.patient}\n\n".encode()


def _leave(mine: Stream) -> None:
    try:
        HUB.leave(mine, why="page-closed", now_ms=live.now_ms())
    finally:
        _let_go()


def _let_go() -> None:
    """A page that only waits holds no connection to the database."""
    if not connection.in_atomic_block:
        connection.close()


def _ensure_looking(loop: asyncio.AbstractEventLoop) -> None:
    global _looking
    if _looking is None or _looking.done() or _looking.get_loop() is not loop:
        _looking = loop.create_task(_look_while_anybody_waits(loop))


async def _look_while_anybody_waits(loop: asyncio.AbstractEventLoop) -> None:
    while len(HUB):
        with contextlib.suppress(Exception):  # what a look meets, the next look meets again
            await loop.run_in_executor(_thread, _look)
        await asyncio.sleep(EVERY_S)


def _look() -> None:
    try:
        HUB.look(now_ms=live.now_ms())
    finally:
        if not connection.in_atomic_block:
            close_old_connections()
