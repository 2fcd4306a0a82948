"""Somebody writes in the tables by hand: each change that lets a lie stand is named, and none stops the check."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, connection, transaction

from egide.cloud.fleet.models import Certificate, HealthObject, ObjectKey
from egide.cloud.fleet.pairings import pair
from egide.cloud.fleet.revocation import revoke_certificate, revoke_object
from egide.cloud.intake.models import Refused
from egide.cloud.intake.pipeline import Pipeline
from egide.cloud.people.models import Account
from egide.cloud.register.journal import append_statement
from egide.cloud.register.models import Checkpoint
from egide.cloud.register.publishing import publish
from egide.cloud.upkeep.fsck import fsck
from tests.support.thing import NOW, Thing, glucose, incoming

LATER = NOW + 3_600_000


@pytest.fixture
def stored(pipeline: Pipeline, meter: Thing) -> Thing:
    """Three envelopes under two checkpoints, and one message in quarantine."""
    pipeline.process([incoming(meter.envelope(glucose(count=2))) for _ in range(3)])
    assert publish(now_ms=NOW) is not None
    pipeline.process([incoming(b"nothing that we know")])
    assert Refused.objects.count() == 1
    pipeline.process([incoming(meter.envelope(glucose(count=2)))])
    assert publish(now_ms=NOW) is not None
    assert found() == set()
    return meter


def found(at_ms: int = LATER) -> set[tuple[str, str]]:
    return {(f.kind, f.what) for f in fsck(now_ms=at_ms).findings if not f.notice}


def write(statement: str, *values: bytes) -> None:
    """What somebody does who has the database, and no respect for our models."""
    with connection.cursor() as cursor:
        cursor.execute(statement, list(values))


def test_a_receipts_signature_that_does_not_verify_is_found(stored: Thing) -> None:
    """Every proof at that size is made of it, without the log's key."""
    Checkpoint.objects.update(signature=bytes(64))
    assert found() == {("checkpoint", "signature-invalid")}


def test_a_receipts_header_that_was_changed_is_found(stored: Thing) -> None:
    """It says the size and the key, under the same signature."""
    one = Checkpoint.objects.order_by("size")[0]
    Checkpoint.objects.exclude(pk=one.pk).update(protected=bytes(one.protected))
    assert found() == {("checkpoint", "proof-invalid")}


def test_a_log_without_checkpoints_is_damaged(stored: Thing) -> None:
    """Ten minutes after its second entry: a platform that runs makes one each second."""
    Checkpoint.objects.all().delete()
    assert found(NOW + 9 * 60_000) == set()
    assert found() == {("checkpoint", "missing")}


def test_a_platform_that_never_ran_needs_no_checkpoint(bob: Account) -> None:
    """What commands write waits for the first `egide up`: said, and no alarm, until something was sent or enrolled."""
    for _ in range(2):
        append_statement("backup", None, {}, now_ms=NOW)
    for at_ms, said in ((NOW + 9 * 60_000, set()), (LATER, {("checkpoint", "none-yet")})):
        report = fsck(now_ms=at_ms)
        assert not report.damaged
        assert {(f.kind, f.what) for f in report.findings} == said
    append_statement("enrolment", bob.pk, {}, now_ms=NOW)
    assert found(NOW + 9 * 60_000) == set()
    assert found() == {("checkpoint", "missing")}


def test_a_last_checkpoint_that_is_long_behind_is_a_notice(stored: Thing) -> None:
    """A stopped platform's last second has none either: worth a look, not damage."""
    Checkpoint.objects.order_by("-size")[0].delete()
    assert found() == set()
    (notice,) = fsck(now_ms=LATER).findings
    assert (notice.kind, notice.what) == ("checkpoint", "behind")


@pytest.mark.parametrize("column", ["kid", "public"])
def test_a_logs_key_is_the_one_of_its_genesis(stored: Thing, column: str) -> None:
    """Its SHA-256, and the key itself."""
    write(f"UPDATE register_log SET {column} = %s", bytes(44))
    assert ("log", "proof-invalid") in found()


def test_a_logs_name_that_is_none_is_named_and_nothing_else_stops(stored: Thing) -> None:
    """Everything behind it is still read."""
    write("UPDATE register_log SET uri = uri || '0'")
    report = fsck(now_ms=LATER)
    assert ("log", "malformed") in {(f.kind, f.what) for f in report.findings}
    assert report.envelopes == 4


@pytest.mark.parametrize("table", ["fleet_healthobject", "fleet_certificate"])
def test_a_revocation_that_was_undone_is_found(stored: Thing, table: str) -> None:
    """The statement says it still."""
    revoke_object(stored.row, "stolen", NOW)
    publish(now_ms=NOW)
    assert found() == set()
    write(f"UPDATE {table} SET revoked_ms = NULL")
    assert {what for _, what in found()} == {"revocation-undone"}


def test_a_revocation_that_nobody_signed_is_found(stored: Thing) -> None:
    """It keeps an object from being heard."""
    HealthObject.objects.update(revoked_ms=NOW)
    Certificate.objects.update(revoked_ms=NOW)
    assert found() == {("object", "revoked-by-nobody"), ("certificate", "revoked-by-nobody")}


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ("UPDATE fleet_objectkey SET spki = %s", "object-key"),
        ("UPDATE fleet_objectkey SET thumbprint = %s", "object-key"),
        ("UPDATE fleet_certificate SET der = %s", "certificate"),
    ],
)
def test_a_key_or_a_certificate_that_is_another_is_found(stored: Thing, change: str, kind: str) -> None:
    """Its columns are not what its bytes say."""
    write(change, bytes(32))
    assert kind in {kind for kind, _ in found()}


