"""Whose readings are, said anew: by two people, with nothing lost, nothing of anybody else's, and a way back."""

from __future__ import annotations

import pytest

from egide.cloud.consent.attested import forget as forget_facts
from egide.cloud.consent.service import start_follow_up
from egide.cloud.fleet.models import Attribution
from egide.cloud.fleet.pairings import pair, unpair
from egide.cloud.governance.erasure import erase_classes
from egide.cloud.intake.pipeline import Pipeline
from egide.cloud.keys.records import care_key
from egide.cloud.people.establishments import create_establishment
from egide.cloud.people.models import Account, Registration
from egide.cloud.register.journal import open_statement
from egide.cloud.register.models import Statement
from egide.cloud.register.publishing import publish
from egide.cloud.release.attribution import (
    LIFE_MS,
    confirm,
    confirm_undo,
    propose,
    propose_undo,
    refuse,
)
from egide.cloud.release.door import Ask, release
from egide.cloud.release.errata import errata_of
from egide.cloud.release.moving import reason_of
from egide.cloud.release.proof import platform_anchors, release_proof
from egide.cloud.signin.models import Notice
from egide.cloud.upkeep.fsck import fsck
from egide.cloud.vault.models import Envelope, Erratum
from egide.errors import AccessDeniedError, NotFoundError, RefusedError, SealError
from egide.trust.evidence import verify_evidence
from tests.support.attributing import HOUR, LATER, Sent, ask, damage, in_error, moved, professional, send, values
from tests.support.attributing import carol as carol
from tests.support.attributing import doctor as doctor
from tests.support.attributing import engineer as engineer
from tests.support.attributing import sent as sent
from tests.support.harm import flipped
from tests.support.thing import DAY, NOW

# ------------------------------------------------------------------------------------------------------- what it does


def test_two_people_move_readings_and_nothing_is_lost(
    sent: Sent, alice: Account, bob: Account, engineer: Account, doctor: Account
) -> None:
    """Bob's record releases exactly what Alice's no longer does, byte for byte as it was signed; the store is whole."""
    before = values(alice)
    assert values(bob) == []
    moved(sent, bob, (engineer, doctor))
    assert sorted(values(alice) + values(bob)) == before
    assert {entry for entry, _, _ in values(bob)} == set(sent.entries[2:6])
    assert in_error(alice) == set(sent.entries[2:6])
    assert in_error(bob) == set()
    assert damage() == set()


def test_what_was_entered_in_error_keeps_no_value(
    sent: Sent, alice: Account, bob: Account, engineer: Account, doctor: Account
) -> None:
    """Alice is told which metric and when; the value is Bob's, and her key opens it no more."""
    moved(sent, bob, (engineer, doctor))
    for column in errata_of(release(ask(alice), now_ms=LATER)):
        assert column.values == ()
        assert column.code == "99504-3"
        assert len(column.times_ms) == 2
    row = Envelope.objects.select_related("pairing", "data_key__record_key").get(entry=sent.entries[2])
    assert row.data_key.record_key.subject == bob.pk
    with pytest.raises(NotFoundError):
        release_proof(reader=alice, patient=alice, entry=sent.entries[2], purpose="PATRQT", now_ms=LATER)


def test_the_proof_verifies_offline_before_and_after(
    sent: Sent, alice: Account, bob: Account, engineer: Account, doctor: Account
) -> None:
    """Alice's file of before still proves what the object signed, and so does Bob's of after: no patient is in it."""
    publish(now_ms=NOW)
    hers = release_proof(reader=alice, patient=alice, entry=sent.entries[2], purpose="PATRQT", now_ms=NOW)
    moved(sent, bob, (engineer, doctor))
    publish(now_ms=LATER)
    his = release_proof(reader=bob, patient=bob, entry=sent.entries[2], purpose="PATRQT", now_ms=LATER)
    a, b = (verify_evidence(data, platform_anchors()) for data in (hers, his))
    assert a.anchored
    assert b.anchored
    assert [s.readings for s in a.series] == [s.readings for s in b.series]


