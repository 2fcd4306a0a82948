"""What somebody in charge says of an event, or of what lies in quarantine: a signed statement, its reason sealed.

An event is never changed by it. A note whose signature or seal does not hold says nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from egide.cloud.keys.columns import open_text, seal_text
from egide.cloud.register.journal import append_statement, open_statement
from egide.cloud.register.models import Statement, Topic
from egide.cloud.register.platform import platform
from egide.cloud.register.topics import note_topic
from egide.cloud.ward.desks import Seat
from egide.errors import EgideError, RefusedError
from egide.trust.cose import Sign1
from egide.trust.limits import LIMITS

__all__ = ["AGAIN", "KEPT", "KIND", "SEEN", "Note", "notes_on", "require_reason", "say"]

KIND: Final = "event-note"
SEEN: Final = "seen"
KEPT: Final = "kept"
AGAIN: Final = "again"
MAX_REASON: Final = 300
_READ: Final = 500  # the latest notes on what one page shows: older ones are in the register


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """`what` is SEEN, KEPT or AGAIN; `outcome` a refusal's code, "stored", or ""."""

    at_ms: int
    by: str  # account id
    what: str
    reason: str
    outcome: str


def say(
    seat: Seat, about: str, what: str, reason: str, *, now_ms: int, facts: Mapping[str, Any] | None = None,
    outcome: str = "", also: Callable[[], None] | None = None,
) -> None:  # fmt: skip
    """Write a note about `about` ("event:12"); `facts` repeat what it is about, so that the statement stands alone.

    Raises RefusedError: no reason, or one that is too long.
    """
    said = {
        **(facts or {}), "about": about, "what": what, "outcome": outcome, "office": seat.office,
        "by": str(seat.account.pk), "reason": seal_text(require_reason(reason), _context(about)),
    }  # fmt: skip

    def rows() -> None:
        note_topic(KIND, about)
        if also is not None:
            also()

    append_statement(KIND, None, said, now_ms=now_ms, also=rows)


def require_reason(text: str) -> str:
    """A reason in one line. Raises RefusedError: empty, over 300 characters, or with control characters."""
    reason = " ".join(text.split())
    if not reason or len(reason) > MAX_REASON or not reason.isprintable():
        raise RefusedError("say why, in 300 printable characters at most")
    return reason


def notes_on(abouts: Iterable[str]) -> dict[str, list[Note]]:
    """The notes on each of these, oldest first; nothing for what nobody noted."""
    wanted = set(abouts)
    found: dict[str, list[Note]] = {}
    if not wanted:
        return found
    key = platform().signer.public_key
    about = Topic.objects.filter(kind=KIND, name__in=wanted).order_by("-entry").values_list("entry", flat=True)
    for row in Statement.objects.filter(entry__in=list(about[:_READ]), kind=KIND).order_by("-entry"):
        try:
            Sign1.parse(bytes(row.body), limit=LIMITS.journal, what="statement").verify(key)
            said = open_statement(row)
            facts = said.facts
            if said.kind != KIND or facts["about"] not in wanted:
                continue
            reason = open_text(facts["reason"], _context(facts["about"]))
            note = Note(at_ms=said.at_ms, by=facts["by"], what=facts["what"], reason=reason, outcome=facts["outcome"])
        except (EgideError, KeyError, TypeError, ValueError):
            continue
        found.setdefault(facts["about"], []).insert(0, note)
    return found


def _context(about: str) -> bytes:
    return f"register.{KIND} {about}".encode()
