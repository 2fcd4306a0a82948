"""Who works at the rights desk: people of the establishment that must answer, and what they see of it."""

from __future__ import annotations

import uuid
from typing import Final

from django.db.models import QuerySet

from egide.cloud.governance.models import Destruction, Request
from egide.cloud.people.models import Account
from egide.cloud.people.offices import offices_of
from egide.errors import AccessDeniedError, NotFoundError

__all__ = [
    "ANSWER",
    "DESK",
    "destructions_for",
    "request_for",
    "requests_for",
    "require_answerer",
    "require_desk",
]

#: Offices that open a request for somebody and see what is due.
DESK: Final = frozenset({"nurse", "doctor", "professional", "dpo"})
#: Offices that answer.
ANSWER: Final = frozenset({"doctor", "dpo"})


def _places(reader: Account, offices: frozenset[str], now_ms: int) -> frozenset[uuid.UUID]:
    return frozenset(m.establishment_id for m in offices_of(reader, now_ms=now_ms) if m.office in offices)


def requests_for(reader: Account, *, now_ms: int) -> QuerySet[Request]:
    """The requests of the establishments where the reader works at the desk; nobody's for anybody else."""
    here = _places(reader, DESK, now_ms)
    return Request.objects.filter(establishment__in=here).select_related("patient").order_by("due_ms", "id")


def request_for(reader: Account, request_id: uuid.UUID, *, now_ms: int) -> Request:
    """One of them. Raises NotFoundError, which is also what is said of a request of another establishment."""
    found = requests_for(reader, now_ms=now_ms).filter(pk=request_id).first()
    if found is None:
        raise NotFoundError("no such request here")
    return found


def destructions_for(reader: Account, *, now_ms: int) -> QuerySet[Destruction]:
    """The proposals to destroy, where the reader may answer."""
    here = _places(reader, ANSWER, now_ms)
    return Destruction.objects.filter(establishment__in=here).select_related("patient").order_by("proposed_ms")


def require_desk(reader: Account, establishment: uuid.UUID, *, now_ms: int) -> None:
    """Raises AccessDeniedError: the reader does not work at that establishment's desk."""
    if establishment not in _places(reader, DESK, now_ms):
        raise AccessDeniedError("this account does not work at this desk")


def require_answerer(reader: Account, establishment: uuid.UUID, *, now_ms: int) -> None:
    """Raises AccessDeniedError: the reader does not answer for that establishment."""
    if establishment not in _places(reader, ANSWER, now_ms):
        raise AccessDeniedError("a doctor or the data protection officer of the establishment answers")
