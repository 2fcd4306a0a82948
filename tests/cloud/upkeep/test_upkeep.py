"""Check, back up, restore: what each finds, keeps and refuses."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from allauth.mfa.models import Authenticator
from django.apps import apps
from django.db import connection
from pytest_django import Settings

from egide.cloud.config.initialise import write_key
from egide.cloud.consent.service import start_follow_up
from egide.cloud.intake.pipeline import Pipeline
from egide.cloud.keys.models import RecordKey
from egide.cloud.options import Options
from egide.cloud.people.models import Account
from egide.cloud.people.service import name_of
from egide.cloud.register.models import Checkpoint, Log, Statement, Tile
from egide.cloud.register.publishing import publish
from egide.cloud.release.door import Ask, release
from egide.cloud.upkeep.backup import MAGIC, read_items, tables, write_backup
from egide.cloud.upkeep.fsck import fsck
from egide.cloud.upkeep.restore import restore
from egide.cloud.vault.models import Envelope
from egide.errors import (
    ConfigError,
    KeyMissingError,
    MalformedError,
    NameTakenError,
    SealError,
    StorageError,
    UnavailableError,
    UnreadableError,
)
from tests.support.thing import NOW, Thing, forget, glucose, incoming


@pytest.fixture
def stored(pipeline: Pipeline, meter: Thing, alice: Account, charlie: Account) -> Thing:
    """Three hundred envelopes, journal entries, checkpoints: more than one tile."""
    start_follow_up(charlie, alice, now_ms=NOW)
    for _ in range(3):
        pipeline.process([incoming(meter.envelope(glucose(count=2))) for _ in range(100)])
        assert publish(now_ms=NOW) is not None
    return meter


#: What a restore does without: sessions and look-ups that are made again, addresses that we do not use.
NOT_KEPT = {"auth", "contenttypes", "sessions", "account"}
#: Tables of kept apps that lapse by themselves, or that a restore must not turn on again.
LEFT = {
    "messages.way", "messages.outgoing", "signin.kept", "vault.page", "vault.pagecursor", "smart.code", "smart.token",
    "smart.refresh", "smart.launch", "smart.spentassertion",
}  # fmt: skip


def test_every_table_is_kept_or_said_not_to_be() -> None:
    """An app that is added is in the backup, or named here; unsent forms and ways to be reached are in none."""
    kept = {model._meta.label_lower for model in tables()}
    every = {model._meta.label_lower for model in apps.get_models() if model._meta.app_label not in NOT_KEPT}
    assert every - kept == LEFT
    assert not kept & LEFT


def damage() -> set[tuple[str, str]]:
    return {(f.kind, f.what) for f in fsck(now_ms=NOW + 3_600_000).findings if not f.notice}


def test_a_whole_store_is_whole(stored: Thing) -> None:
    """Everything is read, nothing is found."""
    report = fsck(now_ms=NOW + 3_600_000)
    assert (report.findings, report.damaged) == ([], False)
    assert (report.envelopes, report.checkpoints) == (300, 3)
    assert report.tiles == 3


def test_no_register_is_not_a_whole_one(db: None) -> None:
    """An empty folder is not said to be whole."""
    with pytest.raises(UnavailableError):
        fsck(now_ms=NOW)


def _replace_bytes(data: bytes, at: int = 40) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def raw(statement: str) -> None:
    """What somebody does who has the database, and no respect for our models."""
    with connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.parametrize(
    ("harm", "found"),
    [
        pytest.param("sealed", ("envelope", "seal-broken"), id="record-edited"),
        pytest.param("seq", ("envelope", "proof-invalid"), id="counter-edited"),
        pytest.param("identity", ("envelope", "proof-invalid"), id="identity-edited"),
        pytest.param("deleted", ("entry", "missing"), id="row-deleted"),
        pytest.param("beyond", ("entry", "beyond-head"), id="row-beyond-the-head"),
        pytest.param("tile", ("tile", "hash"), id="tile-edited"),
        pytest.param("tile-cut", ("tile", "size"), id="tile-cut"),
        pytest.param("tile-gone", ("tile", "not-found"), id="tile-gone"),
        pytest.param("root", ("log", "root"), id="root-edited"),
        pytest.param("checkpoint", ("checkpoint", "signature-invalid"), id="checkpoint-edited"),
        pytest.param("statement", ("statement", "proof-invalid"), id="statement-edited"),
        pytest.param("key", ("key", "seal-broken"), id="record-key-edited"),
        pytest.param("pairing-gone", ("envelope", "pairing-missing"), id="pairing-gone"),
        pytest.param("data-key-gone", ("envelope", "unreadable"), id="data-key-gone"),
        pytest.param("unmarked", ("envelope", "contested-unmarked"), id="clone-unmarked"),
    ],
)
def test_each_damage_is_found(stored: Thing, harm: str, found: tuple[str, str]) -> None:
    """One thing changed, and its kind is named."""
    row = Envelope.objects.order_by("entry")[10]
    if harm == "sealed":
        Envelope.objects.filter(pk=row.pk).update(sealed=_replace_bytes(bytes(row.sealed)))
    elif harm == "seq":
        Envelope.objects.filter(pk=row.pk).update(seq=9_999)
    elif harm == "identity":
        Envelope.objects.filter(pk=row.pk).update(identity=bytes(32))
    elif harm == "deleted":
        row.delete()
    elif harm == "beyond":
        Envelope.objects.filter(pk=row.pk).update(entry=row.entry + 100_000)
    elif harm == "tile":
        tile = Tile.objects.get(level=0, n=0)
        Tile.objects.filter(level=0, n=0).update(data=_replace_bytes(bytes(tile.data)))
    elif harm == "tile-cut":
        tile = Tile.objects.get(level=0, n=1)
        Tile.objects.filter(level=0, n=1).update(data=bytes(tile.data)[:-32])
    elif harm == "tile-gone":
        Tile.objects.filter(level=0, n=1).delete()
    elif harm == "root":
        Log.objects.update(root=bytes(32))
    elif harm == "checkpoint":
        note = Checkpoint.objects.order_by("size")[0]
        Checkpoint.objects.filter(pk=note.pk).update(note=note.note.replace(f"\n{note.size}\n", f"\n{note.size + 1}\n"))
    elif harm == "statement":
        body = Statement.objects.get(kind="follow-up")
        Statement.objects.filter(pk=body.pk).update(body=_replace_bytes(bytes(body.body), 200))
    elif harm == "key":
        key = RecordKey.objects.all()[0]
        RecordKey.objects.filter(pk=key.pk).update(wrapped=_replace_bytes(bytes(key.wrapped or b"")))
    elif harm == "pairing-gone":
        raw("DELETE FROM fleet_pairing")
    elif harm == "data-key-gone":
        raw("DELETE FROM vault_datakey")
    elif harm == "unmarked":
        twin = stored.envelope(glucose(count=2), seq=1)
        Pipeline("worker-2").process([incoming(twin)])
        Envelope.objects.update(flags=0)
    assert found in damage()


def test_a_missing_counter_is_a_notice_after_ten_minutes(stored: Thing, pipeline: Pipeline) -> None:
    """A gap is worth a look; it is not damage, for the object may hold a refusal for it."""
    pipeline.process([incoming(stored.envelope(seq=400))])
    publish(now_ms=NOW)
    assert fsck(now_ms=NOW + 5 * 60_000).findings == []
    (gap,) = fsck(now_ms=NOW + 11 * 60_000).findings
    assert (gap.kind, gap.notice, gap.what) == ("gap", True, "seq 301..399")


@pytest.mark.django_db(transaction=True)
def test_a_backup_holds_every_row_and_no_clear_text(stored: Thing, tmp_path: Path) -> None:
    """Read back in order; names, readings and keys are not in the bytes."""
    file = tmp_path / "b.egide"
    counts = write_backup(file, now_ms=NOW)
    data = file.read_bytes()
    assert counts["vault_envelope"] == 300
    assert set(counts) == {model._meta.db_table for model in tables()}
    assert b"Alice" not in data
    assert b"glucose" not in data.lower()
    items = list(read_items(io.BytesIO(data)))
    assert items[-1] == ["end", counts]
    assert file.stat().st_mode & 0o077 == 0


@pytest.mark.django_db(transaction=True)
def test_a_damaged_backup_is_refused_whole(stored: Thing, tmp_path: Path) -> None:
    """Cut off, changed, of another kind or of another key: nothing is written from it."""
    file = tmp_path / "b.egide"
    write_backup(file, now_ms=NOW)
    data = file.read_bytes()
    for broken in (data[:-1], data[: len(data) // 2], _replace_bytes(data, len(data) - 5), data[:40]):
        with pytest.raises((SealError, MalformedError)):
            list(read_items(io.BytesIO(broken)))
    with pytest.raises(MalformedError):
        list(read_items(io.BytesIO(b"not a backup")))
    with pytest.raises(MalformedError):
        list(read_items(io.BytesIO(MAGIC + b"\0\1\0")))


@pytest.mark.django_db(transaction=True)
def test_a_backup_that_cannot_be_written_leaves_nothing(stored: Thing, tmp_path: Path) -> None:
    """A folder that is not there, or a file of that name, which stays as it was."""
    with pytest.raises(StorageError):
        write_backup(tmp_path / "nowhere" / "b.egide", now_ms=NOW)
    (tmp_path / "b.egide").write_bytes(b"yesterday's")
    with pytest.raises(NameTakenError):
        write_backup(tmp_path / "b.egide", now_ms=NOW)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("b.egide", b"yesterday's")]


def _empty_the_database() -> None:
    for model in reversed(tables()):
        model._default_manager.all().delete()


@pytest.mark.django_db(transaction=True)
def test_a_restore_gives_everything_back_under_a_new_epoch(
    stored: Thing, alice: Account, opened_platform: Options, tmp_path: Path, settings: Settings
) -> None:
    """Rows, names, readings, passkeys; the new log's genesis names the old head; what was stored keeps its leaf."""
    passkey = {"name": "Phone", "credential": {"id": "b64", "counter": [1, 2]}}
    Authenticator.objects.create(user=alice, type="webauthn", data=passkey)
    file = tmp_path / "b.egide"
    counts = write_backup(file, now_ms=NOW)
    before = Log.objects.get()
    _empty_the_database()
    keys = tmp_path / "keys"
    keys.mkdir()
    for path in opened_platform.keys.iterdir():
        write_key(keys, path.name, path.read_bytes())
    options = replace(opened_platform, data=tmp_path / "data", keys=keys)
    settings.OPTIONS = options
    forget()
    restored, log = restore(file, options, now_ms=NOW + 1, migrate=lambda: None, write_key=write_key)
    assert (restored, log.pk) == (counts, 2)
    assert fsck(now_ms=NOW + 2).findings == []
    assert name_of(Account.objects.get(pk=alice.pk)) == "Alice Martin"
    assert Authenticator.objects.get(user=alice).data == passkey
    answer = release(
        Ask(reader=alice, patient=alice, since_ms=0, until_ms=2 * NOW, purpose="PATRQT", channel="cli"), now_ms=NOW
    )
    assert sum(len(c.values) for c in answer.columns) == 600
    genesis = Statement.objects.get(kind="genesis", entry__gte=2 << 40)
    assert before.origin.encode() in bytes(genesis.body)
    data = stored.envelope(glucose(count=2))
    (answered,) = Pipeline("worker-2").process([incoming(data)])
    assert not answered.code
    assert Envelope.objects.filter(entry__gte=2 << 40).count() == 1
    with pytest.raises(ConfigError):
        restore(file, options, now_ms=NOW, migrate=lambda: None, write_key=write_key)


