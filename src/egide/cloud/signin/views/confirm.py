"""The factor again, before something that widens."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from egide.cloud.signin import clock, passkeys
from egide.cloud.signin.attested import standing
from egide.cloud.signin.errors import FactorError
from egide.cloud.signin.factors import confirm as confirm_session
from egide.cloud.signin.factors import our_page
from egide.cloud.signin.onetime import check_code
from egide.cloud.signin.tries import counted, session_bucket, warn_owner
from egide.cloud.signin.views.guard import MAX_TYPED, account_of, own_page

__all__ = ["confirm", "options"]


@own_page
@require_POST
def options(request: HttpRequest) -> HttpResponse:
    """One of this account's passkeys."""
    text = passkeys.ask(request, account_of(request), now_ms=clock.now_ms())
    return HttpResponse(text, content_type="application/json")


@own_page
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def confirm(request: HttpRequest) -> HttpResponse:
    """A passkey's answer or a code; then back to where one was going."""
    account, now = account_of(request), clock.now_ms()
    given = request.POST if request.method == "POST" else request.GET
    where = our_page(given.get("next", ""), request)
    kinds = set(standing(account).values())
    problem = ""
    if request.method == "POST":
        try:
            if answer := request.POST.get("credential", ""):
                passkeys.check(request, answer, account, now_ms=now)
            else:
                with counted(session_bucket(request), now_ms=now):
                    check_code(account, request.POST.get("code", "")[:MAX_TYPED], now_ms=now)
        except FactorError:
            warn_owner(session_bucket(request), account, now_ms=now)
            problem = _("This was not accepted. Try again, or use another of your factors.")
        else:
            confirm_session(request, now_ms=now)
            return redirect(where or reverse("signin:security"))
    context = {"next": where, "problem": problem, "passkey": "webauthn" in kinds, "codes": bool(kinds - {"webauthn"}),
               "none": not kinds}  # fmt: skip
    return render(request, "signin/confirm.html", context, status=400 if problem else 200)
