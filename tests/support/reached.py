"""Messages go to a contact: a code was sent there, and typed."""

from __future__ import annotations

import uuid

from egide.cloud.messages import codes
from egide.cloud.messages.models import Outgoing, Way
from egide.cloud.messages.ways import turn_on
from egide.cloud.people.models import Account

__all__ = ["reach"]


def reach(account: Account, contact: uuid.UUID, *, language: str, now_ms: int) -> Way:
    """Turn it on and prove it; the code itself has left."""
    way = turn_on(account, contact, language=language, now_ms=now_ms)
    if way.proved_ms is None:
        codes.prove(account, way.pk, codes.code_of(way), now_ms=now_ms)
        Outgoing.objects.filter(way=way, is_code=True).delete()
    way.refresh_from_db()
    return way
