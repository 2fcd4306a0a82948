"""Somebody who can be reached, and channels that keep what they are given."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from egide.cloud.messages.channels import Message
from egide.cloud.messages.outward import Outward
from egide.cloud.messages.ways import turn_on_push
from egide.cloud.people.contacts import add_contact
from egide.cloud.people.models import Account
from tests.cloud.conftest import NOW
from tests.support.reached import reach
from tests.support.ward import Ward

EMAIL = "alice.moreau@exemple.fr"
PHONE = "+33612345678"


@dataclass(slots=True)
class Keeping:
    """A channel that takes everything, or raises what it is told to."""

    raises: Exception | None = None
    taken: list[Message] = field(default_factory=list)

    def send(self, message: Message) -> None:
        if self.raises is not None:
            raise self.raises
        self.taken.append(message)


@pytest.fixture
def alice(ward: Ward) -> Account:
    """Reached by e-mail, text message and push."""
    alice = ward.patient("Alice Moreau")
    for kind, value in (("email", EMAIL), ("phone", PHONE)):
        contact = add_contact(alice, kind, value, by=alice, now_ms=NOW)
        reach(alice, contact.pk, language="fr", now_ms=NOW)
    turn_on_push(alice, language="en", now_ms=NOW)
    return alice


@pytest.fixture
def outside() -> dict[str, Keeping]:
    return {name: Keeping() for name in ("email", "sms", "push")}


@pytest.fixture
def out(outside: dict[str, Keeping]) -> Outward:
    return Outward(portal="https://portail.exemple.fr", channels=dict(outside))
