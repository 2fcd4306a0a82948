"""Dates in a search: a prefix and a span as precise as it was written (FHIR R4, search: date). Pure, but for a zone.

A target is a span too: an instant of one millisecond, or the stretch of a waveform.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from django.conf import settings

from egide.cloud.fhir.asked import EVER_MS
from egide.cloud.fhir.wrong import ParameterError

__all__ = ["Dates", "When", "parse_dates"]

_DATE: Final = re.compile(
    r"(eq|ne|ge|gt|le|lt|sa|eb|ap)?"
    r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2})(?:T([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,9}))?)?"
    r"(Z|[+-][0-9]{2}:[0-9]{2})?)?)?)?"
)
_MOST: Final = 20  # dates in one search


@dataclass(frozen=True, slots=True)
class When:
    """One date: [begin, end) in ms since 1970, and how a target stands to it."""

    prefix: str
    begin: int
    end: int

    def holds(self, start: int, stop: int) -> bool:
        """Whether the target [start, stop) answers."""
        match self.prefix:
            case "eq":
                return self.begin <= start and stop <= self.end
            case "ne":
                return not (self.begin <= start and stop <= self.end)
            case "gt":
                return stop > self.end
            case "lt":
                return start < self.begin
            case "ge":
                return stop > self.end or (self.begin <= start and stop <= self.end)
            case "le":
                return start < self.begin or (self.begin <= start and stop <= self.end)
            case "sa":
                return start >= self.end
            case "eb":
                return stop <= self.begin
            case _:
                return start < self.end and stop > self.begin

    def hull(self) -> tuple[int, int]:
        """A period outside which nothing answers."""
        match self.prefix:
            case "eq" | "ap":
                return self.begin, self.end
            case "gt" | "sa":
                return self.end, EVER_MS
            case "ge":
                return self.begin, EVER_MS
            case "lt" | "eb":
                return 0, self.begin
            case "le":
                return 0, self.end
            case _:
                return 0, EVER_MS


@dataclass(frozen=True, slots=True)
class Dates:
    """Every one of `all` has one that holds; nothing in it is any time."""

    all: tuple[tuple[When, ...], ...] = ()

    def hold(self, start: int, stop: int) -> bool:
        return all(any(when.holds(start, stop) for when in some) for some in self.all)

    def period(self) -> tuple[int, int]:
        """[since, until) outside which nothing answers."""
        since, until = 0, EVER_MS
        for some in self.all:
            hulls = [when.hull() for when in some]
            since = max(since, min(begin for begin, _ in hulls))
            until = min(until, max(end for _, end in hulls))
        return since, until


def parse_dates(name: str, values: list[str], *, now_ms: int) -> Dates:
    """Read a parameter's values: each one or several dates separated by commas.

    Raises:
        ParameterError: not a date, or one that does not exist.
    """
    found = tuple(tuple(_when(name, text, now_ms) for text in value.split(",")) for value in values)
    if sum(map(len, found)) > _MOST:
        raise ParameterError(name, "too many dates")
    return Dates(found)


def _when(name: str, text: str, now_ms: int) -> When:
    match = _DATE.fullmatch(text.replace(" ", "+"))
    if match is None:
        raise ParameterError(name, "is a prefix (eq, ne, ge, gt, le, lt, sa, eb, ap) and a FHIR date")
    begin, end = _span(name, match)
    prefix = match[1] or "eq"
    if prefix == "ap":  # by a tenth of the distance to now, as R4 recommends
        some = abs(now_ms - begin) // 10
        begin, end = max(0, begin - some), end + some
    return When(prefix, begin, end)


def _span(name: str, match: re.Match[str]) -> tuple[int, int]:
    """[begin, end) of a date as precise as it was written; without a zone, in the server's."""
    _, year, month, day, hour, minute, second, fraction, offset = match.groups()
    fraction = fraction[:3] if fraction else ""
    try:
        start = datetime(
            int(year), int(month or 1), int(day or 1), int(hour or 0), int(minute or 0), int(second or 0),
            int(fraction.ljust(3, "0")) * 1000, tzinfo=_zone(offset),
        )  # fmt: skip
        if fraction:
            end = start + timedelta(milliseconds=10 ** (3 - len(fraction)))
        elif hour:
            end = start + (timedelta(seconds=1) if second else timedelta(minutes=1))
        elif day:
            end = (start + timedelta(days=1)).replace(hour=0)
        elif month:
            end = start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)
        else:
            end = start.replace(year=start.year + 1)
        return max(0, round(start.timestamp() * 1000)), max(0, round(end.timestamp() * 1000))
    except (ValueError, OverflowError) as err:
        raise ParameterError(name, "this date does not exist") from err


def _zone(offset: str | None) -> tzinfo:
    if offset is None:
        return ZoneInfo(settings.TIME_ZONE)
    if offset == "Z":
        return UTC
    sign = -1 if offset[0] == "-" else 1
    return timezone(sign * timedelta(hours=int(offset[1:3]), minutes=int(offset[4:6])))
