"""More than a batch is attributed: decided at once, moved batch after batch, killed and resumed, said honestly."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.utils.translation import override

from egide.cloud.config.worker import move_once
from egide.cloud.consent.service import start_follow_up
from egide.cloud.fleet.models import Attribution
from egide.cloud.intake.pipeline import Pipeline
from egide.cloud.people.models import Account
from egide.cloud.portal.happenings import happenings_of
from egide.cloud.release import resealing
from egide.cloud.release.attribution import PeriodTakenError, confirm, confirm_undo, propose, propose_undo
from egide.cloud.release.door import release
from egide.cloud.release.moving import NotAttestedError, StillMovingError, left_of, move_on, unfinished
from egide.cloud.signin.models import Notice
from egide.cloud.vault.models import Envelope
from egide.errors import RefusedError, SealError
from tests.cloud.release.test_attribution_whole import KilledError, kill_at
from tests.support.attributing import HOUR, Sent, ask, damage, in_error, professional, send, values
from tests.support.attributing import carol as carol
from tests.support.attributing import doctor as doctor
from tests.support.attributing import engineer as engineer
from tests.support.attributing import sent as sent
from tests.support.harm import flipped
from tests.support.thing import NOW

MOVING = {("attribution", "still-moving")}


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three envelopes a batch: what was sent is eight."""
    monkeypatch.setattr(resealing, "BATCH", 3)
    monkeypatch.setattr(resealing, "_FEW", 0)


def decided(sent: Sent, to: Account, first: Account, second: Account) -> Attribution:
    """All that was sent is said to be `to`'s: three have moved, five have not."""
    row = propose(sent.meter.pairing, to, since_ms=0, until_ms=None, reason="r", by=first, now_ms=NOW)
    assert confirm(row, by=second, now_ms=NOW) == 3
    return row


def test_what_does_not_fit_a_batch_moves_after_the_decision(
    sent: Sent, alice: Account, bob: Account, engineer: Account, doctor: Account
) -> None:
    """Meanwhile each value is in one record, the state is said by a count and by the check; then all has moved."""
    before = values(alice)
    row = decided(sent, bob, engineer, doctor)
    assert (left_of(row), list(unfinished()), damage()) == (5, [row], MOVING)
    assert (len(values(bob)), sorted(values(alice) + values(bob))) == (6, before)
    seen: list[tuple[int, int]] = []
    assert move_on(row, now_ms=NOW + 1, progress=lambda moved, left: seen.append((moved, left))) == 5
    assert seen == [(3, 2), (5, 0)]
    assert (values(alice), values(bob), damage()) == ([], before, set())
    assert in_error(alice) == {entry for entry, _, _ in before}
    assert (row.moved_ms, move_on(row, now_ms=NOW + 2)) == (NOW + 1, 0)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("where", ["prepared", "moved", "committed"])
@pytest.mark.parametrize("back", [False, True], ids=["forth", "back"])
def test_killed_in_the_middle_nothing_is_lost_and_the_worker_goes_on(
    sent: Sent, alice: Account, bob: Account, engineer: Account, doctor: Account, where: str, back: bool
) -> None:
    """After any kill every value is released once; the next look of the worker brings the rest."""
    before = values(alice)
    row = decided(sent, bob, engineer, doctor)
    if back:
        move_on(row, now_ms=NOW)
        propose_undo(row, by=engineer, now_ms=NOW)
        assert confirm_undo(row, by=doctor, now_ms=NOW) == 3
    with pytest.raises(KilledError):
        move_on(row, now_ms=NOW + 1, step=kill_at(where))
    assert sorted(values(alice) + values(bob)) == before
    assert left_of(row) == (2 if where == "committed" else 5)
    assert damage() == MOVING
    move_once()
    assert (values(alice), values(bob)) == ((before, []) if back else ([], before))
    assert damage() == set()


def test_two_that_go_on_at_once_move_each_once(
    sent: Sent, alice: Account, bob: Account, engineer: Account, doctor: Account
) -> None:
    """One has opened a batch when the other moves everything: it finds nothing left, and writes nothing."""
    before = values(alice)
    row = decided(sent, bob, engineer, doctor)
    other = Attribution.objects.get(pk=row.pk)

    def meanwhile(name: str) -> None:
        if name == "prepared":
            assert move_on(other, now_ms=NOW + 1) in (0, 5)

    assert move_on(row, now_ms=NOW + 2, step=meanwhile) == 0
    assert (values(alice), values(bob), damage()) == ([], before, set())


