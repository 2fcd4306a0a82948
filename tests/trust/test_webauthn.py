"""A passkey's signature: what holds, what each lie is refused for, and that the fido2 library agrees."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from hypothesis import given, settings
from hypothesis import strategies as st

from egide.errors import EgideError, MalformedError, SignatureError, TooLargeError
from egide.trust.webauthn import Assertion, PasskeyKey, Place, verify_assertion, with_low_s
from tests.support.consents import BE, BS, ORIGIN, RP, UP, UV, Passkey, b64
from tests.support.webauthn import CHALLENGE, KEYS, PLACE, check, fido2_accepts

ED = 0x80
AT = 0x40


@pytest.fixture(params=KEYS)
def passkey(request: pytest.FixtureRequest) -> Passkey:
    return Passkey(key=KEYS[request.param])


# What holds ---------------------------------------------------------------------------------------


def test_a_signature_holds_and_says_the_counter(passkey: Passkey) -> None:
    """The holder was present and recognised; the count is the authenticator's."""
    passkey.count = 40
    found = check(passkey, passkey.get(CHALLENGE))
    assert (found.counter, found.synced) == (41, False)
    assert check(passkey, passkey.get(CHALLENGE, flags=UP | UV | BE | BS)).synced
    assert check(passkey, passkey.get(CHALLENGE, flags=UP | UV | BE)).synced


@pytest.mark.parametrize(
    "said",
    [
        {"crossOrigin": None}, {"other_keys_can_be_added_here": "do not compare clientDataJSON against a template"},
        {"tokenBinding": {"status": "supported"}}, {"tokenBinding": {"status": "not-supported"}}, {"é": [1.5, None]},
    ],
    ids=str,
)
def test_what_browsers_write_beside_is_accepted(passkey: Passkey, said: dict[str, Any]) -> None:
    """Names that mean nothing to us may stand there; crossOrigin may be absent."""
    check(passkey, passkey.get(CHALLENGE, **said))


def test_extensions_that_nobody_asked_for_are_read_past(passkey: Passkey) -> None:
    """A map, whole, and nothing after it (section 6.1)."""
    check(passkey, passkey.get(CHALLENGE, flags=UP | UV | ED, extra=cbor2.dumps({"credProtect": 2})))
    for extra in (b"", cbor2.dumps([]), cbor2.dumps({}) + b"\x00", b"\xbf\xff"):
        with pytest.raises(MalformedError):
            check(passkey, passkey.get(CHALLENGE, flags=UP | UV | ED, extra=extra))


@pytest.mark.parametrize(
    ("rp", "origin"),
    [
        ("egide.example", "https://egide.example"), ("egide.example", "https://portal.egide.example:8443"),
        ("localhost", "http://localhost:8000"), ("localhost", "http://localhost"),
        ("egide.example", "https://egide.example:80"),
    ],
)
def test_a_place_is_an_origin_within_its_relying_party(rp: str, origin: str) -> None:
    """A host, or one below it; plain HTTP on one's own machine only."""
    assert Place(rp, origin).origin == origin


@pytest.mark.parametrize(
    ("rp", "origin"),
    [
        ("egide.example", "https://egide.example.evil.example"), ("egide.example", "https://notegide.example"),
        ("portal.egide.example", "https://egide.example"), ("egide.example", "http://egide.example"),
        ("egide.example", "https://egide.example/"), ("egide.example", "https://egide.example:443"),
        ("localhost", "http://localhost:80"), ("egide.example", "https://egide.example:"),
        ("egide.example", "https://user@egide.example"), ("egide.example", "https://EGIDE.example"),
        ("egide.example", "https://egide.example\n"), ("egide.example", "HTTPS://egide.example"),
        ("", "https://egide.example"), (".example", "https://egide.example"), ("egide.example", ""),
        ("EGIDE.example", "https://egide.example"), ("egide.example", "null"), ("a", "https://" + "b." * 200 + "a"),
        ("egide.example", "android:apk-key-hash:abc"),
    ],
)
def test_any_other_place_is_refused(rp: str, origin: str) -> None:
    """A look-alike, a path, a port that goes without saying: one origin has one spelling."""
    with pytest.raises(MalformedError):
        Place(rp, origin)


# What is refused ----------------------------------------------------------------------------------

def another(passkey: Passkey) -> Passkey:
    """Another key of the same algorithm."""
    if isinstance(passkey.key, ed25519.Ed25519PrivateKey):
        return Passkey(key=ed25519.Ed25519PrivateKey.generate())
    return Passkey(key=ec.generate_private_key(ec.SECP256R1()))


