"""How often one account may do what costs much, or what somebody who has taken it over would do many times.

Far above what a desk does in a busy quarter of an hour. A turn is written before the work is done, so that many at once
cannot slip through, and counts in every process. What narrows has no limit, nor has reading a record: an emergency
must never wait, and each reading is a line of the journal.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from django.conf import settings

from egide.cloud.people.models import Account
from egide.cloud.signin.models import Attempt
from egide.cloud.signin.tries import WINDOW_MS
from egide.errors import TooManyTriesError

__all__ = ["TURNS", "TooOftenError", "take_turn"]

#: Turns of one account within a quarter of an hour.
TURNS: Final = {
    "search": 60,  # by name and birth date, or by a national number
    "invitation": 30,
    "scan": 30,  # looked into, sealed
    "form": 30,  # typeset, sealed, time-stamped
    "file": 6,  # a whole record, or a whole journal
}


class TooOftenError(TooManyTriesError):
    """This account did that too many times within a quarter of an hour."""

    code = "too-often"
    hint = "wait a quarter of an hour"


def take_turn(account: Account, act: str, *, now_ms: int) -> None:
    """Count one more, before it is done. Raises TooOftenError: this account had all of its turns."""
    bucket = hmac.digest(settings.SECRET_KEY.encode(), f"egide turn {act}\0{account.pk}".encode(), hashlib.sha256)
    Attempt.objects.filter(at_ms__lte=now_ms - WINDOW_MS).delete()
    row = Attempt.objects.create(bucket=bucket, at_ms=now_ms)
    if Attempt.objects.filter(bucket=bucket, pk__lte=row.pk).count() > TURNS[act]:
        row.delete()
        raise TooOftenError("too many of these within a quarter of an hour")
