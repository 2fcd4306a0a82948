"""Enrolment over Secure Transport (RFC 7030, corrected by RFC 8951): three addresses, plain `curl` works.

- GET  /.well-known/est/cacerts         the CA certificates, for whoever holds a claim that pins the root
- POST /.well-known/est/simpleenroll    HTTP Basic: the claim's id and its code; a base64 PKCS#10 request
- POST /.well-known/est/simplereenroll  the current certificate, by TLS; a base64 PKCS#10 request
"""

from __future__ import annotations

import base64
import binascii
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs7 import serialize_certificates
from django.http import HttpRequest, HttpResponse

from egide.cloud.fleet.ca import issuing_certificate, root_certificate
from egide.cloud.fleet.enrolment import enrol, renew
from egide.cloud.fleet.peers import address_of, require_peer
from egide.cloud.http import now_ms, objects_view, read_body
from egide.errors import ClaimError, MalformedError, TooLargeError
from egide.trust.limits import LIMITS

__all__ = ["cacerts", "decode_request", "parse_basic", "simpleenroll", "simplereenroll"]

_MAX_BODY: Final = LIMITS.csr * 3 // 2  # base64 and its line ends
_MAX_CREDENTIALS: Final = 512


def parse_basic(header: str) -> tuple[str, str]:
    """The user and the password of an Authorization header (RFC 7617).

    Raises:
        ClaimError: none was given. MalformedError, TooLargeError: not of the Basic form.
    """
    if not header:
        raise ClaimError("this needs a claim: its id and its code, by HTTP Basic")
    if len(header) > _MAX_CREDENTIALS:
        raise TooLargeError("the credentials are too long")
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "basic":
        raise MalformedError("a claim is given by HTTP Basic")
    try:
        user, colon, password = base64.b64decode(token.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError) as err:
        raise MalformedError("the credentials are not base64 of text") from err
    if not colon:
        raise MalformedError("the credentials are not user:password")
    return user, password


def decode_request(body: bytes) -> bytes:
    """The DER of a base64 request, white space aside (RFC 8951, section 3.1). Raises MalformedError."""
    try:
        return base64.b64decode(b"".join(body.split()), validate=True)
    except (binascii.Error, ValueError) as err:
        raise MalformedError("a request is base64 of a PKCS#10 in DER") from err


@objects_view("GET")
def cacerts(_: HttpRequest) -> HttpResponse:
    """The root and the issuing CA (RFC 7030, section 4.1)."""
    return _pkcs7([root_certificate(), issuing_certificate()], "application/pkcs7-mime")


@objects_view("POST")
def simpleenroll(request: HttpRequest) -> HttpResponse:
    """A first certificate, by a claim (section 4.2.1). The answer holds only it, as 4.2.3 says."""
    claim_id, code = parse_basic(request.headers.get("Authorization", ""))
    csr = decode_request(read_body(request, _MAX_BODY, "a certificate request"))
    got = enrol(claim_id, code, csr, address_of(request), now_ms())
    return _issued(got.certificate)


@objects_view("POST")
def simplereenroll(request: HttpRequest) -> HttpResponse:
    """The next certificate, by the current one (section 4.2.2)."""
    at = now_ms()
    current = require_peer(request, now_ms=at)
    csr = decode_request(read_body(request, _MAX_BODY, "a certificate request"))
    return _issued(renew(bytes(current.sha256), csr, at).certificate)


def _issued(certificate: bytes) -> HttpResponse:
    loaded = x509.load_der_x509_certificate(certificate)
    return _pkcs7([loaded], "application/pkcs7-mime; smime-type=certs-only")


def _pkcs7(certificates: list[x509.Certificate], content_type: str) -> HttpResponse:
    data = base64.encodebytes(serialize_certificates(certificates, Encoding.DER))
    response = HttpResponse(data, content_type=content_type)
    response["Content-Transfer-Encoding"] = "base64"
    return response
