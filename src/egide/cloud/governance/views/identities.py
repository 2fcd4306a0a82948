"""Who somebody is: found by name and birth date, declared, proved on a document, numbered, marked; their doubles."""

from __future__ import annotations

import unicodedata
import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from egide.cloud.governance.identity_words import (
    AUTHORITIES,
    Choice,
    day_words,
    document_choices,
    evidence_words,
    facts_of,
    level_words,
    problem_words,
    sex_choices,
    status_words,
    why_words,
    wrong_fields,
)
from egide.cloud.governance.views.guard import now_ms, reader_of, signed_in
from egide.cloud.people import identity
from egide.cloud.people.identity import Known, known_identity
from egide.cloud.people.ins import Ins
from egide.cloud.people.insi import connected
from egide.cloud.people.merge_proposals import waiting_for
from egide.cloud.people.merging import merged_into
from egide.cloud.people.models import Account
from egide.cloud.people.names import words_of
from egide.cloud.people.offices import require_office
from egide.cloud.people.proofing import proof_of, require_desk
from egide.cloud.people.registrations import REGISTRARS
from egide.cloud.people.scope import scope_of
from egide.cloud.people.search import find_by_ins, homonyms_of, search
from egide.cloud.people.service import name_of
from egide.cloud.people.traits import Traits
from egide.cloud.register.models import Statement
from egide.cloud.signin.factors import widening
from egide.cloud.signin.pace import take_turn
from egide.errors import AccessDeniedError, EgideError, MalformedError, NotFoundError, RefusedError, UnavailableError

__all__ = ["act", "find", "one", "open_act", "patient_here"]

_FIELDS: Final = ("birth_name", "given_names", "birth_date", "sex", "birth_place", "used_name", "used_given_name")
_DONE: Final = {
    "traits": gettext_noop("Written down and signed. The status below is the one that it has now."),
    "prove": gettext_noop("Signed with your name: the kind of document that you saw, and when."),
    "number": gettext_noop("Kept, sealed, to find this person by. It proves nothing and is shared with nobody."),
    "mark": gettext_noop("Marked. The identity is provisional until the mark is lifted."),
    "unmark": gettext_noop("Lifted. What was shown before counts again."),
    "ask": gettext_noop("The national service answered: its traits and its number are written down."),
}


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def find(request: HttpRequest) -> HttpResponse:
    """By name and birth date, which travel in the body; homonyms are flagged. Raises AccessDeniedError: no desk."""
    reader, now = reader_of(request), now_ms()
    require_office(reader, *REGISTRARS, now_ms=now)
    context: dict[str, Any] = {"waiting": len(waiting_for(reader, scope_of(reader, now_ms=now), now_ms=now))}
    if request.method != "POST":
        return render(request, "governance/identities.html", context)
    take_turn(reader, "search", now_ms=now)
    name, birth = request.POST.get("name", "")[:120], request.POST.get("birth", "")
    context |= {"name": name, "birth": birth, "no_name": not words_of(name), "no_birth": not _is_day(birth)}
    if context["no_name"] or context["no_birth"]:
        return render(request, "governance/identities.html", {**context, "code": RefusedError.code}, status=400)
    found = search(reader, name, birth, now_ms=now)
    context["found"] = [
        {"is": f, "name": name_of(f.patient), "status": status_words(f.status), "born": day_words(birth)} for f in found
    ]
    context["homonyms"] = any(f.homonym for f in found)
    return render(request, "governance/identities.html", {**context, "none": not found})


@require_safe
@signed_in
def one(request: HttpRequest, patient_id: uuid.UUID) -> HttpResponse:
    """One person's identity. Raises AccessDeniedError: not of a desk. NotFoundError: nobody known here."""
    return _page(request, patient_id)


@require_POST
@signed_in
def act(request: HttpRequest, patient_id: uuid.UUID, name: str) -> HttpResponse:
    """What proves nothing: traits, a number that was typed, a mark. Without a factor. Raises as `one`."""
    if name not in ("traits", "number", "mark"):
        raise NotFoundError("there is no such act")
    return _do(request, patient_id, name)


@require_POST
@signed_in
@widening
def open_act(request: HttpRequest, patient_id: uuid.UUID, name: str) -> HttpResponse:
    """What raises an identity: a document seen, a mark lifted, the national service. With a factor. Raises as `one`."""
    if name not in ("prove", "unmark", "ask"):
        raise NotFoundError("there is no such act")
    return _do(request, patient_id, name)


def patient_here(reader: Account, patient_id: uuid.UUID, now: int) -> Account:
    """A patient whom the reader receives. Raises AccessDeniedError, NotFoundError."""
    require_office(reader, *REGISTRARS, now_ms=now)
    patient = scope_of(reader, now_ms=now).require_patient(patient_id)
    require_desk(patient, by=reader, now_ms=now)
    return patient


def _do(request: HttpRequest, patient_id: uuid.UUID, name: str) -> HttpResponse:
    reader, now = reader_of(request), now_ms()
    patient = patient_here(reader, patient_id, now)
    try:
        _ACTS[name](patient, reader, request.POST, now)
    except AccessDeniedError:
        raise
    except (RefusedError, UnavailableError) as err:
        more: dict[str, Any] = {"problem": name, "code": err.code, "problem_text": problem_words(err.code)}
        if name == "traits":
            more |= {"posted": _typed(request.POST), "wrong": _wrong(_typed(request.POST))}
        elif name == "number":
            more |= {"typed": request.POST.get("number", "")[:30], "authority": request.POST.get("authority", "")}
        return _page(request, patient_id, status=503 if isinstance(err, UnavailableError) else 400, **more)
    return redirect(f"{reverse('rights:identity', args=[patient.pk])}?done={name}")


