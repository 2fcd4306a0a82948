"""What is the patient's alone: what they gave and took away, and who looked. To anybody else there is nothing.

A restriction that somebody could find here would tell them that something is hidden from them.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from typing import Any

from egide.cloud.consent.attested import facts_of
from egide.cloud.consent.facts import Window
from egide.cloud.consent.rules import SELF
from egide.cloud.fhir.asked import Asked
from egide.cloud.fhir.dates import parse_dates
from egide.cloud.fhir.reading.lists import listed, named_patient, opened, picked
from egide.cloud.fhir.resources import audit_event, consent
from egide.cloud.fhir.resources.audit_event import Read
from egide.cloud.people.models import Account
from egide.cloud.people.service import name_of
from egide.cloud.release.journal import JournalLine, journal_of
from egide.cloud.release.withheld import in_force
from egide.errors import NotFoundError

__all__ = ["read_audit", "read_consent", "search_audits", "search_consents"]

_LINES = 1_000  # of the journal, the latest: the portal reads it whole
_KINDS = {"patient": "Patient", "professional": "Practitioner"}
Body = dict[str, Any]


def read_consent(asked: Asked, key: str) -> Body:
    return picked(asked, "Consent", key, lambda: _consents(asked, _own(asked), "read"))


def search_consents(asked: Asked) -> Body:
    who = named_patient(asked)
    return listed(asked, "Consent", _consents(asked, who, "search-type"), known={"patient"})


def _own(asked: Asked) -> Account:
    account = asked.reader.account
    if account is None or account.role != Account.Role.PATIENT:
        raise NotFoundError("no such resource")
    return account


def _is_own(asked: Asked, who: Account, kind: str, interaction: str) -> bool:
    """Whether the reader is the patient, on no other ground; asked of the door and journaled either way."""
    return opened(asked, who, kind, interaction).decision.ground == SELF and not asked.reader.app


def _consents(asked: Asked, who: Account, interaction: str) -> list[Body]:
    if not _is_own(asked, who, "Consent", interaction):
        return []
    facts, now = facts_of(who.pk), asked.now_ms
    given = [
        consent(
            g.id, str(who.pk), permits=True, holder=(g.holder.kind, g.holder.id), purpose=g.purpose,
            families=_families(g.data), since_ms=g.since_ms, until_ms=g.until_ms, now_ms=now,
        )
        for g in facts.grants
    ]  # fmt: skip
    taken = [
        consent(
            r.id, str(who.pk), permits=False, holder=(r.who.kind, r.who.id), purpose="", families=_families(r.data),
            since_ms=r.since_ms, until_ms=r.until_ms, now_ms=now,
        )
        for r in facts.restrictions
    ]  # fmt: skip
    return given + taken


def _families(data: Window) -> Sequence[str]:
    return sorted(data.families) if data.families is not None else ()


def read_audit(asked: Asked, key: str) -> Body:
    return picked(asked, "AuditEvent", key, lambda: list(_audits(asked, _own(asked), "read")))


def search_audits(asked: Asked) -> Body:
    """The latest lines of the patient's own journal, by date."""
    who = named_patient(asked)
    dates = parse_dates("date", asked.query.getlist("date"), now_ms=asked.now_ms)
    found = list(_audits(asked, who, "search-type", lambda line: dates.hold(line.at_ms, line.at_ms + 1)))
    return listed(asked, "AuditEvent", found, known={"patient", "date"})


def _audits(asked: Asked, who: Account, interaction: str, keep: Any = lambda _: True) -> Iterator[Body]:
    if not _is_own(asked, who, "AuditEvent", interaction):
        return
    lines = [line for line in journal_of(who, limit=_LINES) if keep(line)]
    readers = Account.objects.in_bulk({uuid.UUID(line.reader) for line in lines if line.reader})
    hidden = in_force(who.pk, now_ms=asked.now_ms)
    for line in lines:
        yield audit_event(_read(line, who, readers.get(uuid.UUID(line.reader)) if line.reader else None, hidden))


def _read(line: JournalLine, who: Account, reader: Account | None, hidden: dict[str, str]) -> Read:
    if reader is None:
        shown = ("", "", "")
    elif str(reader.pk) in hidden:
        shown = ("", "", hidden[str(reader.pk)] or "somebody of the service")
    elif reader.role in _KINDS:
        shown = (_KINDS[reader.role], str(reader.pk), name_of(reader))
    else:
        shown = ("", "", name_of(reader))
    return Read(
        entry=line.entry, at_ms=line.at_ms, patient=str(who.pk), who=shown, app=line.app, purpose=line.purpose,
        allowed=line.decision == "yes", channel=line.channel, codes=line.codes,
    )  # fmt: skip
