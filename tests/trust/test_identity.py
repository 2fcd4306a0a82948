"""A certificate is ours in every detail, or it is refused."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import example, given
from hypothesis import strategies as st

from egide.errors import (
    CertificateExpiredError,
    EgideError,
    IdentityError,
    MalformedError,
    SignatureError,
    TooLargeError,
)
from egide.trust.cose import PublicKey
from egide.trust.identity import (
    PLATFORM_EKU,
    Authority,
    Usage,
    VerifiedCertificate,
    ca_pin,
    issue_object,
    issue_platform,
    issue_server,
    make_issuing,
    make_root,
    parse_certificate,
    verify_chain,
)
from egide.trust.identity.profile import key_usage
from egide.trust.limits import LIMITS
from tests.support.pki import DAY, OBJECT, START, URI, Forgery, TestPki, der, make_pki

V1 = (
    "MIIBFTCBuwIUOzDHiHSZQiyCeugQBzFpUgAwO5gwCgYIKoZIzj0EAwIwDDEKMAgGA1UEAwwBeDAgFw0yNjExMjEyMzUxMDJa"
    "GA8yMTI2MTAyODIzNTEwMlowDDEKMAgGA1UEAwwBeDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABPAdkeIFz4BLHkOqyq4k"
    "64sO+bvxDL8o6f/w+Jh2pYw3+qwmck9YfMtow0zVd0WuVImbIe0AI7cKYPVxBpqFJXYwCgYIKoZIzj0EAwIDSQAwRgIhAKQO"
    "Yvd6FQfJ2M1ah+AMp2HIw3AKn4K5etkCDMPceFWaAiEAwH4TT0xHDov134XVjTaDL1dQPabOaNPJyYjM4w+K/co="
)
P384 = ec.generate_private_key(ec.SECP384R1())
RSA = rsa.generate_private_key(65537, 2048)


@pytest.fixture
def pki() -> TestPki:
    return make_pki()


def _forge(**changes: Any) -> x509.Certificate:
    """A leaf under the test issuing CA, changed."""
    issuing = make_pki().issuing
    return Forgery(issuer=issuing.certificate.subject, issuer_key=issuing.key, **changes).sign()


def _verify(
    leaf: x509.Certificate, pki: TestPki, *, at_ms: int = START, usage: Usage = Usage.OBJECT
) -> VerifiedCertificate:
    return verify_chain(der(leaf), pki.chain, pki.roots, at_ms=at_ms, usage=usage)


@pytest.mark.parametrize("kind", ["p256", "ed25519"])
def test_an_object_s_certificate_names_it(pki: TestPki, kind: str) -> None:
    """Both kinds of key give a name, a key, a period and the hash that envelopes carry."""
    key = PublicKey(
        ec.generate_private_key(ec.SECP256R1()).public_key() if kind == "p256" else pki.key.public_key()
    )
    leaf = pki.leaf(key=key)
    found = _verify(leaf, pki)
    assert (found.uri, found.uuid, found.usage, found.serial) == (URI, OBJECT, Usage.OBJECT, 3)
    assert found.public_key.thumbprint == key.thumbprint
    assert found.sha256 == leaf.fingerprint(hashes.SHA256())
    assert (found.not_before_ms, found.not_after_ms) == (START, START + 90 * DAY)
    assert leaf.subject.rfc4514_string() == f"CN={OBJECT}"


def test_the_platform_s_certificate_has_a_usage_of_its_own(pki: TestPki) -> None:
    """No object passes for the platform, and the platform signs no measurement."""
    key = PublicKey(pki.key.public_key())
    platform = issue_platform(
        pki.issuing, key, uri=URI, not_before_ms=START, not_after_ms=START + DAY, serial=5
    )
    assert _verify(platform, pki, usage=Usage.PLATFORM).uri == URI
    for leaf, usage in ((platform, Usage.OBJECT), (pki.leaf(), Usage.PLATFORM)):
        with pytest.raises(IdentityError):
            _verify(leaf, pki, usage=usage)


def test_a_server_s_certificate_signs_nothing(pki: TestPki) -> None:
    """A server has DNS names and addresses, and its usage is neither an object's nor the platform's."""
    server = issue_server(
        pki.issuing, PublicKey(pki.key.public_key()), names=["localhost"], addresses=["127.0.0.1", "::1"],
        not_before_ms=START, not_after_ms=START + DAY, serial=6,
    )  # fmt: skip
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert [str(a) for a in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1"]
    for usage in Usage:
        with pytest.raises(IdentityError):
            _verify(server, pki, usage=usage)


def test_the_pin_is_the_root_s_key(pki: TestPki) -> None:
    """A claim pins the key: the SHA-256 of its SubjectPublicKeyInfo, however the certificate is renewed."""
    again = make_root("Another name", pki.root.key, not_before_ms=START, days=1, serial=9)
    assert ca_pin(again) == ca_pin(pki.root.certificate)
    assert ca_pin(pki.issuing.certificate) != ca_pin(pki.root.certificate)


FORGERIES: dict[str, dict[str, Any]] = {
    "another-curve": {"key": P384.public_key()},
    "rsa": {"key": RSA.public_key()},
    "a-ca": {"ca": True, "without": frozenset(), "more": ()},
    "a-ca-with-a-leaf-s-extensions": {
        "ca": True,
        "more": ((x509.OCSPNoCheck(), False),),
        "usage": key_usage(ca=False),
    },
    "may-sign-certificates": {"usage": key_usage(ca=True)},
    "no-usage": {"eku": [ExtendedKeyUsageOID.SERVER_AUTH]},
    "two-usages": {"eku": [ExtendedKeyUsageOID.CLIENT_AUTH, PLATFORM_EKU]},
    "any-usage": {"eku": [ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE]},
    "two-names": {"san": [x509.UniformResourceIdentifier(URI)] * 2},
    "a-host": {"san": [x509.DNSName("localhost")]},
    "a-web-address": {"san": [x509.UniformResourceIdentifier("https://example.org")], "subject": "x"},
    "capitals": {"san": [x509.UniformResourceIdentifier(URI.upper())]},
    "another-subject": {"subject": "3f0c8f7e-6a5b-4c3d-9e2f-1a0b9c8d7e60"},
    "one-extension-too-many": {"more": ((x509.OCSPNoCheck(), False),)},
    "an-unknown-critical-extension": {
        "more": ((x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3"), b"\x05\x00"), True),)
    },
    "no-authority-identifier": {"without": frozenset({x509.AuthorityKeyIdentifier})},
    "no-alternative-name": {"without": frozenset({x509.SubjectAlternativeName})},
    "key-usage-not-critical": {"critical": frozenset({x509.BasicConstraints})},
    "all-critical": {
        "critical": frozenset({x509.BasicConstraints, x509.KeyUsage, x509.SubjectAlternativeName})
    },
    "another-key-identifier": {"key_id": x509.SubjectKeyIdentifier(bytes(20))},
    "another-authority-identifier": {"authority_key": P384.public_key()},
    "another-algorithm": {"algorithm": hashes.SHA384()},
}


@pytest.mark.parametrize("change", FORGERIES.values(), ids=FORGERIES.keys())
def test_one_step_outside_the_profile_is_refused(pki: TestPki, change: dict[str, Any]) -> None:
    """Even signed by our own CA, a certificate that differs in one thing is not an identity."""
    assert _verify(_forge(), pki).uri == URI
    with pytest.raises((IdentityError, MalformedError)):
        _verify(_forge(**change), pki)


def test_a_ca_with_a_leaf_s_extensions_is_still_a_ca(pki: TestPki) -> None:
    """The same extensions as a leaf, and yet allowed to issue: refused."""
    ca = Forgery(
        issuer=pki.issuing.certificate.subject, issuer_key=pki.issuing.key, ca=True,
        usage=key_usage(ca=False), more=(),
    )  # fmt: skip
    leaf = replace(ca)
    made = [
        *leaf.extensions(),
        (x509.ExtendedKeyUsage(leaf.eku), False),
        (x509.SubjectAlternativeName(leaf.san), False),
    ]
    leaf.extensions = lambda: made  # type: ignore[method-assign]
    with pytest.raises(IdentityError, match="CA"):
        _verify(leaf.sign(), pki)


def test_the_chain_is_exactly_leaf_issuing_root(pki: TestPki) -> None:
    """Without the issuing CA, or with another root, or by the root itself, there is no chain."""
    leaf, other = der(pki.leaf()), make_pki("Other")
    broken: list[tuple[list[bytes], list[bytes]]] = [
        ([], pki.roots), (pki.chain, []), (pki.chain, other.roots), (other.chain, pki.roots),
    ]  # fmt: skip
    for chain, roots in broken:
        with pytest.raises(IdentityError):
            verify_chain(leaf, chain, roots, at_ms=START, usage=Usage.OBJECT)
    by_root = Forgery(issuer=pki.root.certificate.subject, issuer_key=pki.root.key).sign()
    with pytest.raises(IdentityError):
        verify_chain(der(by_root), pki.roots, pki.roots, at_ms=START, usage=Usage.OBJECT)
    # Order, and copies of the root, change nothing.
    chain, roots = [*pki.roots, *other.chain, *pki.chain], [*other.roots, *pki.roots]
    assert verify_chain(leaf, chain, roots, at_ms=START, usage=Usage.OBJECT).uri == URI


def test_a_ca_of_the_same_name_is_another_ca(pki: TestPki) -> None:
    """Names can be copied: the key identifier and the signature decide."""
    impostor = make_pki.__wrapped__("Test")
    with pytest.raises(IdentityError):
        _verify(impostor.leaf(), pki)
    # With the true CA's key identifier as well, only the signature is left.
    leaf = Forgery(
        issuer=pki.issuing.certificate.subject, issuer_key=impostor.issuing.key,
        authority_key=pki.issuing.key.public_key(),
    ).sign()  # fmt: skip
    with pytest.raises(SignatureError):
        _verify(leaf, pki)


def test_an_object_cannot_issue(pki: TestPki) -> None:
    """An enrolled P-256 object that signs a certificate for another has no effect."""
    key = ec.generate_private_key(ec.SECP256R1())
    mine = pki.leaf(key=PublicKey(key.public_key()))
    forged = Forgery(issuer=mine.subject, issuer_key=key).sign()
    with pytest.raises(IdentityError):
        verify_chain(der(forged), [der(mine), *pki.chain], pki.roots, at_ms=START, usage=Usage.OBJECT)
    with pytest.raises(IdentityError):
        verify_chain(der(forged), [der(mine)], [der(mine)], at_ms=START, usage=Usage.OBJECT)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"path_length": None}, id="no-depth"),
        pytest.param({"path_length": 1}, id="deeper"),
        pytest.param({"path_length": 0, "usage": key_usage(ca=False)}, id="may-not-sign"),
        pytest.param({"path_length": 0, "critical": frozenset({x509.KeyUsage})}, id="not-critical"),
    ],
)
def test_an_issuing_ca_has_its_profile_too(pki: TestPki, change: dict[str, Any]) -> None:
    """A CA that the root signed with other rights is not believed."""
    key = ec.generate_private_key(ec.SECP256R1())
    issuing = Forgery(
        issuer=pki.root.certificate.subject, issuer_key=pki.root.key, key=key.public_key(), ca=True,
        subject="Issuing", **change,
    ).sign()  # fmt: skip
    leaf = Forgery(issuer=issuing.subject, issuer_key=key).sign()
    with pytest.raises(IdentityError):
        verify_chain(der(leaf), [der(issuing)], pki.roots, at_ms=START, usage=Usage.OBJECT)


def test_a_ca_s_key_is_p256(pki: TestPki) -> None:
    """A stronger curve is not more welcome than a weaker one: one form, checked everywhere."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Issuing")])
    issuing = Forgery(
        issuer=pki.root.certificate.subject, issuer_key=pki.root.key, key=P384.public_key(), ca=True,
        path_length=0, subject="Issuing",
    ).sign()  # fmt: skip
    leaf = Forgery(issuer=subject, issuer_key=P384).sign()
    with pytest.raises(IdentityError):
        verify_chain(der(leaf), [der(issuing)], pki.roots, at_ms=START, usage=Usage.OBJECT)
    with pytest.raises(IdentityError):
        make_root("Root", P384, not_before_ms=START, days=1, serial=1)
    with pytest.raises(IdentityError):
        make_issuing(pki.root, "Issuing", P384.public_key(), not_before_ms=START, days=1, serial=1)
    with pytest.raises(IdentityError):
        ca_pin(issuing)


