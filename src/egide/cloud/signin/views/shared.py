"""A shared workstation: the lock screen, a touch, forms kept for their owner, and the desk's list of them."""

from __future__ import annotations

import json
import uuid

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from egide.cloud.signin import clock, lock, workstations
from egide.cloud.signin.factors import confirmed_recently, our_page
from egide.cloud.signin.kept import Fields, draft_of, drop_draft, keep_draft, last_page
from egide.cloud.signin.sessions import adopt
from egide.cloud.signin.views.guard import MAX_TYPED, account_of, own_page
from egide.errors import NotFoundError, RefusedError

__all__ = ["back", "desk", "draft", "draft_taken", "left", "lock_now", "locked", "retire", "touch"]

_MOST_AGO_S = 60


@never_cache
@require_safe
def locked(request: HttpRequest) -> HttpResponse:
    """The lock screen: neutral, whoever was here. One passkey unlocks, or changes who is here."""
    if not request.user.is_authenticated:
        return redirect("portal:sign-in")
    if not lock.is_locked(request):
        return redirect("signin:back")
    return lock_screen(request)


def lock_screen(request: HttpRequest, *, problem: str = "", code: str = "") -> HttpResponse:
    context = {"factor_problem": problem, "code": code, "next": reverse("signin:back")}
    return render(request, "signin/locked.html", context, status=400 if problem else 200)


@own_page
@require_POST
def lock_now(request: HttpRequest) -> HttpResponse:
    """Lock, or make room for somebody else: the same lock, and the next person's passkey is asked for at once."""
    lock.lock(request, now_ms=clock.now_ms())
    then = "#change" if request.POST.get("then") == "change" else ""
    return redirect(reverse("signin:locked") + then)


@own_page
@require_safe
def back(request: HttpRequest) -> HttpResponse:
    """The last page of whoever signed in, on a shared workstation; else home."""
    where = ""
    if workstations.SHARED in request.session:
        where = our_page(last_page(account_of(request), now_ms=clock.now_ms()), request)
    return redirect(where if where and where != request.path else "portal:home")


@never_cache
@require_safe
def left(request: HttpRequest) -> HttpResponse:
    """How long until it locks, and whose session it is by now. Asking keeps nothing open."""
    return _left(request)


@own_page
@require_POST
def touch(request: HttpRequest) -> HttpResponse:
    """Somebody touched the page `ago` seconds ago. Raises RefusedError for something that is no number."""
    now = clock.now_ms()
    try:
        ago = min(_MOST_AGO_S, max(0, int(request.POST.get("ago", "0"))))
    except ValueError as err:
        raise RefusedError("not a number of seconds") from err
    lock.touched(request, at_ms=now - ago * 1000, now_ms=now)
    return _left(request)


@own_page
@sensitive_post_parameters()
@require_POST
def draft(request: HttpRequest) -> HttpResponse:
    """Keep what is typed in a form; without fields, forget it.

    Raises:
        NotFoundError: not on a shared workstation. RefusedError: not a form of ours, or too long.
    """
    if workstations.SHARED not in request.session:
        raise NotFoundError("forms are kept on shared workstations only")
    address = _form_of(request)
    fields = _fields(request.POST.get("fields", "[]"))
    keep_draft(account_of(request), address, fields, now_ms=clock.now_ms())
    return HttpResponse(status=204)


@own_page
@require_POST
def draft_taken(request: HttpRequest) -> HttpResponse:
    """What its owner had typed in a form; 204 when nothing was. `forget` drops it."""
    account, address = account_of(request), _form_of(request)
    if request.POST.get("forget"):
        drop_draft(account, address)
        return HttpResponse(status=204)
    found = draft_of(account, address, now_ms=clock.now_ms())
    if found is None:
        return HttpResponse(status=204)
    return JsonResponse({"fields": found[0], "at": found[1]})


@own_page
@require_http_methods(["GET", "HEAD", "POST"])
def desk(request: HttpRequest) -> HttpResponse:
    """The shared workstations of the places that an officer steers; mark the computer in front of them.

    Raises:
        AccessDeniedError: no officer. NotFoundError, RefusedError: as `workstations.mark`.
    """
    me, now = account_of(request), clock.now_ms()
    here = workstations.named_by(request)
    if request.method == "POST":
        place = _uuid(request.POST.get("place", ""))
        made = workstations.mark(request.POST.get("label", "")[:MAX_TYPED], place, by=me, now_ms=now)
        response = redirect("signin:workstations")
        workstations.put_cookie(response, made.pk)
        adopt(request, made.pk, now_ms=now)
        return response
    rows, places = workstations.shared_at(me, here=here, now_ms=now)
    context = {
        "now_ms": now, "rows": rows, "places": places, "here": here, "max_label": workstations.MAX_LABEL,
        "confirmed": confirmed_recently(request),
    }  # fmt: skip
    return render(request, "signin/workstations.html", context)


@own_page
@require_POST
def retire(request: HttpRequest, workstation: uuid.UUID) -> HttpResponse:
    """It is shared no longer. It widens (sessions there last longer), so a factor is asked for. Raises as `retire`."""
    if not confirmed_recently(request):
        return redirect(f"{reverse('signin:confirm')}?next={reverse('signin:workstations')}")
    workstations.retire(workstation, by=account_of(request), now_ms=clock.now_ms())
    return redirect("signin:workstations")


def _left(request: HttpRequest) -> JsonResponse:
    if not request.user.is_authenticated:
        return JsonResponse({"left": 0, "who": ""})
    state = lock.state_of(request, now_ms=clock.now_ms())
    return JsonResponse({"left": state.left_ms // 1000 if state else 0, "who": lock.owner_mark(request)})


def _form_of(request: HttpRequest) -> str:
    address = our_page(request.POST.get("form", ""), request)
    if not address or "?" in address or "#" in address:
        raise RefusedError("not a form of ours")
    return address


def _fields(text: str) -> Fields:
    try:
        pairs = [(name, value) for name, value in json.loads(text)]
    except (ValueError, TypeError) as err:
        raise RefusedError("not the fields of a form") from err
    if not all(isinstance(name, str) and isinstance(value, str) for name, value in pairs):
        raise RefusedError("not the fields of a form")
    return pairs


def _uuid(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError as err:
        raise NotFoundError("no such establishment here") from err
