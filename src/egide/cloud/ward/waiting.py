"""What waits for who works here, in sentences that lead to it: the first thing on their home page.

Nobody is named, nothing is opened, no line is written: counts of what their own desks show.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import ngettext

from egide.cloud.people import merge_proposals
from egide.cloud.people.models import Account
from egide.cloud.people.scope import scope_of
from egide.cloud.people.second import may_be_second
from egide.cloud.ward import notes, privacy, processing, security, staff
from egide.cloud.ward.acting import acting_at
from egide.cloud.ward.desks import Seat, desks_of, seat_of
from egide.cloud.ward.emergencies import to_review
from egide.errors import AccessDeniedError

__all__ = ["Wait", "waiting_for"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """So much waits, and where."""

    words: str
    url: str


def waiting_for(request: HttpRequest, account: Account, *, now_ms: int) -> list[Wait]:
    """The reviews first, then what each desk holds, in the order of the menu."""
    at = acting_at(request, account, now_ms=now_ms)
    found = [*_reviews(account, now_ms), *_merges(account, now_ms)]
    for office in desks_of(account, now_ms=now_ms, at=at):
        make = _OF_OFFICE.get(office)
        if make is not None:
            found += make(seat_of(account, office, now_ms=now_ms, at=at), now_ms)
    return found


def _reviews(account: Account, now_ms: int) -> list[Wait]:
    try:
        n = sum(not one.review.verdict for one in to_review(account, now_ms=now_ms))
    except AccessDeniedError:
        return []
    words = ngettext("%(n)s emergency waits for a review.", "%(n)s emergencies wait for a review.", n)
    return _wait(n, words, "ward:reviews")


def _merges(account: Account, now_ms: int) -> list[Wait]:
    """Two files of one person, where the reader receives both and did not propose it."""
    waiting = merge_proposals.waiting_for(account, scope_of(account, now_ms=now_ms), now_ms=now_ms)
    n = sum(may_be_second(one.by, account) for one in waiting)
    words = ngettext(
        "%(n)s proposal about two files of one person waits for you.",
        "%(n)s proposals about two files of one person wait for you.",
        n,
    )
    return _wait(n, words, "rights:merges")


def _of_dpo(seat: Seat, now_ms: int) -> list[Wait]:
    asked = privacy.asked_count(seat) + len(privacy.name_asks(seat))
    due = len(processing.due(seat, now_ms=now_ms))
    journal = ngettext("%(n)s question about the journal waits.", "%(n)s questions about the journal wait.", asked)
    rights = ngettext("%(n)s request waits for its answer.", "%(n)s requests wait for their answer.", due)
    declared = privacy.projects_to_decide(seat, now_ms=now_ms)
    project = ngettext("%(n)s research project waits for you.", "%(n)s research projects wait for you.", declared)
    return [
        *_wait(asked, journal, "ward:questions"), *_wait(due, rights, "ward:privacy"),
        *_wait(declared, project, "ward:projects"),
    ]  # fmt: skip


def _of_security(seat: Seat, now_ms: int) -> list[Wait]:
    found = security.happenings(seat, now_ms=now_ms)
    seen = notes.notes_on(one.about for one in found)
    n = sum(one.about not in seen for one in found)
    words = ngettext("%(n)s event that nobody has looked at.", "%(n)s events that nobody has looked at.", n)
    return _wait(n, words, "ward:security")


def _of_administrator(seat: Seat, now_ms: int) -> list[Wait]:
    n = len(staff.waiting(seat, now_ms=now_ms))
    words = ngettext("%(n)s proposal waits for a second person.", "%(n)s proposals wait for a second person.", n)
    return _wait(n, words, "ward:staff")


def _wait(n: int, words: str, where: str) -> list[Wait]:
    return [Wait(words=words % {"n": n}, url=reverse(where))] if n else []


_OF_OFFICE = {"dpo": _of_dpo, "security-officer": _of_security, "administrator": _of_administrator}
