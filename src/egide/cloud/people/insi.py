"""INSi, the national service that says whose number an INS is. We have its shape here and no imitation of it.

A platform that is connected to it names its adapter in the settings (`INSI`, an object of this shape): certificates,
contract and address are the establishment's. Without one, no identity is ever `récupérée` or `qualifiée`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, cast

from django.conf import settings

from egide.cloud.people.ins import Ins
from egide.cloud.people.traits import Traits
from egide.errors import RefusedError

__all__ = ["Insi", "InsiAnswer", "connected"]


@dataclass(frozen=True, slots=True, kw_only=True)
class InsiAnswer:
    """What the service said: one number and the traits of the civil register, with its own reference."""

    ins: Ins
    traits: Traits
    reference: str


class Insi(Protocol):
    """A connection to the service."""

    def retrieve(self, traits: Traits) -> InsiAnswer:
        """The one person with these traits.

        Raises:
            NotFoundError: nobody, or several. UnavailableError: no answer.
        """


def connected() -> Insi:
    """Raises RefusedError: this platform is not connected to the service."""
    adapter = getattr(settings, "INSI", None)
    if adapter is None:
        raise RefusedError("this platform is not connected to the national identity service")
    return cast(Insi, adapter)
