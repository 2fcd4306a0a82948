"""Sign in with a one-time link, sign out. The secret travels in a form's body, never in an address."""

from __future__ import annotations

from django.contrib.auth import login, logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from egide.cloud.people import service
from egide.cloud.people.sessions import forget_expired
from egide.cloud.portal import live
from egide.errors import SignInError

__all__ = ["sign_in", "sign_out"]

_BACKEND = "egide.cloud.people.backend.LinkBackend"


@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """A field for the code; a small script fills it from the link. Success gives the session a new key."""
    if request.method != "POST":
        return render(request, "portal/sign_in.html", {"next": _next(request.GET.get("next", ""), request)})
    where = _next(request.POST.get("next", ""), request)
    try:
        account = service.redeem_link(request.POST.get("code", "")[:300], live.now_ms())
    except SignInError as err:
        context = {
            "next": where,
            "problem": _("This code does not work: it was used already, or is too old."),
            "code": err.code,
        }
        return render(request, "portal/sign_in.html", context, status=400)
    login(request, account, backend=_BACKEND)
    forget_expired()
    return redirect(where or "portal:home")


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """Forget the session, here and in the table."""
    logout(request)
    return render(request, "portal/signed_out.html")


def _next(address: str, request: HttpRequest) -> str:
    """Where to go afterwards: a page of ours, or ""."""
    allowed = url_has_allowed_host_and_scheme(address, allowed_hosts={request.get_host()})
    return address if allowed and address.startswith("/") else ""
