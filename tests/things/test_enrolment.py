"""Enrolment: whom the object believes before it shows its code, and what it takes for its certificate."""

from __future__ import annotations

import base64
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from egide.errors import CertificateExpiredError, EgideError, IdentityError
from egide.things.enrolment import certificate_request, enrol, fetch_root, read_chain
from egide.things.https import Https
from egide.things.keys import FileSigner
from egide.trust.claim import ClaimTicket, code_text
from egide.trust.cose import SoftwareSigner
from egide.trust.identity import ca_pin, parse_csr
from tests.support.proofs import DAY_MS, START_MS, TestCA, ed25519_signer, p256_signer

CA = TestCA()
OTHER = TestCA("Another root")
ROOT = x509.load_der_x509_certificate(CA.root)
TICKET = ClaimTicket(
    url="https://platform.example", ca_sha256=ca_pin(ROOT), claim_id="7c9e6679-7425-40de-944b-e07fc1f90ae7",
    code=bytes(range(20)),
)  # fmt: skip


def https(handle: Callable[[httpx.Request], httpx.Response]) -> Https:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return Https(TICKET.url, context, transport=httpx.MockTransport(handle))


def certificates(*ders: bytes) -> bytes:
    """A certs-only PKCS#7, base64 with line breaks, as EST servers send it."""
    found = [x509.load_der_x509_certificate(der) for der in ders]
    return base64.encodebytes(pkcs7.serialize_certificates(found, Encoding.DER))


def serving(*ders: bytes) -> Callable[[], Https]:
    return lambda: https(lambda _: httpx.Response(200, content=certificates(*ders)))


def test_the_root_is_the_one_whose_key_the_claim_names() -> None:
    """Whatever else the server shows, in any order."""
    issuing = CA.issuing.certificate.public_bytes(Encoding.DER)
    assert fetch_root(TICKET, connect=serving(OTHER.root, issuing, CA.root)) == CA.root


@pytest.mark.parametrize("body", [certificates(OTHER.root), b"", b"rubbish", base64.encodebytes(b"rubbish")])
def test_a_server_that_does_not_show_that_root_gets_no_code(body: bytes) -> None:
    """A man in the middle with a CA of his own is stopped before anything secret is said."""
    with pytest.raises(EgideError):
        fetch_root(TICKET, connect=lambda: https(lambda _: httpx.Response(200, content=body)))


@pytest.mark.parametrize("kind", ["p256", "ed25519"])
def test_a_request_is_one_that_openssl_and_the_platform_accept(tmp_path: Path, kind: str) -> None:
    """PKCS#10 written here, for a file's key as for a token's, signed by the key it carries."""
    signer = FileSigner.create(tmp_path / "key.pem", kind=kind)
    request = certificate_request(signer)
    assert parse_csr(request).public_key.spki == signer.public_key.spki
    checked = subprocess.run(
        ["openssl", "req", "-inform", "DER", "-verify", "-noout"],
        input=request,
        capture_output=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr


def test_enrolment_shows_the_claim_and_takes_the_certificate_for_its_key() -> None:
    """HTTP Basic with the claim's id and code; the CAs above come from where EST gives them."""
    signer, seen = p256_signer(), []
    leaf, issuing = CA.object(signer.public_key)

    def handle(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("cacerts"):
            return httpx.Response(200, content=certificates(CA.root, issuing))
        seen.append(request)
        return httpx.Response(200, content=certificates(leaf))

    issued = enrol(https(handle), TICKET, signer, CA.root, at_ms=START_MS + DAY_MS)
    assert issued.chain == (leaf, issuing)
    assert issued.pem().count(b"BEGIN CERTIFICATE") == 2
    expected = base64.b64encode(f"{TICKET.claim_id}:{code_text(TICKET.code)}".encode()).decode()
    assert seen[0].headers["authorization"] == f"Basic {expected}"
    assert parse_csr(base64.b64decode(seen[0].content)).public_key.spki == signer.public_key.spki


def chain_for(signer: SoftwareSigner, ca: TestCA = CA) -> list[bytes]:
    return list(ca.object(signer.public_key))


def test_a_certificate_for_another_key_is_not_taken() -> None:
    """Nor is none, nor one of another CA."""
    signer = ed25519_signer()
    for ders in (chain_for(p256_signer()), [CA.root], chain_for(signer, OTHER)):
        with pytest.raises(IdentityError):
            read_chain(ders, signer, [CA.root], at_ms=START_MS + DAY_MS)


def test_a_platform_certificate_is_not_an_objects() -> None:
    """The usage is part of the profile."""
    signer = ed25519_signer()
    with pytest.raises(IdentityError):
        read_chain(list(CA.platform(signer.public_key)), signer, [CA.root], at_ms=START_MS + DAY_MS)


def test_an_expired_certificate_is_not_taken() -> None:
    """By the time that the platform signed, not by the machine's clock."""
    signer = ed25519_signer()
    with pytest.raises(CertificateExpiredError):
        read_chain(chain_for(signer), signer, [CA.root], at_ms=START_MS + 91 * DAY_MS)


def test_a_root_of_the_same_name_with_another_key_is_not_pinned() -> None:
    """The hash is of the key."""
    key = ec.generate_private_key(ec.SECP256R1())
    assert ca_pin(ROOT) != SoftwareSigner(key).public_key.thumbprint
    with pytest.raises(IdentityError):
        fetch_root(TICKET, connect=serving(TestCA().root))
