"""Who may see: everybody who can read my record today, and how to say no. What narrows works at once."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from egide.cloud.consent import follow_ups, grants, representation, restrictions
from egide.cloud.consent.attested import facts_of
from egide.cloud.consent.facts import ACCOUNT, Care, Facts, runs
from egide.cloud.consent.overview import AccessLine, who_may_see
from egide.cloud.consent.proof import signed_consents
from egide.cloud.governance.studies import leave_study
from egide.cloud.people.models import Account
from egide.cloud.portal import agreements, at_desk, live, sharing, words
from egide.cloud.portal.elision import in_french
from egide.cloud.portal.signing_keys import able
from egide.cloud.portal.subject import signed_in, subject_of
from egide.cloud.signin.factors import widening
from egide.errors import NotFoundError

__all__ = ["accept", "agree", "end", "leave_project", "lift", "oppose", "overview", "refuse", "withdraw"]

_SECTIONS: Final = (
    ("care-team", gettext_noop("Your care team")),
    ("grant", gettext_noop("Whom you chose")),
    ("representative", gettext_noop("Who acts for you")),
    ("research", gettext_noop("Research")),
    ("emergency", gettext_noop("Emergencies")),
)
_PARTS: Final = {
    "doctor": gettext_noop("doctor"),
    "nurse": gettext_noop("nurse"),
    "replacement": gettext_noop("replacement"),
    "responsible": gettext_noop("responsible doctor"),
    "mandate": gettext_noop("by your mandate"),
    "parent": gettext_noop("as a parent"),
    "guardian": gettext_noop("as a guardian"),
    "other": gettext_noop("by another measure"),
}
_STATES: Final = {
    "future": gettext_noop("Not yet"),
    "opposed": gettext_noop("You objected"),
    "suspended": gettext_noop("Suspended"),
    "closed-by-death": gettext_noop("Closed"),
    "damaged": gettext_noop("Closed: a line of the register cannot be read"),
}
_DONE: Final = {
    "given": gettext_noop("Done. It holds from now on, and you can stop it at any time."),
    "signed": gettext_noop("Done and signed. It holds from now on; you can stop it at any time, and keep its proof."),
    "stopped": gettext_noop("Done and signed. They see nothing from now on; the proof is among what you signed."),
    "withdrawn": gettext_noop("Done. They see nothing from now on."),
    "opposed": gettext_noop("Done. They see nothing from now on."),
    "refused": gettext_noop("Done. Nobody of that follow-up sees anything from now on."),
    "agreed": gettext_noop("Done. They can see your measurements again."),
    "hidden": gettext_noop("Done. To them it is as if it had not been measured."),
    "lifted": gettext_noop("Done. Nothing of it is hidden any more."),
}


@require_safe
@signed_in
def overview(request: HttpRequest) -> HttpResponse:
    """Everybody, by ground; what is hidden; what one objected to. Raises AccessDeniedError for other accounts."""
    now = live.now_ms()
    patient = subject_of(request, None).patient
    lines, facts = who_may_see(patient, now_ms=now), facts_of(patient.pk)
    said = agreements.said_by(patient)
    proofs = {said.grant.removeprefix("urn:uuid:"): entry for entry, said in signed_consents(patient.pk)}
    sections = [
        {
            "key": key,
            "title": _(title),
            "lines": [_told(line, facts, now) | _kind(line, facts, proofs) for line in lines if line.ground == key],
        }
        for key, title in _SECTIONS
    ]
    done = _DONE.get(request.GET.get("done", ""))
    context = {
        "now_ms": now,
        "sections": [section for section in sections if section["lines"]],
        "readers": len({line.holder for line in lines if line.state == "open"}),
        "hidden": _hidden(facts, now),
        "done": _(done) if done else "",
        "damaged": facts.damaged,
        "able": able(patient),
        "signed": bool(proofs),
        "at_desk": said,
        "to_confirm": agreements.waiting(said),
    }
    return render(request, "portal/sharing.html", context)


@require_POST
@signed_in
def withdraw(request: HttpRequest, grant_id: uuid.UUID) -> HttpResponse:
    """At once, in any session. Raises NotFoundError, RefusedError."""
    grants.withdraw_grant(_patient(request), str(grant_id), now_ms=live.now_ms())
    return _back("withdrawn")


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def leave_project(request: HttpRequest, participation_id: uuid.UUID) -> HttpResponse:
    """In any session, after reading what it changes, and what it takes to begin again. Raises NotFoundError."""
    patient, now = _patient(request), live.now_ms()
    mine = [part for part in facts_of(patient.pk).participations if part.id == str(participation_id)]
    if not mine or not runs(mine[0], now):
        raise NotFoundError("no such project")
    if request.method == "POST":
        leave_study(patient, mine[0].id, now_ms=now)
        return _back("withdrawn")
    name = sharing.holder_name(mine[0].holder)
    consequences = [
        _("From now on, %(who)s sees nothing of your record, nor of what comes.") % {"who": name},
        _("What measures for this project alone measures nothing more."),
        _("What was handed over to the project is not called back."),
    ]
    return _ask(
        request, _("Leave the project of %(who)s?") % {"who": name}, consequences, button=_("Leave the project now"),
        undo=_("To take part again, say yes once more on the project’s page, while it takes people.")
        if mine[0].declared
        else _("To take part again, go to the desk."),
    )  # fmt: skip


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def oppose(request: HttpRequest, professional_id: uuid.UUID) -> HttpResponse:
    """Say no to one professional of the team, after reading what it changes. Raises NotFoundError."""
    patient, now = _patient(request), live.now_ms()
    professional = _in_team(patient, professional_id, now)
    if request.method == "POST":
        follow_ups.oppose(patient, professional=professional, now_ms=now)
        return _back("opposed")
    name = sharing.holder_name(grants.holder_of(professional))
    alone = _("Nobody else of the team is affected. If %(who)s watches your measurements, nobody may: ask who does.")
    consequences = [
        _("From now on, %(who)s sees nothing of your record, nor of what comes.") % {"who": name},
        _("What they have already read, and written in their own files, stays there."),
        alone % {"who": name},
        _("Your right to care is the same. They read that they may not see this page; they are not told why."),
    ]  # fmt: skip
    question = in_french(_("Object to %(who)s seeing your measurements?") % {"who": name})
    return _ask(
        request, question, consequences, button=_("Object"),
        undo=_("You can change your mind at any time, from this page."),
    )  # fmt: skip


@require_POST
@signed_in
@widening
def agree(request: HttpRequest, professional_id: uuid.UUID) -> HttpResponse:
    """Take an opposition back: it widens, so a factor is asked for. Raises RefusedError."""
    patient = _patient(request)
    professional = Account.objects.filter(pk=professional_id).first()
    if professional is None:
        raise NotFoundError("no such professional")
    follow_ups.lift_opposition(patient, professional=professional, now_ms=live.now_ms())
    return _back("agreed")


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def refuse(request: HttpRequest, follow_up_id: uuid.UUID) -> HttpResponse:
    """Say no to a whole follow-up, after reading what it changes. Raises NotFoundError."""
    patient, now = _patient(request), live.now_ms()
    care = _care(patient, follow_up_id, now)
    if request.method == "POST":
        follow_ups.oppose(patient, follow_up=care.id, now_ms=now)
        return _back("refused")
    name = sharing.holder_name(sharing.account_holder(care.responsible))
    consequences = [
        _("From now on, nobody of this follow-up sees anything of your record, nor of what comes."),
        _("Nobody watches your measurements any more: no alert reaches anybody."),
        _("What they have already read, and written in their own files, stays there."),
        _("Speak with %(who)s about what comes next: your right to care is the same.") % {"who": name},
    ]
    return _ask(
        request, _("Object to the whole follow-up by %(who)s?") % {"who": name}, consequences, button=_("Object"),
        undo=_("You can change your mind at any time, from this page."),
    )  # fmt: skip


@require_POST
@signed_in
@widening
def accept(request: HttpRequest, follow_up_id: uuid.UUID) -> HttpResponse:
    """Take the no to a whole follow-up back: a factor is asked for. Raises NotFoundError, RefusedError."""
    patient, now = _patient(request), live.now_ms()
    follow_ups.lift_opposition(patient, follow_up=_care(patient, follow_up_id, now).id, now_ms=now)
    return _back("agreed")


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def end(request: HttpRequest, representation_id: uuid.UUID) -> HttpResponse:
    """End a mandate that one gave. What a law or a court gave is the team's to look at. Raises NotFoundError."""
    patient, now = _patient(request), live.now_ms()
    held = next((r for r in facts_of(patient.pk).representations if r.id == str(representation_id)), None)
    if held is None or held.nature != "mandate" or not runs(held, now):
        raise NotFoundError("no such mandate")
    if request.method == "POST":
        representation.end_representation(patient, held.id, now_ms=now)
        return _back("withdrawn")
    name = sharing.holder_name(sharing.account_holder(held.representative))
    consequences = [
        _("From now on, %(who)s sees nothing of your record and can do nothing for you here.") % {"who": name},
        _("The paper that you signed is not ended by this: tell whoever holds it."),
    ]
    return _ask(request, _("End the mandate of %(who)s?") % {"who": name}, consequences, button=_("End it"),
                undo=_("To give it again, go to the desk with a new paper."))  # fmt: skip


