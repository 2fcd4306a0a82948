"""Opening the vault. Its callers are a closed list that import-linter holds: release for persons, fsck for machines."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from egide import cbor
from egide.cloud.keys.records import private_seed
from egide.cloud.vault.models import SAID_LATER, DataKey, Envelope, Erratum
from egide.cloud.vault.sealing import ERRATUM_VERSION, RECORD_VERSION, data_key_info
from egide.errors import MalformedError, SealError
from egide.trust.envelope import leaf_hash
from egide.trust.limits import LIMITS
from egide.trust.seal import ChainReader, Suite, open_sealed, record_aad

__all__ = ["Opened", "OpenedErratum", "Vault", "open_envelopes"]


@dataclass(frozen=True, slots=True)
class Opened:
    """A sealed record in clear: the signed entry, and what intake noted beside it."""

    entry: bytes
    leaf: bytes
    correction_ms: int
    trust: int
    doubts: Mapping[int, Mapping[int, str]]


@dataclass(frozen=True, slots=True)
class OpenedErratum:
    """What a record held in error: readings whose every value is 0, since the values are no longer its own."""

    readings: bytes
    correction_ms: int
    trust: int


class Vault:
    """Opens envelopes; remembers the data keys it unwrapped. Throw it away after a job."""

    def __init__(self, subject: uuid.UUID | None = None, data_keys: Mapping[int, DataKey] | None = None) -> None:
        """`subject`: whose record this must be; None for machines that check everybody's.

        `data_keys`: those that the caller has read, each with its record's key.
        """
        self._subject = subject
        self._known = data_keys or {}
        self._readers: dict[int, tuple[uuid.UUID, ChainReader]] = {}
        self._seeds: dict[int, bytes] = {}

    def open(self, row: Envelope, leaf: bytes, *, owner: uuid.UUID | None = None) -> Opened:
        """Open one row, with the leaf hash that the register holds for it.

        For a vault of no one record, `owner` says whose it must be (by default: its pairing's patient's).
        Raises as `open_envelopes`.
        """
        return _open(row, row.pairing.uuid, leaf, self._reader(row, owner))

    def open_erratum(self, row: Erratum, leaf: bytes, *, owner: uuid.UUID | None = None) -> OpenedErratum:
        """Open what a record held in error. Raises as `open_envelopes`."""
        reader = self._reader(row, owner)
        plain = reader.open(row.step, bytes(row.sealed), aad=record_aad(leaf, row.pairing.uuid.bytes))
        match cbor.decode(plain, limit=LIMITS.statement + 4_096, what="erratum"):
            case [int(version), "erratum", bytes(readings), int(correction_ms), int(trust)] if (
                version == ERRATUM_VERSION
            ):
                return OpenedErratum(readings, correction_ms, trust)
        raise MalformedError("a sealed erratum has another form")

    def _reader(self, row: Envelope | Erratum, owner: uuid.UUID | None) -> ChainReader:
        whose = self._subject or owner or row.pairing.patient_id
        if row.data_key_id not in self._readers:
            self._readers[row.data_key_id] = whose, self._open_key(row.data_key_id, whose)
        subject, reader = self._readers[row.data_key_id]
        if subject != whose:
            raise SealError("this was sealed to another record")
        return reader

    def _open_key(self, data_key_id: int, subject: uuid.UUID) -> ChainReader:
        data_key = self._known.get(data_key_id)
        if data_key is None:
            data_key = DataKey.objects.select_related("record_key").get(pk=data_key_id)
        key = data_key.record_key
        if key.subject != subject:
            raise SealError("this was sealed to another record")
        if key.pk not in self._seeds:
            self._seeds[key.pk] = private_seed(key)
        info = data_key_info(key.subject, data_key.worker, data_key.day)
        return ChainReader(open_sealed(Suite(key.suite), self._seeds[key.pk], bytes(data_key.sealed), info))


def open_envelopes(
    rows: Iterable[Envelope],
    leaves: Mapping[int, bytes],
    subject: uuid.UUID,
    data_keys: Mapping[int, DataKey] | None = None,
) -> Iterator[tuple[Envelope, Opened]]:
    """Open each row of one patient's record; `leaves` gives the register's leaf hash for each entry number.

    Rows sorted by data key and step open fastest. Each row needs `pairing` loaded.

    Raises:
        SealError: a row was altered, moved, or its leaf is not the register's.
        KeyMissingError: the record's key was erased.
    """
    vault = Vault(subject, data_keys)
    for row in rows:
        yield row, vault.open(row, leaves[row.entry])


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
            if (row.received_ms, row.flags & ~SAID_LATER) != (received_ms, flags & ~SAID_LATER):
                raise SealError("a column says something else than the sealed record")
            return Opened(entry, leaf, correction_ms, trust, odd)
    raise MalformedError("a sealed record has another form")
