"""Erasing a class: what goes, what stays, what a thief of everything opens afterwards, and a kill at each step."""

from __future__ import annotations

import io
import json
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from egide.cloud.comfort.models import Wish
from egide.cloud.comfort.wishes import Wishes, keep, wishes_of
from egide.cloud.fleet.pairings import record_of
from egide.cloud.governance import requests
from egide.cloud.governance.erasing import decide
from egide.cloud.governance.erasure import KIND, erase_classes, erasures_of, finish
from egide.cloud.intake.pipeline import Pipeline
from egide.cloud.keys.columns import blind_index, open_text, seal_text
from egide.cloud.keys.erasure import unfinished
from egide.cloud.keys.keyring import fingerprint, read_keyring
from egide.cloud.keys.models import RecordKey
from egide.cloud.keys.provider import FileProvider, provider
from egide.cloud.keys.records import care_key, class_key, create_record_key, private_seed, seal_for, wrap_context
from egide.cloud.options import Options
from egide.cloud.people.models import Account
from egide.cloud.people.service import name_of
from egide.cloud.register.journal import append_statement, open_statement
from egide.cloud.register.models import Statement
from egide.cloud.release.attribution import propose, refuse
from egide.cloud.release.door import Ask, release
from egide.cloud.upkeep.backup import read_items, write_backup
from egide.cloud.vault.models import DataKey, Envelope
from egide.cloud.vault.sealing import data_key_info
from egide.errors import ConfigError, EgideError, RefusedError, SealError
from egide.trust.seal import Suite, open_sealed
from tests.cloud.governance.conftest import found
from tests.support.thing import NOW, forget

LATER = NOW + 3_600_000


class KilledError(Exception):
    """The process died here."""


def kill_at(wanted: str, *, time: int = 1) -> Callable[[str], None]:
    """A step that dies when it is reached for the n-th time."""
    left = [time]

    def step(name: str) -> None:
        if name == wanted:
            left[0] -= 1
            if not left[0]:
                raise KilledError(name)

    return step


def opens(key: RecordKey) -> bool:
    try:
        return bool(private_seed(RecordKey.objects.get(pk=key.pk)))
    except EgideError:
        return False


def test_after_an_erasure_the_door_shows_what_stays_and_late_readings_find_a_new_key(
    private_reading: Envelope, alice: Account, dpo: Account, pipeline: Pipeline
) -> None:
    """The care record reads on; what Alice's own object sends afterwards is nobody's, and not sealed to a lost key."""
    def values() -> int:
        ask = Ask(reader=alice, patient=alice, since_ms=0, until_ms=2**50, purpose="PATRQT", channel="test")
        return sum(len(column.values) for column in release(ask, now_ms=LATER).columns)

    assert values() == 4
    decide(requests.ask(alice, "erase", by=alice, now_ms=NOW), by=dpo, now_ms=LATER)
    assert values() == 2
    assert found()[0] == set()
    owner = private_reading.pairing
    owner.refresh_from_db()
    assert owner.until_ms == LATER
    again, private = class_key(alice.pk, "personal"), record_of(owner)
    assert opens(again)
    assert pipeline.fleet.recipient(private).record_key != again.pk  # remembered, until it looks
    pipeline.fleet.refresh(10**15)
    assert pipeline.fleet.recipient(private).record_key == again.pk


def test_one_class_goes_and_the_others_stay(alice: Account, bob: Account, personal: RecordKey) -> None:
    """Personal and research are gone for everybody; care, names and indexes are as they were."""
    index, sealed, name = blind_index("Alice", "name"), seal_text("06 12", b"phone"), name_of(alice)
    care, old = care_key(alice.pk), provider().current
    note = seal_for(care, b"36.50", b"i")
    entry = erase_classes(alice.pk, ["personal", "research"], now_ms=LATER)
    assert not opens(personal)
    assert opens(care)
    assert opens(care_key(bob.pk))
    assert open_sealed(Suite(care.suite), private_seed(care_key(alice.pk)), note, b"i") == b"36.50"
    assert (blind_index("Alice", "name"), open_text(sealed, b"phone"), name_of(alice)) == (index, "06 12", name)
    assert provider().keys().epochs == (old + 1,)
    assert not unfinished()
    (said,) = erasures_of(alice.pk)
    assert (said.entry, said.classes) == (entry, ("personal", "research"))
    assert set(said.keys) == {fingerprint(k) for k in RecordKey.objects.exclude(erased_ms=None)}


