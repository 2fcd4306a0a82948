"""Erasing, as an act: the statement, the keys, and what may be said when.

The order is keys/erasure.py's; the statement is signed and appended in the transaction that deletes the wrapped keys,
so a register that says "erased" and a table that still holds the key never exist together.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

from egide.cloud.keys.erasure import close_epochs, forget_keys, open_epoch, unfinished
from egide.cloud.keys.keyring import fingerprint
from egide.cloud.keys.models import RecordKey
from egide.cloud.keys.records import ESTABLISHMENT, care_key, keys_lock
from egide.cloud.register.journal import append_statement, open_statement
from egide.cloud.register.models import Statement
from egide.cloud.vault.pages_rows import forget_keys_pages
from egide.errors import MalformedError, RefusedError

__all__ = ["ALONG", "KIND", "Erased", "erase_classes", "erasures_of", "finish", "has_class", "places_of", "replay"]

KIND: Final = "erasure"
#: What else of an account goes when its statements open no more, said by the apps above that keep it.
ALONG: Final[list[Callable[[uuid.UUID], object]]] = []
Step = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """An erasure, as its statement says it."""

    entry: int
    at_ms: int
    classes: tuple[str, ...]
    keys: tuple[str, ...]  # fingerprints


def erase_classes(
    subject: uuid.UUID,
    classes: Sequence[str],
    *,
    now_ms: int,
    facts: dict[str, Any] | None = None,
    personal: dict[str, Any] | None = None,
    also: Callable[[], None] = lambda: None,
    step: Step = lambda _: None,
    establishments: Collection[uuid.UUID] = (ESTABLISHMENT,),
) -> int:
    """Erase these classes of a record for good; returns the statement's entry number. `also` becomes true with it.

    What other establishments hold of this record lies under keys of their own, and stays. The care class is a human
    decision of its own (retention.py): the caller answers for it.

    Raises:
        RefusedError: there is nothing of these classes to erase.
        ConfigError, StorageError: the key file; what was begun goes on with `finish`.
    """
    if not _keys(subject, classes, establishments):
        raise RefusedError("this record has nothing of these classes, or it was erased already")
    open_epoch(step=step)
    step("opened")
    entries: list[int] = []
    with keys_lock():
        keys = _keys(subject, classes, establishments)
        said = {
            "classes": sorted({k.klass for k in keys}), "keys": [fingerprint(k) for k in keys],
            "establishments": sorted(str(place) for place in establishments), **(facts or {}),
        }  # fmt: skip

        def forget() -> None:
            entries.append(Statement.objects.filter(kind=KIND).order_by("-entry").values_list("entry", flat=True)[0])
            forget_keys(keys, now_ms=now_ms, entry=entries[0])
            forget_keys_pages(keys)
            _along(subject, keys)
            also()

        goes = ESTABLISHMENT in establishments and RecordKey.Class.CARE in classes  # what statements are sealed to
        sealed_for = None if goes or personal is None else care_key(subject)
        append_statement(
            KIND, subject, said, now_ms=now_ms, personal=personal if sealed_for else None, sealed_for=sealed_for,
            also=forget,
        )  # fmt: skip
        step("said")
    step("forgotten")
    close_epochs(now_ms=now_ms, step=step)
    return entries[0]


def _along(subject: uuid.UUID, keys: Sequence[RecordKey]) -> None:
    if any(key.klass == RecordKey.Class.CARE and key.establishment == ESTABLISHMENT for key in keys):
        for forget in ALONG:
            forget(subject)


def finish(*, now_ms: int) -> bool:
    """Go on with an erasure that was interrupted; whether there was one. Harmless at any time."""
    if not unfinished():
        return False
    close_epochs(now_ms=now_ms)
    return True


def replay(keys: Sequence[RecordKey], *, now_ms: int) -> int:
    """Say again, in the register that a restore opened, what was erased since its backup. Returns how many records."""
    by_subject: dict[uuid.UUID, list[RecordKey]] = {}
    for key in keys:
        by_subject.setdefault(key.subject, []).append(key)
    for subject, erased in by_subject.items():
        facts = {
            "classes": sorted({k.klass for k in erased}),
            "keys": [fingerprint(k) for k in erased],
            "again": sorted({k.erased_entry or 0 for k in erased}),
        }

        def forget(rows: Sequence[RecordKey] = erased) -> None:
            entry = Statement.objects.filter(kind=KIND).order_by("-entry").values_list("entry", flat=True)[0]
            for row in rows:
                forget_keys([row], now_ms=row.erased_ms or now_ms, entry=entry)
            forget_keys_pages(rows)
            _along(rows[0].subject, rows)

        append_statement(KIND, subject, facts, now_ms=now_ms, also=forget)
    return len(by_subject)


def erasures_of(subject: uuid.UUID | None = None) -> list[Erased]:
    """What was erased of a record (of every record, for None), oldest first, by the statements."""
    rows = Statement.objects.filter(kind=KIND).order_by("entry")
    found = []
    for row in rows if subject is None else rows.filter(subject=subject):
        said = open_statement(row)
        match said.facts:
            case {"classes": [*classes], "keys": [*keys]}:
                found.append(Erased(entry=row.entry, at_ms=said.at_ms, classes=tuple(classes), keys=tuple(keys)))
            case _:
                raise MalformedError("a statement of an erasure has another form")
    return found


def _keys(subject: uuid.UUID, classes: Sequence[str], establishments: Collection[uuid.UUID]) -> list[RecordKey]:
    if unknown := set(classes) - set(RecordKey.Class.values):
        raise RefusedError(f"a class is care, personal or research ({len(unknown)} others)")
    mine = RecordKey.objects.filter(subject=subject, establishment__in=establishments)
    rows = mine.filter(klass__in=classes, erased_ms=None)
    return list(rows.order_by("pk"))


def places_of(establishment: uuid.UUID) -> frozenset[uuid.UUID]:
    """Where what an establishment answers for lies: under its own key, or at home, paired without naming a place."""
    return frozenset({establishment, ESTABLISHMENT})


def has_class(subject: uuid.UUID, klass: str, establishments: Collection[uuid.UUID] | None = None) -> bool:
    """Whether a record holds anything of a class (in these establishments, when they are named)."""
    rows = RecordKey.objects.filter(subject=subject, klass=klass, erased_ms=None)
    return (rows if establishments is None else rows.filter(establishment__in=establishments)).exists()