def test_both_patients_read_it_and_neither_learns_who_the_other_is(
    sent: Sent, alice: Account, bob: Account, engineer: Account, doctor: Account
) -> None:
    """One statement in each file: the pairing, the period, the two people, how many; never the other patient."""
    row = moved(sent, bob, (engineer, doctor))
    for patient, other, word in ((alice, bob, "from"), (bob, alice, "to")):
        statement = Statement.objects.get(kind="attribution", subject=patient.pk)
        assert open_statement(statement).facts == {}
        said = open_statement(statement, care_key(patient.pk)).personal or {}
        assert (said["as"], said["attribution"], said["envelopes"]) == (word, str(row.pk), 4)
        assert said["by"] == [str(engineer.pk), str(doctor.pk)]
        assert said["pairing"] == str(sent.meter.pairing.uuid)
        assert str(other.pk) not in str(said)
    assert b"voisine" not in bytes(row.sealed_reason)
    assert reason_of(row).endswith("chambre.")


def test_undone_by_the_same_road_everything_is_as_it_was(
    sent: Sent, alice: Account, bob: Account, engineer: Account, doctor: Account
) -> None:
    """Two people take it back: Alice's record is what it was, Bob's says that it held them in error."""
    before = values(alice)
    row = moved(sent, bob, (engineer, doctor))
    propose_undo(row, by=doctor, now_ms=NOW + 2)
    with pytest.raises(RefusedError):
        confirm_undo(row, by=doctor, now_ms=NOW + 3)
    confirm_undo(row, by=engineer, now_ms=NOW + 3)
    assert values(alice) == before
    assert (values(bob), in_error(alice), in_error(bob)) == ([], set(), set(sent.entries[2:6]))
    assert damage() == set()
    again = moved(sent, bob, (engineer, doctor))
    assert again.pk != row.pk
    assert (in_error(alice), in_error(bob)) == (set(sent.entries[2:6]), set())
    assert Erratum.objects.count() == 8
    assert damage() == set()


def test_what_comes_late_goes_where_its_period_was_attributed(
    sent: Sent, alice: Account, bob: Account, engineer: Account, doctor: Account, pipeline: Pipeline
) -> None:
    """The object still held some: intake seals them to Bob at once, and Alice never had them."""
    moved(sent, bob, (engineer, doctor))
    late = send(pipeline, sent.meter, sent.first_ms + 3 * HOUR + 600_000, received_ms=NOW + 2)
    assert late in {entry for entry, _, _ in values(bob)}
    assert late not in {entry for entry, _, _ in values(alice)} | in_error(alice)
    assert damage() == set()


def test_an_envelope_across_the_edge_stays(
    sent: Sent, alice: Account, bob: Account, engineer: Account, doctor: Account
) -> None:
    """What was signed as one is never cut in two: it stays where it is until somebody says more."""
    row = propose(
        sent.meter.pairing, bob, since_ms=sent.first_ms + 1, until_ms=sent.first_ms + 3 * HOUR + 1, reason="r",
        by=engineer, now_ms=NOW,
    )  # fmt: skip
    assert confirm(row, by=doctor, now_ms=NOW + 1) == 2
    assert {entry for entry, _, _ in values(bob)} == set(sent.entries[1:3])


def test_those_who_read_them_are_told_and_nobody_else(
    sent: Sent, alice: Account, bob: Account, engineer: Account, doctor: Account, charlie: Account
) -> None:
    """Of two followers, the one whose answers held some of them is told; the one who looked at another day is not."""
    nurse = professional("Nora Petit", "nurse")
    for who in (doctor, nurse, charlie):
        start_follow_up(who, alice, now_ms=NOW - DAY)
    release(ask(alice, doctor), now_ms=NOW)
    early = Ask(
        reader=nurse, patient=alice, since_ms=0, until_ms=sent.first_ms + HOUR, purpose="TREAT", channel="test"
    )
    release(early, now_ms=NOW)
    other = Ask(
        reader=charlie, patient=alice, since_ms=0, until_ms=2**50, purpose="TREAT", channel="test", codes=("8867-4",)
    )
    release(other, now_ms=NOW)
    moved(sent, bob, (engineer, professional("Dr Anne Roy", "doctor")))
    told = set(Notice.objects.filter(kind="correction").values_list("account_id", flat=True))
    assert told == {doctor.pk, alice.pk, bob.pk}
    said = open_statement(Statement.objects.get(kind="attribution", subject=alice.pk), care_key(alice.pk)).personal
    assert said is not None
    assert said["readers"] == [str(doctor.pk)]


