"""Tokens and references in a search: `code`, `system|code`, `|code`, lists separated by commas. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from egide.cloud.fhir.wrong import ParameterError

__all__ = ["Token", "answers", "parse_references", "parse_tokens"]

_MOST: Final = 200
_SYSTEM: Final = re.compile(r"[^\s|]{0,200}")
_CODE: Final = re.compile(r"[^\s|](?: ?[^\s|]){0,63}")
_ID: Final = re.compile(r"[A-Za-z0-9.-]{1,64}")


@dataclass(frozen=True, slots=True)
class Token:
    """`system` None: any; `code` empty: any of the system."""

    system: str | None
    code: str

    def is_one(self, system: str, code: str) -> bool:
        return self.code in ("", code) and self.system in (None, system)


def parse_tokens(name: str, text: str) -> tuple[Token, ...]:
    """Raises ParameterError: an empty token, too long, or too many of them."""
    found = tuple(_token(name, one) for one in text.split(","))
    if len(found) > _MOST:
        raise ParameterError(name, "too many codes")
    return found


def _token(name: str, text: str) -> Token:
    system, bar, code = text.rpartition("|")
    wrong = not _SYSTEM.fullmatch(system) or (code and not _CODE.fullmatch(code)) or not (code or system)
    if wrong:
        raise ParameterError(name, "a code is empty, too long, or not of the form system|code")
    return Token(system if bar else None, code)


def answers(tokens: Iterable[Token], codings: Iterable[tuple[str, str]]) -> bool:
    """Whether one of the codings (system, code) is one of the tokens."""
    said = list(codings)
    return any(token.is_one(system, code) for token in tokens for system, code in said)


def parse_references(name: str, kind: str, text: str) -> frozenset[str]:
    """The ids of `Kind/id,id`. Raises ParameterError: another type of resource, or no id."""
    found = {one.removeprefix(f"{kind}/") for one in text.split(",")}
    if len(found) > _MOST or not all(_ID.fullmatch(one) for one in found):
        raise ParameterError(name, f"is {kind}/ and an id")
    return frozenset(found)
