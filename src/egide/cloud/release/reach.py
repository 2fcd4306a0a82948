"""How far back a page must look to show something, for a reader from whom something may be hidden.

What is hidden must not choose the period of a page: it would tell that something was measured. Nothing leaves here, so
nothing is journaled; the page then asks the door.
"""

from __future__ import annotations

from dataclasses import replace

from egide.cloud.release.door import Ask, open_columns, why
from egide.cloud.release.scope import keys_open
from egide.cloud.release.sight import unlimited
from egide.cloud.vault.owning import keys_of

__all__ = ["sees_everything", "shows"]


def sees_everything(ask: Ask, *, now_ms: int) -> bool:
    """Whether all that was measured is for this reader to see; so too where the door says no."""
    decision = why(ask, now_ms=now_ms)
    if not decision.allowed:
        return True
    keys = keys_of(ask.patient.pk)
    return unlimited(decision) and len(keys_open(ask.patient.pk, ask.reader, decision, keys)) == len(keys)


def shows(ask: Ask, since_ms: int, *, now_ms: int) -> int:
    """How many envelopes show this reader something from `since_ms` to the end of what is asked."""
    decision = why(ask, now_ms=now_ms)
    return len({c.entry for c in open_columns(replace(ask, since_ms=since_ms), decision)}) if decision.allowed else 0