def test_a_proposal_that_nobody_confirmed_makes_no_key(
    private_reading: Envelope, alice: Account, bob: Account, dpo: Account, doctor: Account
) -> None:
    """Readings that were only said to be Bob's, and that somebody refused, leave no key pair in his record."""
    create_record_key(bob.pk, now_ms=NOW, klass="personal")
    waits, refused = (
        propose(private_reading.pairing, bob, since_ms=0, until_ms=None, reason="r", by=doctor, now_ms=NOW)
        for _ in range(2)
    )
    refuse(refused, by=doctor, now_ms=NOW)
    decide(requests.ask(bob, "erase", by=bob, now_ms=NOW), by=dpo, now_ms=LATER)
    assert waits.at_ms is None
    assert not RecordKey.objects.filter(subject=bob.pk, klass="personal", erased_ms=None).exists()


def test_what_was_wished_of_the_pages_goes_with_the_record(alice: Account, bob: Account, personal: RecordKey) -> None:
    """It may tell that reading is hard for them; a class alone takes nothing of it, nor does another's erasure."""
    for account in (alice, bob):
        keep(account, Wishes(easy=True))
    erase_classes(alice.pk, ["personal"], now_ms=LATER)
    assert wishes_of(alice).easy
    erase_classes(alice.pk, ["care"], now_ms=LATER)
    assert set(Wish.objects.values_list("pk", flat=True)) == {bob.pk}


def test_a_class_is_erased_once_and_only_if_there_is_one(alice: Account, personal: RecordKey) -> None:
    """Nothing to erase, or an unknown class: refused, and no epoch is opened for it."""
    erase_classes(alice.pk, ["personal"], now_ms=LATER)
    before = provider().current
    for classes in (["personal"], ["everything"], []):
        with pytest.raises(RefusedError):
            erase_classes(alice.pk, classes, now_ms=LATER)
    assert (provider().current, unfinished()) == (before, False)


def test_a_new_key_of_an_erased_class_starts_afresh(alice: Account, personal: RecordKey) -> None:
    """What is stored after an erasure is not erased by it."""
    erase_classes(alice.pk, ["personal"], now_ms=LATER)
    again = create_record_key(alice.pk, now_ms=LATER, klass="personal")
    assert opens(again)
    assert not opens(personal)


STEPS = [("written", 1), ("replaced", 1), ("opened", 1), ("said", 1), ("forgotten", 1), ("wrapped", 1), ("keyring", 1),
         ("written", 2), ("replaced", 2)]  # fmt: skip


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("where", "time"), STEPS, ids=[f"{n}-{t}" for n, t in STEPS])
def test_killed_at_any_step_nothing_that_must_stay_is_lost(
    alice: Account, bob: Account, personal: RecordKey, opened_platform: Options, where: str, time: int
) -> None:
    """Care records open at every instant; doing it again ends it; the statement and the table never disagree."""
    kept = [care_key(alice.pk), care_key(bob.pk)]
    with pytest.raises(KilledError):
        erase_classes(alice.pk, ["personal"], now_ms=LATER, step=kill_at(where, time=time))
    forget()  # another process starts
    assert all(opens(key) for key in kept)
    said, gone = bool(erasures_of(alice.pk)), RecordKey.objects.filter(pk=personal.pk, wrapped=None).exists()
    assert said == gone
    finish(now_ms=LATER)
    assert not unfinished()
    assert all(opens(key) for key in kept)
    assert opens(personal) is not said
    if not said:
        erase_classes(alice.pk, ["personal"], now_ms=LATER)
    assert not opens(personal)
    assert all(opens(key) for key in kept)
    assert finish(now_ms=LATER) is False


def test_a_key_made_by_another_process_meanwhile_is_not_lost(alice: Account, personal: RecordKey) -> None:
    """A patient who is admitted between two steps keeps their record: the last look is taken under the lock."""
    made: list[RecordKey] = []

    def admit(step: str) -> None:
        if step in ("opened", "forgotten", "wrapped") and len(made) < 3:
            made.append(create_record_key(uuid.uuid4(), now_ms=NOW))

    erase_classes(alice.pk, ["personal"], now_ms=LATER, step=admit)
    assert len(made) == 3
    assert all(opens(key) for key in made)


