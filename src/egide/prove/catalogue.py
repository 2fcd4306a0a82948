"""Every attack, registered by importing the modules that hold them."""

from __future__ import annotations

from egide.prove import envelopes, identity, network, people, store, web
from egide.prove.registry import ATTACKS

__all__ = ["ATTACKS", "envelopes", "identity", "network", "people", "store", "web"]
