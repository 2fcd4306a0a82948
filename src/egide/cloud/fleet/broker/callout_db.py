"""Admission and revocation as our tables know them. Django's part of the callout, kept off the event loop.

Queries run in one thread of their own, whose connection to the database is closed with it
(`FleetTables.close`).
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar
from uuid import UUID

from django.db import DatabaseError, InterfaceError, connections
from django.db.models import Q

from egide.cloud.fleet.broker.callout import Admission
from egide.cloud.fleet.broker.reconcile import Banned
from egide.cloud.fleet.models import Certificate, HealthObject
from egide.cloud.fleet.revocation import Revocations
from egide.cloud.register.journal import fleet_version
from egide.errors import (
    CertificateExpiredError,
    CertificateRevokedError,
    IdentityError,
    UnavailableError,
)

__all__ = ["FleetTables", "admission", "banned"]

_T = TypeVar("_T")
_EXPIRED_SINCE_MS: Final = 86_400_000  # the broker cuts an expired word itself: this is the second look


def admission(certificate: bytes, client_id: str, *, now_ms: int) -> Admission:
    """Admit the object whose certificate (DER) we issued, under its own name alone.

    1. the certificate is one of ours  2. neither it nor its object is revoked, by a row or by a statement
    3. it is in its period  4. the MQTT client id is the object's id.

    Raises:
        IdentityError: unknown certificate, or another client id.
        CertificateRevokedError, CertificateExpiredError.
    """
    sha256 = hashlib.sha256(certificate).digest()
    found = (
        Certificate.objects.filter(sha256=sha256)
        .values_list("object_id", "not_before_ms", "not_after_ms", "revoked_ms", "object__revoked_ms")
        .first()
    )
    if found is None:
        raise IdentityError("the certificate is not one of ours")
    object_id, not_before_ms, not_after_ms, revoked_ms, object_revoked_ms = found
    said_ms = Revocations.of(object_id).of_certificate(object_id, sha256)
    if any(ms is not None for ms in (revoked_ms, object_revoked_ms, said_ms)):
        raise CertificateRevokedError("the certificate or its object is revoked")
    if not not_before_ms <= now_ms < not_after_ms:
        raise CertificateExpiredError("the certificate is not in its period")
    if client_id != str(object_id):
        raise IdentityError("the client id is not the object's")
    return Admission(object_id=str(object_id), expires_ms=not_after_ms)


def banned(*, now_ms: int, said: Mapping[tuple[UUID, bytes | None], int] | None = None) -> Banned:
    """Who may not be connected: revoked objects, certificates revoked or expired; `said` in statements, or by rows.

    A certificate that expired over a day ago is left out: its connections ended with the word they had.
    """
    said = Revocations.all().said if said is None else said
    objects = HealthObject.objects.filter(revoked_ms__isnull=False).values_list("id", flat=True)
    certificates = Certificate.objects.filter(
        Q(revoked_ms__isnull=False) | Q(not_after_ms__lte=now_ms),
        not_after_ms__gt=now_ms - _EXPIRED_SINCE_MS,
    ).values_list("sha256", flat=True)
    return Banned(
        objects=frozenset(str(one) for one in (*objects, *(owner for owner, one in said if one is None))),
        certificates=frozenset(bytes(one) for one in (*certificates, *(one for _, one in said if one is not None))),
    )


class FleetTables:
    """The two questions of the edge, asked from asyncio. Raises UnavailableError without a database."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="edge-db")
        self._said: dict[tuple[UUID, bytes | None], int] = {}  # what was ever read, even of a statement gone since
        self._reached = 0

    async def admit(self, certificate: bytes, client_id: str) -> Admission:
        return await self._run(lambda: admission(certificate, client_id, now_ms=_now_ms()))

    async def banned(self) -> Banned:
        return await self._run(self._banned)

    def _banned(self) -> Banned:
        """Only statements that are new since the last look are read."""
        reached = fleet_version(since=self._reached)
        if reached:
            self._said.update(Revocations.all(since=self._reached).said)
            self._reached = reached + 1
        return banned(now_ms=_now_ms(), said=self._said)

    async def close(self) -> None:
        """Close the thread's database connections, then the thread."""
        await asyncio.get_running_loop().run_in_executor(self._pool, connections.close_all)
        self._pool.shutdown()

    async def _run(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, _ask, work)


def _ask(work: Callable[[], _T]) -> _T:
    """Ask over the connection this thread keeps, or over a new one when that one is lost."""
    try:
        return work()
    except (DatabaseError, InterfaceError):
        connections.close_all()
    try:
        return work()
    except (DatabaseError, InterfaceError) as err:
        connections.close_all()
        raise UnavailableError("the database does not answer") from err


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
