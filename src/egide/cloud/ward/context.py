"""What every page's menu needs: the desks of who is signed in."""

from __future__ import annotations

from typing import Any, Final

from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from egide.cloud.people.models import Account
from egide.cloud.portal import live
from egide.cloud.ward.desks import DESKS, desks_of

__all__ = ["desks"]

_TITLES: Final = {
    "security-officer": gettext_noop("Security of the path"),
    "dpo": gettext_noop("Data protection"),
    "administrator": gettext_noop("Administration"),
}


def desks(request: HttpRequest) -> dict[str, Any]:
    """Looked up only by a page that shows the menu."""
    return {"desks": SimpleLazyObject(lambda: _of(request))}


def _of(request: HttpRequest) -> list[dict[str, str]]:
    user = getattr(request, "user", None)
    if not isinstance(user, Account) or user.role not in ("professional", "operator"):
        return []
    held = desks_of(user, now_ms=live.now_ms())
    return [{"url": reverse(DESKS[office]), "title": _(_TITLES[office])} for office in held]
