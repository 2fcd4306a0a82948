"""The ways out of the building: a mail server by TLS, and one HTTP adapter for text messages and push.

A channel takes an address, a text and a language, and returns when somebody took it. Which of two things went wrong is
all that matters to the outbox: the message is refused for good, or it can be tried later.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import ClassVar, Protocol

from egide.cloud.messages.catalogue import Text
from egide.errors import RefusedError, UnavailableError

__all__ = ["Channel", "Message", "MessageRefusedError", "MessageUndeliveredError", "tls"]


class MessageRefusedError(RefusedError):
    """Whoever should take the message will never take it: the address does not exist, or is refused."""

    code: ClassVar[str] = "message-refused"
    hint = "the person's address may be wrong: they, or the desk, can give another"

    def __init__(self, trouble: str) -> None:
        super().__init__(f"the message was refused ({trouble})")
        self.trouble = trouble


class MessageUndeliveredError(UnavailableError):
    """Nobody took the message this time."""

    code: ClassVar[str] = "message-undelivered"
    hint = "check the messages_ settings, and that the server answers; the message is kept and tried again"

    def __init__(self, trouble: str) -> None:
        super().__init__(f"nobody took the message ({trouble})")
        self.trouble = trouble


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message as a channel takes it. `id` is the same at each try."""

    id: str
    to: str
    text: Text
    language: str
    portal: str

    @property
    def body(self) -> str:
        return self.text.body(self.portal)


class Channel(Protocol):
    def send(self, message: Message) -> None:
        """Raises MessageRefusedError: never try this again. MessageUndeliveredError: try later."""


def tls(ca: str) -> ssl.SSLContext:
    """Certificates and names are checked; `ca` is a file of one's own authority, or "" for the system's."""
    context = ssl.create_default_context(cafile=ca or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
