"""The whole way, against an independent provider (`oidc-provider`): there, back, linked, signed in, signed out."""

from __future__ import annotations

import html
import json
import re
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.sessions.models import Session
from django.db import connection
from django.http import HttpRequest
from django.test import Client, RequestFactory
from joserfc.jwk import import_key

from egide.cloud.federation import directory, links
from egide.cloud.federation.models import FederatedSession, LinkedIdentity
from egide.cloud.people.models import Account
from egide.cloud.people.service import create_account
from egide.cloud.people.sessions import kept
from egide.cloud.signin import clock
from egide.cloud.signin.models import Notice, OpenSession
from egide.cloud.signin.notices import notices_of
from egide.cloud.signin.sessions import open_session, renew_key
from egide.cloud.upkeep.fsck import fsck
from tests.cloud.federation.conftest import PIVOT, PROFESSIONAL, RPPS, SECRET, pem_of
from tests.support.openid import OpenId, running_provider
from tests.support.ward import Ward

pytestmark = [pytest.mark.server, pytest.mark.django_db]
HOME = "http://localhost:8000/"
Connect = Callable[..., Any]


def client_of(key: str, **more: Any) -> dict[str, Any]:
    return {
        "client_id": f"egide-{key}",
        "client_secret": SECRET,
        "redirect_uris": [f"{HOME}federation/{key.partition('-')[0]}/callback"],
        "post_logout_redirect_uris": [f"{HOME}federation/signed-out"],
        "backchannel_logout_uri": f"https://egide.example/federation/{key}/back-channel",
        "backchannel_logout_session_required": True,
        **more,
    }


def encrypted(key: Any, alg: str, enc: str, sign: str) -> dict[str, Any]:
    jwk = import_key(pem_of(key), "RSA" if alg.startswith("RSA") else "EC").as_dict(private=False)
    return {
        "jwks": {"keys": [{**jwk, "use": "enc", "alg": alg, "kid": "ours"}]},
        "userinfo_signed_response_alg": sign, "userinfo_encrypted_response_alg": alg,
        "userinfo_encrypted_response_enc": enc, "id_token_signed_response_alg": sign,
        "id_token_encrypted_response_alg": alg, "id_token_encrypted_response_enc": enc,
    }  # fmt: skip


@pytest.fixture(scope="module")
def openid_process(decrypt_keys: Any) -> Iterator[OpenId]:
    clients = [
        client_of("psc"),
        client_of(
            "franceconnect", id_token_signed_response_alg="ES256", userinfo_signed_response_alg="ES256",
            token_endpoint_auth_method="client_secret_post",
        ),
        client_of("franceconnect-plain"),
        client_of("sso", **encrypted(decrypt_keys["rsa"], "RSA-OAEP-256", "A256GCM", "PS256")),
        client_of("sso-ec", **encrypted(decrypt_keys["ec"], "ECDH-ES", "A128CBC-HS256", "ES256")),
    ]  # fmt: skip
    with running_provider(clients) as running:
        yield running


@pytest.fixture
def openid(openid_process: OpenId) -> OpenId:
    """Nobody is signed in there yet."""
    openid_process.leave()
    return openid_process


@pytest.fixture
def bob(ward: Ward) -> Account:
    return create_account("professional", "Dr Bob Durand", ward.start_ms)


@pytest.fixture
def alice(ward: Ward) -> Account:
    return create_account("patient", "Alice Moreau", ward.start_ms)


def invited(account: Account) -> Client:
    """A browser that opened its invitation just now."""
    client = Client(headers={"accept-language": "en"})
    request = RequestFactory().post("/")
    request.session = client.session
    open_session(request, account, "link", now_ms=clock.now_ms())
    request.session.save()
    client.cookies["sessionid"] = request.session.session_key or ""
    return client


def address_in(answer: Any) -> str:
    found = re.search(r'content="0;url=([^"]+)"', answer.content.decode())
    assert answer.status_code == 200
    assert found is not None, answer.content.decode()
    return html.unescape(found[1])


def go(client: Client, openid: OpenId, start: str, **form: str) -> Any:
    """From our form to the provider and back to our callback."""
    address = address_in(client.post(start, form))
    back = urlsplit(openid.visit(address, HOME))
    answer = client.get(f"{back.path}?{back.query}")
    if answer.headers.get("Location", "").startswith("/federation/problem/"):
        return client.get(answer.headers["Location"])
    return answer


def link(account: Account, openid: OpenId, key: str) -> Client:
    client = invited(account)
    answer = go(client, openid, f"/federation/{key}/link")
    assert (answer.status_code, answer.headers.get("Location")) == (302, "/federation/"), answer.content.decode()
    return client


def enter(openid: OpenId, key: str, **form: str) -> tuple[Client, Any]:
    client = Client(headers={"accept-language": "en"})
    return client, go(client, openid, f"/federation/{key}/sign-in", **form)


def be(openid: OpenId, sub: str, acr: str = "eidas2", **claims: Any) -> None:
    openid.control(who={"sub": sub, "acr": acr, "claims": claims})


