"""Records' keys, in a restore and in a check: what the keyring gives back, what was erased and by which statement."""

from __future__ import annotations

from collections.abc import Iterator

from egide.cloud.governance.erasure import erasures_of
from egide.cloud.keys.keyring import fingerprint, read_keyring
from egide.cloud.keys.models import RecordKey
from egide.cloud.keys.provider import provider
from egide.cloud.keys.records import private_seed
from egide.cloud.options import Options
from egide.cloud.register.store import split_entry
from egide.cloud.upkeep.finding import Finding
from egide.cloud.vault.models import DataKey
from egide.errors import EgideError, KeyMissingError
from egide.trust.seal import Suite, derive_pair

__all__ = ["check_keys", "erased_data_keys", "take_keyring"]


def take_keyring(options: Options) -> list[RecordKey]:
    """After the tables were loaded: take wrapped keys from the keyring where the backup's are under a destroyed epoch.

    Returns the keys that were erased since the backup; their wrapped halves are gone from the table when this returns.

    Raises:
        KeyMissingError: the backup is older than an erasure, and the keyring is not in the keys folder.
    """
    ring, epochs = read_keyring(options.keys), set(provider().keys().epochs)
    erased: list[RecordKey] = []
    for key in RecordKey.objects.filter(erased_ms=None).order_by("pk").iterator(2_000):
        name = fingerprint(key)
        if ring is not None and name in ring.erased:
            key.wrapped = None
            key.erased_ms, key.erased_entry = ring.erased[name]
            erased.append(key)
        elif key.epoch not in epochs:
            if ring is None or name not in ring.wrapped:
                raise KeyMissingError("this backup is older than an erasure: keyring.cbor of the keys folder is needed")
            key.epoch, key.wrapped = ring.wrapped[name]
            if key.epoch not in epochs:
                raise KeyMissingError("keyring.cbor is older than the last erasure: put back the one beside kek.json")
        else:
            continue
        key.save(update_fields=["wrapped", "epoch", "erased_ms", "erased_entry"])
    return erased


def check_keys() -> Iterator[Finding]:
    """Each key pair is one, or a statement says that it was erased; what a statement erased is not there."""
    try:
        said = {name: erased.entry for erased in erasures_of() for name in erased.keys}
    except EgideError:
        said = {}  # the check of statements says which
    for key in RecordKey.objects.order_by("pk").iterator(2_000):
        entry = said.get(fingerprint(key))
        if entry is not None and key.wrapped is None:
            log_id, index = split_entry(entry)
            yield Finding(kind="key", where=str(key.pk), what=f"erased by #{log_id}:{index}", notice=True)
        elif entry is not None:
            yield Finding(kind="key", where=str(key.pk), what="erasure-undone")
        elif key.wrapped is None or key.erased_ms is not None:
            yield Finding(kind="key", where=str(key.pk), what="erased-by-nobody")
        elif found := _broken(key):
            yield Finding(kind="key", where=str(key.pk), what=found)


def _broken(key: RecordKey) -> str:
    try:
        return "" if derive_pair(Suite(key.suite), private_seed(key)) == bytes(key.public) else "pair"
    except EgideError as err:
        return err.code
    except Exception:
        return "unreadable"


def erased_data_keys() -> frozenset[int]:
    """The data keys that nobody opens any more, because a statement erased the record's key that they are sealed to.

    A key that is gone without a statement is not among them: what it sealed is damage.
    """
    try:
        said = {name for erased in erasures_of() for name in erased.keys}
    except EgideError:
        return frozenset()
    gone = [key.pk for key in RecordKey.objects.filter(wrapped=None) if fingerprint(key) in said]
    return frozenset(DataKey.objects.filter(record_key__in=gone).values_list("pk", flat=True))
