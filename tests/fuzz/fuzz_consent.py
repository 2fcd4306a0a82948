"""Feed altered consents, assertions and consent proofs to their readers: only our errors may come out.

Run for as long as you like: `python -m tests.fuzz.fuzz_consent -max_total_time=600` (libFuzzer's options). A payload
that was altered is signed again by the platform, so that the inner steps are reached; an assertion that was altered
is signed again by the passkey, so that its parsers are.
"""

from __future__ import annotations

import hashlib
import sys
import warnings

import atheris
from cryptography.hazmat.primitives.asymmetric import ed25519

with atheris.instrument_imports(include=["egide.trust", "egide.cbor"]):
    from egide.errors import EgideError, ProofError
    from egide.trust.cose import Sign1, sign1
    from egide.trust.grant import Consent, SignedConsent, challenge_of, verify_consent, verify_consent_proof
    from egide.trust.webauthn import Assertion, PasskeyKey
    from tests.support.consents import ConsentWorld, Passkey, consent, signed_by

PASSKEY = Passkey(key=ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
WORLD = ConsentWorld(passkey=PASSKEY)
PROOF = WORLD.proof()
OUTER = Sign1.parse(PROOF, limit=2**20, header_limit=2**20)
HEADER = {key: value for key, value in OUTER.header.items() if key != 1}
STATEMENT = consent().encode()
SIGNED = signed_by(PASSKEY, STATEMENT)
CREDENTIAL = PASSKEY.credential()
ANCHORS = WORLD.anchors()


def edited(source: atheris.FuzzedDataProvider, data: bytes) -> bytes:
    """One to four edits: bytes at a place are replaced by others."""
    for _ in range(source.ConsumeIntInRange(1, 4)):
        place = source.ConsumeIntInRange(0, len(data))
        dropped = source.ConsumeIntInRange(0, 8)
        data = data[:place] + source.ConsumeBytes(source.ConsumeIntInRange(0, 8)) + data[place + dropped:]
    return data


def try_proof(data: bytes) -> bool:
    """Whether it verifies."""
    try:
        verify_consent_proof(data, ANCHORS)
    except ProofError as err:
        if not err.step:
            raise
        return False
    return True


def try_answer(source: atheris.FuzzedDataProvider) -> None:
    """An assertion whose parts were altered and signed again: read, or refused by an error of ours."""
    authenticator = edited(source, SIGNED.assertion.authenticator_data)
    client = edited(source, SIGNED.assertion.client_data)
    signature = PASSKEY.sign(authenticator + hashlib.sha256(client).digest())
    verify_consent(SignedConsent(STATEMENT, Assertion(authenticator, client, signature)), CREDENTIAL)


def one_input(data: bytes) -> None:
    source = atheris.FuzzedDataProvider(data)
    kind = source.ConsumeIntInRange(0, 4)
    if kind == 0:
        altered = edited(source, PROOF)
        assert try_proof(altered) == (altered == PROOF)
        return
    if kind == 1:
        try_proof(sign1(HEADER, edited(source, OUTER.payload or b""), WORLD.platform))
        return
    try:
        if kind == 2:
            statement = edited(source, STATEMENT)
            assert Consent.decode(statement).encode() == statement
            assert challenge_of(statement) != challenge_of(STATEMENT) or statement == STATEMENT
        elif kind == 3:
            PasskeyKey(edited(source, PASSKEY.cose))
        else:
            try_answer(source)
    except EgideError:
        pass


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # a library frowns at odd certificates; what counts is what comes out
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
