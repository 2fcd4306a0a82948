"""A patient is known to an establishment from a registration on: there, people may find them by name.

Being registered opens no measurement; it lets a desk correct an identity or a contact. So whoever registers somebody
who is known elsewhere states their birth date, which a user name does not tell: the patient is there, or said it. Each
change is a statement sealed for the patient, and so is each wrong date.
"""

from __future__ import annotations

import uuid

from egide.cloud.keys.records import care_key
from egide.cloud.people.authority import CARE_OFFICES
from egide.cloud.people.models import Account, Establishment, Registration
from egide.cloud.people.offices import require_office
from egide.cloud.register.journal import append_statement
from egide.errors import NotFoundError, RefusedError

__all__ = ["REGISTRARS", "end_registration", "register_patient", "registered_at"]

#: Offices whose holders register patients where they work.
REGISTRARS = (*sorted(CARE_OFFICES), "administrator")


def registered_at(patient: Account) -> frozenset[uuid.UUID]:
    """The ids of the establishments that know this patient today."""
    open_now = Registration.objects.filter(patient=patient, until_ms=None)
    return frozenset(open_now.values_list("establishment_id", flat=True))


def register_patient(
    patient: Account, establishment: Establishment, *, by: Account, now_ms: int, born: str = ""
) -> None:
    """From now on; nothing changes if it is already so. `born` is the birth date, where one was declared (YYYY-MM-DD).

    Raises:
        RefusedError: not a patient, or another birth date. AccessDeniedError: `by` does not work there.
    """
    _require_patient(patient)
    require_office(by, *REGISTRARS, now_ms=now_ms, establishment=establishment)
    if Registration.objects.filter(patient=patient, establishment=establishment, until_ms=None).exists():
        return
    _require_met(patient, establishment, by, now_ms, born)

    def keep() -> None:
        Registration.objects.get_or_create(
            patient=patient, establishment=establishment, until_ms=None, defaults={"since_ms": now_ms}
        )

    personal = {"establishment": str(establishment.pk), "since": now_ms, "by": str(by.pk)}
    append_statement(
        "registration", patient.pk, {}, now_ms=now_ms, personal=personal, sealed_for=care_key(patient.pk), also=keep
    )


def end_registration(patient: Account, establishment: Establishment, *, by: Account, now_ms: int) -> None:
    """From now on nobody finds the patient there. By whoever works there, or by the patient.

    Raises:
        RefusedError: there is no such registration. AccessDeniedError: `by` is somebody else.
    """
    _require_patient(patient)
    if by.pk != patient.pk:
        require_office(by, *REGISTRARS, now_ms=now_ms, establishment=establishment)

    def end() -> None:
        open_now = Registration.objects.filter(patient=patient, establishment=establishment, until_ms=None)
        if not open_now.update(until_ms=now_ms):
            raise RefusedError("there is no such registration")

    personal = {"establishment": str(establishment.pk), "until": now_ms, "by": str(by.pk)}
    append_statement(
        "registration-end", patient.pk, {}, now_ms=now_ms, personal=personal, sealed_for=care_key(patient.pk), also=end
    )


def _require_met(patient: Account, establishment: Establishment, by: Account, now_ms: int, born: str) -> None:
    from egide.cloud.people.identity import known_identity  # it needs to know who is registered where

    try:
        declared = known_identity(patient).traits.birth_date
    except NotFoundError:
        return
    if born != declared:
        personal = {"establishment": str(establishment.pk), "by": str(by.pk)}
        append_statement(
            "registration-refused", patient.pk, {}, now_ms=now_ms, personal=personal, sealed_for=care_key(patient.pk)
        )
        raise RefusedError("this is not the birth date that was declared")


def _require_patient(patient: Account) -> None:
    if patient.role != Account.Role.PATIENT:
        raise RefusedError("this account is not a patient's")
