"""Until when, and until when at least: pure rules over versioned duties. No clock, no database."""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo

from egide.cloud.governance.duties import Retention, Right
from egide.errors import RefusedError

__all__ = ["Deadline", "Term", "care_term", "deadline", "extended", "months_later", "years_later"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """An answer is given from `not_before_ms` on, and before `due_ms`."""

    not_before_ms: int
    due_ms: int
    old: bool  # the longer time, because of what is old


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """A care record is kept until the end of `until`; `rule` says which of the rules decided.

    `sure` is false when a date that could push it later is not known.
    """

    until: date
    rule: str  # last-contact | birthday | death
    sure: bool


def deadline(right: Right, *, asked_ms: int, oldest_ms: int | None, zone: tzinfo) -> Deadline:
    """The times of an answer to a request made at `asked_ms`, when the oldest thing it covers is of `oldest_ms`.

    A month ends on the day of the same number, or on the last day of a shorter month; hours are those of `zone`.
    """
    asked = _local(asked_ms, zone)
    horizon = years_later(asked.date(), -right.old_years)
    old = bool(right.old_years and oldest_ms is not None and _local(oldest_ms, zone).date() < horizon)
    if old:
        due = _months_later(asked, right.old_months)
    elif right.days:
        due = asked + timedelta(days=right.days)
    else:
        due = _months_later(asked, right.months)
    return Deadline(not_before_ms=asked_ms + right.wait_hours * 3_600_000, due_ms=_ms(due), old=old)


def extended(right: Right, *, asked_ms: int, due_ms: int, zone: tzinfo) -> int:
    """The due time once extended. Raises RefusedError: this right knows no extension, or had it."""
    longest = _ms(_months_later(_local(asked_ms, zone), right.months + right.extra_months))
    if not right.extra_months or due_ms >= longest:
        raise RefusedError("this answer cannot be put off")
    return longest


def care_term(rule: Retention, *, last_contact: date, birth: date | None = None, death: date | None = None) -> Term:
    """Until when a care record must be kept.

    A death soon after the last contact counts from the death; else the later of the years since the last contact and
    the birthday. A birth date that is not known makes the answer a lower bound.
    """
    if death is not None and death <= years_later(last_contact, rule.death_within_years):
        return Term(until=years_later(death, rule.years_after_death), rule="death", sure=True)
    plain = years_later(last_contact, rule.years_from_last_contact)
    if birth is not None and (birthday := years_later(birth, rule.birthday)) > plain:
        return Term(until=birthday, rule="birthday", sure=True)
    return Term(until=plain, rule="last-contact", sure=birth is not None)


def years_later(day: date, years: int) -> date:
    """The same day of another year; 29 February becomes the 28th where there is none."""
    return months_later(day, 12 * years)


def months_later(day: date, months: int) -> date:
    """The same day of another month, or its last."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return day.replace(year=year, month=month + 1, day=min(day.day, calendar.monthrange(year, month + 1)[1]))


def _months_later(at: datetime, months: int) -> datetime:
    return datetime.combine(months_later(at.date(), months), at.timetz())


def _local(ms: int, zone: tzinfo) -> datetime:
    return datetime.fromtimestamp(ms / 1000, tz=UTC).astimezone(zone)


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)
