"""How a person wants to be reached outside: nothing unless they turned it on, and nothing any more at once when they
turn it off.

Turning on widens (whoever reads that mailbox learns that there is a message), so a page asks for a factor first.
Turning off never asks, and takes back what still waits.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from django.db import transaction

from egide.cloud.keys.columns import open_text, seal_text
from egide.cloud.messages import codes
from egide.cloud.messages.catalogue import LANGUAGES
from egide.cloud.messages.models import Way
from egide.cloud.people import tokens
from egide.cloud.people.contacts import contacts_of
from egide.cloud.people.models import Account, Contact
from egide.errors import RefusedError

__all__ = ["Reached", "address_of", "channel_for", "reached", "silence", "turn_off", "turn_on", "turn_on_push"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """A contact of a person's, and whether messages go there. `way` empty: none does. Push has no contact."""

    contact: uuid.UUID | None
    kind: str
    value: str
    way: str
    waits: bool  # for the code that was sent there


def channel_for(kind: str) -> str:
    """The channel of a kind of contact."""
    return Way.Channel.EMAIL if kind == Contact.Kind.EMAIL else Way.Channel.SMS


def reached(account: Account) -> list[Reached]:
    """One's contacts, opened, and push where it is on."""
    ways = {row.contact_id: row for row in Way.objects.filter(account=account)}
    found = [
        Reached(contact=c.id, kind=c.kind, value=c.value, way=str(ways[c.id].pk) if c.id in ways else "",
                waits=c.id in ways and ways[c.id].proved_ms is None)
        for c in contacts_of(account)
    ]
    push = ways.get(None)
    if push is not None:
        found.append(Reached(contact=None, kind=Way.Channel.PUSH, value=_handle(push), way=str(push.pk), waits=False))
    return found


def turn_on(account: Account, contact: uuid.UUID, *, language: str, now_ms: int) -> Way:
    """Send a code to this contact: once it is typed (codes.prove), messages go there. Nothing changes if they do.

    Raises:
        RefusedError: no such contact. TooManyTriesError: six codes were sent within a day.
    """
    row = Contact.objects.filter(account=account, pk=contact).first()
    if row is None:
        raise RefusedError("there is no such contact")
    with transaction.atomic():
        made, _ = Way.objects.get_or_create(
            account=account, contact=row,
            defaults={"channel": channel_for(row.kind), "language": _language(language), "since_ms": now_ms},
        )  # fmt: skip
        if made.proved_ms is None:
            codes.ask(made, now_ms=now_ms)
    return made


def turn_on_push(account: Account, *, language: str, now_ms: int) -> Way:
    """Messages go to the operator's app under a random handle, which the person gives to that app."""
    way = uuid.uuid4()
    sealed = seal_text(tokens.new_token(), _context(way, account.pk))
    made, _ = Way.objects.get_or_create(
        account=account, contact=None,
        defaults={
            "id": way, "channel": Way.Channel.PUSH, "language": _language(language), "since_ms": now_ms,
            "sealed_handle": sealed, "proved_ms": now_ms,
        },
    )  # fmt: skip
    return made


def turn_off(account: Account, way: uuid.UUID) -> None:
    """At once: what still waited goes with it. Nothing happens when it was off."""
    Way.objects.filter(account=account, pk=way).delete()


def silence(account: Account) -> int:
    """Turn everything off; return how many ways there were. Nothing that stays tells that it was done."""
    with transaction.atomic():
        ways = Way.objects.filter(account=account)
        count = ways.count()
        ways.delete()
    return count


def address_of(way: Way) -> str:
    """Where a message goes: opened for this one sending. Raises SealError; RefusedError: the contact is gone."""
    if way.contact_id is None:
        return _handle(way)
    for contact in contacts_of(way.account):
        if contact.id == way.contact_id:
            return contact.value
    raise RefusedError("there is no such contact")


def _handle(way: Way) -> str:
    return open_text(bytes(way.sealed_handle or b""), _context(way.pk, way.account_id))


def _context(way: uuid.UUID, account: uuid.UUID) -> bytes:
    return b"messages.way.handle " + way.bytes + account.bytes


def _language(language: str) -> str:
    short = language[:2]
    return short if short in LANGUAGES else LANGUAGES[0]
