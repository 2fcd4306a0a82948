"""The envelope: one encoding, read twice over by independent ways that always agree."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from hypothesis import given
from hypothesis import strategies as st

from egide import cbor
from egide.errors import EgideError, MalformedError, SignatureError, TooLargeError
from egide.measure.readings import Readings, Series, encode_readings
from egide.trust.cose import Sign1, SoftwareSigner, sig_structure
from egide.trust.envelope import (
    Clock,
    Envelope,
    VerifiedEnvelope,
    _match,
    leaf_hash,
    sign_readings,
    uuid_of,
)

OBJECT = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
PAIRING = "2c5ea4c0-4067-41e9-8bad-9b1deb4d3b7d"
P256 = SoftwareSigner(ec.derive_private_key(1234567, ec.SECP256R1()))
ED = SoftwareSigner(ed25519.Ed25519PrivateKey.from_private_bytes(b"e" * 32))
MALLORY = SoftwareSigner(ed25519.Ed25519PrivateKey.from_private_bytes(b"m" * 32))
CLOCK = Clock(b"bootboot", 3_600_000, True)
READINGS = Readings(
    t0_ms=1_767_225_600_000,
    series=(Series(code="8867-4", unit="/min", times=60_000_000, exponent=0, values=(62, 64, 61)),),
)
FIELDS: dict[str, Any] = {
    "certificate": bytes(range(32)), "object_id": OBJECT, "pairing_id": PAIRING, "iat": 1_767_229_200,
    "cti": b"c" * 16, "seq": 7, "clock": CLOCK,
}
GOOD = sign_readings(READINGS, signer=ED, **FIELDS)
edges = st.sampled_from([0, 23, 24, 255, 256, 65535, 65536, 2**32 - 1, 2**32])
uints = st.one_of(edges, st.integers(0, 2**53))
values = st.lists(st.integers(-1000, 1000), min_size=1, max_size=300)


def general(data: bytes, *, receipts_allowed: bool = False) -> Envelope:
    """The other way of reading: with the general decoder."""
    return Envelope._read(data, receipts_allowed=receipts_allowed)


@given(
    seq=uints, ms=uints, iat=uints.filter(lambda n: n < 2**40), synchronised=st.booleans(),
    cti=st.binary(min_size=16, max_size=16), values=values, signer=st.sampled_from([ED, P256]),
)
def test_an_envelope_reads_back_as_it_was_signed(
    seq: int, ms: int, iat: int, synchronised: bool, cti: bytes, values: list[int], signer: SoftwareSigner
) -> None:
    """Every field comes back, by both ways of reading, and the identity is the hash of what was signed."""
    readings = Readings(
        t0_ms=0, series=(Series(code="8867-4", unit="/min", times=1000, exponent=0, values=tuple(values)),)
    )
    clock = Clock(cti[:8], ms, synchronised)
    data = sign_readings(
        readings, signer=signer, **{**FIELDS, "seq": seq, "iat": iat, "cti": cti, "clock": clock}
    )
    envelope = Envelope.parse(data)
    assert envelope == general(data) == _match(data)
    assert (envelope.seq, envelope.iat, envelope.cti, envelope.clock) == (seq, iat, cti, clock)
    assert (envelope.object_id, envelope.pairing_id, envelope.alg) == (OBJECT, PAIRING, signer.alg)
    assert envelope.certificate == FIELDS["certificate"]
    verified = envelope.verify(signer.public_key)
    assert (verified.readings, verified.envelope) == (readings, envelope)
    signed = Sign1.parse(data).signed_bytes()
    assert envelope.identity == hashlib.sha256(signed).digest()
    assert envelope.leaf() == leaf_hash(data) == hashlib.sha256(b"\x00" + data).digest()


def outcome(read: Any, data: bytes) -> Envelope | type[EgideError]:
    try:
        envelope: Envelope = read(data)
    except EgideError as err:
        return type(err)
    return envelope


def test_both_ways_of_reading_agree_on_every_alteration() -> None:
    """Whatever byte is altered, inserted or dropped, both ways of reading say the same.

    What both accept they read alike, and the signature then tells that something changed.
    """
    for position, byte in enumerate(GOOD):
        head, tail = GOOD[:position], GOOD[position + 1 :]
        for value in {0, 0xFF, *(byte ^ 1 << bit for bit in range(8))} - {byte}:
            changed = head + bytes((value,)) + tail
            for data in (changed, head + bytes((value, byte)) + tail, head + tail):
                read = outcome(Envelope.parse, data)
                assert read == outcome(general, data)
                if isinstance(read, Envelope):
                    with pytest.raises(EgideError):
                        read.verify(ED.public_key)


@given(data=st.binary(max_size=400))
def test_noise_is_refused_by_our_errors_alone(data: bytes) -> None:
    """Untrusted bytes never raise anything else, whichever part they replace."""
    for each in (data, b"\xd2\x84" + data, b"\xd2\x84\x58" + data, GOOD[:200] + data, GOOD[:-70] + data):
        with pytest.raises(EgideError):
            Envelope.parse(each).verify(ED.public_key)


def test_the_identity_does_not_depend_on_the_signature() -> None:
    """Two signatures of one statement, by a key that makes both, are one envelope."""
    again = Sign1.parse(GOOD)
    other = Sign1(again.protected, {}, {}, again.payload, bytes(64)).encode()
    assert Envelope.parse(other).identity == Envelope.parse(GOOD).identity
    assert Envelope.parse(other).leaf() != Envelope.parse(GOOD).leaf()


def test_only_the_object_s_key_verifies() -> None:
    """Neither another key, nor another kind of key."""
    for key in (MALLORY.public_key, P256.public_key):
        with pytest.raises(SignatureError):
            Envelope.parse(GOOD).verify(key)


def test_a_verified_envelope_cannot_be_made_by_hand() -> None:
    """Whoever holds one knows that it was verified."""
    with pytest.raises(TypeError):
        VerifiedEnvelope(Envelope.parse(GOOD), READINGS, _token=object())


def test_an_envelope_that_carries_receipts_is_read_where_it_is_expected() -> None:
    """In a proof, not at intake; its entry and leaf are those of the bare envelope."""
    transparent = Sign1.parse(GOOD).encode({394: [b"receipt"]})
    with pytest.raises(MalformedError):
        Envelope.parse(transparent)
    envelope = Envelope.parse(transparent, receipts_allowed=True)
    assert (envelope.entry, envelope.leaf()) == (GOOD, leaf_hash(GOOD))
    assert Envelope.parse(GOOD, receipts_allowed=True).entry == GOOD


def altered(**changes: Any) -> bytes:
    """An envelope whose header was changed (None leaves an entry out), and rightly signed."""
    header: dict[int | str, Any] = {**Sign1.parse(GOOD).header}
    claims = {**header[15], **changes.pop("claims", {})}
    header[15] = {key: value for key, value in claims.items() if value is not None}
    for name, value in changes.items():
        header[int(name[1:]) if name[0] == "_" else name] = value
    return resigned(cbor.encode({key: value for key, value in header.items() if value is not None}))


def resigned(protected: bytes, payload: bytes | None = None) -> bytes:
    body = encode_readings(READINGS) if payload is None else payload
    return Sign1(protected, {}, {}, body, ED.sign(sig_structure(protected, body))).encode()


PROTECTED = Sign1.parse(GOOD).protected


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(altered(_3=None), id="no-content-type"),
        pytest.param(altered(_3="application/vnd.egide.readings+encrypted"), id="reserved-content-type"),
        pytest.param(altered(_2=[3]), id="crit"),
        pytest.param(altered(_15=None), id="no-claims"),
        pytest.param(altered(_15=[]), id="claims-an-array"),
        pytest.param(altered(claims={2: None}), id="no-pairing"),
        pytest.param(altered(claims={"aud": "x"}), id="one-claim-more"),
        pytest.param(altered(claims={1: f"urn:uuid:{OBJECT.upper()}"}), id="upper-case"),
        pytest.param(altered(claims={6: -1}), id="negative-time"),
        pytest.param(altered(claims={6: 2**40}), id="time-too-large"),
        pytest.param(altered(claims={6: True}), id="time-a-boolean"),
        pytest.param(altered(claims={"seq": -1}), id="negative-seq"),
        pytest.param(altered(claims={"seq": 2**53 + 1}), id="seq-too-large"),
        pytest.param(altered(claims={"seq": "7"}), id="seq-a-text"),
        pytest.param(altered(claims={7: b"c" * 15}), id="short-cti"),
        pytest.param(altered(claims={7: "c" * 16}), id="cti-a-text"),
        pytest.param(altered(_34=bytes(32)), id="x5t-bare"),
        pytest.param(altered(_34=[-16, bytes(31)]), id="x5t-short"),
        pytest.param(altered(_34=[-44, bytes(32)]), id="x5t-of-another-hash"),
        pytest.param(altered(clock=[b"bootboo", 0, True]), id="short-boot"),
        pytest.param(altered(clock=[b"bootboot", -1, True]), id="negative-clock"),
        pytest.param(altered(clock=[b"bootboot", 2**53 + 1, True]), id="clock-too-large"),
        pytest.param(altered(clock=[b"bootboot", False, True]), id="clock-a-boolean"),
        pytest.param(altered(clock=[b"bootboot", 0, 1]), id="synchronised-an-integer"),
        pytest.param(altered(clock=None), id="no-clock"),
        pytest.param(altered(_1=True), id="algorithm-a-boolean"),
        pytest.param(resigned(cbor.encode(dict(reversed(Sign1.parse(GOOD).header.items())))), id="reordered"),
        pytest.param(resigned(PROTECTED.replace(b"seq\x07", b"seq\x18\x07")), id="seq-not-shortest"),
        pytest.param(resigned(PROTECTED, b"")[:-66] + b"\x58\x3f" + bytes(63), id="short-signature"),
        pytest.param(Sign1(PROTECTED, {}, {}, None, bytes(64)).encode(), id="detached"),
        pytest.param(Sign1(PROTECTED, {}, {}, bytes(60_001), bytes(64)).encode(), id="payload-too-large"),
        pytest.param(Sign1.parse(GOOD).encode({4: b"kid"}), id="unprotected-header"),
    ],
)
def test_what_is_not_the_specification_s_envelope_is_refused(data: bytes) -> None:
    """By both ways of reading, even when the object itself signed it."""
    assert outcome(Envelope.parse, data) is outcome(general, data) is MalformedError


def test_an_unknown_algorithm_is_the_signature_s_fault() -> None:
    """The form holds; no key of ours signs that way."""
    with pytest.raises(SignatureError):
        Envelope.parse(altered(_1=-35)).verify(ED.public_key)


def test_an_envelope_that_is_too_large_is_refused_before_it_is_read() -> None:
    """62,000 bytes at most."""
    with pytest.raises(TooLargeError):
        Envelope.parse(b"\xd2\x84" + bytes(62_000))


def test_the_largest_payload_is_read() -> None:
    """60,000 bytes pass, so the limits fit one another."""
    data = resigned(PROTECTED, bytes(60_000))
    assert Envelope.parse(data) == general(data)


@pytest.mark.parametrize("payload", [b"", b"\x00" * 23, b"\x00" * 24, b"\x00" * 300], ids=len)
def test_a_payload_that_is_not_readings_is_found_after_the_signature(payload: bytes) -> None:
    """Whatever its length, the envelope is read, then refused for what it carries."""
    data = resigned(PROTECTED, payload)
    assert Envelope.parse(data) == general(data)
    with pytest.raises(SignatureError):
        Envelope.parse(data).verify(MALLORY.public_key)
    with pytest.raises(MalformedError):
        Envelope.parse(data).verify(ED.public_key)


@pytest.mark.parametrize(
    "changes",
    [
        {"object_id": OBJECT.upper()}, {"pairing_id": ""}, {"cti": b""}, {"seq": 2**53 + 1}, {"iat": -1},
        {"certificate": b""}, {"clock": Clock(b"", 0, True)},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_what_could_not_be_read_back_is_not_signed(changes: dict[str, Any]) -> None:
    """The writer keeps the reader's rules."""
    with pytest.raises(MalformedError):
        sign_readings(READINGS, signer=ED, **{**FIELDS, **changes})


@pytest.mark.parametrize(
    "uri",
    [
        None, 7, b"urn:uuid:" + OBJECT.encode(), "", OBJECT, f"urn:uuid:{OBJECT} ", f"URN:UUID:{OBJECT}",
        f"urn:uuid:{OBJECT[:-1]}G", f"urn:uuid:{OBJECT.replace('-', '')}----", f"urn:uuid:{'-' * 36}",
        f"urn:uuid:{OBJECT[:9]}-{OBJECT[10:]}", f"urn:uuid:{OBJECT}"[:-1] + "é",
    ],
)
def test_what_is_not_a_uuid_s_uri_is_refused(uri: Any) -> None:
    """One form of name: lower case, hyphens in their places."""
    with pytest.raises(MalformedError):
        uuid_of(uri)
