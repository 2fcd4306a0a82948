"""Claims, certificates and the server's time (docs/spec/enrolment.md)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from world import ALICE, BOB, OBJECT, PLATFORM, START_MS, URN, bytes_of

from egide.trust.claim import ClaimTicket, code_text
from egide.trust.identity import (
    Authority,
    issue_object,
    issue_platform,
    issue_server,
    make_issuing,
    make_root,
)
from egide.trust.servertime import sign_time

DAY_MS: Final = 86_400_000
END_MS: Final = START_MS + 90 * DAY_MS
Vector = dict[str, Any]


def _authority(name: str) -> tuple[Authority, Authority]:
    """A root and its issuing CA, of ten years."""
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    when: dict[str, Any] = {"not_before_ms": START_MS, "days": 3650}
    root = Authority(certificate=make_root(f"{name} root", keys[0], serial=1, **when), key=keys[0])
    issuing = make_issuing(root, f"{name} issuing", keys[1].public_key(), serial=2, **when)
    return root, Authority(certificate=issuing, key=keys[1])


def enrolment() -> Iterator[Vector]:
    """Every vector of this family."""
    yield from _claims()
    root, issuing = _authority("Egide")
    yield from _certificates(root, issuing)
    yield from _times(root, issuing)


def _claims() -> Iterator[Vector]:
    ticket = ClaimTicket(
        url="https://egide.example.org:8443", ca_sha256=bytes_of("pin"), claim_id=PLATFORM,
        code=bytes_of("code", 20),
    )  # fmt: skip
    text = ticket.text()
    for name, url in (("a-claim", ticket.url), ("without-a-port", "https://localhost"), ("ipv6", "https://[::1]:1")):
        yield {
            "name": name, "kind": "claim", "expect": "ok", "text": text.replace(ticket.url, url), "url": url,
            "pin": ticket.ca_sha256.hex(), "claim": PLATFORM, "code": ticket.code.hex(),
        }  # fmt: skip
    bad = {
        "in-clear": text.replace("https", "http"),
        "with-a-path": text.replace("8443", "8443/x"),
        "no-such-port": text.replace("8443", "65536"),
        "another-order": text.replace("egide:enrol?u=", "egide:enrol?c=x&u="),
        "capitals-in-the-code": text.replace(code_text(ticket.code), code_text(ticket.code).upper()),
        "a-code-too-short": text[:-1],
        "something-more": text + "&x=1",
    }
    for name, wrong in bad.items():
        yield {"name": f"claim-{name}", "kind": "claim", "expect": "malformed", "text": wrong}


def _certificates(root: Authority, issuing: Authority) -> Iterator[Vector]:
    times: dict[str, Any] = {"not_before_ms": START_MS, "not_after_ms": END_MS, "serial": 3}
    good = {
        "p256": issue_object(issuing, ALICE.public_key, uri=URN + OBJECT, **times),
        "ed25519": issue_object(issuing, BOB.public_key, uri=URN + OBJECT, **times),
    }
    for name, leaf in good.items():
        yield _identity(f"an-object-{name}", leaf, root, issuing)
    leaf = good["p256"]
    yield _identity("in-its-last-second", leaf, root, issuing, at_ms=END_MS + 999)
    yield _identity("expired", leaf, root, issuing, expect="certificate-expired", at_ms=END_MS + 1_000)
    yield _identity("not-valid-yet", leaf, root, issuing, expect="identity-unknown", at_ms=START_MS - 1_000)
    yield _identity("another-root", leaf, _authority("Egide")[0], issuing, expect="identity-unknown")
    for name, other in _others(issuing, times).items():
        yield _identity(name, other, root, issuing, expect="identity-unknown")
    yield from _altered(root, issuing, times)


def _others(issuing: Authority, times: dict[str, Any]) -> dict[str, x509.Certificate]:
    """Signed by the issuing CA, and no object's."""
    return {
        "the-platform": issue_platform(issuing, BOB.public_key, uri=URN + OBJECT, **times),
        "a-server": issue_server(issuing, BOB.public_key, names=["localhost"], **times),
        "one-extension-too-many": _again(
            issuing, issue_object(issuing, BOB.public_key, uri=URN + OBJECT, **times), x509.OCSPNoCheck()
        ),
    }


