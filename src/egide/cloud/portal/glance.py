"""The first glance: what is true of the service, in sentences. Never "you are well"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from egide.cloud.people.models import Account
from egide.cloud.people.service import name_of
from egide.cloud.portal import words
from egide.cloud.portal.periods import Period
from egide.cloud.portal.record import Reading, Strip
from egide.cloud.portal.subject import Subject
from egide.cloud.release.journal import journal_of

__all__ = ["Glance", "glance_at", "reader_names"]

_LOOK_BACK = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """Sentences, the most telling first; `attention` counts what waits for a look."""

    received: str
    working: str
    seen: str
    attention: str


def glance_at(
    subject: Subject, readings: Sequence[Reading], strips: Sequence[Strip], period: Period, *, now_ms: int
) -> Glance:
    objects = {r.object_id for r in readings} | {s.column.object_id for s in strips}
    received = [r.received_ms for r in readings] + [s.column.received_ms for s in strips]
    doubtful = sum(1 for r in readings if not r.fine)
    return Glance(
        received=_("Last measurement received %(ago)s.") % {"ago": words.ago(max(received), now_ms)}
        if received
        else _("Nothing was measured over this period."),
        working=_working(len(objects), len(readings) + len(strips), period) if received else "",
        seen=_seen(subject, now_ms) if subject.own else "",
        attention=ngettext("%(n)s measurement to be checked", "%(n)s measurements to be checked", doubtful)
        % {"n": words.number(doubtful)}
        if doubtful
        else "",
    )


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


def _seen(subject: Subject, now_ms: int) -> str:
    """Who last saw the record, apart from the patient."""
    lines = journal_of(subject.patient, limit=_LOOK_BACK)
    others = [line for line in lines if line.decision == "yes" and line.reader != str(subject.patient.pk)]
    if not others:
        return _("Nobody but you has seen them lately.")
    name = reader_names({others[0].reader}).get(others[0].reader, _("a closed account"))
    return _("Last seen by %(name)s, %(ago)s.") % {"name": name, "ago": words.ago(others[0].at_ms, now_ms)}
