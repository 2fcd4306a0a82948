"""Give a grant, or hide something, one question a page; then the sentence to read aloud, then yes or no."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any, Final

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import formats
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from egide.cloud.consent import grants, restrictions
from egide.cloud.consent.attested import facts_of
from egide.cloud.consent.facts import ACCOUNT, ESTABLISHMENT, EVERYONE, TEAM, Holder
from egide.cloud.consent.families import FAMILIES
from egide.cloud.consent.overview import who_may_see
from egide.cloud.consent.signing import give
from egide.cloud.people.models import Account
from egide.cloud.portal import drafts, live, sharing, signing, words
from egide.cloud.portal.sharing import DATA, UNTIL, Choice, Draft
from egide.cloud.portal.signing_keys import able
from egide.cloud.portal.subject import signed_in, subject_of
from egide.cloud.signin.factors import widening
from egide.cloud.signin.notices import tell
from egide.errors import NotFoundError, RefusedError

__all__ = ["ask", "begin", "begin_hiding", "hide", "review", "step"]

_GRANT: Final = "grant"
_HIDE: Final = "hide"
_NEXT: Final = {"who": "what", "what": "until", "until": "for", "for": "review"}


@require_safe
@signed_in
@widening
def begin(request: HttpRequest) -> HttpResponse:
    """A new grant: the factor first, so that nobody answers in vain."""
    _patient(request)
    drafts.clear(request, _GRANT)
    return redirect("portal:grant-step", step="who")


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def step(request: HttpRequest, step: str) -> HttpResponse:
    """One question. Answered well, the next one; when all are answered, the review."""
    patient, now = _patient(request), live.now_ms()
    if step not in _NEXT:
        raise NotFoundError("no such question")
    draft, problem = Draft.read(drafts.load(request, patient, _GRANT)), ""
    if request.method == "POST":
        try:
            answers = draft.kept() | _answer(request, step, patient, now)
        except RefusedError as err:
            problem = _problem(step, err, request)
        else:
            drafts.save(request, patient, _GRANT, answers)
            complete = not Draft.read(answers).missing(now)
            return redirect("portal:grant-review") if complete else redirect("portal:grant-step", step=_NEXT[step])
    elif step != "who" and draft.holder is None:
        return redirect("portal:grant-step", step="who")
    context = _question(step, draft, patient) | {"problem": problem, "step": step, "typed": _typed(request)}
    return render(request, f"portal/sharing_{step}.html", context, status=400 if problem else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@widening
def review(request: HttpRequest) -> HttpResponse:
    """The sentence, read aloud before it is signed; then it holds. Raises RefusedError."""
    patient, now = _patient(request), live.now_ms()
    draft, problem = Draft.read(drafts.load(request, patient, _GRANT)), ""
    if missing := draft.missing(now):
        return redirect("portal:grant-step", step=missing)
    act = signing.granting(draft, now)
    if request.method == "POST":
        try:
            done = _give(request, patient, draft, act, now)
        except signing.REFUSED as err:
            problem = signing.problem_words(err)
        else:
            drafts.clear(request, _GRANT)
            if isinstance(who := grants.reader_of(patient, act.holder), Account):
                tell(who, "shared", now_ms=now)
            return redirect(f"{reverse('portal:sharing')}?done={done}")
    rows = [
        {"label": _("Who"), "step": "who"},
        {"label": _("What"), "step": "what"},
        {"label": _("Until when"), "step": "until"},
        {"label": _("What for"), "step": "for"},
    ]
    context = {
        "act": act, "sentences": act.sentences, "rows": rows, "relative": draft.purpose in ("FAMRQT", "SUPNWK"),
        "able": able(patient), "problem": problem,
    }  # fmt: skip
    return render(request, "portal/sharing_review.html", context, status=400 if problem else 200)


@require_POST
@signed_in
@widening
def ask(request: HttpRequest) -> HttpResponse:
    """What the browser asks its passkey, for the grant that the page shows. Raises RefusedError, TextChangedError."""
    patient, now = _patient(request), live.now_ms()
    draft = Draft.read(drafts.load(request, patient, _GRANT))
    if draft.missing(now):
        raise signing.TextChangedError("the answers are no longer there")
    return JsonResponse(signing.begin(request, patient, signing.granting(draft, now), now_ms=now))


@require_safe
@signed_in
def begin_hiding(request: HttpRequest) -> HttpResponse:
    _patient(request)
    drafts.clear(request, _HIDE)
    return redirect("portal:hide", step="from")


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def hide(request: HttpRequest, step: str) -> HttpResponse:
    """From whom, what, then what stops; then it is hidden at once: it narrows, so no factor is asked for."""
    patient, now = _patient(request), live.now_ms()
    kept, problem = drafts.load(request, patient, _HIDE), ""
    draft, days = Draft.read(kept), _days_kept(kept)
    if step not in ("from", "which", "check"):
        raise NotFoundError("no such question")
    if request.method == "POST":
        if step == "check" and draft.holder is not None and draft.families != ():
            _restrict(patient, draft, days, now)
            drafts.clear(request, _HIDE)
            return redirect(f"{reverse('portal:sharing')}?done=hidden")
        try:
            answers = draft.kept() | {"days": kept.get("days")} | _hide_answer(request, step, patient, now)
        except RefusedError:
            problem = (
                _("Choose one of the answers.")
                if step == "from"
                else _("Choose at least one measurement, and the time. The last day is not before the first.")
            )
        else:
            drafts.save(request, patient, _HIDE, answers)
            return redirect("portal:hide", step="which" if step == "from" else "check")
    if step != "from" and draft.holder is None:
        return redirect("portal:hide", step="from")
    if step == "check" and draft.families == ():
        return redirect("portal:hide", step="which")
    context = _hide_question(step, draft, days, patient, now) | {"problem": problem, "step": step}
    return render(request, f"portal/sharing_hide_{step}.html", context, status=400 if problem else 200)


def _patient(request: HttpRequest) -> Account:
    return subject_of(request, None).patient


def _give(request: HttpRequest, patient: Account, draft: Draft, act: signing.Act, now_ms: int) -> str:
    """Enter it as signed, or as a simple yes to the text that was read; which of them."""
    who = grants.reader_of(patient, act.holder)
    if request.POST.get("credential"):
        give(signing.finish(request, patient, now_ms=now_ms), patient=patient, who=who, signer=patient, now_ms=now_ms)
        return "signed"
    signing.require_text(act, request.POST.get("text", ""))
    grants.give_grant(
        patient, who, families=draft.families, purpose=draft.purpose, now_ms=now_ms, until_ms=draft.until_ms,
        data_since_ms=act.data_since_ms,
    )  # fmt: skip
    return "given"


def _problem(step: str, error: RefusedError, request: HttpRequest) -> str:
    if step == "who" and not request.POST.get("who") and not _typed(request).strip():
        return _("Choose somebody, or write a name or a code.")
    if isinstance(error, grants.ForbiddenUseError):
        return _(
            "That is an insurer, an employer or a bank. Nothing opens your measurements to them, even with your "
            "agreement: in this way nobody can ask you for it, nor make you pay for saying no."
        )
    return {
        "who": _("Nobody answers to that name or code. Check it with them, letter by letter."),
        "what": _("Choose at least one measurement, and from when on."),
        "until": _("Choose how long. A day is after today, and within five years."),
        "for": _("Choose what it is for."),
    }[step]


def _answer(request: HttpRequest, step: str, patient: Account, now_ms: int) -> dict[str, Any]:
    """What a form said, checked. Raises RefusedError."""
    if step == "who":
        holder = _holder_answered(request, patient, now_ms)
        return {"kind": holder.kind, "holder": holder.id}
    if step == "what":
        families = _families_answered(request)
        if families == [] or request.POST.get("data") not in DATA:
            raise RefusedError("an answer is missing")
        return {"families": families, "data": request.POST["data"]}
    if step == "until":
        day = request.POST.get("day", "")[:10]
        return {"until": sharing.until_of(request.POST.get("until", ""), day, now_ms=now_ms)}
    kept = Draft.read(drafts.load(request, patient, _GRANT))
    if request.POST.get("for") not in {choice.value for choice in sharing.purpose_choices("", kept.holder)}:
        raise RefusedError("an answer is missing")
    return {"purpose": request.POST["for"]}


def _holder_answered(request: HttpRequest, patient: Account, now_ms: int) -> Holder:
    answer = request.POST.get("who", "")
    for holder in sharing.offered_holders(patient, facts_of(patient.pk), now_ms=now_ms):
        if holder.id == answer:
            return holder
    return sharing.find_holder(request.POST.get("name", ""), patient)


def _families_answered(request: HttpRequest) -> list[str] | None:
    if request.POST.get("all"):
        return None
    return [f for f in request.POST.getlist("family") if f in FAMILIES]


def _question(step: str, draft: Draft, patient: Account) -> dict[str, Any]:
    who = sharing.holder_name(draft.holder) if draft.holder else ""
    if step == "who":
        known = sharing.offered_holders(patient, facts_of(patient.pk), now_ms=live.now_ms())
        chosen = draft.holder.id if draft.holder else ""
        rows = [
            Choice(
                value=h.id, label=_upper(sharing.holder_name(h)), hint=sharing.holder_hint(h), checked=h.id == chosen
            )
            for h in known
        ]
        elsewhere = draft.holder if draft.holder not in known else None
        return {"choices": rows, "name": sharing.holder_name(elsewhere) if elsewhere else ""}
    if step == "what":
        return {
            "who": who,
            "all": draft.families is None,
            "families": sharing.family_choices(draft.families),
            "data": [Choice(value=k, label=_(v), checked=k == draft.data) for k, v in DATA.items()],
        }
    if step == "until":
        return {"who": who, "choices": [Choice(value=k, label=_(v)) for k, v in UNTIL.items() if k != "date"]}
    return {"who": who, "choices": sharing.purpose_choices(draft.purpose, draft.holder)}


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def _typed(request: HttpRequest) -> str:
    return request.POST.get("name", "")[:120]


def _readers(patient: Account, now_ms: int) -> list[Holder]:
    """Whom one can hide something from: everybody, or one who may see today."""
    lines = who_may_see(patient, now_ms=now_ms)
    named = [line.holder for line in lines if line.holder.kind in (ACCOUNT, ESTABLISHMENT, TEAM)]
    return [Holder(kind=EVERYONE), *dict.fromkeys(named)]


def _hide_answer(request: HttpRequest, step: str, patient: Account, now_ms: int) -> dict[str, Any]:
    if step == "from":
        for holder in _readers(patient, now_ms):
            if (holder.id or EVERYONE) == request.POST.get("who"):
                return {"kind": holder.kind, "holder": holder.id}
        raise RefusedError("nobody of that name may see")
    families = _families_answered(request)
    if families == [] or request.POST.get("data") not in ("all", "new", "days"):
        raise RefusedError("an answer is missing")
    days = [request.POST.get(name, "")[:10] for name in ("first", "last")]
    if request.POST["data"] != "days":
        return {"families": families, "data": request.POST["data"], "days": None}
    if not _days_kept({"days": days}):
        raise RefusedError("these are not two days, the first before the last")
    return {"families": families, "data": "", "days": days}


def _days_kept(kept: dict[str, Any]) -> tuple[date, date] | None:
    """The first and the last day of what is hidden, where the person named two; None for what is no such period."""
    try:
        first, last = (date.fromisoformat(day) for day in kept.get("days") or ())
    except (TypeError, ValueError):
        return None
    return (first, last) if first <= last and first.year >= 1900 and last.year <= 2200 else None


def _hide_question(
    step: str, draft: Draft, days: tuple[date, date] | None, patient: Account, now_ms: int
) -> dict[str, Any]:
    if step == "from":
        chosen = (draft.holder.id or draft.holder.kind) if draft.holder else ""
        named = {h.id or EVERYONE: sharing.holder_name(h) for h in _readers(patient, now_ms)}
        named[EVERYONE] = _("Everybody but me")
        return {"choices": [Choice(value=k, label=label, checked=k == chosen) for k, label in named.items()]}
    assert draft.holder is not None
    who = sharing.holder_name(draft.holder)
    if step == "which":
        data = [
            Choice(value="all", label=_("Whenever it was measured"), checked=draft.data != "new" and not days),
            Choice(value="new", label=_("Only what is measured from now on"), checked=draft.data == "new"),
            Choice(value="days", label=_("What was measured between two days"), checked=bool(days)),
        ]
        return {
            "who": who,
            "all": draft.families is None,
            "families": sharing.family_choices(draft.families),
            "data": data,
            "days": days,
        }
    what = _("all measurements") if draft.families is None else _what(draft)
    if days:
        first, last = (formats.date_format(day, "j F Y") for day in days)
        span = {"what": what, "first": first, "last": last}
        what = _("%(what)s, measured from %(first)s to %(last)s, both included") % span
    return {"who": who, "what": what, "new": draft.data == "new", "consequences": _consequences(who, what)}


def _what(draft: Draft) -> str:
    return sharing.list_words([sharing.family_words(f) for f in draft.families or ()])


def _consequences(who: str, what: str) -> list[str]:
    return [
        _("To %(who)s, this was never measured: %(what)s. It is in no list, no count, no curve.")
        % {"who": who, "what": what},
        _("They are not told that something is hidden. Every clinical screen says that a record may be incomplete."),
        _("A decision on your care may then be taken without it. An alert that needs it does not reach them."),
        _("In an emergency it can still be opened, for four hours, and you are told, unless you refused that."),
        _("What they read before stays known to them."),
    ]


def _restrict(patient: Account, draft: Draft, days: tuple[date, date] | None, now_ms: int) -> None:
    assert draft.holder is not None
    who = None if draft.holder.kind == EVERYONE else grants.reader_of(patient, draft.holder)
    since_ms, until_ms = now_ms if draft.data == "new" else None, None
    if days:
        since_ms, until_ms = _midnight_ms(days[0]), _midnight_ms(days[1] + timedelta(days=1))
    restrictions.restrict(
        patient, families=draft.families, who=who, now_ms=now_ms, data_since_ms=since_ms, data_until_ms=until_ms
    )


def _midnight_ms(day: date) -> int:
    return int(datetime.combine(day, time(), tzinfo=words.zone()).timestamp() * 1000)