@require_POST
@signed_in
@widening
def lift(request: HttpRequest, restriction_id: uuid.UUID) -> HttpResponse:
    """Show again what was hidden: it widens, so a factor is asked for. Raises NotFoundError, RefusedError."""
    restrictions.lift_restriction(_patient(request), str(restriction_id), now_ms=live.now_ms())
    return _back("lifted")


def _patient(request: HttpRequest) -> Account:
    return subject_of(request, None).patient


def _back(done: str) -> HttpResponse:
    return redirect(f"{reverse('portal:sharing')}?done={done}")


def _ask(request: HttpRequest, question: str, consequences: Sequence[str], *, button: str, undo: str) -> HttpResponse:
    context = {"question": question, "consequences": consequences, "button": button, "undo": undo}
    return render(request, "portal/sharing_ask.html", context)


def _in_team(patient: Account, professional_id: uuid.UUID, now_ms: int) -> Account:
    for line in who_may_see(patient, now_ms=now_ms):
        if line.ground == "care-team" and line.holder.id == str(professional_id):
            return Account.objects.get(pk=professional_id)
    raise NotFoundError("nobody of that name is in the team")


def _care(patient: Account, follow_up_id: uuid.UUID, now_ms: int) -> Care:
    for care in facts_of(patient.pk).care:
        if care.id == str(follow_up_id) and (care.until_ms is None or now_ms < care.until_ms):
            return care
    raise NotFoundError("no such follow-up")


