"""French drops the e of "de" and "que" before a vowel: « le dossier d’Alice », « ce qu’Yves a mesuré ».

Sentences are translated with a hole where a name goes, and the name decides.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from django.utils.translation import get_language

__all__ = ["elided", "in_french"]

#: The word, then what may stand between it and the name: a quotation mark, a tag that makes it bold.
_BEFORE: Final = re.compile(r"\b([Dd]|(?:[Ll]ors|[Pp]uis|[Jj]us)?[Qq]u)e ((?:«[\u00a0\u202f]|“|<[a-z]+>)?)(?=(\w+))")
#: Silent: Hélène, Henri, Hervé, Hippolyte, Honoré, Hortense, Hubert, Hyacinthe, hôpital. Others (Hamid, Hans) are said.
_SILENT_H: Final = re.compile(r"h(el|enr|erm|erv|ero|ipp|on|op|ort|ora|os|uber|uguet|y)")
#: A y that is a vowel is followed by a consonant: Yves, Yvonne; not Yann.
_VOWEL_Y: Final = re.compile(r"y[^aeiouy]")
#: Begin as a vowel and are said otherwise: onze, oui, and the w of Ouarda.
_SAID: Final = re.compile(r"onz|ou[aeiy]")


def elided(text: str) -> str:
    """The French sentence as one says it."""
    return _BEFORE.sub(lambda found: f"{found[1]}’{found[2]}" if _open(found[3]) else found[0], text)


def in_french(text: str) -> str:
    """The same where French is the language in force; any other sentence is left alone."""
    return elided(text) if (get_language() or "").startswith("fr") else text


def _open(word: str) -> bool:
    plain = unicodedata.normalize("NFD", word.casefold().replace("œ", "oe").replace("æ", "ae"))
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    if plain[:1] == "h":
        return bool(_SILENT_H.match(plain))
    if plain[:1] == "y":
        return bool(_VOWEL_Y.match(plain))
    return plain[:1] in tuple("aeiou") and not _SAID.match(plain)