@pytest.mark.parametrize(
    ("at_ms", "error"),
    [
        pytest.param(START - 1, IdentityError, id="a-moment-before"),
        pytest.param(START, None, id="at-the-start"),
        pytest.param(START + 90 * DAY + 999, None, id="in-the-last-second"),
        pytest.param(START + 90 * DAY + 1000, CertificateExpiredError, id="a-second-after"),
        pytest.param(10**18, MalformedError, id="no-such-year"),
    ],
)
def test_a_certificate_counts_within_its_period(
    pki: TestPki, at_ms: int, error: type[EgideError] | None
) -> None:
    """Both ends belong to the period (RFC 5280, section 4.1.2.5), to the second."""
    leaf = pki.leaf()
    if error is None:
        assert _verify(leaf, pki, at_ms=at_ms).uri == URI
    else:
        with pytest.raises(error):
            _verify(leaf, pki, at_ms=at_ms)


def test_an_expired_ca_expires_what_it_signed(pki: TestPki) -> None:
    """A leaf that outlives its issuing CA, forged or not, ends with it."""
    leaf = _forge(end_ms=START + 5000 * DAY)
    with pytest.raises(CertificateExpiredError):
        _verify(leaf, pki, at_ms=START + 1001 * DAY)


def test_nothing_is_issued_outside_the_issuer_s_period(pki: TestPki) -> None:
    """Neither before it starts nor after it ends; and names have their form."""
    for period in ((START - 1000, START + DAY), (START, START + 1001 * DAY)):
        with pytest.raises(IdentityError):
            pki.leaf(not_before_ms=period[0], not_after_ms=period[1])
    with pytest.raises(IdentityError):
        make_issuing(pki.root, "x", pki.issuing.key.public_key(), not_before_ms=START, days=1001, serial=1)
    with pytest.raises(MalformedError):
        pki.leaf(uri="urn:example:1")


