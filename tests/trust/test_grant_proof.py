"""A consent proof: what an honest one says, and that every lie in it fails at the step that names it."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from egide import cbor
from egide.errors import MalformedError, ProofError
from egide.trust.cose import Sign1, sign1
from egide.trust.evidence import verify_evidence
from egide.trust.grant import (
    WITHDRAWAL,
    Entry,
    Named,
    build_consent_proof,
    is_consent_proof,
    verify_consent_proof,
)
from egide.trust.grant.entries import Credential
from egide.trust.register.tree import inclusion_path, root_from_inclusion
from tests.support.consents import (
    ALICE,
    BE,
    CLAIRE,
    NOW_MS,
    UP,
    UV,
    ConsentWorld,
    Passkey,
    consent,
    ended,
    resigned,
    signed_by,
    step_of,
)
from tests.support.proofs import DAY_MS, LOG_2, PLATFORM, START_MS, ed25519_signer
from tests.support.proofs import World as ReadingWorld


@pytest.fixture(scope="module")
def world() -> ConsentWorld:
    return ConsentWorld()


# What an honest file says -------------------------------------------------------------------------


@pytest.mark.parametrize("key", [None, ed25519.Ed25519PrivateKey.generate()], ids=["ES256", "EdDSA"])
def test_a_proof_says_who_agreed_to_what_and_when(key: Any) -> None:
    """The statement whole, when it was entered and where, by which platform."""
    world = ConsentWorld(passkey=Passkey(key=key) if key else Passkey())
    report = verify_consent_proof(world.proof(), world.anchors())
    assert report.consent == consent()
    assert (report.entered_ms, report.enrolled_ms, report.retired_ms) == (NOW_MS + 20_000, START_MS + DAY_MS, None)
    assert (report.register_index, report.register_size) == (4, 9)
    assert report.platform_uri == f"urn:uuid:{PLATFORM}"
    assert (report.warnings, report.anchored, report.witnessed) == ((), True, True)
    assert [step.split()[0] for step in report.steps] == [str(n) for n in range(1, 12)]


def test_a_withdrawal_is_proved_alike(world: ConsentWorld) -> None:
    """It names what was signed before it."""
    given = signed_by(world.passkey, consent().encode())
    taken = consent(kind=WITHDRAWAL, until_ms=None, previous=given.digest, at_ms=NOW_MS + DAY_MS // 2)
    report = verify_consent_proof(world.proof(signed_by(world.passkey, taken.encode())), world.anchors())
    assert (report.consent.kind, report.consent.previous) == (WITHDRAWAL, given.digest)


def test_a_representative_signs_for_the_patient_and_both_are_named(world: ConsentWorld) -> None:
    """The passkey is the signer's, the record the patient's."""
    said = consent(patient=Named(CLAIRE, "Léo Moreau"))
    report = verify_consent_proof(world.proof(signed_by(world.passkey, said.encode())), world.anchors())
    assert (report.consent.patient.uri, report.consent.signer.uri) == (CLAIRE, ALICE)


def test_without_anchors_it_is_consistent_and_not_anchored(world: ConsentWorld) -> None:
    """Its keys may be anyone's; a witness is seen and not believed."""
    report = verify_consent_proof(world.proof(), None)
    assert (report.anchored, report.witnessed, len(report.witnesses)) == (False, False, 1)


def test_a_passkey_retired_after_it_signed_still_proves_what_it_signed(world: ConsentWorld) -> None:
    """The register's order tells which came first; the report says when it was retired."""
    report = verify_consent_proof(world.proof(retirement=ended(world)), world.anchors())
    assert report.retired_ms == NOW_MS + 3_600_000


def test_a_counter_that_did_not_grow_is_a_warning(world: ConsentWorld) -> None:
    """The key may have been copied: it is said, and the signature holds."""
    passkey = Passkey(count=8)
    copied = replace(world, passkey=passkey)
    proof = copied.proof(signed_by(passkey, consent().encode()), enrolment=copied.enrolment(count=9))
    assert verify_consent_proof(proof, world.anchors()).warnings == ("counter",)


