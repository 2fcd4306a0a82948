"""What every page's menu needs: the desks of who is signed in; and what waits for them, on the home page."""

from __future__ import annotations

from typing import Any, Final

from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from egide.cloud.people.models import Account
from egide.cloud.portal import live
from egide.cloud.ward.acting import Workplace, acting_at, workplaces
from egide.cloud.ward.desks import DESKS, desks_of
from egide.cloud.ward.waiting import Wait, waiting_for

__all__ = ["desks"]

_TITLES: Final = {
    "security-officer": gettext_noop("Security of the path"),
    "dpo": gettext_noop("Data protection"),
    "administrator": gettext_noop("Administration"),
    "engineer": gettext_noop("Fleet"),
    "auditor": gettext_noop("Audit"),
    "researcher": gettext_noop("Research"),
    "maker": gettext_noop("My products"),
}


def desks(request: HttpRequest) -> dict[str, Any]:
    """Looked up only by a page that shows the menu."""
    return {
        "desks": SimpleLazyObject(lambda: _of(request)),
        "acting": SimpleLazyObject(lambda: _acting(request)),
        "waits": SimpleLazyObject(lambda: _waits(request)),
    }


def _of(request: HttpRequest) -> list[dict[str, str]]:
    user, now = _staff(request), live.now_ms()
    if user is None:
        return []
    held = desks_of(user, now_ms=now, at=acting_at(request, user, now_ms=now))
    return [{"url": reverse(DESKS[office]), "title": _(_TITLES[office])} for office in held]


def _waits(request: HttpRequest) -> list[Wait]:
    user = _staff(request)
    return [] if user is None else waiting_for(request, user, now_ms=live.now_ms())


def _acting(request: HttpRequest) -> list[Workplace]:
    """Where somebody who works in several establishments may act; empty for everybody else, who has no choice."""
    user = _staff(request)
    found = [] if user is None else workplaces(request, user, now_ms=live.now_ms())
    return found if len(found) > 1 else []


def _staff(request: HttpRequest) -> Account | None:
    user = getattr(request, "user", None)
    return user if isinstance(user, Account) and user.role in ("professional", "operator") else None
