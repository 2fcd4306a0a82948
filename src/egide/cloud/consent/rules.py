"""Decide on which grounds somebody may read a record, and what of it. Pure: no clock, no database. The default is no.

    1  some purposes and sectors are refused whatever was granted
    2  each ground that names the reader is tried: is it in force, for this purpose, for some of what is asked?
    3  the first kind that has grounds left opens what they name, less what the patient restricts

policy.py asks Cedar the same of each ground, and release refuses when they disagree.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from egide.cloud.consent.facts import (
    ACCOUNT,
    APP,
    ESTABLISHMENT,
    EVERYONE,
    TEAM,
    Emergency,
    Facts,
    Follow,
    Grant,
    Holder,
    Participation,
    Representation,
    Restriction,
    Window,
    runs,
)

__all__ = [
    "CARE_TEAM", "EMERGENCY", "EMERGENCY_MS", "FORBIDDEN_PURPOSES", "FORBIDDEN_SECTORS", "GRANT", "GRANTABLE",
    "GROUNDS", "NATURES", "PURPOSES", "REASONS", "REPRESENTATIVE", "RESEARCH", "SELF", "Decision", "Explanation",
    "Question", "decide", "explain", "opposed", "visible",
]  # fmt: skip

SELF: Final = "self"
CARE_TEAM: Final = "care-team"
GRANT: Final = "grant"
REPRESENTATIVE: Final = "representative"
RESEARCH: Final = "research"
EMERGENCY: Final = "emergency"
#: In the order in which they are used: what a care team may read needs no grant.
GROUNDS: Final = (SELF, CARE_TEAM, GRANT, REPRESENTATIVE, RESEARCH, EMERGENCY)

#: What each ground is good for (HL7 v3 PurposeOfUse). A grant serves the one purpose that it names.
PURPOSES: Final = {
    SELF: frozenset({"PATRQT"}),
    CARE_TEAM: frozenset({"TREAT"}),
    GRANT: frozenset({"TREAT", "CAREMGT", "FAMRQT", "SUPNWK", "PATRQT"}),
    REPRESENTATIVE: frozenset({"FAMRQT", "PWATRNY"}),
    RESEARCH: frozenset({"HRESCH"}),
    EMERGENCY: frozenset({"ETREAT"}),
}
GRANTABLE: Final = PURPOSES[GRANT]
NATURES: Final = ("mandate", "parent", "guardian", "other")

#: Marketing, insurers and payers, employers, banks, sale, geolocation: no ground opens these.
FORBIDDEN_PURPOSES: Final = frozenset({
    "HMARKT", "HPAYMT", "CLMATTCH", "COVAUTH", "COVERAGE", "ELIGDTRM", "ELIGVER", "ENROLLM", "MEMADMIN", "MILDCRG",
    "REMITADV", "X-INSURER", "X-EMPLOYER", "X-BANK", "X-SALE", "X-GEOLOCATION",
})  # fmt: skip
#: An emergency opens for four hours, whatever a statement says.
EMERGENCY_MS: Final = 4 * 3_600_000
FORBIDDEN_SECTORS: Final = frozenset({"insurer", "employer", "bank", "marketing", "broker", "geolocation"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One reader wants one patient's measurements for one purpose, now. Ids, not names.

    `role` is an account's role, or "app" for a program that stands for itself (`reader` is then its id). No families
    means all; the period asked for is [since_ms, until_ms).
    """

    reader: str
    role: str
    patient: str
    purpose: str
    at_ms: int
    families: frozenset[str] = frozenset()
    since_ms: int = 0
    until_ms: int = 2**53
    export: bool = False
    sector: str = ""  # of whoever the reader works for, where that is known
    establishments: frozenset[str] = frozenset()  # where the reader holds an office of care
    barred: frozenset[str] = frozenset()  # those of them whose trade nothing opens: insurers, employers, banks
    left: frozenset[str] = frozenset()  # where they held one, and no longer do
    researches: bool = False  # they hold the office of researcher now, and none that sees no health data

    @property
    def dismissed(self) -> bool:
        """Whether the reader cared somewhere, and cares nowhere now. An account that never held an office did not."""
        return bool(self.left) and not self.establishments


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Yes, on `ground` (by the statements named in `grounds`), or no for a `reason`. Never shown to the reader."""

    question: Question
    ground: str = ""
    grounds: tuple[str, ...] = ()
    reason: str = ""
    opens: tuple[Window, ...] = ()
    hides: tuple[Window, ...] = ()
    passed: frozenset[tuple[str, str]] = frozenset()  # every (ground, id) that would do
    bound_by: frozenset[str] = frozenset()  # restrictions that bind this reader

    @property
    def allowed(self) -> bool:
        return bool(self.ground)


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why, for the patient and the data-protection officer: which message, about which statements."""

    message: str
    grounds: tuple[str, ...]
    hidden: int  # how many restrictions were applied