def test_what_comes_while_it_moves_goes_where_it_belongs(
    sent: Sent, alice: Account, bob: Account, engineer: Account, doctor: Account, pipeline: Pipeline
) -> None:
    """Intake seals a late one to the new record at once: the move does not wait for it, nor miss it."""
    row = decided(sent, bob, engineer, doctor)
    late = send(pipeline, sent.meter, sent.first_ms + HOUR // 2)
    assert late in {entry for entry, _, _ in values(bob)}
    assert (left_of(row), damage()) == (5, MOVING)
    move_on(row, now_ms=NOW + 1)
    assert (values(alice), damage()) == ([], set())


def test_while_it_moves_nothing_else_is_said_of_that_period(
    sent: Sent, bob: Account, carol: Account, engineer: Account, doctor: Account
) -> None:
    """Neither undone, nor, once undone, given to a third before all is back."""
    row = decided(sent, bob, engineer, doctor)
    with pytest.raises(StillMovingError):
        propose_undo(row, by=engineer, now_ms=NOW)
    move_on(row, now_ms=NOW)
    propose_undo(row, by=engineer, now_ms=NOW)
    confirm_undo(row, by=doctor, now_ms=NOW)
    with pytest.raises(PeriodTakenError):
        propose(sent.meter.pairing, carol, since_ms=0, until_ms=None, reason="r", by=engineer, now_ms=NOW)
    move_on(row, now_ms=NOW)
    assert propose(sent.meter.pairing, carol, since_ms=0, until_ms=None, reason="r", by=engineer, now_ms=NOW)


def test_readers_of_a_later_batch_are_told_once_and_it_is_signed(
    sent: Sent, alice: Account, bob: Account, engineer: Account, doctor: Account
) -> None:
    """Who read only the last ones is told when those move; the register and the patient's page say so."""
    start_follow_up(doctor, alice, now_ms=NOW - 1)
    release(replace(ask(alice, doctor), since_ms=sent.first_ms + 7 * HOUR), now_ms=NOW)
    row = decided(sent, bob, engineer, professional("Igor Banc", "engineer"))
    told = Notice.objects.filter(kind="correction", account=doctor)
    assert not told.exists()
    move_on(row, now_ms=NOW + 1)
    assert told.count() == 1
    with override("en"):
        lines = [one.text for one in happenings_of(alice, lambda _: {}) if one.kind == "attribution-told"]
    assert lines == ["Somebody who had seen measurements that were attributed anew was told."]


def test_an_altered_one_stays_and_holds_up_no_other(
    sent: Sent, alice: Account, bob: Account, engineer: Account, doctor: Account
) -> None:
    """It is said, not sealed anew; the worker survives it, and the state stays open until somebody mends it."""
    row = decided(sent, bob, engineer, doctor)
    stays = Envelope.objects.get(entry=sent.entries[5])
    Envelope.objects.filter(pk=stays.pk).update(sealed=flipped(stays.sealed))
    move_once()
    with pytest.raises(SealError):
        move_on(row, now_ms=NOW + 1)
    assert (left_of(row), len(values(bob))) == (1, 14)
    assert damage() >= MOVING
    Envelope.objects.filter(pk=stays.pk).update(sealed=bytes(stays.sealed))
    move_once()
    assert (values(alice), damage()) == ([], set())


@pytest.mark.parametrize("undone", [False, True], ids=["forged", "forged-undoing"])
def test_a_forged_row_moves_nothing(
    sent: Sent, alice: Account, bob: Account, carol: Account, engineer: Account, doctor: Account, undone: bool
) -> None:
    """A row that says that two people decided is nobody's word: without their statements the worker moves nothing."""
    if undone:
        row = decided(sent, bob, engineer, doctor)
        move_on(row, now_ms=NOW)
        Attribution.objects.filter(pk=row.pk).update(undone_ms=NOW + 1, undone_by=doctor.pk, moved_ms=None)
    else:
        row = Attribution.objects.create(
            kind="moved", pairing=sent.meter.pairing, to=carol, since_ms=0, proposed_by=engineer.pk, proposed_ms=NOW,
            confirmed_by=doctor.pk, at_ms=NOW,
        )  # fmt: skip
    before = [values(each) for each in (alice, bob, carol)]
    move_once()
    with pytest.raises(NotAttestedError):
        move_on(row, now_ms=NOW + 2)
    assert [values(each) for each in (alice, bob, carol)] == before
    assert ("attribution", "not-attested") in damage()


def test_a_row_made_to_name_somebody_else_moves_nothing_more(
    sent: Sent, alice: Account, bob: Account, carol: Account, engineer: Account, doctor: Account
) -> None:
    """In the middle of a move the table is rewritten to a third patient: their file says nothing of it."""
    row = decided(sent, bob, engineer, doctor)
    Attribution.objects.filter(pk=row.pk).update(to=carol)
    with pytest.raises(RefusedError):
        move_on(row, now_ms=NOW + 1)
    assert values(carol) == []
