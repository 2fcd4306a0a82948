"""Every attack, registered by importing the modules that hold them."""

from __future__ import annotations

from egide.prove import envelopes
from egide.prove.registry import ATTACKS

__all__ = ["ATTACKS", "envelopes"]
