"""Who is at the other end: the certificate that TLS has proved, or nobody.

The certificate comes from the socket and from nowhere else: no header can name an object.
"""

from __future__ import annotations

import hashlib

from django.http import HttpRequest

from egide.cloud.fleet.enrolment import require_certificate
from egide.cloud.fleet.models import Certificate
from egide.errors import IdentityError

__all__ = ["address_of", "peer_certificate", "require_peer"]


def peer_certificate(request: HttpRequest) -> bytes | None:
    """The client's certificate (DER), whose chain and possession the TLS handshake has checked."""
    read = getattr(request.META.get("gunicorn.socket"), "getpeercert", None)
    return read(binary_form=True) if callable(read) else None


def require_peer(request: HttpRequest, *, now_ms: int) -> Certificate:
    """The object that calls, whose certificate is enrolled and in force.

    Raises:
        IdentityError, CertificateRevokedError, CertificateExpiredError.
    """
    der = peer_certificate(request)
    if der is None:
        raise IdentityError("this needs the object's certificate")
    return require_certificate(hashlib.sha256(der).digest(), now_ms=now_ms)


def address_of(request: HttpRequest) -> str:
    """The address of the connection itself; what a header says of it is not believed."""
    return str(request.META.get("REMOTE_ADDR", ""))
