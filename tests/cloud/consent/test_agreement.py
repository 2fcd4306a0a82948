"""Three ways of deciding, written apart, agree on random worlds: the rules, the policies, and a naive reading."""

from __future__ import annotations

import random
from collections import Counter

from hypothesis import given, settings

from egide.cloud.consent import policy
from egide.cloud.consent.facts import Facts
from egide.cloud.consent.rules import GROUNDS, REASONS, Decision, Question, decide, visible
from tests.cloud.consent.naive import naive, naive_sees
from tests.cloud.consent.worlds import FAMILIES, TIMES, Dice, facts, questions


def compare(question: Question, known: Facts) -> Decision:
    """On whether, on which grounds, on what binds the reader, and on every single value."""
    decision = decide(question, known)
    ground, good = naive(question, known)
    assert (decision.ground, set(decision.passed)) == (ground, good)
    verdict = policy.judge(question, known, emergency=decision.ground == "emergency")
    assert policy.agrees(decision, verdict)
    assert verdict.passed == decision.passed
    assert decision.allowed is not bool(decision.reason)
    for family in (*FAMILIES, "other"):
        for at_ms in TIMES:
            assert visible(decision, family, at_ms) is naive_sees(question, known, family, at_ms)
    return decision


@settings(max_examples=300)
@given(question=questions, known=facts)
def test_rules_policies_and_a_naive_reading_agree(question: Question, known: Facts) -> None:
    """Whatever hypothesis makes up, and shrinks to when it finds something."""
    compare(question, known)


def test_they_agree_on_thousands_of_worlds_that_hold_every_ground_and_every_reason() -> None:
    """By dice of a fixed seed; what was met is counted, so that agreement is not agreement about nothing."""
    dice, met = Dice(random.Random(20_261_122)), Counter[str]()
    for _ in range(6_000):
        decision = compare(dice.question(), dice.facts())
        met[decision.ground or decision.reason] += 1
        met["hides"] += bool(decision.hides)
    assert set(met) == {*GROUNDS, *REASONS, "hides"}
    assert min(met.values()) >= 5, met
