"""Destruction at term: what may be destroyed, one officer who proposes, another who decides. Never by itself."""

from __future__ import annotations

import uuid
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views.decorators.http import require_POST, require_safe

from egide.cloud.governance.desk import ANSWER, destructions_for
from egide.cloud.governance.duties import duties
from egide.cloud.governance.erasure import has_class
from egide.cloud.governance.models import Destruction
from egide.cloud.governance.retention import decide_destruction, propose_destruction
from egide.cloud.governance.terms import passed_for, place_for
from egide.cloud.governance.views.guard import now_ms, reader_of, signed_in
from egide.cloud.keys.models import RecordKey
from egide.cloud.people.models import Account
from egide.cloud.people.offices import require_office
from egide.cloud.people.service import name_of
from egide.cloud.signin.factors import widening
from egide.errors import AccessDeniedError, EgideError, NotFoundError, RefusedError

__all__ = ["decide", "propose", "terms"]

_RULES: Final = {
    "last-contact": gettext_noop("counted from the last contact"),
    "birthday": gettext_noop("counted to the birthday"),
    "death": gettext_noop("counted from the death"),
}
_DONE: Final = {
    "proposed": gettext_noop("Proposed. Another person decides; nothing is destroyed yet."),
    "kept": gettext_noop("The record is kept. It stays on the list."),
    "destroyed": gettext_noop("Destroyed: nobody can open it any more. The last copies of the keys lapse later."),
    "part": gettext_noop("What this establishment held is destroyed. Another one keeps its own part of the record."),
}


@require_safe
@signed_in
def terms(request: HttpRequest) -> HttpResponse:
    """What waits for a decision, then what may be proposed. Raises AccessDeniedError: nobody who answers."""
    return _page(request)


@require_POST
@signed_in
def propose(request: HttpRequest, patient_id: uuid.UUID) -> HttpResponse:
    """Say that a record should be destroyed: nothing is, so no factor. Raises NotFoundError, RefusedError."""
    reader, now = reader_of(request), now_ms()
    one = next((p for p in passed_for(reader, now_ms=now) if p.patient.pk == patient_id), None)
    if one is None:
        raise NotFoundError("no such record here whose term has passed")
    place = place_for(reader, one.patient, now_ms=now)
    propose_destruction(one.patient, by=reader, now_ms=now, death=one.died, establishment=place)
    return redirect(f"{reverse('rights:terms')}?done=proposed")


@require_POST
@signed_in
@widening
def decide(request: HttpRequest, destruction_id: uuid.UUID) -> HttpResponse:
    """Destroy, or keep. It cannot be undone: a factor, a tick, the archives' agreement, and another person.

    Raises:
        AccessDeniedError, NotFoundError: not this person's to decide.
    """
    reader, now = reader_of(request), now_ms()
    row = destructions_for(reader, now_ms=now).filter(pk=destruction_id).first()
    if row is None:
        raise NotFoundError("no such proposal here")
    approve = request.POST.get("outcome") == "destroy"
    if approve and request.POST.get("sure") != "yes":
        return _page(request, status=400, problem=str(row.pk))
    try:
        decide_destruction(row, by=reader, approve=approve, now_ms=now, archives=request.POST.get("archives", ""))
    except (AccessDeniedError, NotFoundError):
        raise
    except RefusedError as err:
        return _page(request, status=400, problem=str(row.pk), code=err.code)
    done = "kept" if not approve else "part" if has_class(row.patient_id, RecordKey.Class.CARE) else "destroyed"
    return redirect(f"{reverse('rights:terms')}?done={done}")


def _page(request: HttpRequest, *, status: int = 200, **more: object) -> HttpResponse:
    reader, now = reader_of(request), now_ms()
    require_office(reader, *ANSWER, now_ms=now)
    rows = list(destructions_for(reader, now_ms=now))
    waiting = [_proposal(row, reader) for row in rows if row.approved is None]
    proposed = {row.patient_id for row in rows if row.approved is None}
    found = [p for p in passed_for(reader, now_ms=now) if p.patient.pk not in proposed]
    done = _DONE.get(request.GET.get("done", ""))
    context = {
        "waiting": waiting,
        "passed": [_line(p) for p in found if p.term.sure],
        "unsure": [_line(p) for p in found if not p.term.sure],
        "decided": [_proposal(row, reader) for row in reversed(rows) if row.approved is not None][:50],
        "care": duties().care,
        "archives": (duties().care.archives,),
        "duties": duties().version,
        "done": _(done) if done else "",
        **more,
    }
    return render(request, "governance/terms.html", context, status=status)


def _line(one: Any) -> dict[str, Any]:
    return {
        "patient": one.patient, "name": _name(one.patient), "until": one.term.until, "rule": _(_RULES[one.term.rule]),
    }  # fmt: skip


def _proposal(row: Destruction, reader: Account) -> dict[str, Any]:
    ids = [one for one in (row.proposed_by, row.decided_by) if one]
    people = {account.pk: _name(account) for account in Account.objects.filter(pk__in=ids)}
    return {
        "row": row,
        "name": _name(row.patient) if not row.approved else row.patient.username,
        "by": people.get(row.proposed_by, _("a closed account")),
        "decider": people.get(row.decided_by, _("a closed account")) if row.decided_by else "",
        "mine": row.proposed_by == reader.pk,
    }


def _name(account: Account) -> str:
    try:
        return name_of(account)
    except EgideError:  # its name went with its keys
        return account.username
