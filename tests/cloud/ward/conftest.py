"""Clients of the ward's pages, their clock, and officers of this establishment and of another one."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from django.test import Client

from egide.cloud.people.establishments import create_establishment, home
from egide.cloud.people.models import Account, Establishment
from egide.cloud.people.offices import seat
from egide.cloud.people.service import create_account
from egide.cloud.signin import clock
from egide.cloud.signin.factors import mark_confirmed
from tests.cloud.conftest import NOW
from tests.cloud.portal.conftest import Enter, _now, enter
from tests.support.cast import Cast

__all__ = ["Enter", "Offices", "_now", "confirm", "enter", "offices"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Offices:
    """One officer of each office here (the establishment that runs the platform) and elsewhere."""

    here: Establishment
    elsewhere: Establishment
    security: Account
    dpo: Account
    administrator: Account
    far_security: Account
    far_dpo: Account
    far_administrator: Account
    far_doctor: Account
    engineer: Account
    auditor: Account
    researcher: Account
    maker: Account
    far_engineer: Account
    far_auditor: Account
    far_researcher: Account
    far_maker: Account


@pytest.fixture
def offices(cast: Cast) -> Offices:
    """Seated as the ceremony does it; Bob and Diane are doctors here."""
    here = home(NOW - 1_000)
    elsewhere = create_establishment("clinic", "Clinique des Tilleuls", now_ms=NOW - 1_000)

    def officer(role: str, name: str, office: str, place: Establishment) -> Account:
        account = create_account(role, name, NOW - 1_000)
        give(account, office, place)
        return account

    give(cast.bob, "doctor", here)
    give(cast.diane, "doctor", here)
    return Offices(
        here=here,
        elsewhere=elsewhere,
        security=officer("operator", "Sophie Garde", "security-officer", here),
        dpo=officer("operator", "Denis Port", "dpo", here),
        administrator=officer("operator", "Adèle Mine", "administrator", here),
        far_security=officer("operator", "Loin Garde", "security-officer", elsewhere),
        far_dpo=officer("operator", "Loin Port", "dpo", elsewhere),
        far_administrator=officer("operator", "Loin Mine", "administrator", elsewhere),
        far_doctor=officer("professional", "Loin Docteur", "doctor", elsewhere),
        engineer=officer("operator", "Inès Atelier", "engineer", here),
        auditor=officer("operator", "Aude Contrôle", "auditor", here),
        researcher=officer("operator", "René Cherche", "researcher", here),
        maker=officer("operator", "Manon Fabrique", "maker", here),
        far_engineer=officer("operator", "Loin Atelier", "engineer", elsewhere),
        far_auditor=officer("operator", "Loin Contrôle", "auditor", elsewhere),
        far_researcher=officer("operator", "Loin Cherche", "researcher", elsewhere),
        far_maker=officer("operator", "Loin Fabrique", "maker", elsewhere),
    )


def give(account: Account, office: str, place: Establishment) -> None:
    seat(account, place, office, by=(account, account), now_ms=NOW - 1_000, how="ceremony")


def confirm(client: Client) -> None:
    """As if a factor had just been presented in this browser."""
    session = client.session
    mark_confirmed(session, now_ms=clock.now_ms())
    session.save()
