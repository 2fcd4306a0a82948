"""The same decision, by Cedar policies that a data-protection officer can read (policies/*.cedar).

Each ground is asked about by itself, and so is each restriction: release compares the answers with the rules'.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final

import cedarpy

from egide.cloud.consent.facts import Facts, Restriction, Window
from egide.cloud.consent.rules import (
    CARE_TEAM,
    EMERGENCY,
    GRANT,
    REPRESENTATIVE,
    RESEARCH,
    SELF,
    Decision,
    Question,
)
from egide.errors import ConfigError

__all__ = ["Verdict", "agrees", "check", "judge"]

_TYPES: Final = {
    "patient": "Patient", "professional": "Professional", "relative": "Relative", "operator": "Operator", "app": "App",
}  # fmt: skip
_FOLDER: Final = files("egide.cloud.consent") / "policies"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the policies permit: grounds, as (ground, id), and the restrictions that bind the reader."""

    passed: frozenset[tuple[str, str]]
    bound_by: frozenset[str]


def check() -> None:
    """Raises ConfigError when the policies do not fit their schema: we refuse to start."""
    found = cedarpy.validate_policies(_text(), _schema_text())
    if not found.validation_passed:
        raise ConfigError("the access policies do not fit their schema")


def judge(question: Question, facts: Facts, *, emergency: bool) -> Verdict:
    """What the policies say of every ground and restriction; anything they cannot evaluate opens nothing.

    `emergency`: whether the reader would read on that ground.
    """
    action = "export" if question.export else "read"
    grounds, limits = _grounds(question, facts), _limits(question, facts)
    asked = [(action, type_, attrs) for _, type_, _, attrs in grounds]
    asked += [("seeThrough", "Restriction", _restriction(question, alike[0])) for alike in limits]
    try:
        answers = _ask(question, facts, asked, emergency=emergency)
    except Exception:  # policies that cannot be evaluated permit nothing, and let nobody see through anything
        answers = [False] * len(asked)
    passed = {(kind, key) for (kind, _, key, _), yes in zip(grounds, answers, strict=False) if yes}
    held = [alike for alike, yes in zip(limits, answers[len(grounds) :], strict=True) if not yes]
    return Verdict(frozenset(passed), frozenset(r.id for alike in held for r in alike))


def agrees(decision: Decision, verdict: Verdict) -> bool:
    """Whether rules and policies let the same grounds through, and hold the reader to the same restrictions."""
    if not decision.allowed:
        return not verdict.passed
    return decision.passed == verdict.passed and decision.bound_by == verdict.bound_by


@functools.cache
def _text() -> str:
    found = sorted((f for f in _FOLDER.iterdir() if f.name.endswith(".cedar")), key=lambda f: f.name)
    return "\n".join(f.read_text(encoding="utf-8") for f in found)


@functools.cache
def _schema_text() -> str:
    return (_FOLDER / "schema.cedarschema").read_text(encoding="utf-8")


@functools.cache
def _policies() -> Any:
    check()
    return cedarpy.PolicySet.from_str(_text())


def _ask(
    question: Question, facts: Facts, asked: list[tuple[str, str, dict[str, Any]]], *, emergency: bool
) -> list[bool]:
    if not asked:
        return []
    who = {"type": _TYPES[question.role], "id": question.reader}
    entities = [{"uid": who, "attrs": {"establishments": sorted(question.establishments)}, "parents": []}]
    requests = []
    context = _context(question, facts, emergency=emergency)
    for number, (action, type_, attrs) in enumerate(asked):
        thing = {"type": type_, "id": str(number)}
        entities.append({"uid": thing, "attrs": attrs, "parents": []})
        requests.append(
            {"principal": who, "action": {"type": "Action", "id": action}, "resource": thing, "context": context}
        )
    answers = cedarpy.is_authorized_batch(requests, _policies(), entities)
    return [bool(a.allowed) and not a.diagnostics.errors for a in answers]


