"""Whose each envelope is, against what signed statements say of it: a row of an attribution is nobody's word."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Final

from egide.cloud.fleet.attributing import Attributed, Record, attributed
from egide.cloud.fleet.models import Attribution
from egide.cloud.fleet.pairings import attributions_in_force, record_of
from egide.cloud.keys.records import care_key
from egide.cloud.register.journal import open_statement
from egide.cloud.register.models import Statement
from egide.cloud.register.store import leaves_at
from egide.cloud.release.attribution import KIND, KIND_END
from egide.cloud.release.moving import target_of, unfinished
from egide.cloud.upkeep.finding import Finding
from egide.cloud.vault.models import DataKey, Envelope, Erratum, Flag
from egide.cloud.vault.opening import Vault
from egide.errors import EgideError

__all__ = ["Owners", "check_attributions"]

_CHUNK: Final = 2_000


class Owners:
    """To which record each envelope must be sealed: its pairing's, or the one that it was attributed to."""

    def __init__(self) -> None:
        self._said: dict[int, tuple[Attributed, ...]] = {}
        self._dismissed: dict[int, list[Attribution]] = defaultdict(list)
        self._moving: dict[int, list[Attributed]] = defaultdict(list)
        live = Attribution.objects.exclude(at_ms=None).filter(undone_ms=None).select_related("pairing")
        for row in live:
            self._said[row.pairing_id] = attributions_in_force(row.pairing)
            if row.kind == Attribution.Kind.DISMISSED:
                self._dismissed[row.pairing_id].append(row)
        for row in unfinished():
            self._moving[row.pairing_id].append(
                Attributed(id=row.pk, record=target_of(row), since_ms=row.since_ms, until_ms=row.until_ms)
            )
        keys = DataKey.objects.values_list(
            "pk", "record_key__subject", "record_key__klass", "record_key__establishment"
        )
        self._sealed = {pk: Record(patient=who, klass=klass, establishment=where) for pk, who, klass, where in keys}

    def of(self, row: Envelope) -> uuid.UUID:
        """The patient whose record this must be."""
        may = [_record(said, row) for said in self._may(row)]
        sealed = self._sealed.get(row.data_key_id)
        return next((record for record in may if record == sealed), may[0]).patient

    def wrong(self, row: Envelope) -> str:
        """What of a row is not as signed statements say; "" when all is. What still moves may be at either place."""
        found = [self._wrong(row, said) for said in self._may(row)]
        return "" if "" in found else found[0]

    def _may(self, row: Envelope) -> list[Attributed | None]:
        """What is said of it; and what was before, while it still moves."""
        said = attributed(self._said.get(row.pairing_id, ()), row.first_ms, row.last_ms)
        moving = attributed(self._moving.get(row.pairing_id, ()), row.first_ms, row.last_ms)
        if moving is None:
            return [said]
        return [said, None if said is not None and said.id == moving.id else moving]

    def _wrong(self, row: Envelope, said: Attributed | None) -> str:
        sealed = self._sealed.get(row.data_key_id)
        if sealed is not None and sealed != _record(said, row):
            return "another-record"
        spoken = said is not None and bool(row.flags & Flag.HELD or said.record != record_of(row.pairing))
        if spoken != bool(row.flags & Flag.ATTRIBUTED):
            return "attributed-by-nobody" if row.flags & Flag.ATTRIBUTED else "attribution-unmarked"
        if row.flags & Flag.DISMISSED and not any(_dismisses(d, row) for d in self._dismissed[row.pairing_id]):
            return "dismissed-by-nobody"
        return ""


def _record(said: Attributed | None, row: Envelope) -> Record:
    return said.record if said else record_of(row.pairing)


def _dismisses(said: Attribution, row: Envelope) -> bool:
    within = said.since_ms <= row.first_ms and (said.until_ms is None or row.last_ms < said.until_ms)
    return within and said.at_ms is not None and row.received_ms <= said.at_ms


