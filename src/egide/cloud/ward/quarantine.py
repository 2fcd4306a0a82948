"""What lies in quarantine, and what somebody in charge decides of it: keep it, or give it to intake once more.

Opened to be sent, never to be read: the bytes go from the seal to intake, which judges them as it judges any message.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from django.conf import settings
from django.db.models import QuerySet

from egide.cloud.fleet.relay import relay
from egide.cloud.intake.models import Refused
from egide.cloud.intake.quarantine import INFO
from egide.cloud.ward import notes
from egide.cloud.ward.desks import Seat
from egide.cloud.ward.notes import Note, notes_on
from egide.cloud.ward.security import refused_in
from egide.errors import MalformedError, NotFoundError, RefusedError, SealError, UnavailableError
from egide.trust.seal import Suite, open_sealed

__all__ = [
    "AT_ONCE", "SHOWN", "STORED", "Lying", "Outcome", "codes_of", "keep", "listed", "lying", "send_to_intake",
    "try_again",
]  # fmt: skip

SHOWN: Final = 50
AT_ONCE: Final = 200  # that one confirmation may decide: each is a statement of its own
STORED: Final = "stored"
CUT: Final = "cut-short"
BROKEN: Final = "seal-broken"
_CREATED: Final = 201
_UNAVAILABLE: Final = 503
#: Gives (object as proved, envelope) to intake; answers (HTTP status, what intake says). Raises UnavailableError.
Send = Callable[[str, bytes], tuple[int, bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lying:
    """One refused message: when, why and from which object; what was said of it since."""

    row: Refused
    notes: tuple[Note, ...]

    @property
    def mark(self) -> str:
        """The beginning of its hash: enough to speak of it."""
        return bytes(self.row.digest).hex()[:12]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of those that were tried again: how many are in the register now, and codes of the others."""

    stored: int
    refused: tuple[str, ...]


def lying(seat: Seat, *, code: str = "", source: str | None = None) -> list[Lying]:
    """The latest of what lies there, of one code or source where these are given ("" is who proved nothing)."""
    found = list(_narrowed(seat, code, source).order_by("-at_ms", "-pk")[:SHOWN])
    said = notes_on(_about(row) for row in found)
    return [Lying(row=row, notes=tuple(said.get(_about(row), ()))) for row in found]


def listed(seat: Seat, *, code: str = "", source: str | None = None) -> list[int]:
    """The numbers of all that lies there, of one code or source where given: the oldest first, AT_ONCE at most."""
    rows = _narrowed(seat, code, source).order_by("at_ms", "pk")
    return list(rows.values_list("pk", flat=True)[:AT_ONCE])


def codes_of(seat: Seat, ids: Sequence[int]) -> list[tuple[str, int]]:
    """How many of these lie there under each code, most first. Raises as `keep` does."""
    return Counter(_rows(seat, ids).values_list("code", flat=True)).most_common()


def _narrowed(seat: Seat, code: str, source: str | None) -> QuerySet[Refused]:
    rows = refused_in(seat).defer("sealed")
    if code:
        rows = rows.filter(code=code)
    return rows if source is None else rows.filter(source=source)


def keep(seat: Seat, ids: Sequence[int], reason: str, *, now_ms: int) -> int:
    """Say of these that they stay where they are, and why; how many. Raises NotFoundError, RefusedError."""
    rows = list(_rows(seat, ids).defer("sealed"))
    for row in rows:
        notes.say(seat, _about(row), notes.KEPT, reason, now_ms=now_ms, facts=_facts(row))
    return len(rows)


def send_to_intake(source: str, data: bytes) -> tuple[int, bytes]:
    """Through the broker, to an intake worker. Raises UnavailableError: none answers."""
    return relay().ask(source, data)


def try_again(seat: Seat, ids: Sequence[int], reason: str, *, now_ms: int, send: Send | None = None) -> Outcome:
    """Give these to intake once more, after what made it refuse them was mended.

    What is stored leaves the quarantine; what is refused again stays, under its new code. Each try is a statement.

    Raises:
        NotFoundError: none of these lies here. RefusedError: no reason.
        UnavailableError: intake does not answer; what was not tried is as before.
    """
    notes.require_reason(reason)
    stored, refused = 0, []
    for row in _rows(seat, ids).order_by("at_ms", "pk"):
        outcome = _try(row, send or send_to_intake)
        about, facts = _about(row), _facts(row)

        def leave(row: Refused = row, outcome: str = outcome) -> None:
            """Out of quarantine once it is in the register, or once intake put it there again."""
            others = Refused.objects.filter(digest=row.digest, pk__gt=row.pk)
            if outcome == STORED or others.exists():
                Refused.objects.filter(pk=row.pk).delete()

        notes.say(seat, about, notes.AGAIN, reason, now_ms=now_ms, facts=facts, outcome=outcome, also=leave)
        if outcome == STORED:
            stored += 1
        else:
            refused.append(outcome)
    return Outcome(stored=stored, refused=tuple(sorted(set(refused))))


def _try(row: Refused, send: Send) -> str:
    """STORED, or why not."""
    try:
        seed = settings.OPTIONS.read_key("quarantine.key")
        data = open_sealed(Suite.X25519, seed, bytes(row.sealed), INFO)
    except (SealError, MalformedError):
        return BROKEN
    if hashlib.sha256(data).digest() != bytes(row.digest):
        return CUT  # too large: only its beginning was kept
    status, _answer = send(row.source, data)
    if status == _CREATED:
        return STORED
    if status == _UNAVAILABLE:
        raise UnavailableError("intake could not judge this message now")
    newest = Refused.objects.filter(digest=row.digest).order_by("-pk").values_list("code", flat=True).first()
    return newest or row.code


def _rows(seat: Seat, ids: Sequence[int]) -> QuerySet[Refused]:
    rows = refused_in(seat).filter(pk__in=list(ids)[:AT_ONCE])
    if not ids:
        raise RefusedError("nothing was chosen")
    if not rows.exists():
        raise NotFoundError("nothing of this lies here")
    return rows


def _about(row: Refused) -> str:
    return "refused:" + bytes(row.digest).hex()


def _facts(row: Refused) -> dict[str, object]:
    return {"digest": bytes(row.digest), "code": row.code, "source": row.source, "arrived": row.at_ms}
