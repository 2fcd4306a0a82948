"""Which keys of a record a decision opens: a care team, those of the establishments that its people work in.

A record has a key pair per establishment. The patient and those who act for them, a grant, an emergency open all of
them. A follow-up opens the establishments of the people in its team, since that team is what the patient agreed to, and
of the reader. What was paired without naming an establishment is sealed to the platform's own key, open to each team.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from egide.cloud.consent.attested import facts_of
from egide.cloud.consent.facts import runs
from egide.cloud.consent.rules import CARE_TEAM, Decision
from egide.cloud.keys.records import ESTABLISHMENT
from egide.cloud.people.authority import CARE_OFFICES
from egide.cloud.people.models import Account
from egide.cloud.people.offices import offices_of
from egide.cloud.vault.owning import keys_of

__all__ = ["keys_open"]


def keys_open(
    patient: uuid.UUID, reader: Account | None, decision: Decision, keys: Mapping[int, uuid.UUID] | None = None
) -> list[int]:
    """The numbers of the key pairs that this decision opens. `keys`: the record's, where they have just been read."""
    keys = keys_of(patient) if keys is None else keys
    if decision.ground != CARE_TEAM or reader is None or all(place == ESTABLISHMENT for place in keys.values()):
        return list(keys)
    places = _places(patient, reader, decision)
    return [key for key, place in keys.items() if place in places]


def _places(patient: uuid.UUID, reader: Account, decision: Decision) -> set[uuid.UUID]:
    """Where the people of the teams that opened this record hold an office of care now."""
    now_ms = decision.question.at_ms
    papers = {name for name in decision.grounds if name}
    follows = (f for f in facts_of(patient).follows if f.follow_up in papers and runs(f, now_ms))
    team = {follow.professional for follow in follows}
    people = [reader, *Account.objects.filter(pk__in=team - {str(reader.pk)})]
    held = (m for person in people for m in offices_of(person, now_ms=now_ms) if m.office in CARE_OFFICES)
    return {ESTABLISHMENT, *(m.establishment_id for m in held)}