#: Why not, from the nearest miss to the furthest.
REASONS: Final = (
    "purpose-forbidden", "sector-forbidden", "statement-damaged", "no-export", "other-data", "opposed", "suspended",
    "of-age", "died", "over", "not-begun", "no-office", "other-purpose", "other-role", "no-ground",
)  # fmt: skip


def decide(question: Question, facts: Facts) -> Decision:
    """What the rules say. `facts` are those of the patient asked about; others' open nothing."""
    if question.purpose in FORBIDDEN_PURPOSES:
        return Decision(question=question, reason="purpose-forbidden")
    if question.sector in FORBIDDEN_SECTORS:
        return Decision(question=question, reason="sector-forbidden")
    if facts.patient != question.patient:
        return Decision(question=question, reason="no-ground")
    tried = list(_tried(question, facts))
    good = [t for t in tried if not t.reason]
    ground = next((kind for kind in GROUNDS if any(t.kind == kind for t in good)), "")
    if not ground:
        reason = min((t.reason for t in tried), key=REASONS.index, default="no-ground")
        return Decision(question=question, reason=reason)
    chosen = [t for t in good if t.kind == ground]
    bound = [r for r in facts.restrictions if _binds(r, ground, question, facts)]
    secrets = _secrets(question, facts) if ground not in (SELF, EMERGENCY) else ()
    return Decision(
        question=question,
        ground=ground,
        grounds=tuple(t.id for t in chosen),
        opens=tuple(t.opens for t in chosen),
        hides=(*(r.data for r in bound), *(Window(families=s) for s in secrets)),
        passed=frozenset((t.kind, t.id) for t in good),
        bound_by=frozenset(r.id for r in bound),
    )


def visible(decision: Decision, family: str, at_ms: int) -> bool:
    """Whether a value of this family, measured then, is among what the decision opens."""
    return any(_covers(w, family, at_ms) for w in decision.opens) and not any(
        _covers(w, family, at_ms) for w in decision.hides
    )


def opposed(facts: Facts, follow_up: str, professional: str, *, at_ms: int) -> bool:
    """Whether the patient says no to this professional in this follow-up: to either, to both, or to any team."""
    return any(
        runs(o, at_ms) and o.follow_up in ("", follow_up) and o.professional in ("", professional)
        for o in facts.oppositions
    )


def explain(decision: Decision) -> Explanation:
    """Say why, in a message's name and the statements behind it (words.py has the sentences)."""
    word = f"allowed.{decision.ground}" if decision.allowed else f"refused.{decision.reason}"
    return Explanation(message=word, grounds=decision.grounds, hidden=len(decision.hides))


@dataclass(frozen=True, slots=True)
class _Tried:
    """One ground that names the reader; `reason` empty: it does."""

    kind: str
    id: str
    opens: Window
    reason: str


def _tried(question: Question, facts: Facts) -> Iterator[_Tried]:
    if question.role == "patient" and question.reader == question.patient:
        yield _Tried(SELF, "", Window(), _first(_purpose(SELF, question), _dead(facts, question)))
    for follow in facts.follows:
        if follow.professional == question.reader:
            yield _Tried(CARE_TEAM, follow.follow_up, Window(), _follow(follow, question, facts))
    for grant in facts.grants:
        if _holds(grant.holder, question, facts):
            yield _Tried(GRANT, grant.id, grant.data, _grant(grant, question, facts))
    for held in facts.representations:
        if held.representative == question.reader:
            yield _Tried(REPRESENTATIVE, held.id, Window(), _representation(held, question, facts))
    for part in facts.participations:
        if _holds(part.holder, question, facts):
            yield _Tried(RESEARCH, part.id, part.data, _participation(part, question, facts))
    for opened in facts.emergencies:
        if opened.reader == question.reader:
            yield _Tried(EMERGENCY, opened.id, opened.data, _emergency(opened, question, facts))


def _follow(follow: Follow, question: Question, facts: Facts) -> str:
    no = opposed(facts, follow.follow_up, follow.professional, at_ms=question.at_ms)
    return _first(
        _role(question, "professional"), _purpose(CARE_TEAM, question), _office(question), _running(follow, question),
        "opposed" if no else "", _damaged(facts),
    )  # fmt: skip


def _grant(grant: Grant, question: Question, facts: Facts) -> str:
    return _first(
        _role(question, "professional", "patient", "relative", "app"), _sector(grant.holder, question),
        "" if question.purpose == grant.purpose and grant.purpose in GRANTABLE else "other-purpose",
        _running(grant, question), _dead(facts, question), _data(grant.data, question), _damaged(facts),
    )  # fmt: skip


