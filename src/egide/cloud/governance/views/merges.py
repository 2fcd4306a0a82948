"""Two files of one person: compared, proposed by one, confirmed by another, told apart again by the same road."""

from __future__ import annotations

import uuid
from typing import Any, Final

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from egide.cloud.fleet.models import Pairing
from egide.cloud.governance.deciders import tell_of_merge
from egide.cloud.governance.identity_words import facts_of, problem_words, status_words
from egide.cloud.governance.views.guard import now_ms, reader_of, signed_in
from egide.cloud.governance.views.identities import patient_here
from egide.cloud.people import merge_proposals as proposals
from egide.cloud.people.identity import Known, known_identity
from egide.cloud.people.merge_proposals import MergeProposal
from egide.cloud.people.models import Account, Merge
from egide.cloud.people.offices import offices_of, require_office
from egide.cloud.people.proofing import signed_facts
from egide.cloud.people.registrations import REGISTRARS
from egide.cloud.people.scope import scope_of
from egide.cloud.people.service import name_of
from egide.cloud.release.attribution import STAFF
from egide.cloud.release.merged import propose_after_merge, propose_after_unmerge
from egide.cloud.signin.factors import widening
from egide.errors import AccessDeniedError, EgideError, NotFoundError, RefusedError

__all__ = ["confirm", "listed", "new", "other", "proposal", "readings", "refuse", "undo"]

_SHOWN: Final = 60
_DONE: Final = {
    "proposed": gettext_noop("Proposed. Nothing changes before a second person confirms it, within seven days."),
    "refused": gettext_noop("The proposal is closed. Nothing changed."),
    "merged": gettext_noop("Done: one file leads to the other. No reading has moved."),
    "apart": gettext_noop("Done: two files again. The account that was closed can be invited anew."),
    "readings": gettext_noop(
        "Proposed: each object’s readings wait for a second person, under “Readings to attribute”."
    ),
    "none": gettext_noop("No reading is left to propose."),
}


@require_safe
@signed_in
def listed(request: HttpRequest) -> HttpResponse:
    """What waits for a second person, then the merges; the data protection officer looks, and decides nothing.

    Raises AccessDeniedError: not of a desk.
    """
    return _list(request)


@require_POST
@signed_in
def other(request: HttpRequest, patient_id: uuid.UUID) -> HttpResponse:
    """The other file, by its code, which travels in the body. Raises AccessDeniedError, NotFoundError."""
    reader, now = reader_of(request), now_ms()
    patient = patient_here(reader, patient_id, now)
    code = "".join(request.POST.get("code", "").split()).lower()[:24]
    found = scope_of(reader, now_ms=now).patients().filter(username=code).exclude(pk=patient.pk).first()
    if found is None:
        return redirect(f"{reverse('rights:identity', args=[patient.pk])}?nobody=1#doubles")
    return redirect("rights:merge-new", patient.pk, found.pk)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def new(request: HttpRequest, patient_id: uuid.UUID, other_id: uuid.UUID) -> HttpResponse:
    """Two files side by side, what a merge changes, and the proposal: it changes nothing, so no factor.

    Raises:
        AccessDeniedError, NotFoundError: one of them is not known here.
    """
    reader, now = reader_of(request), now_ms()
    pair = [patient_here(reader, key, now) for key in (patient_id, other_id)]
    if patient_id == other_id:
        raise NotFoundError("a file is not compared with itself")
    context = {"sides": _sides(*pair), "consequences": _changes(None), "pair": pair, "keep": ""}
    if request.method != "POST":
        return render(request, "governance/merge_new.html", context)
    keep, reason = request.POST.get("keep", ""), request.POST.get("reason", "")[:600]
    kept = next((one for one in pair if str(one.pk) == keep), None)
    if kept is None:
        return _again(request, "merge_new.html", context, RefusedError("choose"), reason, _("Choose the file to keep."))
    merged = pair[1] if kept == pair[0] else pair[0]
    try:
        proposals.propose_merge(kept, merged, reason=reason, by=reader, now_ms=now)
        tell_of_merge(kept, merged, by=reader, now_ms=now)
    except AccessDeniedError:
        raise
    except RefusedError as err:
        return _again(request, "merge_new.html", {**context, "keep": keep}, err, reason)
    return redirect(f"{reverse('rights:merges')}?done=proposed")


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def undo(request: HttpRequest, merge_id: uuid.UUID) -> HttpResponse:
    """What telling them apart changes, and the proposal to. Raises AccessDeniedError, NotFoundError."""
    reader, now = reader_of(request), now_ms()
    row = _merge_here(reader, merge_id, now)
    if row.undone_ms is not None:
        raise NotFoundError("this merge is undone")
    context = {"sides": _sides(row.kept, row.merged), "consequences": _changes(row), "row": row}
    if request.method != "POST":
        return render(request, "governance/merge_undo.html", context)
    reason = request.POST.get("reason", "")[:600]
    try:
        proposals.propose_unmerge(row, reason=reason, by=reader, now_ms=now)
        tell_of_merge(row.kept, row.merged, by=reader, now_ms=now)
    except AccessDeniedError:
        raise
    except RefusedError as err:
        return _again(request, "merge_undo.html", context, err, reason)
    return redirect(f"{reverse('rights:merges')}?done=proposed")


