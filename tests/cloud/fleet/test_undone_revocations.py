"""Whoever writes in the database undoes a revocation: what was signed still keeps the object out, at every door."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from egide.cloud.fleet.broker.callout_db import FleetTables, admission, banned
from egide.cloud.fleet.broker.reconcile import Connection
from egide.cloud.fleet.ca import issuing_certificate
from egide.cloud.fleet.models import Certificate, Claim, HealthObject
from egide.cloud.fleet.revocation import ever_revoked
from egide.cloud.fleet.service import (
    create_claim,
    current_crl,
    enrol,
    pair,
    renew,
    require_certificate,
    revoke_certificate,
    revoke_object,
)
from egide.cloud.people.service import create_account
from egide.cloud.register.models import Statement
from egide.errors import CertificateRevokedError, ClaimError, KeyInUseError
from egide.trust.claim import ClaimTicket, code_text
from egide.trust.identity import verify_crl

from .conftest import make_request

NOW = 1_800_000_000_000
HOUR = 3_600_000
Revoke = Callable[[Certificate], None]


@pytest.fixture
def key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def ticket(meter: HealthObject) -> ClaimTicket:
    return create_claim(meter, HOUR, NOW)


@pytest.fixture
def row(ticket: ClaimTicket, key: ec.EllipticCurvePrivateKey) -> Certificate:
    return enrol(ticket.claim_id, code_text(ticket.code), make_request(key), "192.0.2.7", NOW).row


def the_object(row: Certificate) -> None:
    revoke_object(row.object, "stolen", NOW)


def the_certificate(row: Certificate) -> None:
    revoke_certificate(row, "stolen", NOW)


def undo() -> None:
    """Every column that says it, as before."""
    HealthObject.objects.update(revoked_ms=None, revoked_why="")
    Certificate.objects.update(revoked_ms=None, revoked_why="")
    Claim.objects.update(expires_ms=NOW + HOUR)


def connection_of(row: Certificate) -> Connection:
    return Connection("", 1, str(row.object_id), bytes(row.sha256))


@pytest.mark.parametrize("revoke", [the_object, the_certificate])
def test_neither_the_gate_nor_the_listener_lets_it_in(
    row: Certificate, revoke: Revoke, ticket: ClaimTicket, key: ec.EllipticCurvePrivateKey
) -> None:
    """It does not connect, a connection is cut, it asks for nothing, renews nothing, and its claim gives it nothing."""
    assert admission(bytes(row.der), str(row.object_id), now_ms=NOW).object_id == str(row.object_id)
    assert not banned(now_ms=NOW).covers(connection_of(row))
    revoke(row)
    undo()
    with pytest.raises(CertificateRevokedError):
        admission(bytes(row.der), str(row.object_id), now_ms=NOW)
    assert banned(now_ms=NOW).covers(connection_of(row))
    with pytest.raises(CertificateRevokedError):
        require_certificate(bytes(row.sha256), now_ms=NOW)
    with pytest.raises(CertificateRevokedError):
        renew(bytes(row.sha256), make_request(key), NOW)
    with pytest.raises(ClaimError):
        enrol(ticket.claim_id, code_text(ticket.code), make_request(key), "192.0.2.7", NOW)
    crl = verify_crl(current_crl(NOW + 1, 1), issuing_certificate(), at_ms=NOW + 1)
    assert list(crl.revoked) == [int(row.serial, 16)]
    assert ever_revoked(row.object_id)
    assert not ever_revoked(uuid.uuid4())


def test_a_revoked_object_gets_no_claim_and_measures_nobody(row: Certificate) -> None:
    """Whatever its row says since."""
    patient = create_account("patient", "Alice Martin", NOW)
    ticket = create_claim(row.object, HOUR, NOW)
    the_object(row)
    undo()
    with pytest.raises(CertificateRevokedError):
        create_claim(row.object, HOUR, NOW)
    with pytest.raises(CertificateRevokedError):
        pair(row.object, patient, NOW)
    with pytest.raises(ClaimError):
        enrol(
            ticket.claim_id, code_text(ticket.code), make_request(ec.generate_private_key(ec.SECP256R1())),
            "192.0.2.7", NOW,
        )  # fmt: skip


def test_a_key_whose_certificate_was_revoked_never_comes_back(
    row: Certificate, key: ec.EllipticCurvePrivateKey
) -> None:
    """By a new claim neither; another key does."""
    the_certificate(row)
    undo()
    ticket = create_claim(row.object, HOUR, NOW)
    with pytest.raises(KeyInUseError):
        enrol(ticket.claim_id, code_text(ticket.code), make_request(key), "192.0.2.7", NOW)
    other = make_request(ec.generate_private_key(ec.SECP256R1()))
    assert enrol(ticket.claim_id, code_text(ticket.code), other, "192.0.2.7", NOW).row.object_id == row.object_id


@pytest.mark.parametrize("revoke", [the_object, the_certificate])
def test_a_gate_that_runs_remembers_a_statement_that_was_deleted_since(row: Certificate, revoke: Revoke) -> None:
    """Both gone, the row's word and the statement: fsck names the leaf, and the gate that read it cuts still."""
    tables = FleetTables()
    assert not tables._banned().covers(connection_of(row))
    revoke(row)
    assert tables._banned().covers(connection_of(row))
    undo()
    Statement.objects.filter(kind="revocation").delete()
    assert tables._banned().covers(connection_of(row))


def test_a_statement_that_cannot_be_read_revokes_its_whole_object(row: Certificate) -> None:
    """What was damaged is not what was taken back."""
    the_certificate(row)
    undo()
    Statement.objects.filter(kind="revocation").update(body=b"\x00")
    assert banned(now_ms=NOW).objects == {str(row.object_id)}
    with pytest.raises(CertificateRevokedError):
        create_claim(row.object, HOUR, NOW)
