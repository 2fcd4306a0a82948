"""A research project in words: what it asks, what one says when one takes part, and what changes when one does not."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Final

from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from egide.cloud.comfort import easy
from egide.cloud.comfort.wishes import current
from egide.cloud.consent.families import FAMILIES
from egide.cloud.consent.projects import PURPOSE, Project, Terms
from egide.cloud.people.models import Establishment
from egide.cloud.portal import sharing, words
from egide.cloud.portal.signing import Act
from egide.trust.grant import RESEARCH

__all__ = ["PAST", "Told", "joining", "past_of", "period_words", "place_name", "refusing", "told", "what_words"]

_VERSION: Final = "research-1"  # of the sentences: another wording is another version
#: What a project may ask for of the time before somebody joins.
PAST: Final = {
    "new": gettext_noop("Only what is measured from the day of joining on"),
    "90": gettext_noop("What was measured in the three months before joining, and what comes"),
    "all": gettext_noop("Everything measured so far, and what comes"),
}
_DAYS: Final = {"new": 0, "90": 90, "all": None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A project as pages show it."""

    project: Project
    who: str
    place: str
    what: str
    period: str

    @property
    def terms(self) -> Terms:
        return self.project.terms


def past_of(answer: str) -> int | None:
    """The days of an answer of `PAST`. Raises KeyError: none of them."""
    return _DAYS[answer]


def told(project: Project) -> Told:
    """A declared project in the reader's language; names as they are now."""
    return Told(
        project=project,
        who=sharing.holder_name(sharing.account_holder(project.researcher)),
        place=place_name(project.establishment),
        what=what_words(project.terms),
        period=period_words(project.terms),
    )


def place_name(place: str) -> str:
    row = Establishment.objects.filter(pk=uuid.UUID(place)).first()
    return (row.name if row else "") or _("the service that runs this site")


def what_words(terms: Terms) -> str:
    """The families that a project asks for."""
    if terms.families >= FAMILIES.keys():
        return _("all measurements")
    return sharing.list_words(sorted(sharing.family_words(family) for family in terms.families))


def period_words(terms: Terms) -> str:
    """Of which period, before anybody joins."""
    by_days = {days: answer for answer, days in _DAYS.items()}
    answer = by_days.get(terms.past_days)
    if answer is not None:
        return _(PAST[answer])
    return _("What was measured in the %(n)s days before joining, and what comes") % {"n": terms.past_days}


def joining(project: Project, now_ms: int) -> Act:
    """Taking part, as a person reads it aloud before they say yes, in the words that they wish."""
    seen, since = told(project), project.data_since_ms(now_ms)
    lines = _easy(seen, since, now_ms) if current().easy else []
    return Act(
        kind=RESEARCH, holder=sharing.account_holder(project.researcher), families=project.terms.families,
        purpose=PURPOSE, data_since_ms=since, until_ms=project.terms.until_ms, lines=lines,
        sentences=easy.text_of(lines).split("\n") if lines else _sentences(seen, since, now_ms),
        version=easy.RESEARCH_VERSION if lines else _VERSION,
    )  # fmt: skip


def _easy(seen: Told, since_ms: int | None, now_ms: int) -> list[easy.Line]:
    terms = seen.terms
    return easy.research_lines(
        seen.who, seen.place, title=terms.title,
        what=None if terms.families >= FAMILIES.keys() else sorted(map(sharing.family_words, terms.families)),
        since=None if since_ms is None else "" if since_ms >= now_ms else _day(since_ms),
        until=_day(terms.until_ms - 1), purpose=terms.purpose, ethics=terms.ethics,
    )  # fmt: skip


def _sentences(seen: Told, since_ms: int | None, now_ms: int) -> list[str]:
    terms = seen.terms
    return [
        _("I take part in the research project “%(title)s”.") % {"title": terms.title},
        _("%(who)s, of %(place)s, reads these measurements of mine, under my name: %(what)s.")
        % {"who": seen.who, "place": seen.place, "what": seen.what},
        _since_words(since_ms, now_ms),
        _("What for: %(purpose)s") % {"purpose": terms.purpose},
        _("Opinion on its ethics: %(ethics)s") % {"ethics": terms.ethics},
        _("Until the end of %(day)s, unless I leave before.") % {"day": words.last_day(terms.until_ms)},
        _("If I say no, or leave, nothing changes for my care, and nobody may ask me why."),
    ]


def refusing() -> list[str]:
    """What is true whether one takes part or not: read before anything is chosen."""
    return [
        _("If you say no, nothing changes for your care. Your care team is not told, and nobody may ask you why."),
        _("If you say yes, each look at your measurements stands in your journal, with the name of who looked."),
        _("What you hide from everybody, or from this person, stays hidden."),
        _("You leave when you like, from this site, at once. What was handed over before is not called back."),
    ]


def _since_words(since_ms: int | None, now_ms: int) -> str:
    if since_ms is None:
        return _("What was measured before today is included.")
    if since_ms >= now_ms:
        return _("Only what is measured from today on.")
    return _("What was measured since %(day)s is included.") % {"day": _day(since_ms)}


def _day(ms: int) -> str:
    return formats.date_format(words.local(ms), "j F Y")
