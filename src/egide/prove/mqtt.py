"""An MQTT connection as an attacker makes it: any certificate, client id and topic."""

from __future__ import annotations

import queue
import ssl
import threading
import time
from typing import TYPE_CHECKING, Any, Final, Self

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from egide.errors import EgideError

if TYPE_CHECKING:
    from egide.prove.arena import Arena, Foe, Posted

__all__ = ["Broken", "Line"]

CONNECT_S: Final = 8.0
ANSWER_S: Final = 20.0


class Broken(Exception):  # the line is broken
    """No connection, or no answer."""


class Line:
    """A connection to the broker. `messages` are (topic, bytes) as they come."""

    def __init__(self, arena: Arena, *, client_id: str, context: ssl.SSLContext | None) -> None:
        self._arena = arena
        self.messages: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self.granted: dict[int, list[int]] = {}
        self._connected, self._cut, self._acked = threading.Event(), threading.Event(), threading.Event()
        self.refused = ""
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id=client_id, reconnect_on_failure=False)
        if context is not None:
            self._client.tls_set_context(context)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_message = lambda _c, _u, m: self.messages.put((m.topic, bytes(m.payload)))
        self._client.on_subscribe = self._on_subscribe
        self._client.on_publish = lambda *_: self._acked.set()

    @classmethod
    def open(
        cls,
        arena: Arena,
        foe: Foe | None,
        *,
        client_id: str = "",
        context: ssl.SSLContext | None = None,
        plain: bool = False,
    ) -> Self:
        """Connect. Raises Broken when the broker does not let us in."""
        context = None if plain else context or (foe.tls() if foe is not None else None)
        line = cls(arena, client_id=client_id or (foe.uuid if foe is not None else "stranger"), context=context)
        try:
            line._client.connect("localhost", arena.instance.mqtt_port, keepalive=30)
        except (OSError, ssl.SSLError, ValueError) as err:
            raise Broken(f"no connection: {type(err).__name__}") from err
        line._client.loop_start()
        if not line._connected.wait(CONNECT_S) or line.refused or line._cut.is_set():
            line.close()
            raise Broken(f"not let in: {line.refused or 'no answer'}")
        if foe is not None:
            line.foe = foe
            line.subscribe(f"down/{foe.uuid}/#")
        return line

    foe: Foe

    def _on_connect(self, _c: Any, _u: Any, _f: Any, reason: Any, _p: Any) -> None:
        if reason.is_failure:
            self.refused = str(reason)
        self._connected.set()

    def _on_disconnect(self, *_: Any) -> None:
        self._cut.set()
        self._connected.set()

    def _on_subscribe(self, _c: Any, _u: Any, mid: int, reasons: Any, _p: Any) -> None:
        self.granted[mid] = [r.value for r in reasons]

    def subscribe(self, topic: str) -> bool:
        """Subscribe; whether the broker granted it."""
        _, mid = self._client.subscribe(topic, qos=1)
        until = time.monotonic() + CONNECT_S
        mid = mid or 0
        while mid not in self.granted and time.monotonic() < until and not self._cut.is_set():
            self._cut.wait(0.02)
        return bool(self.granted.get(mid)) and all(code < 128 for code in self.granted[mid])

    def publish(self, topic: str, data: bytes, *, wait: bool = True) -> bool:
        """Publish with QoS 1; whether the broker acknowledged it in time."""
        info = self._client.publish(topic, data, qos=1)
        if not wait:
            return False
        try:
            info.wait_for_publish(CONNECT_S)
        except (RuntimeError, ValueError):
            return False
        return info.is_published()

    def send(self, data: bytes, *, timeout: float = ANSWER_S) -> Posted:
        """Publish an envelope on our own topic, and return the verified answer. Raises Broken without one."""
        self.publish(f"up/{self.foe.uuid}", data, wait=False)
        return self.answer_to(data, timeout=timeout)

    def answer_to(self, data: bytes, *, timeout: float = ANSWER_S) -> Posted:
        until = time.monotonic() + timeout
        while (left := until - time.monotonic()) > 0:
            try:
                _, answer = self.messages.get(timeout=left)
                return self._arena.read_answer(answer, data)
            except queue.Empty:
                break
            except EgideError:
                continue  # the answer to another envelope
        raise Broken("no answer")

    def wait_cut(self, seconds: float) -> bool:
        """Whether the broker cut us within that time."""
        return self._cut.wait(seconds)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
