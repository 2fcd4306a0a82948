"""The attacks that people make with a browser, each run for real against the pages."""

from __future__ import annotations

from pathlib import Path

import pytest

from egide.prove.arena import Arena
from egide.prove.catalogue import ATTACKS
from egide.prove.registry import Attack, run
from tests.attacks.conftest import PEOPLE, attacks

pytestmark = [pytest.mark.slow, pytest.mark.server]


@pytest.mark.parametrize("one", [pytest.param(a, id=a.name) for a in attacks(by_people=True, alone=False)])
def test_the_claim_holds_under_attack(one: Attack, shared: Arena) -> None:
    """What the attack tried, and what happened, is in the message when it fails."""
    result = run(one, shared)
    assert result.held, f"{one.claim}\n{result.happened}\n{result.breach}"


@pytest.mark.parametrize("one", [pytest.param(a, id=a.name) for a in attacks(by_people=True, alone=True)])
def test_the_claim_holds_under_an_attack_that_harms_the_platform(one: Attack, tmp_path: Path) -> None:
    """These have a platform of their own."""
    with Arena(tmp_path) as arena:
        result = run(one, arena)
    assert result.held, f"{one.claim}\n{result.happened}\n{result.breach}"


def test_every_attack_is_in_one_of_the_two_files() -> None:
    """None is left out, and each module that is named has some."""
    told = [one.name for by in (True, False) for alone in (True, False) for one in attacks(by_people=by, alone=alone)]
    assert sorted(told) == sorted(ATTACKS)
    assert {one.run.__module__.rpartition(".")[2] for one in ATTACKS.values()} >= set(PEOPLE)