def test_only_verify_chain_makes_a_verified_certificate(pki: TestPki) -> None:
    """The type itself is the proof that the checks ran."""
    found = _verify(pki.leaf(), pki)
    with pytest.raises(TypeError):
        replace(found, _token=object())


def test_sizes_are_limited_before_anything_is_read(pki: TestPki) -> None:
    """A certificate, and the number of them."""
    with pytest.raises(TooLargeError):
        parse_certificate(bytes(LIMITS.certificate + 1))
    with pytest.raises(TooLargeError):
        verify_chain(
            der(pki.leaf()), pki.chain * (LIMITS.chain + 1), pki.roots, at_ms=START, usage=Usage.OBJECT
        )


def test_bytes_after_a_certificate_are_refused(pki: TestPki) -> None:
    """One DER certificate and nothing else; each prefix is refused too."""
    good = der(pki.leaf())
    with pytest.raises(MalformedError):
        parse_certificate(good + b"\x00")
    for end in range(0, len(good), 7):
        with pytest.raises(MalformedError):
            parse_certificate(good[:end])


def test_a_certificate_without_a_version_is_refused() -> None:
    """X.509 v1 has no extensions, so it can say neither who nor what for (made by openssl x509 -req)."""
    with pytest.raises(MalformedError, match="v3"):
        parse_certificate(base64.b64decode(V1))


