"""What a one-time link or an invitation opens: a session where there is no factor yet; else the next step."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from egide.cloud.people.invitations import redeem_invitation
from egide.cloud.people.models import Account
from egide.cloud.signin import clock
from egide.cloud.signin.attested import has_factor
from egide.cloud.signin.held import hold
from egide.cloud.signin.sessions import close_session, open_session
from egide.cloud.signin.tries import remember
from egide.cloud.signin.views.guard import MAX_TYPED
from egide.errors import SignInError

__all__ = ["enter_by_link", "welcome"]


def enter_by_link(request: HttpRequest, account: Account, where: str) -> HttpResponse:
    """Open a session, or hold the link until its owner shows a factor. In a demo the link is enough."""
    now = clock.now_ms()
    if has_factor(account) and not settings.OPTIONS.demo:
        if request.user.is_authenticated:
            close_session(request)
        hold(request, account, now_ms=now)
        return redirect(f"{reverse('signin:second')}?{urlencode({'next': where})}")
    open_session(request, account, "link", now_ms=now)
    response = redirect(where or "portal:home")
    remember(request, response, account)
    return response


@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def welcome(request: HttpRequest) -> HttpResponse:
    """An invitation: it leads to where the first passkey is made."""
    if request.method != "POST":
        return render(request, "signin/welcome.html")
    try:
        account = redeem_invitation(request.POST.get("code", "")[:MAX_TYPED], clock.now_ms())
    except SignInError as err:
        problem = _("This invitation does not work: it was used already, withdrawn, or is too old.")
        return render(request, "signin/welcome.html", {"problem": problem, "code": err.code}, status=400)
    return enter_by_link(request, account, reverse("signin:security"))