@require_safe
@signed_in
def proposal(request: HttpRequest, proposal_id: uuid.UUID) -> HttpResponse:
    """What a second person reads before deciding. Raises AccessDeniedError, NotFoundError."""
    return _one(request, proposal_id)


@require_POST
@signed_in
@widening
def confirm(request: HttpRequest, proposal_id: uuid.UUID) -> HttpResponse:
    """Do it, as a second person, with a factor and a tick. Raises AccessDeniedError, NotFoundError."""
    reader, now = reader_of(request), now_ms()
    one = _proposal_here(reader, proposal_id, now)
    if request.POST.get("sure") != "yes":
        return _one(request, proposal_id, status=400, problem=_("Compare the two files first, then tick the box."))
    try:
        proposals.confirm(one, by=reader, now_ms=now)
    except (AccessDeniedError, NotFoundError):
        raise
    except RefusedError as err:
        words = problem_words(err.code) or _("Nothing changed: this was decided meanwhile, or has lapsed.")
        return _one(request, proposal_id, status=400, problem=words, code=err.code)
    return redirect(f"{reverse('rights:merges')}?done={'apart' if one.merge else 'merged'}")


@require_POST
@signed_in
def refuse(request: HttpRequest, proposal_id: uuid.UUID) -> HttpResponse:
    """Say no, or take back one's own: nothing changes, so no factor. Raises AccessDeniedError, NotFoundError."""
    reader, now = reader_of(request), now_ms()
    try:
        proposals.refuse(_proposal_here(reader, proposal_id, now), by=reader, now_ms=now)
    except (AccessDeniedError, NotFoundError):
        raise
    except RefusedError as err:
        return _list(request, status=400, problem=_("Nothing changed: this was decided meanwhile."), code=err.code)
    return redirect(f"{reverse('rights:merges')}?done=refused")


@require_POST
@signed_in
@widening
def readings(request: HttpRequest, merge_id: uuid.UUID) -> HttpResponse:
    """Propose that the readings follow a merge, or come back after it was undone. Raises AccessDeniedError."""
    reader, now = reader_of(request), now_ms()
    row = _merge_here(reader, merge_id, now)
    try:
        if row.undone_ms is None:
            found = propose_after_merge(row, reason=request.POST.get("reason", "")[:600], by=reader, now_ms=now)
        else:
            found = propose_after_unmerge(row, by=reader, now_ms=now)
    except AccessDeniedError:
        raise
    except RefusedError as err:
        words = _("Nothing was proposed: give a reason. If it says something else, look under “Readings to attribute”.")
        return _list(request, status=400, problem=words, code=err.code)
    return redirect(f"{reverse('rights:merges')}?done={'readings' if found else 'none'}")


def _again(
    request: HttpRequest, template: str, context: dict[str, Any], err: RefusedError, reason: str, words: str = ""
) -> HttpResponse:
    words = words or problem_words(err.code) or _("Nothing was proposed: these files cannot be merged as they are.")
    more = {"problem": words, "code": err.code, "reason": reason}
    return render(request, f"governance/{template}", {**context, **more}, status=400)


def _list(request: HttpRequest, *, status: int = 200, **more: object) -> HttpResponse:
    reader, now = reader_of(request), now_ms()
    require_office(reader, *REGISTRARS, proposals.LOOKS, now_ms=now)
    waiting = proposals.waiting_for(reader, scope_of(reader, now_ms=now), now_ms=now, to_look=True)
    undoing = {one.merge.pk for one in waiting if one.merge}
    rows = [
        row for row in _merges(reader, now)[:_SHOWN]
        if _receives(reader, row, now) or proposals.may_look(reader, row.kept, row.merged, now_ms=now)
    ]  # fmt: skip
    done = _DONE.get(request.GET.get("done", ""))
    lines = [
        _line(row) | {"undoing": row.pk in undoing, "decides": _receives(reader, row, now)} for row in rows
    ]
    context = {
        "waiting": [
            _waiting(one, reader) | {"decides": proposals.may_decide(reader, one.kept, one.merged, now_ms=now)}
            for one in waiting
        ],
        "registers": any(held.office in REGISTRARS for held in offices_of(reader, now_ms=now)),
        "running": [line for line in lines if line["row"].undone_ms is None],
        "undone": [line for line in lines if line["row"].undone_ms is not None],
        "attributes": any(held.office in STAFF for held in offices_of(reader, now_ms=now)),
        "done": _(done) if done else "",
        **more,
    }
    return render(request, "governance/merges.html", context, status=status)


