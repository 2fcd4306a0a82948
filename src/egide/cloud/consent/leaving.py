"""Leave safely: end what people may see of oneself, now or from a day on, or only hide what comes from them.

It narrows, so it works at once in any session. What a law or a court gave (a parent, a guardian) is never ended here:
the care team and the desk look at that. Each act is the same signed statement as when it is done alone.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from egide.cloud.consent import follow_ups, grants, representation, restrictions
from egide.cloud.consent.acts import say
from egide.cloud.consent.attested import facts_of
from egide.cloud.consent.facts import Grant, Holder
from egide.cloud.consent.models import Ground
from egide.cloud.consent.overview import AccessLine, who_may_see
from egide.cloud.consent.rules import CARE_TEAM, EMERGENCY, GRANT, REPRESENTATIVE, RESEARCH
from egide.cloud.people.models import Account
from egide.errors import RefusedError

__all__ = ["HIDDEN", "HOW", "LATER", "NOW", "Act", "Reader", "part", "readers", "undo"]

NOW: Final = "now"
LATER: Final = "later"
HIDDEN: Final = "hidden"
HOW: Final = (NOW, LATER, HIDDEN)
_MANDATE: Final = "mandate"
_FURTHEST_MS: Final = 366 * 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Somebody who may see something, once, with every line that lets them."""

    holder: Holder
    lines: tuple[AccessLine, ...]

    @property
    def key(self) -> str:
        return f"{self.holder.kind}:{self.holder.id}"

    @property
    def team(self) -> bool:
        return any(line.ground == CARE_TEAM for line in self.lines)

    @property
    def by_law(self) -> bool:
        """A parent, a guardian or another measure: nothing that the patient gave, so nothing that they end alone."""
        return any(line.ground == REPRESENTATIVE and line.detail != _MANDATE for line in self.lines)

    @property
    def preselected(self) -> bool:
        return not self.team and not self.by_law


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One thing that was done, with what `undo` needs."""

    how: str
    ground: str
    id: str  # of the grant, mandate, project, professional or restriction
    at_ms: int  # from when on it holds
    until_ms: int | None = None  # a grant's end, before

    def said(self) -> dict[str, Any]:
        return {"how": self.how, "ground": self.ground, "id": self.id, "at": self.at_ms, "until": self.until_ms}

    @classmethod
    def read(cls, said: Mapping[str, Any]) -> Act:
        return cls(how=said["how"], ground=said["ground"], id=said["id"], at_ms=said["at"], until_ms=said["until"])


def readers(patient: Account, *, now_ms: int) -> list[Reader]:
    """Everybody who may see something now or later, each once: whom one chose first, then the team, then by law."""
    lines: dict[Holder, list[AccessLine]] = {}
    for line in who_may_see(patient, now_ms=now_ms):
        if line.ground != EMERGENCY and line.state in ("open", "future", "suspended"):
            lines.setdefault(line.holder, []).append(line)
    found = [Reader(holder=holder, lines=tuple(held)) for holder, held in lines.items()]
    return sorted(found, key=lambda reader: (reader.by_law, reader.team))


def part(
    patient: Account, chosen: Iterable[Reader], how: str, *, now_ms: int, at_ms: int | None = None
) -> dict[str, tuple[Act, ...]]:
    """Close the record to each reader, in one of the three ways; return what was done, by the reader's key.

    `at_ms` is the day from which it is closed, for LATER.

    Raises:
        RefusedError: another way, a day that is past or over a year away, or a reader by law.
    """
    at = now_ms if how != LATER else at_ms
    if how not in HOW or at is None or not now_ms <= at <= now_ms + _FURTHEST_MS or (how == LATER and at == now_ms):
        raise RefusedError("leave now, from a day within a year, or hide")
    parted = list(chosen)
    if any(reader.by_law for reader in parted):
        raise RefusedError("what a law or a court gave is not ended here")
    return {
        reader.key: (_hide(patient, reader.holder, now_ms),)
        if how == HIDDEN
        else tuple(_close(patient, line, how, at, now_ms) for line in reader.lines)
        for reader in parted
    }


def undo(patient: Account, act: Act, *, now_ms: int) -> None:
    """Take one act back. It widens: ask for a factor first.

    Raises:
        RefusedError: a mandate or a project, which only the desk or the project can begin again; or nothing to undo.
    """
    if act.how == HIDDEN:
        restrictions.lift_restriction(patient, act.id, now_ms=now_ms)
    elif act.ground == CARE_TEAM:
        said = {"follow_up": "", "professional": act.id, "until": now_ms}
        say("opposition-end", patient, said, now_ms=now_ms)
    elif act.ground == GRANT:
        _give_again(patient, act, now_ms)
    else:
        raise RefusedError("only the desk can begin this again")


def _hide(patient: Account, holder: Holder, now_ms: int) -> Act:
    """What comes is, to them, never measured; what they could see before stays as it was."""
    who = grants.reader_of(patient, holder)
    key = restrictions.restrict(patient, families=None, who=who, now_ms=now_ms, data_since_ms=now_ms)
    return Act(how=HIDDEN, ground="restriction", id=key, at_ms=now_ms)


def _close(patient: Account, line: AccessLine, how: str, at_ms: int, now_ms: int) -> Act:
    if line.ground == CARE_TEAM:
        return _oppose(patient, line, how, at_ms, now_ms)
    if how == NOW:
        if line.ground == GRANT:
            grants.withdraw_grant(patient, line.id, now_ms=now_ms)
        elif line.ground == RESEARCH:
            grants.leave_research(patient, line.id, now_ms=now_ms)
        else:
            representation.end_representation(patient, line.id, now_ms=now_ms)
    else:
        kind = {GRANT: "grant-end", RESEARCH: "research-end", REPRESENTATIVE: "representation-end"}[line.ground]
        until = at_ms if line.until_ms is None else min(at_ms, line.until_ms)
        said = {"id": line.id, "until": until, "by": str(patient.pk), "signature": None}
        say(kind, patient, said, now_ms=now_ms, also=lambda: _end_row(line.id, until))
    return Act(how=how, ground=line.ground, id=line.id, at_ms=at_ms, until_ms=line.until_ms)


def _oppose(patient: Account, line: AccessLine, how: str, at_ms: int, now_ms: int) -> Act:
    professional = Account.objects.get(pk=uuid.UUID(line.holder.id))
    if how == NOW:
        follow_ups.oppose(patient, professional=professional, now_ms=now_ms)
    else:
        said = {"follow_up": "", "professional": str(professional.pk), "since": at_ms}
        say("opposition", patient, said, now_ms=now_ms)
    return Act(how=how, ground=CARE_TEAM, id=str(professional.pk), at_ms=at_ms)


def _end_row(ground: str, at_ms: int) -> None:
    Ground.objects.filter(pk=ground).update(until_ms=at_ms)


def _give_again(patient: Account, act: Act, now_ms: int) -> None:
    """The same grant under a new name: what was signed as ended stays ended."""
    before: Grant | None = next((g for g in facts_of(patient.pk).grants if g.id == act.id), None)
    if before is None or (act.until_ms is not None and act.until_ms <= now_ms):
        raise RefusedError("there is nothing left to give again")
    grants.give_grant(
        patient, grants.reader_of(patient, before.holder), families=before.data.families, purpose=before.purpose,
        now_ms=now_ms, until_ms=act.until_ms, data_since_ms=before.data.since_ms,
        data_until_ms=before.data.until_ms,
    )  # fmt: skip
