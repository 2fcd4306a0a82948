"""What the platform writes of itself: signed, hidden by its leaf, sealed where personal, never half-written."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.conf import settings
from django.db import connection

from egide import cbor
from egide.cloud.keys.records import create_record_key
from egide.cloud.options import Options
from egide.cloud.register import epochs
from egide.cloud.register import platform as platform_module
from egide.cloud.register.epochs import log_anchor, open_log
from egide.cloud.register.journal import (
    FLEET_KINDS,
    append_statement,
    fleet_version,
    insert_statement,
    open_statement,
    sign_statement,
)
from egide.cloud.register.models import Log, Statement
from egide.cloud.register.platform import log_signer, platform
from egide.cloud.register.store import current_log, nodes_of, split_entry
from egide.errors import ConfigError, KeyMissingError, MalformedError, SealError
from egide.trust.cose import X5T, PublicKey, Sign1, sign1
from egide.trust.genesis import GENESIS_KIND, JOURNAL_TYPE
from egide.trust.register.tree import leaf_hash
from tests.support.thing import NOW, forget

SUBJECT = uuid.UUID("6fa459ea-ee8a-4ca4-894e-db77e160355e")


def stored(entry: int) -> Statement:
    return Statement.objects.get(pk=entry)


def test_a_statement_is_an_entry_signed_by_the_platform(opened_platform: Options) -> None:
    """Its row is named by its leaf; its leaf is of its bytes; its certificate chains to the CA."""
    entry = append_statement("pairing", SUBJECT, {"model": "G7"}, now_ms=NOW)
    row = stored(entry)
    log_id, index = split_entry(entry)
    assert nodes_of(log_id)(0, index) == leaf_hash(bytes(row.body))
    parsed = Sign1.parse(bytes(row.body), limit=10_000, what="statement")
    parsed.verify(platform().signer.public_key)
    assert parsed.claims[2] == f"urn:uuid:{SUBJECT}"
    assert parsed.header[X5T][1] == hashlib.sha256(platform().chain[0]).digest()
    assert JOURNAL_TYPE in parsed.header.values()
    said = open_statement(row)
    assert (said.entry, said.kind, said.at_ms, said.facts, said.personal) == (
        entry, "pairing", NOW, {"model": "G7"}, None,
    )  # fmt: skip
    assert (row.kind, row.subject, row.at_ms) == ("pairing", SUBJECT, NOW)


def test_a_statement_about_nobody_is_about_the_platform(opened_platform: Options) -> None:
    """The subject column stays empty."""
    row = stored(append_statement("note", None, {}, now_ms=NOW))
    claims = Sign1.parse(bytes(row.body), limit=10_000, what="statement").claims
    assert row.subject is None
    assert claims[1] == claims[2] == platform().uri


def test_the_same_words_twice_are_two_leaves(opened_platform: Options) -> None:
    """A leaf hides what it stands for: nobody can guess a statement and recognise its hash."""
    first, second = (append_statement("note", SUBJECT, {"a": 1}, now_ms=NOW) for _ in range(2))
    assert second == first + 1
    assert bytes(stored(first).body) != bytes(stored(second).body)


def test_personal_facts_open_with_their_record_only(opened_platform: Options) -> None:
    """Nothing of them lies in clear; another record's key does not open them, nor does another kind."""
    key, other = (create_record_key(uuid.uuid4(), now_ms=NOW) for _ in range(2))
    entry = append_statement(
        "access", SUBJECT, {"channel": "cli"}, now_ms=NOW, personal={"reader": "Dr Petit"}, sealed_for=key
    )
    row = stored(entry)
    assert b"Petit" not in bytes(row.body)
    assert open_statement(row).personal is None
    assert open_statement(row, key).personal == {"reader": "Dr Petit"}
    with pytest.raises(SealError):
        open_statement(row, other)


def test_personal_facts_without_a_record_are_not_written(opened_platform: Options) -> None:
    """Rather no statement than one in clear."""
    size = current_log().size
    with pytest.raises(MalformedError):
        append_statement("access", SUBJECT, {}, now_ms=NOW, personal={"reader": "Dr Petit"})
    assert current_log().size == size


def test_what_a_statement_says_and_what_tables_hold_become_true_together(opened_platform: Options) -> None:
    """When the change beside it fails, the statement was never written."""
    before = (current_log().size, Statement.objects.count())

    def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        append_statement("pairing", SUBJECT, {}, now_ms=NOW, also=fail)
    assert (current_log().size, Statement.objects.count()) == before
    done: list[int] = []
    append_statement("pairing", SUBJECT, {}, now_ms=NOW, also=lambda: done.append(1))
    assert done == [1]
    assert (current_log().size, Statement.objects.count()) == (before[0] + 1, before[1] + 1)


