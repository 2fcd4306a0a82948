"""kill -9 of each part, at random moments, under load: nothing receipted is lost, nothing is stored twice."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random

import pytest

from egide.prove.instance import Instance
from tests.support.crowd import Crowd, Victim, enrolled, require
from tests.support.instance import running_instance
from tests.support.oracle import require_nothing_lost
from tests.support.postgres import Cluster, running_cluster

pytestmark = [
    pytest.mark.server,
    pytest.mark.slow,
    pytest.mark.database,
    # paho leaves a socket to its finaliser when a handshake ends half-way
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
]

KILLS = {"intake": 20, "broker": 20, "object": 20, "worker": 4, "objects": 4}
#: On PostgreSQL what the store decides is killed as often; what knows of no store was, on the other engine.
KILLS_ON_POSTGRESQL = {"intake": 20, "postgresql": 20, "broker": 4, "object": 4, "worker": 2, "objects": 2}


@contextmanager
def ground(folder: Path) -> Iterator[tuple[Instance, Cluster | None]]:
    """A platform, and the database server under it if there is one."""
    if os.environ.get("EGIDE_TEST_ENGINE") != "postgresql":
        with running_instance(folder, EGIDE_INTAKE_RATE="1000000") as instance:
            yield instance, None
        return
    with running_cluster(durable=True) as cluster:
        with running_instance(folder, EGIDE_INTAKE_RATE="1000000", EGIDE_DATABASE_URL=cluster.url()) as instance:
            yield instance, cluster


class Killer:
    """Kills what it is told to, when it lives; each death is seen before the next."""

    def __init__(self, instance: Instance, cluster: Cluster | None, victim: Victim) -> None:
        self._instance, self._cluster, self._victim = instance, cluster, victim
        self.done = 0

    def kill(self, part: str) -> None:
        if part == "object":
            self._victim.sending()
            self._victim.kill()
            self._victim.start()
        elif part == "postgresql":
            assert self._cluster is not None
            self._cluster.kill()
            self._cluster.start()
        else:
            require(lambda: part in self._instance.children(), f"{part} is started again")
            pid = self._instance.children()[part]
            os.kill(pid, signal.SIGKILL)
            require(lambda: self._instance.children().get(part) != pid, f"{part} is dead")
        self.done += 1


def test_killed_at_any_moment_nothing_receipted_is_lost(tmp_path: Path, seed: int) -> None:
    """Each part twenty times over the two engines, in any order, while objects send by each way in."""
    chance = Random(seed)
    folders = [tmp_path / f"object-{n}" for n in range(4)]
    with ground(tmp_path / "platform") as (instance, cluster):
        enrolled(instance, folders)
        kills = KILLS if cluster is None else KILLS_ON_POSTGRESQL
        parts = [part for part, times in kills.items() for _ in range(times)]
        chance.shuffle(parts)
        victim = Victim(folders[3])
        killer = Killer(instance, cluster, victim)
        with Crowd(folders[:3]) as crowd:
            victim.start()
            crowd.start()
            crowd.more_receipts(30)
            try:
                for part in parts:
                    killer.kill(part)
                    if killer.done % 3 == 0:  # the others die while the last one rises
                        crowd.more_receipts(3)
                    threading.Event().wait(chance.random() * 0.4)
                crowd.more_receipts(30)
            finally:
                with suppress(ProcessLookupError):
                    victim.kill()
            victim.settle()
            crowd.settle()
            sent = crowd.sent
        sent[victim.folder] = victim.sent
        assert killer.done == len(parts)
        rows = require_nothing_lost(instance, sent)
    assert len(rows) > len(parts)
    assert victim.births == kills["object"] + 1
