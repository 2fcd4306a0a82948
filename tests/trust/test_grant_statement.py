"""The statement that a person signs: one form, one encoding, nothing outside the signature."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egide import cbor
from egide.errors import EgideError, MalformedError, SignatureError, TooLargeError
from egide.trust.grant import (
    GRANT,
    WITHDRAWAL,
    Consent,
    Named,
    Period,
    Shown,
    SignedConsent,
    challenge_of,
    verify_consent,
)
from egide.trust.webauthn import Assertion, Place
from tests.support.consents import ALICE, CLAIRE, NOW_MS, ORIGIN, RP, Passkey, consent, signed_by

GOOD = consent()
RAW = cbor2.loads(GOOD.encode())


def test_a_statement_is_read_back_as_it_was_written() -> None:
    """Every field, for a grant and for its withdrawal."""
    withdrawal = replace(GOOD, kind=WITHDRAWAL, until_ms=None, previous=bytes(32))
    for each in (GOOD, withdrawal, replace(GOOD, period=Period(None, NOW_MS), until_ms=None)):
        assert Consent.decode(each.encode()) == each


def test_the_encoding_is_deterministic() -> None:
    """RFC 8949, section 4.2.1: the same statement, the same bytes; no map, so no order of keys."""
    assert GOOD.encode() == consent().encode() == cbor2.dumps(RAW, canonical=True)


FIELDS: dict[str, Any] = {
    "kind": {"kind": WITHDRAWAL, "until_ms": None}, "grant": {"grant": CLAIRE},
    "patient": {"patient": Named(CLAIRE, "Alice Moreau")}, "patient-name": {"patient": Named(ALICE, "Alice Moreau ")},
    "signer": {"signer": Named(ALICE, "A. Moreau")}, "reader-kind": {"reader_kind": "team"},
    "app": {"reader_kind": "app", "reader": Named("app:walk.1", "Marche")},
    "reader": {"reader": Named(CLAIRE, "Dr Claire")}, "families": {"families": ("glucose",)},
    "period": {"period": Period(None, None)}, "purpose": {"purpose": "HRESCH"}, "until": {"until_ms": None},
    "previous": {"previous": bytes(32)}, "nonce": {"nonce": bytes(16)}, "at": {"at_ms": NOW_MS + 1},
    "text": {"shown": Shown(GOOD.shown.text + ".", "2026-01", "fr")},
    "text-version": {"shown": Shown(GOOD.shown.text, "2026-02", "fr")},
    "language": {"shown": Shown(GOOD.shown.text, "2026-01", "en")},
    "rp": {"place": Place("example", ORIGIN)}, "origin": {"place": Place(RP, "https://a.egide.example")},
}  # fmt: skip


@pytest.mark.parametrize("field", FIELDS)
def test_no_field_can_change_under_a_signature(field: str) -> None:
    """Each is under the challenge: a text, a reader, a date swapped before or after signing does not verify."""
    other = replace(GOOD, **FIELDS[field])
    assert challenge_of(other.encode()) != challenge_of(GOOD.encode())
    passkey = Passkey()
    signed = signed_by(passkey, GOOD.encode())
    assert verify_consent(signed, passkey.credential()).consent == GOOD
    with pytest.raises(SignatureError):
        verify_consent(replace(signed, statement=other.encode()), passkey.credential())


def test_every_field_is_in_the_list_above() -> None:
    """A field that is added is tried too."""
    changed = {name for change in FIELDS.values() for name in change}
    assert changed == set(Consent.__dataclass_fields__)


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "gift"}, {"grant": "9b2de0c6"}, {"reader_kind": "insurer"}, {"reader_kind": "app"},
        {"reader": Named("app:x", "x")}, {"patient": Named("app:x", "x")}, {"signer": Named("app:x", "x")},
        {"families": ()},
        {"families": ("pressure", "glucose")}, {"families": ("glucose", "glucose")}, {"families": ("Glucose",)},
        {"families": tuple(f"f{i:02}" for i in range(33))}, {"families": ("",)}, {"purpose": "treat"},
        {"purpose": ""}, {"purpose": "T"}, {"previous": bytes(31)}, {"nonce": bytes(15)}, {"at_ms": -1},
        {"at_ms": 2**46}, {"at_ms": None}, {"at_ms": True}, {"until_ms": NOW_MS}, {"until_ms": 2**46},
        {"until_ms": True}, {"kind": WITHDRAWAL},
    ],
    ids=str,
)
def test_a_statement_out_of_its_form_cannot_be_made(change: dict[str, Any]) -> None:
    """Ranges, orders and codes hold when written and when read."""
    with pytest.raises(MalformedError):
        consent(**change)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Named(ALICE, ""), lambda: Named(ALICE, "x" * 161), lambda: Named(ALICE, "Dr\u202eeinahpeté"),
        lambda: Named(ALICE, "two\nlines"), lambda: Named("alice", "Alice"),
        lambda: Named("app:", "x"), lambda: Named("app:" + "x" * 65, "x"), lambda: Period(2, 2),
        lambda: Period(-1, None), lambda: Period(None, 2**46), lambda: Period(False, None),
        lambda: Shown("", "1", "fr"), lambda: Shown("x" * 6_001, "1", "fr"), lambda: Shown("a\x1b[2J", "1", "fr"),
        lambda: Shown("a\r\nb", "1", "fr"), lambda: Shown("a", "", "fr"), lambda: Shown("a", "1", "français"),
        lambda: Shown("a", "1", "fr-"), lambda: Shown("a\u2028b", "1", "fr"),
    ],
)
def test_a_part_out_of_its_form_cannot_be_made(make: Any) -> None:
    """No name or text plays with a terminal or a page: no control, no mark that turns the direction."""
    with pytest.raises(MalformedError):
        make()


def test_french_typography_is_text() -> None:
    """No-break spaces, thin ones, curly apostrophes, empty lines, and any other script."""
    text = "D’accord\u202f? Oui\u00a0: j’accepte.\n\nنعم 好"
    assert Consent.decode(consent(shown=Shown(text, "1.0", "fr-FR")).encode()).shown.text == text


@pytest.mark.parametrize(("index", "value"), [
    (0, 2), (0, True), (1, None), (3, [ALICE]), (3, [ALICE, 1]), (7, ["glucose", 1]), (7, "glucose"), (8, [1]),
    (8, ["1", None]), (10, "never"), (11, "hash"), (12, None), (13, "now"), (14, ["text", "1"]), (15, [RP]),
])  # fmt: skip
def test_a_part_of_another_type_is_refused(index: int, value: Any) -> None:
    """Shape and types are the specification's."""
    parts = list(RAW)
    parts[index] = value
    with pytest.raises(MalformedError):
        Consent.decode(cbor.encode(parts))
    with pytest.raises(MalformedError):
        Consent.decode(cbor.encode([*RAW, None]))


