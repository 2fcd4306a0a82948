"""Writing pages: a job beside intake, in small transactions, that can stop anywhere and goes on where it was.

    look_on   which months got envelopes since the last look: a cursor on the register's numbers
    write_due the months that have waited, or got many: what changed is opened, sealed into a page, and written

Nothing is opened or sealed inside a transaction. A page is written only if the envelopes that it covers are still as
they were read, so what moved away or was erased meanwhile is in none.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Final

from django.db.models import F, Q, Sum
from django.db.models.functions import Greatest

from egide.cloud.fleet.models import Pairing
from egide.cloud.keys.models import RecordKey
from egide.cloud.keys.provider import provider
from egide.cloud.register.store import leaves_at
from egide.cloud.vault.models import Envelope, Page, PageCursor
from egide.cloud.vault.opening import Opened, Vault
from egide.cloud.vault.owning import held
from egide.cloud.vault.pages import (
    MOST_VALUES,
    Line,
    Month,
    State,
    decode_cover,
    decode_part,
    encode_month,
    fits,
    month_of,
    read_lines,
)  # fmt: skip
from egide.cloud.vault.pages_rows import Place, note_months, of_place, pages_lock, state_of, states_of
from egide.cloud.vault.pages_sealed import PageKey
from egide.errors import EgideError, KeyMissingError, NotFoundError, StorageError
from egide.measure.readings import decode_readings
from egide.trust.cose import Sign1

__all__ = ["LEAST", "due", "look_on", "open_lines", "rebuild", "status", "write_due", "write_page"]

#: Fewer envelopes than these in a month are read as fast without a page.
LEAST: Final = 32
MANY: Final = 64  # that came: a month is written again
WAIT_MS: Final = 15 * 60_000  # or that came this long ago
_LOOK: Final = 10_000
_SOME: Final = 20  # pages of one turn
_log = logging.getLogger("egide.pages")


def look_on(*, now_ms: int) -> int:
    """Note the months of the next envelopes; returns how many envelopes were looked at."""
    cursor = PageCursor.objects.order_by("pk").first() or PageCursor.objects.create(entry=0)
    came = Envelope.objects.filter(entry__gt=cursor.entry).order_by("entry")
    rows = list(came.values_list("entry", "data_key__record_key_id", "pairing_id", "first_ms")[:_LOOK])
    if rows:
        with pages_lock():
            if not PageCursor.objects.filter(pk=cursor.pk, entry=cursor.entry).update(entry=rows[-1][0]):
                return 0  # somebody else looked
            note_months([(key, pairing, month_of(first)) for _, key, pairing, first in rows], now_ms=now_ms)
    return len(rows)


def due(now_ms: int) -> list[Place]:
    """The months to be written now, those that waited longest first."""
    ready = Q(waiting__gte=MANY) | Q(waiting_ms__lte=now_ms - WAIT_MS)
    pages = Page.objects.filter(ready, part=0, waiting__gt=0, record_key__erased_ms=None)
    return list(pages.order_by("waiting_ms", "pk").values_list("record_key_id", "pairing_id", "month")[:_SOME])


def write_due(*, now_ms: int) -> int:
    """Write some of the months that are due; returns how many. One that cannot be written stops no other.

    Raises:
        KeyMissingError: this process has not the key-encryption key. StorageError: the store does not answer.
    """
    places = due(now_ms)
    for place in places:
        try:
            write_page(place)
        except StorageError:
            raise
        except EgideError as err:  # read from its envelopes meanwhile; `egide fsck` says what is wrong with them
            if isinstance(err, KeyMissingError):
                provider().keys()  # ours is missing: no month can be written
            _log.warning("a page was not written: %s", err.code)
            _put_off(place, now_ms)
    return len(places)


def rebuild(*, now_ms: int, progress: Callable[[int], None] = lambda _: None) -> int:
    """Take every page away and write all of them anew; returns how many months were looked at."""
    with pages_lock():
        Page.objects.all().delete()
        PageCursor.objects.all().delete()
    while look_on(now_ms=now_ms):
        pass
    done = 0
    while wrote := write_due(now_ms=now_ms + WAIT_MS):
        done += wrote
        progress(done)
    return done


def status() -> dict[str, int]:
    """Pages, the envelopes that they cover, all envelopes, and those that came since their months were written."""
    covers = Page.objects.filter(part=0)
    sums = covers.aggregate(covered=Sum("count"), waiting=Sum("waiting"))
    cursor = PageCursor.objects.order_by("pk").values_list("entry", flat=True).first() or 0
    return {
        "pages": covers.filter(sealed__isnull=False).count(),
        "covered": sums["covered"] or 0,
        "envelopes": Envelope.objects.count(),
        "waiting": (sums["waiting"] or 0) + Envelope.objects.filter(entry__gt=cursor).count(),
    }


def write_page(place: Place) -> bool:
    """Write one month's page from what is there; whether it has one now.

    Raises KeyMissingError: the class was erased. SealError: nothing of the month opens.
    """
    key, pairing = RecordKey.objects.get(pk=place[0]), Pairing.objects.get(pk=place[1])
    page_key, before = PageKey.of(key), _waiting(place)
    rows = [row for row in states_of(of_place(place)) if not held(row[3])]
    states = [state_of(row) for row in rows]
    lines = _lines(page_key, key, pairing, place, states) if len(states) >= LEAST else []
    month = encode_month(lines) if lines else Month(b"", ())
    sealed = _seal(page_key, pairing, place[2], month)
    with pages_lock():
        if not RecordKey.objects.filter(pk=key.pk, erased_ms=None).exists():
            raise KeyMissingError("this record's key was erased")
        now = {state_of(row) for row in states_of(of_place(place))}
        if any(line.state not in now for line in lines):
            return False  # something moved meanwhile: the next turn reads it anew
        _write(place, sealed, len(lines), before)
    return bool(lines)


def _waiting(place: Place) -> int:
    key, pairing, month = place
    rows = Page.objects.filter(record_key=key, pairing=pairing, month=month, part=0)
    return rows.values_list("waiting", flat=True).first() or 0


def _put_off(place: Place, now_ms: int) -> None:
    key, pairing, month = place
    Page.objects.filter(record_key=key, pairing=pairing, month=month, part=0).update(waiting=1, waiting_ms=now_ms)


def _seal(key: PageKey, pairing: Pairing, month: int, page: Month) -> list[bytes]:
    """The cover and its parts; nothing for an empty month."""
    if not page.cover:
        return []
    parts = (key.seal(part, pairing, month, n, page.cover) for n, part in enumerate(page.parts, 1))
    return [key.seal(page.cover, pairing, month, 0), *parts]


def _write(place: Place, sealed: Sequence[bytes], count: int, seen: int) -> None:
    """`seen`: how many waited when the envelopes were read; those that came since wait on."""
    key, pairing, month = place
    where = {"record_key_id": key, "pairing_id": pairing, "month": month}
    Page.objects.filter(**where, part__gt=0).delete()
    Page.objects.bulk_create(Page(**where, part=n, sealed=data) for n, data in enumerate(sealed[1:], 1))
    cover = {"sealed": sealed[0] if sealed else None, "count": count}
    if not Page.objects.filter(**where, part=0).update(**cover, waiting=Greatest(F("waiting") - seen, 0)):
        Page.objects.create(**where, part=0, **cover)


def _lines(
    page_key: PageKey, key: RecordKey, pairing: Pairing, place: Place, states: Sequence[State]
) -> list[Line]:
    """Every envelope that goes in: as the page before has it, where nothing was said of it since, or opened."""
    known = {line.state: line for line in _before(page_key, pairing, place)}
    kept = [known[state] for state in states if state in known]
    fresh = _opened(key.subject, [state.entry for state in states if state not in known])
    lines, total = [], 0
    for line in sorted([*kept, *fresh], key=lambda line: line.state.entry):
        total += line.readings.count()
        if total > MOST_VALUES:
            break
        lines.append(line)
    return lines


def _before(page_key: PageKey, pairing: Pairing, place: Place) -> list[Line]:
    """What the page that is there holds; nothing when it cannot be read: it is written anew from envelopes."""
    key, _, month = place
    pages = Page.objects.filter(record_key=key, pairing=pairing, month=month, sealed__isnull=False)
    found = {page.part: bytes(page.sealed or b"") for page in pages}
    try:
        plain = page_key.open(found.pop(0), pairing, month, 0)
        cover = decode_cover(plain)
        parts = [
            decode_part(page_key.open(found[n], pairing, month, n, plain), cover)
            for n in range(1, len(cover.metrics) + 1)
        ]
        return read_lines(cover, parts)
    except (EgideError, KeyError):
        return []


def _opened(subject: uuid.UUID, entries: Iterable[int]) -> list[Line]:
    """Envelopes, opened and decoded; one that does not open, or holds a waveform, goes into no page."""
    vault, lines, wanted = Vault(subject), [], list(entries)
    for at in range(0, len(wanted), 500):
        some = Envelope.objects.filter(entry__in=wanted[at : at + 500]).select_related("pairing")
        lines += open_lines(list(some.order_by("data_key_id", "step")), vault)
    return [line for line in lines if fits(line.readings)]


def open_lines(rows: Sequence[Envelope], vault: Vault) -> list[Line]:
    """Envelopes as a page holds them; those that do not open, or are not the register's, are left out."""
    leaves, lines = _leaves(rows), []
    for row in rows:
        with suppress(EgideError, KeyError):
            lines.append(_line_of(row, vault.open(row, leaves[row.entry])))
    return lines


def _leaves(rows: Sequence[Envelope]) -> dict[int, bytes]:
    """Those that the register holds."""
    try:
        return leaves_at(row.entry for row in rows)
    except NotFoundError:
        return _one_by_one(rows)


def _one_by_one(rows: Sequence[Envelope]) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    for row in rows:
        with suppress(NotFoundError):
            found |= leaves_at([row.entry])
    return found


def _line_of(row: Envelope, opened: Opened) -> Line:
    """An envelope as a page holds it."""
    state = State(
        row.entry, row.data_key_id, row.step, row.flags, row.received_ms, row.first_ms, row.last_ms
    )
    readings = decode_readings(Sign1.parse(opened.entry).payload or b"")
    doubts = {position: dict(odd) for position, odd in opened.doubts.items()}
    return Line(state, opened.correction_ms, opened.trust, doubts, readings)
