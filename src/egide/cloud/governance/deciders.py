"""Who is told that something waits for their second decision: whoever may decide it, where it was proposed.

Each is told once while they did not read it, of what kind it is and nothing more; outside goes "you have a message".
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable

from egide.cloud.consent.models import ProjectProposal
from egide.cloud.consent.projects import SECOND
from egide.cloud.people.establishments import place_of
from egide.cloud.people.merge_proposals import may_decide
from egide.cloud.people.models import Account, Membership
from egide.cloud.people.offices import offices_of
from egide.cloud.people.registrations import REGISTRARS, registered_at
from egide.cloud.people.second import may_be_second
from egide.cloud.signin.notices import is_unread, tell

__all__ = ["tell_of_merge", "tell_of_project"]


def tell_of_project(proposal: ProjectProposal, *, now_ms: int) -> None:
    """The data protection officers who may declare it."""
    places = place_of(proposal.establishment).steered_from()
    for one in _unaware(proposal.researcher, _seated(places, (SECOND,), now_ms), "project-waits"):
        tell(one, "project-waits", now_ms=now_ms)


def tell_of_merge(kept: Account, merged: Account, *, by: Account, now_ms: int) -> None:
    """Those who receive both people where they are known. The same for a merge and its undoing."""
    places = registered_at(kept) | registered_at(merged)
    found = [one for one in _seated(places, REGISTRARS, now_ms) if may_decide(one, kept, merged, now_ms=now_ms)]
    for one in _unaware(by, found, "merge-waits"):
        tell(one, "merge-waits", now_ms=now_ms)


def _seated(places: Collection[uuid.UUID], offices: Collection[str], now_ms: int) -> list[Account]:
    """Those whose office a signed statement gives there; rows only say whom to ask about."""
    rows = Membership.objects.filter(establishment__in=places, office__in=offices, account__is_active=True)
    found = {row.account_id: row.account for row in rows.select_related("account").order_by("since_ms", "pk")}
    return [
        account for account in found.values()
        if any(m.office in offices and m.establishment_id in places for m in offices_of(account, now_ms=now_ms))
    ]  # fmt: skip


def _unaware(first: Account, found: Iterable[Account], kind: str) -> list[Account]:
    """All but who proposed it, under whichever account, and but who has the same notice to read."""
    return [one for one in found if may_be_second(first, one) and not is_unread(one, kind)]
