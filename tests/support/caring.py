"""Somebody who cares somewhere: a professional with an office of care, as only they open a record in an emergency."""

from __future__ import annotations

from egide.cloud.people.establishments import home
from egide.cloud.people.models import Account
from egide.cloud.people.offices import offices_of, seat

__all__ = ["caring"]


def caring(account: Account, *, now_ms: int, office: str = "doctor") -> Account:
    """The account, holding an office of the establishment that runs the platform, from `now_ms` on at the latest."""
    if not offices_of(account, now_ms=now_ms):
        seat(account, home(now_ms), office, by=(account, account), now_ms=now_ms, how="test")
    return account
