"""What the menu of every page needs: the patient's rights, or the desk that answers for them."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext as _

from egide.cloud.governance.desk import DESK
from egide.cloud.governance.views.guard import now_ms
from egide.cloud.people.models import Account
from egide.cloud.people.offices import offices_of
from egide.cloud.people.registrations import REGISTRARS

__all__ = ["rights"]


def rights(request: HttpRequest) -> dict[str, Any]:
    """Looked up only by a page that shows the menu."""
    return {"rights_pages": SimpleLazyObject(lambda: _of(request))}


def _of(request: HttpRequest) -> list[dict[str, str]]:
    user = getattr(request, "user", None)
    if not isinstance(user, Account):
        return []
    if user.role == Account.Role.PATIENT:
        return [{"url": reverse("rights:mine"), "title": _("My rights")}]
    held = {one.office for one in offices_of(user, now_ms=now_ms())}
    if held & DESK:  # the desk's first page leads to the others
        return [{"url": reverse("rights:desk"), "title": _("Rights desk")}]
    return [{"url": reverse("rights:identities"), "title": _("Identities")}] if held & set(REGISTRARS) else []
