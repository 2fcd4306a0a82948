"""Who answers for a patient's data: the data protection officers where the patient is known."""

from __future__ import annotations

from collections.abc import Collection

from egide.cloud.keys.records import ESTABLISHMENT
from egide.cloud.people.models import Account, Membership
from egide.cloud.people.offices import offices_of
from egide.cloud.people.registrations import registered_at
from egide.cloud.signin.notices import is_unread, tell

__all__ = ["officers_for", "tell_officers"]


def officers_for(patient: Account, *, now_ms: int, offices: Collection[str] = ("dpo",)) -> list[Account]:
    """Those whose office a signed statement gives, where the patient is registered, or where the platform is run."""
    places = registered_at(patient) | {ESTABLISHMENT}
    rows = Membership.objects.filter(establishment__in=places, office__in=offices).select_related("account")
    found = {row.account_id: row.account for row in rows}
    return [
        account for account in found.values()
        if any(m.office in offices and m.establishment_id in places for m in offices_of(account, now_ms=now_ms))
    ]  # fmt: skip


def tell_officers(patient: Account, *, now_ms: int) -> None:
    """Tell each that something waits; not about whom, and once while they did not read it."""
    for officer in officers_for(patient, now_ms=now_ms):
        if not is_unread(officer, "question"):
            tell(officer, "question", now_ms=now_ms)
