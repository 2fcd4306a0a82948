"""A second way of deciding, written apart: no helper of the rules, no early way out, only lists and comparisons.

It goes through the plain sentences of docs/grounds.md one by one, and is slow on purpose.
"""

from __future__ import annotations

from egide.cloud.consent.facts import Facts, Holder, Window
from egide.cloud.consent.rules import Question

ORDER = ["self", "care-team", "grant", "representative", "research", "emergency"]
FORBIDDEN_WORDS = {
    "HMARKT", "HPAYMT", "CLMATTCH", "COVAUTH", "COVERAGE", "ELIGDTRM", "ELIGVER", "ENROLLM", "MEMADMIN", "MILDCRG",
    "REMITADV", "X-INSURER", "X-EMPLOYER", "X-BANK", "X-SALE", "X-GEOLOCATION",
}  # fmt: skip
FORBIDDEN_TRADES = {"insurer", "employer", "bank", "marketing", "broker", "geolocation"}


def naive(q: Question, facts: Facts) -> tuple[str, set[tuple[str, str]]]:
    """(ground used or "", every (ground, id) that would do)."""
    good = {(kind, key) for kind, key, conditions, _ in candidates(q, facts) if all(conditions)}
    used = [kind for kind in ORDER if kind in {k for k, _ in good}]
    return (used[0] if used else ""), good


def naive_sees(q: Question, facts: Facts, family: str, at_ms: int) -> bool:
    """Whether one value may be seen."""
    ground, _ = naive(q, facts)
    if not ground:
        return False
    windows = [w for kind, _, conditions, w in candidates(q, facts) if kind == ground and all(conditions)]
    if not [w for w in windows if inside(w, family, at_ms)]:
        return False
    for r in facts.restrictions:
        in_force = r.since_ms <= q.at_ms and (r.until_ms is None or r.until_ms > q.at_ms)
        was_there = r.who.kind == "establishment" and r.who.id in q.left and q.role == "professional"
        in_team = r.who.kind == "team" and q.role == "professional" and q.reader in members(r.who, q, facts)
        meant = r.who.kind == "everyone" or was_there or in_team or is_holder(r.who, q, facts)
        refused = [x for x in facts.refusals if between(q.at_ms, x.since_ms, x.until_ms)]
        pierced = ground == "self" or (ground == "emergency" and not refused)
        if in_force and meant and not pierced and inside(r.data, family, at_ms):
            return False
    acts_for = [
        r for r in facts.representations if r.representative == q.reader and between(q.at_ms, r.since_ms, r.until_ms)
    ]  # fmt: skip
    if acts_for and ground != "self" and ground != "emergency":
        for s in facts.secrets:
            if between(q.at_ms, s.since_ms, s.until_ms) and family in s.families:
                return False
    return True


def candidates(q: Question, facts: Facts) -> list[tuple[str, str, list[bool], Window]]:
    """Every ground of the record with the conditions that it must meet."""
    never = [
        q.purpose not in FORBIDDEN_WORDS, q.sector not in FORBIDDEN_TRADES, facts.patient == q.patient
    ]  # fmt: skip
    alive = facts.died_ms is None or q.at_ms < facts.died_ms
    readable = not facts.damaged
    rows: list[tuple[str, str, list[bool], Window]] = []
    rows.append(
        ("self", "", [*never, q.role == "patient", q.reader == q.patient, q.purpose == "PATRQT", alive], Window())
    )
    for f in facts.follows:
        against = [
            o for o in facts.oppositions
            if between(q.at_ms, o.since_ms, o.until_ms)
            and (o.follow_up == "" or o.follow_up == f.follow_up)
            and (o.professional == "" or o.professional == f.professional)
        ]  # fmt: skip
        conditions = [
            q.role == "professional", q.reader == f.professional, q.purpose == "TREAT", not against, readable,
            between(q.at_ms, f.since_ms, f.until_ms), cares(q),
        ]  # fmt: skip
        rows.append(("care-team", f.follow_up, never + conditions, Window()))
    for g in facts.grants:
        conditions = [
            is_holder(g.holder, q, facts), q.role in {"patient", "professional", "relative", "app"},
            q.purpose == g.purpose, not (g.holder.kind == "establishment" and g.holder.id in q.barred),
            q.purpose in {"TREAT", "CAREMGT", "FAMRQT", "SUPNWK", "PATRQT"}, between(q.at_ms, g.since_ms, g.until_ms),
            alive, readable, meets(q, g.data),
        ]  # fmt: skip
        rows.append(("grant", g.id, never + conditions, g.data))
    for r in facts.representations:
        stopped = [s for s in r.suspended if between(q.at_ms, s.since_ms, s.until_ms)]
        conditions = [
            q.reader == r.representative, q.role in {"patient", "professional", "relative"}, not stopped, alive,
            q.purpose in {"FAMRQT", "PWATRNY"}, between(q.at_ms, r.since_ms, r.until_ms), readable,
            r.adult_ms is None or q.at_ms < r.adult_ms,
        ]  # fmt: skip
        rows.append(("representative", r.id, never + conditions, Window()))
    for p in facts.participations:
        conditions = [
            is_holder(p.holder, q, facts), q.purpose == "HRESCH", alive, readable, cares(q),
            q.role in {"professional", "app"} or (q.role == "operator" and q.researches),
            not (p.holder.kind == "establishment" and p.holder.id in q.barred),
            between(q.at_ms, p.since_ms, p.until_ms), meets(q, p.data),
        ]  # fmt: skip
        rows.append(("research", p.id, never + conditions, p.data))
    for e in facts.emergencies:
        conditions = [
            q.role == "professional", q.reader == e.reader, q.purpose == "ETREAT", not q.export, readable,
            len(q.establishments) > 0,
            between(q.at_ms, e.since_ms, min(e.until_ms, e.since_ms + 4 * 60 * 60 * 1000)), meets(q, e.data),
        ]  # fmt: skip
        rows.append(("emergency", e.id, never + conditions, e.data))
    return rows


def between(now: int, since: int, until: int | None) -> bool:
    return not (now < since) and (until is None or now < until)


def is_holder(holder: Holder, q: Question, facts: Facts) -> bool:
    return {
        "account": holder.id == q.reader and q.role != "app",
        "establishment": holder.id in q.establishments and q.role == "professional",
        "team": q.reader in members(holder, q, facts) and q.role == "professional" and cares(q),
        "app": holder.id == q.reader and q.role == "app",
    }.get(holder.kind, False)


def members(team: Holder, q: Question, facts: Facts) -> list[str]:
    return [
        f.professional for f in facts.follows
        if f.follow_up == team.id and between(q.at_ms, f.since_ms, f.until_ms)
    ]  # fmt: skip


def cares(q: Question) -> bool:
    """Somewhere now, or the account never held an office of care."""
    return len(q.establishments) > 0 or len(q.left) == 0


def meets(q: Question, data: Window) -> bool:
    """Whether what is asked and what is opened have something in common."""
    asked = q.families if q.families else None
    if asked is not None and data.families is not None and not asked.intersection(data.families):
        return False
    if data.until_ms is not None and not q.since_ms < data.until_ms:
        return False
    return not (data.since_ms is not None and not q.until_ms > data.since_ms)


def inside(w: Window, family: str, at_ms: int) -> bool:
    if w.families is not None and family not in w.families:
        return False
    return not ((w.since_ms is not None and at_ms < w.since_ms) or (w.until_ms is not None and at_ms >= w.until_ms))
