"""After any fault: nothing receipted is lost, nothing is stored twice, nothing vanished, the store is whole."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from egide.prove.instance import Instance
from egide.things import State
from egide.things.outbox import Item
from egide.things.peek import peek
from egide.trust.envelope import Envelope, leaf_hash
from egide.trust.register.receipt import verify_receipt

__all__ = ["Stored", "held", "require_kept", "require_nothing_lost", "stored", "whole"]

_DUMP = """
import json
from egide.cli.django import setup
setup()
from egide.cloud.register.models import Log
from egide.cloud.register.store import nodes_of, split_entry
from egide.cloud.vault.models import Envelope
logs = {log.pk: (log.uri, nodes_of(log.pk)) for log in Log.objects.all()}
found = []
for entry, identity in Envelope.objects.order_by("entry").values_list("entry", "identity"):
    log, index = split_entry(entry)
    uri, nodes = logs[log]
    found.append([bytes(identity).hex(), uri, index, nodes(0, index).hex()])
print(json.dumps(found))
"""


@dataclass(frozen=True, slots=True)
class Stored:
    """A row of the store, and what the register has at its place."""

    identity: bytes
    log: str
    index: int
    leaf: bytes


def stored(instance: Instance) -> list[Stored]:
    """Every envelope of the store, asked of the database itself."""
    done = subprocess.run(
        [sys.executable, "-c", _DUMP], env=instance.environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    rows: list[list[Any]] = json.loads(done.stdout)
    return [Stored(bytes.fromhex(i), log, index, bytes.fromhex(leaf)) for i, log, index, leaf in rows]


def held(folder: Path) -> list[Item]:
    """Everything that an object's folder holds; each receipt in it verified again, with the key that it pinned."""
    with peek(folder) as inside:
        items = [item for state in State for item in inside.outbox.items(state)]
        logs = {log.uri: log for log in inside.memory.logs()}
    for item in items:
        if item.state is State.RECEIPTED:
            assert item.answer is not None
            log = logs[str(item.log)]
            verified = verify_receipt(item.answer, leaf_hash(item.envelope), key=log.key, log_uri=log.uri)
            assert verified.index == item.leaf
    return items


def whole(instance: Instance) -> None:
    """`egide fsck` finds nothing at all, not even something worth a look."""
    done = instance.run("fsck", "--json", check=False)
    assert done.returncode in (0, 1), done.stderr
    report = json.loads(done.stdout)
    assert report["findings"] == [], report["findings"][:5]
    assert done.returncode == 0


def require_kept(rows: Iterable[Stored], items: Iterable[Item], *, complete: bool = True) -> None:
    """The comparison itself, for stores that no platform runs on.

    1. Every receipt's envelope is in the store, at the leaf that the receipt names, and that leaf is its own.
    2. No envelope is in the store twice.
    3. Nothing was refused for good and stored.
    4. With `complete`: the store holds nothing that no object signed.
    """
    rows, items = list(rows), list(items)
    times = Counter(row.identity for row in rows)
    assert not [identity.hex() for identity, count in times.items() if count > 1], "stored twice"
    by_identity = {row.identity: row for row in rows}
    for item in items:
        envelope = Envelope.parse(item.envelope)
        row = by_identity.get(envelope.identity)
        if item.state is State.RECEIPTED:
            assert row is not None, "a receipted envelope is not in the store"
            assert (row.log, row.index) == (item.log, item.leaf), "it is not where its receipt says"
        if row is not None:
            assert item.state is not State.DEAD, "refused and stored"
            assert row.leaf == leaf_hash(item.envelope), "the register has another leaf there"
    if complete:
        known = {Envelope.parse(item.envelope).identity for item in items}
        assert set(by_identity) <= known, "the store holds what nobody signed"


def require_nothing_lost(
    instance: Instance, sent: Mapping[Path, Iterable[bytes]], *, settled: bool = True
) -> list[Stored]:
    """The oracle. `sent`: folder of each object -> the digests that its `send` returned.

    Beside `require_kept`: everything that `send` returned is still in its object's folder, receipted, waiting or dead;
    with `settled`, all of it is receipted.
    """
    items: list[Item] = []
    for folder, digests in sent.items():
        mine = held(folder)
        states = {item.digest: item.state for item in mine}
        assert set(digests) <= set(states), "an envelope that `send` kept has vanished"
        if settled:
            assert set(states.values()) <= {State.RECEIPTED}, Counter(states.values())
        items += mine
    rows = stored(instance)
    require_kept(rows, items)
    whole(instance)
    return rows
