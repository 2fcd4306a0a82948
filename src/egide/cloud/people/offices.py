"""Offices are given by two people and end by one; each change is a signed statement in the register.

Reading who holds an office compares the rows with the statements: a row that nobody signed for opens nothing.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Final

from django.db import transaction

from egide.cloud.people.attested import APPOINTMENT, DISMISSAL, Appointment
from egide.cloud.people.authority import PROPOSERS, Holder, require_role_for, require_steering, require_two_people
from egide.cloud.people.establishments import place_of
from egide.cloud.people.models import Account, Establishment, Membership, Proposal
from egide.cloud.people.seats import Seats, seats_of
from egide.cloud.register.journal import append_statement
from egide.errors import AccessDeniedError, RefusedError

__all__ = [
    "PROPOSAL_LIFE_MS", "appoint", "approve", "dismiss", "end_offices", "holder_of", "in_force", "offices_among",
    "offices_of", "propose", "refuse", "require_office", "seat",
]  # fmt: skip

PROPOSAL_LIFE_MS: Final = 7 * 24 * 3_600_000


def offices_of(account: Account, *, now_ms: int) -> tuple[Membership, ...]:
    """The offices in force, as signed statements say them; none for a closed account."""
    return offices_among([account], now_ms=now_ms)[account.pk]


def offices_among(accounts: Iterable[Account], *, now_ms: int) -> dict[uuid.UUID, tuple[Membership, ...]]:
    """The same of several accounts, in one query."""
    asked = list(accounts)
    seats = seats_of([account.pk for account in asked if account.is_active])
    return {
        account.pk: in_force(seats, account.pk, now_ms=now_ms) if account.is_active else () for account in asked
    }


def in_force(seats: Seats, account: uuid.UUID, *, now_ms: int) -> tuple[Membership, ...]:
    """Of what was just read, the offices that an account holds at this instant; a row that nobody signed is none."""
    said = seats.said.get(account, {})
    held = (
        row
        for row in seats.rows.get(account, ())
        if row.since_ms <= now_ms
        and (row.until_ms is None or now_ms < row.until_ms)
        and said.get(str(row.pk)) == _as_signed(row)
    )
    return tuple(sorted(held, key=lambda row: (row.since_ms, row.pk)))


def require_office(
    account: Account, *offices: str, now_ms: int, establishment: Establishment | uuid.UUID | None = None
) -> Membership:
    """The membership that holds one of these offices (there, when an establishment is named).

    Raises:
        AccessDeniedError: there is none.
    """
    wanted = establishment.pk if isinstance(establishment, Establishment) else establishment
    for held in offices_of(account, now_ms=now_ms):
        if held.office in offices and wanted in (None, held.establishment_id):
            return held
    raise AccessDeniedError("this account does not hold the office that this needs")


def appoint(
    account: Account, establishment: Establishment, office: str, *, by: tuple[Account, Account], now_ms: int,
    until_ms: int | None = None,
) -> Membership:  # fmt: skip
    """Give an office from now on. `by` is who proposed and who approved.

    Raises:
        RefusedError: one person on two sides, an account of another role, an end in the past, an office held already.
        AccessDeniedError: one of the two may not.
    """
    proposer, approver = (holder_of(who, now_ms=now_ms) for who in by)
    require_two_people(proposer, approver, holder_of(account, now_ms=now_ms), place_of(establishment))
    return seat(account, establishment, office, by=by, now_ms=now_ms, until_ms=until_ms, how="two-people")


def seat(
    account: Account, establishment: Establishment, office: str, *, by: tuple[Account, Account], now_ms: int,
    how: str, until_ms: int | None = None,
) -> Membership:  # fmt: skip
    """Sign and keep an office. Only `appoint` and the ceremony call this: it does not ask who may."""
    _require_possible(account, establishment, office, now_ms, until_ms)
    held = Membership(
        id=uuid.uuid4(), account=account, establishment=establishment, office=office, since_ms=now_ms, until_ms=until_ms
    )
    facts = {
        "membership": str(held.pk), "account": str(account.pk), "establishment": str(establishment.pk),
        "office": office, "since": now_ms, "until": until_ms, "by": [str(who.pk) for who in by], "how": how,
        "role": str(account.role),
    }  # fmt: skip

    def keep() -> None:
        # Under the register's lock: of two approvals at the same instant, one gives the office.
        _require_vacant(account, establishment, office, now_ms)
        held.save(force_insert=True)

    append_statement(APPOINTMENT, account.pk, facts, now_ms=now_ms, also=keep)
    return held


def dismiss(membership: Membership, *, by: Account, now_ms: int) -> None:
    """End an office now: by whoever holds it, or by one officer who steers there. It narrows, so one person suffices.

    Raises:
        AccessDeniedError: another person. RefusedError: it is over already.
    """
    if by.pk != membership.account_id:
        require_steering(holder_of(by, now_ms=now_ms), place_of(membership.establishment))
    elif not by.is_active:
        raise AccessDeniedError("this account is closed")

    _end(membership, str(by.pk), now_ms)


def end_offices(account: Account, *, by: str, now_ms: int) -> None:
    """End every office of an account that is closed. It does not ask who may; `by` is "" for who runs the platform."""
    for held in Membership.objects.filter(account=account, since_ms__lte=now_ms).exclude(until_ms__lte=now_ms):
        _end(held, by, now_ms)


def _end(membership: Membership, by: str, now_ms: int) -> None:
    def end() -> None:
        running = Membership.objects.filter(pk=membership.pk, since_ms__lte=now_ms)
        if not running.exclude(until_ms__lte=now_ms).update(until_ms=now_ms):
            raise RefusedError("this office is over")

    facts = {"membership": str(membership.pk), "until": now_ms, "by": by}
    append_statement(DISMISSAL, membership.account_id, facts, now_ms=now_ms, also=end)
    membership.until_ms = now_ms


def propose(
    account: Account, establishment: Establishment, office: str, *, by: Account, now_ms: int,
    until_ms: int | None = None,
) -> Proposal:  # fmt: skip
    """Propose an office: another officer approves within seven days, or it lapses.

    Raises:
        RefusedError: for oneself, or an office that this account cannot hold. AccessDeniedError: not an officer there.
    """
    if by.pk == account.pk:
        raise RefusedError("nobody proposes an office for themselves")
    require_steering(holder_of(by, now_ms=now_ms), place_of(establishment), PROPOSERS)
    _require_possible(account, establishment, office, now_ms, until_ms)
    return Proposal.objects.create(
        account=account, establishment=establishment, office=office, until_ms=until_ms, proposed_by=by,
        proposed_ms=now_ms, lapses_ms=now_ms + PROPOSAL_LIFE_MS,
    )  # fmt: skip


def approve(proposal: Proposal, *, by: Account, now_ms: int) -> Membership:
    """Approve what another proposed: the office is held from now on.

    Raises:
        RefusedError: decided or lapsed, or the same person on two sides. AccessDeniedError: one of the two may not,
        the one who proposed included, if dismissed since.
    """
    with transaction.atomic():
        _decide(proposal, by, now_ms, approved=True)
        return appoint(
            proposal.account, proposal.establishment, proposal.office, by=(proposal.proposed_by, by), now_ms=now_ms,
            until_ms=proposal.until_ms,
        )  # fmt: skip


def refuse(proposal: Proposal, *, by: Account, now_ms: int) -> None:
    """Refuse it, or take back one's own. Raises as `approve` does."""
    if by.pk != proposal.proposed_by_id:
        require_steering(holder_of(by, now_ms=now_ms), place_of(proposal.establishment))
    _decide(proposal, by, now_ms, approved=False)


