"""Grounds x roles x purposes x restrictions x time, cell by cell, against a table written by hand."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
from django.utils import translation

from egide.cloud.consent import policy
from egide.cloud.consent.facts import (
    Emergency,
    Facts,
    Follow,
    Grant,
    Holder,
    Participation,
    Representation,
    Restriction,
    Span,
    Window,
)
from egide.cloud.consent.rules import (
    EMERGENCY_MS,
    FORBIDDEN_PURPOSES,
    FORBIDDEN_SECTORS,
    GROUNDS,
    PURPOSES,
    REASONS,
    Decision,
    Question,
    decide,
    explain,
    visible,
)
from egide.cloud.consent.words import SENTENCES, sentence
from egide.errors import ConfigError

BEGIN, END = 1_000, 2_000
INSIDE = {BEGIN - 1: False, BEGIN: True, END - 1: True, END: False}
ME, OTHER = Holder(kind="account", id="r"), Holder(kind="account", id="s")

#: What lies in the register, one ground a row, all for the reader "r" and from BEGIN until END.
LAID = {
    "none": Facts(patient="p"),
    "self": Facts(patient="p"),
    "care-team": Facts(patient="p", follows=(Follow(patient="p", professional="r", since_ms=BEGIN, until_ms=END),)),
    "grant": Facts(
        patient="p",
        grants=(
            Grant(
                id="g", patient="p", holder=ME, purpose="SUPNWK", data=Window(), since_ms=BEGIN, until_ms=END
            ),
        ),
    ),
    "representative": Facts(
        patient="p",
        representations=(
            Representation(
                id="m", patient="p", representative="r", nature="mandate", deed="", since_ms=BEGIN, until_ms=END
            ),
        ),
    ),
    "research": Facts(
        patient="p",
        participations=(
            Participation(id="x", patient="p", project="", holder=ME, data=Window(), since_ms=BEGIN, until_ms=END),
        ),
    ),
    "emergency": Facts(
        patient="p",
        emergencies=(
            Emergency(id="e", patient="p", reader="r", reason="", data=Window(), since_ms=BEGIN, until_ms=END),
        ),
    ),
}
#: The only cells that say yes: (ground, role) and the purposes. Everything beside them is a no.
YES = {
    ("care-team", "professional"): {"TREAT"},
    ("grant", "professional"): {"SUPNWK"},
    ("grant", "relative"): {"SUPNWK"},
    ("grant", "patient"): {"SUPNWK"},
    ("representative", "relative"): {"FAMRQT", "PWATRNY"},
    ("representative", "patient"): {"FAMRQT", "PWATRNY"},
    ("representative", "professional"): {"FAMRQT", "PWATRNY"},
    ("research", "professional"): {"HRESCH"},
    ("emergency", "professional"): {"ETREAT"},
}
ROLES = ("patient", "professional", "relative", "operator", "app", "")
ASKED = (
    "TREAT", "PATRQT", "FAMRQT", "PWATRNY", "SUPNWK", "CAREMGT", "HRESCH", "ETREAT", "HOPERAT", "BTG", "PUBHLTH",
    "treat", "TREAT ", "", *sorted(FORBIDDEN_PURPOSES),
)  # fmt: skip
#: Restrictions, with what of the record they leave: (heart in its period, heart outside it, glucose in it).
RESTRICTIONS: dict[str, tuple[tuple[Restriction, ...], tuple[bool, bool, bool]]] = {}


def _restriction(name: str, left: tuple[bool, bool, bool], who: Holder, data: Window, **span: int) -> None:
    since, until = span.get("since_ms", 0), span.get("until_ms")
    made = Restriction(id=name, patient="p", who=who, data=data, since_ms=since, until_ms=until)
    RESTRICTIONS[name] = ((made,), left)


EVERYONE, HEART = Holder(kind="everyone"), frozenset({"heart"})
RESTRICTIONS["nothing"] = ((), (True, True, True))
_restriction("a-metric", (False, False, True), EVERYONE, Window(families=HEART))
_restriction("a-period", (False, True, False), EVERYONE, Window(since_ms=10, until_ms=20))
_restriction("a-metric-in-a-period", (False, True, True), ME, Window(families=HEART, since_ms=10, until_ms=20))
_restriction("everything", (False, False, False), ME, Window())
_restriction("for-somebody-else", (True, True, True), OTHER, Window())
_restriction("lifted", (True, True, True), EVERYONE, Window(), until_ms=1)
_restriction("to-come", (True, True, True), EVERYONE, Window(), since_ms=9_000)


def judged(question: Question, facts: Facts) -> Decision:
    """The rules' decision, once the policies were found to say the same."""
    decision = decide(question, facts)
    verdict = policy.judge(question, facts, emergency=decision.ground == "emergency")
    assert policy.agrees(decision, verdict)
    return decision


