"""A form's days and hours, read and shown again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.utils.dates import WEEKDAYS

from egide.cloud.consent.facts import Hours, Shift
from egide.cloud.consent.hours import DAY_MINUTES
from egide.cloud.portal.sharing import Choice
from egide.errors import RefusedError

__all__ = ["ROWS", "HourRow", "hour_rows", "shifts_in"]

ROWS: Final = 2
_TIME: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)", re.ASCII)
_USUAL: Final = Shift(days=(), since=9 * 60, until=18 * 60)


@dataclass(frozen=True, slots=True, kw_only=True)
class HourRow:
    """One line of the form: seven days, from when, until when."""

    n: int
    days: tuple[Choice, ...]
    since: str
    until: str


def hour_rows(hours: Hours | None) -> list[HourRow]:
    """What was said, to be said anew; as many lines as it needs, two at least."""
    shifts = list(hours.shifts) if hours else []
    shifts += [_USUAL] * (ROWS - len(shifts))
    return [_row(n, shift) for n, shift in enumerate(shifts, 1)]


def _row(n: int, shift: Shift) -> HourRow:
    return HourRow(
        n=n,
        days=tuple(Choice(value=str(d), label=str(WEEKDAYS[d - 1]), checked=d in shift.days) for d in range(1, 8)),
        since=_written(shift.since),
        until=_written(shift.until),
    )


def shifts_in(posted: Any, most: int) -> list[Shift]:
    """The lines of which a day is ticked. Raises RefusedError: a day or an hour that is none."""
    found = []
    for n in range(1, most + 1):
        days = posted.getlist(f"days-{n}")
        if not days:
            continue
        if any(day not in set("1234567") for day in days):
            raise RefusedError("there is no such day")
        until = _minute(posted, f"until-{n}")
        shift = Shift(days=tuple(sorted({int(d) for d in days})), since=_minute(posted, f"since-{n}"), until=until)
        found.append(Shift(days=shift.days, since=shift.since, until=until or DAY_MINUTES))
    return found


def _minute(posted: Mapping[str, str], name: str) -> int:
    match = _TIME.fullmatch(posted.get(name, ""))
    if match is None:
        raise RefusedError("this is not an hour")
    return int(match[1]) * 60 + int(match[2])


def _written(minute: int) -> str:
    return f"{minute // 60 % 24:02}:{minute % 60:02}"
