"""A second person: what two people decide is not decided by one with two accounts."""

from __future__ import annotations

from egide.cloud.people.models import Account
from egide.errors import RefusedError

__all__ = ["SecondPersonError", "require_second"]


class SecondPersonError(RefusedError):
    """Whoever proposed this does not decide it."""

    code = "second-person-needed"
    hint = "ask somebody else, with an account of their own"


def require_second(first: Account, second: Account) -> None:
    """Raises SecondPersonError: the same account, or another one of the same name."""
    if first.pk == second.pk or bytes(first.name_index) == bytes(second.name_index):
        raise SecondPersonError("this needs a second person")
