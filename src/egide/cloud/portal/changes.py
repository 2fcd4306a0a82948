"""What changed since the patient's last visit, in words: never a value, and nothing that they did to keep it quiet.

The visit before is read from their own journal: nothing else is kept about when they come. What narrows (hiding,
objecting, taking back) is the patient's own act and stays in the journal: somebody may look over their shoulder.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from django.utils.translation import gettext as _

from egide.cloud.people.models import Account
from egide.cloud.portal import words
from egide.cloud.portal.ending import ended_since
from egide.cloud.portal.happenings import happenings_of
from egide.cloud.portal.names import names_for
from egide.cloud.portal.objects import Mine, is_silent, my_objects
from egide.cloud.portal.subject import CHANNEL
from egide.cloud.portal.visits import PAUSE_MS
from egide.cloud.release.journal import JournalLine
from egide.cloud.vault.models import Envelope

__all__ = ["KINDS", "Change", "Changes", "changes_of", "visit_before"]

#: Statements that are told on the first page.
KINDS: Final = (
    "care-begin", "care-responsible", "care-hours", "care-pause", "care-resume", "care-end", "follow-up",
    "follow-up-end", "grant", "representation", "representation-end", "representation-stop", "representation-resume",
    "research", "emergency", "emergency-end", "pairing", "unpairing", "merge", "unmerge",
)  # fmt: skip
LIST: Final = "list"
_SHOWN: Final = 8
_RECENT: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One sentence, and when."""

    at_ms: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """Since when, and what, latest first; `more` were left out."""

    since_ms: int
    lines: tuple[Change, ...]
    more: int


def visit_before(lines: Sequence[JournalLine], patient: str, *, now_ms: int) -> JournalLine | None:
    """The patient's last look of an earlier visit, in lines that are given latest first; None: there is none."""
    last = now_ms
    for line in lines:
        if line.reader != patient or line.channel != CHANNEL or line.decision != "yes":
            continue
        if last - line.at_ms > PAUSE_MS:
            return line
        last = line.at_ms
    return None


def changes_of(patient: Account, lines: Sequence[JournalLine], *, now_ms: int) -> Changes | None:
    """What happened since the visit before; None on a first visit. The caller makes sure that the patient looks."""
    before = visit_before(lines, str(patient.pk), now_ms=now_ms)
    if before is None:
        return None
    told = happenings_of(
        patient, lambda ids: names_for(patient.pk, ids, now_ms=now_ms), since=before.entry + 1, kinds=KINDS
    )
    found = [Change(at_ms=one.at_ms, text=one.text) for one in told]
    found += _looks(patient, [line for line in lines if line.entry > before.entry], now_ms)
    found += [Change(at_ms=e.at_ms, text=e.text) for e in ended_since(patient, before.at_ms, now_ms=now_ms)]
    found += _heard(my_objects(patient, now_ms=now_ms), before.at_ms, now_ms)
    found.sort(key=lambda change: -change.at_ms)
    return Changes(since_ms=before.at_ms, lines=tuple(found[:_SHOWN]), more=max(0, len(found) - _SHOWN))


def _looks(patient: Account, lines: Iterable[JournalLine], now_ms: int) -> list[Change]:
    """Who looked, each person once, by their last look; only who had the patient in a list is told as that."""
    last: dict[str, JournalLine] = {}
    for line in lines:
        if line.decision != "yes" or line.reader in ("", str(patient.pk)):
            continue
        known = last.get(line.reader)
        if known is None or (known.channel == LIST and line.channel != LIST):
            last[line.reader] = line
    names = names_for(patient.pk, set(last), now_ms=now_ms)
    found = []
    for reader, line in last.items():
        text = _("%(who)s had you in their list.") if line.channel == LIST else _("%(who)s saw your measurements.")
        found.append(Change(at_ms=line.at_ms, text=text % {"who": names.get(reader, _("a closed account"))}))
    return found


def _heard(objects: Iterable[Mine], then_ms: int, now_ms: int) -> Iterable[Change]:
    """Which objects fell silent, or came back, by the names that the patient gave."""
    for mine in objects:
        if mine.state != "measuring" or mine.since_ms > then_ms or mine.heard_ms is None:
            continue
        rows = Envelope.objects.filter(pairing=mine.pairing, last_ms__lte=then_ms).order_by("-last_ms")
        before = [at_ms for at_ms in rows.values_list("received_ms", flat=True)[:_RECENT] if at_ms <= then_ms]
        was_silent = is_silent(before, then_ms)
        if mine.silent and not was_silent:
            told = {"object": mine.name, "since": words.at(mine.heard_ms, now_ms)}
            yield Change(
                at_ms=max(mine.heard_ms, then_ms), text=_("%(object)s fell silent: nothing since %(since)s.") % told
            )
        elif was_silent and not mine.silent:
            yield Change(at_ms=mine.heard_ms, text=_("%(object)s is heard again.") % {"object": mine.name})
