"""Every byte of a proof file counts: changed, added, dropped or cut, it fails, with a step named."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egide.errors import ProofError
from egide.trust.anchors import Anchors
from egide.trust.cose import Sign1
from egide.trust.evidence import Report, verify_evidence
from egide.trust.evidence.form import decode
from tests.support.harm import bit_flipped, cut_anywhere, one_byte_off, survivors, written_otherwise
from tests.support.proofs import World, ed25519_signer, p256_signer, step_of

ES256 = World(object=p256_signer())
EDDSA = World(object=ed25519_signer())
PROOFS = {"ES256": ES256.proof(), "EdDSA": EDDSA.proof()}
ANCHORS = {"ES256": ES256.anchors(), "EdDSA": EDDSA.anchors()}
STEPS = verify_evidence(PROOFS["ES256"], None).steps


def unnoticed(altered: dict[int, bytes], anchors: Anchors | None) -> list[int]:
    """The positions whose alteration went unnoticed, or failed in any other way than a named step."""
    return survivors(lambda data: verify_evidence(data, anchors), altered, STEPS)


@pytest.mark.slow
@pytest.mark.no_cover  # thousands of times over the same lines
@pytest.mark.parametrize("anchored", [True, False], ids=["anchored", "alone"])
@pytest.mark.parametrize("kind", PROOFS)
def test_no_bit_of_a_proof_can_flip_unnoticed(kind: str, anchored: bool) -> None:
    """Every byte, two of its bits: one for its place, and the lowest, the one that base64 may not carry."""
    data, anchors = PROOFS[kind], ANCHORS[kind] if anchored else None
    for bits in ([0] * 8, [1, 2, 3, 4, 5, 6, 7, 3]):
        altered = {i: bit_flipped(data, i, bits[i % 8]) for i in range(len(data))}
        assert unnoticed(altered, anchors) == []


@pytest.mark.parametrize("kind", PROOFS)
def test_no_byte_can_be_dropped_doubled_or_added(kind: str) -> None:
    """At every position: without it, with it twice, with a null byte before it."""
    for altered in one_byte_off(PROOFS[kind]):
        assert unnoticed(altered, None) == []


@pytest.mark.parametrize("kind", PROOFS)
def test_a_proof_cut_anywhere_is_refused(kind: str) -> None:
    """Every length but its own."""
    assert unnoticed(cut_anywhere(PROOFS[kind]), ANCHORS[kind]) == []


def places(data: bytes) -> dict[str, tuple[bytes, str]]:
    """A part of the file, and the step that owns it."""
    signed = decode(data)
    evidence = signed.evidence
    statement = Sign1.parse(evidence.statement, limit=2**20)
    receipt = Sign1.parse(statement.unprotected[394][0])
    note = evidence.checkpoint
    *_, log_line, north, _south = note.rstrip("\n").split("\n")
    return {
        "object certificate": (evidence.chain[0], "2 object certificate"),
        "issuing certificate": (evidence.chain[1], "2 object certificate"),
        "root certificate": (evidence.roots[0], "2 object certificate"),
        "object signature": (statement.signature, "3 object signature"),
        "object payload": (statement.payload or b"", "3 object signature"),
        "log key": (evidence.log_key, "5 receipt"),
        "receipt signature": (receipt.signature, "5 receipt"),
        "receipt header": (receipt.protected, "5 receipt"),
        "checkpoint root": (note.split("\n")[2].encode(), "6 checkpoint"),
        "checkpoint signature": (log_line.split(" ")[2].encode(), "6 checkpoint"),
        "consistency": (evidence.consistency[-1], "7 consistency"),
        "cosignature": (north.split(" ")[2].encode()[20:-4], "8 witnesses"),
        "witness key": (evidence.witnesses[0].encode()[-40:-4], "8 witnesses"),
        "model": (evidence.assertion.model.encode(), "10 platform signature"),
        "platform certificate": (signed.platform_chain[0][-40:], "10 platform signature"),
        "platform signature": (signed.outer.signature, "10 platform signature"),
    }


@pytest.mark.parametrize("part", places(PROOFS["ES256"]))
def test_a_changed_part_fails_at_the_step_that_owns_it(part: str) -> None:
    """The step that is named tells what was altered: inner steps run before the platform's signature."""
    data = PROOFS["ES256"]
    found, step = places(data)[part]
    at = data.rindex(found) + len(found) - 1  # what stands twice belongs to its last place
    other = b"B" if data[at:at + 1] == b"A" else b"A"  # base64 stays base64
    assert step_of(data[:at] + other + data[at + 1:], ES256, anchored=False) == step


@pytest.mark.parametrize("kind", PROOFS)
def test_a_proof_written_otherwise_is_refused_though_it_decodes_alike(kind: str) -> None:
    """A longer tag, longer lengths, an indefinite list: the same content, and not the same file."""
    for other in written_otherwise(PROOFS[kind]):
        assert step_of(other, ES256, anchored=False) == "1 form"


def outcome(data: bytes, anchors: Anchors | None) -> Report | str:
    """A report, or the step: nothing else may come out."""
    try:
        return verify_evidence(data, anchors)
    except ProofError as err:
        return err.step


@given(st.binary(max_size=300))
def test_bytes_of_no_kind_are_refused_at_the_first_step(data: bytes) -> None:
    """Whatever is fed to the verifier, it only ever says ProofError."""
    assert outcome(data, None) == "1 form"


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, len(PROOFS["EdDSA"]) - 1), st.binary(max_size=4)), min_size=1, max_size=4
    )
)
def test_no_handful_of_edits_survives(edits: list[tuple[int, bytes]]) -> None:
    """Several places at once, each overwritten by up to four bytes: refused, unless nothing changed."""
    data = PROOFS["EdDSA"]
    for place, new in edits:
        data = data[:place] + new + data[place + len(new):]
    result = outcome(data, ANCHORS["EdDSA"])
    assert isinstance(result, Report) if data == PROOFS["EdDSA"] else result in STEPS


@pytest.mark.parametrize("size", [256 * 1024 + 1, 10_000_000])
def test_a_file_too_large_is_refused_before_it_is_read(size: int) -> None:
    """The limit comes first."""
    assert outcome(b"\xd2" + bytes(size), None) == "1 form"