def _representation(held: Representation, question: Question, facts: Facts) -> str:
    grown = held.adult_ms is not None and held.adult_ms <= question.at_ms
    stopped = any(runs(stop, question.at_ms) for stop in held.suspended)
    return _first(
        _role(question, "relative", "patient", "professional"), _purpose(REPRESENTATIVE, question),
        _running(held, question), _dead(facts, question), "of-age" if grown else "", "suspended" if stopped else "",
        _damaged(facts),
    )  # fmt: skip


def _participation(part: Participation, question: Question, facts: Facts) -> str:
    return _first(
        _researcher(question), _sector(part.holder, question), _purpose(RESEARCH, question), _office(question),
        _running(part, question), _dead(facts, question), _data(part.data, question), _damaged(facts),
    )  # fmt: skip


def _emergency(opened: Emergency, question: Question, facts: Facts) -> str:
    lapsed = "over" if question.at_ms >= opened.since_ms + EMERGENCY_MS else ""
    return _first(
        _role(question, "professional"), _purpose(EMERGENCY, question), _caring(question), _running(opened, question),
        lapsed, _data(opened.data, question), "no-export" if question.export else "", _damaged(facts),
    )  # fmt: skip


def _first(*reasons: str) -> str:
    return next(filter(None, reasons), "")


def _role(question: Question, *roles: str) -> str:
    return "" if question.role in roles else "other-role"


def _researcher(question: Question) -> str:
    """Somebody who cares, a program, or an operator whose office it is: it ends with the office."""
    return "" if question.role == "operator" and question.researches else _role(question, "professional", "app")


def _office(question: Question) -> str:
    """Whoever was dismissed everywhere treats nobody, whatever team they were in."""
    return "no-office" if question.dismissed else ""


def _caring(question: Question) -> str:
    """In an emergency, somebody who cares somewhere now: a nurse, a doctor, another professional of care."""
    return "" if question.establishments else "no-office"


def _sector(holder: Holder, question: Question) -> str:
    """An insurer's, an employer's or a bank's own people, whatever else they do."""
    return "sector-forbidden" if holder.kind == ESTABLISHMENT and holder.id in question.barred else ""


def _purpose(kind: str, question: Question) -> str:
    return "" if question.purpose in PURPOSES[kind] else "other-purpose"


def _running(ground: Follow | Grant | Representation | Participation | Emergency, question: Question) -> str:
    if question.at_ms < ground.since_ms:
        return "not-begun"
    return "" if runs(ground, question.at_ms) else "over"


def _dead(facts: Facts, question: Question) -> str:
    return "died" if facts.died_ms is not None and facts.died_ms <= question.at_ms else ""


def _damaged(facts: Facts) -> str:
    return "statement-damaged" if facts.damaged else ""


def _data(window: Window, question: Question) -> str:
    """Whether a ground opens anything of what is asked."""
    families = not question.families or window.families is None or bool(question.families & window.families)
    begun = window.until_ms is None or question.since_ms < window.until_ms
    ended = window.since_ms is None or question.until_ms > window.since_ms
    return "" if families and begun and ended else "other-data"


def _holds(holder: Holder, question: Question, facts: Facts) -> bool:
    """Whether a holder is, or takes in, the reader; who belongs to a place or a team is read now, not when given."""
    if holder.kind == ACCOUNT:
        return question.role != "app" and holder.id == question.reader
    if holder.kind == ESTABLISHMENT:
        return question.role == "professional" and holder.id in question.establishments
    if holder.kind == TEAM:
        mine = (f for f in facts.follows if f.professional == question.reader and runs(f, question.at_ms))
        return (
            question.role == "professional"
            and not question.dismissed
            and any(f.follow_up == holder.id for f in mine)
        )
    return holder.kind == APP and question.role == "app" and holder.id == question.reader


def _binds(restriction: Restriction, ground: str, question: Question, facts: Facts) -> bool:
    """Whether this reader must not see what a restriction names."""
    if ground == SELF or not runs(restriction, question.at_ms):
        return False
    if ground == EMERGENCY and not any(runs(refusal, question.at_ms) for refusal in facts.refusals):
        return False
    if restriction.who.kind == TEAM:  # leaving a place shows nothing more
        question = replace(question, left=frozenset())
    elif restriction.who.kind == ESTABLISHMENT:
        question = replace(question, establishments=question.establishments | question.left)
    return restriction.who.kind == EVERYONE or _holds(restriction.who, question, facts)


def _secrets(question: Question, facts: Facts) -> tuple[frozenset[str], ...]:
    """What binds whoever represents the patient, on any other ground too, and while a court suspends them."""
    mine = (held for held in facts.representations if held.representative == question.reader)
    if not any(runs(held, question.at_ms) for held in mine):
        return ()
    return tuple(s.families for s in facts.secrets if runs(s, question.at_ms))


def _covers(window: Window, family: str, at_ms: int) -> bool:
    return (
        (window.families is None or family in window.families)
        and (window.since_ms is None or window.since_ms <= at_ms)
        and (window.until_ms is None or at_ms < window.until_ms)
    )
