"""A provider, or somebody between it and us, means harm: nobody is signed in, nothing else is asked, nothing waits."""

from __future__ import annotations

import html
import logging
import re
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings
from django.test import Client

from egide.cloud.federation import directory, flow, links
from egide.cloud.federation import fetch as fetching
from egide.cloud.federation.checks import check_links
from egide.cloud.federation.models import LinkedIdentity
from egide.cloud.federation.providers import Assurance, provider_named
from egide.cloud.people.models import Account
from egide.cloud.people.service import create_account
from egide.cloud.register.journal import append_statement
from egide.cloud.register.models import Statement
from egide.cloud.signin import clock, recovery
from egide.cloud.upkeep.fsck import fsck
from egide.errors import LinkRefusedError, ProviderError, ProviderUnreachableError
from tests.cloud.federation.conftest import PROFESSIONAL
from tests.support.hostile_openid import Hostile, Said, running_hostile
from tests.support.ward import Ward

pytestmark = [pytest.mark.server, pytest.mark.django_db]
Connect = Callable[..., Any]


@pytest.fixture
def hostile() -> Iterator[Hostile]:
    with running_hostile() as running:
        yield running


@pytest.fixture
def bob(ward: Ward, hostile: Hostile, connect: Connect) -> Account:
    """A professional whose identity `bob` at this provider is linked."""
    account = create_account("professional", "Dr Bob Durand", ward.start_ms)
    options = connect(hostile.issuer, "psc")
    hostile.claims = {"sub": "bob", "aud": "egide-psc"}
    hostile.userinfo = {"sub": "bob", **PROFESSIONAL}
    links.link(account, provider_named(options, "psc"), identity(hostile), now_ms=clock.now_ms())
    return account


def identity(hostile: Hostile, sub: str = "bob", rpps: str = "99700218896") -> flow.Identity:
    return flow.Identity(
        provider="psc", issuer=hostile.issuer, sub=sub, sid="", assurance=Assurance.LOW, id_token="",
        claims={"rpps": rpps, "professions": ["10"], "sectors": []},
    )  # fmt: skip


def begin(client: Client, key: str = "psc") -> dict[str, str]:
    """Press our button; the parameters that the provider is given."""
    answer = client.post(f"/federation/{key}/sign-in")
    found = re.search(r'content="0;url=([^"]+)"', answer.content.decode())
    assert found is not None, answer.content.decode()
    return {name: values[0] for name, values in parse_qs(urlsplit(html.unescape(found[1])).query).items()}


def come_back(client: Client, hostile: Hostile, asked: dict[str, str], **answer: str) -> Any:
    hostile.nonce = asked["nonce"]
    return client.get(
        "/federation/psc/callback", {"code": "c-1", "state": asked["state"], "iss": hostile.issuer, **answer}
    )


def whole(client: Client, hostile: Hostile) -> Any:
    return come_back(client, hostile, begin(client))


def refused(client: Client, answer: Any, code: str) -> None:
    if answer.status_code == 302:
        assert answer.headers["Location"] == f"/federation/problem/{code}"
        answer = client.get(answer.headers["Location"])
    assert answer.status_code in (400, 403, 503), answer
    assert code in answer.content.decode()
    assert "_auth_user_id" not in client.session


def test_without_harm_it_signs_in(hostile: Hostile, bob: Account) -> None:
    """What the other tests change one thing of."""
    client = Client()
    assert whole(client, hostile).headers["Location"] == "/"
    assert client.session["_auth_user_id"] == str(bob.pk)
    form = dict(hostile.asked)["/token"]
    assert form["redirect_uri"] == ["http://localhost:8000/federation/psc/callback"]
    assert len(form["code_verifier"][0]) >= 43


def test_what_is_asked_has_pkce_state_and_nonce_of_its_own(hostile: Hostile, bob: Account) -> None:
    """S256, 256 bits each, never the same twice; the level and the exact address are asked for."""
    client = Client()
    one, two = begin(client), begin(client)
    assert one["code_challenge_method"] == "S256"
    assert one["response_type"] == "code"
    assert (one["redirect_uri"], one["acr_values"]) == ("http://localhost:8000/federation/psc/callback", "eidas1")
    for name in ("state", "nonce", "code_challenge"):
        assert len(one[name]) == 43
        assert one[name] != two[name]


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        pytest.param({"nonce": "of another sign-in"}, "provider-answer-refused", id="replayed-nonce"),
        pytest.param({"aud": "another"}, "provider-answer-refused", id="wrong-aud"),
        pytest.param({"exp": int(time.time()) - 3600}, "provider-answer-refused", id="expired"),
        pytest.param({"iss": "https://other.example"}, "provider-answer-refused", id="token-of-another"),
        pytest.param({"sub": "charlie"}, "provider-answer-refused", id="userinfo-of-somebody-else"),
        pytest.param({"acr": "eidas0"}, "assurance-too-low", id="low-level"),
    ],
)
def test_a_token_that_does_not_hold_signs_nobody_in(
    hostile: Hostile, bob: Account, changed: dict[str, Any], code: str
) -> None:
    """The same token but for one claim."""
    hostile.claims |= changed
    client = Client()
    refused(client, whole(client, hostile), code)


