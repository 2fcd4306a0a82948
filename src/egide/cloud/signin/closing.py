"""Close an account at once; open it again with nothing of what opened it before.

One person closes: it narrows. In one step the account is shut, what it gave apps ends and a signed statement says so;
then every session, link, invitation, office and factor of it ends, and open pages fall silent within a second. Opened
again, it holds no office (two people give one) and no factor: whoever writes in the table opens nothing, for the
statements say what stands.
A patient's account is not closed: what is measured goes on, and stays theirs to read.
"""

from __future__ import annotations

from typing import Final

from egide.cloud.people.models import Account, Invitation, Merge, SignInLink
from egide.cloud.people.offices import end_offices
from egide.cloud.register.journal import append_statement
from egide.cloud.signin.along import end_along
from egide.cloud.signin.enrolment import retire_all
from egide.cloud.signin.recovery import steers_all
from egide.cloud.signin.sessions import end_all
from egide.errors import AccessDeniedError, RefusedError

__all__ = ["CLOSED", "REOPENED", "close", "reopen"]

CLOSED: Final = "account-closed"  # federation/links.py reads it too
REOPENED: Final = "account-reopened"


def close(account: Account, *, by: Account | None, now_ms: int) -> int:
    """Close it; `by` is an officer, None who runs the platform. Returns how many sessions ended.

    A closing that was cut short is finished by closing again.

    Raises:
        RefusedError: a patient's account. AccessDeniedError: one's own, or `by` does not answer for every place where
        this person works.
    """
    if account.role == Account.Role.PATIENT:
        raise RefusedError("a patient's account is not closed: end its sessions instead")
    if by is not None and (by.pk == account.pk or (account.is_active and not steers_all(by, account, now_ms))):
        raise AccessDeniedError("an officer of every place where this person works closes the account")
    who = str(by.pk) if by is not None else ""

    def shut() -> None:
        _set(account, active=False)
        end_along(account, now_ms=now_ms)

    append_statement(CLOSED, account.pk, {"by": who}, now_ms=now_ms, also=shut)
    account.is_active = False
    ended = end_all(account)
    SignInLink.objects.filter(account=account).delete()
    Invitation.objects.filter(account=account, used_ms=None, withdrawn_ms=None).update(withdrawn_ms=now_ms)
    end_offices(account, by=who, now_ms=now_ms)
    retire_all(account, now_ms=now_ms)
    return ended


def reopen(account: Account, *, now_ms: int) -> None:
    """Open it again, for who runs the platform: a link lets its owner in, and two people give offices.

    Raises:
        RefusedError: it is open, or its file was merged into another.
    """
    if account.is_active or Merge.objects.filter(merged=account, undone_ms=None).exists():
        raise RefusedError("this account is open, or its file was merged into another")
    append_statement(REOPENED, account.pk, {}, now_ms=now_ms, also=lambda: _set(account, active=True))
    account.is_active = True


def _set(account: Account, *, active: bool) -> None:
    Account.objects.filter(pk=account.pk).update(is_active=active)
