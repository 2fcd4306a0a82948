"""One reading: why it can be trusted, and the proof that anyone can check without us."""

from __future__ import annotations

import uuid

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from egide.cloud.fleet.models import HealthObject
from egide.cloud.portal import live, words
from egide.cloud.portal.record import Reading, readings_of, strips_of
from egide.cloud.portal.subject import Subject, open_record, signed_in, subject_of
from egide.cloud.register.store import head_of, split_entry
from egide.cloud.release.proof import release_proof
from egide.cloud.signin.factors import widening
from egide.errors import NotFoundError

__all__ = ["proof", "reading"]

_EVER_MS = 2**53


@require_safe
@signed_in
def reading(request: HttpRequest, key: str, patient_id: uuid.UUID | None = None) -> HttpResponse:
    """Raises NotFoundError, AccessDeniedError."""
    now = live.now_ms()
    subject = subject_of(request, patient_id)
    entry = _entry(key)
    answer = open_record(subject, 0, _EVER_MS, now_ms=now, entry=entry)
    columns = answer.columns
    one = next((r for r in readings_of(columns) if r.key == key), None)
    strip = next((s for s in strips_of(columns) if s.key == key), None)
    if one is None and strip is None:
        raise NotFoundError("this record has no such reading")
    column = strip.column if strip else next(c for c in columns if c.position == one.position) if one else columns[0]
    log_id, index = split_entry(entry)
    context = {
        "subject": subject,
        "patient_name": "" if subject.own else subject.patient_name(),
        "now_ms": now,
        "reading": one,
        "strip": strip,
        "column": column,
        "signed_ms": column.times_ms[0] - column.correction_ms if strip else one.signed_ms if one else 0,
        "at_ms": strip.at_ms if strip else one.at_ms if one else 0,
        "model": HealthObject.objects.filter(pk=column.object_id).values_list("model", flat=True).first() or "",
        "steps": [words.trust_mark(level) for level in (1, 2, 3, 4, 5)],
        "level": column.trust,
        "index": index,
        "size": head_of(log_id).size,
        "live": live.look(now),
        "may_take": subject.own,
        "doubt": words.doubt_words(_doubt(one)),
    }
    return render(request, "portal/reading.html", context)


@require_safe
@signed_in
def proof(request: HttpRequest, entry: int, patient_id: uuid.UUID | None = None) -> HttpResponse:
    """The proof file of one envelope, for the patient. It asks for a factor, as each copy does.

    Raises:
        NotFoundError. AccessDeniedError: somebody else's record.
    """
    subject = subject_of(request, patient_id)
    give = widening(_proof_of) if subject.own else _proof_of  # the door says no to everybody else
    return give(request, subject, entry)


def _proof_of(request: HttpRequest, subject: Subject, entry: int) -> HttpResponse:  # noqa: ARG001 (as a view has it)
    data = release_proof(
        reader=subject.reader,
        patient=subject.patient,
        entry=entry,
        purpose=subject.purpose,
        now_ms=live.now_ms(),
    )
    response = HttpResponse(data, content_type="application/vnd.egide.evidence+cbor")
    response.headers["Content-Disposition"] = f'attachment; filename="egide-proof-{split_entry(entry)[1]}.cbor"'
    return response


def _doubt(one: Reading | None) -> str | None:
    return one.doubt if one else None


def _entry(key: str) -> int:
    """The entry of a key of the addresses' form; no table holds a number of more than 63 bits."""
    entry = int(key.partition("-")[0])
    if entry >= 2**63:
        raise NotFoundError("no such reading")
    return entry
