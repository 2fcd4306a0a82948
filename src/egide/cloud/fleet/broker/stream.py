"""From the broker's acknowledgement to intake's commit: one stream, one durable consumer.

What an object publishes to `up/<uuid>` with QoS 1 is stored by the broker as `$MQTT.msgs.up.<uuid>` before
its PUBACK. That stream keeps a message only while a consumer wants it, so stream and consumer are made
before any object is let in (`edge`), and with limits of our own: at most PENDING messages of one object
wait, and the newest is refused (its publisher is disconnected without PUBACK and keeps its copy). Intake
acknowledges after its commit.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections import deque
from dataclasses import dataclass
from typing import Any, Final

import nats
import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from egide.cloud.fleet.broker.configuration import CONSUMER, STREAM, inbox_prefix
from egide.cloud.fleet.broker.secrets import BrokerSecrets
from egide.errors import ConfigError, UnavailableError

__all__ = ["PENDING", "Inlet", "Waiting", "connect", "disconnect", "ensure_stream", "waiting_bytes"]

PENDING: Final = 64  # messages of one object that wait for intake
_FILTER: Final = "$MQTT.msgs.up.>"
_PREFIX: Final = "$MQTT.msgs.up."
_NANO: Final = 1_000_000_000
_NOT_FOUND: Final = 404
_TIMEOUT_S: Final = 5.0
_EXPIRES_S: Final = 10.0  # how long the broker remembers a request for messages


@dataclass(frozen=True, slots=True)
class Waiting:
    """One message that waits: `object_id` is the topic's, which the broker has bound to the certificate."""

    subject: str
    object_id: str
    data: bytes
    _message: Msg

    @property
    def tries(self) -> int:
        """1 at the first delivery."""
        return self._message.metadata.num_delivered or 1

    async def ack(self) -> None:
        """Tell the broker to forget it: after the commit, never before."""
        await self._message.ack()

    async def give_back(self) -> None:
        """Ask the broker to deliver it again, at once."""
        await self._message.nak()


async def connect(url: str, secrets: BrokerSecrets, user: str, **more: Any) -> Client:
    """Sign in to the broker as one of its users, and come back for ever when the connection is lost.

    Raises UnavailableError when nobody answers the first time.
    """
    settings: dict[str, Any] = {
        "nkeys_seed_str": secrets.users[user].seed,
        "inbox_prefix": inbox_prefix(user),
        "name": f"egide-{user}",
        "reconnect_time_wait": 0.2,
        "connect_timeout": _TIMEOUT_S,
        "error_cb": _ignore,
    }
    client = Client()
    try:
        # Told to come back for ever, the client would also try the first time for ever.
        await client.connect(url, **{**settings, **more, "allow_reconnect": False, "max_reconnect_attempts": 1})
    except (TimeoutError, nats.errors.Error, OSError) as err:
        await disconnect(client)
        raise UnavailableError("the broker does not answer, or does not know this user") from err
    client.options.update(allow_reconnect=True, max_reconnect_attempts=-1)
    return client


async def disconnect(client: Client) -> None:
    """End a connection, whether or not the broker is still there."""
    with contextlib.suppress(nats.errors.Error, OSError):
        await client.close()


async def _ignore(_: Exception) -> None:
    """A lost connection is not news: the client comes back, and callers meet their own timeouts."""


async def ensure_stream(client: Client, *, max_bytes: int) -> None:
    """Make the stream and its consumer, or bring them to these limits. Idempotent.

    `client` is the user "stream". Raises UnavailableError when the broker cannot, ConfigError if it refuses.
    """
    wanted: dict[str, Any] = {
        "name": STREAM,
        "subjects": ["$MQTT.msgs.>"],
        "retention": "interest",
        "storage": "file",
        "num_replicas": 1,
        "max_consumers": -1,
        "max_msgs": -1,
        "max_age": 0,
        "max_bytes": max_bytes,
        "max_msgs_per_subject": PENDING,
        "discard": "new",
        "discard_new_per_subject": True,
    }
    found = await _ask(client, f"STREAM.INFO.{STREAM}", None)
    if found is None:
        await _ask(client, f"STREAM.CREATE.{STREAM}", wanted)
    elif any(found["config"].get(name) != value for name, value in wanted.items()):
        await _ask(client, f"STREAM.UPDATE.{STREAM}", {**found["config"], **wanted})
    consumer = {
        "name": CONSUMER,
        "durable_name": CONSUMER,
        "filter_subject": _FILTER,
        "deliver_policy": "all",
        "ack_policy": "explicit",
        "replay_policy": "instant",
        "ack_wait": 30 * _NANO,
        "max_deliver": -1,
        "max_ack_pending": 8_192,
        "max_waiting": 512,
    }
    await _ask(
        client, f"CONSUMER.CREATE.{STREAM}.{CONSUMER}.{_FILTER}", {"stream_name": STREAM, "config": consumer}
    )


