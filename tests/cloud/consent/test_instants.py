"""Between two times that the facts hold, the same question has the same answer."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import example, given
from hypothesis import strategies as st

from egide.cloud.consent.facts import Emergency, Facts, Restriction, Window
from egide.cloud.consent.facts import Holder as Who
from egide.cloud.consent.instants import next_instant
from egide.cloud.consent.rules import EMERGENCY_MS, Decision, Question, decide
from tests.cloud.consent.worlds import facts, questions

FAR = 10 * EMERGENCY_MS


def answer(question: Question, said: Facts, at_ms: int) -> Decision:
    """What is decided, less when it was asked."""
    asked = replace(question, at_ms=at_ms)
    return replace(decide(asked, said), question=question)


@given(facts, questions, st.integers(0, 10_000))
@example(
    Facts(
        patient="p",
        emergencies=(Emergency(id="e", patient="p", reader="r", reason="", data=Window(), since_ms=0, until_ms=FAR),),
    ),
    Question(reader="r", role="professional", patient="p", purpose="ETREAT", at_ms=1),
    5_000,
)
def test_nothing_changes_before_the_next_instant(said: Facts, question: Question, share: int) -> None:
    """At any moment before it, down to the last one; and a time is always found where the answer then changes."""
    until = next_instant(said, question.at_ms)
    last = (until if until is not None else FAR) - 1
    between = question.at_ms + (last - question.at_ms) * share // 10_000
    now = answer(question, said, question.at_ms)
    assert answer(question, said, between) == now
    assert answer(question, said, max(last, question.at_ms)) == now


def test_the_next_instant_is_later_and_the_nearest() -> None:
    """Whatever holds it, an end or a beginning; none when all of them are over."""
    until = Restriction(id="x", patient="p", who=Who(kind="everyone"), data=Window(), since_ms=10, until_ms=20)
    said = Facts(patient="p", restrictions=(until,), died_ms=15)
    found = [next_instant(said, at_ms) for at_ms in (9, 10, 14, 15, 19, 20)]
    assert found == [10, 15, 15, 20, 20, None]
    assert next_instant(Facts(patient="p"), 0) is None
