"""Every attack, registered by importing the modules that hold them."""

from __future__ import annotations

from egide.prove import (
    consents,
    envelopes,
    grants,
    identity,
    journal,
    network,
    people,
    signin,
    staff,
    store,
    typed,
    web,
)
from egide.prove.registry import ATTACKS

__all__ = [
    "ATTACKS", "consents", "envelopes", "grants", "identity", "journal", "network", "people", "signin", "staff",
    "store", "typed", "web",
]  # fmt: skip
