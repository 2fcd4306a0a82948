"""An object measures a patient for a time, and does not know whom."""

from __future__ import annotations

import pytest

from egide.cloud.fleet.ca import issuing_certificate
from egide.cloud.fleet.models import Certificate, HealthObject, Pairing
from egide.cloud.fleet.service import (
    create_claim,
    create_object,
    current_crl,
    current_pairings,
    enrol,
    pair,
    revoke_certificate,
    revoke_object,
    unpair,
)
from egide.cloud.keys.records import ESTABLISHMENT, care_key, class_key
from egide.cloud.people.models import Account
from egide.cloud.people.service import create_account
from egide.cloud.register.journal import fleet_version, open_statement
from egide.cloud.register.models import Statement
from egide.errors import CertificateRevokedError, RefusedError
from egide.trust.claim import code_text
from egide.trust.identity import verify_crl

from .conftest import make_request, new_key

NOW = 1_800_000_000_000
HOUR = 3_600_000


@pytest.fixture
def alice(opened: object) -> Account:
    return create_account("patient", "Alice Martin", NOW)


def _certificate(owner: HealthObject, now_ms: int = NOW) -> Certificate:
    ticket = create_claim(owner, HOUR, now_ms)
    return enrol(ticket.claim_id, code_text(ticket.code), make_request(new_key()), "192.0.2.1", now_ms).row


def test_a_pairing_is_sealed_to_the_patient_s_record(meter: HealthObject, alice: Account) -> None:
    """The register says that Alice's record changed; what it links only her record's key opens."""
    before = fleet_version()
    pairing = pair(meter, alice, NOW)
    assert fleet_version() > before
    statement = Statement.objects.get(kind="pairing")
    assert statement.subject == alice.pk
    for secret in (str(pairing.uuid), str(meter.pk)):
        assert secret.encode() not in bytes(statement.body)
        assert pairing.uuid.bytes not in bytes(statement.body)
    opened = open_statement(statement, care_key(alice.pk))
    assert opened.facts == {}
    told = {
        "pairing": str(pairing.uuid), "object": str(meter.pk), "class": "care", "establishment": str(ESTABLISHMENT),
        "since_ms": NOW,
    }  # fmt: skip
    assert opened.personal == told


def test_the_object_is_told_the_ids_in_force(meter: HealthObject, alice: Account) -> None:
    """From the start until just before the end; another object's are not its own."""
    bob = create_account("patient", "Bob Durand", NOW)
    first, second = pair(meter, alice, NOW), pair(meter, bob, NOW + 5)
    assert current_pairings(meter, NOW + 4) == [first.uuid]
    assert current_pairings(meter, NOW + 5) == [second.uuid]
    unpair(second, NOW + 10)
    assert current_pairings(meter, NOW + 9) == [second.uuid]
    assert current_pairings(meter, NOW + 10) == []
    assert current_pairings(create_object("Scale", 4, NOW), NOW + 5) == []


def test_pairing_twice_is_pairing_once(meter: HealthObject, alice: Account) -> None:
    """Asked again, the pairing in force is given back; after its end there is a new one."""
    first = pair(meter, alice, NOW)
    assert pair(meter, alice, NOW + 1) == first
    unpair(first, NOW + 2)
    unpair(first, NOW + 3)
    assert Pairing.objects.get(pk=first.pk).until_ms == NOW + 2
    assert Statement.objects.filter(kind="unpairing").count() == 1
    assert pair(meter, alice, NOW + 4).uuid != first.uuid


def test_an_object_measures_patients_only(meter: HealthObject, alice: Account) -> None:
    """Not a professional; and a revoked object measures nobody."""
    with pytest.raises(RefusedError):
        pair(meter, create_account("professional", "Charlie Petit", NOW), NOW)
    revoke_object(meter, "lost", NOW)
    with pytest.raises(CertificateRevokedError):
        pair(meter, alice, NOW)
    assert not Pairing.objects.exists()


def test_revoking_an_object_revokes_what_it_holds(meter: HealthObject) -> None:
    """Its certificates and its open claims; once, and in the register."""
    row = _certificate(meter)
    ticket = create_claim(meter, HOUR, NOW)
    revoke_object(meter, "stolen", NOW + 7)
    revoke_object(meter, "lost", NOW + 8)
    row.refresh_from_db()
    assert (row.revoked_ms, row.revoked_why) == (NOW + 7, "stolen")
    assert (meter.revoked_ms, meter.revoked_why) == (NOW + 7, "stolen")
    assert meter.claims.get(pk=ticket.claim_id).expires_ms == NOW + 7
    statement = Statement.objects.get(kind="revocation")
    assert open_statement(statement).facts == {"why": "stolen", "certificate": None}


def test_revoking_a_certificate_leaves_the_object(meter: HealthObject) -> None:
    """The others go on; the register names the one."""
    lost, kept = _certificate(meter), _certificate(meter)
    revoke_certificate(lost, "lost", NOW + 7)
    revoke_certificate(lost, "stolen", NOW + 8)
    kept.refresh_from_db()
    assert (lost.revoked_ms, lost.revoked_why, kept.revoked_ms) == (NOW + 7, "lost", None)
    statement = Statement.objects.get(kind="revocation")
    assert open_statement(statement).facts == {"why": "lost", "certificate": bytes(lost.sha256)}


@pytest.mark.parametrize("why", ["", "Stolen", "stolen by Bob", "x" * 33])
def test_a_reason_is_one_word(meter: HealthObject, why: str) -> None:
    """A free text would end in a public register with somebody's name in it."""
    row = _certificate(meter)
    with pytest.raises(RefusedError):
        revoke_object(meter, why, NOW)
    with pytest.raises(RefusedError):
        revoke_certificate(row, why, NOW)


def test_the_list_names_what_was_revoked_until_it_expired(meter: HealthObject) -> None:
    """Signed by the issuing CA, numbered, good for a day."""
    lost, kept = _certificate(meter), _certificate(meter)
    revoke_certificate(lost, "lost", NOW + 1000)
    found = verify_crl(current_crl(NOW + 2000, 7), issuing_certificate(), at_ms=NOW + 2000)
    assert found.revoked == {int(lost.serial, 16): NOW + 1000}
    assert found.next_update_ms == NOW + 2000 + 24 * HOUR
    assert found.number == (NOW + 2000) // 1000 << 64 | 7
    late = lost.not_after_ms + 25 * HOUR
    assert verify_crl(current_crl(late, 7), issuing_certificate(), at_ms=late).revoked == {}
    assert kept.revoked_ms is None


def test_an_object_measures_for_the_class_that_it_was_added_to(alice: Account, meter: HealthObject) -> None:
    """Care unless said otherwise; taken up again, the same as before; a class that has no key yet gets one."""
    first = pair(meter, alice, NOW, klass="personal")
    key = class_key(alice.pk, "personal")
    unpair(first, NOW + 1)
    again = pair(meter, alice, NOW + 2)
    assert (first.klass, again.klass) == ("personal", "personal")
    assert class_key(alice.pk, "personal").pk == key.pk
