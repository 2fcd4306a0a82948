"""The languages in which `egide verify` speaks, and how it writes a time."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

__all__ = ["Lang", "system_lang", "time_text"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Lang(StrEnum):
    """Languages of what is printed."""

    FR = "fr"
    EN = "en"


def system_lang() -> Lang:
    """The locale's, when it is one of ours; else English."""
    locale = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or ""
    return Lang.FR if locale.lower().startswith("fr") else Lang.EN


def time_text(ms: int) -> str:
    """UTC, to the millisecond."""
    at = _EPOCH + timedelta(milliseconds=ms)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
