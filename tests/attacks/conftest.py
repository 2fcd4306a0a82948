"""Where attacks run, and which of them are of which file: two files run beside each other."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from egide.prove.arena import Arena
from egide.prove.catalogue import ATTACKS
from egide.prove.registry import Attack

#: Modules whose attacks are made by people, with a browser.
PEOPLE = ("consents", "grants", "journal", "signin", "staff", "typed", "web")


def attacks(*, by_people: bool, alone: bool) -> list[Attack]:
    """The attacks of one file, of those that need a platform of their own or not."""
    return [
        one
        for one in ATTACKS.values()
        if one.alone == alone and (one.run.__module__.rpartition(".")[2] in PEOPLE) == by_people
    ]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    """One platform for the attacks that do it no harm."""
    with Arena(tmp_path_factory.mktemp("arena")) as arena:
        yield arena
