"""For developers: every part that pages are made of, as it looks, with how it is called. Nothing of anybody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.views.decorators.http import require_safe

from egide.cloud.comfort import easy
from egide.cloud.portal import live, words
from egide.cloud.portal.sharing import Choice
from egide.cloud.portal.words import Mark

__all__ = ["PARTS", "Part", "design"]

#: Where the parts lie: a part without an example here fails a test.
PARTS: Final = Path(__file__).parents[1] / "templates" / "portal" / "parts"
_LONG: Final = "What a person must read before going on, in one or two short sentences."
_COLOURS: Final = ("paper", "card", "ink", "soft", "line", "accent", "tint", "wait", "wait-bg", "good", "danger")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part, said in a line, with an example or several."""

    name: str
    use: str
    examples: tuple[Mapping[str, Any], ...] = field(default_factory=tuple)


@require_safe
def design(request: HttpRequest) -> HttpResponse:
    """The page. Its words are English: they are for those who build."""
    now = live.now_ms()
    parts = [
        {
            "name": part.name,
            "use": part.use,
            "rows": [
                {"call": _call(part.name, example), "html": _drawn(request, part.name, example, now)}
                for example in part.examples
            ],
        }
        for part in _parts(now)
    ]
    marks = [words.trust_mark(level) for level in (1, 2, 3, 4, 5)]
    marks += words.quality_marks(frozenset({"contested", "clock", "late", "held"}), "range")
    marks += words.quality_marks(frozenset(), None)
    context = {"parts": parts, "marks": marks, "colours": _COLOURS, "easy": easy.leave_lines()}
    return render(request, "portal/design.html", context)


def _drawn(request: HttpRequest, name: str, example: Mapping[str, Any], now_ms: int) -> str:
    return render_to_string(f"portal/parts/{name}.html", {**example, "now_ms": now_ms}, request=request)


def _call(name: str, example: Mapping[str, Any]) -> str:
    given = " ".join(f"{key}=…" for key in example)
    return f'{{% include "portal/parts/{name}.html"{" with " + given if given else ""} %}}'


def _choices() -> list[Choice]:
    return [
        Choice(value="1", label="For a week", hint="It ends by itself.", checked=True),
        Choice(value="2", label="For a month"),
    ]


def _parts(now_ms: int) -> tuple[Part, ...]:
    """In the order of a page: what it says, what it asks, what it lists, what stands apart."""
    return (*_said(), *_asked(), *_listed(now_ms), *_apart())


def _said() -> tuple[Part, ...]:
    return (
        Part(
            name="notice",
            use="Something to know before going on: tone is wait, info, done or danger; alert when it answers an act.",
            examples=tuple({"tone": tone, "text": _LONG} for tone in ("wait", "info", "done", "danger")),
        ),
        Part(
            name="empty",
            use="A list with nothing in it: why, and what would fill it.",
            examples=({"title": "You have no object here yet", "text": _LONG},),
        ),
        Part(name="crumb", use="The way back.", examples=({"to": "/design", "text": "Who may see"},)),
        Part(
            name="consequences",
            use="What happens, before it is asked.",
            examples=({"title": "What happens then", "items": [_LONG, "What it measured before stays."]},),
        ),
        Part(
            name="said",
            use="A grant, as it is read aloud.",
            examples=({"sentences": ["I let Paul see all my measurements.", "So that they can help me day to day."]},),
        ),
    )


def _asked() -> tuple[Part, ...]:
    asks = {"name": "a", "label": "What do you call it?", "hint": "Only you read this name.", "value": "", "max": 60}
    return (
        Part(
            name="field",
            use="One line of text, with its hint and what is wrong with it.",
            examples=(asks, {"name": "b", "label": "Code", "value": "?", "error": "Check it, letter by letter."}),
        ),
        Part(
            name="choices",
            use="One answer (radio) or several (checkbox), inside a fieldset whose legend is the question.",
            examples=(
                {"name": "one", "choices": _choices()},
                {"name": "many", "kind": "checkbox", "choices": _choices()},
            ),
        ),
        Part(
            name="confirm",
            use="The act, and the way out of it.",
            examples=(
                {"action": "/design", "button": "Pause", "back": "/design"},
                {"action": "/design", "button": "Stop it for good", "back": "/design", "danger": True},
            ),
        ),
    )


def _listed(now_ms: int) -> tuple[Part, ...]:
    facts = [
        {"label": "Operated by", "value": "You"},
        {"label": "Name", "value": "Scale", "change": "/design", "change_words": "Change"},
    ]
    return (
        Part(name="facts", use="What is known of something.", examples=({"rows": facts},)),
        Part(name="object", use="An object in a list.", examples=({"o": _object(now_ms)},)),
        Part(name="grounds", use="Somebody who may see, with the reason.", examples=({"l": _ground(now_ms)},)),
        Part(name="visit", use="A visit of the journal.", examples=({"l": _visit(now_ms)},)),
    )


def _apart() -> tuple[Part, ...]:
    return (
        Part(name="help", use="Numbers to call; on the pages to leave safely."),
        Part(name="exit", use="The quick exit: with exit.js it signs out and replaces the page."),
    )


def _object(now_ms: int) -> dict[str, Any]:
    return {
        "mine": SimpleNamespace(
            id="00000000-0000-4000-8000-000000000000", name="My scale", model="Balance Claire",
            heard_ms=now_ms - 3_600_000, silent=True,
        ),
        "state": Mark(shape="q-fine", word="In use", meaning="In use", tone="good"),
        "trust": words.trust_mark(4),
        "operator": "You",
    }  # fmt: skip


def _ground(now_ms: int) -> dict[str, Any]:
    line = SimpleNamespace(since_ms=now_ms - 10**9, until_ms=now_ms + 10**9)
    return {"name": "Paul Moreau", "detail": "", "what": "glucose", "purposes": "day-to-day help", "line": line}


def _visit(now_ms: int) -> dict[str, Any]:
    told = {
        "name": "Dr Bob Durand",
        "role": "care professional",
        "purpose": "care",
        "ground": "member of the follow-up",
    }
    when = {"first_ms": now_ms - 600_000, "at_ms": now_ms, "asked": 3, "entry": 42}
    return {**told, **when, "yes": True, "metrics": "Heart rate", "where": "on this site"}
