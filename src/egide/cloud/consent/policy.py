"""The same decision, by Cedar policies that a data-protection officer can read (policies/*.cedar)."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from importlib.resources import files
from typing import Any

import cedarpy

from egide.cloud.consent.rules import Follow, Question

__all__ = ["permits"]

_TYPES = {"patient": "Patient", "professional": "Professional", "operator": "Operator"}


@functools.cache
def _policies() -> str:
    folder = files("egide.cloud.consent") / "policies"
    return "\n".join(
        item.read_text(encoding="utf-8")
        for item in sorted(folder.iterdir(), key=lambda item: item.name)
        if item.name.endswith(".cedar")
    )


def permits(question: Question, follows: Iterable[Follow]) -> bool:
    """What the policies say; anything they cannot evaluate is a no."""
    kind = _TYPES.get(question.role, "Unknown")
    followed_by = [
        {"__entity": {"type": "Professional", "id": f.professional}}
        for f in follows
        if f.patient == question.patient
        and f.since_ms <= question.at_ms
        and (f.until_ms is None or question.at_ms < f.until_ms)
    ]
    patient = {"__entity": {"type": "Patient", "id": question.patient}}
    try:
        answer = _ask_cedar(kind, question, patient, followed_by)
    except Exception:  # a policy that cannot be read permits nothing
        return False
    return bool(answer.allowed)


def _ask_cedar(kind: str, question: Question, patient: dict[str, Any], followed_by: list[dict[str, Any]]) -> Any:
    return cedarpy.is_authorized(
        {
            "principal": f'{kind}::"{question.reader}"',
            "action": 'Action::"read"',
            "resource": f'Record::"{question.patient}"',
            "context": {"purpose": question.purpose},
        },
        _policies(),
        [
            {"uid": {"type": kind, "id": question.reader}, "attrs": {}, "parents": []},
            {
                "uid": {"type": "Record", "id": question.patient},
                "attrs": {"patient": patient, "followedBy": followed_by},
                "parents": [],
            },
        ],
    )
