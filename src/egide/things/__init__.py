"""What runs in or beside a connected health object: enrol, sign, keep, send, until a receipt comes back."""

from __future__ import annotations

from egide.things.clock import ObjectClock
from egide.things.folder import Token
from egide.things.object import Object, Sent, Status
from egide.things.outbox import Counts, Item, State

__all__ = ["Counts", "Item", "Object", "ObjectClock", "Sent", "State", "Status", "Token"]
