"""The server's time is believed when it is signed, by a platform of ours, for this very question."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egide import cbor
from egide.errors import CertificateExpiredError, EgideError, IdentityError, MalformedError, SignatureError
from egide.trust.cose import CONTENT_TYPE, X5CHAIN, PublicKey, Sign1, SoftwareSigner, sign1
from egide.trust.identity import issue_platform
from egide.trust.servertime import TIME_TYPE, SignedTime, sign_time, verify_time
from tests.support.pki import DAY, START, URI, der, make_pki

PKI = make_pki()
SIGNER = SoftwareSigner(PKI.key)
PLATFORM = issue_platform(
    PKI.issuing, PublicKey(PKI.key.public_key()), uri=URI, not_before_ms=START,
    not_after_ms=START + DAY, serial=5,
)  # fmt: skip
CHAIN = [der(PLATFORM), *PKI.chain]
NONCE = bytes(range(16))


def _verify(data: bytes, *, nonce: bytes = NONCE) -> SignedTime:
    return verify_time(data, nonce=nonce, roots=PKI.roots)


def _signed(header: dict[int | str, Any], payload: object, **more: Any) -> bytes:
    return sign1(header, cbor.encode(payload), SIGNER, **more)


def test_the_time_comes_with_who_said_it() -> None:
    """The milliseconds that were signed, and the platform's name."""
    found = _verify(sign_time(NONCE, START + 123, SIGNER, CHAIN))
    assert (found.unix_ms, found.platform.uri) == (START + 123, URI)


def test_an_answer_to_another_question_is_refused() -> None:
    """A recorded answer cannot be replayed: the nonce is the object's, and new each time."""
    with pytest.raises(SignatureError):
        _verify(sign_time(bytes(16), START, SIGNER, CHAIN))


@pytest.mark.parametrize("size", [0, 15, 65])
def test_a_nonce_has_16_to_64_bytes(size: int) -> None:
    """Too short repeats itself, too long is somebody's message to be signed."""
    with pytest.raises(MalformedError):
        sign_time(bytes(size), START, SIGNER, CHAIN)


def test_an_object_cannot_tell_the_time() -> None:
    """Nor can another CA's platform, nor the right one outside its period."""
    for chain in ([der(PKI.leaf()), *PKI.chain], [der(make_pki("Other").leaf()), *make_pki("Other").chain]):
        with pytest.raises(IdentityError):
            _verify(sign_time(NONCE, START, SIGNER, chain))
    with pytest.raises(CertificateExpiredError):
        _verify(sign_time(NONCE, START + 2 * DAY, SIGNER, CHAIN))


HEADER: dict[int | str, Any] = {CONTENT_TYPE: TIME_TYPE, X5CHAIN: CHAIN}


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(_signed({**HEADER, CONTENT_TYPE: "text/plain"}, [NONCE, START]), id="another-type"),
        pytest.param(_signed({CONTENT_TYPE: TIME_TYPE}, [NONCE, START]), id="no-chain"),
        pytest.param(_signed({**HEADER, 4: b"x"}, [NONCE, START]), id="more-entries"),
        pytest.param(_signed({**HEADER, X5CHAIN: []}, [NONCE, START]), id="an-empty-chain"),
        pytest.param(_signed({**HEADER, X5CHAIN: [CHAIN[0], 1]}, [NONCE, START]), id="a-number-in-the-chain"),
        pytest.param(_signed({**HEADER, X5CHAIN: CHAIN[0]}, [NONCE, START]), id="not-a-list"),
        pytest.param(_signed(HEADER, [NONCE, START], unprotected={4: b"x"}), id="unprotected"),
        pytest.param(_signed(HEADER, [NONCE, START], detach=True), id="detached"),
        pytest.param(_signed(HEADER, [NONCE, -1]), id="before-1970"),
        pytest.param(_signed(HEADER, [NONCE, True]), id="a-boolean"),
        pytest.param(_signed(HEADER, [NONCE, 2**48]), id="too-late"),
        pytest.param(_signed(HEADER, [NONCE]), id="no-time"),
        pytest.param(_signed(HEADER, [NONCE, START])[1:], id="no-tag"),
    ],
)
def test_another_form_is_refused(data: bytes) -> None:
    """The form is exact, so nothing unsigned or unread rides along."""
    assert _verify(_signed(HEADER, [NONCE, START])).unix_ms == START
    with pytest.raises(MalformedError):
        _verify(data)


def test_another_signature_is_refused() -> None:
    """A time changed on its way."""
    good = Sign1.parse(sign_time(NONCE, START, SIGNER, CHAIN), header_limit=16_384)
    payload = cbor.encode([NONCE, START + 1])
    with pytest.raises(SignatureError):
        _verify(Sign1(good.protected, good.header, {}, payload, good.signature).encode())


@given(st.binary(max_size=200).map(lambda tail: b"\xd2\x84" + tail) | st.binary(max_size=200))
def test_any_bytes_are_refused_as_ours_do(data: bytes) -> None:
    """Nothing else than our errors comes out of the decoder."""
    with pytest.raises(EgideError):
        _verify(data)
