"""Names as they are kept, and as they are compared. Pure."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from egide.errors import RefusedError

__all__ = ["clean", "folded", "words_of"]

MAX_NAME: Final = 120
_APART: Final = re.compile(r"[^a-z0-9]+")
#: Letters that no decomposition takes apart.
_LETTERS: Final = str.maketrans({"œ": "oe", "æ": "ae", "ß": "ss", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th"})


def clean(name: str) -> str:
    """A name in one form. Raises RefusedError: empty, longer than 120, or with control characters."""
    text = " ".join(unicodedata.normalize("NFC", name).split())
    if not text or len(text) > MAX_NAME or not text.isprintable():
        raise RefusedError("a name has 1 to 120 printable characters")
    return text


def folded(name: str) -> str:
    """Without case, accents, hyphens, apostrophes: "D'Ormesson-Bœuf" is "d ormesson boeuf"."""
    plain = unicodedata.normalize("NFKD", name).casefold().translate(_LETTERS)
    return _APART.sub(" ", "".join(c for c in plain if not unicodedata.combining(c))).strip()


def words_of(*names: str) -> frozenset[str]:
    """The words of names, in no order: "MARTIN Anne-Lise" and "Anne Lise Martin" are the same."""
    return frozenset(word for name in names for word in folded(name).split())
