"""From what was signed, one statement after another, to what is so. Pure: it opens and verifies nothing itself.

The forms of the statements are those that the services of this folder write; `KINDS` lists them all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from egide.cloud.consent.acts import window_of
from egide.cloud.consent.facts import (
    Care,
    Emergency,
    Facts,
    Follow,
    Grant,
    Holder,
    Hours,
    Opposition,
    Participation,
    Representation,
    Restriction,
    Secret,
    Shift,
    Span,
)

__all__ = ["KINDS", "NARROWING", "Said", "replay"]


@dataclass(frozen=True, slots=True)
class Said:
    """One verified statement; `personal` None: it could not be read, and says nothing but that."""

    kind: str
    personal: Mapping[str, Any] | None


@dataclass(slots=True)
class _State:
    patient: str
    care: dict[str, Care] = field(default_factory=dict)
    follows: list[Follow] = field(default_factory=list)
    oppositions: list[Opposition] = field(default_factory=list)
    grants: dict[str, Grant] = field(default_factory=dict)
    representations: dict[str, Representation] = field(default_factory=dict)
    secrets: list[Secret] = field(default_factory=list)
    participations: dict[str, Participation] = field(default_factory=dict)
    emergencies: dict[str, Emergency] = field(default_factory=dict)
    refusals: list[Span] = field(default_factory=list)
    restrictions: dict[str, Restriction] = field(default_factory=dict)
    died_ms: int | None = None
    damaged: bool = False


def replay(patient: str, statements: Iterable[Said]) -> Facts:
    """What these statements, in the order of the register, say together."""
    state = _State(patient)
    for said in statements:
        if said.personal is None:
            state.damaged = state.damaged or said.kind in NARROWING
            continue
        try:
            _HANDLERS[said.kind](state, said.personal)
        except (KeyError, TypeError, ValueError):
            state.damaged = state.damaged or said.kind in NARROWING
    return Facts(
        patient=patient,
        care=tuple(state.care.values()),
        follows=tuple(state.follows),
        oppositions=tuple(state.oppositions),
        grants=tuple(state.grants.values()),
        representations=tuple(state.representations.values()),
        secrets=tuple(state.secrets),
        participations=tuple(state.participations.values()),
        emergencies=tuple(state.emergencies.values()),
        refusals=tuple(state.refusals),
        restrictions=tuple(state.restrictions.values()),
        died_ms=state.died_ms,
        damaged=state.damaged,
    )


def _earlier(one: int | None, other: int) -> int:
    return other if one is None else min(one, other)


def _follow_up(state: _State, said: Mapping[str, Any]) -> None:
    state.follows.append(
        Follow(
            patient=state.patient, professional=said["professional"], since_ms=said["since"],
            until_ms=said.get("until"), follow_up=said.get("follow_up", ""), part=said.get("part", ""),
            replaces=said.get("replaces", ""),
        )
    )  # fmt: skip


def _follow_up_end(state: _State, said: Mapping[str, Any]) -> None:
    _close_follows(state, said["until"], said.get("follow_up"), said["professional"])


def _close_follows(state: _State, until_ms: int, follow_up: str | None, professional: str | None) -> None:
    """End those that run; `follow_up` or `professional` None: whichever."""
    state.follows = [
        replace(f, until_ms=_earlier(f.until_ms, until_ms))
        if follow_up in (None, f.follow_up) and professional in (None, f.professional)
        else f
        for f in state.follows
    ]


def _care_begin(state: _State, said: Mapping[str, Any]) -> None:
    state.care[said["follow_up"]] = Care(
        id=said["follow_up"], patient=state.patient, responsible=said["responsible"], operator=said["operator"],
        prescription=said["prescription"], informed_ms=said["informed"], agreed=said["agreed"], how=said["how"],
        recorded_by=said["by"], since_ms=said["since"],
    )  # fmt: skip


def _care_agreement(state: _State, said: Mapping[str, Any]) -> None:
    care = state.care[said["follow_up"]]
    state.care[care.id] = replace(
        care, informed_ms=said["informed"], agreed=said["agreed"], how=said["how"], recorded_by=said["by"]
    )


def _care_responsible(state: _State, said: Mapping[str, Any]) -> None:
    state.care[said["follow_up"]] = replace(state.care[said["follow_up"]], responsible=said["responsible"])


def _care_pause(state: _State, said: Mapping[str, Any]) -> None:
    care = state.care[said["follow_up"]]
    pause = Span(since_ms=said["since"], until_ms=said["until"])
    state.care[care.id] = replace(care, pauses=(*care.pauses, pause))


def _care_resume(state: _State, said: Mapping[str, Any]) -> None:
    care = state.care[said["follow_up"]]
    pauses = tuple(replace(p, until_ms=_earlier(p.until_ms, said["until"])) for p in care.pauses)
    state.care[care.id] = replace(care, pauses=pauses)


def _care_end(state: _State, said: Mapping[str, Any]) -> None:
    _close_follows(state, said["until"], said["follow_up"], None)
    care = state.care[said["follow_up"]]
    state.care[care.id] = replace(care, until_ms=_earlier(care.until_ms, said["until"]), reason=said["reason"])


def _care_hours(state: _State, said: Mapping[str, Any]) -> None:
    care = state.care[said["follow_up"]]
    shifts = tuple(Shift(days=tuple(w["days"]), since=w["since"], until=w["until"]) for w in said["shifts"])
    hours = Hours(shifts=shifts, zone=said["zone"], note=said["note"], by=said["by"], since_ms=said["since"])
    state.care[care.id] = replace(care, hours=hours)


def _opposition(state: _State, said: Mapping[str, Any]) -> None:
    no = Opposition(
        since_ms=said["since"], follow_up=said["follow_up"], professional=said["professional"],
        by=said.get("by", ""), way=said.get("way", ""),
    )  # fmt: skip
    state.oppositions.append(no)


def _opposition_end(state: _State, said: Mapping[str, Any]) -> None:
    key = (said["follow_up"], said["professional"])
    state.oppositions = [
        replace(o, until_ms=_earlier(o.until_ms, said["until"])) if (o.follow_up, o.professional) == key else o
        for o in state.oppositions
    ]


def _grant(state: _State, said: Mapping[str, Any]) -> None:
    state.grants[said["id"]] = Grant(
        id=said["id"], patient=state.patient, holder=_holder(said), purpose=said["purpose"], data=window_of(said),
        since_ms=said["since"], until_ms=said["until"], term_ms=said["until"], by=said.get("by", ""),
        way=said.get("way", ""),
    )  # fmt: skip


def _representation(state: _State, said: Mapping[str, Any]) -> None:
    state.representations[said["id"]] = Representation(
        id=said["id"], patient=state.patient, representative=said["representative"], nature=said["nature"],
        deed=said["deed"], since_ms=said["since"], until_ms=said["until"], adult_ms=said["adult"],
    )  # fmt: skip


def _representation_stop(state: _State, said: Mapping[str, Any]) -> None:
    held = state.representations[said["id"]]
    stop = Span(since_ms=said["since"])
    state.representations[held.id] = replace(held, suspended=(*held.suspended, stop))


def _representation_resume(state: _State, said: Mapping[str, Any]) -> None:
    held = state.representations[said["id"]]
    stops = tuple(replace(s, until_ms=_earlier(s.until_ms, said["until"])) for s in held.suspended)
    state.representations[held.id] = replace(held, suspended=stops)


def _secret(state: _State, said: Mapping[str, Any]) -> None:
    kept = frozenset(said["families"])
    state.secrets.append(Secret(families=kept, since_ms=said["since"], by=said.get("by", ""), way=said.get("way", "")))


def _secret_end(state: _State, said: Mapping[str, Any]) -> None:
    told = frozenset(said["families"])
    kept: list[Secret] = []
    for secret in state.secrets:
        if secret.until_ms is not None or not secret.families & told:
            kept.append(secret)
            continue
        kept.append(replace(secret, families=secret.families & told, until_ms=said["until"]))
        if secret.families - told:
            kept.append(replace(secret, families=secret.families - told))
    state.secrets = kept


def _research(state: _State, said: Mapping[str, Any]) -> None:
    state.participations[said["id"]] = Participation(
        id=said["id"], patient=state.patient, project=said["project"], holder=_holder(said), data=window_of(said),
        since_ms=said["since"], until_ms=said["until"], term_ms=said["until"], declared=said.get("declared", ""),
        by=said.get("by", ""), way=said.get("way", ""),
    )  # fmt: skip


def _emergency(state: _State, said: Mapping[str, Any]) -> None:
    state.emergencies[said["id"]] = Emergency(
        id=said["id"], patient=state.patient, reader=said["reader"], reason=said["reason"], data=window_of(said),
        since_ms=said["since"], until_ms=said["until"],
    )  # fmt: skip


def _emergency_end(state: _State, said: Mapping[str, Any]) -> None:
    opened = state.emergencies[said["id"]]
    state.emergencies[opened.id] = replace(opened, until_ms=min(opened.until_ms, said["until"]))


def _refusal(state: _State, said: Mapping[str, Any]) -> None:
    state.refusals.append(Span(since_ms=said["since"]))


def _refusal_end(state: _State, said: Mapping[str, Any]) -> None:
    state.refusals = [replace(r, until_ms=_earlier(r.until_ms, said["until"])) for r in state.refusals]


def _restriction(state: _State, said: Mapping[str, Any]) -> None:
    state.restrictions[said["id"]] = Restriction(
        id=said["id"], patient=state.patient, who=_holder(said), data=window_of(said), since_ms=said["since"],
        until_ms=said["until"], by=said.get("by", ""), way=said.get("way", ""),
    )  # fmt: skip


def _death(state: _State, said: Mapping[str, Any]) -> None:
    state.died_ms = _earlier(state.died_ms, said["since"])


def _ending(name: str) -> Callable[[_State, Mapping[str, Any]], None]:
    """What ends a ground named by its id."""

    def end(state: _State, said: Mapping[str, Any]) -> None:
        held: dict[str, Any] = getattr(state, name)
        ground = held[said["id"]]
        held[ground.id] = replace(ground, until_ms=_earlier(ground.until_ms, said["until"]))

    return end


def _holder(said: Mapping[str, Any]) -> Holder:
    return Holder(kind=said["holder_kind"], id=said["holder"])


_HANDLERS: Final[dict[str, Callable[[_State, Mapping[str, Any]], None]]] = {
    "follow-up": _follow_up,
    "follow-up-end": _follow_up_end,
    "care-begin": _care_begin,
    "care-agreement": _care_agreement,
    "care-responsible": _care_responsible,
    "care-pause": _care_pause,
    "care-resume": _care_resume,
    "care-hours": _care_hours,
    "care-end": _care_end,
    "opposition": _opposition,
    "opposition-end": _opposition_end,
    "grant": _grant,
    "grant-end": _ending("grants"),
    "representation": _representation,
    "representation-end": _ending("representations"),
    "representation-stop": _representation_stop,
    "representation-resume": _representation_resume,
    "secret": _secret,
    "secret-end": _secret_end,
    "research": _research,
    "research-end": _ending("participations"),
    "emergency": _emergency,
    "emergency-end": _emergency_end,
    "emergency-refusal": _refusal,
    "emergency-consent": _refusal_end,
    "restriction": _restriction,
    "restriction-end": _ending("restrictions"),
    "death": _death,
}

#: Every kind of statement that says who may see what.
KINDS: Final = tuple(_HANDLERS)
#: Those that close something: when one cannot be read, nobody may assume that nothing was closed.
NARROWING: Final = frozenset({
    "follow-up-end", "care-end", "opposition", "grant-end", "representation-end", "representation-stop", "secret",
    "research-end", "emergency-end", "emergency-refusal", "restriction", "death",
})  # fmt: skip