def test_a_signature_has_one_form(pki: TestPki) -> None:
    """The count of unused bits before a signature is not signed: it is zero, or anyone could change it."""
    leaf = next(leaf for leaf in map(der, map(_again, range(1, 99))) if not leaf[-1] & 1)
    position = len(leaf) - len(parse_certificate(leaf).signature) - 1
    assert leaf[position] == 0
    with pytest.raises(MalformedError):
        parse_certificate(leaf[:position] + b"\x01" + leaf[position + 1 :])


def _again(serial: int) -> x509.Certificate:
    return make_pki().leaf(serial=serial)


@pytest.mark.filterwarnings("ignore:Parsed a serial number")
def test_a_serial_number_is_positive(pki: TestPki) -> None:
    """Zero and less are not serial numbers (RFC 5280, section 4.1.2.2)."""
    good = der(_again(3))
    assert good.count(b"\xa0\x03\x02\x01\x02\x02\x01\x03") == 1
    for serial in (b"\x00", b"\xff"):
        bad = good.replace(b"\xa0\x03\x02\x01\x02\x02\x01\x03", b"\xa0\x03\x02\x01\x02\x02\x01" + serial)
        with pytest.raises(MalformedError):
            parse_certificate(bad)


@pytest.mark.parametrize("change", [0x01, 0x80, 0xFF])
def test_no_bit_of_a_leaf_can_flip(pki: TestPki, change: int) -> None:
    """At each byte of the leaf, then of the issuing CA's certificate."""
    leaf = der(pki.leaf())
    for good in (leaf, pki.chain[0]):
        for position in range(len(good)):
            bad = bytearray(good)
            bad[position] ^= change
            chain = pki.chain if good is leaf else [bytes(bad)]
            with pytest.raises(EgideError):
                verify_chain(
                    bytes(bad) if good is leaf else leaf, chain, pki.roots, at_ms=START, usage=Usage.OBJECT
                )