def test_mix_up(hostile: Hostile, bob: Account) -> None:
    """Another provider's answer, or one that hides whose it is, is not taken to this one: the code goes nowhere."""
    for issuer in ("https://honest.example", ""):
        client = Client()
        refused(client, come_back(client, hostile, begin(client), iss=issuer), "provider-answer-refused")
    client = Client()
    asked = begin(client)
    answer = client.get("/federation/psc/callback", {"code": "c", "state": asked["state"]})
    refused(client, answer, "provider-answer-refused")
    assert "/token" not in dict(hostile.asked)


def test_an_answer_that_this_browser_did_not_ask_for(hostile: Hostile, bob: Account) -> None:
    """State of another browser, none, twice the same, at another provider's address: no code is exchanged."""
    asked = begin(Client())
    thief = Client()
    refused(thief, come_back(thief, hostile, asked), "sign-in-lost")
    refused(thief, thief.get("/federation/psc/callback", {"code": "c"}), "sign-in-lost")
    assert "/token" not in dict(hostile.asked)
    client = Client()
    asked = begin(client)
    assert come_back(client, hostile, asked).status_code == 302
    again = come_back(client, hostile, asked)
    assert again.headers["Location"] == "/federation/problem/sign-in-lost"


def test_an_answer_that_comes_too_late(hostile: Hostile, bob: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten minutes: then the state is worth nothing."""
    client = Client()
    asked = begin(client)
    now = clock.now_ms()
    monkeypatch.setattr(clock, "now_ms", lambda: now + flow.LIFE_MS + 60_000)
    refused(client, come_back(client, hostile, asked), "sign-in-lost")


def test_a_session_that_was_planted_before_is_another_after(hostile: Hostile, bob: Account) -> None:
    """Session fixation: the key that the browser had is worth nothing once it is signed in."""
    client = Client()
    asked = begin(client)
    planted = client.cookies["sessionid"].value
    come_back(client, hostile, asked)
    assert client.cookies["sessionid"].value != planted
    thief = Client()
    thief.cookies["sessionid"] = planted
    assert thief.get("/federation/").status_code == 302


def test_sign_in_begins_by_a_form_of_ours_only(hostile: Hostile, bob: Account) -> None:
    """Another site can neither sign somebody in here nor link an identity to them."""
    assert Client().get("/federation/psc/sign-in").status_code == 405
    strict = Client(enforce_csrf_checks=True)
    for path in ("/federation/psc/sign-in", "/federation/psc/link", "/federation/psc/unlink", "/federation/sign-out"):
        assert strict.post(path).status_code == 400
    assert hostile.asked == []


def test_a_provider_that_leads_elsewhere_is_not_followed(hostile: Hostile, bob: Account) -> None:
    """A redirect, even to itself, and a configuration that names another machine: neither is asked."""
    with running_hostile() as inside:
        for path in ("/.well-known/openid-configuration", "/token", "/userinfo", "/keys"):
            hostile.answers = {path: lambda: (302, {"Location": f"{inside.issuer}/secrets"}, b"")}
            client = Client()
            page = client.post("/federation/psc/sign-in")
            found = re.search(r"state=([\w-]+)&", html.unescape(page.content.decode()))
            if found is not None:
                asked = {"state": found[1], "nonce": "n"}
                refused(client, come_back(client, hostile, asked), "provider-answer-refused")
            directory.forget()
        hostile.answers = {}
        for name in ("token_endpoint", "userinfo_endpoint", "jwks_uri"):
            hostile.configuration = {name: f"{inside.issuer}/secrets"}
            assert b"provider-answer-refused" in Client().post("/federation/psc/sign-in").content
            directory.forget()
        assert inside.asked == []


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"issuer": "https://honest.example"}, id="another-issuer"),
        pytest.param({"authorization_endpoint": "javascript:alert(1)"}, id="script"),
        pytest.param({"authorization_endpoint": "http://provider.example/auth"}, id="plain-http"),
        pytest.param({"authorization_endpoint": "https://me:secret@provider.example/"}, id="password-in-address"),
        pytest.param({"token_endpoint": "file:///etc/passwd"}, id="file"),
        pytest.param({"token_endpoint": None}, id="no-token-endpoint"),
        pytest.param({"end_session_endpoint": "javascript:alert(1)"}, id="script-at-sign-out"),
        pytest.param({"code_challenge_methods_supported": ["plain"]}, id="no-s256"),
        pytest.param({"response_types_supported": ["id_token"]}, id="implicit-only"),
        pytest.param({"token_endpoint_auth_methods_supported": ["none"]}, id="no-client-authentication"),
    ],
)
def test_a_configuration_that_cannot_be_believed(hostile: Hostile, bob: Account, changed: dict[str, Any]) -> None:
    """Discovery of another issuer, with addresses that are not https, or without what we need: nobody leaves."""
    hostile.configuration = changed
    answer = Client().post("/federation/psc/sign-in")
    assert answer.status_code == 400
    assert b"provider-answer-refused" in answer.content


def test_plain_http_is_for_this_machine_alone_and_never_behind_https(
    hostile: Hostile, bob: Account, connect: Connect
) -> None:
    """A platform that people reach by HTTPS speaks HTTPS only, even to itself."""
    connect(hostile.issuer, "psc", people_https=True)
    assert b"provider-answer-refused" in Client().post("/federation/psc/sign-in").content
    connect("http://provider.example", "psc", people_https=False)
    assert b"provider-answer-refused" in Client().post("/federation/psc/sign-in").content
    assert hostile.asked == []


@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/keys", "/token", "/userinfo"])
def test_a_huge_answer_is_cut(hostile: Hostile, bob: Account, path: str) -> None:
    """A quarter of a megabyte is more than any of them needs; packed answers are not unpacked."""
    body = b'{"a":"' + b"a" * fetching.MAX_BYTES + b'"}'
    packed: Said = (200, {"Content-Type": "application/json", "Content-Encoding": "gzip"}, b"\x1f\x8b")
    for said in ((200, {"Content-Type": "application/json"}, body), packed):
        hostile.answers = {path: lambda said=said: said}  # type: ignore[misc]
        with pytest.raises(ProviderError) as found:
            fetching.fetch("GET", hostile.issuer + path)
        assert found.value.step == "size"


@pytest.mark.parametrize("part", ["headers", "body"])
def test_a_slow_answer_ends_at_the_deadline(hostile: Hostile, part: str) -> None:
    """One deadline for the whole: a byte now and then, in headers or body, does not hold us."""
    hostile.trickle = f"{part} /userinfo"
    hostile.userinfo = {"a": "a" * 300}
    before = time.monotonic()
    with pytest.raises(ProviderUnreachableError):
        fetching.fetch("GET", f"{hostile.issuer}/userinfo", deadline_s=0.4)
    assert time.monotonic() - before < 3


def test_a_provider_that_is_away_is_said_in_words(
    hostile: Hostile, bob: Account, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """503 and a way on; after a failure the next person does not wait for it again."""
    connect("http://127.0.0.1:1", "psc")
    client = Client(headers={"accept-language": "en"})
    answer = client.post("/federation/psc/sign-in")
    assert answer.status_code == 503
    assert b"provider-unreachable" in answer.content
    assert b"does not answer" in answer.content
    connect(hostile.issuer, "psc")
    hostile.answers = {"/.well-known/openid-configuration": lambda: (500, {}, b"")}
    now = clock.now_ms()
    for later, asked in ((0, 1), (directory.FAILED_MS - 1, 1), (directory.FAILED_MS, 2)):
        monkeypatch.setattr(clock, "now_ms", lambda later=later: now + later)
        assert client.post("/federation/psc/sign-in").status_code == 503
        assert len(hostile.asked) == asked


def test_a_failing_token_endpoint_signs_nobody_in(hostile: Hostile, bob: Account) -> None:
    """Refused, broken, of another type, without tokens: words, no exception, nothing quoted."""
    for status, kind, body, code in (
        (400, "application/json", b'{"error":"invalid_grant"}', "provider-answer-refused"),
        (500, "application/json", b"{}", "provider-unreachable"),
        (200, "text/html", b"<p>eyJ</p>", "provider-answer-refused"),
        (200, "application/json", b"{}", "provider-answer-refused"),
        (200, "application/json", b'{"access_token":"a","token_type":"mac"}', "provider-answer-refused"),
        (200, "application/json", b'{"access_token":"a b","token_type":"Bearer"}', "provider-answer-refused"),
        (200, "application/json", b'{"access_token":"a","token_type":"Bearer"}', "provider-answer-refused"),
    ):
        said: Said = (status, {"Content-Type": kind}, body)
        hostile.answers = {"/token": lambda said=said: said}  # type: ignore[misc]
        client = Client()
        refused(client, whole(client, hostile), code)


def test_nothing_of_an_answer_is_in_a_log_or_a_page(
    hostile: Hostile, bob: Account, caplog: pytest.LogCaptureFixture
) -> None:
    """Codes and names of steps only: neither code, state, token, subject nor what the provider wrote."""
    caplog.set_level(logging.DEBUG)
    hostile.claims |= {"aud": "another"}
    client = Client()
    asked = begin(client)
    answer = come_back(client, hostile, asked, error_description="<script>Bob</script>")
    said = "".join(r.getMessage() for r in caplog.records if r.name.startswith("egide"))
    assert "provider-answer-refused aud" in said
    seen = client.get(answer.headers["Location"]).content.decode() + str(answer.headers)
    for secret in ("c-1", asked["state"], asked["nonce"], "an-access-token", "eyJ", "bob", "script>Bob"):
        assert secret not in said
        assert secret not in seen
    assert answer.content == b""


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
