"""A consent proof's places: which log, in which order, seen by whom."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from egide.trust.genesis import Previous
from egide.trust.grant import Entry, verify_consent_proof
from tests.support.consents import ConsentWorld, ended, step_of
from tests.support.proofs import LOG_2, PLATFORM, TestLog, ed25519_signer


@pytest.fixture(scope="module")
def world() -> ConsentWorld:
    return ConsentWorld()


@pytest.mark.parametrize("order", [(1, 0, 2), (0, 2, 1), (1, 2, 0)], ids=str)
def test_a_passkey_signs_between_its_enrolment_and_its_retirement(
    world: ConsentWorld, order: tuple[int, int, int]
) -> None:
    """By their places in the register, whatever times the statements give: a retired passkey grants nothing."""
    assert step_of(world.proof(retirement=ended(world), order=order), world) == "8 order"


def test_a_receipt_of_another_tree_is_refused(world: ConsentWorld) -> None:
    """An earlier size, another leaf, another log."""
    parts = world.parts()
    statement = parts["entry"].parts()[0]
    log = world.log(parts["credential"].parts()[0], statement, None)
    for receipt in (log.receipt(4, 8), log.receipt(2, 9), TestLog(LOG_2, log.leaves, world.log_key).receipt(4, 9)):
        entry = Entry.of(statement, receipt, world.platform_chain)
        assert step_of(world.proof(replaced={**parts, "entry": entry}), world) == "7 receipts"


def test_the_consent_itself_lies_in_the_files_log() -> None:
    """Not in one before it, whose later entries the restore may have lost."""
    first = ConsentWorld()
    second, epochs = restored(first, size=9)
    parts = first.parts()
    proof = second.proof(replaced={"epochs": epochs, "entry": parts["entry"], "signed": parts["signed"]})
    assert step_of(proof, first) == "8 order"


def test_a_forged_file_that_brings_its_own_keys_fails_on_its_root(world: ConsentWorld) -> None:
    """Own CA, log, witness and passkey: consistent alone, refused with anchors."""
    forged = ConsentWorld()
    assert not verify_consent_proof(forged.proof(), None).anchored
    assert step_of(forged.proof(), world) == "2 enrolment"


def test_another_log_than_the_pinned_one_is_refused(world: ConsentWorld) -> None:
    """The same URI under another key, or another URI."""
    for other in ({"log_key": ed25519_signer()}, {"log_uuid": LOG_2}):
        assert step_of(replace(world, **other).proof(), world) == "5 log"


def test_a_forged_cosignature_is_refused(world: ConsentWorld) -> None:
    """A line of the right name, over another checkpoint."""
    witness = world.witnesses[0]
    line = witness.line(world.log(None, None, None, None).checkpoint(10))
    assert step_of(world.proof(replaced={"cosignatures": [(witness.key, line)]}), world) == "9 witnesses"


def test_a_checkpoint_of_another_log_is_refused(world: ConsentWorld) -> None:
    """The log signs its own."""
    note = TestLog(LOG_2, world.log(None).leaves, world.log_key).checkpoint(5).decode()
    assert step_of(world.proof(replaced={"checkpoint": note, "cosignatures": ()}), world) == "6 checkpoint"


def restored(world: ConsentWorld, *, size: int, **other: Any) -> tuple[ConsentWorld, list[Any]]:
    """The platform on its second log, which followed `size` leaves of the first; and the line of both."""
    second = replace(world, log_uuid=LOG_2, log_key=ed25519_signer())
    old: Any = replace(world.log_anchor(), **other)
    previous = Previous(origin=old.origin, uri=old.uri, size=size, root=bytes(32))
    return second, [world.epoch(old, None), second.epoch(second.log_anchor(), previous)]


def test_a_passkey_enrolled_before_a_restore_signs_after_it() -> None:
    """Its enrolment keeps its receipt of the first log, which the second one followed."""
    first = ConsentWorld()
    second, epochs = restored(first, size=9)
    old = first.parts()["credential"]
    proof = second.proof(replaced={"epochs": epochs, "credential": old})
    report = verify_consent_proof(proof, first.anchors())
    assert (report.log_uri, report.anchored) == (f"urn:uuid:{LOG_2}", True)


def test_an_enrolment_that_the_restore_lost_counts_for_nothing() -> None:
    """It lies beyond what the second log followed; or in a log that nothing leads to."""
    first = ConsentWorld()
    second, epochs = restored(first, size=2)
    old = first.parts()["credential"]
    assert step_of(second.proof(replaced={"epochs": epochs, "credential": old}), first) == "7 receipts"
    stranger = ConsentWorld(passkey=first.passkey, ca=first.ca, platform=first.platform, log_uuid=PLATFORM)
    lost = stranger.parts()["credential"]
    assert step_of(second.proof(replaced={"epochs": epochs, "credential": lost}), first) == "7 receipts"


def test_an_old_log_under_another_key_than_the_pinned_one_is_refused() -> None:
    """Whoever holds the platform's key cannot give the pinned log another past."""
    first = ConsentWorld()
    second, epochs = restored(first, size=9, public=ed25519_signer().public_key.raw_ed25519)
    assert step_of(second.proof(replaced={"epochs": epochs}), first) == "5 log"
