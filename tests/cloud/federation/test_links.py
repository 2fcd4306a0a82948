"""What opens an account: a signed link of one identity, and nothing that a row, a closed account or a forger says."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.test import Client

from egide.cloud.federation import links
from egide.cloud.federation.checks import check_links
from egide.cloud.federation.models import LinkedIdentity
from egide.cloud.federation.providers import provider_named
from egide.cloud.people.models import Account
from egide.cloud.people.service import create_account
from egide.cloud.register.journal import append_statement
from egide.cloud.register.models import Statement
from egide.cloud.signin import clock, recovery
from egide.cloud.upkeep.fsck import fsck
from egide.errors import LinkRefusedError
from tests.cloud.federation.conftest import PROFESSIONAL, Connect
from tests.cloud.federation.harm import identity, refused, whole
from tests.support.hostile_openid import Hostile
from tests.support.ward import Ward

pytestmark = [pytest.mark.server, pytest.mark.django_db]


def test_one_identity_opens_one_account(hostile: Hostile, bob: Account, connect: Connect, ward: Ward) -> None:
    """Nor does one RPPS number, one account two identities, or a role that the provider is not for."""
    diane = create_account("professional", "Diane Roux", ward.start_ms)
    alice = create_account("patient", "Alice Moreau", ward.start_ms)
    provider = provider_named(connect(hostile.issuer, "psc"), "psc")
    now = clock.now_ms()
    for account, who in (
        (diane, identity(hostile, rpps="10000000017")),
        (diane, identity(hostile, "another")),
        (bob, identity(hostile, "another")),
        (alice, identity(hostile, "alice", "10000000017")),
    ):
        with pytest.raises(LinkRefusedError):
            links.link(account, provider, who, now_ms=now)
    assert LinkedIdentity.objects.count() == 1
    assert links.link(diane, provider, identity(hostile, "BOB", "10000000017"), now_ms=now).account == diane


def test_a_row_that_no_statement_made_opens_nothing(hostile: Hostile, bob: Account) -> None:
    """Whoever can write in the tables cannot sign: a link is a signed statement, a row only its index."""
    mallory = create_account("professional", "Mallory", clock.now_ms())
    assert list(check_links()) == []
    LinkedIdentity.objects.update(account=mallory)
    assert {(where, what) for _, where, what in check_links()} == {
        (str(mallory.pk), "not-attested"), (str(bob.pk), "row-missing"),
    }  # fmt: skip
    assert "linked-identity" in {finding.kind for finding in fsck(now_ms=clock.now_ms()).findings}
    client = Client()
    refused(client, whole(client, hostile), "identity-not-linked")
    LinkedIdentity.objects.update(account=bob)
    Statement.objects.filter(kind=links.LINK).update(subject=mallory.pk)
    refused(client, whole(client, hostile), "identity-not-linked")


def test_opening_the_account_anew_at_the_desk_ends_what_was_linked(hostile: Hostile, bob: Account) -> None:
    """Whoever had the account before does not come back by their own identity; its owner may link theirs."""
    now = clock.now_ms()
    append_statement(links.RECOVERED, bob.pk, {"recovery": "r", "by": "x"}, now_ms=now)
    client = Client()
    refused(client, whole(client, hostile), "identity-not-linked")
    assert links.linked(bob) == {}
    assert list(check_links()) == []
    links.link(bob, provider_named(settings.OPTIONS, "psc"), identity(hostile, "bob again"), now_ms=now)
    hostile.claims["sub"] = hostile.userinfo["sub"] = "bob again"
    assert whole(client, hostile).headers["Location"] == "/"
    assert list(check_links()) == []


def test_recovery_says_what_ends_links() -> None:
    """The kind of statement is the one that signin writes."""
    assert links.RECOVERED == recovery._DONE


def test_a_professional_whose_number_changed_is_somebody_else(hostile: Hostile, bob: Account) -> None:
    """The same subject with another RPPS number does not open the account."""
    hostile.userinfo = {"sub": "bob", **PROFESSIONAL, "SubjectNameID": "810000000017"}
    client = Client()
    refused(client, whole(client, hostile), "provider-answer-refused")


def test_a_closed_account_is_not_opened_and_not_told_of(hostile: Hostile, bob: Account) -> None:
    """The page is the one of an identity that nobody linked."""
    Account.objects.filter(pk=bob.pk).update(is_active=False)
    client = Client()
    refused(client, whole(client, hostile), "identity-not-linked")


def test_linking_asks_for_a_factor_or_the_invitation(hostile: Hostile, bob: Account) -> None:
    """A session found open on a desk links nothing; whoever finishes is whoever began."""
    client = Client()
    client.force_login(bob)
    answer = client.post("/federation/psc/link")
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/security/confirm")
    assert Client().post("/federation/psc/link").headers["Location"].startswith("/sign-in")


def test_nothing_is_connected_until_the_settings_say_so(ward: Ward) -> None:
    """No provider by default: its addresses are not there."""
    assert Client().post("/federation/psc/sign-in").status_code == 404
    answer = Client().get("/federation/psc/callback", {"state": "a", "code": "b"})
    assert answer.headers["Location"] == "/federation/problem/sign-in-lost"
    assert Client().post("/federation/psc/back-channel", {"logout_token": "a.b.c"}).status_code == 400
    assert "Pro Santé Connect" not in Client().get("/sign-in").content.decode()


def test_a_forged_logout_ends_nothing(hostile: Hostile, bob: Account) -> None:
    """Unsigned, of another key, or an ID token instead: the session lasts."""
    client = Client()
    whole(client, hostile)
    for token in ("", "a.b.c", "x" * 70_000, hostile.id_token()):
        assert Client().post("/federation/psc/back-channel", {"logout_token": token}).status_code == 400
    assert client.get("/federation/").status_code == 200
