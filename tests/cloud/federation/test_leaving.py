"""Who leaves safely is told which accounts elsewhere open theirs, and where to end that."""

from __future__ import annotations

import pytest
from django.test import Client

from egide.cloud.federation import flow, links
from egide.cloud.federation.providers import Assurance, provider_named
from egide.cloud.people.service import create_account
from egide.cloud.portal import live
from egide.cloud.signin import clock
from tests.cloud.federation.conftest import Connect
from tests.cloud.portal.conftest import Enter, enter
from tests.support.hostile_openid import Hostile
from tests.support.ward import Ward

__all__ = ["enter"]
pytestmark = [pytest.mark.server, pytest.mark.django_db]


def test_leaving_names_linked_accounts_and_leads_to_ending_them(
    ward: Ward, hostile: Hostile, connect: Connect, enter: Enter
) -> None:
    """Nothing is said where nothing is linked; after the link is ended, nothing any more."""
    alice = create_account("patient", "Alice Moreau", ward.start_ms)
    page = enter(alice)
    assert "Accounts elsewhere" not in text(page)
    provider = provider_named(connect(hostile.issuer, "franceconnect"), "franceconnect")
    said = flow.Identity(
        provider="franceconnect", issuer=hostile.issuer, sub="alice", sid="", assurance=Assurance.LOW, id_token="",
        claims=None,
    )  # fmt: skip
    links.link(alice, provider, said, now_ms=clock.now_ms())
    assert "FranceConnect" in text(page)
    assert 'href="/federation/"' in text(page)
    links.unlink(alice, "franceconnect", now_ms=live.now_ms())
    assert "Accounts elsewhere" not in text(page)


def text(client: Client) -> str:
    return client.get("/settings/options").content.decode()
