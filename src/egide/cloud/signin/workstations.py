"""Computers that several people share: an officer marks one, a signed cookie says so to us, a statement to everybody.

A mark only ever narrows: sessions on a marked computer lock, are shorter, and leave nothing in the browser. So a cookie
whose row is gone still counts, and only a signed statement ends a mark.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from django.conf import settings
from django.core import signing
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from egide.cloud.keys.columns import open_text, seal_text
from egide.cloud.people.models import Account, Establishment
from egide.cloud.people.offices import require_office
from egide.cloud.people.scope import scope_of
from egide.cloud.people.sessions import end
from egide.cloud.register.journal import append_statement
from egide.cloud.register.models import Statement
from egide.cloud.register.platform import platform
from egide.cloud.signin.attested import verified
from egide.cloud.signin.cookies import cookie_name
from egide.cloud.signin.models import OpenSession, Workstation
from egide.errors import EgideError, NotFoundError, RefusedError

__all__ = [
    "COOKIE", "MAX_LABEL", "SHARED", "STEWARDS", "Shared", "forget_cookie", "mark", "named_by", "note_use",
    "put_cookie", "retire", "shared_at",
]  # fmt: skip

COOKIE: Final = "egide_workstation"
#: In a session: the shared workstation that it is on.
SHARED: Final = "signin.shared"
MAX_LABEL: Final = 60
#: Offices that mark a computer as shared, and end that.
STEWARDS: Final = ("administrator", "security-officer", "dpo")
_SALT: Final = "egide.signin.workstation"
_AGE_S: Final = 400 * 86_400  # the longest that browsers keep a cookie; each sign-in there renews it
_MARKED: Final = "workstation"
_ENDED: Final = "workstation-end"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """One shared computer, as the desk lists it."""

    id: uuid.UUID
    label: str
    place: str
    marked_ms: int
    seen_ms: int
    sessions: int
    here: bool


def mark(label: str, place: uuid.UUID, *, by: Account, now_ms: int) -> Workstation:
    """Mark a computer as shared. It narrows, so no factor is asked for.

    Raises:
        AccessDeniedError: no officer. NotFoundError: not a place that they steer. RefusedError: no words for it.
    """
    clean = " ".join(label.split())[:MAX_LABEL]
    if not clean or not clean.isprintable():
        raise RefusedError("say where this computer stands")
    establishment = _steered(by, now_ms).get(place)
    if establishment is None:
        raise NotFoundError("no such establishment here")
    made = Workstation(id=uuid.uuid4(), establishment=establishment, marked_ms=now_ms, seen_ms=now_ms)
    made.sealed_label = seal_text(clean, _context(made.pk))
    facts = {"establishment": str(place), "by": str(by.pk)}
    append_statement(_MARKED, made.pk, facts, now_ms=now_ms, also=lambda: made.save(force_insert=True))
    return made


def retire(workstation: uuid.UUID, *, by: Account, now_ms: int) -> None:
    """It is shared no longer; sessions that are open there end.

    Raises:
        AccessDeniedError: no officer. NotFoundError: none of theirs.
    """
    mine = Workstation.objects.filter(pk=workstation, establishment__in=_steered(by, now_ms), ended_ms=None)
    if (row := mine.first()) is None:
        raise NotFoundError("no such workstation here")

    def close() -> None:
        if not mine.update(ended_ms=now_ms):
            raise NotFoundError("no such workstation here")

    facts = {"establishment": str(row.establishment_id), "by": str(by.pk)}
    append_statement(_ENDED, row.pk, facts, now_ms=now_ms, also=close)
    open_there = OpenSession.objects.filter(workstation=row.pk)
    end(list(open_there.values_list("session_key", flat=True)))
    open_there.delete()


def shared_at(by: Account, *, here: uuid.UUID | None, now_ms: int) -> tuple[Sequence[Shared], Iterable[Establishment]]:
    """The shared computers of the places that an officer steers, the latest used first; and those places.

    Raises:
        AccessDeniedError: no officer.
    """
    places = _steered(by, now_ms)
    rows = Workstation.objects.filter(establishment__in=places, ended_ms=None).order_by("-seen_ms")
    found = [
        Shared(
            id=row.pk, label=_label(row), place=places[row.establishment_id].name, marked_ms=row.marked_ms,
            seen_ms=row.seen_ms, sessions=row.sessions.count(), here=row.pk == here,
        )
        for row in rows
    ]  # fmt: skip
    return found, sorted(places.values(), key=lambda place: place.name.casefold())


def named_by(request: HttpRequest) -> uuid.UUID | None:
    """The shared computer that this browser's cookie names. One query, for a browser that has one."""
    if cookie_name(COOKIE) not in request.COOKIES:
        return None
    try:
        named = uuid.UUID(signing.loads(request.COOKIES[cookie_name(COOKIE)], salt=_SALT))
    except (signing.BadSignature, ValueError, TypeError, AttributeError):
        return None
    return None if _is_ended(named) else named


def note_use(workstation: uuid.UUID, *, now_ms: int) -> Workstation | None:
    """Somebody signs in there. None: its row is gone, and it is shared all the same."""
    Workstation.objects.filter(pk=workstation).update(seen_ms=now_ms)
    return Workstation.objects.filter(pk=workstation).first()


def put_cookie(response: HttpResponseBase, workstation: uuid.UUID) -> None:
    """From now on this browser is that computer's."""
    response.set_cookie(
        cookie_name(COOKIE), signing.dumps(str(workstation), salt=_SALT), max_age=_AGE_S, httponly=True, samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
    )  # fmt: skip


def forget_cookie(response: HttpResponseBase) -> None:
    response.delete_cookie(cookie_name(COOKIE), samesite="Lax")


def _is_ended(workstation: uuid.UUID) -> bool:
    """Whether a signed statement ended it: a row that says so by itself is worth nothing."""
    for row in Statement.objects.filter(subject=workstation, kind=_ENDED):
        try:
            verified(row, workstation, platform().signer.public_key)
        except (EgideError, TypeError):
            continue
        return True
    return False


def _steered(by: Account, now_ms: int) -> dict[uuid.UUID, Establishment]:
    require_office(by, *STEWARDS, now_ms=now_ms)
    steered = scope_of(by, now_ms=now_ms).steers
    return {place.pk: place for place in Establishment.objects.filter(pk__in=steered)}


def _label(row: Workstation) -> str:
    try:
        return open_text(bytes(row.sealed_label), _context(row.pk))
    except EgideError:
        return ""


def _context(workstation: uuid.UUID) -> bytes:
    return b"signin.workstation.label " + workstation.bytes
