"""How well somebody is known, in plain words: statuses, documents, levels of proof, and what a refusal means."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from django.utils.dateformat import format as date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from egide.cloud.people.identity import Known
from egide.cloud.people.ins import NIA, NIR, Ins
from egide.cloud.people.proofing import Level
from egide.cloud.people.traits import HIGH_TRUST, Traits, status_of
from egide.errors import EgideError

__all__ = [
    "AUTHORITIES", "DOCUMENTS", "Choice", "Facts", "day_words", "document_choices", "evidence_words", "facts_of",
    "grouped_number", "level_words", "problem_words", "sex_choices", "status_words", "why_words", "wrong_fields",
]  # fmt: skip

_STATUS: Final = {
    "provisoire": gettext_noop("provisional"),
    "récupérée": gettext_noop("retrieved"),
    "validée": gettext_noop("validated"),
    "qualifiée": gettext_noop("qualified"),
}
_WHY: Final = {
    "provisoire": gettext_noop("Declared. Neither the national service nor a document of high trust has shown it yet."),
    "récupérée": gettext_noop("The national service gave it. No document of high trust was seen yet."),
    "validée": gettext_noop("A document of high trust was seen. The national service did not give it."),
    "qualifiée": gettext_noop("The national service gave it, and a document of high trust was seen."),
}
#: Kinds of documents, by what they are worth: alone, with a parent's or guardian's own, never.
DOCUMENTS: Final = {
    "identity-card": gettext_noop("identity card"),
    "passport": gettext_noop("passport"),
    "residence-permit": gettext_noop("residence permit"),
    "birth-certificate": gettext_noop("birth certificate"),
    "family-record-book": gettext_noop("family record book"),
    "health-card": gettext_noop("health insurance card"),
    "driving-licence": gettext_noop("driving licence"),
    "other-document": gettext_noop("another document"),
}
_ASSISTED: Final = frozenset({"birth-certificate", "family-record-book"})
_SCHEMES: Final = {
    "franceconnect-plus": "FranceConnect+", "france-identite": "France Identité",
    "pro-sante-connect": "Pro Santé Connect", "eidas-high": "eIDAS",
}  # fmt: skip
_LEVELS: Final = {
    Level.NONE: gettext_noop("Nobody has proved it"),
    Level.SELF_DECLARED: gettext_noop("Declared by the person alone"),
    Level.DESK: gettext_noop("Checked at a desk, on a document"),
    Level.HIGH: gettext_noop("Electronic identification"),
}
#: OID -> what people call it.
AUTHORITIES: Final = {
    NIR: gettext_noop("NIR: the number of the health insurance card"),
    NIA: gettext_noop("NIA: a waiting number, which begins with 7 or 8"),
}
_SEX: Final = {"F": gettext_noop("female"), "M": gettext_noop("male"), "I": gettext_noop("not determined")}
#: What happened, and what to do, by code.
_PROBLEMS: Final = {
    "ins-form": gettext_noop("This is not a national number: copy the 13 characters and the two digits of the key."),
    "ins-key": gettext_noop("The key does not go with this number: a character is wrong, or two are swapped."),
    "ins-authority": gettext_noop("The kind does not go with this number: NIA begins with 7 or 8, NIR with another."),
    "merge-taken": gettext_noop("One of these files is part of a merge already: undo that one first."),
    "merge-waiting": gettext_noop("This is proposed already: it waits for a second person, below “Merged files”."),
    "reason-needed": gettext_noop("Say what shows it, in 500 characters at most."),
    "second-person-needed": gettext_noop("You proposed it yourself: somebody else decides, with their own account."),
}
_GOOD: Final = Traits(birth_name="A", given_names="A", birth_date="2000-01-01", sex="F")
_OPTIONAL: Final = frozenset({"birth_place", "used_name", "used_given_name"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One answer of a question, and what it leads to."""

    value: str
    label: str
    hint: str = ""
    checked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """One line of an identity; `differs` from the other file's, where two are compared."""

    label: str
    value: str
    differs: bool = False


