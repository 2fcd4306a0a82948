"""Whose readings are, said anew: by two people when they go to another patient, by one when they were only held.

    propose -> confirm            to another patient: entered in error where they were, released where they belong
    attribute_held, dismiss_held  measured outside its pairing's window: to the pairing's patient, or kept aside
    propose_undo -> confirm_undo  the same road back, for what went to another patient; `take_back` for the others

Each act is a statement in the file of every patient concerned, which names the pairing, the period and who did it, and
never the other patient. It commits with everything that it says, or not at all; what does not fit one batch moves
after it (release.moving).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from typing import Final

from django.db.models import Q

from egide.cloud.consent.acts import require_period, text_of
from egide.cloud.fleet.attributing import overlaps
from egide.cloud.fleet.models import Attribution, Pairing
from egide.cloud.fleet.pairings import need_key, record_of
from egide.cloud.keys.columns import seal_text
from egide.cloud.keys.models import RecordKey
from egide.cloud.people.authority import CARE_OFFICES
from egide.cloud.people.models import Account
from egide.cloud.people.offices import offices_of
from egide.cloud.people.registrations import registered_at
from egide.cloud.people.second import require_second
from egide.cloud.release.moving import (
    KIND,
    KIND_END,
    Side,
    append_said,
    begin_move,
    reason_context,
    reason_of,
    require_whole,
    said_of,
    target_of,
)
from egide.cloud.vault.holding import counted, mark_held
from egide.cloud.vault.models import Flag
from egide.errors import AccessDeniedError, RefusedError

__all__ = [
    "KIND", "KIND_END", "LIFE_MS", "STAFF", "NothingHeldError", "NothingInsideError", "OtherPatientError",
    "PeriodTakenError", "attribute_held", "confirm", "confirm_undo", "dismiss_held", "places_for", "propose",
    "propose_undo", "refuse", "take_back",
]  # fmt: skip

#: Who may say whose readings are: those who care, and the engineer of the objects.
STAFF: Final = CARE_OFFICES | {"engineer"}
LIFE_MS: Final = 7 * 86_400_000
Step = Callable[[str], None]


class OtherPatientError(RefusedError):
    """Readings go to another patient's open file."""

    code = "other-patient-needed"


class PeriodTakenError(RefusedError):
    """Something else is said of a part of this period."""

    code = "period-taken"
    hint = "undo that first"


class NothingHeldError(RefusedError):
    """Nothing is held in this period."""

    code = "nothing-held"


class NothingInsideError(RefusedError):
    """No message lies whole within this period."""

    code = "nothing-inside"
    hint = "make the period wider"


def propose(
    pairing: Pairing, to: Account, *, since_ms: int, until_ms: int | None, reason: str, by: Account, now_ms: int
) -> Attribution:
    """Say that what a pairing measured in [since_ms, until_ms) is another patient's. Changes nothing until confirmed.

    Raises:
        RefusedError: not another patient's open file, no reason, a period the wrong way round, one in which nothing
        lies whole, or of which something else is said already.
        AccessDeniedError: `by` does not work where the pairing's patient is known.
    """
    require_staff(by, places_for(pairing.patient, pairing), now_ms=now_ms)
    if to.role != Account.Role.PATIENT or not to.is_active or to.pk == pairing.patient_id:
        raise OtherPatientError("readings go to another patient's open file")
    require_period(since_ms, until_ms)
    care = str(RecordKey.Class.CARE)  # who is measured in error takes part in no study by that
    row = Attribution(
        id=uuid.uuid4(), kind=Attribution.Kind.MOVED, pairing=pairing, to=to, establishment=pairing.establishment,
        klass=care if pairing.klass == RecordKey.Class.RESEARCH else pairing.klass, since_ms=since_ms,
        until_ms=until_ms, proposed_by=by.pk, proposed_ms=now_ms,
    )  # fmt: skip
    row.sealed_reason = seal_text(text_of(reason), reason_context(row))
    _require_free(row)
    if not counted(pairing, since_ms, until_ms, pairing.patient_id).inside:
        raise NothingInsideError("nothing measured lies whole within this period")
    row.save(force_insert=True)
    return row


