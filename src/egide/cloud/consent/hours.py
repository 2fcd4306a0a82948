"""In which hours a follow-up is watched: said by the doctor who answers for it, in a signed statement.

It opens nothing and closes nothing: it is what a patient may count on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from egide.cloud.consent.acts import say, text_of
from egide.cloud.consent.facts import Shift, runs
from egide.cloud.consent.follow_ups import follow_ups_of
from egide.cloud.people.models import Account
from egide.errors import NotFoundError, RefusedError

__all__ = ["DAY_MINUTES", "MOST", "state_hours"]

DAY_MINUTES: Final = 1_440
MOST: Final = 4  # shifts of one follow-up
_WEEK: Final = frozenset(range(1, 8))


def state_hours(
    patient: Account, follow_up: str, shifts: Sequence[Shift], *, zone: str, by: Account, now_ms: int, note: str = ""
) -> None:
    """From now on the measurements are watched in these hours; none: at no set hour. The last word counts.

    Raises:
        NotFoundError: no such follow-up.
        RefusedError: another person's to say; it is over; days or hours that are none.
    """
    care = next((c for c in follow_ups_of(patient) if c.id == follow_up), None)
    if care is None:
        raise NotFoundError("there is no such follow-up")
    if not runs(care, now_ms):
        raise RefusedError("this follow-up is over")
    if care.responsible != str(by.pk):
        raise RefusedError("only who answers for a follow-up says when it is watched")
    if len(shifts) > MOST:
        raise RefusedError("these are too many hours")
    for shift in shifts:
        if not shift.days or not _WEEK.issuperset(shift.days) or not 0 <= shift.since < shift.until <= DAY_MINUTES:
            raise RefusedError("say some days, and hours that end after they begin")
    said = {
        "follow_up": follow_up, "zone": zone, "note": text_of(note, needed=False), "by": str(by.pk), "since": now_ms,
        "shifts": [{"days": sorted(set(w.days)), "since": w.since, "until": w.until} for w in shifts],
    }  # fmt: skip
    say("care-hours", patient, said, now_ms=now_ms)
