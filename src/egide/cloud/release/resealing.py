"""Moving envelopes from one record to another: opened under the key of the one, sealed under the other's.

What leaves a record is not in it any more, not even sealed: whoever erases the record that it belongs to erases the
only copy. Behind stays an erratum, which says of each envelope which metrics it held and when, and no value.

In batches: `prepare` opens and seals one without any lock, `write` moves it under the register's. What has moved is
what is sealed to the other record, so there is no other memory of how far one came.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from django.db import connection
from django.db.models import QuerySet

from egide.cloud.fleet.attributing import Record
from egide.cloud.fleet.models import Pairing
from egide.cloud.keys.records import class_key
from egide.cloud.register.store import leaves_at
from egide.cloud.vault.models import SAID_LATER, Envelope, Erratum, Flag
from egide.cloud.vault.opening import Opened, Vault
from egide.cloud.vault.owning import keys_of
from egide.cloud.vault.pages import month_of
from egide.cloud.vault.pages_rows import forget_months, note_months
from egide.cloud.vault.sealing import Chains, Recipient, erratum_bytes, record_bytes
from egide.errors import KeyMissingError, SealError
from egide.measure.readings import Readings, decode_readings, encode_readings
from egide.trust.cose import Sign1
from egide.trust.seal import Suite

__all__ = ["BATCH", "Moved", "Mover", "measured_under"]

#: Envelopes that are opened and sealed anew before each look at the register's lock.
BATCH: Final = 500
_FEW: Final = 20  # that may be opened under it
_DAY_MS: Final = 86_400_000


def measured_under(pairing: Pairing, since_ms: int, until_ms: int | None, owner: uuid.UUID) -> QuerySet[Envelope]:
    """The envelopes of a pairing that lie whole within a period and are sealed to `owner`, whose key is there."""
    rows = Envelope.objects.filter(
        pairing=pairing, first_ms__gte=since_ms, data_key__record_key__in=list(keys_of(owner))
    )
    if until_ms is not None:
        rows = rows.filter(last_ms__lt=until_ms)
    return rows.select_related("pairing").order_by("data_key_id", "step")


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """One envelope, sealed anew, and what stays behind; `codes` is which metrics it holds."""

    entry: int
    first_ms: int
    last_ms: int
    received_ms: int
    flags: int
    data_key: int
    step: int
    sealed: bytes
    erratum: tuple[int, int, bytes]  # data key, step, sealed
    codes: frozenset[str]


class Mover:
    """Moves what one pairing measured in one period from one record to another."""

    def __init__(
        self, pairing: Pairing, period: tuple[int, int | None], *, source: Record, target: Record,
        attribution: uuid.UUID, now_ms: int, flag: Flag | None,
    ) -> None:  # fmt: skip
        """`flag` ATTRIBUTED marks what is moved; None takes that mark away."""
        self._pairing, self._period, self._source = pairing, period, source.patient
        self._attribution, self._now_ms, self._flag = attribution, now_ms, flag
        self._to, self._from = _recipient(target), _recipient(source)
        self._chains = Chains(str(uuid.uuid4()))
        self._vault = Vault(source.patient)
        self._done: dict[int, Moved] = {}
        self._stuck: set[int] = set()

    def prepare(self, *, skip: bool = False) -> int:
        """Open and seal the next batch; returns how many.

        Raises SealError: a row was altered, and nothing of the batch is moved. With `skip` it stays, and others go on.
        """
        self._done = {}
        self._take(self._left().exclude(entry__in=self._stuck)[:BATCH], skip=skip)
        return len(self._done)

    def write(self) -> list[Moved]:
        """Move what was prepared and is still there, and a few that came since. Call it under the register's lock.

        Raises KeyMissingError: the record that they go to was erased meanwhile.
        """
        if self._to.record_key not in keys_of(self._to.subject):
            raise KeyMissingError("this record's key was erased")
        rows = list(self._left().filter(entry__in=self._done))
        if len(self._done) < BATCH:
            more = list(self._left().exclude(entry__in={*self._done, *self._stuck})[:_FEW])
            self._take(more)
            rows += more
        moved = [replace(self._done[row.entry], flags=self._flags(row)) for row in rows]
        with connection.cursor() as cursor:
            cursor.executemany(
                "UPDATE vault_envelope SET data_key_id = %s, step = %s, sealed = %s, flags = %s WHERE entry = %s",
                [(m.data_key, m.step, m.sealed, m.flags, m.entry) for m in moved],
            )
        Erratum.objects.bulk_create(map(self._erratum, self._without_erratum(moved)), batch_size=500)
        forget_months(self._pairing, self._source, (m.first_ms for m in moved))  # no page keeps what left
        note_months((self._to.record_key, self._pairing.pk, month_of(m.first_ms)) for m in moved)
        return moved

    def left(self) -> int:
        """How many are still where they were."""
        return self._left().count()

    def _left(self) -> QuerySet[Envelope]:
        return measured_under(self._pairing, *self._period, self._source)

    def _take(self, rows: Iterable[Envelope], *, skip: bool = False) -> None:
        wanted = list(rows)
        leaves = leaves_at(row.entry for row in wanted)
        for row in wanted:
            try:
                opened = self._vault.open(row, leaves[row.entry])
            except SealError:
                if not skip:
                    raise
                self._stuck.add(row.entry)
            else:
                self._done[row.entry] = self._moved(row, opened, leaves[row.entry])

    def _moved(self, row: Envelope, opened: Opened, leaf: bytes) -> Moved:
        readings = decode_readings(Sign1.parse(opened.entry).payload or b"")
        record = record_bytes(
            opened.entry, correction_ms=opened.correction_ms, received_ms=row.received_ms,
            flags=row.flags & ~SAID_LATER, trust=opened.trust, doubts=opened.doubts,
        )  # fmt: skip
        left = erratum_bytes(_without_values(readings), correction_ms=opened.correction_ms, trust=opened.trust)
        data_key, step, sealed = self._seal(self._to, record, leaf)
        return Moved(
            entry=row.entry, first_ms=row.first_ms, last_ms=row.last_ms, received_ms=row.received_ms, flags=row.flags,
            data_key=data_key, step=step, sealed=sealed, erratum=self._seal(self._from, left, leaf),
            codes=frozenset(series.code for series in readings.series),
        )  # fmt: skip

    def _seal(self, to: Recipient, plain: bytes, leaf: bytes) -> tuple[int, int, bytes]:
        return self._chains.seal(
            to, plain, leaf=leaf, pairing=self._pairing.uuid, day=self._now_ms // _DAY_MS, nonce=os.urandom(12)
        )

    def _flags(self, row: Envelope) -> int:
        """As the row says now (a clone may have been marked since), with what is said by this move."""
        kept = row.flags & ~(Flag.ATTRIBUTED | Flag.DISMISSED)
        return int(kept | self._flag if self._flag else kept)

    def _without_erratum(self, moved: Sequence[Moved]) -> list[Moved]:
        """An envelope that comes and goes leaves one erratum."""
        keys = list(keys_of(self._source))
        rows = Erratum.objects.filter(entry__in=[m.entry for m in moved], data_key__record_key__in=keys)
        known = set(rows.values_list("entry", flat=True))
        return [m for m in moved if m.entry not in known and not _unseen(m.flags, self._flag)]

    def _erratum(self, m: Moved) -> Erratum:
        data_key, step, sealed = m.erratum
        return Erratum(
            entry=m.entry, attribution=self._attribution, data_key_id=data_key, pairing=self._pairing,
            first_ms=m.first_ms, last_ms=m.last_ms, received_ms=m.received_ms, at_ms=self._now_ms, step=step,
            sealed=sealed,
        )  # fmt: skip


def _unseen(flags: int, flag: Flag | None) -> bool:
    """What was held was never shown to anybody under the record that it leaves: there is nothing to correct."""
    return bool(flags & Flag.HELD) and flag is not None


def _recipient(record: Record) -> Recipient:
    key = class_key(record.patient, record.klass, record.establishment)
    return Recipient(key.pk, record.patient, Suite(key.suite), bytes(key.public))


def _without_values(readings: Readings) -> bytes:
    bare = (replace(s, values=(0,) * len(s.values), exponent=0) for s in readings.series)
    return encode_readings(replace(readings, series=tuple(bare)))
