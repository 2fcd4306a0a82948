"""What was measured outside its pairing's window: kept, listed, and somebody's once a person says whose."""

from __future__ import annotations

import pytest

from egide.cloud.fleet.models import Attribution
from egide.cloud.fleet.pairings import unpair
from egide.cloud.intake.pipeline import Pipeline
from egide.cloud.keys.records import care_key
from egide.cloud.people.models import Account
from egide.cloud.register.journal import open_statement
from egide.cloud.register.models import Statement
from egide.cloud.release.attribution import (
    attribute_held,
    confirm,
    dismiss_held,
    propose,
    take_back,
)
from egide.cloud.release.door import release
from egide.cloud.vault.holding import held_of
from egide.cloud.vault.models import Envelope, Flag
from egide.errors import AccessDeniedError, RefusedError
from tests.support.attributing import HOUR, LATER, Sent, ask, damage, in_error, professional, send, values
from tests.support.attributing import carol as carol
from tests.support.attributing import doctor as doctor
from tests.support.attributing import engineer as engineer
from tests.support.attributing import sent as sent
from tests.support.thing import NOW

# ---------------------------------------------------------------------------------------------------------------- held


@pytest.fixture
def late(sent: Sent, pipeline: Pipeline) -> list[int]:
    """Three envelopes measured after the pairing ended."""
    unpair(sent.meter.pairing, NOW - 2 * HOUR)
    return [send(pipeline, sent.meter, NOW - HOUR + n * 1_200_000, received_ms=NOW + n) for n in range(3)]


def test_what_is_held_is_listed_without_being_opened(late: list[int], sent: Sent, alice: Account) -> None:
    """Object, period and count; not released to anybody."""
    (held,) = held_of([sent.meter.pairing])
    assert (held.count, held.dismissed, held.first_ms) == (3, 0, NOW - HOUR)
    assert not set(late) & {entry for entry, _, _ in values(alice)}


def test_one_person_attributes_what_is_held_to_its_own_pairing(
    late: list[int], sent: Sent, alice: Account, engineer: Account, pipeline: Pipeline
) -> None:
    """It is released, marked; a statement says so; what comes later in the period follows; and it can be taken back."""
    row = attribute_held(
        sent.meter.pairing, since_ms=NOW - 2 * HOUR, until_ms=NOW + HOUR, reason="Rendu le soir.", by=engineer,
        now_ms=NOW + 5,
    )  # fmt: skip
    assert set(late) <= {entry for entry, _, _ in values(alice)}
    marks = {c.entry: c.flags for c in release(ask(alice), now_ms=LATER).columns}
    assert all("attributed" in marks[entry] and "held" not in marks[entry] for entry in late)
    more = send(pipeline, sent.meter, NOW - 90 * 60_000, received_ms=NOW + 6)
    assert more in {entry for entry, _, _ in values(alice)}
    assert (held_of([sent.meter.pairing]), damage()) == ([], set())
    said = open_statement(Statement.objects.get(kind="attribution"), care_key(alice.pk)).personal or {}
    assert (said["as"], said["by"], said["reason"]) == ("own", [str(engineer.pk)], "Rendu le soir.")
    take_back(row, by=engineer, now_ms=NOW + 7)
    assert not {*late, more} & {entry for entry, _, _ in values(alice)}
    assert held_of([sent.meter.pairing])[0].count == 4
    assert damage() == set()