def test_a_statement_too_large_is_refused_before_it_is_read() -> None:
    """The limit comes first, for the statement and for what was signed."""
    with pytest.raises(TooLargeError):
        Consent.decode(bytes(9_001))
    with pytest.raises(TooLargeError):
        SignedConsent.decode(bytes(12_289))


@settings(max_examples=300)
@given(
    st.lists(
        st.tuples(st.integers(0, len(GOOD.encode())), st.binary(max_size=3), st.integers(0, 3)), min_size=1, max_size=3
    )
)
def test_what_decodes_encodes_to_the_same_bytes(edits: list[tuple[int, bytes, int]]) -> None:
    """Any edit of a good statement: our error, or a statement whose only form these bytes are."""
    data = GOOD.encode()
    for place, new, dropped in edits:
        data = data[:place] + new + data[place + dropped:]
    try:
        found = Consent.decode(data)
    except EgideError:
        return
    assert found.encode() == data


@given(st.binary(max_size=200))
def test_bytes_of_no_kind_give_our_error(data: bytes) -> None:
    """Neither a statement nor a signed one."""
    for decode in (Consent.decode, SignedConsent.decode):
        with pytest.raises(EgideError):
            decode(data)


# Signed -------------------------------------------------------------------------------------------


def test_a_signed_consent_is_read_back_as_it_was_written() -> None:
    """And its digest is of its bytes."""
    signed = signed_by(Passkey(), GOOD.encode())
    assert SignedConsent.decode(signed.encode()) == signed
    assert SignedConsent.decode(signed.encode()).digest == signed.digest


@pytest.mark.parametrize("value", [[b"x"], [b"x", [b"", b""]], [b"x", [b"", b"", ""]], ["x", [b"", b"", b""]], {}])
def test_a_signed_consent_of_another_form_is_refused(value: Any) -> None:
    """Statement, then the three parts of an assertion."""
    with pytest.raises(MalformedError):
        SignedConsent.decode(cbor.encode(value))


def test_last_winters_signature_does_not_serve_a_new_grant() -> None:
    """The same reader, metrics and text: another grant, moment, nonce and previous, so another challenge."""
    passkey = Passkey()
    winter = signed_by(passkey, GOOD.encode())
    summer = replace(GOOD, at_ms=NOW_MS + 1, nonce=bytes(16), previous=winter.digest)
    with pytest.raises(SignatureError):
        verify_consent(SignedConsent(summer.encode(), winter.assertion), passkey.credential())


def test_a_grants_signature_does_not_serve_a_sign_in_nor_the_reverse() -> None:
    """The domain's tag: nothing else asks for such a challenge."""
    passkey = Passkey()
    statement = GOOD.encode()
    sign_in = passkey.get(hashlib.sha256(statement).digest())
    with pytest.raises(SignatureError):
        verify_consent(SignedConsent(statement, sign_in), passkey.credential())


def test_a_passkey_signs_for_its_own_account_and_relying_party_only() -> None:
    """Claire's passkey for Alice's consent; a passkey of another site."""
    passkey = Passkey()
    signed = signed_by(passkey, GOOD.encode())
    with pytest.raises(SignatureError):
        verify_consent(signed, passkey.credential(CLAIRE))
    with pytest.raises(SignatureError):
        verify_consent(signed, replace(passkey.credential(), rp="other.example"))


def test_what_is_signed_must_be_a_statement() -> None:
    """A rightly signed challenge over other bytes says nothing."""
    passkey = Passkey()
    with pytest.raises(MalformedError):
        verify_consent(signed_by(passkey, b"\x80"), passkey.credential())
    with pytest.raises(MalformedError):
        verify_consent(SignedConsent(GOOD.encode(), Assertion(b"", b"", b"")), passkey.credential())
    assert GOOD.kind == GRANT
