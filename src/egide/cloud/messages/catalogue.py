"""Every word that may leave, in French and in English. One message for everything that happens.

It tells no name, no metric, no service, no speciality, no establishment: whoever reads over a shoulder, at the operator
of a mailbox or on a locked screen learns that there is a message. It holds no link that signs in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["LANGUAGES", "TEXTS", "Text", "text_in"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A message: its subject (of an e-mail) and its one sentence, with the portal's address in it."""

    subject: str
    sentence: str

    def body(self, address: str) -> str:
        return self.sentence.replace("{address}", address)


TEXTS: Final = {
    "fr": Text(
        subject="Vous avez un message",
        sentence="Vous avez un message. Pour le lire, connectez-vous sur {address}",
    ),
    "en": Text(
        subject="You have a message",
        sentence="You have a message. To read it, sign in at {address}",
    ),
}
LANGUAGES: Final = tuple(TEXTS)


def text_in(language: str) -> Text:
    """The text in that language; in French where there is none."""
    return TEXTS.get(language, TEXTS["fr"])
