"""Opening the vault. Its callers are a closed list that import-linter holds: release for persons, fsck for machines."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from egide import cbor
from egide.cloud.keys.records import private_seed
from egide.cloud.vault.models import DataKey, Envelope, Flag
from egide.cloud.vault.sealing import RECORD_VERSION, data_key_info
from egide.errors import MalformedError, SealError
from egide.trust.envelope import leaf_hash
from egide.trust.limits import LIMITS
from egide.trust.seal import ChainReader, Suite, open_sealed, record_aad

__all__ = ["Opened", "Vault", "open_envelopes"]


@dataclass(frozen=True, slots=True)
class Opened:
    """A sealed record in clear: the signed entry, and what intake noted beside it."""

    entry: bytes
    leaf: bytes
    correction_ms: int
    trust: int
    doubts: Mapping[int, Mapping[int, str]]


class Vault:
    """Opens envelopes; remembers the data keys it unwrapped. Throw it away after a job."""

    def __init__(self, subject: uuid.UUID | None = None) -> None:
        """`subject`: whose record this must be; None for machines that check everybody's."""
        self._subject = subject
        self._readers: dict[int, ChainReader] = {}
        self._seeds: dict[int, bytes] = {}

    def open(self, row: Envelope, leaf: bytes) -> Opened:
        """Open one row, with the leaf hash that the register holds for it. Raises as `open_envelopes`."""
        if row.data_key_id not in self._readers:
            self._readers[row.data_key_id] = _reader(row, self._subject or row.pairing.patient_id, self._seeds)
        return _open(row, row.pairing.uuid, leaf, self._readers[row.data_key_id])


def open_envelopes(
    rows: Iterable[Envelope], leaves: Mapping[int, bytes], subject: uuid.UUID
) -> Iterator[tuple[Envelope, Opened]]:
    """Open each row of one patient's record; `leaves` gives the register's leaf hash for each entry number.

    Rows sorted by data key and step open fastest. Each row needs `pairing` loaded.

    Raises:
        SealError: a row was altered, moved, or its leaf is not the register's.
        KeyMissingError: the record's key was erased.
    """
    vault = Vault(subject)
    for row in rows:
        yield row, vault.open(row, leaves[row.entry])


def _reader(row: Envelope, subject: uuid.UUID, seeds: dict[int, bytes]) -> ChainReader:
    data_key = DataKey.objects.select_related("record_key").get(pk=row.data_key_id)
    key = data_key.record_key
    if key.subject != subject:
        raise SealError("this was sealed to another record")
    if key.pk not in seeds:
        seeds[key.pk] = private_seed(key)
    info = data_key_info(key.subject, data_key.worker, data_key.day)
    return ChainReader(open_sealed(Suite(key.suite), seeds[key.pk], bytes(data_key.sealed), info))


def _open(row: Envelope, pairing: uuid.UUID, leaf: bytes, reader: ChainReader) -> Opened:
    if not isinstance(row.sealed, bytes | memoryview):
        raise SealError("a sealed record was replaced by something else")
    plain = reader.open(row.step, bytes(row.sealed), aad=record_aad(leaf, pairing.bytes))
    match cbor.decode(plain, limit=LIMITS.statement + 4_096, what="record"):
        case [int(version), bytes(entry), int(correction_ms), int(received_ms), int(flags), int(trust), dict(odd)] if (
            version == RECORD_VERSION
        ):
            if leaf_hash(entry) != leaf:
                raise SealError("a sealed record is not the one the register holds")
            if (row.received_ms, row.flags & ~Flag.CONTESTED) != (received_ms, flags):
                raise SealError("a column says something else than the sealed record")
            return Opened(entry, leaf, correction_ms, trust, odd)
    raise MalformedError("a sealed record has another form")