def _traits(patient: Account, by: Account, said: Any, now: int) -> None:
    typed = _typed(said)
    if _wrong(typed):
        raise MalformedError("a trait has another form")
    identity.declare_identity(patient, Traits(**typed), by=by, now_ms=now)


def _prove(patient: Account, by: Account, said: Any, now: int) -> None:
    if said.get("sure") != "yes":
        raise RefusedError("tick the box: who signs saw the person and the document")
    assisted = said.get("assisted") == "yes"
    identity.prove_identity(patient, said.get("document", ""), by=by, now_ms=now, assisted=assisted)


def _number(patient: Account, by: Account, said: Any, now: int) -> None:
    ins = Ins.read(said.get("number", "")[:40], said.get("authority", ""))
    identity.declare_ins(patient, ins, by=by, now_ms=now)


def _ask(patient: Account, by: Account, _said: Any, now: int) -> None:
    identity.retrieve_identity(patient, connected(), by=by, now_ms=now)


def _mark(value: bool) -> Callable[[Account, Account, Any, int], None]:
    def mark(patient: Account, by: Account, said: Any, now: int) -> None:
        which = said.get("which", "")
        if which not in ("doubtful", "fictive"):
            raise RefusedError("an identity is doubtful or fictive")
        identity.mark_identity(patient, by=by, now_ms=now, **{which: value})

    return mark


_ACTS: Final[dict[str, Callable[[Account, Account, Any, int], None]]] = {
    "traits": _traits, "number": _number, "mark": _mark(True), "prove": _prove, "unmark": _mark(False), "ask": _ask,
}  # fmt: skip


def _typed(said: Any) -> dict[str, str]:
    """The traits as they were typed, in one form of letters and spaces."""
    return {f: " ".join(unicodedata.normalize("NFC", said.get(f, "")).split())[:200] for f in _FIELDS}


def _wrong(typed: dict[str, str]) -> dict[str, str]:
    wrong = wrong_fields(typed)
    today = datetime.fromtimestamp(now_ms() / 1000, UTC).date()
    if "birth_date" not in wrong and typed["birth_date"] > today.isoformat():
        wrong["birth_date"] = _("A day that exists.")
    return wrong


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _page(request: HttpRequest, patient_id: uuid.UUID, *, status: int = 200, **more: Any) -> HttpResponse:
    reader, now = reader_of(request), now_ms()
    patient = patient_here(reader, patient_id, now)
    try:
        known: Known | None = known_identity(patient)
    except NotFoundError:
        known = None
    done = _DONE.get(request.GET.get("done", ""))
    posted = more.pop("posted", None) or (known.traits.as_facts() if known else dict.fromkeys(_FIELDS, ""))
    context = {
        "patient": patient,
        "name": name_of(patient),
        "known": known,
        "posted": posted,
        "sexes": sex_choices(posted["sex"]),
        "proof": _proof(patient),
        "authorities": [
            Choice(value=oid, label=_(words), hint=oid, checked=more.get("authority", "") == oid or not n)
            for n, (oid, words) in enumerate(AUTHORITIES.items())
        ],
        "merged": [{"patient": one, "name": name_of(one)} for one in merged_into(patient)],
        "doubles": _doubles(reader, patient, known, now),
        "done": _(done) if done else "",
        **(_known(known) if known else {}),
        **more,
    }
    return render(request, "governance/identity.html", context, status=status)


def _known(known: Known) -> dict[str, Any]:
    doubts = {"sex": _("sex"), "birth-date": _("birth date")}
    return {
        "facts": facts_of(known)[:6],
        "number": facts_of(known)[6].value if known.ins else "",
        "status": status_words(known.status),
        "why": why_words(known),
        "documents": document_choices(known),
        "doubts": [doubts[one] for one in sorted(known.doubts)],
        "insi": _insi(),
    }


def _insi() -> bool:
    """Whether this platform is connected to the national service."""
    try:
        connected()
    except RefusedError:
        return False
    return True


def _proof(patient: Account) -> dict[str, Any]:
    proof = proof_of(patient)
    row = Statement.objects.filter(subject=patient.pk, kind="proofing", at_ms=proof.at_ms).order_by("entry").last()
    by = Account.objects.filter(pk=proof.by).first() if proof.by else None
    return {
        "is": proof,
        "level": level_words(proof.level),
        "evidence": evidence_words(proof.evidence),
        "by": name_of(by) if by else "",
        "entry": row.entry if row else None,
    }


def _doubles(reader: Account, patient: Account, known: Known | None, now: int) -> list[dict[str, Any]]:
    """Other people of the same name and birth date, or under the same number."""
    if known is None:
        return []
    scope = scope_of(reader, now_ms=now)
    numbered = {a.pk: a for a in find_by_ins(scope, known.ins) if a.pk != patient.pk} if known.ins else {}
    found = {a.pk: a for a in homonyms_of(scope, patient)} | numbered
    lines = []
    for key, other in found.items():
        try:
            theirs = known_identity(other)
        except EgideError:
            continue
        same = known.traits.same_person(theirs.traits)
        lines.append(
            {"patient": other, "name": name_of(other), "status": status_words(theirs.status), "same": same,
             "numbered": key in numbered}
        )  # fmt: skip
    return lines
