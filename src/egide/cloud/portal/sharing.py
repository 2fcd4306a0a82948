"""Words and answers of sharing: who, what, until when, what for, and what happens if I say no."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time
from typing import Any, Final

from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from egide.cloud.consent.facts import ACCOUNT, ESTABLISHMENT, EVERYONE, TEAM, Grant, Holder
from egide.cloud.consent.families import FAMILIES
from egide.cloud.portal import words
from egide.cloud.portal.choices import Choice, family_choices, family_words, list_words, window_words
from egide.cloud.portal.holders import (
    account_holder,
    easy_members,
    find_holder,
    holder_hint,
    holder_name,
    known_holders,
    members_words,
    offered_holders,
)
from egide.errors import RefusedError

__all__ = [
    "DATA", "PURPOSES", "UNTIL", "Choice", "Draft", "account_holder", "easy_members", "family_choices", "family_words",
    "find_holder", "holder_hint", "holder_name", "known_holders", "list_words", "offered_holders", "purpose_choices",
    "purpose_sentence", "stopping", "until_of", "window_words",
]  # fmt: skip

_DAY_MS: Final = 86_400_000
#: What a grant may be for, in a sentence that ends it.
PURPOSES: Final = {
    "TREAT": gettext_noop("So that they can treat me."),
    "CAREMGT": gettext_noop("So that they can organise my care."),
    "FAMRQT": gettext_noop("So that my family knows how things stand."),
    "SUPNWK": gettext_noop("So that they can help me day to day."),
}
_PURPOSE_CHOICES: Final = {
    "SUPNWK": gettext_noop("To help me day to day"),
    "FAMRQT": gettext_noop("So that my family knows how things stand"),
    "TREAT": gettext_noop("To treat me"),
    "CAREMGT": gettext_noop("To organise my care"),
}
UNTIL: Final = {
    "7": gettext_noop("For a week"),
    "30": gettext_noop("For a month"),
    "90": gettext_noop("For three months"),
    "365": gettext_noop("For a year"),
    "date": gettext_noop("Until a day that I choose"),
}
DATA: Final = {
    "new": gettext_noop("Only what is measured from now on"),
    "90": gettext_noop("The past three months, and what comes"),
    "all": gettext_noop("Everything measured so far, and what comes"),
}
_LONGEST_DAYS: Final = 5 * 366


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """The answers so far. Whatever a form said is checked when it is put in, and again when it is used."""

    holder: Holder | None = None
    families: tuple[str, ...] | None = ()  # None: all of them
    data: str = ""
    until_ms: int = 0
    purpose: str = ""

    @classmethod
    def read(cls, kept: dict[str, Any]) -> Draft:
        """From what `kept` said; what it cannot have said is not answered yet."""
        kind, name = str(kept.get("kind", "")), str(kept.get("holder", ""))
        families = kept.get("families", [])
        until = kept.get("until", 0)
        return cls(
            holder=Holder(kind=kind, id=name) if kind in (ACCOUNT, ESTABLISHMENT, TEAM, EVERYONE) else None,
            families=None if families is None else tuple(f for f in families if f in FAMILIES),
            data=str(kept.get("data", "")) if kept.get("data") in DATA else "",
            until_ms=until if isinstance(until, int) else 0,
            purpose=str(kept.get("purpose", "")) if kept.get("purpose") in PURPOSES else "",
        )

    def kept(self) -> dict[str, Any]:
        return {
            "kind": self.holder.kind if self.holder else "",
            "holder": self.holder.id if self.holder else "",
            "families": None if self.families is None else list(self.families),
            "data": self.data,
            "until": self.until_ms,
            "purpose": self.purpose,
        }

    def data_since_ms(self, now_ms: int) -> int | None:
        """The earliest measurement that is opened; None: the first."""
        return {"new": now_ms, "90": now_ms - 90 * _DAY_MS}.get(self.data)

    def missing(self, now_ms: int) -> str:
        """The first question without an answer; "" when all have one."""
        if self.holder is None:
            return "who"
        if self.families == () or not self.data:
            return "what"
        if self.until_ms <= now_ms:
            return "until"
        return "" if self.purpose else "for"

    def sentences(self, now_ms: int) -> list[str]:
        """The grant as a person reads it aloud. It is what gets signed: changing a word changes the statement."""
        assert self.holder is not None
        who = holder_name(self.holder)
        if self.families is None:
            what = _("I let %(who)s see all my measurements.") % {"who": who}
        else:
            named = list_words([family_words(f) for f in self.families])
            what = _("I let %(who)s see these measurements of mine: %(what)s.") % {"who": who, "what": named}
        until = words.last_day(self.until_ms)
        return [
            what,
            *members_words(self.holder),
            _since_words(self.data_since_ms(now_ms), now_ms),
            _("Until the end of %(day)s, unless I stop it before.") % {"day": until},
            purpose_sentence(self.purpose),
            _("If I say no, %(who)s sees nothing of it, and my care stays the same.") % {"who": who},
        ]


def stopping(grant: Grant) -> list[str]:
    """The end of a grant as a person reads it aloud, when they sign it."""
    said = {"who": holder_name(grant.holder), "day": formats.date_format(words.local(grant.since_ms), "j F Y")}
    what = {"what": window_words(grant.data)}
    return [
        _("I take back what I gave %(who)s on %(day)s.") % said,
        _("From now on, %(who)s sees nothing of it any more: %(what)s.") % (said | what),
    ]


def _since_words(since_ms: int | None, now_ms: int) -> str:
    if since_ms is None:
        return _("What was measured before today is included.")
    if since_ms >= now_ms:
        return _("Only what is measured from today on.")
    return _("What was measured since %(day)s is included.") % {
        "day": formats.date_format(words.local(since_ms), "j F Y")
    }


def purpose_sentence(code: str) -> str:
    return _(PURPOSES[code]) if code in PURPOSES else words.purpose_words(code)


def purpose_choices(chosen: str, holder: Holder | None = None) -> list[Choice]:
    """A place or a team is no family."""
    fits = _PURPOSE_CHOICES if holder is None or holder.kind == ACCOUNT else _PURPOSE_CHOICES.keys() - {"FAMRQT"}
    return [Choice(value=k, label=_(v), checked=k == chosen) for k, v in _PURPOSE_CHOICES.items() if k in fits]


def until_of(answer: str, day: str, *, now_ms: int) -> int:
    """The instant at which a grant ends, for an answer of `UNTIL`: the end of that day. Raises RefusedError."""
    if answer not in UNTIL:
        raise RefusedError("there is no such answer")
    if answer != "date":
        return _end_of(words.local(now_ms + int(answer) * _DAY_MS))
    try:
        until = _end_of(datetime.combine(datetime.fromisoformat(day).date(), time(), tzinfo=words.zone()))
    except ValueError as err:
        raise RefusedError("this is not a day") from err
    if not now_ms < until <= now_ms + _LONGEST_DAYS * _DAY_MS:
        raise RefusedError("a grant ends after today, within five years")
    return until


def _end_of(moment: datetime) -> int:
    """Just after the day's last instant."""
    midnight = datetime.combine(moment.date(), time(), tzinfo=moment.tzinfo)
    after = datetime.combine(
        words.local(int(midnight.timestamp() * 1000) + 26 * 3_600_000).date(), time(), words.zone()
    )
    return int(after.timestamp() * 1000)
