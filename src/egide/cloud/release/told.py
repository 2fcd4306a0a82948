"""When a patient wants to be told of what happens in their journal: their own rules, kept sealed.

The notice is written in the transaction of the journal's entry: who was to be told is told, or there was no look. It
says that something happened; the journal says who, when and why. Nobody but the patient learns that there are rules.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from django.conf import settings

from egide.cloud.consent.rules import CARE_TEAM, EMERGENCY, SELF
from egide.cloud.keys.columns import blind_index, open_text, seal_text
from egide.cloud.messages.models import Met, Rule
from egide.cloud.people.models import Account
from egide.cloud.signin.models import Notice
from egide.cloud.signin.notices import tell
from egide.errors import EgideError, RefusedError

__all__ = [
    "AT_ONCE", "HOW", "WEEKLY", "WHAT", "Look", "Wish", "add_wish", "end_wish", "matches", "telling", "wishes_of",
    "wishes_of_each",
]  # fmt: skip

#: Somebody for the first time; an emergency; a copy taken away; not by the care team; one person.
WHAT: Final = ("new", "emergency", "export", "outside", "person")
AT_ONCE: Final = "now"
WEEKLY: Final = "week"
HOW: Final = (AT_ONCE, WEEKLY)
MAX_RULES: Final = 20
_COPIES: Final = frozenset({"export", "fhir", "proof"})  # as release.deciding.EXPORTS
_VISIT_MS: Final = 30 * 60_000  # further looks of one visit are not told again
_MORNING: Final = 8  # o'clock on a Monday


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Tell me when this happens: `who` is an account id, for one person."""

    id: uuid.UUID
    what: str
    how: str
    who: str
    since_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a rule is judged by: somebody else saw something."""

    reader: str
    ground: str
    channel: str
    new: bool  # never before


def matches(wish: Wish, look: Look) -> bool:
    """Whether this look is one of those. Pure."""
    match wish.what:
        case "new":
            return look.new
        case "emergency":
            return look.ground == EMERGENCY
        case "export":
            return look.channel in _COPIES
        case "outside":
            return look.ground not in (CARE_TEAM, SELF)
        case "person":
            return bool(wish.who) and look.reader == wish.who
    return False


def wishes_of(patient: uuid.UUID) -> list[Wish]:
    """A patient's rules, oldest first. A row that was altered says nothing."""
    return wishes_of_each([patient])[patient]


def wishes_of_each(patients: Collection[uuid.UUID]) -> dict[uuid.UUID, list[Wish]]:
    """The same of several patients, in one query."""
    found: dict[uuid.UUID, list[Wish]] = {patient: [] for patient in patients}
    for row in Rule.objects.filter(account__in=patients).order_by("since_ms", "id"):
        try:
            said = json.loads(open_text(bytes(row.sealed), _context(row.pk, row.account_id)))
            wish = Wish(id=row.pk, what=said["what"], how=said["how"], who=said["who"], since_ms=row.since_ms)
        except (EgideError, ValueError, KeyError):
            continue
        found[row.account_id].append(wish)
    return found


def add_wish(
    patient: Account, what: str, how: str, *, now_ms: int, who: str = "", known: Iterable[str] = ()
) -> Wish | None:
    """Be told from now on; None when that rule is there already. `known`: who has seen the record before.

    Raises:
        RefusedError: no such rule, no person for the rule of one person, or twenty are kept already.
    """
    if what not in WHAT or how not in HOW or bool(who) != (what == "person"):
        raise RefusedError("there is no such rule")
    before = wishes_of(patient.pk)
    if any((w.what, w.how, w.who) == (what, how, who) for w in before):
        return None
    if len(before) >= MAX_RULES:
        raise RefusedError("twenty rules are kept at most")
    row = Rule(id=uuid.uuid4(), account=patient, since_ms=now_ms)
    row.sealed = seal_text(json.dumps({"what": what, "how": how, "who": who}), _context(row.id, patient.pk))
    if what == "new":
        marks = [Met(mark=_mark(patient.pk, reader), account=patient) for reader in set(known)]
        Met.objects.bulk_create(marks, ignore_conflicts=True)
    row.save(force_insert=True)
    return Wish(id=row.id, what=what, how=how, who=who, since_ms=now_ms)


def end_wish(patient: Account, wish: uuid.UUID) -> None:
    """Not any more. Nothing happens when there is no such rule."""
    Rule.objects.filter(account=patient, pk=wish).delete()


def telling(
    patient: uuid.UUID, reader: Account | None, *, ground: str | None, channel: str, now_ms: int,
    wishes: Sequence[Wish] | None = None,
) -> Callable[[], None] | None:  # fmt: skip
    """What to do in the transaction of this look's entry; None when nobody asked to be told of such a look.

    `wishes` are the patient's, for who has read them.
    """
    if ground is None or (reader is not None and reader.pk == patient):
        return None
    if wishes is None:
        wishes = wishes_of(patient)
    if not wishes:
        return None
    name = str(reader.pk) if reader else ""
    mark = _mark(patient, name)
    news = any(w.what == "new" for w in wishes) and not Met.objects.filter(mark=mark).exists()
    look = Look(reader=name, ground=ground, channel=channel, new=news)
    met = [w for w in wishes if matches(w, look)]
    if not met:
        return None

    def write() -> None:
        account = Account.objects.get(pk=patient)
        if news:
            Met.objects.bulk_create([Met(mark=mark, account=account)], ignore_conflicts=True)
        for wish in met:
            _tell(account, wish, now_ms)

    return write


def _tell(account: Account, wish: Wish, now_ms: int) -> None:
    if wish.how == WEEKLY:
        monday = _next_monday(now_ms)
        if not Notice.objects.filter(account=account, kind="journal-week", at_ms=monday).exists():
            tell(account, "journal-week", now_ms=now_ms, due_ms=monday)
        return
    unread = Notice.objects.filter(account=account, kind="journal", detail=wish.what, read_ms=None)
    if not unread.filter(at_ms__gt=now_ms - _VISIT_MS).exists():
        tell(account, "journal", now_ms=now_ms, detail=wish.what)


def _next_monday(now_ms: int) -> int:
    zone = ZoneInfo(settings.TIME_ZONE)
    today = datetime.fromtimestamp(now_ms / 1000, tz=zone).date()
    monday = today + timedelta(days=7 - today.weekday())
    return int(datetime.combine(monday, time(_MORNING), tzinfo=zone).timestamp() * 1000)


def _mark(patient: uuid.UUID, reader: str) -> bytes:
    return blind_index(f"{patient} {reader}", "journal met")


def _context(rule: uuid.UUID, account: uuid.UUID) -> bytes:
    return b"messages.rule " + rule.bytes + account.bytes
