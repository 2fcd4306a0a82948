"""The objects' listener, from the object's side (HTTPS): intake, time, the object's own page, the log, EST.

Every answer is bounded before it is read. An answer whose content is not signed by somebody the object
pinned settles nothing: whoever calls keeps what it has.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from egide import cbor
from egide.errors import (
    CertificateExpiredError,
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
    decoding,
)
from egide.trust.anchors import Anchors
from egide.trust.answer import ANSWER_TYPE
from egide.trust.envelope import uuid_of
from egide.trust.limits import LIMITS

__all__ = ["Https", "Page", "Path"]

Path = tuple[int, int, list[bytes]]
"""(smaller size, larger size, consistency path)."""

_MAX_BODY: Final = 512 * 1024
_MAX_EPOCHS: Final = 64
_CODES: Final = {
    kind.code: kind
    for kind in (
        CertificateExpiredError,
        CertificateRevokedError,
        ClaimError,
        IdentityError,
        KeyInUseError,
        NotFoundError,
        TooManyTriesError,
    )
}
_MAX_SIZES: Final = 16  # that one question about consistency may name
_MAX_PAIRINGS: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What the platform tells an object about itself."""

    pairings: tuple[str, ...]  # uuids
    mqtt: tuple[str, int] | None  # host, port
    anchors: Anchors


