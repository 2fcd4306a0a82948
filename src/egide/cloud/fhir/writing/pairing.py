"""A system's pairing with a patient it writes about: opened by its first word, and never again once somebody ended it.

An object has one patient at a time; a system has many, and names each one itself.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from egide.cloud.fhir.writing.registering import System
from egide.cloud.fleet.attributing import Record
from egide.cloud.fleet.models import Pairing
from egide.cloud.fleet.pairings import need_key
from egide.cloud.keys.models import RecordKey
from egide.cloud.keys.records import ESTABLISHMENT, care_key
from egide.cloud.people.models import Account
from egide.cloud.register.journal import append_statement
from egide.errors import AccessDeniedError

__all__ = ["pairing_for"]


def pairing_for(system: System, patient: Account, first_ms: int, *, now_ms: int) -> Pairing:
    """The pairing in force whose window begins before `first_ms`; opened where there is none.

    Raises:
        AccessDeniedError: it was ended: the patient, or who cares for them, wants nothing more from this system; or
        it was taken up again since, and this was measured before.
    """
    if (running := _running(system, patient, first_ms)) is not None:
        return running
    klass = str(RecordKey.Class.CARE)
    if system.establishment != ESTABLISHMENT:
        need_key(Record(patient=patient.pk, klass=klass, establishment=system.establishment), now_ms)
    pairing = Pairing(
        uuid=uuid.uuid4(), object_id=system.id, patient=patient, since_ms=_year_of(min(first_ms, now_ms)), klass=klass,
        establishment=system.establishment,
    )  # fmt: skip
    personal = {
        "pairing": str(pairing.uuid), "object": str(system.id), "class": klass,
        "establishment": str(system.establishment), "since_ms": pairing.since_ms,
    }  # fmt: skip

    def keep() -> None:
        _running(system, patient, first_ms)  # asked again under the register's lock: nobody ended it meanwhile
        pairing.save(force_insert=True)

    append_statement(
        "pairing", patient.pk, {}, now_ms=now_ms, personal=personal, sealed_for=care_key(patient.pk), also=keep
    )
    return pairing


def _running(system: System, patient: Account, first_ms: int) -> Pairing | None:
    """The pairing to write under; None: one may be opened.

    Once one was ended, only those that somebody took up again since count, and the system opens none before them.

    Raises:
        AccessDeniedError: as `pairing_for`.
    """
    rows = list(Pairing.objects.filter(object_id=system.id, patient=patient).order_by("since_ms", "id"))
    ended_ms = max((row.until_ms for row in rows if row.until_ms is not None), default=None)
    in_force = [row for row in rows if row.until_ms is None and (ended_ms is None or row.since_ms >= ended_ms)]
    if in_force and in_force[0].since_ms <= first_ms:
        return in_force[0]
    if ended_ms is not None:
        raise AccessDeniedError("what this system adds to this record was ended")
    return None


def _year_of(ms: int) -> int:
    """The first instant of its year: what a system adds later of an earlier day needs no other window, mostly."""
    return int(datetime(datetime.fromtimestamp(ms / 1000, tz=UTC).year, 1, 1, tzinfo=UTC).timestamp()) * 1000
