"""The first glance: what is true of the service, in sentences. Never "you are well"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from egide.cloud.people.models import Account
from egide.cloud.people.service import name_of
from egide.cloud.portal import words
from egide.cloud.portal.names import names_for
from egide.cloud.portal.objects import my_objects
from egide.cloud.portal.periods import Period
from egide.cloud.portal.record import doubtful, is_wave
from egide.cloud.portal.subject import Subject
from egide.cloud.release.door import Column
from egide.cloud.release.journal import JournalLine, journal_of

__all__ = ["Glance", "glance_at", "own_journal", "reader_names", "received_words"]

_LOOK_BACK = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """Sentences, the most telling first; `attention` counts what waits for a look."""

    received: str
    working: str
    seen: str
    attention: str
    silent: str = ""


def glance_at(
    subject: Subject, columns: Sequence[Column], period: Period, *, now_ms: int, journal: Sequence[JournalLine] = ()
) -> Glance:
    """What the columns released over a period say of the service; `journal` is what `own_journal` read."""
    waiting = sum(1 if is_wave(c) and doubtful(c) else doubtful(c) for c in columns)
    measured = sum(1 if is_wave(c) else len(c.values) for c in columns)
    return Glance(
        received=received_words(columns, now_ms=now_ms),
        working=_working(len({c.object_id for c in columns}), measured, period) if columns else "",
        seen=_seen(subject, journal, now_ms) if subject.own else "",
        attention=ngettext("%(n)s measurement to be checked", "%(n)s measurements to be checked", waiting)
        % {"n": words.number(waiting)}
        if waiting
        else "",
        silent=_silent(subject, now_ms) if subject.own else "",
    )


def received_words(columns: Sequence[Column], *, now_ms: int) -> str:
    """When the last measurement came."""
    if not columns:
        return _("Nothing was measured over this period.")
    ago = words.ago(max(c.received_ms for c in columns), now_ms)
    return _("Last measurement received %(ago)s.") % {"ago": ago}


def reader_names(ids: set[str]) -> dict[str, str]:
    """Account id to name, for those that still exist."""
    return {str(account.pk): name_of(account) for account in Account.objects.filter(pk__in=ids)}


def _working(objects: int, count: int, period: Period) -> str:
    measured = ngettext("%(n)s measurement", "%(n)s measurements", count) % {"n": words.number(count)}
    told = {"objects": objects, "measured": measured, "period": period.words}
    return (
        ngettext(
            "%(objects)s object sent %(measured)s over %(period)s.",
            "%(objects)s objects sent %(measured)s over %(period)s.",
            objects,
        )
        % told
    )


def _silent(subject: Subject, now_ms: int) -> str:
    """Which objects have been quiet for longer than is usual for them, by the names that the patient gave."""
    mine = [each for each in my_objects(subject.patient, now_ms=now_ms) if each.state == "measuring"]
    quiet = [each.name for each in mine if each.silent]
    if not quiet:
        return _("None of your objects has been quiet for longer than usual.") if mine else ""
    told = {"names": ", ".join(quiet)}
    return (
        ngettext(
            "%(names)s has been quiet for longer than usual.", "Quiet for longer than usual: %(names)s.", len(quiet)
        )
        % told
    )


def own_journal(subject: Subject) -> list[JournalLine]:
    """The last lines of one's own journal; none of another's."""
    return journal_of(subject.patient, limit=_LOOK_BACK) if subject.own else []


def _seen(subject: Subject, lines: Sequence[JournalLine], now_ms: int) -> str:
    """Who last saw the record, apart from the patient; nothing is claimed beyond the lines that were read."""
    others = [line for line in lines if line.decision == "yes" and line.reader != str(subject.patient.pk)]
    if not others:
        return _("Nobody but you has seen them.") if len(lines) < _LOOK_BACK else ""
    names = names_for(subject.patient.pk, {others[0].reader}, now_ms=now_ms)
    name = names.get(others[0].reader, _("a closed account"))
    return _("Last seen by %(name)s, %(ago)s.") % {"name": name, "ago": words.ago(others[0].at_ms, now_ms)}
