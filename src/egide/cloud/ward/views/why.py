"""Why can I see this? The ground, in words, to the one who reads. What is kept from them is not told."""

from __future__ import annotations

import uuid
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from egide.cloud.consent.attested import facts_of
from egide.cloud.consent.facts import Care, runs
from egide.cloud.consent.overview import AccessLine, who_may_see
from egide.cloud.consent.rules import CARE_TEAM, EMERGENCY, GRANT, Decision
from egide.cloud.portal import live, words
from egide.cloud.portal.belonging import holders_of
from egide.cloud.portal.glance import reader_names
from egide.cloud.portal.sharing import holder_name, window_words
from egide.cloud.portal.subject import Subject, open_record, signed_in, subject_of, wish_purpose
from egide.errors import AccessDeniedError, RefusedError

__all__ = ["why"]


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def why(request: HttpRequest, patient_id: uuid.UUID) -> HttpResponse:
    """The door is asked, and says on which ground; beside it, everything else that lets this reader see something.

    Posted to, it chooses which of several purposes the pages ask for. Raises AccessDeniedError: the door said no.
    """
    now = live.now_ms()
    subject = subject_of(request, patient_id)
    if subject.own:
        raise AccessDeniedError("one's own record needs no ground")
    if request.method == "POST":
        return _choose(request, subject, now)
    answer = open_record(subject, now, now + 1, now_ms=now)
    context = {
        "subject": subject,
        "patient_name": subject.patient_name(),
        "now_ms": now,
        "team": answer.decision.ground == CARE_TEAM and any(answer.decision.grounds),
        "emergency": answer.decision.ground == EMERGENCY,
        "others": _others(subject, answer.decision, now),
        "rows": _rows(subject, answer.decision, answer.ask.purpose, now),
        "journal_entry": answer.journal_entry,
    }
    return render(request, "ward/why.html", context)


def _choose(request: HttpRequest, subject: Subject, now_ms: int) -> HttpResponse:
    """Ask for another purpose that a grant of this reader's names.

    Raises:
        AccessDeniedError: nothing is open to them, as where there is no such record. RefusedError: no such grant.
    """
    purpose, mine = request.POST.get("purpose", ""), _mine(subject, now_ms)
    if not mine:
        raise AccessDeniedError("nothing lets this reader see this record")
    if not any(line.ground == GRANT and purpose in line.purposes for line in mine):
        raise RefusedError("nothing was given for this purpose")
    wish_purpose(request, subject.patient, purpose)
    return redirect("portal:patient", subject.patient.pk)


def _mine(subject: Subject, now_ms: int) -> list[AccessLine]:
    """Every line that is open to this reader: by name, by where they care, by their team."""
    mine = holders_of(subject.reader, now_ms=now_ms)
    return [
        line for line in who_may_see(subject.patient, now_ms=now_ms) if line.holder in mine and line.state == "open"
    ]


def _others(subject: Subject, decision: Decision, now_ms: int) -> list[dict[str, Any]]:
    """What else is open, each with its own purpose and end: these pages ask by one purpose at a time."""
    found = []
    for line in _mine(subject, now_ms):
        if line.ground == decision.ground and line.id in decision.grounds:
            continue
        rows = [
            _row(_("Ground"), words.ground_words(line.ground)),
            _row(_("What for"), ", ".join(words.purpose_words(code) for code in line.purposes)),
            _row(_("Measurements"), window_words(line.data)),
            _row(_("Since"), words.at(line.since_ms, now_ms)),
        ]
        if line.until_ms is not None:
            rows.append(_row(_("Until"), words.last_day(line.until_ms)))
        choice = line.purposes[0] if line.ground == GRANT and decision.ground != CARE_TEAM else ""
        found.append({"rows": rows, "purpose": choice if choice != subject.purpose else ""})
    return found


def _rows(subject: Subject, decision: Decision, purpose: str, now_ms: int) -> list[dict[str, Any]]:
    facts, me = facts_of(subject.patient.pk), str(subject.reader.pk)
    rows = [_row(_("Ground"), words.ground_words(decision.ground)), _row(_("What for"), words.purpose_words(purpose))]
    if decision.ground == CARE_TEAM:
        for follow in (f for f in facts.follows if f.professional == me and runs(f, now_ms)):
            rows.append(_row(_("In the team since"), words.at(follow.since_ms, now_ms)))
            if follow.until_ms is not None:
                rows.append(_row(_("Until"), words.at(follow.until_ms, now_ms)))
        rows += [r for care in facts.care if care.id in decision.grounds for r in _of_care(care, now_ms)]
    if decision.ground == EMERGENCY:
        for opened in (e for e in facts.emergencies if e.id in decision.grounds):
            rows.append(_row(_("The reason that you gave"), opened.reason))
            rows.append(_row(_("Measurements"), window_words(opened.data)))
            rows.append(_row(_("Until"), words.at(opened.until_ms, now_ms)))
    if decision.ground == GRANT:
        for given in (g for g in facts.grants if g.id in decision.grounds):
            rows.append(_row(_("Given to"), holder_name(given.holder)))
            rows.append(_row(_("The patient shares"), window_words(given.data)))
            if given.way:
                how = {"oral": _("orally"), "paper": _("on paper")}.get(given.way, given.way)
                rows.append(_row(_("Written down at the desk"), how))
            rows.append(_row(_("Since"), words.at(given.since_ms, now_ms)))
            if given.until_ms is not None:
                rows.append(_row(_("Until"), words.last_day(given.until_ms)))
    return rows


def _of_care(care: Care, now_ms: int) -> list[dict[str, Any]]:
    names = reader_names({care.responsible})
    agreed = {
        True: _("The patient agreed"), False: _("The patient refused"), None: _("Not asked yet")
    }[care.agreed]  # fmt: skip
    how = {"oral": _("orally"), "paper": _("on paper"), "signed": _("by a digital signature")}.get(care.how, "")
    rows = [
        _row(_("Prescription"), care.prescription),
        _row(_("Responsible doctor"), names.get(care.responsible, _("a closed account"))),
        _row(_("Agreement"), f"{agreed} {how}".strip()),
    ]
    if care.informed_ms is not None:
        rows.append(_row(_("The patient was told"), words.at(care.informed_ms, now_ms)))
    if any(runs(pause, now_ms) for pause in care.pauses):
        rows.append(_row(_("Paused"), _("nobody watches the measurements meanwhile")))
    return rows


def _row(label: str, value: str) -> dict[str, Any]:
    return {"label": label, "value": value}