@pytest.mark.django_db(transaction=True)
def test_a_restore_goes_into_an_empty_folder_only(
    stored: Thing, opened_platform: Options, tmp_path: Path
) -> None:
    """A file in the folder, or no backup at all, and nothing happens."""
    full = tmp_path / "full"
    full.mkdir()
    (full / "something").touch()
    with pytest.raises(ConfigError):
        restore(
            tmp_path / "b", replace(opened_platform, data=full), now_ms=NOW, migrate=lambda: None, write_key=write_key
        )
    with pytest.raises(UnreadableError):
        restore(
            tmp_path / "none", replace(opened_platform, data=tmp_path / "e"), now_ms=NOW, migrate=lambda: None,
            write_key=write_key,
        )  # fmt: skip


@pytest.mark.django_db(transaction=True)
def test_without_the_key_file_there_is_no_backup(
    stored: Thing, opened_platform: Options, tmp_path: Path, settings: Settings
) -> None:
    """The keys folder is where it all hangs."""
    settings.OPTIONS = replace(opened_platform, keys=tmp_path)
    forget()
    with pytest.raises(KeyMissingError):
        write_backup(tmp_path / "b.egide", now_ms=NOW)


def test_a_backups_tables_come_after_those_they_name() -> None:
    """So every row can be written back in the order it is read."""
    seen: set[object] = set()
    for model in tables():
        needs = {f.related_model for f in model._meta.concrete_fields if f.is_relation} - {model}
        assert needs <= seen
        seen.add(model)
