"""For which part of a record an object measures, in words: an establishment's care record, one's own, a study's.

Each part has a key of its own. The choice counts from now on; it changes how long a measurement is kept and who may
have it erased. Who may see it is what grounds say, and, for a care team, whose keys its people open (release/scope.py).
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from django.utils.translation import gettext as _

from egide.cloud.consent.facts import runs
from egide.cloud.consent.grants import research_of
from egide.cloud.fleet.models import HealthObject, Pairing
from egide.cloud.fleet.service import pair
from egide.cloud.governance.studies import pair_for_study
from egide.cloud.keys.models import RecordKey
from egide.cloud.keys.records import ESTABLISHMENT, care_key
from egide.cloud.people.models import Account
from egide.cloud.people.registrations import registered_at
from egide.cloud.portal.objects import Mine
from egide.cloud.portal.research import place_name
from egide.cloud.register.journal import open_statement
from egide.cloud.register.models import Statement
from egide.errors import EgideError, RefusedError

__all__ = ["Part", "choose", "effect_words", "part_of", "part_words", "parts_for"]

CARE, PERSONAL, RESEARCH = RecordKey.Class.CARE, RecordKey.Class.PERSONAL, RecordKey.Class.RESEARCH


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A retention class, whose key it is, and the participation where the class is research."""

    klass: str
    establishment: uuid.UUID
    study: str = ""
    project: str = ""

    @property
    def value(self) -> str:
        """What a form answers."""
        return f"{self.klass}-{self.study or self.establishment}"


def part_of(pairing: Pairing) -> Part:
    """The part that a pairing measures for."""
    study = _study(pairing) if pairing.klass == RESEARCH else ""
    project = ""
    if study:
        found = (part.project for part in research_of(pairing.patient) if part.id == study)
        project = next(found, "")
    return Part(klass=str(pairing.klass), establishment=pairing.establishment, study=study, project=project)


def parts_for(patient: Account, mine: Mine, *, now_ms: int) -> list[Part]:
    """What the patient may choose for an object that measures, or will measure, them; the first is what holds now.

    Of one that they added: a care record of an establishment that knows them, their own, a study they take part in. Of
    one that a service gave them: that service's care record, or such a study.
    """
    if mine.state not in ("measuring", "waiting"):
        return []
    now = part_of(mine.pairing)
    found = [now]
    if mine.added:
        places = sorted({ESTABLISHMENT, *registered_at(patient)}, key=str)
        found += [Part(klass=str(CARE), establishment=place) for place in places]
        found.append(Part(klass=str(PERSONAL), establishment=now.establishment))
    else:
        found.append(Part(klass=str(CARE), establishment=now.establishment))
    found += [
        Part(klass=str(RESEARCH), establishment=now.establishment, study=part.id, project=part.project)
        for part in research_of(patient) if runs(part, now_ms)
    ]  # fmt: skip
    return list({part.value: part for part in found}.values())


def choose(patient: Account, mine: Mine, answer: str, *, now_ms: int) -> None:
    """From now on the object measures for the part that `answer` names. Raises RefusedError: not among `parts_for`."""
    offered = parts_for(patient, mine, now_ms=now_ms)
    chosen = next((part for part in offered if part.value == answer), None)
    if chosen is None:
        raise RefusedError("this object does not measure for that")
    if chosen == offered[0]:
        return
    owner = HealthObject.objects.get(pk=mine.id)
    if chosen.study:
        pair_for_study(owner, patient, chosen.study, now_ms=now_ms, establishment=chosen.establishment)
    else:
        pair(owner, patient, now_ms, klass=chosen.klass, establishment=chosen.establishment)


def part_words(part: Part) -> str:
    """What it measures is ..."""
    if part.klass == PERSONAL:
        return _("my own measurements, to keep or erase")
    if part.klass == RESEARCH:
        return _("lent to research: %(project)s") % {"project": part.project or _("a research project")}
    return _("in my care record at %(place)s") % {"place": place_name(str(part.establishment))}


def effect_words(part: Part) -> str:
    """What the choice changes."""
    if part.klass == PERSONAL:
        return _("You can have it erased for good, when you like.")
    if part.klass == RESEARCH:
        return _("It is kept apart from your care record, ends when you leave the project, and you can have it erased.")
    return _("It is kept as long as the law asks of a care record (20 years, as a rule), and is not erased before.")


def _study(pairing: Pairing) -> str:
    """The participation under which a research pairing was signed; "" where it cannot be read."""
    for row in Statement.objects.filter(subject=pairing.patient_id, kind="pairing").order_by("-entry").iterator():
        try:
            said = open_statement(row, care_key(pairing.patient_id)).personal or {}
        except EgideError:
            continue
        if said.get("pairing") == str(pairing.uuid):
            return str(said.get("study", ""))
    return ""
