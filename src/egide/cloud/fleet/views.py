"""What an object asks once it has a certificate: the time, its pairings, who is revoked; and the way in."""

from __future__ import annotations

import functools
import time
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from egide import cbor
from egide.cloud.fleet.anchors import current_anchors
from egide.cloud.fleet.pairings import current_pairings
from egide.cloud.fleet.peers import address_of, peer_certificate, require_peer
from egide.cloud.fleet.rate import RateLimiter
from egide.cloud.fleet.relay import relay
from egide.cloud.fleet.revocation import current_crl
from egide.cloud.fleet.tries import source_of
from egide.cloud.http import binary, now_ms, objects_view, read_body
from egide.cloud.register.journal import fleet_version
from egide.cloud.register.platform import platform
from egide.errors import MalformedError
from egide.trust.limits import LIMITS
from egide.trust.servertime import MAX_NONCE, TIME_TYPE, sign_time

__all__ = ["crl", "intake", "itself", "server_time"]

ANSWER_TYPE: Final = "application/vnd.egide.answer+cbor"
ENVELOPE_TYPE: Final = "application/cose"
OBJECT_TYPE: Final = "application/vnd.egide.object+cbor"


@objects_view("POST")
def server_time(request: HttpRequest) -> HttpResponse:
    """The time, signed over the nonce that is the body."""
    nonce = read_body(request, MAX_NONCE, "a nonce")
    me = platform()
    return binary(sign_time(nonce, now_ms(), me.signer, me.chain), TIME_TYPE)


@objects_view("GET")
def itself(request: HttpRequest) -> HttpResponse:
    """What the object that calls should know: its pairings, where the broker is, whom to trust."""
    at = now_ms()
    row = require_peer(request, now_ms=at)
    told = {
        "pairings": [str(each) for each in current_pairings(row.object, at)],
        "mqtt": [settings.OPTIONS.public_host, settings.OPTIONS.mqtt_port],
        "anchors": current_anchors().dump().decode(),
    }
    return binary(cbor.encode(told), OBJECT_TYPE)


@objects_view("GET")
def crl(_: HttpRequest) -> HttpResponse:
    """The revocation list in DER (RFC 2585): a new one when the fleet changes, and each minute."""
    return binary(_crl(fleet_version(), now_ms() // 60_000), "application/pkix-crl")


@objects_view("POST")
def intake(request: HttpRequest) -> HttpResponse:
    """One envelope, answered by an intake worker: the same receipt or refusal as through the broker.

    A certificate is not needed, for an object whose own has expired flushes its outbox here: the envelope is
    signed. But one that is shown must be in force.
    """
    at = now_ms()
    object_id = ""
    if peer_certificate(request) is not None:
        object_id = str(require_peer(request, now_ms=at).object_id)
    _limiter().take(object_id or source_of(address_of(request)).hex(), now_s=time.monotonic())
    if request.content_type != ENVELOPE_TYPE:
        raise MalformedError(f"an envelope is sent as {ENVELOPE_TYPE}")
    envelope = read_body(request, LIMITS.statement, "an envelope")
    status, answer = relay().ask(object_id, envelope)
    return binary(answer, ANSWER_TYPE, status=status)


@functools.lru_cache(maxsize=1)
def _crl(version: int, minute: int) -> bytes:
    return current_crl(minute * 60_000, version)


@functools.lru_cache(maxsize=1)
def _limiter() -> RateLimiter:
    return RateLimiter(settings.OPTIONS.intake_rate)
