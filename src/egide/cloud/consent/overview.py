"""Who may see a patient's record, line by line, as signed statements say now: for the patient's page and the desk's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from egide.cloud.consent.attested import facts_of
from egide.cloud.consent.facts import ACCOUNT, Facts, Holder, Span, Window, runs
from egide.cloud.consent.rules import CARE_TEAM, EMERGENCY, GRANT, PURPOSES, REPRESENTATIVE, RESEARCH, opposed
from egide.cloud.people.models import Account

__all__ = ["AccessLine", "lines_of", "who_may_see"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessLine:
    """Somebody who may see some of the record now, or will, on one ground.

    `state`: open | future | opposed | suspended | closed-by-death | damaged. Only "open" lets them read.
    """

    ground: str  # a word of rules.GROUNDS
    id: str  # of the follow-up, grant, representation, project or emergency; "" for a follow-up without papers
    holder: Holder
    purposes: tuple[str, ...]
    data: Window
    since_ms: int
    until_ms: int | None
    state: str = "open"
    detail: str = ""  # the part in the team, the nature of the representation, the project, the reason
    replaces: str = ""
    hidden: tuple[Window, ...] = ()  # what restrictions and secrets take away


def who_may_see(patient: Account, *, now_ms: int) -> list[AccessLine]:
    """Every line that has not ended, the care team first."""
    return lines_of(facts_of(patient.pk), now_ms=now_ms)


def lines_of(facts: Facts, *, now_ms: int) -> list[AccessLine]:
    """The same, from a patient's facts that were just read."""
    return [line for line in _lines(facts, now_ms) if line.until_ms is None or now_ms < line.until_ms]


def _lines(facts: Facts, now_ms: int) -> Iterator[AccessLine]:
    for f in facts.follows:
        holder = Holder(kind=ACCOUNT, id=f.professional)
        no = opposed(facts, f.follow_up, f.professional, at_ms=now_ms)
        yield _line(
            facts, CARE_TEAM, f.follow_up, holder, Window(), Span(since_ms=f.since_ms, until_ms=f.until_ms), now_ms,
            stopped="opposed" if no else "", detail=f.part, replaces=f.replaces,
        )  # fmt: skip
    for care in facts.care:  # refused from the start: nobody is in it, and the patient may take that back
        if not any(f.follow_up == care.id for f in facts.follows) and opposed(facts, care.id, "", at_ms=now_ms):
            span = Span(since_ms=care.since_ms, until_ms=care.until_ms)
            holder = Holder(kind=ACCOUNT, id=care.responsible)
            yield _line(facts, CARE_TEAM, care.id, holder, Window(), span, now_ms, stopped="opposed", detail="doctor")
    for g in facts.grants:
        span = Span(since_ms=g.since_ms, until_ms=g.until_ms)
        yield _line(facts, GRANT, g.id, g.holder, g.data, span, now_ms, purposes=(g.purpose,))
    for r in facts.representations:
        ends = [end for end in (r.until_ms, r.adult_ms) if end is not None]
        stopped = "suspended" if any(runs(s, now_ms) for s in r.suspended) else ""
        yield _line(
            facts, REPRESENTATIVE, r.id, Holder(kind=ACCOUNT, id=r.representative), Window(),
            Span(since_ms=r.since_ms, until_ms=min(ends, default=None)), now_ms, stopped=stopped, detail=r.nature,
        )  # fmt: skip
    for p in facts.participations:
        span = Span(since_ms=p.since_ms, until_ms=p.until_ms)
        yield _line(facts, RESEARCH, p.id, p.holder, p.data, span, now_ms, detail=p.project)
    for e in facts.emergencies:
        span = Span(since_ms=e.since_ms, until_ms=e.until_ms)
        holder = Holder(kind=ACCOUNT, id=e.reader)
        yield _line(facts, EMERGENCY, e.id, holder, e.data, span, now_ms, detail=e.reason)


def _line(
    facts: Facts, ground: str, key: str, holder: Holder, data: Window, span: Span, now_ms: int, *,
    purposes: tuple[str, ...] = (), stopped: str = "", detail: str = "", replaces: str = "",
) -> AccessLine:  # fmt: skip
    dead = facts.died_ms is not None and ground not in (CARE_TEAM, EMERGENCY)
    state = stopped or ("closed-by-death" if dead else "damaged" if facts.damaged else "")
    if not state:
        state = "future" if now_ms < span.since_ms else "open"
    return AccessLine(
        ground=ground, id=key, holder=holder, purposes=purposes or tuple(sorted(PURPOSES[ground])), data=data,
        since_ms=span.since_ms, until_ms=span.until_ms, state=state, detail=detail, replaces=replaces,
        hidden=_hidden(facts, ground, holder, now_ms),
    )  # fmt: skip


def _hidden(facts: Facts, ground: str, holder: Holder, now_ms: int) -> tuple[Window, ...]:
    """What restrictions that name this holder, or everybody, take away, as far as ids alone can tell."""
    if ground == EMERGENCY and not any(runs(r, now_ms) for r in facts.refusals):
        return ()
    hidden = [r.data for r in facts.restrictions if runs(r, now_ms) and (not r.who.id or r.who == holder)]
    if ground == REPRESENTATIVE:
        hidden += [Window(families=s.families) for s in facts.secrets if runs(s, now_ms)]
    return tuple(hidden)