# ------------------------------------------------------------------------------------------------------------ attacks


def test_one_engineer_alone_moves_nothing(
    sent: Sent, alice: Account, bob: Account, engineer: Account, doctor: Account
) -> None:
    """Not by confirming, not by a second account of the same name; a proposal shows nobody anything."""
    before = values(alice)
    row = propose(
        sent.meter.pairing, bob, since_ms=0, until_ms=None, reason="r", by=engineer, now_ms=NOW
    )
    twin = professional("Ève Marin", "engineer")
    for who in (engineer, twin):
        with pytest.raises(RefusedError):
            confirm(row, by=who, now_ms=NOW + 1)
    assert (values(alice), values(bob)) == (before, [])
    with pytest.raises(RefusedError):
        confirm(row, by=doctor, now_ms=NOW + LIFE_MS)
    refuse(row, by=engineer, now_ms=NOW + 2)
    with pytest.raises(RefusedError):
        confirm(row, by=doctor, now_ms=NOW + 3)
    assert not Statement.objects.filter(kind="attribution").exists()


def test_nobody_but_care_and_engineering_of_the_place_may(
    sent: Sent, bob: Account, carol: Account, engineer: Account, doctor: Account, charlie: Account
) -> None:
    """An administrator, somebody without office, a doctor of elsewhere: neither proposes nor confirms."""
    elsewhere = create_establishment("practice", "Cabinet du Dr Petit", now_ms=NOW)
    stranger = professional("Dr Luc Petit", "doctor", elsewhere)
    officer = professional("Diane Roux", "dpo")
    for who in (stranger, officer, charlie, bob):
        with pytest.raises(AccessDeniedError):
            propose(sent.meter.pairing, bob, since_ms=0, until_ms=None, reason="r", by=who, now_ms=NOW)
    row = propose(sent.meter.pairing, bob, since_ms=0, until_ms=None, reason="r", by=engineer, now_ms=NOW)
    for who in (stranger, officer, charlie, bob):
        with pytest.raises(AccessDeniedError):
            confirm(row, by=who, now_ms=NOW + 1)
    Registration.objects.create(patient=bob, establishment=elsewhere, since_ms=NOW)
    confirm(row, by=stranger, now_ms=NOW + 1)  # where the readings go, somebody of there may say yes


def test_a_crafted_period_pulls_nothing_of_a_third_patient(
    sent: Sent, alice: Account, bob: Account, carol: Account, engineer: Account, doctor: Account, pipeline: Pipeline
) -> None:
    """For ever, of one pairing: neither the object's readings of Carol, nor what was given to her, move to Bob."""
    moved(sent, carol, (engineer, doctor), since=0, until=1)
    unpair(sent.meter.pairing, NOW)
    first = sent.meter.pairing
    sent.meter.pairing = pair(sent.meter.row, carol, NOW, since_ms=NOW - 2 * HOUR)
    send(pipeline, sent.meter, NOW - HOUR, received_ms=NOW + 1)
    hers = values(carol)
    assert len({entry for entry, _, _ in hers}) == 2
    with pytest.raises(RefusedError):  # something is said of a part of that period
        propose(first, bob, since_ms=0, until_ms=None, reason="r", by=engineer, now_ms=NOW)
    row = propose(first, bob, since_ms=sent.first_ms + HOUR, until_ms=None, reason="r", by=engineer, now_ms=NOW)
    confirm(row, by=doctor, now_ms=NOW + 2)
    assert values(carol) == hers
    assert {entry for entry, _, _ in values(bob)} == set(sent.entries[1:])
    assert damage() == set()


