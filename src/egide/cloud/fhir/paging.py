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

__all__ = ["Page", "page_of", "read_page", "rounded"]

#: Opens [since_ms, until_ms) of the record: one access, journaled.
Open = Callable[[int, int], list[Observed]]
_FIRST_TRY: Final = 16
_DENSE: Final = 8  # readings of an envelope, where an object sends several at once
_GROWTH: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Observations in the order asked for; `total` when it is known or was asked for; `more` when it goes on."""

    items: list[Observed]
    more: bool
    total: int | None


def read_page(search: Search, patient: Account, opening: Open) -> Page:
    """Widen the stretch until the page is full or the period is at its end.

    A total that was asked for, or an order by arrival, opens the whole period.
    """
    since, until = search.since_ms, search.until_ms
    all_of_it = search.by_arrival or search.common.counts_only or search.common.total in {"accurate", "estimate"}
    if search.after is not None and not all_of_it:
        at_ms = search.after[0]
        since, until = (since, min(until, at_ms + 1)) if search.newest_first else (max(since, at_ms), until)
    if since >= until:
        opening(since, since)  # asked all the same: a yes and a no are journaled, and a no is a no
        return Page(items=[], more=False, total=0)
    found: list[Observed] = []
    whole = True
    for begin, end, whole in _stretches(search, patient, since, until, all_of_it=all_of_it):
        opened = opening(*rounded(patient, begin, end))
        found = [o for o in opened if search.keep(o) and (whole or _within(o, search, begin, end))]
        if not whole and sum(_follows(o, search) for o in found) > search.count:
            break
    return page_of(search, found, whole=whole and (all_of_it or search.after is None))


def page_of(search: Search, found: list[Observed], *, whole: bool) -> Page:
    """The page of what was found. `whole`: nothing that answers is missing from it, before the page or after."""
    left = sorted((o for o in found if _follows(o, search)), key=search.key, reverse=search.newest_first)
    more = len(left) > search.count > 0
    # What was read tells how much there is; a total then must not, or what is hidden from this reader would show in it.
    asked = search.common.counts_only or search.common.total in {"accurate", "estimate"}
    told = whole and search.common.total != "none" and (asked or (search.after is None and not more))
    return Page(items=left[: search.count], more=more, total=len(found) if told else None)


def _within(observed: Observed, search: Search, begin: int, end: int) -> bool:
    """On this side of the end that the stretch grows towards; a waveform may begin before the period itself."""
    return observed.at_ms >= begin if search.newest_first else observed.at_ms < end


def _follows(observed: Observed, search: Search) -> bool:
    """After the page before."""
    if search.after is None:
        return True
    key = search.key(observed)
    return key < search.after if search.newest_first else key > search.after


def rounded(patient: Account, begin: int, end: int) -> tuple[int, int]:
    """The same stretch, widened so that it cuts no envelope in two: a waveform is shown whole."""
    edges = (
        rows_of(patient.pk)
        .filter(last_ms__gte=begin, first_ms__lt=end)
        .aggregate(first=Min("first_ms"), last=Max("last_ms"))
    )
    if edges["first"] is None:
        return begin, end
    return min(begin, edges["first"]), max(end, edges["last"] + 1)


def _stretches(
    search: Search, patient: Account, since: int, until: int, *, all_of_it: bool
) -> Iterator[tuple[int, int, bool]]:
    """(since, until, is it all) growing from the end asked for, by what the envelopes' times say."""
    envelopes = rows_of(patient.pk).filter(last_ms__gte=since, first_ms__lt=until)
    total, size = 0 if all_of_it else envelopes.count(), max(_FIRST_TRY, search.count // _DENSE)
    while size < total:
        if search.newest_first:
            begin = envelopes.order_by("-last_ms")[:size].aggregate(m=Min("first_ms"))["m"]
            yield max(since, begin), until, False
        else:
            end = envelopes.order_by("first_ms")[:size].aggregate(m=Max("last_ms"))["m"] + 1
            yield since, min(until, end), False
        size *= _GROWTH
    yield since, until, True