def _one(request: HttpRequest, proposal_id: uuid.UUID, *, status: int = 200, **more: object) -> HttpResponse:
    reader, now = reader_of(request), now_ms()
    one = _proposal_here(reader, proposal_id, now)
    context = {
        **_waiting(one, reader),
        "sides": _sides(one.kept, one.merged, kept=one.kept),
        "consequences": _changes(one.merge, one.merged),
        **more,
    }
    return render(request, "governance/merge_proposal.html", context, status=status)


def _proposal_here(reader: Account, proposal_id: uuid.UUID, now: int) -> MergeProposal:
    require_office(reader, *REGISTRARS, now_ms=now)
    return proposals.proposal_of(reader, scope_of(reader, now_ms=now), str(proposal_id), now_ms=now)


def _merges(reader: Account, now: int) -> QuerySet[Merge]:
    here = scope_of(reader, now_ms=now).patients().values("pk")
    return Merge.objects.filter(kept__in=here).select_related("kept", "merged").order_by("-at_ms")


def _merge_here(reader: Account, merge_id: uuid.UUID, now: int) -> Merge:
    require_office(reader, *REGISTRARS, now_ms=now)
    row = _merges(reader, now).filter(pk=merge_id).first()
    if row is None or not _receives(reader, row, now):
        raise NotFoundError("no such merge here")
    return row


def _receives(reader: Account, row: Merge, now: int) -> bool:
    return proposals.may_decide(reader, row.kept, row.merged, now_ms=now)


def _waiting(one: MergeProposal, reader: Account) -> dict[str, Any]:
    return {
        "one": one, "kept": name_of(one.kept), "merged": name_of(one.merged), "by": name_of(one.by),
        "mine": one.by.pk == reader.pk,
    }  # fmt: skip


def _line(row: Merge) -> dict[str, Any]:
    """A merge with the two people of it, as the signed statements of the kept file say."""
    said = [facts for _at, facts in signed_facts(row.kept, "merge") if facts.get("merge") == str(row.pk)]
    asked = {facts.get("proposal"): facts for _at, facts in signed_facts(row.kept, proposals.KIND)}
    ids = [asked.get(said[0].get("proposal"), {}).get("by"), said[0].get("by")] if said else []
    people = Account.objects.in_bulk([uuid.UUID(one) for one in ids if one])
    by = [name_of(people[uuid.UUID(one)]) for one in ids if one and uuid.UUID(one) in people]
    return {"row": row, "kept": name_of(row.kept), "merged": name_of(row.merged), "by": by}


def _sides(one: Account, two: Account, *, kept: Account | None = None) -> list[dict[str, Any]]:
    """Both files, line by line, what differs marked."""
    first, second = _known(one), _known(two)
    return [_side(one, first, second, kept), _side(two, second, first, kept)]


def _side(patient: Account, mine: Known | None, other: Known | None, kept: Account | None) -> dict[str, Any]:
    return {
        "patient": patient,
        "name": name_of(patient),
        "facts": facts_of(mine, other) if mine else [],
        "status": status_words(mine.status) if mine else "",
        "objects": Pairing.objects.filter(patient=patient, until_ms=None).count(),
        "kept": kept is not None and patient.pk == kept.pk,
    }


def _known(patient: Account) -> Known | None:
    try:
        return known_identity(patient)
    except EgideError:
        return None


def _changes(row: Merge | None, merged: Account | None = None) -> list[str]:
    """What will change, said before: for a merge (`row` None), or for its undoing."""
    if row is not None:
        return [
            _("Both files stand in the lists again, each under its own name."),
            _("The account that was closed is opened again: the person is invited anew to sign in."),
            _("Readings stay where they are. What had followed the merge comes back by two people’s word, afterwards."),
            _("It is signed, and written in both journals with both your names."),
        ]
    said = [
        _("Lists and searches show the kept file only."),
        _("The other file’s account is closed: nobody signs in with it, its links and invitations end."),
        _("No reading moves: what was measured under the other file stays there, sealed under its own key, until two people attribute it."),  # noqa: E501 (one sentence)
        _("Nothing is deleted. Two people can tell the files apart again at any time."),
        _("It is signed, and written in both journals with both your names."),
    ]  # fmt: skip
    objects = Pairing.objects.filter(patient=merged, until_ms=None).count() if merged else 0
    if objects:
        text = ngettext(
            "%(n)s object still measures under the other file: pair it anew with the kept one.",
            "%(n)s objects still measure under the other file: pair them anew with the kept one.",
            objects,
        )
        said.insert(3, text % {"n": objects})
    return said
