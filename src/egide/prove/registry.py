"""The attacks, and what each one must not achieve."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from egide.prove.arena import Arena

__all__ = ["ATTACKS", "Attack", "Breach", "Result", "attack", "held", "run"]


class Breach(Exception):  # a word for people
    """The attack achieved what the claim says it cannot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """`needs` are ids of docs/needs.md; `alone` attacks harm the platform, and get one of their own."""

    name: str
    claim: str
    claim_fr: str
    attacker: str
    needs: tuple[str, ...]
    alone: bool
    run: Callable[[Arena], Iterator[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What was tried and what happened, line by line; `breach` says what went wrong, or is empty."""

    attack: Attack
    happened: list[str] = field(default_factory=list)
    breach: str = ""
    seconds: float = 0.0

    @property
    def held(self) -> bool:
        return not self.breach


#: name -> attack, in the order they are shown.
ATTACKS: Final[dict[str, Attack]] = {}


def attack(
    name: str, *, claim: str, claim_fr: str, attacker: str, needs: tuple[str, ...] = (), alone: bool = False
) -> Callable[[Callable[[Arena], Iterator[str]]], Callable[[Arena], Iterator[str]]]:
    """Register a function that attacks and yields what it tried and saw; it raises `Breach` when the claim fails."""

    def keep(function: Callable[[Arena], Iterator[str]]) -> Callable[[Arena], Iterator[str]]:
        ATTACKS[name] = Attack(
            name=name, claim=claim, claim_fr=claim_fr, attacker=attacker, needs=needs, alone=alone, run=function
        )
        return function

    return keep


def held(condition: bool, breach: str) -> None:
    """Raise `Breach` unless the claim held."""
    if not condition:
        raise Breach(breach)


def run(one: Attack, arena: Arena) -> Result:
    """Run one attack. Whatever goes wrong in it is a failure of the claim: nothing is proved by an error."""
    started = time.monotonic()
    happened: list[str] = []
    breach = ""
    try:
        _collect(one, arena, happened)
    except Breach as err:
        breach = str(err)
    except Exception as err:
        breach = f"the attack could not be carried out: {type(err).__name__}: {err}"
    return Result(attack=one, happened=happened, breach=breach, seconds=time.monotonic() - started)


def _collect(one: Attack, arena: Arena, happened: list[str]) -> None:
    for line in one.run(arena):
        happened.append(line)
    if not happened:
        raise Breach("the attack did nothing")
