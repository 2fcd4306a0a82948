"""Whether a reader may see what they ask for: the facts, where they work, the rules, and the policies beside them.

One question costs two queries, and so do many of them: the facts of every patient, and the offices of every reader.
Both are as committed when they are read (consent.attested, people.seats); nothing decided here is kept.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final

from egide.cloud.consent.attested import facts_of_each
from egide.cloud.consent.facts import Facts
from egide.cloud.consent.families import families_of
from egide.cloud.consent.instants import next_instant
from egide.cloud.consent.policy import agrees, judge
from egide.cloud.consent.rules import EMERGENCY, FORBIDDEN_SECTORS, PURPOSES, RESEARCH, Decision, Question, decide
from egide.cloud.intake.models import Event
from egide.cloud.people.authority import APART
from egide.cloud.people.models import Account
from egide.cloud.people.offices import in_force
from egide.cloud.people.seats import Seats, seats_of
from egide.cloud.release.sight import sees_whole

__all__ = ["EXPORTS", "Ask", "Settled", "Works", "decide_ask", "decide_each", "works_of"]

#: Channels by which an answer leaves as a file, or for other software.
EXPORTS: Final = frozenset({"export", "fhir", "proof"})
_CARING: Final = frozenset({"nurse", "doctor", "professional", "researcher"})
_RESEARCHER: Final = "researcher"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One reader wants one patient's measurements, for one purpose. No codes means every metric.

    `purpose` is an HL7 v3 PurposeOfUse code; the period is [since_ms, until_ms), in ms since 1970.
    """

    reader: Account | None
    patient: Account
    since_ms: int
    until_ms: int
    purpose: str
    channel: str
    codes: tuple[str, ...] = ()
    entry: int | None = None  # only this envelope
    signed: bool = False  # the signed bytes too, as a proof holds them: they are the patient's alone
    export: bool = False  # the answer leaves for a file or for other software: an emergency never does
    app: str = ""  # the id of a program that asks for itself, or for the patient who granted it
    sector: str = ""  # what whoever asks works for, where that is known
    responsible: str = ""  # the account id of who answers for a program that asks for itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Works:
    """Where somebody works now, as signed: where they care or research, and what they work for."""

    cares: frozenset[str] = frozenset()
    barred: frozenset[str] = frozenset()
    left: frozenset[str] = frozenset()  # where they cared once; empty for an account that never held an office
    sector: str = ""
    researches: bool = False  # for no insurer, employer or bank, and beside no office that sees no health data
    until_ms: int | None = None  # when an office begins or ends by its own date

    @property
    def dismissed(self) -> bool:
        """As the rules say it: they cared somewhere, and care nowhere now."""
        return bool(self.left) and not self.cares


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What was decided, and until when the answer is the same while nobody signs anything (None: for ever)."""

    decision: Decision
    until_ms: int | None


def decide_ask(ask: Ask, now_ms: int, works: Works | None = None) -> Decision:
    """The rules and the policies both say yes, to the same grounds and restrictions, or it is no.

    `works`: where the reader works now, where the caller has just asked.

    A record whose key was erased is nobody's to see: no ground is left.
    """
    known = {ask.reader.pk: works} if ask.reader is not None and works is not None else {}
    (settled,) = _settle([ask], now_ms, known)
    return settled.decision if settled is not None else Decision(question=_question(ask, now_ms), reason="no-ground")


def decide_each(asks: Sequence[Ask], now_ms: int) -> list[Settled | None]:
    """The same for asks of any readers about any patients, read together; None for a record whose key was erased."""
    return _settle(asks, now_ms, {})


def _settle(asks: Sequence[Ask], now_ms: int, known: dict[uuid.UUID, Works]) -> list[Settled | None]:
    open_asks = [ask for ask in asks if ask.reader is None or ask.reader.is_active]
    facts = facts_of_each({ask.patient.pk for ask in open_asks})
    working = {ask.reader.pk: ask.reader for ask in open_asks if ask.reader is not None and _works_count(ask)}
    works = known | works_of_each([one for key, one in working.items() if key not in known], now_ms)
    found: list[Settled | None] = []
    for ask in asks:
        if ask.reader is not None and not ask.reader.is_active:
            refused = Decision(question=_question(ask, now_ms), reason="closed-account")
            found.append(Settled(decision=refused, until_ms=None))
        elif ask.patient.pk in facts:
            mine = works.get(ask.reader.pk) if ask.reader is not None and _works_count(ask) else None
            found.append(_settled(ask, facts[ask.patient.pk], mine, now_ms))
        else:
            found.append(None)
    return found


def _works_count(ask: Ask) -> bool:
    """Whether where the reader works says something about the answer."""
    if ask.reader is None:
        return False
    research = ask.reader.role == Account.Role.OPERATOR and ask.purpose in PURPOSES[RESEARCH]
    return research or ask.reader.role == Account.Role.PROFESSIONAL


def _settled(ask: Ask, facts: Facts, works: Works | None, now_ms: int) -> Settled:
    ends = [next_instant(facts, now_ms), works.until_ms if works else None]
    until_ms = min((end for end in ends if end is not None), default=None)
    return Settled(decision=_decided(ask, facts, works, now_ms), until_ms=until_ms)


def _decided(ask: Ask, facts: Facts, works: Works | None, now_ms: int) -> Decision:
    question = _question(ask, now_ms)
    if works is not None and ask.reader is not None and ask.reader.role == Account.Role.PROFESSIONAL:
        question = replace(
            question, establishments=works.cares, barred=works.barred, left=works.left,
            sector=question.sector or works.sector,
        )  # fmt: skip
    elif works is not None:
        question = replace(question, researches=works.researches, sector=question.sector or works.sector)
    decision = decide(question, facts)
    if agrees(decision, judge(question, facts, emergency=decision.ground == EMERGENCY)):
        refused = ask.signed and decision.allowed and not sees_whole(decision)
        return Decision(question=question, reason="signed-bytes") if refused else decision
    detail = f"{question.role} {question.purpose}"[:200]
    Event.objects.create(at_ms=now_ms, kind="policy-disagreement", detail=detail)
    return Decision(question=question, reason="policies-disagree")


def _question(ask: Ask, now_ms: int) -> Question:
    by_app = ask.app and (ask.reader is None or ask.reader.pk == ask.patient.pk)
    return Question(
        reader=ask.app if by_app else str(ask.reader.pk) if ask.reader else "",
        role="app" if by_app else ask.reader.role if ask.reader else "",
        patient=str(ask.patient.pk),
        purpose=ask.purpose,
        at_ms=now_ms,
        families=families_of(ask.codes),
        since_ms=ask.since_ms,
        until_ms=ask.until_ms,
        export=ask.export or ask.channel in EXPORTS,
        sector=ask.sector,
    )


def works_of(reader: Account, now_ms: int) -> Works:
    """Whoever works for insurers, employers or banks alone asks for them, whatever was given to the person."""
    return works_of_each([reader], now_ms)[reader.pk]


def works_of_each(readers: Collection[Account], now_ms: int) -> dict[uuid.UUID, Works]:
    """The same of several readers, in one query; a closed account works nowhere."""
    seats = seats_of([reader.pk for reader in readers])
    return {reader.pk: _works(reader, seats, now_ms) for reader in readers}


def _works(reader: Account, seats: Seats, now_ms: int) -> Works:
    held = in_force(seats, reader.pk, now_ms=now_ms) if reader.is_active else ()
    cares = frozenset(str(m.establishment_id) for m in held if m.office in _CARING)
    said = seats.said[reader.pk].values()
    left = frozenset(a.establishment for a in said if a.office in _CARING) - cares
    changes = [at_ms for a in said for at_ms in (a.since_ms, a.until_ms) if at_ms is not None and at_ms > now_ms]
    until_ms = min(changes, default=None)
    if not held:
        return Works(left=left, until_ms=until_ms)
    trades, places = seats.trades, {str(m.establishment_id) for m in held}
    barred = frozenset(place for place in places if trades.get(place) in FORBIDDEN_SECTORS)
    apart = any(m.office in APART for m in held)
    return Works(
        researches=not apart and any(m.office == _RESEARCHER and str(m.establishment_id) not in barred for m in held),
        cares=cares,
        barred=barred,
        left=left,
        sector=trades[min(barred)] if barred == places else "",
        until_ms=until_ms,
    )
