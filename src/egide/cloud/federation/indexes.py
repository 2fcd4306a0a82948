"""Blind indexes of what a provider names."""

from __future__ import annotations

import hashlib
import json

from egide.cloud.keys.columns import blind_index

__all__ = ["index_of"]


def index_of(issuer: str, what: str, value: str) -> bytes:
    """The blind index of a provider's value. Hashed first: the index folds letter case, and `sub` must not be."""
    digest = hashlib.sha256(json.dumps([issuer, what, value]).encode()).hexdigest()
    return blind_index(digest, "federated identity")