def holder_of(account: Account, *, now_ms: int) -> Holder:
    """The person as the rules of authority see them."""
    held = frozenset((m.establishment_id, m.office) for m in offices_of(account, now_ms=now_ms))
    return Holder(account=account.pk, name_index=bytes(account.name_index), offices=held)


def _decide(proposal: Proposal, by: Account, now_ms: int, *, approved: bool) -> None:
    # The update is what decides: of two decisions at the same instant, one changes a row.
    waiting = Proposal.objects.filter(pk=proposal.pk, decided_ms=None, lapses_ms__gt=now_ms)
    if not waiting.update(decided_by=by, decided_ms=now_ms, approved=approved):
        raise RefusedError("this proposal was decided, or has lapsed")


def _require_possible(
    account: Account, establishment: Establishment, office: str, now_ms: int, until_ms: int | None
) -> None:
    if office not in Membership.Office.values:
        raise RefusedError("there is no such office")
    require_role_for(office, account.role)
    if not account.is_active:
        raise RefusedError("this account is closed")
    if until_ms is not None and until_ms <= now_ms:
        raise RefusedError("this office would end before it begins")
    _require_vacant(account, establishment, office, now_ms)


def _require_vacant(account: Account, establishment: Establishment, office: str, now_ms: int) -> None:
    for held in offices_of(account, now_ms=now_ms):
        if (held.office, held.establishment_id) == (office, establishment.pk):
            raise RefusedError("this account holds that office already")


def _as_signed(row: Membership) -> Appointment:
    return Appointment(
        membership=str(row.pk), account=str(row.account_id), establishment=str(row.establishment_id),
        office=row.office, since_ms=row.since_ms, until_ms=row.until_ms,
    )  # fmt: skip
