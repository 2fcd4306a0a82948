"""Who lost every factor is let in anew by two people and a waiting time. Each step is a signed statement.

One person at the desk sees the owner and asks; a second approves; a day goes by, in which the owner, told in every
session that is still open, can stop it with one click; then the desk makes a one-time link. Only then do the old
factors go, sessions end and apps hold nothing. Nothing else changes meanwhile: readings, follow-ups, alerts go on.

The two work where the account is known: where a patient is registered, a relative was invited, staff hold an office.
What counts is read from the statements. A relative, or whoever represents the person, is neither of the two.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from django.conf import settings
from django.utils.module_loading import import_string

from egide.cloud.keys.records import care_key
from egide.cloud.people.authority import OFFICERS
from egide.cloud.people.establishments import home, place_of
from egide.cloud.people.models import Account, Establishment, Invitation
from egide.cloud.people.offices import holder_of, offices_of
from egide.cloud.people.registrations import REGISTRARS, registered_at
from egide.cloud.people.service import make_link
from egide.cloud.register.journal import append_statement
from egide.cloud.register.models import Statement
from egide.cloud.register.platform import platform
from egide.cloud.signin.along import end_along
from egide.cloud.signin.attested import has_factor, verified
from egide.cloud.signin.enrolment import retire_all
from egide.cloud.signin.errors import RecoveryError, WaitingError
from egide.cloud.signin.notices import tell
from egide.cloud.signin.sessions import end_all
from egide.errors import AccessDeniedError, EgideError

__all__ = [
    "DESK", "EVIDENCE", "LAPSE_MS", "WAIT_MS", "Running", "approve", "ask", "complete", "require_desk", "running",
    "steers_all", "stop",
]  # fmt: skip

WAIT_MS: Final = 24 * 3_600_000
LAPSE_MS: Final = 7 * 24 * 3_600_000
#: What the person at the desk saw.
EVIDENCE: Final = ("identity-card", "passport", "residence-permit", "known-in-person")
DESK: Final = tuple(sorted({*REGISTRARS, *OFFICERS}))
_STAFF: Final = (Account.Role.PROFESSIONAL, Account.Role.OPERATOR)
_ASK: Final = "recovery-ask"
_APPROVAL: Final = "recovery-approval"
_STOP: Final = "recovery-stop"
_DONE: Final = "recovery-done"
_KINDS: Final = (_ASK, _APPROVAL, _STOP, _DONE)
Close = Callable[[Account, Account], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A recovery that was asked and is neither done, stopped nor lapsed."""

    id: str
    asked_by: str
    asked_ms: int
    approved_by: str = ""
    ready_ms: int | None = None  # from when on it can be completed, once approved


def running(account: Account, *, now_ms: int) -> Running | None:
    """The recovery under way, as signed statements say it."""
    found: Running | None = None
    rows = list(Statement.objects.filter(subject=account.pk, kind__in=_KINDS).order_by("entry"))
    if not rows:
        return None
    key = platform().signer.public_key
    record = care_key(account.pk) if account.role == Account.Role.PATIENT else None
    for row in rows:
        try:
            said = verified(row, account.pk, key, record)
        except (EgideError, TypeError):
            continue
        found = _next(found, said.kind, {**said.facts, **(said.personal or {})}, said.at_ms)
    return found if found is not None and now_ms < found.asked_ms + LAPSE_MS else None


def ask(account: Account, *, by: Account, evidence: str, now_ms: int) -> Running:
    """Ask, with the person in front of the desk.

    Raises:
        RecoveryError: nothing was lost, or one is under way. AccessDeniedError: `by` may not.
    """
    require_desk(by, account, now_ms=now_ms)
    if evidence not in EVIDENCE:
        raise RecoveryError("say what shows who this person is")
    if not account.is_active or not has_factor(account):
        raise RecoveryError("this account has no factor to lose: a link is enough")
    if running(account, now_ms=now_ms) is not None:
        raise RecoveryError("a recovery is under way")
    made = Running(id=str(uuid.uuid4()), asked_by=str(by.pk), asked_ms=now_ms)
    _say(_ASK, account, {"recovery": made.id, "by": made.asked_by, "evidence": evidence}, now_ms)
    tell(account, "recovery-asked", now_ms=now_ms)
    return made


def approve(account: Account, *, by: Account, now_ms: int) -> Running:
    """A second person agrees; the waiting time begins.

    Raises:
        RecoveryError: nothing waits for this, or it is the same person. AccessDeniedError: `by` may not.
    """
    require_desk(by, account, now_ms=now_ms)
    case = running(account, now_ms=now_ms)
    if case is None or case.ready_ms is not None:
        raise RecoveryError("no recovery waits for a second person")
    asker = Account.objects.filter(pk=uuid.UUID(case.asked_by), is_active=True).first()
    if asker is None or asker.pk == by.pk or bytes(asker.name_index) == bytes(by.name_index):
        raise RecoveryError("a second person approves, not the one who asked")
    require_desk(asker, account, now_ms=now_ms)  # who asked may have left since
    if account.role in _STAFF and not any(steers_all(who, account, now_ms) for who in (asker, by)):
        raise AccessDeniedError("an officer of every place where this account works is one of the two")
    done = replace(case, approved_by=str(by.pk), ready_ms=now_ms + WAIT_MS)
    _say(_APPROVAL, account, {"recovery": case.id, "by": done.approved_by, "ready": done.ready_ms}, now_ms)
    tell(account, "recovery-approved", now_ms=now_ms)
    return done


