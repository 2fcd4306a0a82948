"""The answer to the broker: no by default; a yes is bound to one connection and one object."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from pathlib import Path
from typing import Any

import nkeys
import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from egide.cloud.fleet.broker.callout import Admission, answer
from egide.cloud.fleet.broker.secrets import make_broker_secrets, parse_broker_secrets
from egide.errors import CertificateRevokedError
from tests.support.broker import TestCa, new_id

from .conftest import Loop

ISSUER = parse_broker_secrets(make_broker_secrets()).issuer
NOW = 1_800_000_000
ALICE = new_id()


async def welcome(certificate: bytes, client_id: str) -> Admission:
    return Admission(object_id=ALICE, expires_ms=(NOW + 60) * 1000 + 999)


async def revoked(certificate: bytes, client_id: str) -> Admission:
    raise CertificateRevokedError("revoked")


async def broken(certificate: bytes, client_id: str) -> Admission:
    raise RuntimeError(client_id)


def part(data: Any) -> bytes:
    return base64.urlsafe_b64encode(json.dumps(data).encode()).rstrip(b"=")


def asked(pem: str, **info: Any) -> bytes:
    """A question as the broker writes it."""
    client = {"type": "mqtt", "mqtt_id": ALICE, **info}
    request = {
        "user_nkey": "UUSER", "server_id": {"id": "NSERVER"}, "client_info": client,
        "client_tls": {"verified_chains": [[pem]]},
    }
    return b".".join((part({}), part({"nats": request}), b"c2ln"))


def read(token: bytes) -> dict[str, Any]:
    """Check the issuer's signature, then read the claims."""
    signed, _, signature = token.rpartition(b".")
    body = signed.split(b".")[1]
    pair = nkeys.from_seed(bytearray(ISSUER.seed.encode()))
    assert pair.verify(signed, base64.urlsafe_b64decode(signature + b"=="))
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + b"=" * (-len(body) % 4)))
    assert claims["iss"] == ISSUER.public
    return claims


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder: Path = tmp_path_factory.mktemp("ca")
    return TestCa(folder).object(ALICE).certificate.public_bytes(Encoding.PEM).decode()


def test_a_yes_is_for_one_connection_one_topic_and_the_certificates_life(loop: Loop, pem: str) -> None:
    """The word names the connection's key and the broker that asked, and ends with the certificate."""
    data = loop.run(answer(asked(pem), ISSUER, welcome, now_s=NOW))
    reply = read(data or b"")
    assert (reply["sub"], reply["aud"]) == ("UUSER", "NSERVER")
    word = read(reply["nats"]["jwt"].encode())
    assert (word["sub"], word["aud"], word["exp"]) == ("UUSER", "APP", NOW + 60)
    assert word["nats"]["pub"] == {"allow": [f"up.{ALICE}"]}
    assert word["nats"]["sub"] == {"allow": [f"down.{ALICE}", f"down.{ALICE}.>", "$MQTT.sub.>"]}
    assert word["nats"]["allowed_connection_types"] == ["MQTT"]


@pytest.mark.parametrize(
    ("info", "admit", "code"),
    [
        pytest.param({"mqtt_id": new_id()}, welcome, "identity-unknown", id="another-client-id"),
        pytest.param({"mqtt_id": ""}, welcome, "identity-unknown", id="no-client-id"),
        pytest.param({"type": "nats"}, welcome, "identity-unknown", id="not-mqtt"),
        pytest.param({"type": "websocket"}, welcome, "identity-unknown", id="websocket"),
        pytest.param({}, revoked, "certificate-revoked", id="revoked"),
        pytest.param({}, broken, "unavailable", id="our-own-failure"),
    ],
)
def test_everything_else_is_a_signed_no(
    loop: Loop, pem: str, caplog: pytest.LogCaptureFixture, info: dict[str, Any], admit: Any, code: str
) -> None:
    """With a stable code, in the answer and in the log, and nothing of the object's in either."""
    with caplog.at_level(logging.INFO):
        reply = read(loop.run(answer(asked(pem, **info), ISSUER, admit, now_s=NOW)) or b"")
    assert reply["nats"]["error"] == code
    assert "jwt" not in reply["nats"]
    assert ALICE not in caplog.text
    if code != "unavailable":
        assert f"callout-refused {code}" in caplog.text


@pytest.mark.parametrize(
    "pem_text", ["", "nothing", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"]
)
def test_a_certificate_that_is_not_one_is_a_no(loop: Loop, pem_text: str) -> None:
    """The broker verified something else, or nothing."""
    reply = read(loop.run(answer(asked(pem_text), ISSUER, welcome, now_s=NOW)) or b"")
    assert "jwt" not in reply["nats"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "user_nkey": st.just("UUSER") | JSON,
        "server_id": st.just({"id": "NSERVER"}) | JSON,
        "client_info": st.fixed_dictionaries({}, optional={"type": st.just("mqtt"), "mqtt_id": JSON}) | JSON,
        "client_tls": st.fixed_dictionaries({}, optional={"verified_chains": JSON}) | JSON,
    },
)


@settings(deadline=None)
@given(FIELDS | JSON)
def test_no_question_is_answered_yes_without_its_certificate(request: Any) -> None:
    """Whatever the broker is made to say: an error, or silence."""
    data = b".".join((part({}), part({"nats": request}), b""))
    reply = asyncio.run(answer(data, ISSUER, welcome, now_s=NOW))
    assert reply is None or "jwt" not in read(reply)["nats"]


@settings(deadline=None)
@given(st.binary(max_size=64))
def test_bytes_that_are_no_question_get_no_answer(data: bytes) -> None:
    """Silence, which the broker takes as a refusal."""
    assert asyncio.run(answer(data, ISSUER, welcome, now_s=NOW)) is None