class Https:
    """One platform. `on_connection` sees each connection's TLS before its answer is believed."""

    def __init__(
        self,
        url: str,
        context: ssl.SSLContext,
        *,
        timeout: float = 20.0,
        on_connection: Callable[[ssl.SSLObject], None] | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._client = httpx.Client(
            base_url=url,
            verify=context,
            timeout=httpx.Timeout(timeout, connect=5.0),
            transport=transport,
            trust_env=False,
            follow_redirects=False,
        )
        self._on_connection = on_connection

    def close(self) -> None:
        self._client.close()

    def intake(self, envelope: bytes) -> bytes:
        """Send an envelope; the answer's bytes, unverified.

        Raises:
            IdentityError: the certificate shown by TLS is not accepted. UnavailableError: there is no answer.
        """
        status, kind, body = self._ask("POST", "/intake", envelope, "application/cose", limit=LIMITS.answer)
        if kind == ANSWER_TYPE:
            return body
        if status == 403:
            raise _refusal(status, body, claimed=False)
        raise UnavailableError(f"the platform gave no answer that counts (HTTP {status})")

    def time(self, nonce: bytes) -> bytes:
        """The server's time, signed over `nonce` (16 to 64 bytes), unverified."""
        return self._expect(
            "POST", "/time", nonce, "application/octet-stream", limit=LIMITS.protected_chain * 2
        )

    def page(self) -> Page:
        """The object's own page (mutual TLS). Raises IdentityError when the certificate is not accepted."""
        body = self._expect("GET", "/object")
        match cbor.decode(body, limit=_MAX_BODY, what="the object's page"):
            case {"pairings": [*pairings], "mqtt": mqtt, "anchors": str(anchors)} if (
                len(pairings) <= _MAX_PAIRINGS
            ):
                return Page(
                    pairings=tuple(uuid_of(f"urn:uuid:{pairing}") for pairing in pairings),
                    mqtt=_endpoint(mqtt),
                    anchors=Anchors.load(anchors.encode()),
                )
        raise MalformedError("the object's page has another form than the specification's")

    def consistency(self, log: str, sizes: Sequence[int]) -> dict[tuple[int, int], list[bytes]]:
        """Consistency paths between the `sizes` (ascending) of the log with this uuid, unverified.

        Raises NotFoundError when the log says it has no such size.
        """
        paths: dict[tuple[int, int], list[bytes]] = {}
        for begin in range(0, len(sizes) - 1, _MAX_SIZES - 1):
            asked = ",".join(map(str, sizes[begin : begin + _MAX_SIZES]))
            body = self._expect("GET", f"/log/consistency?log={log}&sizes={asked}")
            with decoding("consistency paths"):
                for first, second, path in cbor.decode(body, limit=_MAX_BODY, what="consistency paths"):
                    if len(path) > LIMITS.consistency or not all(type(node) is bytes for node in path):
                        raise MalformedError("a consistency path is a list of hashes")
                    paths[int(first), int(second)] = list(path)
        return paths

    def checkpoint(self, log: str) -> bytes:
        """The log's newest checkpoint (a signed note), unverified."""
        return self._expect("GET", f"/log/checkpoint?log={log}", limit=LIMITS.checkpoint)

    def epochs(self) -> list[Any]:
        """The genesis statements of the register's epochs, unverified."""
        found = cbor.decode(self._expect("GET", "/log/epochs"), limit=_MAX_BODY, what="the register's epochs")
        if type(found) is not list or len(found) > _MAX_EPOCHS:
            raise MalformedError("the register's epochs are a list")
        return found

    def est(self, action: str, request: bytes | None = None, *, auth: tuple[str, str] | None = None) -> bytes:
        """An EST exchange (RFC 7030): `cacerts`, `simpleenroll` or `simplereenroll`; the PKCS#7 in base64."""
        path = f"/.well-known/est/{action}"
        if request is None:
            return self._expect("GET", path)
        return self._expect("POST", path, request, "application/pkcs10", auth=auth)

    def _expect(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        kind: str = "",
        *,
        limit: int = _MAX_BODY,
        auth: tuple[str, str] | None = None,
    ) -> bytes:
        status, _, answer = self._ask(method, path, body, kind, limit=limit, auth=auth)
        if status in {200, 201}:
            return answer
        raise _refusal(status, answer, claimed=auth is not None)

    def _ask(
        self,
        method: str,
        path: str,
        body: bytes,
        kind: str,
        *,
        limit: int,
        auth: tuple[str, str] | None = None,
    ) -> tuple[int, str, bytes]:
        headers: Mapping[str, str] = {"content-type": kind} if kind else {}
        try:
            with self._client.stream(
                method, path, content=body or None, headers=headers, auth=auth or httpx.USE_CLIENT_DEFAULT
            ) as response:
                self._check_connection(response)
                data = bytearray()
                for chunk in response.iter_bytes():
                    data += chunk
                    if len(data) > limit:
                        raise TooLargeError("the platform's answer is too large")
                return (
                    response.status_code,
                    response.headers.get("content-type", "").split(";")[0],
                    bytes(data),
                )
        except httpx.HTTPError as err:
            raise _unreachable(err) from err

    def _check_connection(self, response: httpx.Response) -> None:
        stream = response.extensions.get("network_stream")
        if self._on_connection is not None and stream is not None:
            self._on_connection(stream.get_extra_info("ssl_object"))


def _endpoint(value: Any) -> tuple[str, int] | None:
    match value:
        case None:
            return None
        case [str(host), int(port)] if host and 0 < port < 65536 and urlsplit(f"//{host}").hostname:
            return host, port
    raise MalformedError("a broker's address is [host, port]")


def _refusal(status: int, body: bytes, *, claimed: bool) -> EgideError:
    """The error that the answer names by its public code, else what its status means."""
    kind = _CODES.get(body.partition(b":")[0].decode("ascii", "replace"))
    if kind is not None and 400 <= status < 500:
        return kind("the platform refused")
    if status == 429:
        return TooManyTriesError("the platform asks to wait")
    if status in {401, 403}:
        if claimed:
            return ClaimError("the platform refused the claim")
        return IdentityError("the platform does not accept the object's certificate")
    if status in {404, 410, 416}:
        return NotFoundError("the platform does not have what was asked")
    if 400 <= status < 500:
        return MalformedError(f"the platform did not take the request (HTTP {status})")
    return UnavailableError(f"the platform cannot answer now (HTTP {status})")


def _unreachable(err: httpx.HTTPError) -> EgideError:
    cause: BaseException | None = err
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return IdentityError("the server's certificate does not lead to the pinned CA")
        cause = cause.__cause__ or cause.__context__
    return UnavailableError("the platform cannot be reached")