def _context(question: Question, facts: Facts, *, emergency: bool) -> dict[str, Any]:
    now = question.at_ms
    return {
        "reader": question.reader,
        "patient": question.patient,
        "purpose": question.purpose,
        "sector": question.sector,
        "at": now,
        "everything": not question.families,
        "families": sorted(question.families),
        "since": question.since_ms,
        "until": question.until_ms,
        "damaged": facts.damaged,
        "dead": facts.died_ms is not None and now >= facts.died_ms,
        "emergency": emergency,
        "teams": sorted(_teams(question, facts)),
        "barred": sorted(question.barred),
        "left": sorted(question.left),
        "dismissed": len(question.left) > 0 and len(question.establishments) == 0,
        "cares": len(question.establishments) > 0,
        "researches": question.researches,
        "refused": any(r.since_ms <= now < _end(r.until_ms) for r in facts.refusals),
    }


def _grounds(question: Question, facts: Facts) -> list[tuple[str, str, str, dict[str, Any]]]:
    """(ground, entity type, id, attributes) of all that name the reader, or a place of theirs, and have not ended."""
    now, who = question.at_ms, {"patient": facts.patient}
    names = {question.reader, *question.establishments, *_teams(question, facts)}
    found: list[tuple[str, str, str, dict[str, Any]]] = [(SELF, "Own", "", who)]
    for f in facts.follows:
        if f.professional in names and now < _end(f.until_ms):
            opposed = any(
                o.since_ms <= now < _end(o.until_ms) and o.professional in (f.professional, "")
                for o in facts.oppositions
                if o.follow_up in (f.follow_up, "")
            )
            attrs = who | {"professional": f.professional, "opposed": opposed} | _span(f)
            found.append((CARE_TEAM, "CareTeam", f.follow_up, attrs))
    for g in facts.grants:
        if g.holder.id in names and now < _end(g.until_ms):
            holder = {"holderKind": g.holder.kind, "holder": g.holder.id, "purpose": g.purpose}
            found.append((GRANT, "Grant", g.id, who | holder | _span(g) | _data(g.data)))
    for r in facts.representations:
        if r.representative not in names:
            continue
        stopped = any(s.since_ms <= now < _end(s.until_ms) for s in r.suspended)
        attrs = who | {"representative": r.representative, "suspended": stopped} | _span(r)
        adult = {} if r.adult_ms is None else {"adult": r.adult_ms}
        found.append((REPRESENTATIVE, "Representation", r.id, attrs | adult))
    for p in facts.participations:
        if p.holder.id in names and now < _end(p.until_ms):
            holder = {"holderKind": p.holder.kind, "holder": p.holder.id}
            found.append((RESEARCH, "Research", p.id, who | holder | _span(p) | _data(p.data)))
    for e in facts.emergencies:
        if e.reader in names and now < e.until_ms:
            found.append((EMERGENCY, "Emergency", e.id, who | {"reader": e.reader} | _span(e) | _data(e.data)))
    return found


def _teams(question: Question, facts: Facts) -> set[str]:
    """The follow-ups to which the reader belongs now."""
    now = question.at_ms
    mine = [f for f in facts.follows if f.professional == question.reader and f.since_ms <= now < _end(f.until_ms)]
    return {f.follow_up for f in mine if f.follow_up}


def _limits(question: Question, facts: Facts) -> list[list[Restriction]]:
    """The restrictions that have not ended; those of one holder that have begun are asked about once."""
    alike: dict[tuple[str, str, bool], list[Restriction]] = {}
    for r in facts.restrictions:
        if question.at_ms < _end(r.until_ms):
            alike.setdefault((r.who.kind, r.who.id, r.since_ms <= question.at_ms), []).append(r)
    return list(alike.values())


def _restriction(question: Question, r: Restriction) -> dict[str, Any]:
    return {"patient": question.patient, "whoKind": r.who.kind, "who": r.who.id} | _span(r)


def _span(ground: Any) -> dict[str, Any]:
    span = {"since": ground.since_ms}
    return span if ground.until_ms is None else span | {"until": ground.until_ms}


def _data(window: Window) -> dict[str, Any]:
    said: dict[str, Any] = {"families": window.families and sorted(window.families)}
    said |= {"dataSince": window.since_ms, "dataUntil": window.until_ms}
    return {name: value for name, value in said.items() if value is not None}


def _end(until_ms: int | None) -> int:
    return 2**62 if until_ms is None else until_ms
