"""An app that a person let in reads what they left to it, and nothing beside."""

from __future__ import annotations

import dataclasses
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from egide.cloud.consent.grants import grants_of, withdraw_grant
from egide.cloud.portal import live
from egide.cloud.smart.models import Token
from tests.cloud.conftest import NOW
from tests.cloud.fhir.conftest import resources
from tests.cloud.smart.conftest import BASE, Flow, Registry, read, signed_in
from tests.support.cast import Cast


def test_an_app_reads_the_record_of_the_patient_who_let_it_in(own: Flow) -> None:
    """Standalone launch of a public app with PKCE: page, yes, code, token, Observations."""
    page = own.client.get(own.address())
    assert page.status_code == 200
    assert "form-action 'self' https://app.example" in page.headers["Content-Security-Policy"]
    told = own.tokens()
    assert told["patient"] == str(own.reader.pk)
    assert told["token_type"] == "Bearer"
    assert told["expires_in"] <= 3600
    assert set(told["scope"].split()) == set(own.app.scopes.split())
    status, bundle = read("Observation?_count=5", told["access_token"])
    assert status == 200, bundle
    assert len(resources(bundle)) == 5


def test_a_page_of_another_site_calls_us_where_its_app_was_let_in(own: Flow) -> None:
    """CORS for registered origins alone, without cookies, and for FHIR alone."""
    token = own.tokens()["access_token"]
    for origin in ("https://app.example", "https://evil.example", "https://app.exampl"):
        known = origin == "https://app.example"
        headers = {"Origin": origin}
        asked = Client().options("/fhir/auth/token", headers=headers | {"Access-Control-Request-Method": "POST"})
        got = Client().get("/fhir/Observation?_count=1", headers=headers | {"Authorization": f"Bearer {token}"})
        for answer in (asked, got):
            assert answer.headers.get("Access-Control-Allow-Origin") == (origin if known else None)
            assert "Access-Control-Allow-Credentials" not in answer.headers
            assert "Origin" in answer.headers["Vary"]
        assert (asked.status_code == 204) == known
        assert "Access-Control-Allow-Origin" not in own.client.get("/apps", headers=headers).headers


def test_the_addresses_are_where_a_client_looks(own: Flow) -> None:
    """Under the base, and in the CapabilityStatement for older clients."""
    told = Client().get("/fhir/.well-known/smart-configuration").json()
    assert told["token_endpoint"] == f"{BASE}/auth/token"
    assert told["code_challenge_methods_supported"] == ["S256"]
    assert not [name for name in told["capabilities"] if "openid" in name or name == "client-confidential-symmetric"]
    security = Client().get("/fhir/metadata").json()["rest"][0]["security"]
    ends = {e["url"]: e["valueUri"] for e in security["extension"][0]["extension"]}
    assert ends["authorize"] == told["authorization_endpoint"]
    assert ends["token"] == told["token_endpoint"]


def test_addresses_and_audiences_say_https_when_people_reach_us_so(own: Flow, settings: Any) -> None:
    """Behind a front that speaks HTTP to us, without a header that we believe: what is announced is what people use."""
    settings.OPTIONS = dataclasses.replace(settings.OPTIONS, people_https=True)
    told = Client().get("/fhir/.well-known/smart-configuration").json()
    addresses = [address for name, address in told.items() if name.endswith("_endpoint")]
    assert len(addresses) == 5
    assert all(address.startswith("https://testserver/") for address in addresses)
    base = BASE.replace("http://", "https://")
    security = Client().get("/fhir/metadata").json()["rest"][0]["security"]
    ends = {e["url"]: e["valueUri"] for e in security["extension"][0]["extension"]}
    assert ends["token"] == told["token_endpoint"] == f"{base}/auth/token"
    refused = own.client.post(own.address(aud=BASE), own.form())
    assert "error=invalid_request" in refused.headers["Location"]
    answer = own.client.post(own.address(aud=base), own.form())
    said = parse_qs(urlsplit(answer.headers["Location"]).query)
    assert said["iss"] == [base]
    status, given = own.exchange(said["code"][0])
    assert status == 200
    assert Token.objects.get().resource == [base]
    assert read("Observation?_count=1", given["access_token"])[0] == 200


