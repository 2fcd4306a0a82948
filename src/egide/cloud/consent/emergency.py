"""Break-glass: a professional opens one record because somebody is in danger, and answers for it afterwards.

Four hours, never an export. It opens what is restricted too, unless the patient refused that beforehand. A second
person reviews each within a day; what nobody reviewed in time is listed until somebody does.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from egide.cloud.consent.acts import new_id, require_patient, require_period, say, text_of, window_said
from egide.cloud.consent.attested import facts_of, read_statement
from egide.cloud.consent.facts import ACCOUNT, Emergency, Window, runs
from egide.cloud.consent.families import require_families
from egide.cloud.consent.models import Ground
from egide.cloud.consent.rules import EMERGENCY_MS, opposed
from egide.cloud.people.authority import CARE_OFFICES
from egide.cloud.people.models import Account
from egide.cloud.people.offices import require_office
from egide.cloud.register.models import Statement
from egide.errors import AccessDeniedError, NotFoundError, RefusedError

__all__ = [
    "REVIEW_MS", "VERDICTS", "Review", "accept_opening", "break_glass", "close_emergency", "opening_refused",
    "overdue_reviews", "refuse_opening", "review_emergency", "reviews", "to_be_told",
]  # fmt: skip

REVIEW_MS: Final = 24 * 3_600_000
VERDICTS: Final = ("justified", "unjustified")


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """One emergency, and what a second person said of it. `verdict` empty: nobody did yet."""

    emergency: str
    patient: uuid.UUID
    reader: str
    reason: str
    at_ms: int
    due_ms: int
    verdict: str = ""
    note: str = ""
    reviewer: str = ""
    reviewed_ms: int | None = None

    def overdue(self, now_ms: int) -> bool:
        """Whether nobody reviewed it within the day."""
        return not self.verdict and self.due_ms <= now_ms


def break_glass(
    reader: Account, patient: Account, *, reason: str, families: Iterable[str] | None, now_ms: int,
    data_since_ms: int | None = None, data_until_ms: int | None = None, also: Callable[[], None] | None = None,
) -> str:  # fmt: skip
    """Open a record for four hours and return the emergency's id. Read it with the purpose ETREAT.

    `also` tells the people of `to_be_told`, in the same transaction: no record is open of which nobody was told.

    Raises:
        AccessDeniedError: only professionals who hold an office of care now may.
        RefusedError: no reason, or a family or period that cannot be.
    """
    require_patient(patient)
    if reader.role != Account.Role.PROFESSIONAL or not reader.is_active:
        raise AccessDeniedError("only a professional opens a record in an emergency")
    require_office(reader, *CARE_OFFICES, now_ms=now_ms)
    require_period(data_since_ms, data_until_ms)
    data = Window(families=require_families(families), since_ms=data_since_ms, until_ms=data_until_ms)
    key, until = new_id(), now_ms + EMERGENCY_MS
    said = window_said(data) | {
        "id": key, "reader": str(reader.pk), "reason": text_of(reason), "since": now_ms, "until": until
    }

    def keep() -> None:
        Ground.objects.create(
            id=key, kind=Ground.Kind.EMERGENCY, patient=patient, holder_kind=ACCOUNT, holder=str(reader.pk),
            since_ms=now_ms, until_ms=until,
        )  # fmt: skip
        if also is not None:
            also()

    say("emergency", patient, said, now_ms=now_ms, facts={"id": key}, also=keep)
    return key


def close_emergency(patient: Account, emergency: str, *, now_ms: int) -> None:
    """It is over sooner than in four hours. Raises NotFoundError, RefusedError."""
    opened = _opened(patient, emergency)
    if opened.until_ms <= now_ms:
        raise RefusedError("this is over already")

    def end() -> None:
        Ground.objects.filter(pk=emergency).update(until_ms=now_ms)

    say("emergency-end", patient, {"id": emergency, "until": now_ms}, now_ms=now_ms, also=end)


def review_emergency(
    patient: Account, emergency: str, *, reviewer: Account, verdict: str, note: str, now_ms: int
) -> None:
    """A second person says whether it was right; the caller makes sure of their office.

    Raises:
        RefusedError: the one who did it, the patient's account, another verdict, or reviewed already.
        NotFoundError: there is no such emergency.
    """
    opened = _opened(patient, emergency)
    if str(reviewer.pk) in (opened.reader, opened.patient) or not reviewer.is_active:
        raise RefusedError("a second person reviews an emergency")
    if verdict not in VERDICTS:
        raise RefusedError("an emergency was justified or unjustified")
    if any(r.emergency == emergency and r.verdict for r in reviews(patient)):
        raise RefusedError("this emergency was reviewed")
    said = {"id": emergency, "reviewer": str(reviewer.pk), "verdict": verdict, "note": text_of(note)}
    say("emergency-review", patient, said, now_ms=now_ms, facts={"id": emergency})


def reviews(patient: Account | None = None) -> list[Review]:
    """Every emergency of a patient (None: of the platform), latest first, with its review. Read from the statements."""
    rows = Statement.objects.filter(kind__in=("emergency", "emergency-review")).order_by("entry")
    found: dict[str, Review] = {}
    for row in rows.filter(subject=patient.pk) if patient else rows:
        said = read_statement(row)
        if said is None or row.subject is None:
            continue
        facts = said.personal or {}
        if said.kind == "emergency":
            found[facts["id"]] = Review(
                emergency=facts["id"], patient=row.subject, reader=facts["reader"], reason=facts["reason"],
                at_ms=said.at_ms, due_ms=said.at_ms + REVIEW_MS,
            )  # fmt: skip
        elif (before := found.get(facts["id"])) and not before.verdict and before.reader != facts["reviewer"]:
            found[facts["id"]] = Review(
                emergency=before.emergency, patient=before.patient, reader=before.reader, reason=before.reason,
                at_ms=before.at_ms, due_ms=before.due_ms, verdict=facts["verdict"], note=facts["note"],
                reviewer=facts["reviewer"], reviewed_ms=said.at_ms,
            )  # fmt: skip
    return sorted(found.values(), key=lambda r: -r.at_ms)


def overdue_reviews(*, now_ms: int) -> list[Review]:
    """Emergencies that nobody reviewed within a day, oldest first."""
    return [r for r in reversed(reviews()) if r.overdue(now_ms)]


def to_be_told(patient: Account, *, now_ms: int) -> tuple[uuid.UUID, ...]:
    """Accounts to tell of an emergency: the patient, representatives in force, the responsible doctors.

    Not a representative from whom the patient hides anything, nor a doctor to whom the patient said no: a notice would
    tell them that the record was opened.
    """
    facts = facts_of(patient.pk)
    found = [str(patient.pk)]
    hidden = {r.who.id for r in facts.restrictions if r.who.kind == ACCOUNT and runs(r, now_ms)}
    found += [
        r.representative
        for r in facts.representations
        if runs(r, now_ms)
        and r.representative not in hidden
        and not any(runs(s, now_ms) for s in r.suspended)
        and (r.adult_ms is None or now_ms < r.adult_ms)
    ]
    found += [
        c.responsible
        for c in facts.care
        if runs(c, now_ms) and not opposed(facts, c.id, c.responsible, at_ms=now_ms)
    ]
    return tuple(uuid.UUID(name) for name in dict.fromkeys(found))


def refuse_opening(patient: Account, *, now_ms: int) -> None:
    """Beforehand: what is restricted stays so in an emergency too. Nothing changes if it was refused already."""
    require_patient(patient)
    if not opening_refused(patient, now_ms=now_ms):
        say("emergency-refusal", patient, {"since": now_ms}, now_ms=now_ms)


def accept_opening(patient: Account, *, now_ms: int) -> None:
    """Take that refusal back. It widens: ask for a factor first. Raises RefusedError when there is none."""
    if not opening_refused(patient, now_ms=now_ms):
        raise RefusedError("this was not refused")
    say("emergency-consent", patient, {"until": now_ms}, now_ms=now_ms)


def opening_refused(patient: Account, *, now_ms: int) -> bool:
    """Whether emergencies leave hidden what the patient restricted."""
    return any(runs(refusal, now_ms) for refusal in facts_of(patient.pk).refusals)


def _opened(patient: Account, emergency: str) -> Emergency:
    for opened in facts_of(patient.pk).emergencies:
        if opened.id == emergency:
            return opened
    raise NotFoundError("there is no such emergency")
