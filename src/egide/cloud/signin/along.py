"""What ends along with all that opened an account, in the same transaction as the statement that says so.

Parts above this one put their functions here: whoever was let in for the account before comes in no more (smart).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from egide.cloud.people.models import Account

__all__ = ["ALONG", "End", "end_along"]

End = Callable[[Account, int], None]
ALONG: Final[list[End]] = []


def end_along(account: Account, *, now_ms: int) -> None:
    """Each of them, for this account."""
    for end in ALONG:
        end(account, now_ms)