def test_a_damaged_row_is_said(opened_platform: Options) -> None:
    """Another payload under the platform's own signature is still not a statement."""
    entry = append_statement("note", None, {}, now_ms=NOW)
    for body in (b"", b"\xd2\x84", sign1({}, cbor.encode(["note", NOW]), platform().signer)):
        row = stored(entry)
        row.body = body
        with pytest.raises(MalformedError):
            open_statement(row)


@pytest.mark.parametrize("kind", FLEET_KINDS)
def test_a_change_of_the_fleet_is_seen_from_any_point_before_it(opened_platform: Options, kind: str) -> None:
    """`since` counts itself; after the change there is nothing new; other kinds are no change."""
    entry = append_statement(kind, SUBJECT, {}, now_ms=NOW)
    append_statement("access", SUBJECT, {}, now_ms=NOW)
    assert fleet_version() == fleet_version(since=entry) == entry
    assert fleet_version(since=entry + 1) == 0


def test_the_journal_goes_on_in_the_epoch_in_force(opened_platform: Options) -> None:
    """After a restore, this thread's register is the new log's; the old log does not move any more."""
    append_statement("note", None, {}, now_ms=NOW)
    before = current_log()
    opened = open_log(_another_key(), now_ms=NOW + 1)
    entry = append_statement("note", None, {}, now_ms=NOW + 2)
    assert split_entry(entry) == (opened.pk, 1)
    assert Log.objects.get(pk=before.pk).size == before.size == 2


def _another_key() -> PublicKey:
    return PublicKey(Ed25519PrivateKey.generate().public_key())


def test_an_epoch_names_the_one_before_and_its_last_head(opened_platform: Options) -> None:
    """What objects check when they follow a log that a restore cut short."""
    append_statement("note", None, {}, now_ms=NOW)
    before = current_log()
    key = _another_key()
    log = open_log(key, now_ms=NOW + 1)
    assert (log.pk, log.size, bytes(log.kid)) == (before.pk + 1, 1, key.cose_thumbprint())
    assert log_anchor(log).public == key.raw_ed25519
    genesis = Statement.objects.get(pk=log.pk << 40)
    said = open_statement(genesis)
    assert (said.kind, said.facts["origin"]) == (GENESIS_KIND, log.origin)
    assert said.facts["previous"] == [before.origin, before.uri, before.size, bytes(before.root)]
    assert nodes_of(log.pk)(0, 0) == leaf_hash(bytes(genesis.body))


def test_two_who_open_the_next_epoch_open_one(opened_platform: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second finds another log in force than the one it named, and stops."""
    sign = sign_statement

    def quicker(*given: object, **more: object) -> bytes:
        monkeypatch.setattr(epochs, "sign_statement", sign)
        open_log(_another_key(), now_ms=NOW)
        return sign(*given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(epochs, "sign_statement", quicker)
    with pytest.raises(ConfigError):
        open_log(_another_key(), now_ms=NOW)
    assert Log.objects.count() == 2


def test_a_row_is_written_inside_the_caller_s_transaction(opened_platform: Options) -> None:
    """With and without a subject, in the engine's own form of a UUID."""
    for entry, subject in ((7, SUBJECT), (8, None)):
        insert_statement(entry, "note", subject, NOW, sign_statement("note", subject, {}, now_ms=NOW))
        assert Statement.objects.get(pk=entry).subject == subject
    assert connection.in_atomic_block


def put(folder: Path, name: str, data: bytes, *, mode: int = 0o600) -> None:
    (folder / name).write_bytes(data)
    (folder / name).chmod(mode)


@pytest.fixture
def folder(opened_platform: Options, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A keys folder that a test fills."""
    monkeypatch.setattr(settings, "OPTIONS", replace(opened_platform, keys=tmp_path))
    forget()
    return tmp_path


def test_a_process_without_the_platform_s_keys_cannot_speak_for_it(folder: Path) -> None:
    """Missing, readable by others, or not a key of the right kind: each is a missing key."""
    with pytest.raises(KeyMissingError):
        platform_module.platform()
    with pytest.raises(KeyMissingError):
        log_signer(1)
    wrong = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    put(folder, "platform.key", wrong)
    with pytest.raises(KeyMissingError):
        platform_module.platform()
    put(folder, "log-1.key", bytes(31))
    with pytest.raises(KeyMissingError):
        log_signer(1)
    put(folder, "log-2.key", bytes(32), mode=0o640)
    with pytest.raises(KeyMissingError):
        log_signer(2)


def test_the_platform_s_name_is_its_certificate_s(opened_platform: Options) -> None:
    """And the chain goes from it to the issuing CA."""
    me = platform()
    leaf, issuing = map(x509.load_der_x509_certificate, me.chain)
    leaf.verify_directly_issued_by(issuing)
    assert me.uri.startswith("urn:uuid:")
    assert PublicKey(leaf.public_key()).spki == me.signer.public_key.spki  # type: ignore[arg-type]  # it is Ed25519