def status_words(status: str) -> str:
    return _(_STATUS[status])


def why_words(known: Known) -> str:
    """Why an identity has its status."""
    if known.fictive:
        return _("Marked as fictive: whatever was shown, it stays provisional.")
    if known.doubtful:
        return _("Marked as doubtful: whatever was shown, it stays provisional until the doubt is lifted.")
    return _(_WHY[known.status])


def level_words(level: Level) -> str:
    return _(_LEVELS[level])


def evidence_words(evidence: str) -> str:
    return _SCHEMES.get(evidence) or (_(DOCUMENTS[evidence]) if evidence in DOCUMENTS else "")


def problem_words(code: str) -> str:
    """What a refusal means here; "" where the page has words of its own."""
    return _(_PROBLEMS[code]) if code in _PROBLEMS else ""


def document_choices(known: Known) -> list[Choice]:
    """Each kind of document, with the status that seeing it leads to."""
    found = []
    for kind, label in DOCUMENTS.items():
        status = status_of(
            retrieved=known.retrieved, document=kind, assisted=kind in _ASSISTED, fictive=False, doubtful=known.doubtful
        )
        hint = _("The identity will be: %(status)s.") % {"status": status_words(status)}
        if kind in _ASSISTED:
            hint += " " + _("Only with a parent’s or guardian’s own document: tick the box below.")
        elif kind not in HIGH_TRUST:
            hint += " " + _("This document is noted, and proves nothing by itself.")
        found.append(Choice(value=kind, label=_(label), hint=hint))
    return found


def day_words(day: str) -> str:
    """YYYY-MM-DD as people say it."""
    return date_format(date.fromisoformat(day), "j F Y")


def sex_choices(chosen: str) -> list[Choice]:
    return [Choice(value=key, label=_(label), checked=key == chosen) for key, label in _SEX.items()]


def grouped_number(ins: Ins) -> str:
    """As it stands on a card: 2 55 08 14 168 025 38."""
    n = ins.number
    return " ".join((n[0], n[1:3], n[3:5], n[5:7], n[7:10], n[10:13], n[13:]))


def facts_of(known: Known, other: Known | None = None) -> list[Facts]:
    """The traits and the number as lines; those that differ from `other`'s are marked."""
    mine = _lines(known)
    theirs = dict(_lines(other)) if other else {}
    return [Facts(label=a, value=b or "–", differs=other is not None and theirs.get(a) != b) for a, b in mine]


def _lines(known: Known) -> list[tuple[str, str]]:
    traits = known.traits
    return [
        (_("Birth name"), traits.birth_name),
        (_("Given names"), traits.given_names),
        (_("Name in use"), " ".join(filter(None, (traits.used_given_name, traits.used_name)))),
        (_("Birth date"), day_words(traits.birth_date)),
        (_("Sex"), _(_SEX[traits.sex])),
        (_("Birth place (INSEE code)"), traits.birth_place),
        (_("National number (INS)"), grouped_number(known.ins) if known.ins else ""),
        (_("Status"), status_words(known.status)),
    ]


def wrong_fields(posted: dict[str, str]) -> dict[str, str]:
    """field -> what is wrong with it, of traits as they were typed."""
    said = {
        "birth_name": _("Letters, with single spaces or hyphens."),
        "given_names": _("All given names, in the order of the register, separated by spaces."),
        "birth_date": _("A day that exists."),
        "sex": _("Choose one."),
        "birth_place": _("Five characters: the commune’s, or 99 and the country’s. Leave it empty if unknown."),
        "used_name": _("Letters, with single spaces or hyphens."),
        "used_given_name": _("Letters, with single spaces or hyphens."),
    }
    wrong = {}
    for field, words in said.items():
        value = posted.get(field, "")
        if not value and field in _OPTIONAL:
            continue
        try:
            replace(_GOOD, **{field: value})
        except EgideError:
            wrong[field] = words
    return wrong
