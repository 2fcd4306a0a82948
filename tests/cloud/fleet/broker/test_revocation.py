"""A revoked object is cut within 5 s, even while connected and publishing."""

from __future__ import annotations

import pytest

from egide.cloud.fleet.broker import reconcile
from egide.cloud.fleet.broker.reconcile import Banned, Connection, Reconciler
from tests.support.broker import require

from .conftest import Ward

pytestmark = pytest.mark.server


def test_a_revoked_object_is_cut_while_connected_and_stays_out(ward: Ward) -> None:
    """By the round of every 2 s alone, within 5 s; the others stay."""
    alice, bob = ward.connected(), ward.connected()
    ward.registry.revoked.add(alice.id)
    assert alice.left.wait(5)
    identity = ward.ground.ca.object(alice.id)
    ward.registry.enrol(alice.id, identity)
    assert ward.thing(identity, alice.id).connect() != 0
    assert bob.deliver(f"up/{bob.id}", b"still here")


def test_a_revoked_certificate_is_cut_and_its_successor_stays(ward: Ward) -> None:
    """After a renewal, a connection under the old certificate ends; the object connects under the new one."""
    alice = ward.connected()
    [old] = ward.registry.enrolled
    new = ward.ground.ca.object(alice.id)
    ward.registry.enrol(alice.id, new)

    async def banned() -> Banned:
        return Banned(certificates=frozenset({old}))

    reconciler = Reconciler(ward.client("system"), banned)
    assert ward.loop.run(reconciler.reconcile()) == 1
    assert alice.left.wait(5)
    again = ward.thing(new, alice.id)
    assert again.connect() == 0
    assert ward.loop.run(reconciler.reconcile()) == 0
    assert not again.left.is_set()


def test_every_page_of_connections_is_read(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    """With pages of two, five objects are all seen, each with its certificate."""
    monkeypatch.setitem(reconcile._LISTING, "limit", 2)
    things = [ward.connected() for _ in range(5)]

    reconciler = Reconciler(ward.client("system"), ward.registry.banned)

    async def listed() -> list[Connection]:
        return [connection async for connection in reconciler.connections()]

    found = ward.loop.run(listed())
    assert sorted(connection.object_id for connection in found) == sorted(thing.id for thing in things)
    assert {connection.certificate for connection in found} == set(ward.registry.enrolled)


def test_the_watch_goes_on_after_the_broker_was_lost(ward: Ward) -> None:
    """A restart of the broker costs one round, not the watch."""
    ward.ground.broker.stop()
    ward.ground.restart()
    require(lambda: ward.edge is not None and ward.edge.standing)
    alice = ward.connected()
    ward.registry.revoked.add(alice.id)
    assert alice.left.wait(5)
