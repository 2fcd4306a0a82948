"""The certificate authority of this platform, read once from the keys folder.

Only what issues needs the issuing key: the objects' listener and the commands. The root's key stays unread.
"""

from __future__ import annotations

import functools

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from django.conf import settings

from egide.errors import KeyMissingError
from egide.trust.identity import Authority

__all__ = ["authority", "issuing_certificate", "root_certificate", "to_der"]


def to_der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def _read(name: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(settings.OPTIONS.read_key(name))
    except ValueError as err:
        raise KeyMissingError(f"{name} is not a certificate") from err


@functools.cache
def root_certificate() -> x509.Certificate:
    return _read("ca-root.pem")


@functools.cache
def issuing_certificate() -> x509.Certificate:
    return _read("ca-issuing.pem")


@functools.cache
def authority() -> Authority:
    """The issuing CA with its key. Raises KeyMissingError in a process that has no right to it."""
    try:
        key = load_pem_private_key(settings.OPTIONS.read_key("ca-issuing.key"), None)
    except (ValueError, TypeError) as err:
        raise KeyMissingError("ca-issuing.key is not a key") from err
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise KeyMissingError("ca-issuing.key is not a P-256 key")
    return Authority(certificate=issuing_certificate(), key=key)
