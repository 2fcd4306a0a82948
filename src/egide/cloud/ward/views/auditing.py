"""Desks of those who look from outside care: auditor, maker. None opens a record."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from egide.cloud.portal import live
from egide.cloud.portal.subject import signed_in
from egide.cloud.ward import audit, health
from egide.cloud.ward.views.places import seat_at

__all__ = ["audit_desk", "maker_desk"]


@require_safe
@signed_in
def audit_desk(request: HttpRequest) -> HttpResponse:
    """The register, its checkpoints and witnesses. Raises AccessDeniedError to who is no auditor."""
    now = live.now_ms()
    seat_at(request, "auditor", now_ms=now)
    context = {
        "now_ms": now,
        "epochs": audit.epochs(),
        "points": audit.points(),
        "kinds": audit.kinds(),
        "sample": audit.sample(),
        "witnesses": health.witnesses(),
        "public": f"https://{settings.OPTIONS.public_host}:{settings.OPTIONS.objects_port}/log/checkpoint",
    }
    return render(request, "ward/audit.html", context)


@require_safe
@signed_in
def maker_desk(request: HttpRequest) -> HttpResponse:
    """What a maker may see today, which is nothing of anybody's. Raises AccessDeniedError to who is no maker."""
    seat_at(request, "maker", now_ms=live.now_ms())
    return render(request, "ward/maker.html")
