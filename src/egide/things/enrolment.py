"""Enrol by a claim (EST, RFC 7030): the object makes its key, the platform gives it a name and a certificate.

1. The claim carries the SHA-256 of the CA root's public key. A first connection, believed in nothing,
   fetches the CA certificates; the one whose key has that hash is pinned, or enrolment stops.
2. Every later connection is TLS 1.3 to a server that the pinned root vouches for: only then is the code
   shown.
3. The certificate that comes back is checked like anybody's, and must be for our key.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, pkcs7

from egide.errors import EgideError, IdentityError, decoding
from egide.things.https import Https
from egide.things.pinned import unverified_context
from egide.trust.claim import ClaimTicket, code_text
from egide.trust.cose import ES256, Signer
from egide.trust.identity import Usage, VerifiedCertificate, ca_pin, parse_certificate, verify_chain

__all__ = ["Issued", "certificate_request", "enrol", "fetch_root", "read_chain", "renew"]

_ECDSA_SHA256: Final = bytes.fromhex("300a06082a8648ce3d040302")
_ED25519: Final = bytes.fromhex("300506032b6570")


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A certificate that was checked, and its chain: DER, leaf first, without the root."""

    certificate: VerifiedCertificate
    chain: tuple[bytes, ...]

    def pem(self) -> bytes:
        return b"".join(x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM) for der in self.chain)


def fetch_root(ticket: ClaimTicket, *, connect: Callable[[], Https] | None = None) -> bytes:
    """The CA root (DER) whose public key has the claim's SHA-256.

    Raises:
        IdentityError: the server does not show it: somebody stands in between, or the claim is another
            platform's.
        UnavailableError: the server cannot be reached.
    """
    https = connect() if connect is not None else Https(ticket.url, unverified_context())
    try:
        shown = _certificates(https.est("cacerts"))
    finally:
        https.close()
    for der in shown:
        try:
            if ca_pin(parse_certificate(der)) == ticket.ca_sha256:
                return der
        except EgideError:
            continue
    raise IdentityError("the server's CA is not the one that the claim names")


def enrol(https: Https, ticket: ClaimTicket, signer: Signer, root: bytes, *, at_ms: int) -> Issued:
    """Ask for a certificate with the claim's id and code, once, over a connection that the pinned root
    vouches for.

    Raises:
        ClaimError: unknown, used, expired, or a wrong code. TooManyTriesError: wait.
        IdentityError, SignatureError, MalformedError: what came back is not a certificate for this key.
    """
    body = https.est("simpleenroll", _request(signer), auth=(ticket.claim_id, code_text(ticket.code)))
    return read_chain(_with_authorities(https, body), signer, [root], at_ms=at_ms)


def renew(https: Https, signer: Signer, roots: list[bytes], *, at_ms: int) -> Issued:
    """Ask for a new certificate, the present one being shown by TLS. Raises as `enrol`."""
    body = https.est("simplereenroll", _request(signer))
    return read_chain(_with_authorities(https, body), signer, roots, at_ms=at_ms)


def _with_authorities(https: Https, body: bytes) -> list[bytes]:
    """What was issued, and the CAs above it, which the answer need not carry (RFC 7030, section 4.2.3)."""
    return list(dict.fromkeys([*_certificates(body), *_certificates(https.est("cacerts"))]))


def read_chain(certificates: list[bytes], signer: Signer, roots: list[bytes], *, at_ms: int) -> Issued:
    """Find, among certificates (DER, any order), the one for our key, and check its chain.

    Raises:
        IdentityError, CertificateExpiredError, SignatureError, MalformedError: there is none, or it does
            not verify.
    """
    mine = [der for der in certificates if _spki(der) == signer.public_key.spki]
    if len(mine) != 1:
        raise IdentityError("the platform gave no certificate for this object's key")
    others = [der for der in certificates if der != mine[0]]
    certificate = verify_chain(mine[0], others, roots, at_ms=at_ms, usage=Usage.OBJECT)
    return Issued(certificate=certificate, chain=(mine[0], *(der for der in others if der not in roots)))


def certificate_request(signer: Signer) -> bytes:
    """A PKCS#10 request (RFC 2986), DER, for any signer; its subject is empty: the platform gives the
    name.
    """
    info = _der(0x30, b"\x02\x01\x00", _der(0x30), signer.public_key.spki, _der(0xA0))
    signature = signer.sign(info)
    if signer.alg == ES256:
        algorithm = _ECDSA_SHA256
        signature = encode_dss_signature(
            int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        )
    else:
        algorithm = _ED25519
    return _der(0x30, info, algorithm, _der(0x03, b"\x00", signature))


def _request(signer: Signer) -> bytes:
    return base64.encodebytes(certificate_request(signer))


def _der(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    if len(body) < 128:
        return bytes((tag, len(body))) + body
    length = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + body


def _certificates(body: bytes) -> list[bytes]:
    """The certificates of a certs-only PKCS#7 in base64 (RFC 7030, section 4.1.3)."""
    with decoding("the server's certificates"):
        found = pkcs7.load_der_pkcs7_certificates(base64.b64decode(body, validate=False))
        return [certificate.public_bytes(Encoding.DER) for certificate in found]


def _spki(der: bytes) -> bytes:
    with decoding("a certificate"):
        key = parse_certificate(der).public_key()
        return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
