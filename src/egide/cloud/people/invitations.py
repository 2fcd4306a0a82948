"""Accounts come by invitation: a one-time token, good for seven days, for one new person. Nobody signs up.

A patient or relative is invited by who works where the patient is known. A professional or officer is proposed by one
officer and approved by another (offices.py); only then can an invitation be made. Each is written into the register.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any, Final

from django.db import transaction

from egide.cloud.keys.records import care_key
from egide.cloud.people import tokens
from egide.cloud.people.authority import require_steering
from egide.cloud.people.establishments import place_of
from egide.cloud.people.models import Account, Establishment, Invitation, Proposal
from egide.cloud.people.offices import approve, holder_of, offices_of, propose, require_office
from egide.cloud.people.registrations import REGISTRARS, registered_at
from egide.cloud.people.service import create_account
from egide.cloud.register.journal import append_statement
from egide.errors import RefusedError, SignInError

__all__ = [
    "INVITATION_LIFE_MS", "approve_newcomer", "find_invitation", "invitation_address", "invite_again", "invite_patient",
    "invite_relative", "invite_staff", "propose_newcomer", "redeem_invitation", "welcome_patient", "withdraw",
]  # fmt: skip

INVITATION_LIFE_MS: Final = 7 * 24 * 3_600_000


def welcome_patient(name: str, establishment: Establishment, *, by: Account, now_ms: int) -> tuple[Account, str]:
    """A new patient, registered there, and the token of their invitation.

    Raises:
        AccessDeniedError: `by` does not register patients there. RefusedError: the name cannot be.
    """
    require_office(by, *REGISTRARS, now_ms=now_ms, establishment=establishment)
    with transaction.atomic():
        patient = create_account(Account.Role.PATIENT, name, now_ms, at=establishment)
        return patient, invite_patient(patient, establishment, by=by, now_ms=now_ms)


def invite_patient(patient: Account, establishment: Establishment, *, by: Account, now_ms: int) -> str:
    """The token of a patient's invitation; an earlier one stops working.

    Raises:
        RefusedError: not a patient who is known there. AccessDeniedError: `by` does not register patients there.
    """
    require_office(by, *REGISTRARS, now_ms=now_ms, establishment=establishment)
    if patient.role != Account.Role.PATIENT or establishment.pk not in registered_at(patient):
        raise RefusedError("this patient is not known there")
    return _invite(patient, establishment, by, now_ms)


def invite_relative(name: str, establishment: Establishment, *, by: Account, now_ms: int) -> tuple[Account, str]:
    """A new relative and their token. The account opens nobody's record: a grant or a representation does.

    Raises:
        AccessDeniedError: `by` does not work there. RefusedError: the name cannot be.
    """
    require_office(by, *REGISTRARS, now_ms=now_ms, establishment=establishment)
    with transaction.atomic():
        relative = create_account(Account.Role.RELATIVE, name, now_ms)
        return relative, _invite(relative, establishment, by, now_ms)


def invite_again(invitation: Invitation, *, by: Account, now_ms: int) -> str:
    """A new token for a patient or relative whose invitation was lost or lapsed; the one before stops working.

    Raises:
        RefusedError: it was used or withdrawn, or it is not theirs. AccessDeniedError: as `invite_patient`.
    """
    if invitation.used_ms is not None or invitation.withdrawn_ms is not None:
        raise RefusedError("this invitation is over")
    if invitation.account.role == Account.Role.PATIENT:
        return invite_patient(invitation.account, invitation.establishment, by=by, now_ms=now_ms)
    if invitation.account.role != Account.Role.RELATIVE:
        raise RefusedError("two people invite whoever works here")
    require_office(by, *REGISTRARS, now_ms=now_ms, establishment=invitation.establishment)
    return _invite(invitation.account, invitation.establishment, by, now_ms)


def propose_newcomer(
    role: str, name: str, establishment: Establishment, office: str, *, by: Account, now_ms: int
) -> Proposal:
    """Propose a person who has no account yet: the account can do nothing before another officer approves.

    Raises as `offices.propose` does; nothing is left then.
    """
    with transaction.atomic():
        return propose(create_account(role, name, now_ms), establishment, office, by=by, now_ms=now_ms)


def approve_newcomer(proposal: Proposal, *, by: Account, now_ms: int) -> str:
    """Approve, and make the token of the invitation. Raises as `offices.approve` does."""
    with transaction.atomic():
        approve(proposal, by=by, now_ms=now_ms)
        return invite_staff(proposal.account, proposal.establishment, by=by, now_ms=now_ms)


def invite_staff(account: Account, establishment: Establishment, *, by: Account, now_ms: int) -> str:
    """The token of somebody to whom two people gave an office there.

    Raises:
        RefusedError: there is no such office in force, or it is one's own. AccessDeniedError: not an officer there.
    """
    require_steering(holder_of(by, now_ms=now_ms), place_of(establishment))
    there = any(m.establishment_id == establishment.pk for m in offices_of(account, now_ms=now_ms))
    if not there or by.pk == account.pk:
        raise RefusedError("an invitation is for somebody else, to whom two people gave an office there")
    return _invite(account, establishment, by, now_ms)


def invitation_address(base: str, token: str) -> str:
    """The address to hand over."""
    return tokens.address(base, "welcome", token)


def find_invitation(token: str, now_ms: int) -> Invitation:
    """The invitation of a token that still works; using it is `redeem_invitation`.

    Raises:
        SignInError: unknown, lapsed, used or withdrawn (which of these is not said), or its account is closed.
    """
    fresh = Invitation.objects.filter(
        token_hash=tokens.digest(tokens.typed(token)), used_ms=None, withdrawn_ms=None, expires_ms__gt=now_ms,
        account__is_active=True,
    )  # fmt: skip
    found = fresh.select_related("account").first()
    if found is None:
        raise SignInError("this invitation does not work")
    return found


def redeem_invitation(token: str, now_ms: int) -> Account:
    """Use a token, once. Raises as `find_invitation` does."""
    found = find_invitation(token, now_ms)
    # The update is what decides: of two tries at the same instant, one changes a row.
    if not Invitation.objects.filter(pk=found.pk, used_ms=None, withdrawn_ms=None).update(used_ms=now_ms):
        raise SignInError("this invitation does not work")
    return found.account


def withdraw(invitation: Invitation, *, by: Account, now_ms: int) -> None:
    """End an invitation that was not used: whoever made it, an officer there; a patient's or relative's, a colleague.

    A signed statement says who withdrew it.

    Raises:
        AccessDeniedError: somebody else. RefusedError: it was used, or withdrawn.
    """
    if by.pk != invitation.made_by_id and not _registers(by, invitation, now_ms):
        require_steering(holder_of(by, now_ms=now_ms), place_of(invitation.establishment))

    def end() -> None:
        # The update is what decides: of two at the same instant, one changes a row, and one is signed.
        if not _waiting(invitation.account).filter(pk=invitation.pk).update(withdrawn_ms=now_ms):
            raise RefusedError("this invitation is over")

    said = {"invitation": str(invitation.pk), "by": str(by.pk), "until": now_ms}
    _say("invitation-end", invitation.account, said, now_ms, end)


def _registers(by: Account, invitation: Invitation, now_ms: int) -> bool:
    """Whether the invitation is a patient's or relative's, and `by` invites such people there."""
    if invitation.account.role not in (Account.Role.PATIENT, Account.Role.RELATIVE):
        return False
    held = offices_of(by, now_ms=now_ms)
    return any(m.office in REGISTRARS and m.establishment_id == invitation.establishment_id for m in held)


def _waiting(account: Account) -> Any:
    return Invitation.objects.filter(account=account, used_ms=None, withdrawn_ms=None)


def _invite(account: Account, establishment: Establishment, by: Account, now_ms: int) -> str:
    token = tokens.new_token()
    made = Invitation(
        id=uuid.uuid4(), token_hash=tokens.digest(token), account=account, establishment=establishment, made_by=by,
        made_ms=now_ms, expires_ms=now_ms + INVITATION_LIFE_MS,
    )  # fmt: skip

    def keep() -> None:
        _waiting(account).update(withdrawn_ms=now_ms)
        made.save(force_insert=True)

    said = {"invitation": str(made.pk), "establishment": str(establishment.pk), "by": str(by.pk)}
    _say("invitation", account, said, now_ms, keep)
    return token


def _say(kind: str, account: Account, said: dict[str, Any], now_ms: int, also: Callable[[], None]) -> None:
    """Of a patient it is sealed for them; of anybody else it stands as it is."""
    if account.role == Account.Role.PATIENT:
        append_statement(kind, account.pk, {}, now_ms=now_ms, personal=said, sealed_for=care_key(account.pk), also=also)
    else:
        append_statement(kind, account.pk, said, now_ms=now_ms, also=also)
