"""For a relative, or whoever a patient shares with outside a team: the records that are open to them now."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from egide.cloud.consent.models import Ground
from egide.cloud.consent.overview import who_may_see
from egide.cloud.consent.rules import GRANT, REPRESENTATIVE, RESEARCH
from egide.cloud.people.models import Account
from egide.cloud.people.service import name_of
from egide.cloud.portal import live
from egide.cloud.portal.belonging import holders_of
from egide.cloud.portal.subject import reader_of, signed_in

__all__ = ["Opened", "opened_to", "shared"]

_KINDS = (Ground.Kind.GRANT, Ground.Kind.REPRESENTATION, Ground.Kind.RESEARCH)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A record that is open to somebody, on which ground, until when."""

    patient: Account
    name: str
    ground: str  # rules.GRANT, rules.REPRESENTATIVE or rules.RESEARCH
    until_ms: int | None


def opened_to(reader: Account, *, now_ms: int) -> Iterator[Opened]:
    """To them, a place where they care or a team of theirs, by signed statements; the rows only say where to look."""
    mine = holders_of(reader, now_ms=now_ms)
    rows = Ground.objects.filter(kind__in=_KINDS, holder__in=[h.id for h in mine]).select_related("patient")
    for patient in sorted({row.patient for row in rows}, key=lambda p: p.created_ms):
        for line in who_may_see(patient, now_ms=now_ms):
            if line.holder in mine and line.ground in (GRANT, REPRESENTATIVE, RESEARCH) and line.state == "open":
                yield Opened(patient=patient, name=name_of(patient), ground=line.ground, until_ms=line.until_ms)
                break


@require_safe
@signed_in
def shared(request: HttpRequest) -> HttpResponse:
    """Names only: each record is opened by itself, and each opening is journaled."""
    now = live.now_ms()
    opened = list(opened_to(reader_of(request), now_ms=now))
    return render(request, "portal/shared.html", {"opened": opened, "now_ms": now})
