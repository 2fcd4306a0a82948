"""What a reader's lists of people hold: those of the establishments where they work, by construction.

A list starts from `scope_of(reader)`, never from a whole table. Somebody without an office has empty lists. In a group,
steering crosses establishments and patients do not.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Final

from django.db.models import Q, QuerySet

from egide.cloud.keys.records import ESTABLISHMENT
from egide.cloud.people.attested import attested_references
from egide.cloud.people.authority import CARE_OFFICES, OFFICERS
from egide.cloud.people.models import Account, Establishment, Invitation, Membership, Merge, Proposal
from egide.cloud.people.offices import offices_of
from egide.errors import NotFoundError

__all__ = ["FINDERS", "Scope", "scope_of"]

#: Offices that may find a patient by name: who cares, who receives people at the desk, who answers for their rights.
FINDERS: Final = CARE_OFFICES | {"administrator", "dpo"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The establishments of a reader: where they work, find patients, and steer. Empty sets list nobody."""

    works: frozenset[uuid.UUID] = frozenset()
    finds: frozenset[uuid.UUID] = frozenset()
    steers: frozenset[uuid.UUID] = frozenset()

    def patients(self) -> QuerySet[Account]:
        """Patients registered where the reader may find them; a merged file is found under the one that is kept."""
        here = Q(registrations__establishment__in=self.finds, registrations__until_ms=None)
        merged = Merge.objects.filter(undone_ms=None).values("merged")
        found = Account.objects.filter(here, role=Account.Role.PATIENT, is_active=True)
        return found.exclude(pk__in=merged).distinct()

    def require_patient(self, patient: uuid.UUID) -> Account:
        """Raises NotFoundError: no such patient here, which is also what is said of one who is elsewhere."""
        found = self.patients().filter(pk=patient).first()
        if found is None:
            raise NotFoundError("no such patient here")
        return found

    def establishments(self) -> QuerySet[Establishment]:
        return Establishment.objects.filter(pk__in=self.works | self.steers)

    def memberships(self) -> QuerySet[Membership]:
        """Rows of offices where the reader works or steers. An index: `offices_of` says who holds one."""
        return Membership.objects.filter(establishment__in=self.works | self.steers)

    def colleagues(self) -> QuerySet[Account]:
        """People who hold, or held, an office there."""
        return Account.objects.filter(pk__in=self.memberships().values("account"))

    def proposals(self) -> QuerySet[Proposal]:
        """Only where the reader steers."""
        return Proposal.objects.filter(establishment__in=self.steers)

    def invitations(self) -> QuerySet[Invitation]:
        """Where the reader finds patients or steers; of staff, only where they steer."""
        roles = (Account.Role.PATIENT, Account.Role.RELATIVE)
        received = Q(establishment__in=self.finds, account__role__in=roles)
        return Invitation.objects.filter(received | Q(establishment__in=self.steers))


def scope_of(reader: Account, *, now_ms: int) -> Scope:
    """The reader's scope at this instant, from the offices that signed statements give."""
    held = offices_of(reader, now_ms=now_ms)
    steering = {m.establishment_id for m in held if m.office in OFFICERS}
    return Scope(
        works=frozenset(m.establishment_id for m in held),
        finds=frozenset(m.establishment_id for m in held if m.office in FINDERS),
        steers=_steered(steering),
    )


def _steered(seats: set[uuid.UUID]) -> frozenset[uuid.UUID]:
    if not seats:
        return frozenset()
    if ESTABLISHMENT in seats:
        return frozenset(Establishment.objects.values_list("pk", flat=True))
    return frozenset(seats) | {place for place, reference in attested_references().items() if reference in seats}
