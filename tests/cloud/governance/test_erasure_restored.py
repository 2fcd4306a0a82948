"""Erased, and then: what fsck says of it, and what a restore from before does before it opens."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from django.db import connection, transaction
from pytest_django import Settings

from egide.cloud.config.initialise import write_key
from egide.cloud.governance.erasure import erase_classes, erasures_of
from egide.cloud.keys.keyring import KEYRING
from egide.cloud.keys.models import RecordKey
from egide.cloud.keys.provider import provider
from egide.cloud.keys.records import care_key, private_seed
from egide.cloud.options import Options
from egide.cloud.people.models import Account
from egide.cloud.register.journal import open_statement
from egide.cloud.register.models import Statement
from egide.cloud.register.publishing import publish
from egide.cloud.upkeep.backup import tables, write_backup
from egide.cloud.upkeep.fsck import fsck
from egide.cloud.upkeep.restore import restore
from egide.cloud.vault.models import Envelope
from egide.errors import EgideError, KeyMissingError
from tests.cloud.governance.conftest import found
from tests.support.thing import NOW, forget

LATER = NOW + 3_600_000


def opens(key: RecordKey) -> bool:
    try:
        return bool(private_seed(RecordKey.objects.get(pk=key.pk)))
    except EgideError:
        return False


# --------------------------------------------------------------------------------------------------------------- fsck


def test_fsck_says_by_which_statement_and_no_damage(
    private_reading: Envelope, personal: RecordKey, alice: Account
) -> None:
    """An erased envelope is a leaf that nobody opens, and the store is whole."""
    assert found() == (set(), set())
    entry = erase_classes(alice.pk, ["personal"], now_ms=LATER)
    damage, notices = found()
    assert (damage, notices) == (set(), {f"erased by #{entry >> 40}:{entry & (1 << 40) - 1}"})
    assert fsck(now_ms=LATER).erased == 1


def test_fsck_does_not_believe_a_table_that_erased_by_itself(
    private_reading: Envelope, personal: RecordKey, alice: Account
) -> None:
    """A key that vanished without a signed statement is damage, and so is each envelope that it closed."""
    RecordKey.objects.filter(pk=personal.pk).update(wrapped=None, erased_ms=NOW)
    assert found()[0] == {("key", "erased-by-nobody"), ("envelope", "key-missing")}


def test_fsck_notices_an_erasure_that_somebody_undid(personal: RecordKey, alice: Account) -> None:
    """A wrapped key put back beside the statement that says it is gone."""
    before = RecordKey.objects.get(pk=personal.pk)
    erase_classes(alice.pk, ["personal"], now_ms=LATER)
    RecordKey.objects.filter(pk=personal.pk).update(wrapped=before.wrapped, erased_ms=None)
    assert ("key", "erasure-undone") in found()[0]


# ------------------------------------------------------------------------------------------------------------ restore


def emptied() -> None:
    """A disk that was lost."""
    with connection.cursor() as cursor, transaction.atomic():
        for model in reversed(tables()):
            cursor.execute(f"DELETE FROM {model._meta.db_table}")
    forget()


def fill(backup: Path, options: Options, tmp_path: Path) -> None:
    target = replace(options, data=tmp_path / "restored")
    restore(backup, target, now_ms=LATER, migrate=lambda: None, write_key=write_key)


@pytest.mark.django_db(transaction=True)
def test_a_restore_from_before_erases_again_before_it_opens(
    private_reading: Envelope, personal: RecordKey, alice: Account, bob: Account, opened_platform: Options,
    tmp_path: Path, settings: Settings,
) -> None:  # fmt: skip
    """The backup holds the key; the store that comes out of it does not, says so in its own register, and is whole."""
    backup = tmp_path / "before.egide"
    publish(now_ms=NOW)
    write_backup(backup, now_ms=NOW)
    first = erase_classes(alice.pk, ["personal"], now_ms=LATER)
    emptied()
    fill(backup, opened_platform, tmp_path)
    assert not opens(personal)
    assert opens(care_key(alice.pk))
    assert opens(care_key(bob.pk))
    (again,) = erasures_of(alice.pk)
    assert again.entry >> 40 == 2
    row = Statement.objects.get(entry=again.entry)
    assert open_statement(row).facts["again"] == [first]
    damage, notices = found()
    assert damage == set()
    assert len(notices) == 1


@pytest.mark.django_db(transaction=True)
def test_a_backup_from_before_without_the_keyring_is_refused(
    personal: RecordKey, alice: Account, opened_platform: Options, tmp_path: Path
) -> None:
    """Its keys are under an epoch that is gone: said, and nothing is written."""
    backup = tmp_path / "before.egide"
    write_backup(backup, now_ms=NOW)
    erase_classes(alice.pk, ["personal"], now_ms=LATER)
    emptied()
    (opened_platform.keys / KEYRING).unlink()
    with pytest.raises(KeyMissingError, match=r"keyring\.cbor"):
        fill(backup, opened_platform, tmp_path)
    assert not RecordKey.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_keyring_of_before_the_last_erasure_is_refused(
    personal: RecordKey, alice: Account, opened_platform: Options, tmp_path: Path
) -> None:
    """An old copy would bring back keys that nobody can open, and forget an erasure: it is said instead."""
    backup = tmp_path / "before.egide"
    write_backup(backup, now_ms=NOW)
    erase_classes(alice.pk, ["personal"], now_ms=LATER)
    old = (opened_platform.keys / KEYRING).read_bytes()
    erase_classes(alice.pk, ["research"], now_ms=LATER + 1)
    emptied()
    (opened_platform.keys / KEYRING).write_bytes(old)
    with pytest.raises(KeyMissingError, match="older"):
        fill(backup, opened_platform, tmp_path)
    assert not RecordKey.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_erasures_and_the_oldest_backup(
    personal: RecordKey, alice: Account, bob: Account, opened_platform: Options, tmp_path: Path
) -> None:
    """However many epochs lie between, every care record opens and every erasure holds."""
    backup = tmp_path / "before.egide"
    write_backup(backup, now_ms=NOW)
    erase_classes(alice.pk, ["personal"], now_ms=LATER)
    erase_classes(alice.pk, ["research"], now_ms=LATER + 1)
    emptied()
    fill(backup, opened_platform, tmp_path)
    assert provider().current == 3
    assert sorted(k.klass for k in RecordKey.objects.exclude(erased_ms=None)) == ["personal", "research"]
    assert opens(care_key(alice.pk))
    assert opens(care_key(bob.pk))
