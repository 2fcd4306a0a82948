"""Requests of the rights: asked, put off, answered, taken back, delivered. Each step is a signed statement.

A step's public facts are the request's number and the step; who did it, what was written and what was answered are
sealed to the patient's record. `story` reads them back: rows only say what is due until when.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Min, QuerySet
from django.utils import timezone

from egide.cloud.governance.deadlines import deadline, extended
from egide.cloud.governance.desk import require_answerer, require_desk
from egide.cloud.governance.duties import duties
from egide.cloud.governance.models import Request
from egide.cloud.keys.records import ESTABLISHMENT, care_key
from egide.cloud.people.models import Account
from egide.cloud.people.registrations import registered_at
from egide.cloud.register.journal import append_statement, open_statement
from egide.cloud.register.models import Statement
from egide.cloud.vault.owning import rows_of
from egide.errors import AccessDeniedError, RefusedError

__all__ = [
    "KIND", "MAX_OPEN", "MAX_TEXT", "Step", "answer", "ask", "delivered", "overdue", "put_off", "record_step",
    "require_open", "story", "withdraw",
]  # fmt: skip

KIND: Final = "right"
MAX_TEXT: Final = 2_000
MAX_OPEN: Final = 30  # of one patient at a time: a script cannot fill the register
_ONE_AT_A_TIME: Final = ("access", "portability", "erase")
_MUST_SAY_WHAT: Final = ("rectify",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a request, as its statement says it."""

    entry: int
    at_ms: int
    step: str  # asked | put-off | granted | partly | refused | withdrawn | delivered
    by: str  # account id
    via: str  # portal | desk | command
    text: str
    about: str  # the entry or the act that it points to, or ""
    classes: tuple[tuple[str, str, str, str], ...] = ()  # of an erasure: (class, decision, sources, until)


def ask(
    patient: Account, kind: str, *, by: Account, now_ms: int, text: str = "", about: str = "", via: str = "portal",
    establishment: uuid.UUID | None = None,
) -> Request:  # fmt: skip
    """Open a request, by the patient or for them at the desk.

    Access, portability and erasure are about the whole record: asked again while one is open, that one is given back.

    Raises:
        RefusedError: no such right, a text that is empty where one is needed, or too long; too many are open.
        AccessDeniedError: `by` is neither the patient nor at the desk of the establishment.
    """
    if kind not in Request.Kind.values or patient.role != Account.Role.PATIENT:
        raise RefusedError("no such right")
    text = _clean(text)
    if kind in _MUST_SAY_WHAT and not (text or about):
        raise RefusedError("say what is to be corrected")
    place = establishment or _place_of(patient)
    if by.pk != patient.pk:
        require_desk(by, place, now_ms=now_ms)
    if kind in _ONE_AT_A_TIME:
        running = Request.objects.filter(patient=patient, kind=kind, state=Request.State.OPEN, establishment=place)
        if (found := running.first()) is not None:
            return found
    if Request.objects.filter(patient=patient, state=Request.State.OPEN).count() >= MAX_OPEN:
        raise RefusedError("too many requests wait for an answer already")
    rules = duties()
    times = deadline(
        rules.rights[kind], asked_ms=now_ms, oldest_ms=_oldest_ms(patient), zone=timezone.get_default_timezone()
    )
    request = Request(
        id=uuid.uuid4(), patient=patient, establishment=place, kind=kind, asked_ms=now_ms,
        not_before_ms=times.not_before_ms, due_ms=times.due_ms, duties=rules.version,
    )  # fmt: skip
    record_step(
        request, "asked", by=by, now_ms=now_ms, text=text, about=about[:80], via=via,
        also=lambda: request.save(force_insert=True),
    )  # fmt: skip
    return request


def answer(request: Request, outcome: str, *, by: Account, text: str, now_ms: int) -> None:
    """Grant, grant in part, or refuse; everything but a plain yes says why. Erasure is answered by `erasing.decide`.

    Raises:
        AccessDeniedError: `by` does not answer for this establishment, or is the patient.
        RefusedError: it is closed, it is too early (the law leaves time to think), or a reason is missing.
    """
    if request.kind == Request.Kind.ERASE and outcome != Request.State.REFUSED:
        raise RefusedError("an erasure is decided class by class")
    require_decision(request, by=by, now_ms=now_ms)
    if outcome not in (Request.State.GRANTED, Request.State.PARTLY, Request.State.REFUSED):
        raise RefusedError("an answer is granted, partly or refused")
    text = _clean(text)
    if outcome != Request.State.GRANTED and not text:
        raise RefusedError("say why, and what the person can do")
    record_step(
        request, outcome, by=by, now_ms=now_ms, text=text, via="desk", also=lambda: close(request, outcome, now_ms)
    )


def require_decision(request: Request, *, by: Account, now_ms: int) -> None:
    """Whoever answers may do so, now. Raises as `answer` does."""
    require_answerer(by, request.establishment, now_ms=now_ms)
    if by.pk == request.patient_id:
        raise AccessDeniedError("nobody answers their own request")
    require_open(request)
    if now_ms < request.not_before_ms:
        raise RefusedError("the law leaves time to think: this is answered later")


