"""A patient's key pairs: made with the account, sealed to by intake, opened by the vault."""

from __future__ import annotations

import os
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Final

from django.db import connection, transaction

from egide.cloud.keys.models import RecordKey
from egide.cloud.keys.provider import provider
from egide.errors import KeyMissingError
from egide.trust.seal import Suite, derive_pair, seal_to, seed_bytes

__all__ = [
    "ESTABLISHMENT", "RecordKeyMissingError", "care_key", "care_keys", "class_key", "create_record_key", "keys_lock",
    "private_seed", "seal_for", "wrap_context",
]  # fmt: skip

_LOCK_ID: Final = 0x65676B65  # "egke"

#: The one establishment of a platform that has not declared others.
ESTABLISHMENT = uuid.UUID("00000000-0000-4000-8000-000000000001")


class RecordKeyMissingError(KeyMissingError):
    """A record has no such key pair, or has it no more: it was erased. No file of ours is missing."""

    hint = "what was erased is not coming back"


@contextmanager
def keys_lock() -> Iterator[None]:
    """A transaction in which nobody else makes, wraps again or erases a record's key."""
    with transaction.atomic():  # on SQLite it holds the one lock there is (BEGIN IMMEDIATE)
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK_ID])
        yield


def wrap_context(subject: uuid.UUID, establishment: uuid.UUID, klass: str) -> bytes:
    """What a wrapped key is bound to: moved to another record or class, it does not open."""
    return b"egide record key v1" + subject.bytes + establishment.bytes + klass.encode()


def create_record_key(
    subject: uuid.UUID,
    *,
    now_ms: int,
    klass: str = RecordKey.Class.CARE,
    establishment: uuid.UUID = ESTABLISHMENT,
    suite: Suite = Suite.MLKEM768_X25519,
) -> RecordKey:
    """Make a key pair for a patient's record; its private half leaves this function wrapped."""
    seed = os.urandom(seed_bytes(suite))
    with keys_lock():  # so that no epoch is destroyed between wrapping and keeping
        keys = provider().keys()
        return RecordKey.objects.create(
            subject=subject,
            establishment=establishment,
            klass=klass,
            suite=int(suite),
            public=derive_pair(suite, seed),
            wrapped=keys.wrap(seed, wrap_context(subject, establishment, klass)),
            epoch=keys.current,
            created_ms=now_ms,
        )


def care_key(subject: uuid.UUID) -> RecordKey:
    """The key pair of a patient's care record. Raises KeyMissingError when there is none."""
    return class_key(subject, RecordKey.Class.CARE)


def care_keys(subjects: Collection[uuid.UUID]) -> dict[uuid.UUID, RecordKey]:
    """The same of several patients, in one query; one who has none is left out."""
    rows = RecordKey.objects.filter(
        subject__in=subjects, establishment=ESTABLISHMENT, klass=RecordKey.Class.CARE, erased_ms=None
    )
    return {row.subject: row for row in rows.order_by("pk")} if subjects else {}


def class_key(subject: uuid.UUID, klass: str, establishment: uuid.UUID = ESTABLISHMENT) -> RecordKey:
    """The key pair of one class of a patient's record in an establishment. Raises KeyMissingError: there is none."""
    rows = RecordKey.objects.filter(subject=subject, establishment=establishment, klass=klass, erased_ms=None)
    if (key := rows.last()) is None:
        raise RecordKeyMissingError("this record has no key")
    return key


def private_seed(key: RecordKey) -> bytes:
    """The private half. Raises KeyMissingError once erased, SealError when the wrapping key is another."""
    if key.wrapped is None:
        raise KeyMissingError("this record's key was erased")
    return provider().unwrap(
        key.epoch, bytes(key.wrapped), wrap_context(key.subject, key.establishment, key.klass)
    )


def seal_for(key: RecordKey, plaintext: bytes, info: bytes) -> bytes:
    """Seal to a record: needs the public half only."""
    return seal_to(Suite(key.suite), bytes(key.public), plaintext, info)