def test_a_professional_links_pro_sante_connect_and_signs_in_by_it(
    openid: OpenId, bob: Account, connect: Connect
) -> None:
    """From the invitation; then with another browser, under a new session key, told to the owner, listed."""
    connect(openid.issuer, "psc")
    be(openid, "bob-psc", "eidas1", **PROFESSIONAL)
    link(bob, openid, "psc")
    client = Client(headers={"accept-language": "en"})
    page = client.post("/federation/psc/sign-in", {"next": "/patients"})
    before = client.cookies["sessionid"].value
    back = urlsplit(openid.visit(address_in(page), HOME))
    answer = client.get(f"{back.path}?{back.query}")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/patients")
    assert client.cookies["sessionid"].value != before
    assert client.session["_auth_user_id"] == str(bob.pk)
    assert set(OpenSession.objects.filter(account=bob).values_list("method", flat=True)) == {"link", "psc"}
    assert Notice.objects.filter(account=bob, kind="sign-in").exists()
    assert "Added: Pro Santé Connect." in [told.text for told in notices_of(bob)]
    row = LinkedIdentity.objects.get()
    assert links.professional_claims(row) == {"rpps": RPPS, "professions": ["10"], "sectors": ["SA01", "SA07"]}


@pytest.mark.parametrize("key", ["franceconnect", "sso", "sso-ec"])
def test_signed_and_encrypted_answers_sign_in(
    openid: OpenId, alice: Account, connect: Connect, decrypt_keys: Any, key: str
) -> None:
    """Signed with ES256; nested under RSA-OAEP-256 and PS256, and under ECDH-ES: ID token and userinfo alike."""
    short = key.partition("-")[0]
    pem = {"sso": pem_of(decrypt_keys["rsa"]), "sso-ec": pem_of(decrypt_keys["ec"])}.get(key, b"")
    connect(openid.issuer, short, pem, **{f"{short}_client": f"egide-{key}"})
    be(openid, f"alice-{key}", **PIVOT)
    link(alice, openid, short)
    client, answer = enter(openid, short)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    assert client.session["_auth_user_id"] == str(alice.pk)


def test_an_answer_that_should_be_signed_and_is_not_is_refused(
    openid: OpenId, alice: Account, connect: Connect
) -> None:
    """FranceConnect signs userinfo: plain JSON in its place is somebody's work on the way."""
    connect(openid.issuer, "franceconnect", franceconnect_client="egide-franceconnect-plain")
    be(openid, "alice", **PIVOT)
    answer = go(invited(alice), openid, "/federation/franceconnect/link")
    assert answer.status_code == 400
    assert not LinkedIdentity.objects.exists()


