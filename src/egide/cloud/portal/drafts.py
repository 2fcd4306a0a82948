"""Answers given page by page, kept until the last: sealed, in the session, gone when they are used or it ends."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpRequest

from egide.cloud.keys.columns import open_text, seal_text
from egide.cloud.people.models import Account
from egide.errors import SealError

__all__ = ["clear", "load", "save"]


def load(request: HttpRequest, owner: Account, name: str) -> dict[str, Any]:
    """What was answered so far; nothing when there is no draft, or it is another person's."""
    kept = request.session.get(_key(name))
    if not isinstance(kept, str):
        return {}
    try:
        answers = json.loads(open_text(bytes.fromhex(kept), _context(owner, name)))
    except (SealError, ValueError):
        return {}
    return answers if isinstance(answers, dict) else {}


def save(request: HttpRequest, owner: Account, name: str, answers: dict[str, Any]) -> None:
    request.session[_key(name)] = seal_text(json.dumps(answers), _context(owner, name)).hex()


def clear(request: HttpRequest, name: str) -> None:
    request.session.pop(_key(name), None)


def _key(name: str) -> str:
    return f"draft.{name}"


def _context(owner: Account, name: str) -> bytes:
    return f"portal.draft.{name} ".encode() + owner.pk.bytes