def test_a_process_that_read_the_keys_before_sees_the_new_epoch(alice: Account, personal: RecordKey) -> None:
    """A server that runs goes on opening care records after another process erased something."""
    mine = provider()
    mine.keys()
    erase_classes(alice.pk, ["personal"], now_ms=LATER)
    assert mine.keys().epochs == (2,)
    assert opens(care_key(alice.pk))


def test_a_key_file_of_the_older_form_works_and_cannot_erase(
    alice: Account, personal: RecordKey, opened_platform: Options
) -> None:
    """Names and backups hang on its only epoch, so nothing is destroyed and nothing is promised."""
    path = opened_platform.keys / "kek.json"
    old = json.loads(path.read_text())
    del old["lasting"]
    path.write_text(json.dumps(old))
    forget()
    assert opens(personal)
    with pytest.raises(ConfigError):
        erase_classes(alice.pk, ["personal"], now_ms=LATER)
    assert opens(personal)


# ------------------------------------------------------------------------------------------------------------- attack


@pytest.mark.django_db(transaction=True)
def test_the_whole_data_folder_a_backup_and_the_key_file_do_not_open_what_was_erased(
    private_reading: Envelope, personal: RecordKey, alice: Account, opened_platform: Options, tmp_path: Path
) -> None:
    """A thief of the tables as they were, of an older backup, of the keyring and of today's kek.json."""
    backup = tmp_path / "before.egide"
    write_backup(backup, now_ms=NOW)
    before = RecordKey.objects.get(pk=personal.pk)
    data_key = DataKey.objects.get(record_key=personal)
    seed = private_seed(before)  # what must be out of reach afterwards
    erase_classes(alice.pk, ["personal"], now_ms=LATER)
    forget()

    stolen = [bytes(before.wrapped or b"")]
    rows = iter(read_items(io.BytesIO(backup.read_bytes())))  # today's keys still open the backup itself
    table: list[str] = []
    for item in rows:
        if item[0] == "table":
            table = item[2] if item[1] == "keys_recordkey" else []
        elif table and item[0] != "end":
            row = dict(zip(table, item, strict=True))
            if row["id"] == personal.pk:
                stolen.append(row["wrapped"])
    ring = read_keyring(opened_platform.keys)
    assert ring is not None
    assert len(stolen) == 2
    assert fingerprint(before) not in ring.wrapped
    thief = FileProvider.read(opened_platform.keys / "kek.json")
    context = wrap_context(before.subject, before.establishment, before.klass)
    for wrapped in stolen:
        for epoch in range(5):
            with pytest.raises(SealError):
                thief.unwrap(epoch, wrapped, context)
    loot = [p.read_bytes() for p in (opened_platform.keys).iterdir() if p.is_file()] + [backup.read_bytes()]
    assert not any(seed in data or seed.hex().encode() in data for data in loot)
    info = data_key_info(before.subject, data_key.worker, data_key.day)
    for candidate in (b"\0" * len(seed), private_seed(care_key(alice.pk))):
        with pytest.raises(EgideError):
            open_sealed(Suite(before.suite), candidate, bytes(data_key.sealed), info)


@pytest.mark.django_db(transaction=True)
def test_a_copy_of_the_key_file_from_before_still_opens_it(
    personal: RecordKey, alice: Account, opened_platform: Options, tmp_path: Path
) -> None:
    """So the attack above could not fail by accident: with the old file it opens; the file is what was destroyed."""
    shutil.copy(opened_platform.keys / "kek.json", tmp_path / "old.json")
    before = RecordKey.objects.get(pk=personal.pk)
    seed = private_seed(before)
    erase_classes(alice.pk, ["personal"], now_ms=LATER)
    context = wrap_context(before.subject, before.establishment, before.klass)
    old = FileProvider.read(tmp_path / "old.json")
    assert old.unwrap(before.epoch, bytes(before.wrapped or b""), context) == seed


def test_evidence_of_consent_survives(alice: Account, personal: RecordKey) -> None:
    """What Alice agreed to, and that it was erased, is still there for her to read."""
    said = append_statement(
        "follow-up", alice.pk, {}, now_ms=NOW, personal={"text": "oui"}, sealed_for=care_key(alice.pk)
    )
    erase_classes(alice.pk, ["personal", "research"], now_ms=LATER, personal={"by": "desk"})
    key = care_key(alice.pk)
    assert open_statement(Statement.objects.get(entry=said), key).personal == {"text": "oui"}
    assert open_statement(Statement.objects.get(kind=KIND), key).personal == {"by": "desk"}
