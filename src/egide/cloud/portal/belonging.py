"""To whom something given to a place or a team is given now: what a page asks by. The door decides."""

from __future__ import annotations

from django.db.models import Q

from egide.cloud.consent.facts import ACCOUNT, ESTABLISHMENT, TEAM, Holder
from egide.cloud.consent.models import FollowUp
from egide.cloud.people.authority import CARE_OFFICES
from egide.cloud.people.models import Account
from egide.cloud.people.offices import offices_of

__all__ = ["holders_of"]


def holders_of(reader: Account, *, now_ms: int) -> frozenset[Holder]:
    """The reader, the places where they hold an office of care, and the teams they are in, at this instant."""
    me = Holder(kind=ACCOUNT, id=str(reader.pk))
    if reader.role != Account.Role.PROFESSIONAL:
        return frozenset({me})
    held = offices_of(reader, now_ms=now_ms)
    places = (Holder(kind=ESTABLISHMENT, id=str(m.establishment_id)) for m in held if m.office in CARE_OFFICES)
    running = Q(until_ms=None) | Q(until_ms__gt=now_ms)
    follows = FollowUp.objects.filter(running, professional=reader, since_ms__lte=now_ms).exclude(care=None)
    teams = (Holder(kind=TEAM, id=str(care)) for care in follows.values_list("care", flat=True))
    return frozenset({me, *places, *teams})
