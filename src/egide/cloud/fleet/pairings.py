"""Whom an object measures, for a time. The object knows a random id; who the patient is, only we can say.

A pairing enters the register under the patient's name (their account's random id), and what it links is
sealed to their record: it is theirs to read, and it goes when the record's key goes. It says for which part of the
record it measures: an establishment, and a retention class, each with a key of its own.
"""

from __future__ import annotations

import uuid

from django.db.models import Q

from egide.cloud.fleet.attributing import Attributed, Record
from egide.cloud.fleet.models import Attribution, HealthObject, Pairing, Trust
from egide.cloud.fleet.revocation import require_not_revoked
from egide.cloud.keys.models import RecordKey
from egide.cloud.keys.records import ESTABLISHMENT, care_key, class_key, create_record_key, keys_lock
from egide.cloud.people.models import Account, Establishment
from egide.cloud.register.journal import append_statement
from egide.errors import KeyMissingError, RefusedError

__all__ = ["attributions_in_force", "current_pairings", "need_key", "pair", "record_of", "unpair"]


def pair(
    owner: HealthObject, patient: Account, now_ms: int, *, since_ms: int | None = None, klass: str | None = None,
    establishment: uuid.UUID | None = None, study: str = "", by: Account | None = None,
) -> Pairing:  # fmt: skip
    """Link an object to a patient from now on, or from an earlier `since_ms` that the caller answers for.

    If it already is linked, for the same part of the record, that pairing is given back. `klass` and `establishment`
    say for which part it measures: as its last pairing with this patient did, else care, in the establishment that
    runs the platform. A part that has no key yet gets one. `study` is the participation that a research pairing is
    opened under; whoever calls has verified it (governance.studies). `by` is who chose it, where it is not the patient:
    the statement names them.

    Raises:
        CertificateRevokedError: the object was revoked.
        RefusedError: the account is not a patient's; research without a study, or the reverse; no such establishment.
        KeyMissingError: their record has no key.
    """
    if patient.role != Account.Role.PATIENT:
        raise RefusedError("an object measures a patient")
    require_not_revoked(owner.pk)
    klass, place = _part(owner, patient, klass, establishment, study)
    open_now = Pairing.objects.filter(object=owner, patient=patient, until_ms=None).first()
    if open_now is not None and (open_now.klass, open_now.establishment) == (klass, place) and not study:
        return open_now
    others = Pairing.objects.filter(object=owner, until_ms=None)
    for other in others.filter(patient=patient) if owner.trust == Trust.SYSTEM else others:
        unpair(other, now_ms)  # one patient at a time, but for a system: what it sends is not the last one's any more
    since = now_ms if since_ms is None else min(since_ms, now_ms)
    if (klass, place) != (RecordKey.Class.CARE, ESTABLISHMENT):
        need_key(Record(patient=patient.pk, klass=klass, establishment=place), now_ms)
    pairing = Pairing(
        uuid=uuid.uuid4(), object=owner, patient=patient, since_ms=since, klass=klass, establishment=place
    )
    personal = _link(pairing, "since_ms", since) | ({"by": str(by.pk)} if by else {})
    append_statement(
        "pairing", patient.pk, {}, now_ms=now_ms, personal={**personal, "study": study} if study else personal,
        sealed_for=care_key(patient.pk), also=lambda: pairing.save(force_insert=True),
    )  # fmt: skip
    return pairing


def unpair(pairing: Pairing, now_ms: int) -> None:
    """End a pairing now: what is measured from here on is not this patient's. Once is enough.

    A system opens several with one patient, for years apart: all of them end together.
    """
    running = Pairing.objects.filter(pk=pairing.pk, until_ms=None)
    if running.exists() and pairing.object.trust == Trust.SYSTEM:
        running = Pairing.objects.filter(object=pairing.object_id, patient=pairing.patient_id, until_ms=None)
    for each in running.order_by("id"):
        _end(each, now_ms)
    pairing.refresh_from_db()


def _end(pairing: Pairing, now_ms: int) -> None:
    def end() -> None:
        Pairing.objects.filter(pk=pairing.pk, until_ms=None).update(until_ms=now_ms)

    append_statement(
        "unpairing", pairing.patient_id, {}, now_ms=now_ms, personal=_link(pairing, "until_ms", now_ms),
        sealed_for=care_key(pairing.patient_id), also=end,
    )  # fmt: skip


def current_pairings(owner: HealthObject, now_ms: int) -> list[uuid.UUID]:
    """The ids of the pairings in force, oldest first: all that the object is told."""
    in_force = Q(until_ms=None) | Q(until_ms__gt=now_ms)
    rows = Pairing.objects.filter(in_force, object=owner, since_ms__lte=now_ms).order_by("since_ms", "id")
    return list(rows.values_list("uuid", flat=True))


def record_of(pairing: Pairing) -> Record:
    """The part of a record that a pairing measures for."""
    return Record(patient=pairing.patient_id, klass=pairing.klass, establishment=pairing.establishment)


def attributions_in_force(pairing: Pairing) -> tuple[Attributed, ...]:
    """Those that say whose envelopes of this pairing are; they never overlap."""
    rows = pairing.attributions.exclude(at_ms=None).filter(undone_ms=None).exclude(kind=Attribution.Kind.DISMISSED)
    return tuple(
        Attributed(
            id=row.pk, record=Record(patient=_whose(row, pairing), klass=row.klass, establishment=row.establishment),
            since_ms=row.since_ms, until_ms=row.until_ms,
        )
        for row in rows.order_by("since_ms") if row.to_id is not None
    )  # fmt: skip


def _whose(row: Attribution, pairing: Pairing) -> uuid.UUID:
    """What was held and is the pairing's own patient's is theirs, whomever the row names."""
    return row.to_id if row.kind == Attribution.Kind.MOVED and row.to_id is not None else pairing.patient_id


def need_key(record: Record, now_ms: int) -> RecordKey:
    """The key pair of a part of a record, made if there is none yet."""
    with keys_lock():
        try:
            return class_key(record.patient, record.klass, record.establishment)
        except KeyMissingError:
            return create_record_key(
                record.patient, now_ms=now_ms, klass=record.klass, establishment=record.establishment
            )


def _part(
    owner: HealthObject, patient: Account, klass: str | None, establishment: uuid.UUID | None, study: str
) -> tuple[str, uuid.UUID]:
    """Class and establishment: those named, else those of the last pairing of these two, else care at home."""
    rows = Pairing.objects.filter(object=owner, patient=patient).order_by("-id")
    before = rows.values_list("klass", "establishment").first() or (str(RecordKey.Class.CARE), ESTABLISHMENT)
    if klass is None and before[0] == RecordKey.Class.RESEARCH and not study:
        before = (str(RecordKey.Class.CARE), before[1])  # a study is joined each time, never by habit
    found, place = klass or before[0], establishment or before[1]
    if found not in RecordKey.Class.values:
        raise RefusedError("a class is care, personal or research")
    if (found == RecordKey.Class.RESEARCH) != bool(study):
        raise RefusedError("an object measures for research under a study that its patient takes part in")
    if place != ESTABLISHMENT and not Establishment.objects.filter(pk=place).exists():
        raise RefusedError("there is no such establishment")
    return found, place


def _link(pairing: Pairing, edge: str, now_ms: int) -> dict[str, object]:
    return {
        "pairing": str(pairing.uuid), "object": str(pairing.object_id), "class": pairing.klass,
        "establishment": str(pairing.establishment), edge: now_ms,
    }  # fmt: skip
