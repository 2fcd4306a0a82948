"""A proof file: what an honest one says, and that every lie in it fails at the step that names it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from egide.errors import ProofError
from egide.measure.plausibility import WHOLE
from egide.trust.cose import SoftwareSigner
from egide.trust.evidence import verify_evidence
from egide.trust.genesis import Previous
from egide.trust.register.checkpoint import LOG as LOG_KIND
from egide.trust.register.checkpoint import NoteSignature, SignedNote, VerifierKey
from tests.support.proofs import (
    LOG_2,
    OBJECT,
    PAIRING,
    PLATFORM,
    Witness,
    World,
    ed25519_signer,
    p256_signer,
    resigned,
    step_of,
)

P256_N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@pytest.fixture(scope="module")
def world() -> World:
    return World()


# What an honest file says -------------------------------------------------------------------------


@pytest.mark.parametrize("signer", [p256_signer(), ed25519_signer()], ids=["ES256", "EdDSA"])
def test_a_proof_says_who_measured_what_and_when(signer: SoftwareSigner) -> None:
    """Everything that the object signed and the platform asserts is in the report, exactly."""
    world = World(object=signer)
    report = verify_evidence(world.proof(), world.anchors())
    assert (report.object_uri, report.pairing_uri) == (f"urn:uuid:{OBJECT}", f"urn:uuid:{PAIRING}")
    assert (report.platform_uri, report.model, report.trust) == (f"urn:uuid:{PLATFORM}", "Thermo One", 4)
    assert (report.register_index, report.register_size, report.checkpoint_size) == (3, 5, 7)
    heart, temperature = report.series
    assert [reading.value for reading in heart.readings] == [Decimal(62), Decimal(64), Decimal(61)]
    assert [str(reading.value) for reading in temperature.readings] == ["36.50", "37.12"]
    assert temperature.readings[1].signed_ms == world.readings.t0_ms + 90_000
    assert temperature.readings[1].corrected_ms == world.readings.t0_ms + 88_500
    assert [reading.doubt for reading in temperature.readings] == ["", "too-fast"]
    assert (report.flags, report.seq, report.synchronised) == (("late",), 41, True)
    assert report.anchored
    assert report.witnessed
    assert [step.split()[0] for step in report.steps] == [str(n) for n in range(1, 12)]


def test_the_same_proof_without_anchors_is_consistent_and_not_anchored(world: World) -> None:
    """Without anchors nothing is trusted, whatever verifies; a witness is seen and not believed."""
    report = verify_evidence(world.proof(), None)
    assert not report.anchored
    assert not report.witnessed
    assert [witness.name for witness in report.witnesses] == [witness.name for witness in world.witnesses]


def test_the_same_parts_give_the_same_bytes(world: World) -> None:
    """The encoding is deterministic: with the same (Ed25519) signatures, the file is the same."""
    parts = world.parts()
    assert world.proof(**parts) == world.proof(**parts)


def test_a_proof_without_witnesses_holds_and_is_not_witnessed(world: World) -> None:
    """No outside witness: the report says so."""
    report = verify_evidence(replace(world, witnesses=()).proof(), world.anchors())
    assert report.anchored
    assert (report.witnesses, report.witnessed) == ((), False)


def test_a_witness_that_the_anchors_do_not_know_is_told_and_not_counted(world: World) -> None:
    """A log's operator cannot make a file look witnessed by inventing a witness."""
    report = verify_evidence(world.proof(), world.anchors(witnesses=()))
    assert [witness.anchored for witness in report.witnesses] == [False, False]
    assert not report.witnessed


@pytest.mark.parametrize(("receipt_size", "size"), [(7, 7), (4, 7), (4, 4), (5, 100)])
def test_a_receipt_at_any_size_up_to_the_checkpoint_is_tied_to_it(receipt_size: int, size: int) -> None:
    """Equal sizes need no path, a power of two needs no first hash: all hold."""
    world = World(receipt_size=receipt_size, size=size)
    report = verify_evidence(world.proof(), world.anchors())
    assert (report.register_size, report.checkpoint_size) == (receipt_size, size)