def put_off(request: Request, *, by: Account, text: str, now_ms: int) -> None:
    """Extend the time, once, for a reason that the person is told. Raises RefusedError, AccessDeniedError."""
    require_answerer(by, request.establishment, now_ms=now_ms)
    require_open(request)
    if not (text := _clean(text)):
        raise RefusedError("say why the answer is put off")
    rule = duties().rights[request.kind]
    due = extended(rule, asked_ms=request.asked_ms, due_ms=request.due_ms, zone=timezone.get_default_timezone())

    def move() -> None:
        Request.objects.filter(pk=request.pk).update(due_ms=due)

    record_step(request, "put-off", by=by, now_ms=now_ms, text=text, via="desk", also=move)
    request.due_ms = due


def withdraw(request: Request, *, by: Account, now_ms: int, via: str = "portal") -> None:
    """Take a request back: the patient, or the desk for them. Raises RefusedError, AccessDeniedError."""
    if by.pk != request.patient_id:
        require_desk(by, request.establishment, now_ms=now_ms)
    require_open(request)
    state = Request.State.WITHDRAWN
    record_step(request, state, by=by, now_ms=now_ms, via=via, also=lambda: close(request, state, now_ms))


def delivered(request: Request, *, by: Account, now_ms: int, via: str = "portal") -> None:
    """The file left. For a portability, which the person takes themselves, this is the answer too."""
    state = Request.State.GRANTED
    is_answer = request.state == Request.State.OPEN
    record_step(
        request, "delivered", by=by, now_ms=now_ms, via=via,
        also=(lambda: close(request, state, now_ms)) if is_answer else None,
    )  # fmt: skip


def overdue(requests: QuerySet[Request], *, now_ms: int) -> QuerySet[Request]:
    """Those still open whose time has passed, the oldest first."""
    return requests.filter(state=Request.State.OPEN, due_ms__lte=now_ms).order_by("due_ms", "id")


def story(request: Request) -> list[Step]:
    """What happened, in order, as the signed statements say it. Raises KeyMissingError once the record is destroyed."""
    key = care_key(request.patient_id)
    rows = Statement.objects.filter(subject=request.patient_id, kind=KIND).order_by("entry")
    steps = []
    for row in rows:
        said = open_statement(row, key)
        if said.facts.get("request") != str(request.pk):
            continue
        own: Any = said.personal or {}
        steps.append(
            Step(
                entry=row.entry, at_ms=said.at_ms, step=str(said.facts.get("step", "")), by=own.get("by", ""),
                via=own.get("via", ""), text=own.get("text", ""), about=own.get("about", ""),
                classes=tuple(tuple(line) for line in own.get("classes", ())),
            )
        )  # fmt: skip
    return steps


def record_step(
    request: Request, step: str, *, by: Account, now_ms: int, text: str = "", about: str = "", via: str,
    classes: Sequence[Sequence[str]] = (), also: Callable[[], None] | None = None,
) -> int:  # fmt: skip
    """Sign one step; `also` becomes true with it. Returns the entry's number."""
    personal = {
        "right": request.kind, "by": str(by.pk), "via": via, "text": text, "about": about,
        "classes": [list(line) for line in classes],
    }  # fmt: skip
    return append_statement(
        KIND, request.patient_id, {"request": str(request.pk), "step": str(step)}, now_ms=now_ms, personal=personal,
        sealed_for=care_key(request.patient_id), also=also,
    )  # fmt: skip


def require_open(request: Request) -> None:
    """Raises RefusedError: it was answered or taken back."""
    request.refresh_from_db()
    if request.state != Request.State.OPEN:
        raise RefusedError("this request is closed")


def close(request: Request, state: str, now_ms: int) -> None:
    """Inside the statement's transaction: of two answers at the same instant, one changes the row."""
    running = Request.objects.filter(pk=request.pk, state=Request.State.OPEN)
    if not running.update(state=state, closed_ms=now_ms):
        raise RefusedError("this request is closed")
    request.state, request.closed_ms = str(state), now_ms


def _oldest_ms(patient: Account) -> int | None:
    oldest: int | None = rows_of(patient.pk).aggregate(m=Min("first_ms"))["m"]
    return oldest


def _place_of(patient: Account) -> uuid.UUID:
    """The one establishment that knows the patient; the platform's own when there is none, or several."""
    known = registered_at(patient)
    only = next(iter(known)) if len(known) == 1 else ESTABLISHMENT
    return only if isinstance(only, uuid.UUID) else ESTABLISHMENT


def _clean(text: str) -> str:
    """Raises RefusedError: too long, or not text."""
    clean = text.replace("\r\n", "\n").strip()
    if len(clean) > MAX_TEXT or not all(c.isprintable() or c == "\n" for c in clean):
        raise RefusedError("a text has 2,000 characters at most")
    return clean
