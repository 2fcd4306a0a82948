"""Words of the register of processing: what for, about whom, who reads, how long."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from egide.cloud.governance.duties import duties

__all__ = ["ActivityWords", "activity_words", "kept_words"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityWords:
    """One activity in words."""

    purpose: str
    persons: str
    data: str
    readers: str
    counted: str  # what the number beside it counts


_ACTIVITIES: Final = {
    "care": (
        gettext_noop("Follow patients at a distance"),
        gettext_noop("patients who are followed"),
        gettext_noop("measurements of their objects, and the follow-up: prescription, team, agreement"),
        gettext_noop("the team of the follow-up, and the patient"),
        gettext_noop("patients followed now"),
    ),
    "identity": (
        gettext_noop("Know whose record it is"),
        gettext_noop("patients who are registered"),
        gettext_noop("identity traits, INS, contacts, level of proof"),
        gettext_noop("people who care or receive patients there"),
        gettext_noop("patients registered now"),
    ),
    "sharing": (
        gettext_noop("Share what a patient chose to share"),
        gettext_noop("patients who signed a grant"),
        gettext_noop("the measurements that they named, over the period that they named"),
        gettext_noop("whom they named, until the day that they set"),
        gettext_noop("patients with a grant in force"),
    ),
    "representation": (
        gettext_noop("Let somebody act for a patient"),
        gettext_noop("minors, and adults under a measure or with a mandate"),
        gettext_noop("the deed and its dates; measurements, without the patient’s secrets"),
        gettext_noop("the representative"),
        gettext_noop("patients with a representative now"),
    ),
    "emergency": (
        gettext_noop("Open a record in an emergency"),
        gettext_noop("patients in danger"),
        gettext_noop("measurements of the period that was opened, for four hours"),
        gettext_noop("the professional who said why, and a second person who reviews it"),
        gettext_noop("openings over a year"),
    ),
    "research": (
        gettext_noop("Take part in research"),
        gettext_noop("patients who agreed to a project"),
        gettext_noop("the measurements of that project"),
        gettext_noop("the project that they named"),
        gettext_noop("patients taking part now"),
    ),
    "journal": (
        gettext_noop("Show who has seen what"),
        gettext_noop("patients, and everybody who asks for a record"),
        gettext_noop("who, when, what for, from where, yes or no"),
        gettext_noop("the patient; refusals, the data protection officer"),
        gettext_noop("lines of the journal"),
    ),
    "rights": (
        gettext_noop("Answer people about their data"),
        gettext_noop("patients who asked"),
        gettext_noop("what was asked, answered and delivered"),
        gettext_noop("the desk of the establishment"),
        gettext_noop("requests since the beginning"),
    ),
    "staff": (
        gettext_noop("Let people work here, and know who they are"),
        gettext_noop("professionals and people in charge"),
        gettext_noop("name, offices, means of signing in, sessions; no address and no password"),
        gettext_noop("administrators"),
        gettext_noop("people with an office now"),
    ),
}
_KEPT: Final = {
    "personal": gettext_noop("until the patient withdraws or erases it"),
    "research": gettext_noop("until the project ends, or the patient leaves it"),
    "register": gettext_noop("as long as the register; its personal part, until the record’s key is destroyed"),
    "office": gettext_noop("as long as the office, then in the register"),
}


def activity_words(key: str) -> ActivityWords:
    purpose, persons, data, readers, counted = (_(text) for text in _ACTIVITIES[key])
    return ActivityWords(purpose=purpose, persons=persons, data=data, readers=readers, counted=counted)


def kept_words(kept: str) -> str:
    """How long; the care record's years are those of duties.toml, never written here."""
    if kept != "care":
        return _(_KEPT[kept])
    years = duties().care.years_from_last_contact
    return _("%(years)d years after the last contact, or longer for a child; destroyed by a person’s decision") % {
        "years": years
    }