def seen(decision: Decision) -> tuple[bool, bool, bool]:
    return visible(decision, "heart", 15), visible(decision, "heart", 25), visible(decision, "glucose", 15)


def asked(**changes: object) -> Question:
    base = Question(
        reader="r", role="professional", patient="p", purpose="TREAT", at_ms=BEGIN, establishments=frozenset({"h"})
    )
    return replace(base, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", sorted(LAID))
def test_every_cell_of_the_matrix_says_what_the_table_says(name: str) -> None:
    """No ground serves another role, purpose or time than its own, and each restriction hides what it names."""
    cells = 0
    for role, purpose, at_ms, limit in product(ROLES, ASKED, INSIDE, RESTRICTIONS):
        restrictions, left = RESTRICTIONS[limit]
        facts = replace(LAID[name], restrictions=restrictions)
        decision = judged(asked(role=role, purpose=purpose, at_ms=at_ms), facts)
        expected = purpose in YES.get((name, role), set()) and INSIDE[at_ms]
        assert decision.allowed is expected, (role, purpose, at_ms, limit)
        if expected:
            assert decision.ground == name
            assert seen(decision) == ((True, True, True) if name == "emergency" else left)
        else:
            assert seen(decision) == (False, False, False)
        cells += 1
    assert cells == 6 * len(ASKED) * 4 * 8


def test_one_s_own_record_is_read_at_one_s_own_request_whatever_is_restricted() -> None:
    """In one role and for one purpose; no restriction, not even of everything, hides it."""
    for role, purpose, limit in product(ROLES, ASKED, RESTRICTIONS):
        facts = Facts(patient="p", restrictions=RESTRICTIONS[limit][0])
        decision = judged(asked(reader="p", role=role, purpose=purpose), facts)
        assert decision.allowed is (role == "patient" and purpose == "PATRQT")
        assert seen(decision) == (decision.allowed,) * 3


@pytest.mark.parametrize("name", sorted(set(LAID) - {"none", "self"}))
def test_nothing_opens_the_record_to_an_insurer_an_employer_a_bank_a_seller(name: str) -> None:
    """By purpose or by trade, on every ground, even one that names that very purpose."""
    everything = replace(
        LAID[name],
        grants=tuple(
            Grant(id=p, patient="p", holder=ME, purpose=p, data=Window(), since_ms=0, until_ms=None)
            for p in sorted(FORBIDDEN_PURPOSES)
        ),
    )
    for purpose in sorted(FORBIDDEN_PURPOSES):
        decision = judged(asked(purpose=purpose), everything)
        assert decision.reason == "purpose-forbidden"
    for sector, (ground, role), in product(sorted(FORBIDDEN_SECTORS), [cell for cell in YES if cell[0] == name]):
        for purpose in YES[ground, role]:
            assert judged(asked(role=role, purpose=purpose), LAID[name]).allowed
            decision = judged(asked(role=role, purpose=purpose, sector=sector), LAID[name])
            assert decision.reason == "sector-forbidden"


def test_a_ground_of_one_record_opens_no_other() -> None:
    """The facts of one patient answer no question about another."""
    for name, facts in LAID.items():
        for purpose in PURPOSES.get(name, frozenset({"TREAT"})):
            assert not judged(asked(patient="q", purpose=purpose), facts).allowed


def test_an_emergency_lasts_four_hours_whatever_was_written_and_never_leaves() -> None:
    """Not a millisecond longer, and no file."""
    opened = replace(LAID["emergency"].emergencies[0], until_ms=2**52)
    facts = replace(LAID["emergency"], emergencies=(opened,))
    question = asked(purpose="ETREAT", at_ms=BEGIN + EMERGENCY_MS - 1)
    assert judged(question, facts).allowed
    assert judged(replace(question, at_ms=BEGIN + EMERGENCY_MS), facts).reason == "over"
    assert judged(replace(question, export=True), facts).reason == "no-export"


def test_an_emergency_is_for_who_holds_an_office_of_care() -> None:
    """Not for a researcher, nor for whoever was dismissed, nor for an account that never held an office."""
    facts = LAID["emergency"]
    nowhere: frozenset[str] = frozenset()
    for other in ({}, {"researches": True}, {"left": frozenset({"h"})}):
        question = asked(purpose="ETREAT", establishments=nowhere, **other)
        assert judged(question, facts).reason == "no-office"
    assert judged(asked(purpose="ETREAT", researches=True), facts).allowed


def test_an_emergency_opens_what_is_restricted_unless_that_was_refused_beforehand() -> None:
    """The patient's no holds while it is in force, and no longer."""
    restrictions, left = RESTRICTIONS["a-metric"]
    facts = replace(LAID["emergency"], restrictions=restrictions)
    question = asked(purpose="ETREAT")
    assert seen(judged(question, facts)) == (True, True, True)
    assert seen(judged(question, replace(facts, refusals=(Span(since_ms=BEGIN),)))) == left
    over = replace(facts, refusals=(Span(since_ms=0, until_ms=BEGIN),))
    assert seen(judged(question, over)) == (True, True, True)


def test_what_cannot_be_read_closes_the_record_to_all_but_the_patient() -> None:
    """A withdrawal that somebody damaged is not assumed away."""
    for (name, role), purposes in YES.items():
        for purpose in purposes:
            facts = replace(LAID[name], damaged=True)
            assert judged(asked(role=role, purpose=purpose), facts).reason == "statement-damaged"
    assert judged(asked(reader="p", role="patient", purpose="PATRQT"), Facts(patient="p", damaged=True)).allowed


def test_death_leaves_the_care_team_and_emergencies() -> None:
    """The account, grants, representatives and research are closed from that instant; heirs go through the desk."""
    for (name, role), purposes in YES.items():
        for purpose in purposes:
            facts = replace(LAID[name], died_ms=BEGIN + 5)
            question = asked(role=role, purpose=purpose, at_ms=BEGIN + 4)
            assert judged(question, facts).allowed
            after = judged(replace(question, at_ms=BEGIN + 5), facts)
            assert after.allowed is (name in ("care-team", "emergency"))
            assert after.allowed or after.reason == "died"
    question = asked(reader="p", role="patient", purpose="PATRQT")
    assert judged(question, Facts(patient="p", died_ms=BEGIN)).reason == "died"


def test_what_a_team_may_read_needs_no_grant() -> None:
    """The first kind of ground that does is the one used, and named."""
    grants = tuple(replace(LAID["grant"].grants[0], id=str(n), purpose="TREAT") for n in range(2))
    both = replace(LAID["care-team"], grants=grants)
    assert judged(asked(), both).ground == "care-team"
    alone = judged(asked(), replace(both, follows=()))
    assert (alone.ground, alone.grounds) == ("grant", ("0", "1"))


def test_a_decision_says_why_in_a_message_and_the_statements_behind_it() -> None:
    """For the patient and the officer."""
    yes = explain(judged(asked(purpose="SUPNWK"), LAID["grant"]))
    assert (yes.message, yes.grounds, yes.hidden) == ("allowed.grant", ("g",), 0)
    no = explain(judged(asked(at_ms=END), LAID["care-team"]))
    assert (no.message, no.grounds) == ("refused.over", ())
    assert set(GROUNDS) == set(LAID) - {"none"}


def test_policies_that_do_not_fit_their_schema_stop_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """A word that the schema does not know is found before anybody asks."""
    policy.check()
    monkeypatch.setattr(policy, "_text", lambda: "permit (principal, action, resource) when { context.purpse == 1 };")
    with pytest.raises(ConfigError):
        policy.check()


def test_policies_that_cannot_be_evaluated_open_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """And hold the reader to every restriction: release then refuses, for the rules said yes."""
    facts = replace(LAID["care-team"], restrictions=RESTRICTIONS["for-somebody-else"][0])
    decision = decide(asked(), facts)
    monkeypatch.setattr(policy, "_policies", lambda: 1 / 0)
    verdict = policy.judge(asked(), facts, emergency=False)
    assert not verdict.passed
    assert verdict.bound_by == {"for-somebody-else"}
    assert not policy.agrees(decision, verdict)


def test_every_message_has_its_sentence() -> None:
    """Those of the rules, and the door's three."""
    messages = {f"allowed.{ground}" for ground in GROUNDS} | {f"refused.{reason}" for reason in REASONS}
    door = {f"refused.{reason}" for reason in ("policies-disagree", "closed-account", "signed-bytes")}
    assert set(SENTENCES) == messages | door
    with translation.override("fr"):
        assert str(sentence("refused.opposed")) == "Vous vous êtes opposé à ce suivi."
    assert sentence("refused.by-a-newer-platform") == "refused.by-a-newer-platform"
