"""Who may connect: each new connection is a question of the broker's, answered by a signed word.

The broker has verified the TLS chain against our CA; it asks on $SYS.REQ.USER.AUTH with that chain and the
MQTT client id. `admit` says yes or no from the certificate itself. A yes is a user JWT for this one
connection: publish to its own topic, receive its own answers, over MQTT only, until its certificate
expires. Everything else is no; with nobody to answer the broker refuses by itself.
"""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import nats.errors
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from egide.cloud.fleet.broker.configuration import ACCOUNT, MAX_PAYLOAD
from egide.cloud.fleet.broker.secrets import BrokerKey
from egide.errors import EgideError, IdentityError, decoding
from egide.trust.limits import LIMITS

__all__ = ["SUBJECT", "Admission", "Admit", "Question", "answer", "read_question", "serve_callout"]

_LOG = logging.getLogger(__name__)
SUBJECT: Final = "$SYS.REQ.USER.AUTH"
_MAX_QUESTION: Final = 64 * 1024
_SUBSCRIPTIONS: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """A yes: `object_id` may speak until `expires_ms`, when its certificate expires."""

    object_id: str
    expires_ms: int


Admit = Callable[[bytes, str], Awaitable[Admission]]
"""(certificate DER, MQTT client id) -> Admission. Raises an EgideError to refuse."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What the broker asks. `certificate` is the DER of the leaf it verified; `user` and `server` go back."""

    user: str  # the key the broker made for this connection
    server: str
    client_id: str
    certificate: bytes


async def serve_callout(client: Client, issuer: BrokerKey, admit: Admit) -> Subscription:
    """Answer the broker's questions until the subscription returned is ended. `client` is the user "edge"."""

    async def reply(message: Msg) -> None:
        data = await answer(message.data, issuer, admit, now_s=int(time.time()))
        if data is not None and message.reply:
            try:
                await client.publish(message.reply, data)
            except nats.errors.Error:
                _LOG.warning("callout-answer-lost")

    return await client.subscribe(SUBJECT, queue="edge", cb=reply)


async def answer(data: bytes, issuer: BrokerKey, admit: Admit, *, now_s: int) -> bytes | None:
    """The signed answer to the question `data`, None when it cannot even be read. Logs a refusal's code."""
    try:
        user, server, request = _addresses(data)
    except EgideError as err:
        _LOG.warning("callout-unreadable %s", err.code)
        return None
    try:
        question = read_question(user, server, request)
        admission = await admit(question.certificate, question.client_id)
        if admission.object_id != question.client_id or str(UUID(admission.object_id)) != admission.object_id:
            raise IdentityError("the client id is not the object's")
        word: dict[str, Any] = {"jwt": _user_word(question, admission, issuer, now_s=now_s)}
    except EgideError as err:
        _LOG.warning("callout-refused %s", err.code)
        word = {"error": err.code}
    except Exception as err:  # the default is no, whatever fails on our side
        _LOG.error("callout-failed %s", type(err).__name__)
        word = {"error": "unavailable"}
    word |= {"type": "authorization_response", "version": 2}
    return _signed({"sub": user, "aud": server, "nats": word}, issuer, now_s=now_s)


def read_question(user: str, server: str, request: dict[str, Any]) -> Question:
    """Take the verified leaf and the MQTT client id.

    Raises MalformedError, or IdentityError: no verified certificate, not MQTT.
    """
    with decoding("the broker's question"):
        info, chains = request["client_info"], (request.get("client_tls") or {}).get("verified_chains")
        if info.get("type") != "mqtt" or not chains or not info.get("mqtt_id"):
            raise IdentityError("not an MQTT connection with a verified certificate")
        pem = chains[0][0].encode()
        if len(pem) > 2 * LIMITS.certificate:
            raise IdentityError("the certificate is too large")
        der = x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)
        return Question(user=user, server=server, client_id=str(info["mqtt_id"]), certificate=der)


def _addresses(data: bytes) -> tuple[str, str, dict[str, Any]]:
    with decoding("the broker's question"):
        if len(data) > _MAX_QUESTION:
            raise ValueError("too large")
        _, body, _ = data.split(b".")
        claims = json.loads(base64.urlsafe_b64decode(body + b"=" * (-len(body) % 4)))
        request = claims["nats"]
        user, server = request["user_nkey"], request["server_id"]["id"]
        if type(user) is not str or type(server) is not str or type(request) is not dict:
            raise TypeError
        return user, server, request


def _user_word(question: Question, admission: Admission, issuer: BrokerKey, *, now_s: int) -> str:
    one = admission.object_id
    claims = {
        "sub": question.user,
        "aud": ACCOUNT,
        "name": one,
        "exp": admission.expires_ms // 1000,
        "nats": {
            "type": "user",
            "version": 2,
            "subs": _SUBSCRIPTIONS,
            "data": -1,
            "payload": MAX_PAYLOAD,
            "allowed_connection_types": ["MQTT"],
            "pub": {"allow": [f"up.{one}"]},
            # "#" in MQTT takes in its parent; $MQTT.sub is how the broker itself delivers with QoS 1
            "sub": {"allow": [f"down.{one}", f"down.{one}.>", "$MQTT.sub.>"]},
        },
    }
    return _signed(claims, issuer, now_s=now_s).decode()


def _signed(claims: dict[str, Any], issuer: BrokerKey, *, now_s: int) -> bytes:
    claims = {**claims, "iat": now_s, "iss": issuer.public}
    digest = hashlib.sha256(json.dumps(claims, sort_keys=True).encode()).digest()
    claims["jti"] = base64.b32encode(digest).rstrip(b"=").decode()
    signed = b".".join(_part(json.dumps(part).encode()) for part in (_HEADER, claims))
    return signed + b"." + _part(issuer.pair().sign(signed))


def _part(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


_HEADER: Final = {"typ": "JWT", "alg": "ed25519-nkey"}
