"""A request that says something wrong: the element is named, its value never."""

from __future__ import annotations

from egide.errors import MalformedError, RefusedError

__all__ = ["ParameterError", "TooCostlyError", "named"]

_LONGEST = 40


class ParameterError(MalformedError):
    """A parameter, a header or an element is not of its form; `element` says which."""

    def __init__(self, element: str, text: str) -> None:
        self.element = named(element)
        super().__init__(f"{self.element}: {text}")


class TooCostlyError(RefusedError):
    """It would have to look through everybody's records."""

    code = "too-costly"
    hint = "name a patient"


def named(text: str) -> str:
    """A name that somebody else chose, fit to be repeated: short, of letters, digits and `_-.:$`."""
    kept = "".join(c for c in text[:_LONGEST] if c.isascii() and (c.isalnum() or c in "_-.:$"))
    return kept or "?"
