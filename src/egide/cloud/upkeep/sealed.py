"""Names, contacts, traits and the quarantine: each is opened, and nothing of it is kept or said."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Final

from django.conf import settings

from egide.cloud.intake.models import Refused
from egide.cloud.intake.quarantine import INFO
from egide.cloud.keys.columns import open_text
from egide.cloud.people.contacts import contacts_of
from egide.cloud.people.identity import traits_context
from egide.cloud.people.models import Account, Establishment, Group, Identity
from egide.cloud.people.service import name_of
from egide.cloud.upkeep.columns import readable, what
from egide.cloud.upkeep.finding import Finding
from egide.errors import KeyMissingError, ProofError
from egide.trust.limits import LIMITS
from egide.trust.seal import Suite, open_sealed

__all__ = ["check_sealed"]

_CHUNK: Final = 2_000


def check_sealed() -> Iterator[Finding]:
    """Columns that do not open under the key provider, or under the quarantine's key."""
    for account in readable(Account.objects.order_by("pk")).iterator(_CHUNK):
        try:
            name_of(account)
        except Exception as err:
            yield Finding(kind="account", where=str(account.pk), what=what(err))
    for account in readable(Account.objects.exclude(contacts=None).distinct().order_by("pk")).iterator(_CHUNK):
        try:
            contacts_of(account)
        except Exception as err:
            yield Finding(kind="contact", where=str(account.pk), what=what(err))
    for row in readable(Identity.objects.order_by("pk")).iterator(_CHUNK):
        try:
            open_text(bytes(row.sealed_traits), traits_context(row.pk))
        except Exception as err:
            yield Finding(kind="identity", where=str(row.pk), what=what(err))
    yield from _places()
    yield from _quarantine()


def _places() -> Iterator[Finding]:
    for kind, rows in (("establishment", Establishment.objects), ("group", Group.objects)):
        for place in readable(rows.order_by("pk")).iterator(_CHUNK):
            try:
                assert isinstance(place.name, str)
            except Exception as err:
                yield Finding(kind=kind, where=str(place.pk), what=what(err))


def _quarantine() -> Iterator[Finding]:
    try:
        seed = settings.OPTIONS.read_key("quarantine.key")
    except KeyMissingError:
        return  # it may be kept elsewhere than the other keys
    for row in readable(Refused.objects.order_by("pk")).iterator(_CHUNK):
        try:
            data = open_sealed(Suite.X25519, seed, bytes(row.sealed), INFO)
            if len(data) < LIMITS.statement and hashlib.sha256(data).digest() != bytes(row.digest):
                raise ProofError("another message", step="digest")
        except Exception as err:
            yield Finding(kind="refused", where=str(row.pk), what=what(err))
