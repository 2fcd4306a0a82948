"""What a check finds."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Finding"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that is not as it should be. `where` names it by number or id, `what` is a stable code."""

    kind: str  # log | tile | checkpoint | entry | statement | envelope | key | pairing | follow-up | gap
    # | row | object | object-key | certificate | account | contact | refused | group | linked-identity
    # | establishment | office | identity | merge | attribution | erratum | page
    where: str
    what: str
    notice: bool = False  # worth a look, not damage
