"""Which keys of a record a decision opens: a care team, those of the establishments that its people work in.

A record has a key pair per establishment. The patient and those who act for them, a grant, an emergency open all of
them. A follow-up opens the establishments of the people in its team, since that team is what the patient agreed to, and
of the reader. What was paired without naming an establishment is sealed to the platform's own key, open to each team.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from egide.cloud.consent.attested import facts_of_each
from egide.cloud.consent.facts import Facts, runs
from egide.cloud.consent.rules import CARE_TEAM, Decision
from egide.cloud.keys.records import ESTABLISHMENT
from egide.cloud.people.authority import CARE_OFFICES
from egide.cloud.people.models import Account
from egide.cloud.people.offices import offices_among
from egide.cloud.vault.owning import keys_of

__all__ = ["Opening", "keys_open", "keys_open_each"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A decision about a record, and the key pairs that the record has, each with its establishment."""

    patient: uuid.UUID
    reader: Account | None
    decision: Decision
    keys: Mapping[int, uuid.UUID]

    @property
    def partial(self) -> bool:
        """Whether a part of the record may stay shut."""
        by_team = self.decision.ground == CARE_TEAM and self.reader is not None
        return by_team and any(place != ESTABLISHMENT for place in self.keys.values())


def keys_open(
    patient: uuid.UUID, reader: Account | None, decision: Decision, keys: Mapping[int, uuid.UUID] | None = None
) -> list[int]:
    """The numbers of the key pairs that this decision opens. `keys`: the record's, where they have just been read."""
    keys = keys_of(patient) if keys is None else keys
    one = Opening(patient=patient, reader=reader, decision=decision, keys=keys)
    return keys_open_each([one], now_ms=decision.question.at_ms)[0]


def keys_open_each(openings: Sequence[Opening], *, now_ms: int) -> list[list[int]]:
    """The same of several decisions, read together."""
    partial = [one for one in openings if one.partial]
    if not partial:
        return [list(one.keys) for one in openings]
    facts = facts_of_each({one.patient for one in partial})
    teams = {id(one): _team(one, facts.get(one.patient), now_ms) for one in partial}
    people = {one.reader.pk: one.reader for one in partial if one.reader is not None}
    people |= Account.objects.in_bulk(set().union(*teams.values()) - people.keys())
    held = offices_among(people.values(), now_ms=now_ms)
    works = {who: {m.establishment_id for m in mine if m.office in CARE_OFFICES} for who, mine in held.items()}
    return [list(one.keys) if not one.partial else _open(one, teams[id(one)], works) for one in openings]


def _team(one: Opening, facts: Facts | None, now_ms: int) -> set[uuid.UUID]:
    """The people of the teams that opened this record."""
    papers = {name for name in one.decision.grounds if name}
    follows = facts.follows if facts else ()
    return {uuid.UUID(f.professional) for f in follows if f.follow_up in papers and runs(f, now_ms)}


def _open(one: Opening, team: set[uuid.UUID], works: Mapping[uuid.UUID, set[uuid.UUID]]) -> list[int]:
    """The keys of the places where these people hold an office of care now."""
    people = team if one.reader is None else team | {one.reader.pk}
    places = {ESTABLISHMENT}.union(*(works.get(who, ()) for who in people))
    return [key for key, place in one.keys.items() if place in places]
