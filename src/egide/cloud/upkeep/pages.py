"""Sealed pages against the envelopes they were made from: whatever they say else is damage, by number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from django.db.models import Exists, OuterRef

from egide.cloud.fleet.models import Pairing
from egide.cloud.keys.models import RecordKey
from egide.cloud.register.store import split_entry
from egide.cloud.upkeep.columns import readable, what
from egide.cloud.upkeep.finding import Finding
from egide.cloud.vault.models import Envelope, Page
from egide.cloud.vault.opening import Vault
from egide.cloud.vault.pages import Cover, Line, Month, decode_cover, decode_part, encode_month, read_lines
from egide.cloud.vault.pages_sealed import PageKey
from egide.cloud.vault.pages_writing import open_lines
from egide.errors import ProofError

__all__ = ["check_pages"]

_CHUNK: Final = 200
_SOME: Final = 500


def check_pages() -> Iterator[Finding]:
    """Pages that do not open where they lie, that hold what is not their record's, or that say what no envelope says.

    One that is behind its envelopes is no damage: its reader sees that too, and asks the envelopes.
    """
    keys: dict[int, PageKey | Exception] = {}
    covers = readable(Page.objects.filter(part=0, sealed__isnull=False)).select_related("record_key", "pairing")
    for page in covers.order_by("pk").iterator(_CHUNK):
        try:
            yield from _check(page, _key(keys, page.record_key))
        except Exception as err:
            yield Finding(kind="page", where=str(page.pk), what=what(err))
    beside = Page.objects.filter(
        part=0, sealed__isnull=False, record_key=OuterRef("record_key"), pairing=OuterRef("pairing"),
        month=OuterRef("month"),
    )  # fmt: skip
    alone = Page.objects.filter(~Exists(beside), part__gt=0)
    for key in alone.order_by("pk").values_list("pk", flat=True):
        yield Finding(kind="page", where=str(key), what="page-without-cover")


def _key(keys: dict[int, PageKey | Exception], key: RecordKey) -> PageKey:
    if key.pk not in keys:
        try:
            keys[key.pk] = PageKey.of(key)
        except Exception as err:
            keys[key.pk] = err
    found = keys[key.pk]
    if isinstance(found, Exception):
        raise found
    return found


def _check(page: Page, key: PageKey) -> Iterator[Finding]:
    """Opened, and every envelope of it opened again: what both say is compared, then what is computed of them."""
    cover, month = _open(page, key)
    parts = [decode_part(data, cover) for data in month.parts]
    lines = read_lines(cover, parts)
    if page.count != len(lines):
        yield Finding(kind="page", where=str(page.pk), what="count")
    known, wrong = _envelopes(page, lines)
    for entry, word in sorted(wrong.items()):
        log_id, index = split_entry(entry)
        yield Finding(kind="page", where=f"{page.pk} #{log_id}:{index}", what=word)
    if not wrong and encode_month(known.get(line.state.entry, line) for line in lines) != month:
        yield Finding(kind="page", where=str(page.pk), what="page-differs")


def _open(page: Page, key: PageKey) -> tuple[Cover, Month]:
    """Raises EgideError: it is not whole, or another's."""
    plain = key.open(bytes(page.sealed or b""), page.pairing, page.month, 0)
    cover = decode_cover(plain)
    same = Page.objects.filter(record_key=page.record_key_id, pairing=page.pairing_id, month=page.month, part__gt=0)
    rows = {row.part: bytes(row.sealed or b"") for row in same}
    if set(rows) != set(range(1, len(cover.metrics) + 1)):
        raise ProofError("a page's parts are not all there", step="page")
    parts = [key.open(rows[n], page.pairing, page.month, n, plain) for n in sorted(rows)]
    return cover, Month(plain, tuple(parts))


def _envelopes(page: Page, lines: Sequence[Line]) -> tuple[Mapping[int, Line], dict[int, str]]:
    """Each envelope, opened, in the state that the page noted; and what is wrong, by entry."""
    pairing, vault = Pairing.objects.get(pk=page.pairing_id), Vault(page.record_key.subject)
    known: dict[int, Line] = {}
    wrong: dict[int, str] = {}
    for at in range(0, len(lines), _SOME):
        some = {line.state.entry: line for line in lines[at : at + _SOME]}
        rows = readable(Envelope.objects.filter(entry__in=some)).select_related("data_key")
        mine = list(rows.order_by("data_key_id", "step"))
        wrong |= dict.fromkeys(some.keys() - {row.entry for row in mine}, "page-entry-missing")
        here = [r for r in mine if (r.pairing_id, r.data_key.record_key_id) == (page.pairing_id, page.record_key_id)]
        wrong |= dict.fromkeys({row.entry for row in mine} - {row.entry for row in here}, "page-of-another-record")
        for row in here:
            row.pairing = pairing
        for opened in open_lines(here, vault):  # of what does not open, the check of envelopes says what is wrong
            line = some[opened.state.entry]
            if (opened.readings, opened.correction_ms, opened.trust, opened.doubts) != (
                line.readings, line.correction_ms, line.trust, line.doubts,
            ):  # fmt: skip
                wrong[opened.state.entry] = "page-differs"
            elif opened.state == line.state:
                known[opened.state.entry] = opened
    return known, wrong

