"""A second person: what two people decide is not decided by one with two accounts."""

from __future__ import annotations

from egide.cloud.people.models import Account
from egide.errors import RefusedError

__all__ = ["SecondPersonError", "may_be_second", "require_second"]


class SecondPersonError(RefusedError):
    """Whoever proposed this does not decide it."""

    code = "second-person-needed"
    hint = "ask somebody else, with an account of their own"


def may_be_second(first: Account, second: Account) -> bool:
    """Whether the second account is another person's than the first: neither the same, nor another of its name."""
    return first.pk != second.pk and bytes(first.name_index) != bytes(second.name_index)


def require_second(first: Account, second: Account) -> None:
    """Raises SecondPersonError: the same account, or another one of the same name."""
    if not may_be_second(first, second):
        raise SecondPersonError("this needs a second person")
