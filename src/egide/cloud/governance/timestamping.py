"""The time of a document, said by somebody who is not us: a time-stamp authority (RFC 3161), when one is set.

None is, unless the operator names one: then a document says "without a time-stamp authority". What it answers is
checked against the certificate that the operator pinned, so that an authority nobody chose stamps nothing.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx
from asn1crypto import cms, pem, tsp, x509  # type: ignore[import-untyped]
from django.conf import settings
from pyhanko.sign.timestamps import TimeStamper
from pyhanko.sign.validation.generic_cms import validate_tst_signed_data
from pyhanko.sign.validation.status import TimestampSignatureStatus
from pyhanko_certvalidator import ValidationContext

from egide.errors import ConfigError, UnavailableError

__all__ = ["Authority", "the_authority"]

_TIMEOUT_S: Final = 10.0  # for all of it
_LARGEST: Final = 64 * 1024


class Authority(TimeStamper):
    """Asks one authority over HTTP. No redirect is followed, no proxy of the environment used."""

    def __init__(self, url: str, root: x509.Certificate) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._url, self._root = url, root

    @property
    def name(self) -> str:
        """How a document calls it."""
        return urlsplit(self._url).hostname or ""

    async def async_request_tsa_response(self, req: tsp.TimeStampReq) -> tsp.TimeStampResp:
        """Raises UnavailableError: it does not answer, or not as RFC 3161 says."""
        headers = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}
        headers["Accept-Encoding"] = "identity"  # what is counted is what came
        try:
            async with (
                asyncio.timeout(_TIMEOUT_S),
                httpx.AsyncClient(timeout=_TIMEOUT_S, trust_env=False, follow_redirects=False) as client,
                client.stream("POST", self._url, content=req.dump(), headers=headers) as answer,
            ):
                return tsp.TimeStampResp.load(await _body(answer), strict=True)
        except (httpx.HTTPError, TimeoutError, ValueError, TypeError) as err:
            raise UnavailableError("the time-stamp authority does not answer") from err

    async def async_timestamp(self, message_digest: bytes, md_algorithm: str) -> cms.ContentInfo:
        """A token for this digest, signed under the pinned certificate. Raises UnavailableError."""
        try:
            token = await super().async_timestamp(message_digest, md_algorithm)
            trust = ValidationContext(trust_roots=[self._root], allow_fetching=False)
            said = await validate_tst_signed_data(token["content"], trust, lambda _: message_digest)
            held = TimestampSignatureStatus(**said)
        except UnavailableError:
            raise
        except Exception as err:  # its own errors have many roots
            raise UnavailableError("the time-stamp authority's answer does not hold") from err
        if not held.trusted:
            raise UnavailableError("the time-stamp authority's answer does not hold")
        return token


async def _body(answer: httpx.Response) -> bytes:
    """What it answered; no more of it is read than a stamp may be long. Raises UnavailableError."""
    body = bytearray()
    async for piece in answer.aiter_bytes():
        body += piece
        if len(body) > _LARGEST:
            break
    if answer.status_code != 200 or len(body) > _LARGEST:
        raise UnavailableError("the time-stamp authority gave no stamp")
    return bytes(body)


def the_authority() -> Authority | None:
    """The one that the settings name; None when they name none. Raises ConfigError: no certificate to check it by."""
    options = settings.OPTIONS
    if not options.tsa_url:
        return None
    try:
        data = Path(options.tsa_ca).read_bytes()
        return Authority(options.tsa_url, x509.Certificate.load(pem.unarmor(data)[2]))
    except (OSError, ValueError, TypeError) as err:
        raise ConfigError("tsa_ca is the PEM file of the time-stamp authority's certificate") from err

