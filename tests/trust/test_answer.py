"""What the platform answers: only the log's own refusal of that very envelope counts."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from hypothesis import given
from hypothesis import strategies as st

from egide import cbor
from egide.errors import EgideError, MalformedError, ProofError, SignatureError, TooLargeError
from egide.trust.answer import (
    ReceiptAnswer,
    Refusal,
    RefusalAnswer,
    decode_answer,
    encode_receipt_answer,
    encode_refusal_answer,
    sign_refusal,
    verify_refusal,
)
from egide.trust.cose import Sign1, SoftwareSigner, sign1

LOG = "urn:uuid:6fa459ea-ee8a-4ca4-894e-db77e160355e"
OTHER = "urn:uuid:16fd2706-8baf-433b-82eb-8c7fada847da"
SIGNER = SoftwareSigner(ed25519.Ed25519PrivateKey.from_private_bytes(b"l" * 32))
MALLORY = SoftwareSigner(ed25519.Ed25519PrivateKey.from_private_bytes(b"m" * 32))
DIGEST = hashlib.sha256(b"an envelope").digest()
SAID: dict[str, Any] = {"log_uri": LOG, "digest": DIGEST, "code": "malformed", "retryable": False, "iat": 12}
REFUSAL = sign_refusal(SIGNER, **SAID)


def verify(refusal: bytes) -> Refusal:
    return verify_refusal(refusal, digest=DIGEST, key=SIGNER.public_key, log_uri=LOG)


@given(receipt=st.binary(max_size=8192))
def test_a_receipt_s_answer_is_the_encoder_s_and_reads_back(receipt: bytes) -> None:
    """Assembled by hand, for every length."""
    data = encode_receipt_answer(DIGEST, receipt)
    assert data == cbor.encode([1, DIGEST, receipt])
    assert decode_answer(data) == ReceiptAnswer(DIGEST, receipt)


def test_a_refusal_s_answer_reads_back_and_verifies() -> None:
    """Code, retryable and time are those that were signed."""
    data = encode_refusal_answer(DIGEST, REFUSAL)
    assert data == cbor.encode([2, DIGEST, REFUSAL])
    assert decode_answer(data) == RefusalAnswer(DIGEST, REFUSAL)
    assert verify(REFUSAL) == Refusal(DIGEST, "malformed", False, 12)


@pytest.mark.parametrize(
    "value",
    [
        [], [1, DIGEST], [3, DIGEST, b""], [True, DIGEST, b""], [1, DIGEST[:31], b""], [2, DIGEST[:31], b""],
        [1, DIGEST, "text"], {1: DIGEST}, None,
    ],
)
def test_what_is_not_an_answer_is_refused(value: Any) -> None:
    """Two forms, and no third."""
    with pytest.raises(MalformedError):
        decode_answer(cbor.encode(value))


def test_an_answer_that_is_too_large_is_refused() -> None:
    """A receipt and its frame, no more."""
    with pytest.raises(TooLargeError):
        decode_answer(encode_receipt_answer(DIGEST, bytes(9000)))


def test_no_byte_of_a_refusal_can_change() -> None:
    """Nobody in between can turn a "later" into a "never", or back."""
    for position, byte in enumerate(REFUSAL):
        for value in {0, 0xFF, byte ^ 1, byte ^ 0x80} - {byte}:
            with pytest.raises(EgideError):
                verify(REFUSAL[:position] + bytes((value,)) + REFUSAL[position + 1 :])


@given(data=st.binary(max_size=100))
def test_noise_is_refused_by_our_errors_alone(data: bytes) -> None:
    """Untrusted bytes never raise anything else."""
    with pytest.raises(EgideError):
        verify(data)
    with pytest.raises(EgideError):
        decode_answer(b"\x9f" + data)


def refusal(header: dict[int | str, Any], payload: Any, signer: SoftwareSigner = SIGNER) -> bytes:
    return sign1(header, cbor.encode(payload), signer)


HEADER: dict[int | str, Any] = {
    3: "application/vnd.egide.refusal+cbor",
    4: SIGNER.public_key.cose_thumbprint(),
    15: {1: LOG, 2: LOG, 6: 0},
}
SAYS = [DIGEST, "malformed", False]


@pytest.mark.parametrize(
    ("data", "error"),
    [
        pytest.param(refusal(HEADER, SAYS, MALLORY), SignatureError, id="mallory-s"),
        pytest.param(refusal({**HEADER, 3: "text/plain"}, SAYS), ProofError, id="another-content-type"),
        pytest.param(refusal({**HEADER, 2: [1]}, SAYS), ProofError, id="crit"),
        pytest.param(refusal({**HEADER, 4: bytes(32)}, SAYS), ProofError, id="another-kid"),
        pytest.param(refusal({**HEADER, 15: {1: LOG, 2: OTHER, 6: 0}}, SAYS), ProofError, id="another-log"),
        pytest.param(refusal({**HEADER, 15: {1: OTHER, 2: LOG, 6: 0}}, SAYS), ProofError, id="no-issuer"),
        pytest.param(refusal({**HEADER, 15: {1: LOG, 2: LOG}}, SAYS), ProofError, id="no-time"),
        pytest.param(
            refusal({**HEADER, 15: {1: LOG, 2: LOG, 6: -1}}, SAYS), MalformedError, id="time-out-of-range"
        ),
        pytest.param(refusal(HEADER, [bytes(32), "malformed", False]), ProofError, id="another-envelope-s"),
        pytest.param(refusal(HEADER, [DIGEST, "Bad Code", False]), MalformedError, id="another-code"),
        pytest.param(refusal(HEADER, [DIGEST, "malformed", None]), MalformedError, id="not-a-boolean"),
        pytest.param(refusal(HEADER, [DIGEST, "malformed"]), MalformedError, id="another-payload"),
        pytest.param(Sign1.parse(REFUSAL).encode({4: b""}), MalformedError, id="unprotected-header"),
        pytest.param(
            sign1(HEADER, cbor.encode(SAYS), SIGNER, detach=True), MalformedError, id="payload-detached"
        ),
        pytest.param(b"\xd2" + bytes(1025), TooLargeError, id="too-large"),
    ],
)
def test_a_refusal_that_is_not_the_specification_s_is_refused(data: bytes, error: type[Exception]) -> None:
    """An object keeps sending until the log itself refused this very envelope."""
    with pytest.raises(error):
        verify(data)


@pytest.mark.parametrize(
    "changes",
    [
        {"digest": bytes(31)}, {"code": ""}, {"code": "x" * 41}, {"code": "É"}, {"retryable": 1}, {"iat": -1},
        {"iat": True},
    ],
)
def test_what_could_not_be_read_back_is_not_signed(changes: dict[str, Any]) -> None:
    """The writer keeps the reader's rules."""
    with pytest.raises(MalformedError):
        sign_refusal(SIGNER, **{**SAID, **changes})
