"""Every byte of a consent proof counts: changed, dropped, doubled or cut, it fails, with a step named."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from hypothesis import given, settings
from hypothesis import strategies as st

from egide.errors import ProofError
from egide.trust.anchors import Anchors
from egide.trust.cose import Sign1
from egide.trust.grant import CREDENTIAL_END, Consent, ConsentProof, ConsentReport, verify_consent_proof
from egide.trust.grant.entries import credential_end_facts
from egide.trust.grant.form import decode
from tests.support.consents import ALICE, NOW_MS, ConsentWorld, Passkey, step_of
from tests.support.harm import bit_flipped, cut_anywhere, one_byte_off, survivors, written_otherwise

WORLDS = {
    "ES256": ConsentWorld(),
    "EdDSA": ConsentWorld(passkey=Passkey(key=ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32))))),
}
ANCHORS = {kind: world.anchors() for kind, world in WORLDS.items()}


def proof_of(world: ConsentWorld) -> bytes:
    """With every part that a file can have: its passkey was retired later."""
    facts = credential_end_facts(world.passkey.credential().id_sha256)
    ended = world.statement(CREDENTIAL_END, ALICE, facts, at_ms=NOW_MS + 3_600_000)
    return world.proof(retirement=ended)


PROOFS = {kind: proof_of(world) for kind, world in WORLDS.items()}
STEPS = verify_consent_proof(PROOFS["ES256"], None).steps


def unnoticed(altered: dict[int, bytes], anchors: Anchors | None) -> list[int]:
    """The positions whose alteration went unnoticed, or failed in any other way than a named step."""
    return survivors(lambda data: verify_consent_proof(data, anchors), altered, STEPS)


@pytest.mark.slow
@pytest.mark.no_cover  # thousands of times over the same lines
@pytest.mark.parametrize("anchored", [True, False], ids=["anchored", "alone"])
@pytest.mark.parametrize("kind", PROOFS)
def test_no_bit_of_a_consent_proof_can_flip_unnoticed(kind: str, anchored: bool) -> None:
    """Every byte: its lowest bit, which base64 may not carry; where nothing is anchored, one for its place."""
    data, anchors = PROOFS[kind], ANCHORS[kind] if anchored else None
    bits = [0] * 8 if anchored else [1, 2, 3, 4, 5, 6, 7, 3]
    assert unnoticed({i: bit_flipped(data, i, bits[i % 8]) for i in range(len(data))}, anchors) == []


@pytest.mark.parametrize("kind", PROOFS)
def test_no_byte_can_be_dropped_doubled_or_added(kind: str) -> None:
    """At every position: without it, with it twice, with a null byte before it."""
    for altered in one_byte_off(PROOFS[kind]):
        assert unnoticed(altered, None) == []


@pytest.mark.parametrize("kind", PROOFS)
def test_a_consent_proof_cut_anywhere_is_refused(kind: str) -> None:
    """Every length but its own."""
    assert unnoticed(cut_anywhere(PROOFS[kind]), ANCHORS[kind]) == []


def places(data: bytes) -> dict[str, tuple[bytes, str]]:
    """A part of the file, and the step that owns it."""
    signed = decode(data)
    proof = signed.proof
    enrolment, entry = (Sign1.parse(each.parts()[0]) for each in (proof.credential, proof.entry))
    receipt = Sign1.parse(proof.entry.parts()[1])
    *_, log_line, north = proof.checkpoint.rstrip("\n").split("\n")
    return {
        "root certificate": (proof.roots[0], "2 enrolment"),
        "enrolment": (enrolment.signature, "2 enrolment"),
        "text shown": ("à tout moment".encode(), "3 passkey signature"),
        "reader": (b"Dr Claire Martin", "3 passkey signature"),
        "authenticator's data": (proof.signed.assertion.authenticator_data, "3 passkey signature"),
        "client's data": (proof.signed.assertion.client_data[:-10], "3 passkey signature"),
        "passkey signature": (proof.signed.assertion.signature, "3 passkey signature"),
        "entry": (entry.payload or b"", "4 entry"),
        "entry signature": (entry.signature, "4 entry"),
        "log key": (proof.log_key, "6 checkpoint"),
        "checkpoint signature": (log_line.split(" ")[2].encode(), "6 checkpoint"),
        "receipt signature": (receipt.signature[:-1], "7 receipts"),
        "cosignature": (north.split(" ")[2].encode()[20:-4], "9 witnesses"),
        "platform signature": (signed.outer.signature, "10 platform signature"),
    }


@pytest.mark.parametrize("part", places(PROOFS["ES256"]))
def test_a_changed_part_fails_at_the_step_that_owns_it(part: str) -> None:
    """The step that is named tells what was altered: inner steps run before the platform's signature."""
    data = PROOFS["ES256"]
    found, step = places(data)[part]
    at = data.index(found) + len(found) - 1
    other = b"B" if data[at:at + 1] == b"A" else b"A"  # base64 stays base64
    assert step_of(data[:at] + other + data[at + 1:]) == step


@pytest.mark.parametrize("kind", PROOFS)
def test_a_consent_proof_written_otherwise_is_refused_though_it_decodes_alike(kind: str) -> None:
    """A longer tag, longer lengths, an indefinite list: the same content, and not the same file."""
    for other in written_otherwise(PROOFS[kind]):
        assert step_of(other) == "1 form"


def outcome(data: bytes, anchors: Anchors | None) -> ConsentReport | str:
    """A report, or the step: nothing else may come out."""
    try:
        return verify_consent_proof(data, anchors)
    except ProofError as err:
        return err.step


@given(st.binary(max_size=300))
def test_bytes_of_no_kind_are_refused_at_the_first_step(data: bytes) -> None:
    """Whatever is fed to the verifier, it only ever says ProofError."""
    assert outcome(data, None) == "1 form"


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, len(PROOFS["EdDSA"]) - 1), st.binary(max_size=4)), min_size=1, max_size=4)
)
def test_no_handful_of_edits_survives(edits: list[tuple[int, bytes]]) -> None:
    """Several places at once, each overwritten by up to four bytes: refused, unless nothing changed."""
    data = PROOFS["EdDSA"]
    for place, new in edits:
        data = data[:place] + new + data[place + len(new):]
    result = outcome(data, ANCHORS["EdDSA"])
    assert isinstance(result, ConsentReport) if data == PROOFS["EdDSA"] else result in STEPS


@pytest.mark.parametrize("size", [256 * 1024 + 1, 10_000_000])
def test_a_file_too_large_is_refused_before_it_is_read(size: int) -> None:
    """The limit comes first."""
    assert outcome(b"\xd2" + bytes(size), None) == "1 form"


def test_what_is_understood_is_what_is_in_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last step encodes everything again and compares: a decoder that forgives would be caught."""
    for kind in (ConsentProof, Consent):
        with monkeypatch.context() as patch:
            patch.setattr(kind, "encode", lambda self: b"")
            assert step_of(PROOFS["EdDSA"], WORLDS["EdDSA"]) == "11 encoding"
