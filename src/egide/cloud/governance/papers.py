"""Which forms can be made for a patient now: a readable copy of what was agreed, or of a mandate that runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final

from django.utils import timezone

from egide.cloud.consent.attested import facts_of
from egide.cloud.consent.facts import runs
from egide.cloud.consent.proof import signed_consents
from egide.cloud.governance.forms import Form, care_agreement, mandate
from egide.cloud.people.models import Account
from egide.cloud.people.service import name_of
from egide.errors import EgideError, NotFoundError, RefusedError
from egide.trust.grant import GRANT

__all__ = ["Paper", "Signed", "made", "papers_of", "signed_by"]

_HOW: Final = {"oral": "oral", "paper": "paper", "signed": "screen"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """A form that can be made: `kind` is care-agreement or mandate, `id` the follow-up's or the mandate's."""

    kind: str
    id: str
    who: str
    since_ms: int
    agreed: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A consent that the patient signed with a passkey, which may go with a form."""

    entry: int
    who: str
    at_ms: int


def papers_of(patient: Account, *, now_ms: int) -> list[Paper]:
    """Of every follow-up whose agreement or refusal was written down, and of every mandate in force."""
    facts = facts_of(patient.pk)
    agreements = [
        Paper(
            kind="care-agreement", id=care.id, who=_name(care.recorded_by), since_ms=care.since_ms, agreed=care.agreed
        )
        for care in facts.care
        if care.agreed is not None and runs(care, now_ms)
    ]
    mandates = [
        Paper(kind="mandate", id=held.id, who=_name(held.representative), since_ms=held.since_ms)
        for held in facts.representations
        if held.nature == "mandate" and runs(held, now_ms) and not any(runs(stop, now_ms) for stop in held.suspended)
    ]
    return agreements + mandates


def signed_by(patient: Account) -> list[Signed]:
    """What the patient signed, the latest first: for the patient's own eyes."""
    return [
        Signed(entry=entry, who=said.reader.name, at_ms=said.at_ms)
        for entry, said in reversed(signed_consents(patient.pk))
        if said.kind == GRANT
    ]


def made(
    patient: Account, kind: str, key: str, *, by: Account, lang: str, now_ms: int, consent: int | None = None
) -> Form:
    """The form, sealed, and named in the register.

    Raises:
        NotFoundError: nothing of the kind was agreed, or no such consent. RefusedError: it cannot be read.
        UnavailableError: as `forms.care_agreement`.
    """
    if not any(paper.kind == kind and paper.id == key for paper in papers_of(patient, now_ms=now_ms)):
        raise NotFoundError("no form of this can be made")
    facts = facts_of(patient.pk)
    if kind == "care-agreement":
        care = next(care for care in facts.care if care.id == key)
        taken_by = Account.objects.filter(pk=care.recorded_by).first()
        if taken_by is None:
            raise RefusedError("who took this agreement is not known any more")
        return care_agreement(
            patient, taken_by, how=_HOW[care.how], agreed=bool(care.agreed), lang=lang, now_ms=now_ms, consent=consent
        )
    held = next(held for held in facts.representations if held.id == key)
    return mandate(
        patient, _name(held.representative), by=by, since=_day(held.since_ms),
        until=None if held.until_ms is None else _day(held.until_ms - 1), lang=lang, now_ms=now_ms, consent=consent,
    )  # fmt: skip


def _name(account_id: str) -> str:
    try:
        return name_of(Account.objects.get(pk=account_id))
    except (Account.DoesNotExist, EgideError):
        return ""


def _day(ms: int) -> date:
    return datetime.fromtimestamp(ms / 1000, tz=UTC).astimezone(timezone.get_default_timezone()).date()
