"""A restore from an older backup: objects follow the new epoch, and bring back what the backup did not hold."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from egide.prove.instance import Instance
from egide.things import State
from tests.support.crowd import Crowd, enrolled
from tests.support.instance import running_instance
from tests.support.oracle import held, require_nothing_lost, stored
from tests.support.postgres import Cluster, running_cluster

pytestmark = [
    pytest.mark.server,
    pytest.mark.slow,
    pytest.mark.database,
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
]


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[tuple[Instance, Cluster | None]]:
    with ExitStack() as stack:
        cluster, settings = None, {"EGIDE_INTAKE_RATE": "1000000"}
        if os.environ.get("EGIDE_TEST_ENGINE") == "postgresql":
            cluster = stack.enter_context(running_cluster(durable=True))
            settings["EGIDE_DATABASE_URL"] = cluster.url()
        yield stack.enter_context(running_instance(tmp_path / "platform", **settings)), cluster


def restored(instance: Instance, cluster: Cluster | None, backup: Path, data: Path) -> Instance:
    """The same platform, from a backup, in an empty folder and an empty database."""
    settings = dict(instance.settings)
    if cluster is not None:
        settings["EGIDE_DATABASE_URL"] = cluster.create_database("restored")
    fresh = replace(instance, data=data, settings=settings, process=None)
    fresh.run("restore", str(backup))
    return fresh


def test_after_a_restore_everything_receipted_is_in_the_store_again(
    ground: tuple[Instance, Cluster | None], tmp_path: Path
) -> None:
    """The platform dies under load long after its backup: nothing is exposed but the restore, nothing is missing."""
    instance, cluster = ground
    folders = [tmp_path / f"object-{n}" for n in range(3)]
    backup = tmp_path / "backup.egide"
    enrolled(instance, folders)
    with Crowd(folders) as crowd:
        crowd.start()
        crowd.more_receipts(40)
        instance.run("backup", str(backup))  # while objects send
        crowd.more_receipts(60)
        instance.stop(kill=True)
        for member in crowd.members:
            member.quiet()
        first = crowd.sent
    beyond = {folder: [item for item in held(folder) if item.state is State.RECEIPTED] for folder in folders}
    old = {str(item.log) for items in beyond.values() for item in items}
    assert len(old) == 1
    with restored(instance, cluster, backup, tmp_path / "again") as fresh:
        kept = stored(fresh)
        assert 0 < len(kept) < sum(map(len, beyond.values()))
        with Crowd(folders) as crowd:
            crowd.start()
            crowd.more_receipts(10)
            crowd.settle()
            statuses = [member.obj.status() for member in crowd.members]
            sent = {folder: [*first[folder], *more] for folder, more in crowd.sent.items()}
        rows = require_nothing_lost(fresh, sent)
        assert rows[: len(kept)] == kept, "what the backup held has moved"
    for status in statuses:
        assert [one.what for one in status.exposures] in ([], ["restored"])
        assert len(status.logs) == 2
    assert any(status.exposures for status in statuses)
    new = statuses[0].logs[-1].uri
    assert {row.log for row in rows} == {*old, new}
    again = {item.digest: item for folder in folders for item in held(folder)}
    assert any(again[item.digest].log == new for items in beyond.values() for item in items)