@pytest.mark.parametrize(
    "change", ["serial = '1'", "not_after_ms = not_after_ms + 86400000", "not_before_ms = not_before_ms - 86400000"]
)
def test_a_certificates_number_and_times_are_its_own(stored: Thing, change: str) -> None:
    """They are in the list of what was revoked, and in what intake accepts."""
    write(f"UPDATE fleet_certificate SET {change}")
    assert found() == {("certificate", "proof-invalid")}


def test_an_object_does_not_take_over_anothers_key_or_certificate(stored: Thing, bob: Account) -> None:
    """Both name their object, and so do the certificate's bytes."""
    other = Thing.enrol(bob)
    publish(now_ms=NOW)
    assert found() == set()
    ObjectKey.objects.filter(object=stored.row).update(object=other.row)
    assert found() == {("certificate", "proof-invalid")}
    Certificate.objects.filter(object=stored.row).update(object=other.row)
    assert found() == {("certificate", "proof-invalid")}


def test_what_no_longer_opens_is_found(stored: Thing) -> None:
    """A name, and a message in quarantine."""
    Account.objects.update(sealed_name=bytes(60))
    Refused.objects.update(sealed=bytes(80))
    assert {kind for kind, _ in found()} == {"account", "refused"}


def test_a_mark_of_a_clone_without_a_clone_is_found(stored: Thing) -> None:
    """The reader would be told that a good reading is contested."""
    write("UPDATE vault_envelope SET flags = flags | 1 WHERE seq = 2")
    assert found() == {("envelope", "contested-by-nobody")}


@pytest.mark.parametrize(
    ("table", "column", "change"),
    [
        ("fleet_pairing", "establishment", "'x'"),
        ("fleet_certificate", "revoked_ms", "'soon'"),
        ("register_checkpoint", "protected", "1"),
        ("vault_envelope", "sealed", "1"),
        ("people_account", "is_active", "7"),
    ],
)
def test_a_row_that_cannot_be_read_is_named(stored: Thing, table: str, column: str, change: str) -> None:
    """By its table, number and column; everything else is read. PostgreSQL lets nobody write such a thing."""
    if connection.vendor == "postgresql":
        with pytest.raises(DatabaseError), transaction.atomic():
            write(f"UPDATE {table} SET {column} = {change}")
        return
    write(f"UPDATE {table} SET {column} = {change}")
    report = fsck(now_ms=LATER)
    named = [f.where.split("/") for f in report.findings if f.kind == "row"]
    assert named
    assert all((parts[0], parts[2]) == (table, column) for parts in named)
    assert report.statements
    assert report.damaged


@pytest.mark.parametrize(("column", "value"), [("model", "Scale S1"), ("trust", 5)])
def test_an_objects_model_and_trust_level_are_those_it_enrolled_with(
    stored: Thing, column: str, value: str | int
) -> None:
    """They are shown beside each reading. An enrolment of before these words says neither."""
    append_statement("enrolment", stored.row.pk, {}, now_ms=NOW)
    publish(now_ms=NOW)
    HealthObject.objects.update(**{column: value})
    assert found() == set()
    HealthObject.objects.update(model=stored.row.model, trust=stored.row.trust)
    append_statement(
        "enrolment", stored.row.pk, {"model": stored.row.model, "trust": int(stored.row.trust)}, now_ms=NOW
    )
    publish(now_ms=NOW)
    assert found() == set()
    HealthObject.objects.update(**{column: value})
    assert found() == {("object", f"another-{column}")}


def test_an_accounts_role_is_the_one_that_was_signed(stored: Thing, alice: Account, bob: Account) -> None:
    """Of a patient by what measures them; of somebody who works here by their appointment."""
    pair(stored.row, alice, NOW)
    append_statement("appointment", bob.pk, {"account": str(bob.pk), "role": bob.role}, now_ms=NOW)
    publish(now_ms=NOW)
    before = found()
    Account.objects.filter(pk=alice.pk).update(role="professional")
    assert ("account", "another-role") in found() - before
    Account.objects.filter(pk=alice.pk).update(role="patient")
    assert found() == before
    Account.objects.filter(pk=bob.pk).update(role="operator")
    assert ("account", "another-role") in found() - before


@pytest.mark.parametrize("one", [False, True])
def test_what_was_revoked_stays_revoked_for_intake(stored: Thing, one: bool) -> None:
    """A row that somebody made good again: what was signed wins, wherever the fleet is loaded anew."""
    if one:
        revoke_certificate(stored.certificate, "lost", NOW)
    else:
        revoke_object(stored.row, "stolen", NOW)
    HealthObject.objects.update(revoked_ms=None)
    Certificate.objects.update(revoked_ms=None)
    (answer,) = Pipeline("worker-2").process([incoming(stored.envelope(glucose(count=2)), at_ms=NOW + 1000)])
    assert answer.code == "certificate-revoked"
