"""What an object believes of the objects' listener: little, and never more than it asked for."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import httpx
import pytest

from egide import cbor
from egide.errors import (
    CertificateRevokedError,
    ClaimError,
    EgideError,
    IdentityError,
    KeyInUseError,
    MalformedError,
    NotFoundError,
    TooLargeError,
    TooManyTriesError,
    UnavailableError,
)
from egide.things.https import Https
from egide.trust.answer import ANSWER_TYPE
from tests.support.proofs import World

UUID = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
WORLD = World()


def https(handle: Callable[[httpx.Request], httpx.Response]) -> Https:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return Https("https://platform.example", context, transport=httpx.MockTransport(handle))


def answering(status: int, body: bytes = b"", kind: str = "application/cbor") -> Https:
    return https(lambda _: httpx.Response(status, content=body, headers={"content-type": kind}))


def test_an_envelope_is_posted_as_it_is() -> None:
    """The same bytes, with their media type; the answer's bytes come back unread."""
    seen: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(201, content=b"answer", headers={"content-type": ANSWER_TYPE})

    assert https(handle).intake(b"envelope") == b"answer"
    (request,) = seen
    assert (request.method, request.url.path, request.content) == ("POST", "/intake", b"envelope")
    assert request.headers["content-type"] == "application/cose"


@pytest.mark.parametrize("status", [201, 400, 404, 429, 502, 503])
def test_a_status_without_an_answer_settles_nothing(status: int) -> None:
    """A page of a proxy is not a refusal: whatever its status, the envelope is kept."""
    with pytest.raises(UnavailableError):
        answering(status, b"<html>", "text/html").intake(b"envelope")


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, MalformedError),
        (401, IdentityError),
        (403, IdentityError),
        (404, NotFoundError),
        (413, MalformedError),
        (429, TooManyTriesError),
        (302, UnavailableError),
        (500, UnavailableError),
        (503, UnavailableError),
    ],
)
def test_each_status_has_its_error(status: int, error: type[EgideError]) -> None:
    """Redirections are not followed."""
    with pytest.raises(error):
        answering(status).page()


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"key-in-use: this key belongs to another object\nhint: x\n", KeyInUseError),
        (b"certificate-revoked: gone\n", CertificateRevokedError),
        (b"something-new: what\n", IdentityError),
        (b"\xff\xfe", IdentityError),
    ],
)
def test_a_public_code_is_understood(body: bytes, error: type[EgideError]) -> None:
    """What the platform names is what is raised; an unknown code falls back on the status."""
    with pytest.raises(error) as caught:
        answering(403, body, "text/plain").page()
    assert type(caught.value) is error


def test_a_refused_claim_is_said() -> None:
    """The code was wrong, used or late: which is not said."""
    with pytest.raises(ClaimError):
        answering(401).est("simpleenroll", b"csr", auth=("claim", "code"))


def test_an_endless_answer_is_cut() -> None:
    """Nobody fills an object's memory."""
    with pytest.raises(TooLargeError):
        answering(200, b"x" * 600_000).epochs()


@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ReadTimeout, httpx.RemoteProtocolError])
def test_a_network_that_fails_is_our_error(error: type[httpx.TransportError]) -> None:
    """Never the library's."""

    def handle(_: httpx.Request) -> httpx.Response:
        raise error("down")

    with pytest.raises(UnavailableError):
        https(handle).time(b"n" * 32)


def test_an_impostor_is_not_an_outage() -> None:
    """A certificate that does not lead to the pinned CA is said as such."""

    def handle(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no") from ssl.SSLCertVerificationError("self-signed")

    with pytest.raises(IdentityError):
        https(handle).time(b"n" * 32)


def page(**other: Any) -> bytes:
    anchors = WORLD.anchors().dump().decode()
    return cbor.encode(
        {"pairings": [UUID], "mqtt": ["platform.example", 8883], "anchors": anchors, **other}
    )


def test_the_objects_page_is_read() -> None:
    """Pairings, the broker, and what to pin."""
    found = answering(200, page()).page()
    assert found.pairings == (UUID,)
    assert found.mqtt == ("platform.example", 8883)
    assert found.anchors == WORLD.anchors()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        cbor.encode([]),
        page(pairings=["not-a-uuid"]),
        page(pairings=[UUID] * 65),
        page(mqtt=["host", 0]),
        page(mqtt=["host", 65_536]),
        page(mqtt="host:8883"),
        page(anchors="not toml ["),
    ],
)
def test_another_page_is_refused(body: bytes) -> None:
    """With our error, whatever the bytes."""
    with pytest.raises(EgideError):
        answering(200, body).page()


def test_many_sizes_are_asked_in_several_questions() -> None:
    """Sixteen a question, each beginning where the last one ended, so that all are linked."""
    asked: list[list[int]] = []

    def handle(request: httpx.Request) -> httpx.Response:
        sizes = [int(size) for size in request.url.params["sizes"].split(",")]
        asked.append(sizes)
        rows = [[a, b, [b"h" * 32]] for a, b in pairwise(sizes)]
        return httpx.Response(200, content=cbor.encode(rows))

    paths = https(handle).consistency(UUID, list(range(1, 41)))
    assert [len(sizes) for sizes in asked] == [16, 16, 10]
    assert sorted(paths) == [(n, n + 1) for n in range(1, 40)]


@pytest.mark.parametrize("rows", [[[1, 2]], [[1, 2, [7]]], [[1, 2, [b"h"] * 129]], 3, [["a", "b", []]]])
def test_other_paths_are_refused(rows: Any) -> None:
    """With our error."""
    with pytest.raises(MalformedError):
        answering(200, cbor.encode(rows)).consistency(UUID, [1, 2])
