"""Who watches a patient's measurements, and in which hours: what a team said of itself, in words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import time

from django.utils import formats
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext as _

from egide.cloud.consent.attested import facts_of
from egide.cloud.consent.facts import Care, Hours, Shift, runs
from egide.cloud.consent.rules import opposed
from egide.cloud.people.models import Account
from egide.cloud.people.service import name_of
from egide.cloud.portal import words
from egide.cloud.portal.sharing import list_words

__all__ = ["Watched", "hours_words", "shift_words", "watched_of", "watching_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """One follow-up: who answers for it, and when it is watched. `hours` empty: nobody said, or at no set hour."""

    care_id: str  # "" for a follow-up that was begun without papers
    who: str
    operator: str
    said: bool
    hours: tuple[str, ...]
    note: str = ""
    zone: str = ""  # told only where it is not the reader's
    since_ms: int = 0
    paused: bool = False
    paused_until_ms: int | None = None


def watching_of(patient: Account, *, now_ms: int, only: Iterable[str] | None = None) -> list[Watched]:
    """The follow-ups that run and that the patient does not refuse; `only` some of them, by their ids."""
    facts = facts_of(patient.pk)
    kept = None if only is None else set(only)
    running = [
        c for c in facts.care
        if runs(c, now_ms) and c.agreed is not False and not opposed(facts, c.id, "", at_ms=now_ms)
        and (kept is None or c.id in kept)
    ]  # fmt: skip
    loose = [
        f.professional for f in facts.follows
        if not f.follow_up and runs(f, now_ms) and not opposed(facts, "", f.professional, at_ms=now_ms)
    ]  # fmt: skip
    bare = list(dict.fromkeys(loose)) if kept is None else []
    ids = {c.responsible for c in running} | set(bare)
    names = {str(a.pk): name_of(a) for a in Account.objects.filter(pk__in=ids)}
    told = [watched_of(care, names.get(care.responsible, _("a closed account")), now_ms=now_ms) for care in running]
    return told + [
        Watched(care_id="", who=names[name], operator="", said=False, hours=()) for name in bare if name in names
    ]


def watched_of(care: Care, who: str, *, now_ms: int) -> Watched:
    """One care relation, named by `who` answers for it."""
    pause = next((p for p in care.pauses if runs(p, now_ms)), None)
    hours = care.hours
    return Watched(
        care_id=care.id,
        who=who,
        operator=care.operator,
        said=hours is not None,
        hours=hours_words(hours),
        note=hours.note if hours else "",
        zone=hours.zone if hours and hours.zone != str(words.zone()) else "",
        since_ms=hours.since_ms if hours else 0,
        paused=pause is not None,
        paused_until_ms=pause.until_ms if pause else None,
    )


def hours_words(hours: Hours | None) -> tuple[str, ...]:
    """Each shift as a person says it, in the wall clock of who said it."""
    return tuple(shift_words(shift) for shift in hours.shifts) if hours else ()


def shift_words(shift: Shift) -> str:
    told = {"days": _days(shift.days), "since": _minute(shift.since), "until": _minute(shift.until)}
    if (shift.since, shift.until) == (0, 24 * 60):
        return _("%(days)s, day and night") % told
    return _("%(days)s, %(since)s to %(until)s") % told


def _days(days: tuple[int, ...]) -> str:
    ordered = sorted(set(days))
    names = [str(WEEKDAYS[day - 1]) for day in ordered]
    if len(ordered) == 7:
        return _("every day")
    if len(ordered) > 2 and ordered[-1] - ordered[0] == len(ordered) - 1:
        return _("%(first)s to %(last)s") % {"first": names[0], "last": names[-1]}
    return list_words(names)


def _minute(minute: int) -> str:
    return formats.time_format(time(minute // 60 % 24, minute % 60), "TIME_FORMAT")
