"""The platform's own key: it signs what the platform says, never what an object measured."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from django.conf import settings

from egide.errors import KeyMissingError
from egide.trust.cose import SoftwareSigner

__all__ = ["Platform", "log_signer", "platform"]


@dataclass(frozen=True, slots=True)
class Platform:
    """The signer, its URI (urn:uuid:...) and its chain, leaf first, in DER (without the root)."""

    signer: SoftwareSigner
    uri: str
    chain: tuple[bytes, ...]


@functools.cache
def platform() -> Platform:
    """Raises KeyMissingError in a process that has no right to it."""
    options = settings.OPTIONS
    key = load_pem_private_key(options.read_key("platform.key"), None)
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyMissingError("platform.key is not an Ed25519 key")
    certificates = x509.load_pem_x509_certificates(options.read_key("platform.pem"))
    names = certificates[0].extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    uri = names.get_values_for_type(x509.UniformResourceIdentifier)[0]
    return Platform(SoftwareSigner(key), uri, tuple(c.public_bytes(Encoding.DER) for c in certificates))


@functools.cache
def log_signer(log_id: int) -> SoftwareSigner:
    """The key of one epoch of the register. Raises KeyMissingError in a process that has no right to it."""
    seed = settings.OPTIONS.read_key(f"log-{log_id}.key")
    if len(seed) != 32:
        raise KeyMissingError("a log's key is 32 bytes")
    return SoftwareSigner(Ed25519PrivateKey.from_private_bytes(seed))
