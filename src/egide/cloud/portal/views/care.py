"""For a professional: the patients they follow now."""

from __future__ import annotations

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from egide.cloud.consent.models import FollowUp
from egide.cloud.people.models import Account
from egide.cloud.people.service import name_of
from egide.cloud.portal import live
from egide.cloud.portal.subject import reader_of, signed_in
from egide.errors import AccessDeniedError

__all__ = ["patients"]


@require_safe
@signed_in
def patients(request: HttpRequest) -> HttpResponse:
    """Names only: records are opened one by one, and each opening is journaled. Raises AccessDeniedError."""
    now = live.now_ms()
    reader = reader_of(request)
    if reader.role != Account.Role.PROFESSIONAL:
        raise AccessDeniedError("only professionals follow patients")
    follows = (
        FollowUp.objects.filter(Q(until_ms=None) | Q(until_ms__gt=now), professional=reader, since_ms__lte=now)
        .select_related("patient")
        .order_by("since_ms")
    )
    rows = {f.patient_id: {"id": f.patient_id, "name": name_of(f.patient), "since_ms": f.since_ms} for f in follows}
    ordered = sorted(rows.values(), key=lambda row: str(row["name"]).casefold())
    return render(request, "portal/patients.html", {"patients": ordered, "now_ms": now})
