"""Destroying a care record whose term has passed: a human decision by two people, never a job.

One proposes, another decides. Public hospitals destroy nothing without the archives' agreement: its reference is asked
for and signed with the decision. What goes is the key of the care class; statements stay as leaves that nobody opens.

Statements, and what was paired without naming a place, lie under the home key: it stays while another establishment
keeps a care record of this person, and goes with the last of them.
"""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime

from django.utils import timezone

from egide.cloud.governance.deadlines import Term, care_term
from egide.cloud.governance.desk import require_answerer
from egide.cloud.governance.duties import duties
from egide.cloud.governance.erasing import birth_of, last_contact
from egide.cloud.governance.erasure import erase_classes, finish, has_class, places_of
from egide.cloud.governance.models import Destruction
from egide.cloud.keys.models import RecordKey
from egide.cloud.keys.records import ESTABLISHMENT, care_key
from egide.cloud.people.models import Account, Registration
from egide.cloud.people.second import require_second
from egide.cloud.register.journal import append_statement
from egide.errors import RefusedError

__all__ = ["decide_destruction", "destroyable", "propose_destruction", "term_of"]

KIND = "destruction"


def term_of(patient: Account, *, now_ms: int, birth: date | None = None, death: date | None = None) -> Term:
    """Until when this record must be kept, as the duties in force say."""
    contact = last_contact(patient, now_ms=now_ms)
    return care_term(duties().care, last_contact=contact, birth=birth or birth_of(patient), death=death)


def destroyable(subject: uuid.UUID, establishment: uuid.UUID) -> frozenset[uuid.UUID]:
    """Which places' keys of a record a destruction by this establishment takes; none: others keep all that there is.

    The home key is another's where the person is registered at home, or where a third place still holds a care key.
    """
    mine = places_of(establishment)
    others = RecordKey.objects.filter(subject=subject, klass=RecordKey.Class.CARE, erased_ms=None)
    kept = others.exclude(establishment__in=mine).exists()
    if establishment != ESTABLISHMENT:
        at_home = Registration.objects.filter(patient=subject, establishment=ESTABLISHMENT, until_ms=None)
        kept = kept or at_home.exists()
    places = mine - {ESTABLISHMENT} if kept else mine
    return places if has_class(subject, RecordKey.Class.CARE, places) else frozenset()


def propose_destruction(
    patient: Account, *, by: Account, now_ms: int, birth: date | None = None, death: date | None = None,
    establishment: uuid.UUID = ESTABLISHMENT,
) -> Destruction:  # fmt: skip
    """Say that a record's term has passed and that it should be destroyed.

    Raises:
        RefusedError: the term has not passed, or is not sure (no birth date). AccessDeniedError: `by` may not.
    """
    require_answerer(by, establishment, now_ms=now_ms)
    term = term_of(patient, now_ms=now_ms, birth=birth, death=death)
    if not term.sure or _day(now_ms) <= term.until:
        raise RefusedError("the law still asks to keep this record")
    if not destroyable(patient.pk, establishment):
        raise RefusedError("another establishment keeps what there is of this record")
    open_now = Destruction.objects.filter(patient=patient, approved=None, establishment=establishment)
    if (found := open_now.first()) is not None:
        return found
    row = Destruction(
        id=uuid.uuid4(), patient=patient, establishment=establishment, proposed_by=by.pk, proposed_ms=now_ms
    )
    append_statement(
        KIND, patient.pk, {"destruction": str(row.pk), "step": "proposed"}, now_ms=now_ms,
        personal={"by": str(by.pk), "until": term.until.isoformat(), "rule": term.rule},
        sealed_for=care_key(patient.pk), also=lambda: row.save(force_insert=True),
    )  # fmt: skip
    return row


def decide_destruction(
    row: Destruction, *, by: Account, approve: bool, now_ms: int, archives: str = ""
) -> int | None:
    """Approve and destroy every class of the record, or refuse. Returns the erasure's entry, or None when refused.

    Raises:
        RefusedError: the person who proposed it, one that was decided, no reference of the archives' agreement,
            care since it was proposed, or another establishment keeps all that there is.
        AccessDeniedError: `by` may not.
    """
    require_answerer(by, row.establishment, now_ms=now_ms)
    row.refresh_from_db()
    if row.approved is not None:
        raise RefusedError("this was decided already")
    if not approve:
        append_statement(
            KIND, row.patient_id, {"destruction": str(row.pk), "step": "refused"}, now_ms=now_ms,
            personal={"by": str(by.pk)}, sealed_for=care_key(row.patient_id),
            also=lambda: _decided(row, by, approve, now_ms),
        )  # fmt: skip
        return None
    require_second(Account.objects.get(pk=row.proposed_by), by)
    if not archives.strip():
        raise RefusedError("give the reference of the archives' agreement, or say why none is needed")
    if last_contact(row.patient, now_ms=now_ms) >= _day(row.proposed_ms):
        raise RefusedError("this person was cared for since it was proposed: the term runs anew")
    places = destroyable(row.patient_id, row.establishment)
    if not places:
        raise RefusedError("another establishment keeps what there is of this record")
    facts = {
        "destruction": str(row.pk), "by": [str(row.proposed_by), str(by.pk)], "archives": archives.strip()[:200],
    }  # fmt: skip
    finish(now_ms=now_ms)
    entry = erase_classes(
        row.patient_id, RecordKey.Class.values, now_ms=now_ms, facts=facts,
        also=lambda: _decided(row, by, approve, now_ms), establishments=places,
    )  # fmt: skip
    Destruction.objects.filter(pk=row.pk).update(entry=entry)
    return entry


def _decided(row: Destruction, by: Account, approve: bool, now_ms: int) -> None:
    open_now = Destruction.objects.filter(pk=row.pk, approved=None)
    if not open_now.update(approved=approve, decided_by=by.pk, decided_ms=now_ms):
        raise RefusedError("this was decided already")
    row.refresh_from_db()


def _day(ms: int) -> date:
    return datetime.fromtimestamp(ms / 1000, tz=UTC).astimezone(timezone.get_default_timezone()).date()