ATTACKS: dict[str, Callable[[Passkey], Assertion]] = {
    "another-challenge": lambda p: p.get(bytes(32)),
    "challenge-padded": lambda p: p.get(CHALLENGE, challenge=b64(CHALLENGE) + "="),
    "another-origin": lambda p: p.get(CHALLENGE, origin="https://egide.example.evil.example"),
    "origin-with-slash": lambda p: p.get(CHALLENGE, origin=ORIGIN + "/"),
    "an-enrolment": lambda p: p.get(CHALLENGE, type="webauthn.create"),
    "a-payment": lambda p: p.get(CHALLENGE, type="payment.get"),
    "cross-origin": lambda p: p.get(CHALLENGE, crossOrigin=True),
    "cross-origin-in-words": lambda p: p.get(CHALLENGE, crossOrigin="false"),
    "cross-origin-null": lambda p: p.get(
        CHALLENGE, client=json.dumps(
            {"type": "webauthn.get", "challenge": b64(CHALLENGE), "origin": ORIGIN, "crossOrigin": None}
        ).encode(),
    ),
    "top-origin": lambda p: p.get(CHALLENGE, topOrigin="https://evil.example"),
    "token-binding-present": lambda p: p.get(CHALLENGE, tokenBinding={"status": "present", "id": "x"}),
    "token-binding-text": lambda p: p.get(CHALLENGE, tokenBinding="supported"),
    "token-binding-unknown": lambda p: p.get(CHALLENGE, tokenBinding={"status": ["supported"]}),
    "nobody-present": lambda p: p.get(CHALLENGE, flags=UV),
    "nobody-recognised": lambda p: p.get(CHALLENGE, flags=UP),
    "copied-and-not-copyable": lambda p: p.get(CHALLENGE, flags=UP | UV | BS),
    "another-relying-party": lambda p: Passkey(key=p.key, rp="evil.example").get(CHALLENGE),
    "another-key": lambda p: another(p).get(CHALLENGE),
}  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_is_refused_as_a_signature(passkey: Passkey, attack: str) -> None:
    """Each is rightly formed, and signed by the true key where it can be."""
    with pytest.raises(SignatureError):
        check(passkey, ATTACKS[attack](passkey))


FORMS: dict[str, bytes] = {
    "name-twice": b'{"type":"webauthn.get","challenge":"%s","origin":"https://evil.example","origin":"%s"}',
    "name-twice-inside": b'{"type":"webauthn.get","challenge":"%s","origin":"%s","x":{"a":1,"a":1}}',
    "name-twice-escaped": b'{"type":"webauthn.get","challenge":"%s","origin":"%s","orig\\u0069n":"https://evil"}',
    "byte-order-mark": b'\xef\xbb\xbf{"type":"webauthn.get","challenge":"%s","origin":"%s"}',
    "not-utf-8": b'{"type":"webauthn.get","challenge":"%s","origin":"%s","x":"\xff"}',
    "nan": b'{"type":"webauthn.get","challenge":"%s","origin":"%s","x":NaN}',
    "trailing": b'{"type":"webauthn.get","challenge":"%s","origin":"%s"} {}',
    "a-list": b'[{"type":"webauthn.get","challenge":"%s","origin":"%s"}]',
    "origin-in-a-list": b'{"type":"webauthn.get","challenge":"%s","origin":["%s"]}',
    "no-type": b'{"challenge":"%s","origin":"%s"}',
    "deep": b'{"type":"webauthn.get","challenge":"%s","origin":"%s","x":' + b"[" * 1_500,
}


@pytest.mark.parametrize("form", FORMS)
def test_client_data_that_are_not_what_a_browser_writes_are_refused(passkey: Passkey, form: str) -> None:
    """Two readers of one JSON text must not see two things; nothing but our own error comes out."""
    client = FORMS[form] % (b64(CHALLENGE).encode(), ORIGIN.encode())
    with pytest.raises(MalformedError):
        check(passkey, passkey.get(CHALLENGE, client=client))


def test_utf_16_is_not_the_language_of_client_data(passkey: Passkey) -> None:
    """A reader that guesses the encoding would take it."""
    client = json.dumps({"type": "webauthn.get", "challenge": b64(CHALLENGE), "origin": ORIGIN}).encode("utf-16")
    with pytest.raises(MalformedError):
        check(passkey, passkey.get(CHALLENGE, client=client))


