"""A revocation list is the issuing CA's, complete, and of today."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from egide.errors import (
    CertificateExpiredError,
    EgideError,
    IdentityError,
    MalformedError,
    SignatureError,
    TooLargeError,
)
from egide.trust.identity import Authority, Revoked, VerifiedCrl, make_crl, verify_crl
from egide.trust.identity.profile import key_identifier
from egide.trust.limits import LIMITS
from tests.support.pki import DAY, START, make_pki

ISSUING = make_pki().issuing
CRL = make_crl(
    ISSUING, [Revoked(serial=2**150, at_ms=START + 1500), Revoked(serial=5, at_ms=START)],
    number=9, this_update_ms=START, next_update_ms=START + DAY,
)  # fmt: skip


def _verify(data: bytes, *, at_ms: int = START) -> VerifiedCrl:
    return verify_crl(data, ISSUING.certificate, at_ms=at_ms)


def test_a_list_says_what_was_revoked_and_when() -> None:
    """Serial numbers and times come back, to the second."""
    found = _verify(CRL)
    assert found.revoked == {5: START, 2**150: START + 1000}
    assert (found.number, found.this_update_ms, found.next_update_ms) == (9, START, START + DAY)


def test_an_empty_list_is_a_list() -> None:
    """Nobody revoked is a statement too."""
    empty = make_crl(ISSUING, [], number=1, this_update_ms=START, next_update_ms=START + DAY)
    assert _verify(empty).revoked == {}


@pytest.mark.parametrize(
    ("at_ms", "error"), [(START - 1, IdentityError), (START + DAY + 1000, CertificateExpiredError)]
)
def test_a_list_of_another_day_is_refused(at_ms: int, error: type[EgideError]) -> None:
    """An old list may lack what was revoked since."""
    with pytest.raises(error):
        _verify(CRL, at_ms=at_ms)


def test_a_list_of_another_ca_is_refused() -> None:
    """By name, and by signature when the name is copied; a CA that is not EC signs none."""
    with pytest.raises(IdentityError):
        verify_crl(CRL, make_pki("Other").issuing.certificate, at_ms=START)
    impostor = Authority(certificate=ISSUING.certificate, key=ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises(SignatureError):
        _verify(make_crl(impostor, [], number=1, this_update_ms=START, next_update_ms=START + DAY))


def _craft(
    *extensions: x509.ExtensionType,
    algorithm: Any = None,
    entry: x509.ExtensionType | None = None,
    critical: bool = False,
) -> bytes:
    revoked = x509.RevokedCertificateBuilder().serial_number(1).revocation_date(_at(START))
    if entry is not None:
        revoked = revoked.add_extension(entry, critical=True)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(ISSUING.certificate.subject)
        .last_update(_at(START))
        .next_update(_at(START + DAY))
        .add_revoked_certificate(revoked.build())
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(ISSUING.key, algorithm or hashes.SHA256()).public_bytes(Encoding.DER)


def _at(ms: int) -> datetime:
    return datetime.fromtimestamp(ms // 1000, UTC)


NUMBER = x509.CRLNumber(1)
REMOVED = x509.CRLReason(x509.ReasonFlags.remove_from_crl)
KEY = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(key_identifier(ISSUING.key.public_key()))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(_craft(NUMBER), id="no-key-identifier"),
        pytest.param(_craft(KEY), id="no-number"),
        pytest.param(_craft(NUMBER, KEY, critical=True), id="critical"),
        pytest.param(_craft(NUMBER, KEY, x509.DeltaCRLIndicator(1)), id="a-delta"),
        pytest.param(_craft(NUMBER, KEY, entry=REMOVED), id="a-removal"),
        pytest.param(_craft(NUMBER, KEY, algorithm=hashes.SHA384()), id="another-algorithm"),
        pytest.param(CRL + b"\x00", id="trailing-byte"),
        pytest.param(CRL[:-1], id="cut"),
    ],
)
def test_a_list_outside_the_profile_is_refused(data: bytes) -> None:
    """Complete lists of our form and no other: a delta, or an entry that takes back, is not understood."""
    assert _verify(_craft(NUMBER, KEY)).revoked == {1: START}
    with pytest.raises(MalformedError):
        _verify(data)


def test_a_list_without_an_end_is_refused() -> None:
    """nextUpdate is optional in the syntax (RFC 5280, section 5.1.2.5) and required here."""
    revoked = [Revoked(serial=serial, at_ms=START) for serial in range(1, 30)]
    crl = make_crl(ISSUING, revoked, number=1, this_update_ms=START, next_update_ms=START + DAY)
    end = crl.index(_utc(START + DAY)) - 2
    with pytest.raises(MalformedError, match="the next one"):
        _verify(_shorten(crl[:end] + crl[end + 15 :], 15))


def _utc(ms: int) -> bytes:
    return _at(ms).strftime("%y%m%d%H%M%SZ").encode()


def _shorten(data: bytes, by: int) -> bytes:
    """Mend the two outer DER lengths (both of the form 82 xx xx)."""
    out, position = bytearray(data), 1
    for _ in range(2):
        size = out[position] & 0x7F
        length = int.from_bytes(out[position + 1 : position + 1 + size], "big") - by
        out[position + 1 : position + 1 + size] = length.to_bytes(size, "big")
        position += size + 2
    return bytes(out)


def test_size_is_limited() -> None:
    """A list that no memory wants is not read."""
    with pytest.raises(TooLargeError):
        _verify(bytes(LIMITS.crl + 1))


def test_only_verify_crl_makes_a_verified_list() -> None:
    """The type itself is the proof that the signature was checked."""
    with pytest.raises(TypeError):
        replace(_verify(CRL), _token=object())


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_no_changed_byte_verifies(position: int, change: int) -> None:
    """A changed byte is refused, by one of our errors."""
    data = bytearray(CRL)
    data[position % len(data)] ^= change
    with pytest.raises(EgideError):
        _verify(bytes(data))


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_as_ours_do(data: bytes) -> None:
    """Nothing else than our errors comes out of the decoder."""
    with pytest.raises(EgideError):
        _verify(data)
