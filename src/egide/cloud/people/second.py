"""A second person: what two people decide is not decided by one with two accounts."""

from __future__ import annotations

from egide.cloud.people.models import Account
from egide.errors import RefusedError

__all__ = ["require_second"]


def require_second(first: Account, second: Account) -> None:
    """Raises RefusedError: the same account, or another one of the same name."""
    if first.pk == second.pk or bytes(first.name_index) == bytes(second.name_index):
        raise RefusedError("this needs a second person")
