"""Send what waits: a process of its own, so that a mail server that is slow delays no reading and no page.

No transaction is open while a server is spoken to. What goes wrong is written as our own word: what a server says may
quote an address.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from django.conf import settings
from django.db import DatabaseError, connection

from egide.cloud.messages import outbox
from egide.cloud.messages.catalogue import Text, code_in, text_in
from egide.cloud.messages.channels import Message, MessageRefusedError, MessageUndeliveredError
from egide.cloud.messages.codes import CodeError, code_of, lapsed
from egide.cloud.messages.models import Outgoing
from egide.cloud.messages.outward import Outward, outward
from egide.cloud.messages.ways import address_of
from egide.cloud.people.models import Establishment
from egide.errors import EgideError

__all__ = ["Sender", "establishment_names", "setup"]

EVERY_S: Final = 1.0
_TIDY_S: Final = 3_600.0
_log = logging.getLogger("egide.messages")


def establishment_names() -> list[str]:
    """What no address may tell."""
    return [place.name for place in Establishment.objects.all()]


def setup() -> Outward:
    """The channels that the settings in force give. Raises ConfigError, KeyMissingError."""
    return outward(settings.OPTIONS, establishment_names())


class Sender:
    """Sends by the channels that it is given."""

    def __init__(self, out: Outward, *, now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000) -> None:
        self._out = out
        self._now_ms = now_ms

    def send_due(self) -> tuple[int, int]:
        """Try everything that is due once; return how many were taken and how many were given up."""
        sent = given_up = 0
        for message in outbox.due(now_ms=self._now_ms()):
            row = outbox.claim(message, now_ms=self._now_ms())
            if row is None:
                continue
            trouble, for_good = self._try(row)
            if not trouble:
                outbox.delivered(row, now_ms=self._now_ms())
                sent += 1
            else:
                given_up += outbox.failed(row, trouble, now_ms=self._now_ms(), for_good=for_good)
        if sent or given_up:
            _log.info("messages: %d taken, %d given up", sent, given_up)
        return sent, given_up

    def run(self, stop: threading.Event) -> None:
        """Until `stop`; whatever goes wrong is met again at the next look."""
        tidied = 0.0
        while not stop.wait(EVERY_S):
            try:
                self.send_due()
                if time.monotonic() - tidied > _TIDY_S:
                    outbox.forget_old(now_ms=self._now_ms())
                    tidied = time.monotonic()
            except (EgideError, DatabaseError) as err:
                _log.warning("sending failed: %s", err.code if isinstance(err, EgideError) else type(err).__name__)
                connection.close_if_unusable_or_obsolete()

    def _try(self, row: Outgoing) -> tuple[str, bool]:
        """As `_send`: whatever else one message meets, it is written down with it, and the others leave."""
        try:
            return self._send(row)
        except DatabaseError:
            raise
        except Exception as err:
            _log.warning("a message failed: %s", err.code if isinstance(err, EgideError) else type(err).__name__)
            return "internal", False

    def _send(self, row: Outgoing) -> tuple[str, bool]:
        """("", False) when it was taken; else our word for the trouble, and whether it is for good."""
        channel = self._out.channels.get(row.way.channel)
        if channel is None:
            return "no-channel", False
        try:
            text = _text(row, self._now_ms())
            to = address_of(row.way)
        except EgideError as err:
            return err.code, True
        message = Message(id=str(row.pk), to=to, text=text, language=row.way.language, portal=self._out.portal)
        try:
            channel.send(message)
        except MessageRefusedError as err:
            return err.trouble, True
        except MessageUndeliveredError as err:
            return err.trouble, False
        return "", False


def _text(row: Outgoing, now_ms: int) -> Text:
    """Raises CodeError: it would take a code that is over."""
    if not row.is_code:
        return text_in(row.way.language)
    if row.way.proved_ms is not None or lapsed(row.way, now_ms=now_ms):
        raise CodeError("this code is over")
    return code_in(row.way.language, code_of(row.way))