def test_a_passkey_that_is_on_several_devices_is_said(world: ConsentWorld) -> None:
    """Backup eligible: its holder's account with a maker holds it too."""
    proof = world.proof(signed_by(world.passkey, consent().encode(), flags=UP | UV | BE))
    assert verify_consent_proof(proof, world.anchors()).warnings == ("synced",)


def test_a_file_cannot_be_from_the_future_of_the_reader(world: ConsentWorld) -> None:
    """With the reader's clock given, a file made well after it is refused."""
    made = datetime.fromtimestamp((NOW_MS + DAY_MS) / 1000, UTC)
    assert verify_consent_proof(world.proof(), world.anchors(), at=made).anchored
    with pytest.raises(ProofError) as failure:
        verify_consent_proof(world.proof(), world.anchors(), at=made.replace(year=made.year - 1))
    assert failure.value.step == "10 platform signature"


def test_each_kind_of_proof_is_told_from_the_other(world: ConsentWorld) -> None:
    """By its content type; a reading's proof is no consent, and fails as one; nor the reverse."""
    readings = ReadingWorld().proof()
    assert is_consent_proof(world.proof())
    assert not any(is_consent_proof(data) for data in (readings, b"", b"\xd2", b"\xd2\x80", b"%PDF"))
    assert step_of(readings) == "1 form"
    with pytest.raises(ProofError):
        verify_evidence(world.proof(), None)


# The passkey --------------------------------------------------------------------------------------

SIGNED_OTHERWISE: dict[str, dict[str, Any]] = {
    "another-origin": {"origin": "https://egide.example.evil.example"},
    "nobody-recognised": {"flags": UP}, "nobody-present": {"flags": UV}, "cross-origin": {"crossOrigin": True},
    "token-binding": {"tokenBinding": {"status": "present"}}, "an-enrolment": {"type": "webauthn.create"},
}  # fmt: skip


@pytest.mark.parametrize("how", SIGNED_OTHERWISE)
def test_an_assertion_made_otherwise_fails_at_the_passkeys_step(world: ConsentWorld, how: str) -> None:
    """The platform, the log and the witnesses all signed: the passkey did not say this."""
    signed = signed_by(world.passkey, consent().encode(), **SIGNED_OTHERWISE[how])
    assert step_of(world.proof(signed), world) == "3 passkey signature"


def test_an_assertion_for_another_relying_party_is_refused(world: ConsentWorld) -> None:
    """The same key asked by another site."""
    elsewhere = Passkey(key=world.passkey.key, rp="evil.example")
    assert step_of(world.proof(signed_by(elsewhere, consent().encode())), world) == "3 passkey signature"


def test_another_passkey_of_the_same_person_is_not_the_one_enrolled(world: ConsentWorld) -> None:
    """The file must bring the enrolment of the key that signed."""
    assert step_of(world.proof(signed_by(Passkey(), consent().encode())), world) == "3 passkey signature"


def test_a_passkey_of_another_account_is_refused(world: ConsentWorld) -> None:
    """A rightly enrolled passkey of somebody else."""
    assert step_of(world.proof(enrolment=world.enrolment(account=CLAIRE)), world) == "3 passkey signature"


def test_an_old_signature_under_a_new_statement_is_refused(world: ConsentWorld) -> None:
    """Last winter's assertion, entered by a dishonest platform for a new grant."""
    winter = signed_by(world.passkey, consent().encode())
    new = consent(at_ms=NOW_MS + 1, previous=winter.digest)
    assert step_of(world.proof(replace(winter, statement=new.encode())), world) == "3 passkey signature"