def confirm(row: Attribution, *, by: Account, now_ms: int, step: Step = lambda _: None) -> int:
    """Decide it as a second person; returns how many envelopes moved at once: the rest is `moving.move_on`'s.

    Killed at any step, it is decided and the first batch moved, or nothing is.

    Raises:
        RefusedError: the person who proposed it, or another account of the same name; decided or lapsed already.
        AccessDeniedError: one of the two may not. SealError: an envelope was altered; nothing is moved.
    """
    _require_open(row, now_ms)
    assert row.to is not None  # a proposal names somebody
    first = _require_second(row.proposed_by, by, places_for(row.pairing.patient, row.pairing), row.to, row, now_ms)
    source, target = record_of(row.pairing), target_of(row)
    need_key(target, now_ms)
    sides = (Side(patient=row.pairing.patient, word="from"), Side(patient=row.to, word="to"))

    def decide() -> None:
        _require_free(row)
        waiting = Attribution.objects.filter(pk=row.pk, at_ms=None, refused_ms=None)
        if not waiting.update(at_ms=now_ms, confirmed_by=by.pk):
            raise RefusedError("this was decided already")

    moved = begin_move(KIND, row, sides, (source, target), Flag.ATTRIBUTED, (first, by), decide, now_ms, step)
    row.refresh_from_db()
    return len(moved)


def refuse(row: Attribution, *, by: Account, now_ms: int) -> None:
    """Say no to a proposal, or take back one's own. Raises RefusedError, AccessDeniedError."""
    if by.pk != row.proposed_by:
        require_staff(by, places_for(row.pairing.patient, row.pairing) | places_for(row.to, row.pairing), now_ms=now_ms)
    if not Attribution.objects.filter(pk=row.pk, at_ms=None, refused_ms=None).update(refused_ms=now_ms):
        raise RefusedError("this was decided already")


def propose_undo(row: Attribution, *, by: Account, now_ms: int) -> None:
    """Say that they were the first patient's after all. Changes nothing until confirmed. Raises as `propose` does."""
    require_staff(by, places_for(row.pairing.patient, row.pairing) | places_for(row.to, row.pairing), now_ms=now_ms)
    row.refresh_from_db()
    require_whole(row)
    live = Attribution.objects.filter(pk=row.pk, kind=Attribution.Kind.MOVED, undone_ms=None).exclude(at_ms=None)
    if not live.update(undo_by=by.pk, undo_ms=now_ms):
        raise RefusedError("there is nothing to undo")
    row.refresh_from_db()


def confirm_undo(row: Attribution, *, by: Account, now_ms: int, step: Step = lambda _: None) -> int:
    """Move them back, as a second person. Raises as `confirm` does."""
    row.refresh_from_db()
    if row.undo_by is None or row.undo_ms is None or row.undone_ms is not None or now_ms >= row.undo_ms + LIFE_MS:
        raise RefusedError("nobody proposes to undo this")
    require_whole(row)
    assert row.to is not None
    places = places_for(row.pairing.patient, row.pairing) | places_for(row.to, row.pairing)
    first = _require_second(row.undo_by, by, places, row.pairing.patient, row, now_ms)
    source, target = target_of(row), record_of(row.pairing)
    need_key(target, now_ms)
    sides = (Side(patient=row.to, word="from"), Side(patient=row.pairing.patient, word="to"))

    def decide() -> None:
        live = Attribution.objects.filter(pk=row.pk, undone_ms=None).exclude(at_ms=None).exclude(moved_ms=None)
        if not live.update(undone_ms=now_ms, undone_by=by.pk):
            raise RefusedError("this was undone already")

    moved = begin_move(KIND_END, row, sides, (source, target), None, (first, by), decide, now_ms, step)
    row.refresh_from_db()
    return len(moved)


def attribute_held(
    pairing: Pairing, *, since_ms: int, until_ms: int | None, reason: str, by: Account, now_ms: int
) -> Attribution:
    """What is held of a period is the pairing's own patient's: as if its window had been wider. One person suffices.

    Raises:
        RefusedError: nothing is held there, no reason, or something else is said of this period.
        AccessDeniedError: `by` does not work where the patient is known.
    """
    return _of_held(pairing, Attribution.Kind.OWN, since_ms, until_ms, reason, by, now_ms)


def dismiss_held(
    pairing: Pairing, *, since_ms: int, until_ms: int | None, reason: str, by: Account, now_ms: int
) -> Attribution:
    """What is held of a period until now stays nobody's: kept, marked, and off the list. Raises as `attribute_held`."""
    return _of_held(pairing, Attribution.Kind.DISMISSED, since_ms, until_ms, reason, by, now_ms)


