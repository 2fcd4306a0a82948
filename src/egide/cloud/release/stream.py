"""Watching a record: what a live page is told, through the door. The beginning and the end of each are journaled.

A watch carries no measurement: it says that something came that this reader may see, and the page then asks the door.
What is restricted never came; whether a watch still stands is decided anew by the rules each time something was signed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from egide.cloud.consent.facts import Window
from egide.cloud.consent.rules import Decision
from egide.cloud.keys.records import care_key
from egide.cloud.register.journal import append_statement
from egide.cloud.release.door import Ask, open_columns, release, why
from egide.cloud.release.lists import release_each
from egide.cloud.release.scope import keys_open
from egide.cloud.vault.owning import rows_of
from egide.errors import EgideError

__all__ = ["END", "Watch", "begin_watch", "begin_watches", "end_watch", "standing", "visible_among"]

END = "stream-end"
_MANY: Final = 500  # of what came at once, looked at in one query


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """One reader watches one record. `opened` is the journal's entry that says so. Only `begin_watch` makes one."""

    ask: Ask
    opened: int
    began_ms: int


def begin_watch(ask: Ask, *, now_ms: int) -> Watch:
    """Ask the door to watch a record; yes or no, the answer is journaled.

    Raises:
        AccessDeniedError: no ground (journaled).
    """
    empty = replace(ask, since_ms=now_ms, until_ms=now_ms + 1)
    return Watch(ask=ask, opened=release(empty, now_ms=now_ms).journal_entry, began_ms=now_ms)


def begin_watches(asks: Sequence[Ask], *, now_ms: int) -> list[Watch | None]:
    """The same, of one reader about several patients; None where the door refuses (journaled)."""
    empty = [replace(ask, since_ms=now_ms, until_ms=now_ms + 1) for ask in asks]
    return [
        Watch(ask=ask, opened=answer.journal_entry, began_ms=now_ms) if answer is not None else None
        for ask, answer in zip(asks, release_each(empty, now_ms=now_ms), strict=True)
    ]


def standing(watch: Watch, *, now_ms: int) -> Decision | None:
    """What the door would answer now; None: no, so nothing more is told."""
    try:
        decision = why(watch.ask, now_ms=now_ms)
    except EgideError:  # the record's key was erased, or cannot be read
        return None
    return decision if decision.allowed else None


def visible_among(watch: Watch, decision: Decision, entries: Iterable[int]) -> bool:
    """Whether any of these envelopes, none of them held, holds something that the reader may see."""
    came = list(entries)
    if came and not decision.hides and Window() in decision.opens:
        keys = keys_open(watch.ask.patient.pk, watch.ask.reader, decision)
        return rows_of(watch.ask.patient.pk, keys).filter(entry__in=came[:_MANY]).exists()
    return any(open_columns(replace(watch.ask, entry=entry), decision) for entry in came)


def end_watch(watch: Watch, *, why_ended: str, told: int, now_ms: int) -> int:
    """Journal the end, sealed for the patient: who, since when, how often something was told, why it ended."""
    patient = watch.ask.patient.pk
    personal = {
        "reader": str(watch.ask.reader.pk) if watch.ask.reader else "",
        "opened": watch.opened,
        "since": watch.began_ms,
        "until": now_ms,
        "told": told,
        "why": why_ended,
    }
    return append_statement(END, patient, {}, now_ms=now_ms, personal=personal, sealed_for=care_key(patient))
