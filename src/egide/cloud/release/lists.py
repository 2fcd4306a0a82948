"""A list asks about many patients at once: one decision, one line of the journal and one record each, read together.

What `door.release` promises holds for each: it is decided anew, the answer, yes or no, is in the register before
anything is opened, and each record opens by its own keys. The queries are a handful, however many the patients are;
nothing that was opened is kept.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from django.db.models import QuerySet

from egide.cloud.consent.rules import Decision
from egide.cloud.fleet.models import Attribution, Pairing
from egide.cloud.keys.models import RecordKey
from egide.cloud.keys.records import ESTABLISHMENT
from egide.cloud.register.journal import append_statements
from egide.cloud.register.store import leaves_at
from egide.cloud.release import journal
from egide.cloud.release.deciding import Ask, decide_each
from egide.cloud.release.door import Answer, Column, columns_of
from egide.cloud.release.scope import Opening, keys_open_each
from egide.cloud.release.told import wishes_of_each
from egide.cloud.vault.models import DataKey, Envelope
from egide.cloud.vault.opening import open_envelopes
from egide.cloud.vault.owning import held

__all__ = ["release_each"]

Keys = Mapping[uuid.UUID, Sequence[RecordKey]]

_DATA_KEY: Final = Envelope._meta.get_field("data_key")
_PAIRING: Final = Envelope._meta.get_field("pairing")


def release_each(asks: Sequence[Ask], *, now_ms: int) -> list[Answer | None]:
    """Answer the asks of one reader about several patients, over one period; None where the answer is no.

    A record that was erased is a no of which there is no line: its journal went with its key.
    """
    if not asks:
        return []
    keys = _keys({ask.patient.pk for ask in asks})
    care = _care_keys(keys)
    there = {
        n: one.decision
        for n, (ask, one) in enumerate(zip(asks, decide_each(asks, now_ms), strict=True))
        if one is not None and ask.patient.pk in care
    }
    answers = dict(zip(there, _answers([asks[n] for n in there], [*there.values()], keys, now_ms), strict=True))
    return [answers.get(n) for n in range(len(asks))]


def _answers(asks: Sequence[Ask], decisions: Sequence[Decision], keys: Keys, now_ms: int) -> list[Answer | None]:
    """The same, decided, of records that have a key."""
    if not asks:
        return []
    entries = _journal(asks, decisions, keys, now_ms)
    open_to = _open_to(asks, decisions, keys, now_ms)
    rows = _rows(open_to, min(a.since_ms for a in asks), max(a.until_ms for a in asks))
    columns = dict(_open(asks, decisions, rows))
    return [
        Answer(ask=ask, columns=columns.get(n, []), journal_entry=entry, decision=decision)
        if decision.allowed
        else None
        for n, (ask, decision, entry) in enumerate(zip(asks, decisions, entries, strict=True))
    ]


def _keys(patients: set[uuid.UUID]) -> Keys:
    """Every key pair of these records that opens something today, in the order in which they were made."""
    found: defaultdict[uuid.UUID, list[RecordKey]] = defaultdict(list)
    for key in RecordKey.objects.filter(subject__in=patients, erased_ms=None).order_by("pk"):
        found[key.subject].append(key)
    return found


def _open_to(
    asks: Sequence[Ask], decisions: Sequence[Decision], keys: Keys, now_ms: int
) -> dict[uuid.UUID, set[int]]:
    """The key pairs that each yes opens."""
    openings = [
        Opening(
            patient=ask.patient.pk, reader=ask.reader, decision=decision,
            keys={key.pk: key.establishment for key in keys[ask.patient.pk]},
        )
        for ask, decision in zip(asks, decisions, strict=True)
        if decision.allowed
    ]  # fmt: skip
    opened = keys_open_each(openings, now_ms=now_ms)
    return {one.patient: set(mine) for one, mine in zip(openings, opened, strict=True)}


def _journal(asks: Sequence[Ask], decisions: Sequence[Decision], keys: Keys, now_ms: int) -> list[int]:
    """One line for each patient, committed together before anything is opened."""
    care, wishes = _care_keys(keys), wishes_of_each({ask.patient.pk for ask in asks})
    said = [
        journal.saying(
            patient=ask.patient.pk, reader=ask.reader, purpose=ask.purpose, codes=ask.codes, since_ms=ask.since_ms,
            until_ms=ask.until_ms, channel=ask.channel, ground=decision.ground or None, decision=decision, app=ask.app,
            responsible=ask.responsible, key=care[ask.patient.pk], now_ms=now_ms,
            wishes=wishes[ask.patient.pk],
        )
        for ask, decision in zip(asks, decisions, strict=True)
    ]  # fmt: skip
    return append_statements(said)


def _care_keys(keys: Keys) -> dict[uuid.UUID, RecordKey]:
    """As `keys.records.care_key` chooses each; a record that was erased has none."""
    every = (key for mine in keys.values() for key in mine if key.klass == RecordKey.Class.CARE)
    return {key.subject: key for key in every if key.establishment == ESTABLISHMENT}


def _rows(open_to: Mapping[uuid.UUID, set[int]], since_ms: int, until_ms: int) -> dict[uuid.UUID, list[Envelope]]:
    """The envelopes that may be opened, by whose they are: sealed to a key that is open. Held ones are opened to be
    compared, and shown to nobody."""
    pairings = _pairings(open_to)
    owners = {key: patient for patient, keys in open_to.items() for key in keys}
    sealed_to: QuerySet[DataKey] = DataKey.objects.filter(record_key__in=owners)
    query = Envelope.objects.filter(
        pairing__in=pairings, data_key__in=sealed_to.values("pk"), last_ms__gte=since_ms, first_ms__lt=until_ms
    )
    rows = list(query.order_by("data_key_id", "step"))
    data_keys = DataKey.objects.select_related("record_key").in_bulk({row.data_key_id for row in rows})
    found: defaultdict[uuid.UUID, list[Envelope]] = defaultdict(list)
    for row in rows:
        data_key = data_keys.get(row.data_key_id)
        owner = owners.get(data_key.record_key_id) if data_key else None
        pairing, whose = pairings[row.pairing_id]
        if data_key is None or owner is None or owner not in whose:  # not theirs; or erased since it was listed
            continue
        _DATA_KEY.set_cached_value(row, data_key)  # as a query that joins them would
        _PAIRING.set_cached_value(row, pairing)
        found[owner].append(row)
    return found


def _pairings(patients: Mapping[uuid.UUID, object]) -> dict[int, tuple[Pairing, set[uuid.UUID]]]:
    """The pairings under which something of these patients may lie, and whose, as `owning.pairings_of` says."""
    given: defaultdict[int, set[uuid.UUID]] = defaultdict(set)
    rows = Attribution.objects.filter(to__in=patients, at_ms__isnull=False)
    for pairing, patient in rows.values_list("pairing_id", "to_id"):
        given[pairing].add(patient)
    own = Pairing.objects.filter(patient__in=patients)
    others = Pairing.objects.filter(pk__in=given)
    return {
        row.pk: (row, {row.patient_id, *given[row.pk]} if row.patient_id in patients else given[row.pk])
        for row in (*own, *others)
    }


def _open(
    asks: Sequence[Ask], decisions: Sequence[Decision], rows: Mapping[uuid.UUID, list[Envelope]]
) -> Iterator[tuple[int, list[Column]]]:
    leaves = leaves_at(row.entry for mine in rows.values() for row in mine)
    for n, (ask, decision) in enumerate(zip(asks, decisions, strict=True)):
        if not decision.allowed or not (mine := rows.get(ask.patient.pk)):
            continue
        columns: list[Column] = []
        data_keys = {row.data_key_id: row.data_key for row in mine}
        for row, opened in open_envelopes(mine, leaves, ask.patient.pk, data_keys):
            if not held(row.flags):
                columns += columns_of(row, opened, ask, decision)
        columns.sort(key=lambda c: (c.times_ms[0], c.entry, c.position))
        yield n, columns
