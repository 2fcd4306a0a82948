"""Sign in with a one-time link, sign out. The secret travels in a form's body, never in an address."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from egide.cloud.federation import views as federation
from egide.cloud.federation.sessions import opened_by_provider
from egide.cloud.people import service
from egide.cloud.portal import live
from egide.cloud.signin.factors import our_page
from egide.cloud.signin.sessions import close_session
from egide.cloud.signin.views.linked import enter_by_link
from egide.errors import SignInError

__all__ = ["sign_in", "sign_out"]


@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """A passkey, a code, or the link's code, which a small script fills in. Success gives the session a new key."""
    if request.method != "POST":
        return render(request, "signin/sign_in.html", {"next": our_page(request.GET.get("next", ""), request)})
    where = our_page(request.POST.get("next", ""), request)
    try:
        account = service.redeem_link(request.POST.get("code", "")[:300], live.now_ms())
    except SignInError as err:
        context = {
            "next": where,
            "problem": _("This code does not work: it was used already, or is too old."),
            "code": err.code,
        }
        return render(request, "signin/sign_in.html", context, status=400)
    return enter_by_link(request, account, where)


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """Forget the session, here and in the table; one that a provider opened can be ended there too."""
    if opened_by_provider(request):
        return federation.sign_out(request)
    close_session(request)
    return render(request, "signin/signed_out.html")
