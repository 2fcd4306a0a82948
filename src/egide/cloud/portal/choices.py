"""Answers that a page offers, and families of metrics in everyday words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from egide.cloud.consent.facts import Window
from egide.cloud.consent.families import FAMILIES, OTHER

__all__ = ["Choice", "family_choices", "family_words", "list_words", "window_words"]

_FAMILIES: Final = {
    "heart": gettext_noop("heart"),
    "pressure": gettext_noop("blood pressure"),
    "breathing": gettext_noop("breathing"),
    "glucose": gettext_noop("glucose"),
    "temperature": gettext_noop("temperature"),
    "weight": gettext_noop("weight"),
    "activity": gettext_noop("activity"),
    "sleep": gettext_noop("sleep"),
    "substances": gettext_noop("breath tests (alcohol, carbon monoxide)"),
    "treatment": gettext_noop("treatment (insulin, medicines taken)"),
    "nerves-eyes": gettext_noop("skin, eyes"),
    "device": gettext_noop("state of the objects (batteries, leads)"),
    "other": gettext_noop("other measurements"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One answer to a question."""

    value: str
    label: str
    hint: str = ""
    checked: bool = False


def family_words(family: str) -> str:
    return _(_FAMILIES[family]) if family in _FAMILIES else family


def family_choices(chosen: Iterable[str] | None) -> list[Choice]:
    """Every family, in the order of their names; `chosen` None: all."""
    picked = None if chosen is None else set(chosen)
    rows = [
        Choice(value=f, label=_upper(family_words(f)), checked=picked is not None and f in picked)
        for f in FAMILIES
        if f != OTHER
    ]
    return sorted(rows, key=lambda row: row.label.casefold())


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def list_words(names: Sequence[str]) -> str:
    """a, b and c."""
    if len(names) < 2:
        return "".join(names)
    return _("%(first)s and %(last)s") % {"first": ", ".join(names[:-1]), "last": names[-1]}


def window_words(window: Window) -> str:
    """What a ground or a restriction names, in words."""
    if window.families is None or window.families >= FAMILIES.keys():  # a signed "all" lists each one
        return _("all measurements")
    return list_words(sorted(family_words(f) for f in window.families))
