"""An erasure, decided class by class: what may go goes, what must stay is refused with the article and the end date."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from django.db.models import Max
from django.utils import timezone

from egide.cloud.consent.models import FollowUp
from egide.cloud.fleet.models import Attribution, Pairing
from egide.cloud.fleet.pairings import unpair
from egide.cloud.governance import requests
from egide.cloud.governance.deadlines import Term, care_term
from egide.cloud.governance.duties import Source, duties
from egide.cloud.governance.erasure import erase_classes, erasures_of, finish, has_class, places_of
from egide.cloud.governance.models import Request
from egide.cloud.keys.models import RecordKey
from egide.cloud.keys.records import create_record_key
from egide.cloud.people.identity import known_identity
from egide.cloud.people.models import Account
from egide.cloud.vault.owning import rows_of
from egide.errors import NotFoundError, RefusedError

__all__ = ["ClassDecision", "birth_of", "complete_on", "decide", "last_contact", "plan"]

_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassDecision:
    """What is decided of one class of a record. `until` and `term`: when it must be kept."""

    klass: str
    erase: bool
    sources: tuple[Source, ...]
    instead: tuple[str, ...] = ()
    term: Term | None = None


def plan(
    patient: Account, *, now_ms: int, birth: date | None = None, death: date | None = None,
    establishments: Collection[uuid.UUID] | None = None,
) -> tuple[ClassDecision, ...]:  # fmt: skip
    """What an erasure of this record would do, said before it is done: every class it holds, one decision each.

    `establishments`: only of what these hold.
    """
    rules = duties()
    birth = birth or birth_of(patient)
    decisions = []
    for klass in RecordKey.Class.values:
        if not has_class(patient.pk, klass, establishments):
            continue
        rule = rules.erasures[klass]
        term = None
        if not rule.erase:
            term = care_term(rules.care, last_contact=last_contact(patient, now_ms=now_ms), birth=birth, death=death)
        decisions.append(
            ClassDecision(klass=klass, erase=rule.erase, sources=rule.sources, instead=rule.instead, term=term)
        )
    return tuple(decisions)


def birth_of(patient: Account) -> date | None:
    """The birth date that the patient's identity declares; None when there is none, or it is doubtful."""
    try:
        known = known_identity(patient)
    except NotFoundError:
        return None
    return None if known.fictive or known.doubtful else date.fromisoformat(known.traits.birth_date)


def last_contact(patient: Account, *, now_ms: int) -> date:
    """The latest day on which care happened here, as far as the platform knows: a measure that arrived, a follow-up."""
    follow_ups = FollowUp.objects.filter(patient=patient)
    times = [
        patient.created_ms,
        rows_of(patient.pk).aggregate(m=Max("received_ms"))["m"] or 0,
        follow_ups.aggregate(m=Max("since_ms"))["m"] or 0,
        follow_ups.filter(until_ms__lte=now_ms).aggregate(m=Max("until_ms"))["m"] or 0,
    ]
    if follow_ups.filter(until_ms=None, since_ms__lte=now_ms).exists():
        times.append(now_ms)
    zone = timezone.get_default_timezone()
    return datetime.fromtimestamp(min(max(times), now_ms) / 1000, tz=UTC).astimezone(zone).date()


def decide(
    request: Request, *, by: Account, now_ms: int, text: str = "", birth: date | None = None, death: date | None = None
) -> int | None:
    """Answer a request to erase: erase the classes that may be, refuse the others. Returns the erasure's entry, if any.

    Killed half-way, the request is still open and the erasure goes on at the next try (`erasure.finish`).

    Raises:
        RefusedError: closed, or not an erasure. AccessDeniedError: as `requests.answer`.
        ConfigError, StorageError: the key file; the request stays open.
    """
    if request.kind != Request.Kind.ERASE:
        raise RefusedError("this request is not to erase")
    requests.require_decision(request, by=by, now_ms=now_ms)
    finish(now_ms=now_ms)
    places = places_of(request.establishment)
    decisions = plan(request.patient, now_ms=now_ms, birth=birth, death=death, establishments=places)
    classes = [d.klass for d in decisions if d.erase]
    entry = None
    if classes:
        personal: dict[str, Any] = {"request": str(request.pk), "by": str(by.pk)}
        _end_pairings(request.patient, classes, places, now_ms)
        entry = erase_classes(
            request.patient_id, classes, now_ms=now_ms, personal=personal,
            also=lambda: _keys_for_late_readings(request.patient, classes, places, now_ms), establishments=places,
        )  # fmt: skip
    done = entry is not None or bool(_erased_before(request))
    kept = [d for d in decisions if not d.erase]
    outcome = Request.State.REFUSED if not done else Request.State.PARTLY if kept else Request.State.GRANTED
    requests.record_step(
        request, outcome, by=by, now_ms=now_ms, text=text, via="desk",
        classes=[*(_line(d) for d in decisions), *_erased_before(request, but=set(classes))],
        also=lambda: requests.close(request, outcome, now_ms),
    )  # fmt: skip
    return entry


def _end_pairings(patient: Account, classes: Sequence[str], places: Collection[uuid.UUID], now_ms: int) -> None:
    """What measured for a class that goes measures no more: whoever wants it again adds it again."""
    running = Pairing.objects.filter(patient=patient, klass__in=classes, establishment__in=places, until_ms=None)
    for pairing in running:
        unpair(pairing, now_ms)


def _keys_for_late_readings(
    patient: Account, classes: Sequence[str], places: Collection[uuid.UUID], now_ms: int
) -> None:
    """An object may hold readings that it has not sent yet: they find a new key, which the next erasure erases."""
    parts = Pairing.objects.filter(patient=patient, klass__in=classes, establishment__in=places)
    given = Attribution.objects.filter(to=patient, klass__in=classes, establishment__in=places, undone_ms=None)
    given = given.exclude(at_ms=None)  # a proposal gives nothing
    for klass, place in {*parts.values_list("klass", "establishment"), *given.values_list("klass", "establishment")}:
        create_record_key(patient.pk, now_ms=now_ms, klass=klass, establishment=place)


def _line(decision: ClassDecision) -> tuple[str, str, str, str]:
    sources = "; ".join(source.title for source in decision.sources)
    until = decision.term.until.isoformat() if decision.term else ""
    return decision.klass, "erased" if decision.erase else "kept", sources, until


def _erased_before(request: Request, *, but: set[str] | None = None) -> list[tuple[str, str, str, str]]:
    """Classes erased since the request was made: a decision that was interrupted and is taken again."""
    since = [e for e in erasures_of(request.patient_id) if e.at_ms >= request.asked_ms]
    classes = {klass for erased in since for klass in erased.classes} - (but or set())
    return [(klass, "erased", "", "") for klass in sorted(classes)]


def complete_on(erased_ms: int) -> int:
    """When the last copy of the keys folder that could open it has lapsed: complete from then on, not before."""
    return erased_ms + duties().copies.days * _DAY_MS