async def waiting_bytes(client: Client) -> tuple[int, int]:
    """(messages, bytes) that the broker keeps for intake, for an alarm. `client` is the user "stream"."""
    found = await _ask(client, f"STREAM.INFO.{STREAM}", None)
    if found is None:
        raise UnavailableError("the broker has no stream yet")
    return int(found["state"]["messages"]), int(found["state"]["bytes"])


async def _ask(client: Client, verb: str, body: dict[str, Any] | None) -> dict[str, Any] | None:
    data = b"" if body is None else json.dumps(body).encode()
    try:
        reply = await client.request(f"$JS.API.{verb}", data, timeout=_TIMEOUT_S)
    except (TimeoutError, nats.errors.Error) as err:
        raise UnavailableError("the broker does not answer about its stream") from err
    answer: dict[str, Any] = json.loads(reply.data)
    error = answer.get("error")
    if not error:
        return answer
    if error.get("code") == _NOT_FOUND and body is None:
        return None
    raise ConfigError(f"the broker refuses its stream's limits (code {int(error.get('err_code', 0))})")


class Inlet:
    """Intake's side of the broker: pull what waits, answer objects.

    A request for more is sent while the last ones are worked on, so that broker and worker run side by side.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._inbox = client.new_inbox()
        self._arrived = asyncio.Event()
        self._buffer: deque[Waiting] = deque()
        self._subscription: Subscription | None = None
        self._owed = 0  # messages asked for and not yet come
        self._until = 0.0  # when the broker forgets what we asked
        self._reconnects = 0
        self._refused = False

    @classmethod
    async def open(cls, client: Client) -> Inlet:
        """`client` is the user "intake" (`connect`)."""
        inlet = cls(client)
        inlet._subscription = await client.subscribe(inlet._inbox, cb=inlet._receive)
        return inlet

    async def pull(self, batch: int, timeout: float) -> list[Waiting]:
        """At most `batch` messages, as soon as there is one; none when none came in `timeout` seconds.

        Raises UnavailableError when the broker cannot give any: it restarts, or its consumer is not made.
        """
        end = time.monotonic() + timeout
        await self._ask(batch)
        while not self._buffer:
            self._arrived.clear()
            try:
                await asyncio.wait_for(self._arrived.wait(), end - time.monotonic())
            except TimeoutError:
                break
            if self._refused:
                raise UnavailableError("the broker has nothing to give yet: no consumer, or it restarts")
            await self._ask(batch)
        return [self._buffer.popleft() for _ in range(min(batch, len(self._buffer)))]

    async def publish_answer(self, object_id: str, data: bytes) -> None:
        """Send `data` to the topic down/<object_id>/answer. It is not stored: who misses it sends again.

        Raises UnavailableError while the broker is away.
        """
        try:
            await self._client.publish(f"down.{object_id}.answer", data)
        except nats.errors.Error as err:
            raise UnavailableError("the broker is away") from err

    async def close(self) -> None:
        """Give back what was fetched and not handed out, so that another worker has it at once."""
        if self._subscription is not None:
            with contextlib.suppress(nats.errors.Error):
                await self._subscription.unsubscribe()
                while self._buffer:
                    await self._buffer.popleft().give_back()
                await self._client.flush()

    async def _ask(self, batch: int) -> None:
        now = time.monotonic()
        reconnects = self._client.stats["reconnects"]
        if now >= self._until or reconnects != self._reconnects:
            self._owed, self._reconnects = 0, reconnects
        if self._owed + len(self._buffer) > batch // 2:
            return
        self._refused = False
        self._owed += batch
        self._until = now + _EXPIRES_S
        body = {"batch": batch, "expires": int(_EXPIRES_S * _NANO)}
        try:
            await self._client.publish(
                f"$JS.API.CONSUMER.MSG.NEXT.{STREAM}.{CONSUMER}", json.dumps(body).encode(), reply=self._inbox
            )
        except nats.errors.Error as err:
            self._owed = 0
            raise UnavailableError("the broker is away") from err

    async def _receive(self, message: Msg) -> None:
        if message.subject.startswith(_PREFIX):
            self._owed -= 1
            self._buffer.append(
                Waiting(message.subject, message.subject[len(_PREFIX):], message.data, message)
            )
        else:  # the request ended: it expired, or the broker restarts, or there is no consumer
            self._owed = 0
            self._refused = (message.headers or {}).get("Status") not in {"404", "408"}
        self._arrived.set()
