"""A page of observations: the smallest stretch of time that fills it is opened, not the whole record."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from django.db.models import Max, Min

from egide.cloud.fhir.observations import Observed
from egide.cloud.fhir.search import Search
from egide.cloud.people.models import Account
from egide.cloud.vault.owning import rows_of

__all__ = ["Page", "read_page"]

#: Opens [since_ms, until_ms) of the record: one access, journaled.
Open = Callable[[int, int], list[Observed]]
_FIRST_TRY: Final = 64
_GROWTH: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Observations in the order asked for; `total` when one page holds the whole answer; `more` when it goes on."""

    items: list[Observed]
    more: bool
    total: int | None


def read_page(search: Search, patient: Account, opening: Open) -> Page:
    """Widen the stretch until the page is full or the period is at its end."""
    since, until = search.since_ms, search.until_ms
    if search.after is not None:
        at_ms = search.after[0]
        since, until = (since, min(until, at_ms + 1)) if search.newest_first else (max(since, at_ms), until)
    found: list[Observed] = []
    whole = True
    for begin, end, whole in _stretches(search, patient, since, until):
        opened = opening(*_rounded(patient, begin, end))
        found = [o for o in opened if _wanted(o, search) and (whole or begin <= o.at_ms < end)]
        if len(found) > search.count:
            break
    found.sort(key=lambda o: o.key, reverse=search.newest_first)
    more = len(found) > search.count
    # What was read tells how much there is; a total then must not, or what is hidden from this reader would show in it.
    complete = whole and search.after is None and not more
    return Page(items=found[: search.count], more=more, total=len(found) if complete else None)


def _wanted(observed: Observed, search: Search) -> bool:
    """Within the period (a waveform: partly), and after the page before."""
    if observed.until_ms < search.since_ms or observed.at_ms >= search.until_ms:
        return False
    if search.after is None:
        return True
    return observed.key < search.after if search.newest_first else observed.key > search.after


def _rounded(patient: Account, begin: int, end: int) -> tuple[int, int]:
    """The same stretch, widened so that it cuts no envelope in two: a waveform is shown whole."""
    edges = rows_of(patient.pk).filter(last_ms__gte=begin, first_ms__lt=end).aggregate(
        first=Min("first_ms"), last=Max("last_ms")
    )
    if edges["first"] is None:
        return begin, end
    return min(begin, edges["first"]), max(end, edges["last"] + 1)


def _stretches(search: Search, patient: Account, since: int, until: int) -> Iterator[tuple[int, int, bool]]:
    """(since, until, is it all) growing from the end asked for, by what the envelopes' times say."""
    envelopes = rows_of(patient.pk).filter(last_ms__gte=since, first_ms__lt=until)
    total, size = envelopes.count(), max(_FIRST_TRY, search.count)
    while size < total:
        if search.newest_first:
            begin = envelopes.order_by("-last_ms")[:size].aggregate(m=Min("first_ms"))["m"]
            yield max(since, begin), until, False
        else:
            end = envelopes.order_by("first_ms")[:size].aggregate(m=Max("last_ms"))["m"] + 1
            yield since, min(until, end), False
        size *= _GROWTH
    yield since, until, True
