"""Two officers who hold the platform, and the people they may give offices to."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from egide.cloud.people.ceremony import found
from egide.cloud.people.establishments import create_establishment, create_group, home
from egide.cloud.people.models import Account, Establishment
from egide.cloud.people.service import create_account
from tests.support.ward import Ward

NOW = 1_795_295_600_000


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """A platform with its first two officers, and three establishments: two of one group, one of none."""

    admin: Account
    security: Account
    home: Establishment
    hospital: Establishment  # the reference of its group
    clinic: Establishment  # of the same group
    practice: Establishment  # of no group

    @property
    def pair(self) -> tuple[Account, Account]:
        return self.admin, self.security


@pytest.fixture
def house(ward: Ward) -> House:
    admin, security = found("Adèle Roux", "Simon Blanc", now_ms=NOW)
    hospital = create_establishment("hospital", "Hôpital Nord", now_ms=NOW)
    group = create_group("GHT du Nord", hospital, now_ms=NOW)
    clinic = create_establishment("clinic", "Clinique des Pins", now_ms=NOW, group=group)
    practice = create_establishment("practice", "Cabinet du Dr Petit", now_ms=NOW)
    return House(admin=admin, security=security, home=home(NOW), hospital=hospital, clinic=clinic, practice=practice)


@pytest.fixture
def nora(house: House) -> Account:
    """A professional without an office yet."""
    return create_account("professional", "Nora Petit", NOW)
