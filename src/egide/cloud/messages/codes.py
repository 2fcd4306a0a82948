"""A code proves that who asks for messages reads what is sent there: nothing else leaves before it was typed.

Six digits, made from the platform's own secret and never kept; good for half an hour and five tries, six of them a day.
"""

from __future__ import annotations

import hmac
import uuid
from typing import Final

from django.db import transaction
from django.db.models import F

from egide.cloud.keys.columns import blind_index
from egide.cloud.messages.models import CodeSent, Outgoing, Way
from egide.cloud.people.models import Account
from egide.errors import RefusedError, TooManyTriesError

__all__ = ["LIFE_MS", "MAX_CODES", "MAX_TRIES", "CodeError", "ask", "code_of", "lapsed", "prove"]

LIFE_MS: Final = 30 * 60_000
MAX_TRIES: Final = 5
MAX_CODES: Final = 6
_DAY_MS: Final = 86_400_000


class CodeError(RefusedError):
    """This is not the code that was sent, or its time is over (which is not said)."""

    code = "contact-code-refused"
    hint = "read the latest message again, or have another code sent"


def ask(way: Way, *, now_ms: int) -> None:
    """Send a code there; the ones before are worth nothing. Raises TooManyTriesError: six were sent within a day."""
    CodeSent.objects.filter(at_ms__lte=now_ms - _DAY_MS).delete()
    with transaction.atomic():
        mine = CodeSent.objects.create(account=way.account, at_ms=now_ms)
        # Written before it is judged, so that many at once cannot slip through.
        if CodeSent.objects.filter(account=way.account, pk__lte=mine.pk).count() > MAX_CODES:
            raise TooManyTriesError("six codes are sent a day at most")
        Way.objects.filter(pk=way.pk, proved_ms=None).update(code_ms=now_ms, code_tries=0)
        Outgoing.objects.filter(way=way, is_code=True, state=Outgoing.State.WAITING).delete()
        Outgoing.objects.create(way=way, is_code=True, queued_ms=now_ms, due_ms=now_ms)
    way.refresh_from_db()


def code_of(way: Way) -> str:
    """The code that was asked for last. It is for the sender's eyes, and lies nowhere."""
    made = blind_index(f"{way.pk} {way.contact_id} {way.code_ms}", "messages.code")
    return f"{int.from_bytes(made, 'big') % 1_000_000:06}"


def lapsed(way: Way, *, now_ms: int) -> bool:
    return way.code_ms is None or not 0 <= now_ms - way.code_ms < LIFE_MS


def prove(account: Account, way: uuid.UUID, typed: str, *, now_ms: int) -> None:
    """From now on messages go there. A try is counted before it is judged.

    Raises:
        CodeError: another code, too late, or nothing waits for one. TooManyTriesError: five were wrong.
    """
    waiting = Way.objects.filter(account=account, pk=way, proved_ms=None)
    row = waiting.first()
    if row is None or lapsed(row, now_ms=now_ms):
        raise CodeError("no code is waited for")
    if not waiting.filter(code_ms=row.code_ms, code_tries__lt=MAX_TRIES).update(code_tries=F("code_tries") + 1):
        raise TooManyTriesError("too many wrong codes")
    digits = "".join(typed[:20].split())
    if not hmac.compare_digest(digits.encode(), code_of(row).encode()):
        raise CodeError("this is not the code that was sent")
    waiting.update(proved_ms=now_ms)