def stop(account: Account, *, by: Account, now_ms: int) -> None:
    """End it: the owner from any session, or the desk. It narrows, so one person is enough. Raises as `ask` does."""
    if by.pk != account.pk:
        require_desk(by, account, now_ms=now_ms)
    case = running(account, now_ms=now_ms)
    if case is None:
        raise RecoveryError("no recovery is under way")
    _say(_STOP, account, {"recovery": case.id, "by": str(by.pk)}, now_ms)
    tell(account, "recovery-stopped", now_ms=now_ms)


def complete(account: Account, *, by: Account, now_ms: int) -> str:
    """After the waiting time: the old factors go, sessions and apps' tokens end, and a one-time link is made.

    Raises:
        WaitingError: too early. RecoveryError: not asked, not approved, or stopped. AccessDeniedError: `by` may not.
    """
    require_desk(by, account, now_ms=now_ms)
    case = running(account, now_ms=now_ms)
    if case is None or case.ready_ms is None:
        raise RecoveryError("no recovery was approved")
    if now_ms < case.ready_ms:
        raise WaitingError("the waiting time is not over")
    facts = {"recovery": case.id, "by": str(by.pk)}
    _say(_DONE, account, facts, now_ms, also=lambda: end_along(account, now_ms=now_ms))
    retire_all(account, now_ms=now_ms)
    end_all(account)
    tell(account, "recovery-done", now_ms=now_ms)
    return make_link(account, now_ms)


def require_desk(by: Account, account: Account, *, now_ms: int) -> None:
    """Only who works at the desk of a place that knows this account, or is an officer of one that steers it, may act.

    Raises:
        AccessDeniedError: they do not, or it is their own account, or they are close to the person.
    """
    if by.pk == account.pk or by.role in (Account.Role.PATIENT, Account.Role.RELATIVE) or _close(account, by):
        raise AccessDeniedError("this person may not act at the desk for this account")
    holder = holder_of(by, now_ms=now_ms)
    if account.role == Account.Role.PATIENT:
        if any((place, office) in holder.offices for place in registered_at(account) for office in DESK):
            return
    else:
        for place in _places_of(account, now_ms):
            here = any((place.pk, office) in holder.offices for office in DESK)
            if here or holder.holds(place_of(place), OFFICERS):
                return
    raise AccessDeniedError("this account is not known where this person works")


def _places_of(account: Account, now_ms: int) -> set[Establishment]:
    """Where staff hold an office, or where a relative was invited; else the place that runs the platform."""
    if account.role == Account.Role.RELATIVE:
        rows = Invitation.objects.filter(account=account).select_related("establishment")
        places = {row.establishment for row in rows}
    else:
        places = {held.establishment for held in offices_of(account, now_ms=now_ms)}
    return places or {home(now_ms)}


def steers_all(by: Account, account: Account, now_ms: int) -> bool:
    """Whether one officer answers for every place that the account opens."""
    holder = holder_of(by, now_ms=now_ms)
    return all(holder.holds(place_of(place), OFFICERS) for place in _places_of(account, now_ms))


def _close(account: Account, other: Account) -> bool:
    """Whoever represents the person: what says so lies above this part, and is named in the settings."""
    checks: list[Close] = [import_string(name) for name in settings.SIGNIN_CLOSE_TO]
    return any(check(account, other) for check in checks)


def _next(found: Running | None, kind: str, facts: Mapping[str, Any], at_ms: int) -> Running | None:
    match kind, facts:
        case ("recovery-ask", {"recovery": str(name), "by": str(by)}):
            return Running(id=name, asked_by=by, asked_ms=at_ms)
        case ("recovery-approval", {"recovery": name, "by": str(by), "ready": int(ready)}):
            if found is not None and found.id == name and found.asked_by != by and found.ready_ms is None:
                return replace(found, approved_by=by, ready_ms=ready)
        case ("recovery-stop" | "recovery-done", {"recovery": name}):
            return None if found is not None and found.id == name else found
    return found


def _say(
    kind: str, account: Account, facts: dict[str, Any], now_ms: int, also: Callable[[], None] | None = None
) -> None:  # fmt: skip
    """Who asked for a patient is sealed to the patient; other accounts have no record to seal to."""
    if account.role == Account.Role.PATIENT:
        key = care_key(account.pk)
        append_statement(kind, account.pk, {}, now_ms=now_ms, personal=facts, sealed_for=key, also=also)
    else:
        append_statement(kind, account.pk, facts, now_ms=now_ms, also=also)