def test_the_provider_changes_its_keys_at_any_time(
    openid: OpenId, bob: Account, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key that we do not know is looked up again, half a minute after the last time at the earliest."""
    connect(openid.issuer, "psc")
    be(openid, "bob-psc", "eidas1", **PROFESSIONAL)
    link(bob, openid, "psc")
    openid.control(rotate=True)
    openid.leave()
    _, answer = enter(openid, "psc")
    assert answer.status_code == 400
    assert b"provider-answer-refused" in answer.content
    now = time.time_ns() // 1_000_000
    monkeypatch.setattr(clock, "now_ms", lambda: now + directory.AGAIN_MS)
    openid.leave()
    _, answer = enter(openid, "psc")
    assert answer.headers["Location"] == "/"


def test_an_identity_that_nobody_linked_opens_nothing(openid: OpenId, bob: Account, connect: Connect) -> None:
    """Not by the same name, not by the same RPPS number: no account is made or found by what a provider says."""
    connect(openid.issuer, "psc")
    be(openid, "somebody", "eidas1", **PROFESSIONAL)
    accounts = Account.objects.count()
    client, answer = enter(openid, "psc")
    assert answer.status_code == 403
    assert b"identity-not-linked" in answer.content
    assert "_auth_user_id" not in client.session
    assert Account.objects.count() == accounts


def test_turning_back_changes_nothing(openid: OpenId, bob: Account, connect: Connect) -> None:
    """The person refuses at the provider."""
    connect(openid.issuer, "psc")
    be(openid, "")
    client, answer = enter(openid, "psc")
    assert answer.status_code == 400
    assert b"or you turned back" in answer.content
    assert "_auth_user_id" not in client.session


def test_a_level_below_the_one_that_is_asked_for_is_refused(openid: OpenId, alice: Account, connect: Connect) -> None:
    """eidas2 is asked for: eidas1 opens nothing, eidas3 does."""
    connect(openid.issuer, "franceconnect")
    be(openid, "alice-fc", "eidas3", **PIVOT)
    link(alice, openid, "franceconnect")
    assert LinkedIdentity.objects.get().assurance == 3
    openid.leave()
    be(openid, "alice-fc", "eidas1", **PIVOT)
    _, answer = enter(openid, "franceconnect")
    assert answer.status_code in (400, 403)
    openid.leave()
    be(openid, "alice-fc", "eidas2", **PIVOT)
    _, answer = enter(openid, "franceconnect")
    assert answer.headers["Location"] == "/"


def test_no_claim_is_readable_in_any_table_or_log(
    openid: OpenId, alice: Account, bob: Account, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither names, birth, RPPS number, subject nor token: every text and every byte of every table is looked at."""
    caplog.set_level("DEBUG")
    connect(openid.issuer, "psc")
    connect(openid.issuer, "franceconnect")
    be(openid, "bob-psc-subject", "eidas1", **PROFESSIONAL)
    link(bob, openid, "psc")
    openid.leave()
    be(openid, "alice-fc-subject", **PIVOT)
    link(alice, openid, "franceconnect")
    _, answer = enter(openid, "franceconnect")
    assert answer.headers["Location"] == "/"
    kept = dump() + "".join(r.getMessage() for r in caplog.records if not r.name.startswith("django.db")).encode()
    for secret in ("bob-psc-subject", "alice-fc-subject", RPPS, "MOREAU", "1961-08-24", "75107", "DURAND", "eyJ"):
        assert secret.encode() not in kept, secret


def dump() -> bytes:
    """Every value of every table, sessions opened as their table's reader could."""
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            found += [bytes(v) if isinstance(v, memoryview) else str(v).encode() for row in cursor for v in row]
    for session in Session.objects.all():
        found.append(json.dumps(session.get_decoded()).encode())
    return b"\n".join(found)


def test_signing_out_here_offers_to_sign_out_there_and_the_token_is_in_no_address(
    openid: OpenId, alice: Account, connect: Connect
) -> None:
    """Ours ends at once; the provider's by a form, whose page lets forms go to the provider and nowhere else."""
    connect(openid.issuer, "franceconnect")
    be(openid, "alice-fc", **PIVOT)
    link(alice, openid, "franceconnect")
    client, _ = enter(openid, "franceconnect")
    answer = client.post("/federation/sign-out")
    assert "_auth_user_id" not in client.session
    form = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]+)"', answer.content.decode()))
    assert form["id_token_hint"].startswith("eyJ")
    assert f"form-action 'self' {openid.issuer};" in answer.headers["Content-Security-Policy"]
    where = re.search(r'<form method="post" action="(http[^"]+)"', answer.content.decode())
    assert where is not None
    fields = {name: form[name] for name in ("id_token_hint", "client_id", "post_logout_redirect_uri")}
    page = openid.browser.post(where[1], data=fields)
    assert page.status_code == 200
    xsrf = re.search(r'name="xsrf" value="(\w+)"', page.text)
    assert xsrf is not None, page.text
    gone = openid.browser.post(f"{where[1]}/confirm", data={"xsrf": xsrf[1], "logout": "yes"})
    assert gone.headers["Location"].startswith(f"{HOME}federation/signed-out")
    assert client.get("/federation/signed-out").status_code == 200


def test_the_provider_ends_our_sessions(openid: OpenId, alice: Account, connect: Connect) -> None:
    """A back-channel logout token ends the sessions of that sign-in, and no other; used again, it is refused."""
    connect(openid.issuer, "franceconnect")
    be(openid, "alice-fc", **PIVOT)
    other = link(alice, openid, "franceconnect")
    client, _ = enter(openid, "franceconnect")
    request = HttpRequest()
    request.session = client.session
    renew_key(request)  # as showing a factor does: the provider's logout follows
    client.cookies["sessionid"] = request.session.session_key or ""
    assert client.get("/federation/").status_code == 200
    assert FederatedSession.objects.get().session_key == kept(request.session.session_key)
    openid.control()
    page = openid.browser.post(f"{openid.issuer}/session/end", data={"client_id": "egide-franceconnect"})
    xsrf = re.search(r'name="xsrf" value="(\w+)"', page.text)
    assert xsrf is not None, page.text
    openid.browser.post(f"{openid.issuer}/session/end/confirm", data={"xsrf": xsrf[1], "logout": "yes"})
    sent = openid.control()["logouts"]
    assert [parse_qs(urlsplit(s["url"]).query) for s in sent] == [{}]
    answer = Client(enforce_csrf_checks=True).post(
        "/federation/franceconnect/back-channel", {"logout_token": sent[0]["token"]}
    )
    assert answer.status_code == 200, answer.content
    assert OpenSession.objects.count() == 1  # at once: streams look there
    assert client.get("/federation/").status_code == 302
    assert other.get("/federation/").status_code == 200  # opened by the invitation, not by the provider
    again = Client().post("/federation/franceconnect/back-channel", {"logout_token": sent[0]["token"]})
    assert again.status_code == 400


def test_unlinking_ends_the_sessions_it_opened_and_needs_no_factor(
    openid: OpenId, alice: Account, connect: Connect
) -> None:
    """What narrows works at once; the statements say both, and the store stays whole."""
    connect(openid.issuer, "franceconnect")
    be(openid, "alice-fc", **PIVOT)
    first = link(alice, openid, "franceconnect")
    client, _ = enter(openid, "franceconnect")
    assert first.post("/federation/franceconnect/unlink").status_code == 302
    assert client.get("/federation/").status_code == 302
    _, answer = enter(openid, "franceconnect")
    assert answer.status_code == 403
    assert not fsck(now_ms=clock.now_ms()).damaged
