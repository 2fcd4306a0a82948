"""Words and answers of sharing: who, what, until when, what for, and what happens if I say no."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any, Final

from django.db.models import Q
from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from egide.cloud.consent.attested import facts_of
from egide.cloud.consent.facts import (
    ACCOUNT,
    APP,
    ESTABLISHMENT,
    EVERYONE,
    TEAM,
    Facts,
    Grant,
    Holder,
    Window,
    runs,
)
from egide.cloud.consent.families import FAMILIES, OTHER
from egide.cloud.consent.grants import require_sector
from egide.cloud.consent.models import Ground
from egide.cloud.consent.rules import FORBIDDEN_SECTORS
from egide.cloud.people.models import Account, Establishment
from egide.cloud.people.service import find_by_name, name_of
from egide.cloud.portal import words
from egide.errors import EgideError, NotFoundError, RefusedError, SealError

__all__ = [
    "DATA", "PURPOSES", "UNTIL", "Choice", "Draft", "account_holder", "easy_members", "family_choices", "family_words",
    "find_holder", "holder_hint", "holder_name", "known_holders", "list_words", "offered_holders", "purpose_choices",
    "purpose_sentence", "stopping", "until_of", "window_words",
]  # fmt: skip

_DAY_MS: Final = 86_400_000
_FAMILIES: Final = {
    "heart": gettext_noop("heart"),
    "pressure": gettext_noop("blood pressure"),
    "breathing": gettext_noop("breathing"),
    "glucose": gettext_noop("glucose"),
    "temperature": gettext_noop("temperature"),
    "weight": gettext_noop("weight"),
    "activity": gettext_noop("activity"),
    "sleep": gettext_noop("sleep"),
    "substances": gettext_noop("breath tests (alcohol, carbon monoxide)"),
    "treatment": gettext_noop("treatment (insulin, medicines taken)"),
    "nerves-eyes": gettext_noop("skin, eyes"),
    "device": gettext_noop("state of the objects (batteries, leads)"),
    "other": gettext_noop("other measurements"),
}
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
class Choice:
    """One answer to a question."""

    value: str
    label: str
    hint: str = ""
    checked: bool = False


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
            *_members_words(self.holder),
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


def _members_words(holder: Holder) -> list[str]:
    """Who is meant, where a holder is not one person."""
    if holder.kind == ESTABLISHMENT:
        return [_("This means the care professionals who work there when they look, and nobody who has left.")]
    if holder.kind == TEAM:
        return [_("This means those who are in that team when they look, and nobody who has left.")]
    return []


def easy_members(holder: Holder) -> list[str]:
    """The same in easy words."""
    if holder.kind == ESTABLISHMENT:
        return [_("The carers who work there can see."), _("A carer who has left cannot see.")]
    if holder.kind == TEAM:
        return [_("Those who are in the team can see."), _("Somebody who has left the team cannot see.")]
    return []


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


def family_words(family: str) -> str:
    return _(_FAMILIES[family]) if family in _FAMILIES else family


def family_choices(chosen: Iterable[str] | None) -> list[Choice]:
    """Every family, in the order of their names; `chosen` None: all."""
    picked = None if chosen is None else set(chosen)
    rows = [
        Choice(value=f, label=_upper(family_words(f)), checked=picked is not None and f in picked)
        for f in FAMILIES
        if f != OTHER
    ]
    return sorted(rows, key=lambda row: row.label.casefold())


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def list_words(names: Sequence[str]) -> str:
    """a, b and c."""
    if len(names) < 2:
        return "".join(names)
    return _("%(first)s and %(last)s") % {"first": ", ".join(names[:-1]), "last": names[-1]}


def window_words(window: Window) -> str:
    """What a ground or a restriction names, in words."""
    if window.families is None or window.families >= FAMILIES.keys():  # a signed "all" lists each one
        return _("all measurements")
    return list_words(sorted(family_words(f) for f in window.families))


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


def account_holder(account_id: str) -> Holder:
    """A person, by their account's id."""
    return Holder(kind=ACCOUNT, id=account_id)