def test_an_app_opens_from_a_record_with_the_patient_already_chosen(cast: Cast, registry: Registry) -> None:
    """EHR launch: Bob's app, from Alice's page; good once, for Bob, for this app, for five minutes."""
    app = registry.let_in(scopes="launch patient/Observation.rs", launch_uri="https://app.example/launch")
    bob = Flow(app=app, reader=cast.bob, client=signed_in(cast.bob))
    page = bob.client.get(f"/apps/open/{cast.alice.pk}")
    assert "Carnet" in page.content.decode()
    assert "form-action 'self' https://app.example" in page.headers["Content-Security-Policy"]
    answer = bob.client.post(f"/apps/open/{cast.alice.pk}", {"app": app.client_id})
    told = parse_qs(urlsplit(answer.headers["Location"]).query)
    assert told["iss"] == [BASE]
    launch = told["launch"][0]
    stranger = Flow(app=app, reader=cast.diane, client=signed_in(cast.diane))
    assert "error=invalid_request" in stranger.client.get(stranger.address(launch=launch)).headers["Location"]
    other = Flow(app=registry.let_in(name="Autre", scopes=app.scopes), reader=cast.bob, client=bob.client)
    assert "error=invalid_request" in other.client.get(other.address(launch=launch)).headers["Location"]
    assert bob.tokens(launch=launch)["patient"] == str(cast.alice.pk)
    assert "error=invalid_request" in bob.client.get(bob.address(launch=launch)).headers["Location"]
    assert stranger.client.get(f"/apps/open/{cast.alice.pk}").status_code == 404
    assert bob.client.get(f"/apps/open/{cast.charlie.pk}").status_code == 404


def test_the_patient_reads_of_the_app_and_stops_it_at_once(own: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    """By name on "who may see" and "who has seen"; stopped as an app or as a grant, its next read fails."""
    monkeypatch.setattr(live, "now_ms", lambda: NOW)
    for stop in ("app", "grant"):
        token = own.tokens()["access_token"]
        assert read("Observation?_count=1", token)[0] == 200
        assert "Carnet" in own.client.get("/me/sharing").content.decode()
        assert "Carnet" in own.client.get("/me/journal?who=others").content.decode()
        assert "Carnet" in own.client.get("/apps").content.decode()
        if stop == "app":
            assert own.client.post(f"/apps/{own.app.client_id}/stop").status_code == 302
        else:
            grant = next(g for g in grants_of(own.reader) if g.until_ms is not None and g.until_ms > NOW)
            withdraw_grant(own.reader, grant.id, now_ms=NOW)
        assert read("Observation?_count=1", token)[0] == 401
        assert "Carnet" not in own.client.get("/apps").content.decode()


def test_a_new_yes_replaces_the_former_one_for_every_device(own: Flow) -> None:
    """The last word holds: what is left out now is closed to the token of before, too."""
    first = own.tokens()["access_token"]
    own.tokens(own.form(family=["weight"]))
    _, bundle = read("Observation?_count=500", first)
    assert {r["code"]["coding"][0]["code"] for r in resources(bundle)} == {"29463-7"}


def test_online_access_ends_with_the_session(cast: Cast, registry: Registry) -> None:
    """Without offline access an app goes on only while the person stays signed in."""
    app = registry.let_in(scopes="launch/patient patient/Observation.rs online_access")
    flow = Flow(app=app, reader=cast.alice, client=signed_in(cast.alice))
    status, told = flow.refresh(flow.tokens()["refresh_token"])
    assert status == 200
    flow.client.logout()
    assert flow.refresh(told["refresh_token"])[1]["error"] == "invalid_grant"
    assert "refresh_token" not in Flow(app=app, reader=cast.alice, client=signed_in(cast.alice)).tokens(
        flow.form(stay=None)
    )
