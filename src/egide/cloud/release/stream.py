"""Watching a record: what a live page is told, through the door. The beginning and the end of each are journaled.

A watch carries no measurement: it says that something came that this reader may see, and the page then asks the door.
What is restricted never came; whether a watch still stands is decided anew by the rules each time something was signed.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from typing import Final

from egide.cloud.consent.facts import Window
from egide.cloud.consent.rules import Decision
from egide.cloud.fleet.models import Attribution
from egide.cloud.keys.records import care_key
from egide.cloud.register.journal import append_statement
from egide.cloud.release.deciding import Ask, Settled, decide_each
from egide.cloud.release.door import open_columns, release
from egide.cloud.release.lists import release_each
from egide.cloud.release.scope import Opening, keys_open_each
from egide.cloud.vault.models import Envelope
from egide.cloud.vault.owning import held, keys_of_each

__all__ = [
    "END", "Came", "Watch", "begin_watch", "begin_watches", "came_between", "end_watch", "standing", "visible_among",
]  # fmt: skip

END = "stream-end"
_NAMED: Final = 500  # patients whom a query names; of more, it reads all that came


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


def standing(watches: Sequence[Watch], *, now_ms: int) -> list[Settled | None]:
    """What the door would answer now to each, and until when nothing but a signature changes it; None: no, so nothing
    more is told. All of them are read together."""
    settled = decide_each([watch.ask for watch in watches], now_ms)
    return [one if one is not None and one.decision.allowed else None for one in settled]


@dataclass(frozen=True, slots=True)
class Came:
    """An envelope that came: its entry, and the number of the key pair that it is sealed to."""

    entry: int
    key: int


def came_between(since: int, upto: int, patients: Set[uuid.UUID]) -> dict[uuid.UUID, list[Came]]:
    """What came for these patients among entries (since, upto], as `owning.rows_of` has it, less what is held."""
    found: defaultdict[uuid.UUID, list[Came]] = defaultdict(list)
    elsewhere: list[tuple[uuid.UUID, int, Came]] = []
    rows = Envelope.objects.filter(entry__gt=since, entry__lte=upto)
    if len(patients) <= _NAMED:  # most of what comes is nobody's who is watched
        rows = rows.filter(data_key__record_key__subject__in=patients)
    read = rows.values_list(
        "entry", "flags", "pairing_id", "pairing__patient_id", "data_key__record_key_id",
        "data_key__record_key__subject",
    )  # fmt: skip
    for entry, flags, pairing, paired_with, key, patient in read:
        if patient not in patients or held(flags):
            continue
        if paired_with == patient:
            found[patient].append(Came(entry, key))
        else:
            elsewhere.append((patient, pairing, Came(entry, key)))
    if elsewhere:  # attributed to them, as a statement that took effect says
        given = Attribution.objects.filter(pairing__in={pairing for _, pairing, _ in elsewhere}, at_ms__isnull=False)
        known = set(given.values_list("to", "pairing"))
        for patient, pairing, came in elsewhere:
            if (patient, pairing) in known:
                found[patient].append(came)
    return dict(found)


def visible_among(told: Sequence[tuple[Watch, Decision, Sequence[Came]]], *, now_ms: int) -> list[bool]:
    """Whether, of what came, each watch has something that its reader may see; read together."""
    keys = keys_of_each({watch.ask.patient.pk for watch, _, came in told if came})
    openings = [
        Opening(
            patient=watch.ask.patient.pk, reader=watch.ask.reader, decision=decision,
            keys=keys.get(watch.ask.patient.pk, {}),
        )
        for watch, decision, _ in told
    ]  # fmt: skip
    opened = keys_open_each(openings, now_ms=now_ms)
    return [
        _sees(watch, decision, [one for one in came if one.key in mine])
        for (watch, decision, came), mine in zip(told, opened, strict=True)
    ]


def _sees(watch: Watch, decision: Decision, came: Sequence[Came]) -> bool:
    """Of what lies open: all of it is seen, or it is opened to look what of it is."""
    if not decision.hides and Window() in decision.opens:
        return bool(came)
    return any(open_columns(replace(watch.ask, entry=one.entry), decision) for one in came)


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