def holder_name(holder: Holder) -> str:
    """To whom: a name, or what is known of it."""
    if holder.kind == EVERYONE:
        return _("everybody")
    if holder.kind == APP:
        return _("an app")
    if holder.kind == TEAM:
        return _team_name(holder.id)
    try:
        row_id = uuid.UUID(holder.id)
        if holder.kind == ESTABLISHMENT:
            return Establishment.objects.get(pk=row_id).name or _("the service that runs this site")
        return name_of(Account.objects.get(pk=row_id))
    except (ValueError, Account.DoesNotExist, Establishment.DoesNotExist, EgideError):
        return _("a closed account")


def _team_name(follow_up: str) -> str:
    """By its responsible doctor, as signed. The row only says in whose record to look."""
    row = Ground.objects.filter(pk=uuid.UUID(follow_up), kind=Ground.Kind.CARE).first()
    care = next((c for c in facts_of(row.patient_id).care if c.id == follow_up), None) if row else None
    if care is None:
        return _("a care team that is no more")
    return _("the care team of %(who)s") % {"who": holder_name(account_holder(care.responsible))}


def offered_holders(patient: Account, facts: Facts, *, now_ms: int) -> list[Holder]:
    """Whom the page offers: those known already, the teams that follow the patient, the places that know them."""
    teams = [Holder(kind=TEAM, id=c.id) for c in facts.care if runs(c, now_ms) and c.agreed is not False]
    ids = {uuid.UUID(g.holder.id) for g in facts.grants if g.holder.kind == ESTABLISHMENT}
    here = Q(registrations__patient=patient, registrations__until_ms=None) | Q(pk__in=ids)
    places = Establishment.objects.filter(here).exclude(kind__in=FORBIDDEN_SECTORS).distinct().order_by("created_ms")
    return [*known_holders(patient, facts), *teams, *(Holder(kind=ESTABLISHMENT, id=str(p.pk)) for p in places)]


def holder_hint(holder: Holder) -> str:
    """Who is meant, beside a name that is not one person's."""
    return next(iter(_members_words(holder)), "")


def known_holders(patient: Account, facts: Facts) -> list[Holder]:
    """Whom the patient has shared with, or is represented by: each once, the latest first."""
    ids = [g.holder for g in reversed(facts.grants)]
    ids += [Holder(kind=ACCOUNT, id=r.representative) for r in reversed(facts.representations)]
    there = {str(pk) for pk in Account.objects.filter(pk__in=_uuids(ids), is_active=True).values_list("pk", flat=True)}
    kept = [h for h in ids if h.kind == ACCOUNT and h.id in there and h.id != str(patient.pk)]
    return list(dict.fromkeys(kept))


def _place_named(typed: str) -> Establishment | None:
    """The establishment of exactly that name, letter case aside: names are sealed, so each is opened."""
    for place in Establishment.objects.exclude(sealed_name=b""):
        with contextlib.suppress(SealError):
            if typed and place.name.casefold() == typed.casefold():
                return place
    return None


def _uuids(holders: Iterable[Holder]) -> list[uuid.UUID]:
    found = []
    for holder in holders:
        try:
            found.append(uuid.UUID(holder.id))
        except ValueError:
            continue
    return found


def find_holder(text: str, patient: Account) -> Holder:
    """Whom a patient named: a professional or an establishment by name, anybody by the code that they gave.

    Relatives and patients are never found by name: nobody learns in this way who has an account.

    Raises:
        NotFoundError: nobody. AmbiguousNameError: several professionals have that name.
        ForbiddenUseError: an insurer, an employer, a bank.
    """
    typed = " ".join(text.split())[:120]
    code = typed.replace(" ", "").lower()
    found = Account.objects.filter(username=code, is_active=True).exclude(role=Account.Role.OPERATOR).first()
    if found is None and (place := _place_named(typed)):
        require_sector(place)
        return Holder(kind=ESTABLISHMENT, id=str(place.pk))
    if found is None:
        found = find_by_name(typed) if typed else None
        if found is None or found.role != Account.Role.PROFESSIONAL or not found.is_active:
            raise NotFoundError("nobody answers to that name or code")
    if found.pk == patient.pk:
        raise NotFoundError("that is the patient")
    return Holder(kind=ACCOUNT, id=str(found.pk))
