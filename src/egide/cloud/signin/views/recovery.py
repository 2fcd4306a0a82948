"""The desk: open an account anew for somebody who lost every factor. It widens, so it asks for one's own factor."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods

from egide.cloud.people.models import Account
from egide.cloud.people.offices import require_office
from egide.cloud.people.service import find_all, link_address
from egide.cloud.signin import clock
from egide.cloud.signin.attested import has_factor
from egide.cloud.signin.factors import widening
from egide.cloud.signin.recovery import DESK, EVIDENCE, approve, ask, complete, require_desk, running, stop
from egide.cloud.signin.views.guard import MAX_TYPED, account_of
from egide.errors import AccessDeniedError, AmbiguousNameError, NotFoundError, RefusedError

__all__ = ["case", "desk"]


@never_cache
@widening
@require_http_methods(["GET", "HEAD", "POST"])
def desk(request: HttpRequest) -> HttpResponse:
    """Find the account by its user name, or by the exact name."""
    me, now = account_of(request), clock.now_ms()
    require_office(me, *DESK, now_ms=now)
    problem = ""
    if request.method == "POST":
        try:
            account = _known_here(me, " ".join(request.POST.get("who", "")[:MAX_TYPED].split()), now)
        except AmbiguousNameError:
            problem = _("Several people have that name: give the user name.")
        except (NotFoundError, RefusedError):
            problem = _("Nobody who is known where you work has that name or user name.")
        else:
            return redirect("signin:case", account_id=account.pk)
    return render(request, "signin/desk.html", {"problem": problem}, status=400 if problem else 200)


@never_cache
@widening
@sensitive_variables()
@require_http_methods(["GET", "HEAD", "POST"])
def case(request: HttpRequest, account_id: uuid.UUID) -> HttpResponse:
    """Ask, approve, stop, complete. The page names nobody: the person stands in front of the desk."""
    me, now = account_of(request), clock.now_ms()
    account = Account.objects.filter(pk=account_id, is_active=True).first()
    if account is None:
        raise AccessDeniedError("no such account")
    require_desk(me, account, now_ms=now)
    link = ""
    if request.method == "POST":
        match request.POST.get("act", ""):
            case "ask":
                ask(account, by=me, evidence=request.POST.get("evidence", ""), now_ms=now)
            case "approve":
                approve(account, by=me, now_ms=now)
            case "stop":
                stop(account, by=me, now_ms=now)
            case "complete":
                link = link_address(settings.OPTIONS.people_address(), complete(account, by=me, now_ms=now))
            case _:
                raise RefusedError("no such act")
        if not link:
            return redirect("signin:case", account_id=account.pk)
    under_way = running(account, now_ms=now)
    context = {
        "short": account.username[:4], "protected": has_factor(account), "case": under_way, "link": link, "now_ms": now,
        "mine": under_way is not None and under_way.asked_by == str(me.pk),
        "ready": under_way is not None and under_way.ready_ms is not None and now >= under_way.ready_ms,
        "evidence": [(key, _evidence(key)) for key in EVIDENCE],
    }  # fmt: skip
    return render(request, "signin/case.html", context)


def _known_here(me: Account, who: str, now_ms: int) -> Account:
    """Of those whom this desk may act for. Of others it does not tell whether there are any.

    Raises:
        NotFoundError: nobody. AmbiguousNameError: several. RefusedError: this is no name.
    """
    found = []
    for account in find_all(who):
        try:
            require_desk(me, account, now_ms=now_ms)
        except AccessDeniedError:
            continue
        found.append(account)
    if not found:
        raise NotFoundError("nobody here has that name")
    if len(found) > 1:
        raise AmbiguousNameError("several people here have that name")
    return found[0]


def _evidence(key: str) -> str:
    return {
        "identity-card": _("Identity card"),
        "passport": _("Passport"),
        "residence-permit": _("Residence permit"),
        "known-in-person": _("Known in person to whoever asks"),
    }[key]
