"""TLS towards the platform: version 1.3, and no authority but the CA root that the claim pinned."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cryptography import x509

from egide.errors import IdentityError, KeyMissingError

__all__ = ["client_context", "require_in_force", "unverified_context"]

_NO_CHECK_TIME: Final = 0x200000  # X509_V_FLAG_NO_CHECK_TIME: the standard library has no name for it


def unverified_context() -> ssl.SSLContext:
    """For one request only: to fetch the CA certificates, which are then checked against the claim's hash."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def client_context(
    roots: list[bytes], *, certificate: Path | None = None, key: Path | None = None
) -> ssl.SSLContext:
    """A context that trusts `roots` (DER) alone and checks the server's name, but no date.

    OpenSSL would judge dates by the machine's wall clock, which is often dead in an object:
    `require_in_force` judges them by the time that the platform signed. With `certificate` (PEM chain) and
    `key` (PEM), the object says who it is.

    Raises:
        KeyMissingError: the certificate or the key cannot be read, or do not belong together.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_verify_locations(cadata="".join(ssl.DER_cert_to_PEM_cert(root) for root in roots))
    context.verify_flags = ssl.VerifyFlags(context.verify_flags | _NO_CHECK_TIME)
    if certificate is not None and key is not None:
        try:
            context.load_cert_chain(certificate, key)
        except (OSError, ssl.SSLError) as err:
            raise KeyMissingError("the object's certificate and key cannot be used together") from err
    return context


def require_in_force(connection: ssl.SSLObject | ssl.SSLSocket, now_ms: int) -> None:
    """Check the dates of the server's certificate by our own clock.

    Raises:
        IdentityError: none was shown, it has expired, or is not valid yet.
    """
    der = connection.getpeercert(True)
    if not der:
        raise IdentityError("the server showed no certificate")
    certificate = x509.load_der_x509_certificate(der)
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        raise IdentityError("the server's certificate is not in force")
