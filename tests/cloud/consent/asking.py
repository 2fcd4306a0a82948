"""What the tests of grounds do again and again: act, ask at the door, and see which metrics come out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from egide.cloud.consent import emergency, follow_ups, representation
from egide.cloud.people.models import Account
from egide.cloud.release.door import Ask, release
from egide.errors import AccessDeniedError
from tests.support.caring import caring
from tests.support.thing import DAY, NOW

HOUR = 3_600_000
PULSE, SUGAR = "8867-4", "99504-3"
BOTH = {PULSE, SUGAR}


def codes(reader: Account | None, patient: Account, purpose: str, *, at_ms: int = NOW, **changes: Any) -> set[str]:
    """The metrics that a reader gets; none when the door says no."""
    ask = Ask(
        reader=reader, patient=patient, since_ms=NOW - DAY, until_ms=NOW + DAY, purpose=purpose, channel="portal"
    )
    try:
        return {c.code for c in release(replace(ask, **changes), now_ms=at_ms).columns}
    except AccessDeniedError:
        return set()


def begin(patient: Account, doctor: Account, **changes: Any) -> str:
    said: dict[str, Any] = {
        "responsible": doctor, "prescription": "telemonitoring of diabetes", "operator": "Hospital",
        "recorded_by": doctor, "now_ms": NOW,
    }  # fmt: skip
    return follow_ups.begin_follow_up(patient, **{**said, **changes})


def parent(patient: Account, who: Account, by: Account, **changes: Any) -> str:
    said: dict[str, Any] = {
        "nature": "parent", "deed": "family record book", "recorded_by": by, "now_ms": NOW, "adult_ms": NOW + DAY
    }
    return representation.represent(patient, who, **{**said, **changes})


def an_ask(reader: Account, patient: Account, **changes: Any) -> Ask:
    ask = Ask(
        reader=reader, patient=patient, since_ms=0, until_ms=NOW + DAY, purpose="FAMRQT", channel="portal"
    )
    return replace(ask, **changes)


def glass(reader: Account, patient: Account, **changes: Any) -> str:
    said: dict[str, Any] = {"reason": "found unconscious", "families": None, "now_ms": NOW}
    asked = {**said, **changes}
    if reader.role == Account.Role.PROFESSIONAL and reader.is_active:
        caring(reader, now_ms=asked["now_ms"])
    return emergency.break_glass(reader, patient, **asked)
