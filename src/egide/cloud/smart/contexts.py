"""For whom somebody may let an app in: for themself, for whom they represent, for whom they follow."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from dataclasses import dataclass
from typing import Final

from django.db.models import Q

from egide.cloud.consent.models import FollowUp, Ground
from egide.cloud.people.models import Account
from egide.cloud.people.service import name_of
from egide.cloud.release.door import Ask, why
from egide.cloud.smart.models import App, Launch
from egide.errors import NotFoundError, RefusedError

__all__ = ["Person", "people_of", "purpose_for", "start_launch", "use_launch"]

_LAUNCH_MS: Final = 5 * 60_000
_FAR_MS: Final = 2**48


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A patient whose record the reader may open."""

    account: Account
    name: str
    own: bool


def purpose_for(reader: Account, patient: Account) -> str:
    """What an app of this reader's asks for, in this record."""
    if reader.pk == patient.pk:
        return "PATRQT"
    return "TREAT" if reader.role == Account.Role.PROFESSIONAL else "FAMRQT"


def people_of(reader: Account, *, now_ms: int) -> list[Person]:
    """Oneself, and whoever one represents or follows and the door opens to one now, by name. Rows say whom to try."""
    if reader.role == Account.Role.OPERATOR:
        return []
    running = Q(until_ms=None) | Q(until_ms__gt=now_ms)
    if reader.role == Account.Role.PROFESSIONAL:
        follows = FollowUp.objects.filter(running, professional=reader, since_ms__lte=now_ms)
        ids = set(follows.values_list("patient", flat=True))
    else:
        held = Ground.objects.filter(running, kind=Ground.Kind.REPRESENTATION, holder=str(reader.pk))
        ids = set(held.values_list("patient", flat=True))
    mine = [Person(account=reader, name=name_of(reader), own=True)] if reader.role == Account.Role.PATIENT else []
    others = Account.objects.filter(pk__in=ids, role=Account.Role.PATIENT, is_active=True).exclude(pk=reader.pk)
    found = [Person(account=one, name=name_of(one), own=False) for one in others if opens(reader, one, now_ms=now_ms)]
    return mine + sorted(found, key=lambda one: one.name.casefold())


def opens(reader: Account, patient: Account, *, now_ms: int) -> bool:
    """Whether the door would open some of this record to the reader in person. Nothing is opened, nothing journaled."""
    ask = Ask(
        reader=reader, patient=patient, since_ms=0, until_ms=_FAR_MS, purpose=purpose_for(reader, patient),
        channel="fhir",
    )  # fmt: skip
    return why(ask, now_ms=now_ms).allowed


def start_launch(app: App, reader: Account, patient: Account, *, now_ms: int) -> str:
    """A launch's token: this app, this reader, this patient, once, within five minutes.

    Raises:
        RefusedError: the app cannot be opened from a record. NotFoundError: nothing opens this record to the reader.
    """
    if not app.launch_uri or "launch" not in app.scopes.split():
        raise RefusedError("this app is not opened from a record")
    if not any(one.account.pk == patient.pk for one in people_of(reader, now_ms=now_ms)):
        raise NotFoundError("no such patient here")
    text = secrets.token_urlsafe(32)
    Launch.objects.create(
        token_hash=_hash(text), app=app, account=reader, patient=patient, lapses_ms=now_ms + _LAUNCH_MS
    )
    return text


def use_launch(text: str, app: App, reader: Account, *, now_ms: int, spend: bool) -> uuid.UUID:
    """The patient of a launch, for the very app and reader that it was made for; `spend`: it was good this once.

    Raises:
        RefusedError: another's, lapsed, or used (which of these is not said).
    """
    rows = Launch.objects.filter(token_hash=_hash(text), app=app, account=reader, lapses_ms__gt=now_ms)
    patient = rows.values_list("patient", flat=True).first()
    if patient is None or (spend and not rows.delete()[0]):
        raise RefusedError("this launch is not one that can be used")
    return patient


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