def test_a_doubt_may_be_about_a_whole_series(world: World) -> None:
    """WHOLE marks every value; a value's own doubt says more and wins."""
    assertion = replace(world.assertion, doubts=((0, WHOLE, "flat"), (0, 1, "range")))
    report = verify_evidence(replace(world, assertion=assertion).proof(), None)
    assert [reading.doubt for reading in report.series[0].readings] == ["flat", "range", "flat"]


def test_a_renewed_root_with_the_pinned_key_is_still_trusted(world: World) -> None:
    """What is pinned is the root's key: a certificate renewed for it keeps old anchors good."""
    renewed = world.ca.renewed_root()
    assert renewed != world.ca.root
    assert verify_evidence(world.proof(), world.anchors(roots=(renewed,))).anchored


def test_a_file_cannot_be_from_the_future_of_the_reader(world: World) -> None:
    """With the reader's clock given, a file made well after it is refused."""
    made = datetime.fromtimestamp(world.assertion.made_ms / 1000, UTC)
    assert verify_evidence(world.proof(), world.anchors(), at=made).anchored
    with pytest.raises(ProofError) as failure:
        verify_evidence(world.proof(), world.anchors(), at=made.replace(year=made.year - 1))
    assert failure.value.step == "9 assertion"


# Epochs: a log that follows another after a restore -----------------------------------------------


def after_restore(world: World, **genesis: Any) -> tuple[World, Previous]:
    """The same platform on its second log, whose genesis names the first."""
    second = replace(world, log_uuid=LOG_2, log_key=ed25519_signer())
    old = world.log_anchor()
    previous = Previous(origin=old.origin, uri=old.uri, size=900, root=bytes(32))
    return replace(second, epochs=(second.epoch(second.log_anchor(), previous, **genesis),)), previous


def test_a_log_opened_by_a_restore_is_followed_from_the_pinned_one(world: World) -> None:
    """Anchors pinned before a restore stay good after it."""
    second, _ = after_restore(world)
    report = verify_evidence(second.proof(), world.anchors())
    assert report.anchored
    assert report.log_uri == f"urn:uuid:{LOG_2}"


def test_the_first_log_may_show_its_own_genesis(world: World) -> None:
    """A genesis that follows nothing begins the line, and anchors nothing."""
    own = replace(world, epochs=(world.epoch(world.log_anchor(), None),))
    assert verify_evidence(own.proof(), world.anchors()).anchored
    assert step_of(own.proof(), after_restore(world)[0]) == "4 log"


def test_a_new_log_without_its_genesis_is_not_trusted(world: World) -> None:
    """A key that nobody vouched for is another log's, same platform or not."""
    second, _ = after_restore(world)
    assert step_of(replace(second, epochs=()).proof(), world) == "4 log"


def test_a_genesis_that_follows_another_log_than_the_pinned_one_is_not_enough(world: World) -> None:
    """The old log's origin and URI are both compared."""
    second, previous = after_restore(world)
    for other in (replace(previous, uri=f"urn:uuid:{OBJECT}"), replace(previous, origin="egide/log/other")):
        lying = replace(second, epochs=(second.epoch(second.log_anchor(), other),))
        assert step_of(lying.proof(), world) == "4 log"


def test_epochs_lead_in_one_line_to_the_log_of_the_file(world: World) -> None:
    """A gap between two epochs, or a line that ends elsewhere, is refused even without anchors."""
    second, previous = after_restore(world)
    elsewhere = replace(second, epochs=(world.epoch(world.log_anchor(), None),))
    assert step_of(elsewhere.proof(), world, anchored=False) == "4 log"
    gap = replace(second, epochs=(second.epoch(second.log_anchor(), previous),) * 2)
    assert step_of(gap.proof(), world, anchored=False) == "4 log"


def test_a_genesis_that_the_platform_did_not_sign_is_refused(world: World) -> None:
    """The old log's key holder, or an object, cannot open an epoch."""
    second, previous = after_restore(world)
    stranger = replace(second, platform=ed25519_signer())
    forged = stranger.epoch(second.log_anchor(), previous)
    assert step_of(replace(second, epochs=(forged,)).proof(), world) == "4 log"


# Forged files -------------------------------------------------------------------------------------


