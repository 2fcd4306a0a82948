"""Who is close to a person: at the desk, they are neither of the two who open that person's account anew."""

from __future__ import annotations

from egide.cloud.consent.attested import facts_of
from egide.cloud.people.models import Account

__all__ = ["represents"]


def represents(account: Account, other: Account) -> bool:
    """Whether `other` acts, acted or will act for the person, as signed statements say.

    Somebody who works here represents a relative by an account apart: whoever has that name counts as the same.
    """
    if account.role != Account.Role.PATIENT:
        return False
    acting = [held.representative for held in facts_of(account.pk).representations]
    named = {bytes(index) for index in Account.objects.filter(pk__in=acting).values_list("name_index", flat=True)}
    return str(other.pk) in acting or bytes(other.name_index) in named
