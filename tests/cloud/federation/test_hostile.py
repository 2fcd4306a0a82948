"""A provider, or somebody between it and us, means harm: nobody is signed in, nothing else is asked, nothing waits."""

from __future__ import annotations

import html
import logging
import re
import time
from typing import Any

import pytest
from django.test import Client

from egide.cloud.federation import directory, flow
from egide.cloud.federation import fetch as fetching
from egide.cloud.people.models import Account
from egide.cloud.signin import clock
from egide.errors import ProviderError, ProviderUnreachableError
from tests.cloud.federation.conftest import Connect
from tests.cloud.federation.harm import begin, come_back, refused, whole
from tests.support.hostile_openid import Hostile, Said, running_hostile

pytestmark = [pytest.mark.server, pytest.mark.django_db]


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
