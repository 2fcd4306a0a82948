"""Each attack of `egide prove`, run for real: a claim of docs/threats.md that fails fails here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from egide.prove.arena import Arena
from egide.prove.catalogue import ATTACKS
from egide.prove.registry import Attack, Breach, attack, held, run
from egide.prove.report import html_report

pytestmark = [pytest.mark.slow, pytest.mark.server]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    """One platform for the attacks that do it no harm."""
    with Arena(tmp_path_factory.mktemp("arena")) as arena:
        yield arena


@pytest.mark.parametrize("one", [pytest.param(a, id=a.name) for a in ATTACKS.values() if not a.alone])
def test_the_claim_holds_under_attack(one: Attack, shared: Arena) -> None:
    """What the attack tried, and what happened, is in the message when it fails."""
    result = run(one, shared)
    assert result.held, f"{one.claim}\n{result.happened}\n{result.breach}"


@pytest.mark.parametrize("one", [pytest.param(a, id=a.name) for a in ATTACKS.values() if a.alone])
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