def test_a_forged_file_that_brings_its_own_keys_fails_on_its_root(world: World) -> None:
    """Same names, same shape, own CA, own log, own witnesses: consistent alone, refused with anchors."""
    forged = World()
    assert not verify_evidence(forged.proof(), None).anchored
    assert step_of(forged.proof(), world) == "2 object certificate"


def test_a_forged_file_that_adds_the_true_root_beside_its_own_fails(world: World) -> None:
    """Every root that the file brings must be trusted, not one of them."""
    forged = World()
    assert step_of(forged.proof(roots=(forged.ca.root, world.ca.root)), world) == "2 object certificate"
    assert step_of(forged.proof(roots=(world.ca.root,)), world) == "2 object certificate"


def test_a_root_that_its_own_key_did_not_sign_is_refused(world: World) -> None:
    """The pinned key alone would let anyone write another root certificate around it."""
    altered = world.ca.root[:-1] + bytes((world.ca.root[-1] ^ 1,))
    assert step_of(world.proof(roots=(altered,)), world) == "2 object certificate"


@pytest.mark.parametrize("part", ["log_key", "log_uuid"])
def test_anchors_for_another_log_refuse(world: World, part: str) -> None:
    """The same URI under another key, or another URI: neither is the log that was pinned."""
    other: Any = ed25519_signer() if part == "log_key" else LOG_2
    assert step_of(replace(world, **{part: other}).proof(), world) == "4 log"


def test_anchors_with_another_origin_for_the_log_refuse(world: World) -> None:
    """Origin, URI and key are pinned together."""
    pinned = replace(world.log_anchor(), origin="egide/log/other")
    with pytest.raises(ProofError) as failure:
        verify_evidence(world.proof(), world.anchors(logs=(pinned,)))
    assert failure.value.step == "4 log"


def test_a_forged_witness_that_takes_a_known_name_is_refused(world: World) -> None:
    """The anchors know that name by another key."""
    forged = replace(world, witnesses=(Witness(world.witnesses[0].name),))
    assert verify_evidence(forged.proof(), None)
    assert step_of(forged.proof(), world) == "8 witnesses"


def test_a_forged_cosignature_is_refused(world: World) -> None:
    """A line of the right name and key id, signed over another checkpoint."""
    parts = world.parts()
    log = world.log(parts["envelope"])
    witness = world.witnesses[0]
    line = witness.line(log.checkpoint(6))
    assert step_of(world.proof(cosignatures=[(witness.key, line)]), world) == "8 witnesses"


def test_a_cosignature_that_is_missing_or_too_many_is_refused(world: World) -> None:
    """The file names its witnesses: one line each, in their order, and no other line."""
    parts = world.parts()
    (first, line), (second, other) = parts["cosignatures"]
    assert step_of(world.proof(cosignatures=[(first, line), (second, "")]), world) == "6 checkpoint"
    assert step_of(world.proof(cosignatures=[(first, line), (second, line)]), world) == "8 witnesses"
    assert step_of(world.proof(cosignatures=[(first, line), (first, line)]), world) == "8 witnesses"
    assert step_of(world.proof(cosignatures=[(second, line), (first, other)]), world) == "8 witnesses"
    dropped = resigned(world.proof(), world, lambda payload: payload[7].pop())
    assert step_of(dropped, world) == "8 witnesses"


def test_a_log_cannot_be_its_own_witness(world: World) -> None:
    """Neither under another name, nor with a key of a log's type."""
    itself = Witness("witness.example/self", world.log_key)
    assert step_of(replace(world, witnesses=(itself,)).proof(), world) == "8 witnesses"
    parts = world.parts()
    text = SignedNote.parse(parts["checkpoint"].encode()).text
    key = VerifierKey(name="other", kind=LOG_KIND, public=world.platform.public_key.raw_ed25519)
    line = NoteSignature(name="other", key_id=key.key_id, blob=world.platform.sign(text)).line
    assert step_of(world.proof(cosignatures=[(key, line)]), world) == "8 witnesses"


def test_a_cosignature_of_the_year_10000_is_refused(world: World) -> None:
    """A time that no clock can show is no time."""
    witness = world.witnesses[0]
    line = witness.line(world.parts()["checkpoint"].encode(), time_s=2**40)
    assert step_of(world.proof(cosignatures=[(witness.key, line)]), world) == "8 witnesses"
