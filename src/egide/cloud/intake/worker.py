"""The intake worker: what waits at the broker and what comes by HTTPS go through one pipeline, in one thread.

The broker's message is acknowledged after the commit. While a batch is worked on, the next one arrives and the last
one's answers leave.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from django.db import connection
from nats.aio.client import Client
from nats.aio.msg import Msg

from egide import cbor
from egide.cloud.fleet.broker.secrets import BrokerSecrets
from egide.cloud.fleet.broker.stream import Inlet, Waiting, connect
from egide.cloud.intake.pipeline import Answer, Pipeline
from egide.cloud.intake.steps import Incoming
from egide.errors import EgideError, MalformedError, UnavailableError
from egide.trust.limits import LIMITS

__all__ = ["HTTP_SUBJECT", "Worker", "calm_collector", "run_intake"]

HTTP_SUBJECT: Final = "intake.http"
BATCH: Final = 1024
PULL_S: Final = 1.0
AFTER_FAILURE_S: Final = 1.0
_STATUS: Final = {"too-large": 413, "malformed": 400, "too-many-tries": 429, "unavailable": 503, "storage-failed": 503}
_log = logging.getLogger("egide.intake")


class Worker:
    """Runs a `Pipeline` in a thread of its own, for the loops that feed it."""

    def __init__(self, client: Client, inlet: Inlet) -> None:
        self._client = client
        self._inlet = inlet
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="intake")
        self._pipeline: Pipeline | None = None
        self._posted: asyncio.Queue[Msg] = asyncio.Queue(1024)
        self._sending: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Until cancelled."""
        await self._client.subscribe(HTTP_SUBJECT, queue="intake", cb=self._posted.put)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._from_broker())
            group.create_task(self._from_https())

    async def close(self) -> None:
        if self._sending:
            await asyncio.wait(self._sending, timeout=5)
        await self._inlet.close()
        await asyncio.get_running_loop().run_in_executor(self._thread, lambda: connection.close())
        self._thread.shutdown()

    async def process(self, batch: Sequence[tuple[str, bytes]]) -> list[Answer]:
        """Answers in the order of `batch`, pairs of (object proved by TLS or "", bytes). Raises EgideError."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._process, batch)

    def _process(self, batch: Sequence[tuple[str, bytes]]) -> list[Answer]:
        now_ms = time.time_ns() // 1_000_000
        if self._pipeline is None:
            self._pipeline = Pipeline()
        return self._pipeline.process([Incoming(data, source, now_ms) for source, data in batch])

    async def _from_broker(self) -> None:
        while True:
            try:
                waiting = await self._inlet.pull(BATCH, PULL_S)
            except UnavailableError:
                await asyncio.sleep(AFTER_FAILURE_S)
                continue
            if not waiting:
                continue
            try:
                answers = await self.process([(w.object_id, w.data) for w in waiting])
            except asyncio.CancelledError:  # stored or not, another worker has it at once, and gives the receipt
                self._send(self._give_back(waiting))
                raise
            except Exception as err:
                _log.error("batch of %d not stored: %s", len(waiting), _code(err))
                await asyncio.sleep(AFTER_FAILURE_S)
                self._send(self._give_back(waiting))
                continue
            while len(self._sending) > 4:
                await asyncio.wait(self._sending, return_when=asyncio.FIRST_COMPLETED)
            self._send(self._answer(waiting, answers))

    def _send(self, job: object) -> None:
        task: asyncio.Task[None] = asyncio.ensure_future(job)  # type: ignore[call-overload]
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _answer(self, waiting: Sequence[Waiting], answers: Sequence[Answer]) -> None:
        """After the commit: tell the objects, and let the broker forget. What fails here is asked for again."""
        try:
            for one, answer in zip(waiting, answers, strict=True):
                await self._inlet.publish_answer(one.object_id, answer.data)
                await one.ack()
        except Exception as err:
            _log.warning("answers not sent: %s", _code(err))

    async def _give_back(self, waiting: Sequence[Waiting]) -> None:
        try:
            for one in waiting:
                await one.give_back()
        except Exception as err:
            _log.warning("messages not given back: %s", _code(err))

    async def _from_https(self) -> None:
        while True:
            posts = [await self._posted.get()]
            while len(posts) < BATCH and not self._posted.empty():
                posts.append(self._posted.get_nowait())
            read = [(post, _read_post(post.data)) for post in posts]
            good = [(post, asked) for post, asked in read if asked is not None]
            await _respond([(post, 400, b"") for post, asked in read if asked is None])
            if good:
                await self._serve(good)

    async def _serve(self, posts: Sequence[tuple[Msg, tuple[str, bytes]]]) -> None:
        try:
            answers = await self.process([asked for _, asked in posts])
        except Exception as err:
            _log.error("batch of %d posts not stored: %s", len(posts), _code(err))
            await _respond([(post, 503, b"") for post, _ in posts])
            return
        pairs = zip(posts, answers, strict=True)
        await _respond([(post, _status(answer), answer.data) for (post, _), answer in pairs])


async def _respond(answers: Sequence[tuple[Msg, int, bytes]]) -> None:
    """Answer posts. A broker that is away costs the sender a timeout, never the worker its loop."""
    try:
        for post, status, data in answers:
            await post.respond(cbor.encode([status, data]))
    except Exception as err:
        _log.warning("posts not answered: %s", _code(err))


def _code(err: BaseException) -> str:
    """What a log may say of an error: never its text, which may quote data."""
    return err.code if isinstance(err, EgideError) else type(err).__name__


def _status(answer: Answer) -> int:
    if not answer.code:
        return 201
    return _STATUS.get(answer.code, 503 if answer.retryable else 403)


def _read_post(data: bytes) -> tuple[str, bytes] | None:
    try:
        match cbor.decode(data, limit=LIMITS.statement + 64, what="post"):
            case [str(source), bytes(envelope)]:
                return source, envelope
    except MalformedError:
        pass
    return None


def calm_collector() -> None:
    """For a process that only takes in: look for cycles seldom, and not among what lives as long as it does.

    What a batch makes is freed by counting references; looking through it for cycles cost a tenth of intake.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


async def run_intake(url: str, secrets: BrokerSecrets, *, ready: Callable[[], None] = lambda: None) -> None:
    """Serve until cancelled. Raises UnavailableError when the broker does not answer at the start."""
    client = await connect(url, secrets, "intake")
    worker = Worker(client, await Inlet.open(client))
    try:
        ready()
        await worker.run()
    finally:
        await worker.close()
        await client.close()