@pytest.mark.parametrize(
    "facts",
    [{"id": b"short"}, {"key": b"\xa0"}, {"rp": None}, {"count": True}, {"count": 2**32}, {"count": -1}],
    ids=str,
)
def test_an_enrolment_with_other_facts_is_refused(world: ConsentWorld, facts: dict[str, Any]) -> None:
    """What enrols a passkey says which, with which key, for whom."""
    assert step_of(world.proof(enrolment=world.enrolment(facts=facts)), world) == "2 enrolment"


def test_further_facts_may_stand_beside() -> None:
    """Whoever enters a consent may say more in the clear; what is verified is what is specified."""
    world = ConsentWorld()
    signed = signed_by(world.passkey, consent().encode())
    entered = world.entered(signed, facts={"form": "screen"})
    enrolment = world.enrolment(facts={"by": "desk"})
    assert verify_consent_proof(world.proof(signed, entered=entered, enrolment=enrolment), world.anchors()).anchored


# What the platform entered ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param({"facts": {"consent": bytes(32)}}, id="another-consent"),
        pytest.param({"facts": {"consent": None}}, id="no-consent"),
        pytest.param({"subject": CLAIRE}, id="another-patient"),
        pytest.param({"kind": "grant-end"}, id="another-kind"),
        pytest.param({"at_ms": NOW_MS - 1}, id="before-it-was-written"),
        pytest.param({"at_ms": NOW_MS + 600_001}, id="long-after"),
        pytest.param({"signer": ed25519_signer()}, id="another-signer"),
        pytest.param({"content_type": "text/plain"}, id="another-content-type"),
        pytest.param({"x5t": [-16, bytes(32)]}, id="another-certificate"),
        pytest.param({"claims": {1: f"urn:uuid:{LOG_2}", 2: ALICE, 6: 0, 7: bytes(16)}}, id="another-platform"),
        pytest.param({"claims": {1: f"urn:uuid:{PLATFORM}", 2: "alice", 6: 0, 7: bytes(16)}}, id="no-name"),
        pytest.param({"claims": {1: f"urn:uuid:{PLATFORM}", 2: ALICE}}, id="claims-missing"),
        pytest.param({"payload": ["grant", NOW_MS, {}]}, id="another-payload"),
        pytest.param({"payload": ["grant", True, {}, None]}, id="time-of-another-type"),
        pytest.param({"payload": ["grant", -1, {}, None]}, id="time-before-1970"),
        pytest.param({"payload": ["grant", NOW_MS, {1: 1}, None]}, id="fact-without-a-name"),
        pytest.param({"payload": ["grant", NOW_MS, {}, "open"]}, id="sealed-part-of-another-type"),
    ],
)
def test_an_entry_that_is_not_this_consents_is_refused(world: ConsentWorld, entry: dict[str, Any]) -> None:
    """The log holds it, and it says something else."""
    signed = signed_by(world.passkey, consent().encode())
    assert step_of(world.proof(signed, entered=world.entered(signed, **entry)), world) == "4 entry"


def test_an_entry_carries_one_receipt_and_no_other_header(world: ConsentWorld) -> None:
    """Nothing may hide beside it."""
    parts = world.parts()
    bare = Entry(parts["entry"].parts()[0], world.platform_chain)
    assert step_of(world.proof(replaced={"entry": bare}), world) == "4 entry"
    with pytest.raises(MalformedError):
        Entry.of(b"\xd2\x80", b"", ())


def test_the_places_of_the_entries_cannot_be_swapped(world: ConsentWorld) -> None:
    """Each statement is of the kind that its place says."""
    parts = world.parts()
    assert step_of(world.proof(replaced={"credential": parts["entry"]}), world) == "2 enrolment"
    assert step_of(world.proof(replaced={"entry": parts["credential"]}), world) == "4 entry"
    assert step_of(world.proof(replaced={"retirement": parts["credential"]}), world) == "2 enrolment"


