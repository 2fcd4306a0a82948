"""Admission by our tables: a certificate of ours, in its period, not revoked, under its object's name."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from egide.cloud.fleet.broker.callout_db import FleetTables, admission, banned
from egide.cloud.fleet.broker.reconcile import Banned, Connection
from egide.cloud.fleet.models import Certificate, HealthObject, ObjectKey
from egide.errors import CertificateExpiredError, CertificateRevokedError, IdentityError

pytestmark = pytest.mark.django_db
NOW = 1_800_000_000_000
DER = b"certificate of Alice's"


@dataclass(slots=True)
class Alice:
    object: HealthObject
    certificate: Certificate

    @property
    def id(self) -> str:
        return str(self.object.id)


def enrolled(der: bytes = DER, *, since: int = NOW - 1000, until: int = NOW + 1000) -> Alice:
    one = HealthObject.objects.create(model="thermometer", created_ms=NOW - 2000)
    key = ObjectKey.objects.create(object=one, thumbprint=uuid.uuid4().bytes * 2, spki=b"spki")
    certificate = Certificate.objects.create(
        object=one, key=key, sha256=hashlib.sha256(der).digest(), serial=uuid.uuid4().hex, der=der,
        not_before_ms=since, not_after_ms=until,
    )
    return Alice(one, certificate)


def revoke_object(one: Alice) -> None:
    HealthObject.objects.filter(id=one.id).update(revoked_ms=NOW - 1)


def revoke_certificate(one: Alice) -> None:
    Certificate.objects.filter(id=one.certificate.id).update(revoked_ms=NOW - 1)


def test_an_enrolled_object_is_admitted_until_its_certificate_expires() -> None:
    """The rule, at its two ends."""
    alice = enrolled()
    assert admission(DER, alice.id, now_ms=NOW).expires_ms == NOW + 1000
    assert admission(DER, alice.id, now_ms=NOW - 1000).object_id == alice.id


@pytest.mark.parametrize("revoke", [revoke_object, revoke_certificate])
def test_a_revoked_one_is_refused_and_banned(revoke: Callable[[Alice], None]) -> None:
    """By its own revocation or its object's."""
    alice, bob = enrolled(), enrolled(b"of Bob's")
    assert banned(now_ms=NOW) == Banned()
    revoke(alice)
    with pytest.raises(CertificateRevokedError):
        admission(DER, alice.id, now_ms=NOW)
    found = banned(now_ms=NOW)
    assert found.covers(Connection("", 1, alice.id, hashlib.sha256(DER).digest()))
    assert not found.covers(Connection("", 2, bob.id, hashlib.sha256(b"of Bob's").digest()))
    assert admission(b"of Bob's", bob.id, now_ms=NOW).object_id == bob.id


@pytest.mark.parametrize("at", [NOW - 1001, NOW + 1000, NOW + 10**9])
def test_outside_its_period_a_certificate_admits_nobody(at: int) -> None:
    """From its first millisecond until just before its last."""
    alice = enrolled()
    with pytest.raises(CertificateExpiredError):
        admission(DER, alice.id, now_ms=at)


def test_an_expired_certificate_is_banned_for_a_day() -> None:
    """Long enough for every connection it opened to have ended."""
    enrolled()
    assert banned(now_ms=NOW + 1000).certificates
    assert not banned(now_ms=NOW + 1000 + 86_400_000).certificates


def test_another_name_or_another_certificate_is_refused() -> None:
    """A certificate opens its own object's session alone, written exactly so."""
    alice, bob = enrolled(), enrolled(b"of Bob's")
    names = [bob.id, alice.id.upper(), "", f"{alice.id} "]
    for der, name in [*((DER, name) for name in names), (b"unknown", alice.id), (DER + b"\0", alice.id)]:
        with pytest.raises(IdentityError):
            admission(der, name, now_ms=NOW)


@pytest.mark.django_db(transaction=True)
def test_the_tables_answer_from_asyncio_and_close_behind_them() -> None:
    """In a thread of their own, whose connection does not outlive it."""
    alice = enrolled(until=2**42, since=0)

    async def ask() -> tuple[str, bool]:
        tables = FleetTables()
        try:
            found = await tables.admit(DER, alice.id)
            return found.object_id, alice.id in (await tables.banned()).objects
        finally:
            await tables.close()

    assert asyncio.run(ask()) == (alice.id, False)
