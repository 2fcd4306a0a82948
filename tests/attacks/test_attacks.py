"""Each attack of `egide prove`, run for real: a claim of docs/threats.md that fails fails here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from egide.prove.arena import Arena
from egide.prove.catalogue import ATTACKS
from egide.prove.registry import Attack, Breach, attack, held, run
from egide.prove.report import html_report
from tests.attacks.conftest import attacks

pytestmark = [pytest.mark.slow, pytest.mark.server]


@pytest.mark.parametrize("one", [pytest.param(a, id=a.name) for a in attacks(by_people=False, alone=False)])
def test_the_claim_holds_under_attack(one: Attack, shared: Arena) -> None:
    """What the attack tried, and what happened, is in the message when it fails."""
    result = run(one, shared)
    assert result.held, f"{one.claim}\n{result.happened}\n{result.breach}"


@pytest.mark.parametrize("one", [pytest.param(a, id=a.name) for a in attacks(by_people=False, alone=True)])
def test_the_claim_holds_under_an_attack_that_harms_the_platform(one: Attack, tmp_path: Path) -> None:
    """These have a platform of their own."""
    with Arena(tmp_path) as arena:
        result = run(one, arena)
    assert result.held, f"{one.claim}\n{result.happened}\n{result.breach}"


def test_an_attack_that_cannot_run_proves_nothing() -> None:
    """An error, an attack that does nothing and a breach all fail the claim, and the report says so."""

    def broken(_: Arena) -> Iterator[str]:
        yield "tried <b>this</b>"
        raise OSError("no route")

    def idle(_: Arena) -> Iterator[str]:
        yield from ()

    def breached(_: Arena) -> Iterator[str]:
        yield "it went through"
        held(False, "stored twice")

    results = []
    for name, function in {"broken": broken, "idle": idle, "breached": breached}.items():
        attack(name, claim="c", claim_fr="c", attacker="a")(function)
        results.append(run(ATTACKS.pop(name), None))  # type: ignore[arg-type]
    assert not any(r.held for r in results)
    page = html_report(results)
    assert "0 of 3 claims held" in page
    assert "stored twice" in page
    assert "&lt;b&gt;this" in page
    assert issubclass(Breach, Exception)