def test_two_proposals_of_one_period_are_not_both_confirmed(
    sent: Sent, alice: Account, bob: Account, carol: Account, engineer: Account, doctor: Account
) -> None:
    """Both wait; the first that is confirmed makes the other impossible."""
    rows = [
        propose(sent.meter.pairing, to, since_ms=0, until_ms=None, reason="r", by=engineer, now_ms=NOW)
        for to in (bob, carol)
    ]
    confirm(rows[0], by=doctor, now_ms=NOW + 1)
    with pytest.raises(RefusedError):
        confirm(rows[1], by=doctor, now_ms=NOW + 2)
    assert values(carol) == []
    assert damage() == set()


def test_a_reader_of_the_one_sees_nothing_of_the_other(
    sent: Sent, alice: Account, bob: Account, engineer: Account, doctor: Account, charlie: Account
) -> None:
    """Charlie follows Alice: after the move, what went to Bob is closed to him, by the record and by its number."""
    start_follow_up(charlie, alice, now_ms=NOW - DAY)
    assert set(sent.entries) == {entry for entry, _, _ in values(alice, charlie)}
    moved(sent, bob, (engineer, doctor))
    assert {entry for entry, _, _ in values(alice, charlie)} == {*sent.entries[:2], *sent.entries[6:]}
    assert release(ask(alice, charlie, entry=sent.entries[3]), now_ms=LATER).columns == []
    with pytest.raises(AccessDeniedError):
        values(bob, charlie)


def test_a_forged_row_moves_nothing_and_is_found(
    sent: Sent, alice: Account, bob: Account, engineer: Account, doctor: Account
) -> None:
    """Somebody writes an attribution, or a mark, into the tables: no key opens for it, and the check says so."""
    before = values(alice)
    forged = Attribution.objects.create(
        kind="moved", pairing=sent.meter.pairing, to=bob, since_ms=0, proposed_by=engineer.pk, proposed_ms=NOW,
        confirmed_by=doctor.pk, at_ms=NOW, moved_ms=NOW,
    )  # fmt: skip
    assert (values(alice), values(bob)) == (before, [])
    found = damage()
    assert ("attribution", "not-attested") in found
    assert ("envelope", "another-record") in found
    forged.delete()
    row = moved(sent, bob, (engineer, doctor))
    Attribution.objects.filter(pk=row.pk).update(until_ms=None)
    assert ("attribution", "not-attested") in damage()
    Attribution.objects.filter(pk=row.pk).delete()
    assert {("attribution", "row-missing"), ("envelope", "another-record")} <= damage()


def test_an_altered_envelope_stops_the_move(
    sent: Sent, alice: Account, bob: Account, engineer: Account, doctor: Account
) -> None:
    """One that does not open as it was stored is not sealed anew, as if it were whole; nothing moves."""
    entry = sent.entries[3]
    row = Envelope.objects.get(entry=entry)
    Envelope.objects.filter(entry=entry).update(sealed=flipped(row.sealed))
    with pytest.raises(SealError):
        moved(sent, bob, (engineer, doctor))
    assert values(bob) == []
    assert not Attribution.objects.exclude(at_ms=None).exists()


# ------------------------------------------------------------------------------------------------------------- erasure


def test_erasing_the_record_it_belongs_to_leaves_no_copy(
    sent: Sent, alice: Account, bob: Account, engineer: Account, doctor: Account
) -> None:
    """Under Alice's key nothing of Bob's is left: when Bob's is erased, nobody opens what was moved."""
    moved(sent, bob, (engineer, doctor))
    with pytest.raises(AccessDeniedError):
        values(bob, doctor)
    erase_classes(bob.pk, ["care"], now_ms=LATER)
    forget_facts()
    assert {entry for entry, _, _ in values(alice)} == {*sent.entries[:2], *sent.entries[6:]}
    publish(now_ms=LATER)
    report = fsck(now_ms=LATER)
    assert not report.damaged
    assert report.erased == 4
