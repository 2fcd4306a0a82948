"""Those who act for a patient, as the desk writes them down: by a deed, suspended by a court, ended by a death.

Each act is the statement of consent/representation.py. What narrows is done at once by anybody at the desk; what opens
is done by those who answer for the establishment, with a factor.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from django.utils import timezone

from egide.cloud.consent.attested import facts_of
from egide.cloud.consent.facts import runs
from egide.cloud.consent.representation import represent
from egide.cloud.governance.deadlines import years_later
from egide.cloud.governance.duties import duties
from egide.cloud.governance.erasing import birth_of
from egide.cloud.people.models import Account
from egide.cloud.people.service import name_of
from egide.errors import EgideError, RefusedError

__all__ = ["Acting", "acting_for", "adult_on", "died_on", "midnight_ms", "record"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Acting:
    """Somebody who acts for the patient, or did. `state`: open | future | suspended | of-age | over | died."""

    id: str
    name: str
    nature: str
    deed: str
    since_ms: int
    until_ms: int | None
    state: str


def acting_for(patient: Account, *, now_ms: int) -> list[Acting]:
    """Everybody, those in force first, as signed."""
    facts = facts_of(patient.pk)
    found = []
    for held in facts.representations:
        ends = [end for end in (held.until_ms, held.adult_ms) if end is not None]
        state = "open"
        if held.until_ms is not None and held.until_ms <= now_ms:
            state = "over"
        elif held.adult_ms is not None and held.adult_ms <= now_ms:
            state = "of-age"
        elif facts.died_ms is not None:
            state = "died"
        elif any(runs(stop, now_ms) for stop in held.suspended):
            state = "suspended"
        elif now_ms < held.since_ms:
            state = "future"
        found.append(
            Acting(
                id=held.id, name=_name(held.representative), nature=held.nature, deed=held.deed,
                since_ms=held.since_ms, until_ms=min(ends, default=None), state=state,
            )
        )  # fmt: skip
    return sorted(found, key=lambda one: (one.state in ("over", "of-age", "died"), one.since_ms))


def record(
    patient: Account, representative: Account, *, nature: str, deed: str, by: Account, now_ms: int,
    until: date | None = None, birth: date | None = None,
) -> str:  # fmt: skip
    """Write down that somebody acts for a patient, on the sight of a deed. `birth`: where the platform knows none.

    Raises:
        RefusedError: as `represent`; a parent without the child's birth date, or of somebody who is of age.
    """
    adult_ms = None
    if nature == "parent":
        born = birth_of(patient) or birth
        if born is None:
            raise RefusedError("a parent's access ends on the 18th birthday: give the birth date")
        adult_ms = midnight_ms(adult_on(born))
    return represent(
        patient, representative, nature=nature, deed=deed, recorded_by=by, now_ms=now_ms,
        until_ms=None if until is None else midnight_ms(until), adult_ms=adult_ms,
    )  # fmt: skip


def adult_on(birth: date) -> date:
    """The birthday on which a parent's access ends by itself; of 29 February, the day after the 28th."""
    day = years_later(birth, duties().rules["adult"].years)
    return day if (day.month, day.day) == (birth.month, birth.day) else date(day.year, 3, 1)


def died_on(patient: Account) -> date | None:
    """The day of the death that the desk recorded."""
    died_ms = facts_of(patient.pk).died_ms
    if died_ms is None:
        return None
    return datetime.fromtimestamp(died_ms / 1000, tz=UTC).astimezone(timezone.get_default_timezone()).date()


def midnight_ms(day: date) -> int:
    """The first instant of a day, where the establishment is."""
    return round(datetime.combine(day, time(), tzinfo=timezone.get_default_timezone()).timestamp() * 1000)


def _name(account_id: str) -> str:
    try:
        return name_of(Account.objects.get(pk=account_id))
    except (Account.DoesNotExist, EgideError):
        return ""
