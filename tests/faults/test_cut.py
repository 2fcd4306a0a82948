"""The network is cut between each pair: what was sent arrives when the wire is whole again, once; nothing is lost."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from egide.things import State
from egide.things.line import Transport
from egide.trust.envelope import Envelope
from tests.support.apart import Apart, running_apart
from tests.support.crowd import Crowd, Member, enrolled, glucose, require
from tests.support.oracle import held, require_nothing_lost, stored
from tests.support.proxy import Proxy

pytestmark = [
    pytest.mark.server,
    pytest.mark.slow,
    pytest.mark.database,
    # paho leaves a socket to its finaliser when a handshake ends half-way
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
]

HOW = {"reset": Proxy.reset, "hole": Proxy.hole}
WIRES = ["mqtt", "https", "broker"]
if os.environ.get("EGIDE_TEST_ENGINE") == "postgresql":
    WIRES.append("postgresql")
STALLED = 12  # envelopes that wait, where nothing gets through
_COSIGNED = """
from egide.cli.django import setup
setup()
from egide.cloud.register.models import Checkpoint, Cosignature
latest = Cosignature.objects.order_by("-checkpoint__size").values_list("checkpoint__size", flat=True).first() or 0
print(latest, Checkpoint.objects.order_by("-size").values_list("size", flat=True).first() or 0)
"""


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Apart]:
    with running_apart(tmp_path_factory.mktemp("platform")) as started:
        yield started


@pytest.fixture(scope="module")
def folders(apart: Apart, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Enrolled objects: one for each way in."""
    made = [tmp_path_factory.mktemp("objects") / name for name in ("mqtt", "https", "auto")]
    enrolled(apart.instance, made)
    return made


def stalled(members: list[Member]) -> bool:
    return all(member.obj.outbox.counts().waiting >= STALLED for member in members)


def receipted(member: Member) -> int:
    return member.obj.outbox.counts().receipted


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("wire", WIRES)
def test_a_cut_costs_time_and_nothing_else(apart: Apart, folders: list[Path], wire: str, how: str) -> None:
    """Objects and broker, objects and HTTPS, intake and broker, intake and PostgreSQL: by RST, and without a word."""
    with Crowd(folders) as crowd:
        mqtt, https, auto = crowd.members
        crowd.start()
        crowd.more_receipts(20)
        HOW[how](apart.wires[wire])
        require(lambda: stalled([https] if wire == "https" else [mqtt]), "what is sent waits")
        if wire == "mqtt":  # who may takes the other way
            before = receipted(auto)
            require(lambda: receipted(auto) > before + 10, "receipts by HTTPS, in place of MQTT")
        elif wire == "postgresql":
            require(lambda: stalled(crowd.members), "nothing is receipted without a store")
        apart.wires[wire].heal()
        require(lambda: not stalled([mqtt, https]), "what waited leaves")
        crowd.more_receipts(20)
        crowd.settle()
        require_nothing_lost(apart.instance, crowd.sent)


@pytest.mark.parametrize("how", HOW)
def test_without_its_witness_the_platform_goes_on_and_says_so_after(
    apart: Apart, folders: list[Path], how: str
) -> None:
    """Receipts do not wait for a witness; a witness that is back cosigns the newest checkpoint, past what it missed."""
    with Crowd(folders) as crowd:
        crowd.start()
        crowd.more_receipts(20)
        require(lambda: cosigned(apart)[0] > 0, "the witness cosigns")
        HOW[how](apart.wires["witness"])
        seen = cosigned(apart)[0]
        crowd.more_receipts(60)
        require(lambda: cosigned(apart)[1] > seen, "checkpoints go on")
        apart.wires["witness"].heal()
        crowd.settle()
        require(lambda: len(set(cosigned(apart))) == 1, "the newest checkpoint is cosigned")
        require_nothing_lost(apart.instance, crowd.sent)


def cosigned(apart: Apart) -> tuple[int, int]:
    """(largest size that the witness cosigned, size of the newest checkpoint)."""
    done = subprocess.run(
        [sys.executable, "-c", _COSIGNED], env=apart.instance.environment, capture_output=True, text=True, check=True
    )
    seen, newest = done.stdout.split()
    return int(seen), int(newest)


@pytest.mark.parametrize(("way", "count"), [("mqtt", 8), ("https", 1)])
def test_a_receipt_lost_on_the_way_is_given_again(
    apart: Apart, folders: list[Path], way: Transport, count: int
) -> None:
    """The answers are swallowed: the store has the envelopes and the object no receipt. Sent again: the same leaves."""
    folder = folders[["mqtt", "https"].index(way)]
    with Crowd([folder], [way]) as crowd:
        (member,) = crowd.members
        send(member, 1)
        require(lambda: not member.obj.flush(timeout=1).waiting, "a first receipt, and a connection")
        before = {row.identity for row in stored(apart.instance)}
        apart.wires[way].drop_answers()
        send(member, count)
        rows = {}

        def arrived() -> bool:
            rows.update({row.identity: row for row in stored(apart.instance)})
            return len(rows) == len(before) + count

        require(arrived, "the envelopes are stored")
        waiting = [item for item in held(folder) if item.state is State.WAITING]
        assert {Envelope.parse(item.envelope).identity for item in waiting} == set(rows) - before
        assert apart.wires[way].swallowed > 0
        apart.wires[way].heal()
        crowd.settle()
        again = require_nothing_lost(apart.instance, {**dict.fromkeys(folders, ()), **crowd.sent})
    assert {row.identity: row for row in again} == rows


def send(member: Member, count: int) -> None:
    for n in range(count):
        sent = member.obj.send(glucose(member.obj.clock.now_ms(), 90 + n))
        assert sent.digest is not None
        member.sent.append(sent.digest)