def _again(issuing: Authority, like: x509.Certificate, more: x509.ExtensionType) -> x509.Certificate:
    """`like`, with one extension more."""
    builder = (
        x509.CertificateBuilder().subject_name(like.subject).issuer_name(like.issuer)
        .public_key(like.public_key()).serial_number(like.serial_number)
        .not_valid_before(like.not_valid_before_utc).not_valid_after(like.not_valid_after_utc)
    )  # fmt: skip
    for each in like.extensions:
        builder = builder.add_extension(each.value, critical=each.critical)
    return builder.add_extension(more, critical=False).sign(issuing.key, hashes.SHA256())


def _altered(root: Authority, issuing: Authority, times: dict[str, Any]) -> Iterator[Vector]:
    """Bytes that nobody signed so."""
    leaf = issue_object(issuing, BOB.public_key, uri=URN + OBJECT, **times)
    while leaf.signature[-1] & 1:  # so that an unused bit of the BIT STRING would be zero
        leaf = issue_object(issuing, BOB.public_key, uri=URN + OBJECT, **times)
    der = leaf.public_bytes(Encoding.DER)
    count = len(der) - len(leaf.signature) - 1
    tbs = der.index(OBJECT.encode())
    altered = {
        "an-unused-bit": (der[:count] + b"\x01" + der[count + 1 :], "malformed"),
        "a-byte-more": (der + b"\x00", "malformed"),
        "another-serial": (der.replace(b"\xa0\x03\x02\x01\x02\x02\x01\x03", b"\xa0\x03\x02\x01\x02\x02\x01\x04"),
                           "signature-invalid"),
        "another-subject": (der[:tbs] + b"0" + der[tbs + 1 :], "identity-unknown"),
    }  # fmt: skip
    for name, (data, expect) in altered.items():
        vector = _identity(f"altered-{name}", leaf, root, issuing, expect=expect)
        yield {**vector, "leaf": data.hex()}


def _identity(
    name: str,
    leaf: x509.Certificate,
    root: Authority,
    issuing: Authority,
    *,
    expect: str = "ok",
    at_ms: int = START_MS,
) -> Vector:
    def der(certificate: x509.Certificate) -> str:
        return certificate.public_bytes(Encoding.DER).hex()

    vector: Vector = {
        "name": name, "kind": "identity", "expect": expect, "leaf": der(leaf), "at_ms": at_ms,
        "chain": [der(issuing.certificate)], "root": der(root.certificate),
    }  # fmt: skip
    if expect == "ok":
        vector |= {
            "uri": URN + OBJECT, "sha256": leaf.fingerprint(hashes.SHA256()).hex(),
            "not_after_ms": int(leaf.not_valid_after_utc.timestamp()) * 1000,
        }  # fmt: skip
    return vector


def _times(root: Authority, issuing: Authority) -> Iterator[Vector]:
    platform = issue_platform(
        issuing, BOB.public_key, uri=URN + PLATFORM, not_before_ms=START_MS, not_after_ms=END_MS, serial=5
    )
    chain = [each.public_bytes(Encoding.DER) for each in (platform, issuing.certificate)]
    nonce, at_ms = bytes_of("nonce", 24), START_MS + 123
    good: Vector = {
        "name": "the-server-s-time", "kind": "server-time", "expect": "ok", "nonce": nonce.hex(),
        "answer": sign_time(nonce, at_ms, BOB, chain).hex(), "unix_ms": at_ms, "platform": URN + PLATFORM,
        "root": root.certificate.public_bytes(Encoding.DER).hex(),
    }  # fmt: skip
    yield good
    yield {**good, "name": "time-for-another-nonce", "expect": "signature-invalid", "nonce": bytes(24).hex()}
    late = sign_time(nonce, END_MS + DAY_MS, BOB, chain).hex()
    yield {**good, "name": "time-after-the-certificate", "expect": "certificate-expired", "answer": late}
    mine = issue_object(
        issuing, BOB.public_key, uri=URN + OBJECT, not_before_ms=START_MS, not_after_ms=END_MS, serial=6
    )
    told = sign_time(nonce, at_ms, BOB, [mine.public_bytes(Encoding.DER), chain[1]]).hex()
    yield {**good, "name": "time-by-an-object", "expect": "identity-unknown", "answer": told}
    changed = bytearray.fromhex(good["answer"])
    changed[-1] ^= 1
    yield {**good, "name": "time-with-another-signature", "expect": "signature-invalid", "answer": changed.hex()}