def _opposed_as_a_whole(line: AccessLine, facts: Facts, now_ms: int) -> bool:
    """Whether the no was said to the follow-up, not to this person."""
    said = {(o.follow_up, o.professional) for o in facts.oppositions if runs(o, now_ms)}
    return ("", line.holder.id) not in said


def _opposition_written(line: AccessLine, facts: Facts, now_ms: int) -> str:
    """By whom a no to this line was written down; "" where the patient said it themselves."""
    mine = [
        o for o in facts.oppositions
        if runs(o, now_ms) and o.professional in ("", line.holder.id) and o.follow_up in ("", line.id)
    ]  # fmt: skip
    return at_desk.written_words(mine[-1], facts.patient) if mine else ""


def _told(line: AccessLine, facts: Facts, now_ms: int) -> dict[str, Any]:
    """A line in words, and what can be done about it."""
    state = _STATES.get(line.state)
    detail = _PARTS.get(line.detail)
    acts = {"grant": "withdraw", "research": "leave", "care-team": "oppose", "representative": "end"}
    act = acts.get(line.ground, "")
    if line.state == "opposed":
        act = "accept" if line.id and _opposed_as_a_whole(line, facts, now_ms) else "agree"
    elif line.ground == "representative" and line.detail != "mandate":
        act = "team"
    return {
        "line": line,
        "name": sharing.holder_name(line.holder),
        "detail": _(detail) if detail else line.detail,
        "what": sharing.window_words(line.data),
        "purposes": ", ".join(words.purpose_words(code) for code in line.purposes),
        "state": _(state) if state else "",
        "hidden": sharing.list_words([sharing.window_words(w) for w in line.hidden]),
        "act": act,
        "written": _opposition_written(line, facts, now_ms) if line.state == "opposed" else "",
        "how": _how_agreed(line, facts),
        "account": line.holder.id if line.holder.kind == ACCOUNT else "",
    }


def _how_agreed(line: AccessLine, facts: Facts) -> str:
    """On what word a follow-up stands; "" where nothing was asked, and for other grounds."""
    care = next((c for c in facts.care if line.ground == "care-team" and c.id == line.id and c.agreed), None)
    return agreements.given_words(care.how) if care else ""


def _kind(line: AccessLine, facts: Facts, proofs: Mapping[str, int]) -> dict[str, Any]:
    """What kind of proof stands behind a grant: `entry` of the signed one, else the words for a simple one."""
    if line.ground != "grant":
        return {}
    if entry := proofs.get(line.id):
        return {"entry": entry}
    written = next((at_desk.written_words(g) for g in facts.grants if g.id == line.id), "")
    return {"simple": written or _("Simple agreement, confirmed in your account")}


def _hidden(facts: Facts, now_ms: int) -> list[dict[str, Any]]:
    return [
        {
            "id": r.id,
            "who": sharing.holder_name(r.who),
            "what": sharing.window_words(r.data),
            "written": at_desk.written_words(r),
            "since_ms": r.data.since_ms,
            "until_ms": r.data.until_ms,
            "last_ms": r.data.until_ms - 1 if r.data.until_ms else None,  # a midnight belongs to the day that it ends
        }
        for r in facts.restrictions
        if runs(r, now_ms)
    ]