def test_authenticator_data_have_their_length(passkey: Passkey) -> None:
    """One byte less, one more, and the data of an enrolment."""
    good = passkey.get(CHALLENGE)
    for data in (good.authenticator_data[:-1], good.authenticator_data + b"\x00", b""):
        with pytest.raises(MalformedError):
            check(passkey, Assertion(data, good.client_data, good.signature))
    with pytest.raises(MalformedError):
        check(passkey, passkey.get(CHALLENGE, flags=UP | UV | AT))


@pytest.mark.parametrize("sizes", [(513, 0, 0), (0, 2_049, 0), (0, 0, 81)], ids=str)
def test_parts_too_large_are_refused_before_they_are_read(sizes: tuple[int, int, int]) -> None:
    """No authenticator makes them; nobody parses them."""
    with pytest.raises(TooLargeError):
        Assertion(*(bytes(size) for size in sizes))


# The independent implementation -------------------------------------------------------------------


def ours_accepts(passkey: Passkey, assertion: Assertion) -> bool:
    try:
        check(passkey, assertion)
    except EgideError:
        return False
    return True


#: Where we are stricter than fido2, and say why in the specification.
STRICTER = {
    "cross-origin", "cross-origin-in-words", "cross-origin-null", "top-origin", "token-binding-present",
    "token-binding-text", "token-binding-unknown", "copied-and-not-copyable", "challenge-padded",
}  # fmt: skip


@pytest.mark.parametrize("attack", sorted(ATTACKS))
def test_fido2_agrees_on_every_attack_that_it_looks_for(passkey: Passkey, attack: str) -> None:
    """What an independent implementation refuses we refuse; what it lets pass is in the list above."""
    assertion = ATTACKS[attack](passkey)
    assert not ours_accepts(passkey, assertion)
    assert fido2_accepts(passkey, assertion) == (attack in STRICTER)


@settings(max_examples=150)
@given(
    st.sampled_from(sorted(KEYS)), st.integers(0, 255), st.integers(0, 2**32 - 2), st.booleans(),
    st.sampled_from([ORIGIN, "https://evil.example"]), st.sampled_from([RP, "evil.example"]),
)
def test_fido2_and_we_agree_whatever_an_authenticator_says(
    name: str, flags: int, count: int, other_challenge: bool, origin: str, rp: str
) -> None:
    """Flags, counters, challenges, origins, relying parties at random: we accept nothing that fido2 refuses."""
    passkey = Passkey(key=KEYS[name], rp=rp, count=count)
    flags &= ~(AT | ED)  # their data are read by their own tests
    assertion = passkey.get(bytes(32) if other_challenge else CHALLENGE, origin=origin, flags=flags)
    copied_yet_not_copyable = bool(flags & BS and not flags & BE)
    assert ours_accepts(passkey, assertion) == (
        fido2_accepts(passkey, assertion) and not copied_yet_not_copyable
    )


@settings(max_examples=400)
@given(
    st.sampled_from(sorted(KEYS)), st.integers(0, 2), st.integers(0, 200), st.binary(max_size=4), st.integers(0, 4)
)
def test_no_edit_of_an_assertion_survives(name: str, part: int, place: int, new: bytes, dropped: int) -> None:
    """Any part overwritten at any place: refused by an error of ours, unless nothing changed."""
    passkey = Passkey(key=KEYS[name])
    key = PasskeyKey(passkey.cose)
    good = with_low_s(passkey.get(CHALLENGE), key)
    parts = good.encode()
    parts[part] = parts[part][:place] + new + parts[part][place + dropped:]
    altered = Assertion(*parts)
    try:
        verify_assertion(altered, key, challenge=CHALLENGE, place=PLACE)
    except EgideError:
        return
    assert altered == good


@given(st.binary(max_size=200), st.binary(max_size=200), st.binary(max_size=80))
def test_bytes_of_no_kind_give_our_error(authenticator: bytes, client: bytes, signature: bytes) -> None:
    """Whatever comes from a browser, only our errors come out."""
    for key in KEYS.values():
        with pytest.raises(EgideError):
            check(Passkey(key=key), Assertion(authenticator, client, signature))


@given(st.binary(max_size=120))
def test_bytes_of_no_kind_are_no_key(cose: bytes) -> None:
    """A key is read when a passkey is enrolled: from a browser, too."""
    with pytest.raises(MalformedError):
        PasskeyKey(cose)
