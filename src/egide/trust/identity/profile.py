"""What our certificates carry, for those that write them and those that check them."""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from egide.errors import MalformedError, decoding

#: The platform's extended key usage, in the arc of UUIDs (ITU-T X.667): no server or object passes for it.
PLATFORM_EKU: Final = x509.ObjectIdentifier("2.25.118325992295416301245265278784948211323")


class Usage(enum.Enum):
    """What a leaf is for; the value is its only extended key usage."""

    OBJECT = ExtendedKeyUsageOID.CLIENT_AUTH
    PLATFORM = PLATFORM_EKU


#: Extension -> critical?, exactly, by kind of certificate.
LEAF_EXTENSIONS: Final = {
    ExtensionOID.BASIC_CONSTRAINTS: True,
    ExtensionOID.KEY_USAGE: True,
    ExtensionOID.EXTENDED_KEY_USAGE: False,
    ExtensionOID.SUBJECT_ALTERNATIVE_NAME: False,
    ExtensionOID.SUBJECT_KEY_IDENTIFIER: False,
    ExtensionOID.AUTHORITY_KEY_IDENTIFIER: False,
}
CA_EXTENSIONS: Final = {
    ExtensionOID.BASIC_CONSTRAINTS: True,
    ExtensionOID.KEY_USAGE: True,
    ExtensionOID.SUBJECT_KEY_IDENTIFIER: False,
    ExtensionOID.AUTHORITY_KEY_IDENTIFIER: False,
}


def key_usage(*, ca: bool) -> x509.KeyUsage:
    """A leaf signs; a CA signs certificates and revocation lists; neither does anything else."""
    return x509.KeyUsage(
        digital_signature=not ca,
        key_cert_sign=ca,
        crl_sign=ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def key_identifier(key: CertificatePublicKeyTypes) -> x509.SubjectKeyIdentifier:
    """The first 160 bits of SHA-256 of the SubjectPublicKeyInfo (RFC 7093, section 2, method 4 shortened)."""
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return x509.SubjectKeyIdentifier(hashlib.sha256(spki).digest()[:20])


def when(ms: int) -> datetime:
    """X.509 counts in seconds: the fraction is dropped."""
    return datetime.fromtimestamp(ms // 1000, UTC)


def to_ms(at: datetime) -> int:
    return int(at.timestamp()) * 1000


def require_whole_signature(der: bytes, signature: bytes) -> None:
    """Raises MalformedError unless `der` ends with `signature`, as a BIT STRING with no unused bit.

    cryptography does not look at the number of unused bits: a byte that anyone could change.
    """
    if not der.endswith(bytes((0x03, len(signature) + 1, 0x00)) + signature):
        raise MalformedError("a signature is not in its only form")


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Turn what cryptography raises on untrusted DER, warnings included, into `MalformedError`."""
    try:
        with decoding(what):
            yield
    except (
        UnsupportedAlgorithm, x509.InvalidVersion, x509.DuplicateExtension, x509.ExtensionNotFound,
        x509.UnsupportedGeneralNameType, Warning,
    ) as err:
        raise MalformedError(f"{what} cannot be decoded") from err
