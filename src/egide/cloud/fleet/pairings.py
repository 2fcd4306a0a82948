"""Whom an object measures, for a time. The object knows a random id; who the patient is, only we can say.

A pairing enters the register under the patient's name (their account's random id), and what it links is
sealed to their record: it is theirs to read, and it goes when the record's key goes.
"""

from __future__ import annotations

import uuid

from django.db.models import Q

from egide.cloud.fleet.models import HealthObject, Pairing
from egide.cloud.keys.models import RecordKey
from egide.cloud.keys.records import care_key, class_key, create_record_key, keys_lock
from egide.cloud.people.models import Account
from egide.cloud.register.journal import append_statement
from egide.errors import CertificateRevokedError, KeyMissingError, RefusedError

__all__ = ["current_pairings", "pair", "unpair"]


def pair(
    owner: HealthObject, patient: Account, now_ms: int, *, since_ms: int | None = None, klass: str | None = None
) -> Pairing:
    """Link an object to a patient from now on, or from an earlier `since_ms` that the caller answers for.

    If it already is linked, that pairing is given back. `klass` is the class of the record that it measures for: the
    one of its last pairing with this patient, else care. A class that the record has not yet gets its key.

    Raises:
        CertificateRevokedError: the object was revoked.
        RefusedError: the account is not a patient's. KeyMissingError: their record has no key.
    """
    if patient.role != Account.Role.PATIENT:
        raise RefusedError("an object measures a patient")
    if HealthObject.objects.filter(pk=owner.pk, revoked_ms__isnull=False).exists():
        raise CertificateRevokedError("this object was revoked")
    open_now = Pairing.objects.filter(object=owner, patient=patient, until_ms=None).first()
    if open_now is not None:
        return open_now
    for other in Pairing.objects.filter(object=owner, until_ms=None):
        unpair(other, now_ms)  # one patient at a time: what it sends from now on is not the last one's
    since = now_ms if since_ms is None else min(since_ms, now_ms)
    klass = klass or _class_before(owner, patient)
    if klass != RecordKey.Class.CARE:
        _need_key(patient.pk, klass, now_ms)
    pairing = Pairing(uuid=uuid.uuid4(), object=owner, patient=patient, since_ms=since, klass=klass)
    append_statement(
        "pairing", patient.pk, {}, now_ms=now_ms, personal=_link(pairing, "since_ms", since),
        sealed_for=care_key(patient.pk), also=lambda: pairing.save(force_insert=True),
    )  # fmt: skip
    return pairing


def unpair(pairing: Pairing, now_ms: int) -> None:
    """End a pairing now: what is measured from here on is not this patient's. Once is enough."""
    if Pairing.objects.filter(pk=pairing.pk, until_ms__isnull=False).exists():
        pairing.refresh_from_db()
        return

    def end() -> None:
        Pairing.objects.filter(pk=pairing.pk, until_ms=None).update(until_ms=now_ms)

    append_statement(
        "unpairing", pairing.patient_id, {}, now_ms=now_ms, personal=_link(pairing, "until_ms", now_ms),
        sealed_for=care_key(pairing.patient_id), also=end,
    )  # fmt: skip
    pairing.refresh_from_db()


def current_pairings(owner: HealthObject, now_ms: int) -> list[uuid.UUID]:
    """The ids of the pairings in force, oldest first: all that the object is told."""
    in_force = Q(until_ms=None) | Q(until_ms__gt=now_ms)
    rows = Pairing.objects.filter(in_force, object=owner, since_ms__lte=now_ms).order_by("since_ms", "id")
    return list(rows.values_list("uuid", flat=True))


def _class_before(owner: HealthObject, patient: Account) -> str:
    rows = Pairing.objects.filter(object=owner, patient=patient).order_by("-id").values_list("klass", flat=True)
    return rows.first() or str(RecordKey.Class.CARE)


def _need_key(patient: uuid.UUID, klass: str, now_ms: int) -> None:
    with keys_lock():
        try:
            class_key(patient, klass)
        except KeyMissingError:
            create_record_key(patient, now_ms=now_ms, klass=klass)


def _link(pairing: Pairing, edge: str, now_ms: int) -> dict[str, object]:
    return {"pairing": str(pairing.uuid), "object": str(pairing.object_id), "class": pairing.klass, edge: now_ms}