def test_what_is_held_may_be_dismissed_and_is_kept(
    late: list[int], sent: Sent, alice: Account, engineer: Account, pipeline: Pipeline
) -> None:
    """Marked and off the list, with its reason; what comes after is on the list again."""
    row = dismiss_held(
        sent.meter.pairing, since_ms=NOW - 2 * HOUR, until_ms=None, reason="Essai en atelier.", by=engineer,
        now_ms=NOW + 5,
    )  # fmt: skip
    (held,) = held_of([sent.meter.pairing])
    assert (held.count, held.dismissed) == (0, 3)
    send(pipeline, sent.meter, NOW - HOUR, received_ms=NOW + 6)
    (held,) = held_of([sent.meter.pairing])
    assert (held.count, held.dismissed) == (1, 3)
    assert not set(late) & {entry for entry, _, _ in values(alice)}
    assert damage() == set()
    take_back(row, by=engineer, now_ms=NOW + 7)
    assert held_of([sent.meter.pairing])[0].count == 4
    assert damage() == set()


def test_what_is_held_goes_to_another_patient_by_two(
    late: list[int], sent: Sent, alice: Account, bob: Account, engineer: Account, doctor: Account
) -> None:
    """Alice never had them, so nothing of hers is in error."""
    row = propose(
        sent.meter.pairing, bob, since_ms=NOW - 2 * HOUR, until_ms=None, reason="r", by=engineer, now_ms=NOW + 5
    )
    assert confirm(row, by=doctor, now_ms=NOW + 6) == 3
    assert {entry for entry, _, _ in values(bob)} == set(late)
    assert in_error(alice) == set()
    assert damage() == set()


def test_a_stranger_attributes_nothing_that_is_held(
    late: list[int], sent: Sent, charlie: Account, bob: Account
) -> None:
    """Nor does anybody where nothing is held."""
    for who in (charlie, bob):
        with pytest.raises(AccessDeniedError):
            attribute_held(sent.meter.pairing, since_ms=0, until_ms=None, reason="r", by=who, now_ms=NOW)
    with pytest.raises(RefusedError):
        attribute_held(
            sent.meter.pairing, since_ms=0, until_ms=sent.first_ms, reason="r",
            by=professional("Ève Marin", "engineer"), now_ms=NOW,
        )  # fmt: skip


def test_a_mark_written_into_the_table_is_found(late: list[int], sent: Sent) -> None:
    """Held readings shown, or put aside, by nobody's word: the check says so."""
    Envelope.objects.filter(entry=late[0]).update(flags=int(Flag.HELD | Flag.ATTRIBUTED))
    Envelope.objects.filter(entry=late[1]).update(flags=int(Flag.HELD | Flag.DISMISSED))
    assert damage() == {("envelope", "attributed-by-nobody"), ("envelope", "dismissed-by-nobody")}


def test_no_reason_no_act(late: list[int], sent: Sent, bob: Account, engineer: Account) -> None:
    """Each of the three asks for words, of a length that a person reads."""
    for reason in ("", "  ", "x" * 501):
        with pytest.raises(RefusedError):
            propose(sent.meter.pairing, bob, since_ms=0, until_ms=None, reason=reason, by=engineer, now_ms=NOW)
        for act in (attribute_held, dismiss_held):
            with pytest.raises(RefusedError):
                act(sent.meter.pairing, since_ms=0, until_ms=None, reason=reason, by=engineer, now_ms=NOW)


def test_a_row_that_names_another_patient_for_what_was_held_gives_them_nothing(
    sent: Sent, alice: Account, bob: Account, engineer: Account, pipeline: Pipeline
) -> None:
    """One UPDATE of `to`: what comes late is sealed to the pairing's own patient, and the check says it."""
    thing = sent.meter
    unpair(thing.pairing, NOW)
    send(pipeline, thing, NOW + 1_000, count=1, received_ms=NOW + 2_000)
    row = attribute_held(
        thing.pairing, since_ms=NOW, until_ms=NOW + HOUR, reason="r", by=engineer, now_ms=NOW + 3_000
    )
    Attribution.objects.filter(pk=row.pk).update(to=bob)
    late = send(pipeline, thing, NOW + 5_000, count=1, received_ms=NOW + 6_000)
    assert Envelope.objects.get(entry=late).data_key.record_key.subject == alice.pk
    assert ("attribution", "not-attested") in damage()
