"""The parameters of GET /fhir/Observation, read strictly: a filter that is ignored in silence is a danger."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import QueryDict

from egide.cloud.fhir.codes import codes_searched
from egide.errors import MalformedError

__all__ = ["EVER_MS", "Search", "parse_cursor", "parse_search"]

EVER_MS: Final = 2**48
DEFAULT_COUNT: Final = 50
MAX_COUNT: Final = 1000
_KNOWN: Final = frozenset(
    {
        "patient",
        "subject",
        "code",
        "combo-code",
        "date",
        "_count",
        "_sort",
        "_cursor",
        "_format",
        "_pretty",
        "_purpose",
    }
)
_DATE: Final = re.compile(
    r"(eq|ge|gt|le|lt|sa|eb)?"
    r"(\d{4})(?:-(\d{2})(?:-(\d{2})(?:T(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,3}))?)?(Z|[+-]\d{2}:\d{2})?)?)?)?"
)
_CURSOR: Final = re.compile(r"(\d{1,15})-(\d{1,19})-(\d{1,2})-(\d{1,6})")
Key = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What is asked for: the period is [since_ms, until_ms); no codes means every metric."""

    patient: str = ""
    codes: tuple[str, ...] = ()
    since_ms: int = 0
    until_ms: int = EVER_MS
    count: int = DEFAULT_COUNT
    newest_first: bool = True
    after: Key | None = None  # the last one of the page before


def parse_search(query: QueryDict) -> Search:
    """Raises MalformedError for a parameter that is unknown, repeated without sense, or not of its form."""
    if unknown := sorted(set(query) - _KNOWN):
        raise MalformedError(f"search parameter not supported: {unknown[0][:40]}")
    patients = {
        value.removeprefix("Patient/") for name in ("patient", "subject") for value in query.getlist(name)
    }
    if len(patients) > 1:
        raise MalformedError("a search is about one patient")
    search = Search(
        patient=patients.pop() if patients else "",
        codes=_codes(query),
        count=_count(query.get("_count", "")),
        newest_first=_newest_first(query.get("_sort", "-date")),
        after=parse_cursor(cursor) if (cursor := query.get("_cursor")) else None,
    )
    for text in query.getlist("date"):
        search = _narrow(search, text)
    return search


def parse_cursor(text: str) -> Key:
    """Raises MalformedError."""
    if (match := _CURSOR.fullmatch(text)) is None:
        raise MalformedError("_cursor is not one that this server gave")
    at_ms, entry, position, index = map(int, match.groups())
    return at_ms, entry, position, index


def _codes(query: QueryDict) -> tuple[str, ...]:
    given = query.getlist("code") + query.getlist("combo-code")
    if len(given) > 1:
        raise MalformedError("give codes once, separated by commas")
    return codes_searched(given[0].split(",")) if given else ()


def _count(text: str) -> int:
    if not text:
        return DEFAULT_COUNT
    if not text.isascii() or not text.isdigit() or len(text) > 9 or int(text) < 1:
        raise MalformedError("_count is a positive number")
    return min(int(text), MAX_COUNT)


def _newest_first(text: str) -> bool:
    if text not in {"date", "-date"}:
        raise MalformedError("_sort is date or -date")
    return text == "-date"


def _narrow(search: Search, text: str) -> Search:
    """Apply one `date`: its prefix, and the span of time that its precision means."""
    match = _DATE.fullmatch(text.replace(" ", "+"))
    if match is None:
        raise MalformedError("date is a prefix (eq, ge, gt, le, lt, sa, eb) and a FHIR date")
    begin, end = _span(match)
    prefix = match[1] or "eq"
    since, until = search.since_ms, search.until_ms
    if prefix in {"eq", "ge"}:
        since = max(since, begin)
    if prefix in {"eq", "le"}:
        until = min(until, end)
    if prefix in {"gt", "sa"}:
        since = max(since, end)
    if prefix in {"lt", "eb"}:
        until = min(until, begin)
    return replace(search, since_ms=since, until_ms=until)


def _span(match: re.Match[str]) -> tuple[int, int]:
    """[begin, end) in ms of a date as precise as it was written; without a zone, in the server's."""
    _, year, month, day, hour, minute, second, fraction, offset = match.groups()
    try:
        start = datetime(
            int(year), int(month or 1), int(day or 1), int(hour or 0), int(minute or 0), int(second or 0),
            int((fraction or "0").ljust(3, "0")) * 1000, tzinfo=_zone(offset),
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
        raise MalformedError("date does not exist") from err


def _zone(offset: str | None) -> tzinfo:
    if offset is None:
        return ZoneInfo(settings.TIME_ZONE)
    if offset == "Z":
        return UTC
    sign = -1 if offset[0] == "-" else 1
    return timezone(sign * timedelta(hours=int(offset[1:3]), minutes=int(offset[4:6])))