def take_back(row: Attribution, *, by: Account, now_ms: int) -> None:
    """What was held is held again, and on the list. Raises RefusedError, AccessDeniedError."""
    if row.kind == Attribution.Kind.MOVED:
        raise RefusedError("what went to another patient comes back by two people")
    require_staff(by, places_for(row.pairing.patient, row.pairing), now_ms=now_ms)

    def undo() -> None:
        live = Attribution.objects.filter(pk=row.pk, undone_ms=None)
        if not live.update(undone_ms=now_ms, undone_by=by.pk):
            raise RefusedError("this was undone already")
        _mark(row, undo=True)

    said = said_of(row, row.kind, (by,), reason_of(row))
    append_said(KIND_END, row.pairing.patient, said, now_ms, undo)
    row.refresh_from_db()


def places_for(patient: Account | None, pairing: Pairing) -> frozenset[uuid.UUID]:
    """Where somebody must work to speak for this patient's readings: where they are known, or the object was paired."""
    return (registered_at(patient) if patient else frozenset()) | {pairing.establishment}


def require_staff(by: Account, places: Iterable[uuid.UUID], *, now_ms: int) -> None:
    """Raises AccessDeniedError: neither care nor engineering, at none of these places."""
    wanted = frozenset(places)
    if not any(m.office in STAFF and m.establishment_id in wanted for m in offices_of(by, now_ms=now_ms)):
        raise AccessDeniedError("this account does not say whose readings these are")


def _require_second(
    first: uuid.UUID, by: Account, before: frozenset[uuid.UUID], after: Account, row: Attribution, now_ms: int
) -> Account:
    """Two people: the first still may, the second works where the patient who receives is registered."""
    one = Account.objects.get(pk=first)
    require_second(one, by)
    require_staff(one, before, now_ms=now_ms)
    require_staff(by, registered_at(after) or {row.establishment}, now_ms=now_ms)  # registered nowhere: nobody's
    return one


def _require_open(row: Attribution, now_ms: int) -> None:
    row.refresh_from_db()
    if row.kind != Attribution.Kind.MOVED or row.at_ms is not None or row.refused_ms is not None:
        raise RefusedError("this was decided already")
    if now_ms >= row.proposed_ms + LIFE_MS:
        raise RefusedError("this proposal has lapsed")
    if row.to is None or not row.to.is_active:
        raise OtherPatientError("readings go to another patient's open file")


def _require_free(row: Attribution) -> None:
    """Of each instant of a pairing, one thing is said at most: what still moves back counts too."""
    back = Q(kind=Attribution.Kind.MOVED, moved_ms=None)
    live = row.pairing.attributions.filter(Q(undone_ms=None) | back).exclude(at_ms=None).exclude(pk=row.pk)
    others = live.exclude(kind=Attribution.Kind.DISMISSED).values_list("since_ms", "until_ms")
    if any(overlaps((row.since_ms, row.until_ms), other) for other in others):
        raise PeriodTakenError("something is said of this period already: undo that first")


def _of_held(
    pairing: Pairing, kind: str, since_ms: int, until_ms: int | None, reason: str, by: Account, now_ms: int
) -> Attribution:
    require_staff(by, places_for(pairing.patient, pairing), now_ms=now_ms)
    require_period(since_ms, until_ms)
    own = kind == Attribution.Kind.OWN
    row = Attribution(
        id=uuid.uuid4(), kind=kind, pairing=pairing, to=pairing.patient if own else None, klass=pairing.klass,
        establishment=pairing.establishment, since_ms=since_ms, until_ms=until_ms, proposed_by=by.pk,
        proposed_ms=now_ms, confirmed_by=by.pk, at_ms=now_ms,
    )  # fmt: skip
    words = text_of(reason)
    row.sealed_reason = seal_text(words, reason_context(row))

    def keep() -> None:
        if own:
            _require_free(row)
        row.save(force_insert=True)
        if not _mark(row, undo=False):
            raise NothingHeldError("nothing is held in this period")

    append_said(KIND, pairing.patient, said_of(row, kind, (by,), words), now_ms, keep)
    return row


def _mark(row: Attribution, *, undo: bool) -> int:
    flag = Flag.ATTRIBUTED if row.kind == Attribution.Kind.OWN else Flag.DISMISSED
    return mark_held(row.pairing, row.since_ms, row.until_ms, flag, undo=undo, until_received_ms=row.at_ms)
