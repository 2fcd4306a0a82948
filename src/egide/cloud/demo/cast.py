"""A ward of invented people, each with an everyday reason to see or not to see: made once, with the product's own acts.

Nothing is written beside the services that everybody uses: what the demo shows is what they do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.conf import settings

from egide.cloud.consent.facts import Shift
from egide.cloud.consent.follow_ups import begin_follow_up, join_team
from egide.cloud.consent.grants import give_grant
from egide.cloud.consent.hours import state_hours
from egide.cloud.consent.projects import Terms, approve_project, join_project, propose_project
from egide.cloud.consent.representation import represent
from egide.cloud.consent.restrictions import restrict
from egide.cloud.people.ceremony import found
from egide.cloud.people.establishments import create_establishment, home, rename
from egide.cloud.people.identity import declare_identity
from egide.cloud.people.models import Account, Establishment
from egide.cloud.people.offices import appoint
from egide.cloud.people.registrations import register_patient
from egide.cloud.people.service import create_account
from egide.cloud.people.traits import Traits

__all__ = ["ALICE", "DOCTOR", "PATIENTS", "Cast", "stage"]

_DAY_MS: Final = 86_400_000
_WATCHED: Final = Shift(days=(1, 2, 3, 4, 5), since=8 * 60 + 30, until=18 * 60)
PLACE: Final = "Hôpital des Trois-Rivières"
#: Each patient, and what they measure with.
PATIENTS: Final = {
    "Alice Martin": ("glucose", "watch", "scale"),
    "Bruno Lefèvre": ("blood-pressure", "scale", "oximeter"),
    "Claire Petit": ("heart-monitor", "watch"),
    "David Moreau": ("thermometer", "oximeter"),
    "Emma Garcia": ("glucose",),
    "Farid Benali": ("blood-pressure",),
    "Gabrielle Roux": ("scale", "blood-pressure"),
    "Hugo Bernard": ("watch",),
}
#: When each was born, and their sex: without these nobody is found at a desk.
_BORN: Final = {
    "Alice Martin": ("1989-04-12", "F"),
    "Bruno Lefèvre": ("1957-09-30", "M"),
    "Claire Petit": ("1974-01-08", "F"),
    "David Moreau": ("1966-06-21", "M"),
    "Emma Garcia": ("2012-05-20", "F"),
    "Farid Benali": ("1981-11-03", "M"),
    "Gabrielle Roux": ("1943-02-27", "F"),
    "Hugo Bernard": ("1995-08-15", "M"),
}
ALICE: Final = "Alice Martin"
DOCTOR: Final = "Dr Chloé Renard"
_NURSE: Final = "Nadia Haddad, infirmière"
_CARDIOLOGIST: Final = "Dr Olivier Faure"
_WHY_FOLLOWED: Final = {
    "Alice Martin": "Télésurveillance du diabète de type 1",
    "Bruno Lefèvre": "Suivi de l'hypertension et de la BPCO",
    "Claire Petit": "Suivi d'une arythmie",
    "David Moreau": "Retour à domicile après une pneumopathie",
    "Emma Garcia": "Diabète de l'adolescente",
    "Farid Benali": "Automesure tensionnelle",
    "Gabrielle Roux": "Insuffisance cardiaque : poids et tension",
}
_OFFICES: Final = {
    DOCTOR: ("professional", "doctor"),
    _NURSE: ("professional", "nurse"),
    _CARDIOLOGIST: ("professional", "doctor"),
    "Inès Marchand": ("operator", "engineer"),
    "Jules Carpentier": ("operator", "dpo"),
    "Aude Belin": ("operator", "auditor"),
    "Rémi Castel": ("operator", "researcher"),
    "Maëlle Joubert": ("operator", "maker"),
}
#: The engineer works in this clinic too, and acts for one place at a time.
_CLINIC: Final = "Clinique des Tilleuls"
_ENGINEER: Final = "Inès Marchand"
_STUDY: Final = "Le sommeil, le cœur et le sucre"
_FIRST_TWO: Final = ("Karine Lopez", "Luc Vasseur")


@dataclass(frozen=True, slots=True)
class Cast:
    """Who plays: the patients' user names, in the order of PATIENTS, and the doctor's."""

    patients: list[str]
    doctor: str


def stage(*, now_ms: int) -> Cast:
    """Make everybody, and what lies between them. In a store that has nobody yet."""
    first, second = found(*_FIRST_TWO, now_ms=now_ms)
    place = home(now_ms)
    rename(place, PLACE)
    staff: dict[str, Account] = {}
    for at, (name, (role, office)) in enumerate(_OFFICES.items()):
        staff[name] = create_account(role, name, now_ms + at)
        appoint(staff[name], place, office, by=(first, second), now_ms=now_ms)
    clinic = create_establishment("clinic", _CLINIC, now_ms=now_ms)
    appoint(staff[_ENGINEER], clinic, "engineer", by=(first, second), now_ms=now_ms + 1)
    patients = {name: create_account("patient", name, now_ms + at) for at, name in enumerate(PATIENTS)}
    for name, patient in patients.items():
        register_patient(patient, place, by=first, now_ms=now_ms)
        given, _space, birth = name.partition(" ")
        born, sex = _BORN[name]
        traits = Traits(birth_name=birth, given_names=given, birth_date=born, sex=sex)
        declare_identity(patient, traits, by=patient, now_ms=now_ms)
    _follow(patients, staff, now_ms)
    _share(patients, staff, now_ms)
    _study(patients, staff, place, now_ms)
    return Cast([p.username for p in patients.values()], staff[DOCTOR].username)


def _follow(patients: dict[str, Account], staff: dict[str, Account], now_ms: int) -> None:
    """Seven are followed by the doctor, five of them with the nurse; Hugo measures for himself."""
    for at, (name, why) in enumerate(_WHY_FOLLOWED.items()):
        follow_up = begin_follow_up(
            patients[name], responsible=staff[DOCTOR], prescription=why, operator=PLACE, recorded_by=staff[DOCTOR],
            informed_ms=now_ms, agreed=True, how="oral", now_ms=now_ms,
        )  # fmt: skip
        if at < 6:  # of the seventh, nobody said when
            state_hours(
                patients[name], follow_up, [_WATCHED], zone=settings.TIME_ZONE, by=staff[DOCTOR], now_ms=now_ms,
                note="Hors jours fériés",
            )  # fmt: skip
        if at < 5:
            join_team(patients[name], follow_up, staff[_NURSE], part="nurse", now_ms=now_ms)


def _share(patients: dict[str, Account], staff: dict[str, Account], now_ms: int) -> None:
    """A grant, a restriction, and a father: what patients decide, or the law for them."""
    give_grant(
        patients["Claire Petit"], staff[_CARDIOLOGIST], families=("heart",), purpose="TREAT", now_ms=now_ms,
        until_ms=now_ms + 90 * _DAY_MS,
    )  # fmt: skip
    restrict(patients[ALICE], families=("weight",), who=staff[_NURSE], now_ms=now_ms)
    father = create_account("relative", "Paul Garcia", now_ms)
    represent(
        patients["Emma Garcia"], father, nature="parent", deed="Livret de famille", recorded_by=staff[DOCTOR],
        adult_ms=now_ms + 4 * 365 * _DAY_MS, now_ms=now_ms,
    )  # fmt: skip


def _study(patients: dict[str, Account], staff: dict[str, Account], place: Establishment, now_ms: int) -> None:
    """A project that asks everybody here; Claire takes part."""
    terms = Terms(
        title=_STUDY, purpose="Savoir si le cœur et le sucre se reposent la nuit, et si le sommeil aide les soins.",
        ethics="Comité de protection des personnes Ouest II, avis 2026-114", past_days=90,
        families=frozenset({"heart", "glucose", "sleep"}), until_ms=now_ms + 2 * 365 * _DAY_MS,
    )  # fmt: skip
    proposal = propose_project(staff["Rémi Castel"], place, terms, now_ms=now_ms)
    project = approve_project(proposal, by=staff["Jules Carpentier"], now_ms=now_ms)
    join_project(patients["Claire Petit"], project, shown=f"Je participe à « {_STUDY} ».", now_ms=now_ms)
