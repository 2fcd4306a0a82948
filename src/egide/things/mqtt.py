"""MQTT 3.1.1 over mutual TLS 1.3: envelopes go to `up/<uuid>`, answers come on `down/<uuid>/answer`.

The broker's acknowledgement says that the broker has the message, and nothing more: it is not even looked
at. What settles an envelope is the answer, which the caller verifies.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any, Final, cast

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from egide.errors import EgideError, UnavailableError
from egide.trust.limits import LIMITS

__all__ = ["Mqtt"]

_KEEPALIVE_S: Final = 30
_RECONNECT_S: Final = (1, 120)


class Mqtt:
    """One connection, kept up by a thread of its own, from which the three functions are called.

    `on_connection` may refuse the server (by raising one of our errors) before anything is said.
    """

    def __init__(
        self,
        host: str,
        port: int,
        uuid: str,
        context: ssl.SSLContext,
        *,
        on_answer: Callable[[bytes], None],
        on_change: Callable[[bool], None] = lambda _: None,
        on_connection: Callable[[ssl.SSLSocket], None] = lambda _: None,
    ) -> None:
        self._topic = f"up/{uuid}"
        self._down = f"down/{uuid}/#"
        self._answers = f"down/{uuid}/answer"
        self._on_answer, self._on_change, self._on_connection = on_answer, on_change, on_connection
        self._ready = False
        self._client = client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=uuid,
            protocol=MQTTProtocolVersion.MQTTv311,
            clean_session=True,
        )
        client.tls_set_context(context)
        client.reconnect_delay_set(*_RECONNECT_S)
        client.max_inflight_messages_set(16)
        client.on_connect = self._connected
        client.on_subscribe = self._subscribed
        client.on_disconnect = self._disconnected
        client.on_message = self._message
        client.connect_async(host, port, keepalive=_KEEPALIVE_S)

    def start(self) -> None:
        self._client.loop_start()

    def stop(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    @property
    def ready(self) -> bool:
        """Connected, and listening for answers."""
        return self._ready

    def publish(self, envelope: bytes) -> None:
        """Hand an envelope to the broker (QoS 1). Raises UnavailableError when there is no connection."""
        if not self._ready or self._client.publish(self._topic, envelope, qos=1).rc != paho.MQTT_ERR_SUCCESS:
            raise UnavailableError("the broker is not reached")

    def _connected(self, client: paho.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            return
        try:
            self._on_connection(cast("ssl.SSLSocket", client.socket()))
        except EgideError:
            client.disconnect()
        else:
            client.subscribe(self._down, qos=0)

    def _subscribed(self, _client: Any, _data: Any, _mid: Any, reasons: Any, _properties: Any) -> None:
        self._ready = not any(reason.is_failure for reason in reasons)
        self._on_change(self._ready)

    def _disconnected(self, _client: Any, _data: Any, _flags: Any, _reason: Any, _properties: Any) -> None:
        self._ready = False
        self._on_change(False)

    def _message(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        if message.topic == self._answers and len(message.payload) <= LIMITS.answer:
            self._on_answer(bytes(message.payload))
