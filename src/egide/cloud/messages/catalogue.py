"""Every word that may leave, in French and in English. One message for everything that happens.

The one beside it is the code that proves an address, sent when its owner asks for messages there.

It tells no name, no metric, no service, no speciality, no establishment: whoever reads over a shoulder, at the operator
of a mailbox or on a locked screen learns that there is a message. It holds no link that signs in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["CODES", "LANGUAGES", "TEXTS", "Text", "code_in", "text_in"]


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
CODES: Final = {
    "fr": Text(
        subject="Votre code",
        sentence="Votre code : {code}. Tapez-le sur {address} dans la demi-heure. Il n’ouvre rien d’autre.",
    ),
    "en": Text(
        subject="Your code",
        sentence="Your code: {code}. Type it at {address} within half an hour. It opens nothing else.",
    ),
}
LANGUAGES: Final = tuple(TEXTS)


def text_in(language: str) -> Text:
    """The text in that language; in French where there is none."""
    return TEXTS.get(language, TEXTS["fr"])


def code_in(language: str, code: str) -> Text:
    """The text that takes a code to who asked for messages; in French where there is none."""
    found = CODES.get(language, CODES["fr"])
    return Text(subject=found.subject, sentence=found.sentence.replace("{code}", code))
