"""Reading a record through its sealed pages: the same columns as its envelopes give, without opening them.

    rows      the table of envelopes says, as ever, what this decision may open of this period
    covers    a month's page covers some of them; one of which the table says anything else than when it was written
              (moved, attributed, contested, sealed anew...) is left to its envelope, as is what came since
    columns   where the decision opens all that the month holds, its columns are cut as they lie; elsewhere each
              envelope is put together again and goes through the very same sight as an opened one

A page that does not open as it should is not used: the envelopes are there, and `egide fsck` names the page.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from django.db.models import QuerySet

from egide.cloud.consent.families import family_of
from egide.cloud.consent.rules import Decision
from egide.cloud.fleet.models import Pairing
from egide.cloud.keys.models import RecordKey
from egide.cloud.release.columns import Column, Read, columns_in, marks
from egide.cloud.release.deciding import Ask
from egide.cloud.release.scope import keys_open
from egide.cloud.vault.models import Envelope, Page
from egide.cloud.vault.owning import held, rows_of
from egide.cloud.vault.pages import Cover, Part, State, decode_cover, decode_part, month_of, months_between, read_lines
from egide.cloud.vault.pages_rolling import Rolled
from egide.cloud.vault.pages_rows import Place, state_of, states_of
from egide.cloud.vault.pages_sealed import PageKey
from egide.errors import EgideError
from egide.measure.plausibility import spread

__all__ = ["Paged", "read_pages"]

#: A page is opened when at least so many of its envelopes are wanted, and at least one in so many.
_FEW: Final = 24
_SHARE: Final = 6
_CHUNK: Final = 2_000
_log = logging.getLogger("egide.pages")


@dataclass(slots=True)
class Paged:
    """What pages gave, and of which envelopes; `rest` must be opened."""

    columns: list[Column] = field(default_factory=list)
    rest: list[int] = field(default_factory=list)
    rolled: list[Rolled] = field(default_factory=list)  # of months that are in neither

    def others(self, rows: QuerySet[Envelope]) -> Iterator[Envelope]:
        """Those of these rows that pages did not give."""
        for at in range(0, len(self.rest), _CHUNK):
            yield from rows.filter(entry__in=self.rest[at : at + _CHUNK])


@dataclass(frozen=True, slots=True)
class _Look:
    """One ask, the decision about it, and what was read for it."""

    ask: Ask
    decision: Decision
    pairings: Mapping[int, Pairing]
    keys: Mapping[int, RecordKey]
    roll: bool


def read_pages(ask: Ask, decision: Decision, *, roll: bool = False) -> Paged | None:
    """What the record's pages give of an ask that was answered yes; None: there are none.

    With `roll`, a month that is asked for whole, is seen whole and is as its page says comes as its roll-ups.
    """
    mine = keys_open(ask.patient.pk, ask.reader, decision)
    first, last = months_between(ask.since_ms, ask.until_ms)
    written = Page.objects.filter(part=0, sealed__isnull=False, month__range=(first, last))
    covers = written.filter(record_key__in=mine, record_key__subject=ask.patient.pk)
    found: dict[Place, Page] = {(p.record_key_id, p.pairing_id, p.month): p for p in covers}
    if not found:
        return None
    rows = rows_of(ask.patient.pk, mine).filter(last_ms__gte=ask.since_ms, first_ms__lt=ask.until_ms)
    months: dict[Place, list[State]] = {}
    paged = Paged()
    for row in states_of(rows):
        if held(row[3]):
            paged.rest.append(row[0])
        else:
            months.setdefault((row[8], row[7], month_of(row[5])), []).append(state_of(row))
    look = _Look(
        ask, decision, Pairing.objects.in_bulk({place[1] for place in found}),
        {key.pk: key for key in RecordKey.objects.filter(pk__in={place[0] for place in found})}, roll,
    )  # fmt: skip
    for place, states in sorted(months.items()):
        _take(look, paged, found.get(place), states)
    return paged


def _take(look: _Look, paged: Paged, page: Page | None, states: list[State]) -> None:
    """One month: from its page what is there, the rest from the envelopes."""
    if page is not None and len(states) >= _FEW and len(states) * _SHARE >= page.count:
        try:
            columns, given, rolled = _month(look, page, states)
        except (EgideError, KeyError) as err:
            _log.warning("a page cannot be used: %s", err.code if isinstance(err, EgideError) else "part-missing")
        else:
            paged.columns += columns
            paged.rolled += rolled
            paged.rest += [state.entry for state in states if state.entry not in given]
            return
    paged.rest += [state.entry for state in states]


def _month(look: _Look, page: Page, states: Sequence[State]) -> tuple[list[Column], set[int], list[Rolled]]:
    """The columns that a page gives of these envelopes, and which envelopes they are; or its roll-ups for them.

    Raises:
        EgideError, KeyError: the page is not whole.
    """
    key, pairing = PageKey.of(look.keys[page.record_key_id]), look.pairings[page.pairing_id]
    plain = key.open(bytes(page.sealed or b""), pairing, page.month, 0)
    cover = decode_cover(plain)
    given = set(states).intersection(cover.states)
    wanted = [n for n, state in enumerate(cover.states) if state in given]
    whole = _sees_all(look.decision, cover)
    codes = look.ask.codes if whole else ()
    numbers = [n for n, metric in enumerate(cover.metrics, 1) if not codes or metric[0] in codes]
    rows = Page.objects.filter(
        record_key=page.record_key_id, pairing=page.pairing_id, month=page.month, part__in=numbers
    )
    sealed = {row.part: bytes(row.sealed or b"") for row in rows}
    parts = [decode_part(key.open(sealed[n], pairing, page.month, n, plain), cover) for n in numbers]
    entries = {state.entry for state in given}
    if look.roll and whole and len(given) == len(cover.states) and _inside(look.ask, cover, numbers):
        rolled = [part.rolled() for part in parts]
        if None not in rolled:
            return [], entries, [one for hours in rolled if hours for one in hours]
    cut = _cut if whole else _seen
    return cut(look, cover, parts, pairing, wanted), entries, []


def _inside(ask: Ask, cover: Cover, numbers: Sequence[int]) -> bool:
    """Whether all of these metrics lies in the period that was asked for."""
    spans = [cover.metrics[n - 1][1:] for n in numbers]
    return all(ask.since_ms <= first and last < ask.until_ms for first, last in spans)


def _sees_all(decision: Decision, cover: Cover) -> bool:
    """Whether nothing of what this page holds is hidden from this reader, nor beyond what the decision opens."""
    for code, first, last in cover.metrics:
        family = family_of(code)
        opens = (w for w in decision.opens if w.families is None or family in w.families)
        hides = (w for w in decision.hides if w.families is None or family in w.families)
        if not any((w.since_ms or first) <= first and (w.until_ms is None or last < w.until_ms) for w in opens):
            return False
        if any((w.since_ms or last) <= last and (w.until_ms is None or first < w.until_ms) for w in hides):
            return False
    return True


def _seen(
    look: _Look, cover: Cover, parts: Sequence[Part], pairing: Pairing, wanted: Sequence[int]
) -> list[Column]:
    """Envelope by envelope, through the same sight as those that were opened."""
    columns: list[Column] = []
    for line in read_lines(cover, parts, wanted):
        state = line.state
        read = Read(
            entry=state.entry, flags=state.flags, received_ms=state.received_ms, correction_ms=line.correction_ms,
            trust=line.trust, doubts=line.doubts, object_id=str(pairing.object_id), pairing_id=str(pairing.uuid),
            readings=line.readings,
        )  # fmt: skip
        columns += columns_in(read, look.ask, look.decision)
    return columns


def _cut(look: _Look, cover: Cover, parts: Sequence[Part], pairing: Pairing, wanted: Sequence[int]) -> list[Column]:
    """Series by series, as they lie: the decision hides nothing of them."""
    mine = None if len(wanted) == len(cover.states) else frozenset(wanted)
    said = {bits: marks(bits) for bits in {state.flags for state in cover.states}}
    shifts = [t0 + correction for t0, correction in zip(cover.t0_ms, cover.correction_ms, strict=True)]
    fixed: dict[str, Any] = {"object_id": str(pairing.object_id), "pairing_id": str(pairing.uuid)}
    since, until = look.ask.since_ms, look.ask.until_ms
    columns: list[Column] = []
    for part in parts:
        offsets, values = part.offsets, part.values
        for i, n in enumerate(part.line):
            if mine is not None and n not in mine:
                continue
            state, shift, count, period = cover.states[n], shifts[n], part.counts[i], part.period[i]
            if period == 1 or count == 1:  # one value, at t0 or at its offset
                times: tuple[int, ...] = (shift if period else shift + offsets[part.offset_starts[i]],)
            elif period:
                times = tuple([shift + k * (period - 1) // 1000 for k in range(count)])
            else:
                begin = part.offset_starts[i]
                times = tuple([shift + ms for ms in offsets[begin : begin + count]])
            at, first, last = part.starts[i], 0, count
            if times[0] < since or times[-1] >= until:
                kept = [k for k, t in enumerate(times) if since <= t < until]
                if not kept:
                    continue
                first, last = kept[0], kept[-1] + 1  # times never decrease
                times = times[first:last]
            odd = part.doubts.get(i)
            unit, exponent = part.units[part.unit[i]]
            columns.append(
                Column(
                    entry=state.entry, position=part.position[i], code=part.code, unit=unit, exponent=exponent,
                    times_ms=times, correction_ms=cover.correction_ms[n],
                    values=tuple(values[at + first : at + last]), trust=cover.trust[n], flags=said[state.flags],
                    received_ms=state.received_ms, first=first, **fixed,
                    doubts=_cut_doubts(spread(odd, count), first, last) if odd else {},
                )
            )  # fmt: skip
    return columns


def _cut_doubts(odd: Mapping[int, str], first: int, last: int) -> dict[int, str]:
    return {i - first: word for i, word in odd.items() if first <= i < last}
