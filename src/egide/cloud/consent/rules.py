"""Decide on which ground somebody may read a record. Pure: no clock, no database. The default answer is no."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from egide.errors import AccessDeniedError

__all__ = ["CARE_TEAM", "SELF", "Follow", "Question", "require_ground"]

SELF: Final = "self"
CARE_TEAM: Final = "care-team"

#: What each ground is good for (HL7 v3 PurposeOfUse).
_PURPOSES: Final = {SELF: frozenset({"PATRQT"}), CARE_TEAM: frozenset({"TREAT"})}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One reader wants one patient's measurements for one purpose, now. Ids, not names."""

    reader: str
    role: str
    patient: str
    purpose: str
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Follow:
    """A professional belongs to a patient's follow-up, from `since_ms` until just before `until_ms`."""

    patient: str
    professional: str
    since_ms: int
    until_ms: int | None


def require_ground(question: Question, follows: Iterable[Follow]) -> str:
    """Return the ground that lets the question through. The caller journals it: it is the evidence.

    Raises:
        AccessDeniedError: no ground, or not for this purpose.
    """
    ground = _ground(question, follows)
    if ground is None:
        raise AccessDeniedError("no ground lets this reader see this record")
    if question.purpose not in _PURPOSES[ground]:
        raise AccessDeniedError("the ground does not serve this purpose")
    return ground


def _ground(question: Question, follows: Iterable[Follow]) -> str | None:
    if question.role == "patient":
        return SELF if question.reader == question.patient else None
    if question.role == "professional":
        for follow in follows:
            if (
                (follow.patient, follow.professional) == (question.patient, question.reader)
                and follow.since_ms <= question.at_ms
                and (follow.until_ms is None or question.at_ms < follow.until_ms)
            ):
                return CARE_TEAM
    return None