def test_a_self_signed_object_is_no_one() -> None:
    """A certificate that brings its own CA is consistent, and not trusted."""
    pki, other = make_pki(), make_pki("Other")
    with pytest.raises(IdentityError):
        verify_chain(der(other.leaf()), other.chain + other.roots, pki.roots, at_ms=START, usage=Usage.OBJECT)


@given(st.integers(0, 10_000), st.integers(0, 255))
@example(0, 1)
def test_no_changed_byte_verifies(position: int, change: int) -> None:
    """One byte changed anywhere in a leaf: refused, and by one of our errors."""
    pki = make_pki()
    good = bytearray(der(pki.leaf()))
    position %= len(good)
    if change == good[position]:
        change ^= 1
    good[position] = change
    with pytest.raises(EgideError):
        verify_chain(bytes(good), pki.chain, pki.roots, at_ms=START, usage=Usage.OBJECT)


@given(st.binary(max_size=600))
def test_any_bytes_are_refused_as_ours_do(data: bytes) -> None:
    """Nothing else than our errors comes out of the decoder."""
    with pytest.raises(EgideError):
        verify_chain(data, [data], [data], at_ms=START, usage=Usage.OBJECT)


def test_an_authority_signs_with_its_own_key(pki: TestPki) -> None:
    """Issuing by the wrong key makes a certificate that nobody accepts."""
    wrong = Authority(certificate=pki.issuing.certificate, key=pki.root.key)
    leaf = issue_object(
        wrong, PublicKey(ed25519.Ed25519PrivateKey.generate().public_key()), uri=URI,
        not_before_ms=START, not_after_ms=START + DAY, serial=8,
    )  # fmt: skip
    with pytest.raises((SignatureError, IdentityError)):
        _verify(leaf, pki)
