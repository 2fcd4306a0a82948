"""Writing into the vault: only public keys, and chains of message keys that forget.

The sealed record is nonce || AES-256-GCM([version, entry, correction_ms, received_ms, flags, trust, doubts]), bound
to the leaf hash and the pairing. Intake imports this; it never imports `opening`.
"""

from __future__ import annotations

import datetime
import os
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db import connection

from egide import cbor
from egide.cloud.vault.models import DataKey
from egide.trust.seal import MAX_STEPS, Chain, Suite, record_aad, seal_to

__all__ = [
    "ERRATUM_VERSION", "RECORD_VERSION", "Chains", "Recipient", "Row", "data_key_info", "erratum_bytes", "insert_rows",
    "record_bytes",
]  # fmt: skip

RECORD_VERSION: Final = 1
ERRATUM_VERSION: Final = 1
_RECORD: Final = b"\x87\x01"  # [version, entry, correction_ms, received_ms, flags, trust, doubts]
_EPOCH_DAY: Final = datetime.date(1970, 1, 1).toordinal()
_NEGATIVE: Final = 1  # CBOR's major type of negative integers
_EMPTY_MAP: Final = b"\xa0"
_COLUMNS: Final = (
    "entry", "key_id", "seq", "certificate_id", "pairing_id", "data_key_id", "step", "flags",
    "received_ms", "first_ms", "last_ms", "identity", "sealed",
)  # fmt: skip
_INSERT: Final = (
    f"INSERT INTO vault_envelope ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"  # noqa: S608
)
_COPY: Final = f"COPY vault_envelope ({', '.join(_COLUMNS)}) FROM STDIN (FORMAT BINARY)"
_COPY_TYPES: Final = ("int8", "int4", "int8", "int4", "int4", "int8", "int4", "int2", "int8", "int8", "int8", "bytea",
                      "bytea")

#: One row of the envelope table, in the order of its columns.
Row = tuple[int, int, int, int, int, int, int, int, int, int, int, bytes, bytes]


@dataclass(frozen=True, slots=True)
class Recipient:
    """The public half of the key pair that a patient's envelopes are sealed to."""

    record_key: int
    subject: uuid.UUID
    suite: Suite
    public: bytes


def data_key_info(subject: uuid.UUID, worker: str, day: datetime.date) -> bytes:
    """What a data key is bound to when it is sealed."""
    return b"egide data key v1" + subject.bytes + worker.encode() + day.isoformat().encode()


def record_bytes(
    entry: bytes,
    *,
    correction_ms: int,
    received_ms: int,
    flags: int,
    trust: int,
    doubts: Mapping[int, Mapping[int, str]],
) -> bytes:
    """The record in clear: what is sealed. Columns that repeat it are checked against it when it is opened."""
    head = cbor.head
    return b"".join(
        (
            _RECORD,
            head(cbor.BYTES, len(entry)),
            entry,
            head(cbor.UINT, correction_ms) if correction_ms >= 0 else head(_NEGATIVE, ~correction_ms),
            head(cbor.UINT, received_ms),
            head(cbor.UINT, flags),
            head(cbor.UINT, trust),
            cbor.encode(doubts) if doubts else _EMPTY_MAP,
        )
    )


def erratum_bytes(readings: bytes, *, correction_ms: int, trust: int) -> bytes:
    """What a record keeps of an envelope that it held in error: readings without their values, in clear."""
    return cbor.encode([ERRATUM_VERSION, "erratum", readings, correction_ms, trust])


class Chains:
    """One worker's chains: one per patient and day, gone from memory with the day or the process."""

    def __init__(self, worker: str) -> None:
        self.worker = worker
        self._day = -1
        self._open: dict[int, tuple[int, Chain]] = {}

    def seal(
        self, to: Recipient, plaintext: bytes, *, leaf: bytes, pairing: uuid.UUID, day: int, nonce: bytes
    ) -> tuple[int, int, bytes]:
        """Return (data key's id, step, sealed bytes). `day` is counted from the first of 1970."""
        if day != self._day:
            self._open.clear()
            self._day = day
        held = self._open.get(to.record_key)
        if held is None or held[1].step >= MAX_STEPS:
            held = self._open[to.record_key] = self._start(to, day)
        step, sealed = held[1].seal(plaintext, nonce=nonce, aad=record_aad(leaf, pairing.bytes))
        return held[0], step, sealed

    def _start(self, to: Recipient, days: int) -> tuple[int, Chain]:
        root = os.urandom(32)
        day = datetime.date.fromordinal(_EPOCH_DAY + days)
        row = DataKey.objects.create(
            record_key_id=to.record_key,
            worker=self.worker,
            day=day,
            sealed=seal_to(to.suite, to.public, root, data_key_info(to.subject, self.worker, day)),
        )
        return row.pk, Chain(root)


def insert_rows(rows: Sequence[Row]) -> None:
    """Write envelopes inside the caller's transaction, the quickest way each engine has."""
    connection.ensure_connection()
    raw: Any = connection.connection
    with connection.wrap_database_errors:
        if connection.vendor == "postgresql":
            with raw.cursor() as cursor, cursor.copy(_COPY) as copy:
                copy.set_types(_COPY_TYPES)
                for row in rows:
                    copy.write_row(row)
        else:
            raw.executemany(_INSERT, rows)