def check_attributions() -> Iterator[Finding]:
    """Rows that no statement made or that say something else, statements whose row is gone, errata that do not open."""
    said, ended = _statements()
    seen: set[tuple[str, str]] = set()
    for row in Attribution.objects.exclude(at_ms=None).select_related("pairing"):
        for patient, word in _sides(row):
            key = (str(row.pk), str(patient))
            seen.add(key)
            if _erased(patient):
                continue
            kept = (
                word, row.kind, str(row.pairing.uuid), row.since_ms, row.until_ms, row.klass, str(row.establishment),
                _people(row), row.at_ms,
            )  # fmt: skip
            if said.get(key) != kept or ended.get(key) != row.undone_ms or not _to_whom(row):
                yield Finding(kind="attribution", where=str(row.pk), what="not-attested")
    for row in unfinished():
        yield Finding(kind="attribution", where=str(row.pk), what="still-moving")
    for name, _ in sorted(said.keys() - seen):
        yield Finding(kind="attribution", where=name, what="row-missing")
    yield from _check_errata()


def _sides(row: Attribution) -> Iterator[tuple[uuid.UUID, str]]:
    if row.kind == Attribution.Kind.MOVED and row.to_id is not None:
        yield row.pairing.patient_id, "from"
        yield row.to_id, "to"
    else:
        yield row.pairing.patient_id, str(row.kind)


def _to_whom(row: Attribution) -> bool:
    """Whether the row names whom its kind may name: only what moves names another patient than the pairing's."""
    if row.kind == Attribution.Kind.MOVED:
        return row.to_id is not None and row.to_id != row.pairing.patient_id
    return row.to_id == (row.pairing.patient_id if row.kind == Attribution.Kind.OWN else None)


def _people(row: Attribution) -> tuple[str, ...]:
    two = row.kind == Attribution.Kind.MOVED
    return (str(row.proposed_by), str(row.confirmed_by)) if two else (str(row.confirmed_by),)


def _erased(patient: uuid.UUID) -> bool:
    try:
        care_key(patient)
    except EgideError:
        return True
    return False


def _statements() -> tuple[dict[tuple[str, str], tuple[Any, ...]], dict[tuple[str, str], int]]:
    """(what each statement says, when each was undone) by attribution and patient; the first word counts."""
    said: dict[tuple[str, str], tuple[Any, ...]] = {}
    ended: dict[tuple[str, str], int] = {}
    for row in Statement.objects.filter(kind__in=(KIND, KIND_END), subject__isnull=False).order_by("entry"):
        try:
            assert row.subject is not None  # the query says so
            read = open_statement(row, care_key(row.subject))
        except EgideError:
            continue  # said by the check of statements, or erased
        facts: Any = read.personal or {}
        key = (str(facts.get("attribution")), str(row.subject))
        if row.kind == KIND:
            said.setdefault(key, (
                facts.get("as"), facts.get("kind"), facts.get("pairing"), facts.get("since"), facts.get("until"),
                facts.get("class"), facts.get("establishment"), tuple(facts.get("by", ())), read.at_ms,
            ))  # fmt: skip
        else:
            ended.setdefault(key, read.at_ms)
    return said, ended


def _check_errata() -> Iterator[Finding]:
    known = set(Attribution.objects.exclude(at_ms=None).values_list("pk", flat=True))
    vault, at = Vault(), 0
    while rows := list(Erratum.objects.filter(pk__gt=at).select_related("pairing").order_by("pk")[:_CHUNK]):
        at = rows[-1].pk
        keys = DataKey.objects.filter(pk__in={row.data_key_id for row in rows}).select_related("record_key")
        whose = {key.pk: (key.record_key.subject, key.record_key.erased_ms) for key in keys}
        envelopes = {e.entry: e for e in Envelope.objects.filter(entry__in=[row.entry for row in rows])}
        for row in rows:
            patient, gone = whose.get(row.data_key_id, (None, None))
            if gone is not None:
                continue
            try:
                leaf = leaves_at([envelopes[row.entry].entry])[row.entry]
                vault.open_erratum(row, leaf, owner=patient)
            except Exception:  # whatever a row was made into, the next one is read
                yield Finding(kind="erratum", where=str(row.pk), what="unreadable")
            else:
                if row.attribution not in known:
                    yield Finding(kind="erratum", where=str(row.pk), what="not-attested")