@pytest.mark.parametrize(
    "other", [{"account": CLAIRE}, {"facts": {"id": bytes(32)}}, {"kind": "credential"}], ids=str
)
def test_the_retirement_of_another_passkey_is_refused(world: ConsentWorld, other: dict[str, Any]) -> None:
    """It would say nothing of this one."""
    assert step_of(world.proof(retirement=ended(world, **other)), world) == "2 enrolment"


# The file -----------------------------------------------------------------------------------------


def test_a_file_that_another_platform_signed_is_refused(world: ConsentWorld) -> None:
    """The chain is the platform's, the signature is not."""
    assert step_of(world.proof(replaced={"signer": ed25519_signer()}), world) == "10 platform signature"


def test_a_file_made_before_what_it_tells_is_refused(world: ConsentWorld) -> None:
    """Nobody proves what has not happened."""
    assert step_of(world.proof(replaced={"made_ms": NOW_MS}), world) == "10 platform signature"


@pytest.mark.parametrize(
    ("index", "value"),
    [
        (0, 2), (0, True), (1, b"\x80"), (2, [b""]), (2, [b"", []]), (2, [b"", b""]), (3, None), (4, b""), (5, []),
        (5, [1]), (5, [b""] * 5), (6, ["a", "b"]), (7, b""), (8, [1]), (8, ["x"] * 17), (9, [b""]), (10, -1),
        (10, True), (10, 2**46), (10, None),
    ],
    ids=str,
)  # fmt: skip
def test_a_payload_of_another_form_is_refused(world: ConsentWorld, index: int, value: Any) -> None:
    """Shape, types and limits, though the platform signs."""
    changed = resigned(world.proof(), world, lambda payload: payload.__setitem__(index, value))
    assert step_of(changed, world) == "1 form"


def test_a_header_of_another_form_is_refused(world: ConsentWorld) -> None:
    """Content type and chain, in their order, nothing unprotected."""
    outer = Sign1.parse(world.proof(), limit=2**20, header_limit=2**20)
    payload = outer.payload or b""
    kind, chain = outer.header[3], outer.header[33]
    headers: list[dict[int | str, Any]] = [{3: kind}, {33: chain, 3: kind}, {3: "x", 33: chain}]
    for header in headers:
        assert step_of(sign1(header, payload, world.platform), world) == "1 form"
    assert step_of(outer.encode({1: 1}), world) == "1 form"
    assert step_of(sign1({3: outer.header[3], 33: []}, payload, world.platform), world) == "1 form"


def test_what_cannot_be_read_back_is_not_written(world: ConsentWorld) -> None:
    """The builder reads its own file."""
    with pytest.raises(MalformedError):
        build_consent_proof(**{**world.parts(), "roots": ()})


def test_the_signature_of_the_passkey_can_be_checked_by_hand(world: ConsentWorld) -> None:
    """What the page says, with nothing of ours but CBOR: challenge, authenticator's data, leaf and path."""
    parts = world.parts()
    statement, (authenticator, client, _) = cbor.decode(parts["signed"].encode(), limit=2**20)
    challenge = hashlib.sha256(b"egide consent v1\x00" + statement).digest()
    assert base64.urlsafe_b64decode(json.loads(client)["challenge"] + "=") == challenge
    assert authenticator[:32] == hashlib.sha256(b"egide.example").digest()
    body = parts["entry"].parts()[0]
    log = world.log(parts["credential"].parts()[0], body, None)
    leaf = hashlib.sha256(b"\x00" + body).digest()
    assert root_from_inclusion(leaf, 4, 9, inclusion_path(4, 9, log.node)) == log.head(9).root


def test_the_facts_of_an_enrolment_are_read_back(world: ConsentWorld) -> None:
    """What the platform writes about a passkey is what a verifier reads."""
    credential = world.passkey.credential(count=7)
    found = Credential.of(ALICE, credential.facts())
    assert (found.account, found.id_sha256, found.rp, found.count) == (ALICE, credential.id_sha256, credential.rp, 7)
    assert found.key.cose == credential.key.cose
