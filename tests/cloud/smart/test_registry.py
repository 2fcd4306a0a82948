"""Apps are let in by two people of one establishment, and ended by one."""

from __future__ import annotations

import pytest
from django.test import Client

from egide.cloud.people.models import Membership
from egide.cloud.people.offices import dismiss
from egide.cloud.register.models import Statement
from egide.cloud.smart.attested import stands
from egide.cloud.smart.models import App
from egide.cloud.smart.registry import approve_app, end, refuse_app
from egide.errors import AccessDeniedError, EgideError, MalformedError, RefusedError
from tests.cloud.conftest import NOW
from tests.cloud.smart.conftest import BACK, Flow, Registry, read, signed_in
from tests.support.cast import Cast


def test_only_an_officer_of_the_place_lets_an_app_in(registry: Registry) -> None:
    """Not who registered it, not another office, not another establishment's officer."""
    for who in (
        "far_dpo", "far_security", "engineer", "auditor", "administrator", "maker", "researcher",
    ):  # fmt: skip
        app = registry.described()
        with pytest.raises(AccessDeniedError):
            approve_app(app, by=getattr(registry.offices, who), now_ms=NOW)
        assert not stands(App.objects.get(pk=app.pk))


def test_an_app_is_decided_once_and_its_statement_says_by_whom(registry: Registry) -> None:
    """Two people, one statement; neither a second approval nor a refusal changes it."""
    app = registry.let_in()
    assert stands(App.objects.get(pk=app.pk))
    assert Statement.objects.filter(kind="app", subject=app.subject).count() == 1
    for again in (approve_app, refuse_app):
        with pytest.raises(RefusedError):
            again(App.objects.get(pk=app.pk), by=registry.offices.security, now_ms=NOW)
    refused = registry.described()
    refuse_app(refused, by=registry.offices.maker, now_ms=NOW)
    with pytest.raises(RefusedError):
        approve_app(refused, by=registry.offices.dpo, now_ms=NOW)


def test_whoever_lost_the_office_meanwhile_registered_nothing(registry: Registry) -> None:
    """What a dismissed person asked for is not approved any more."""
    app = registry.described()
    dismiss(Membership.objects.get(account=registry.offices.maker), by=registry.offices.maker, now_ms=NOW)
    with pytest.raises(AccessDeniedError):
        approve_app(app, by=registry.offices.dpo, now_ms=NOW)


def test_a_description_that_cannot_be_is_not_kept(registry: Registry) -> None:
    """Addresses in the open, patterns, schemes of any program; scopes of another kind."""
    for said in (
        {"redirect_uris": ""}, {"redirect_uris": "http://app.example/callback"}, {"redirect_uris": BACK + "#x"},
        {"redirect_uris": "https://*.example/"}, {"redirect_uris": "javascript:alert(1)"},
        {"redirect_uris": "com.app:/x"},
        {"redirect_uris": "https://user@app.example/"}, {"redirect_uris": "//app.example/"},
        {"redirect_uris": "https://app.example:x/"}, {"redirect_uris": " ".join(["https://a.example/"] * 11)},
        {"origins": "https://app.example/"}, {"origins": "*"}, {"origins": "null"}, {"origins": "https://App.example"},
        {"launch_uri": "http://app.example/launch"}, {"scopes": ""}, {"scopes": "launch offline_access"},
        {"scopes": "system/Observation.rs"}, {"scopes": "patient/Observation.read"},
        {"scopes": "patient/Observation.cruds"},
        {"scopes": "openid patient/Observation.rs"}, {"name": ""}, {"name": "x" * 61}, {"about": "a\x00b"},
    ):  # fmt: skip
        with pytest.raises(MalformedError):
            registry.described(**said)
        assert not App.objects.exists()


def test_this_machine_alone_may_be_come_back_to_without_https(registry: Registry) -> None:
    """A program on the person's own computer (RFC 8252)."""
    for uri in ("http://127.0.0.1:8080/cb", "http://localhost:3000/cb", "http://[::1]:1/cb"):
        assert registry.described(redirect_uris=uri).redirect_uri_allowed(uri)


def test_an_app_that_was_ended_is_worth_nothing_at_once(own: Flow, registry: Registry) -> None:
    """One person suffices; no session, no code, no token of it counts any more, for ever."""
    told = own.tokens()
    code = own.code()
    with pytest.raises(EgideError):
        end(own.app, by=registry.offices.far_dpo, now_ms=NOW)
    end(own.app, by=registry.offices.security, now_ms=NOW)
    assert read("Observation?_count=1", told["access_token"])[0] == 401
    assert own.exchange(code)[0] == 401
    assert own.client.get(own.address()).status_code == 400
    App.objects.update(ended_ms=None)
    assert not stands(App.objects.get(pk=own.app.pk))


def test_the_desk_shows_the_apps_of_one_s_own_establishments_alone(registry: Registry, cast: Cast) -> None:
    """A stranger of another place sees neither the list nor the app; a patient has no desk."""
    app = registry.let_in(name="Carnet de Lune")
    path = f"/apps/registry/{app.client_id}"
    for who, list_status, one_status in (
        (registry.offices.dpo, 200, 200), (registry.offices.maker, 200, 200), (registry.offices.far_dpo, 200, 404),
        (registry.offices.engineer, 403, 403), (cast.alice, 403, 403),
    ):  # fmt: skip
        client = signed_in(who)
        listed = client.get("/apps/registry")
        assert listed.status_code == list_status
        assert ("Carnet de Lune" in listed.content.decode()) == (one_status == 200)
        assert client.get(path).status_code == one_status
    assert Client().get("/apps/registry").status_code == 302


def test_an_app_goes_from_form_to_yes_by_pages(registry: Registry, cast: Cast) -> None:
    """Registered by the maker, let in by the officer, ended by the officer: each on a page."""
    maker, dpo = signed_in(registry.offices.maker), signed_in(registry.offices.dpo)
    form = {
        "place": str(registry.offices.here.pk), "kind": "person", "name": "Carnet", "about": "Montre.",
        "scopes": "launch/patient patient/Observation.rs", "redirect_uris": BACK,
    }  # fmt: skip
    assert maker.post("/apps/registry/new", form | {"scopes": "x"}).status_code == 400
    assert maker.post("/apps/registry/new", form | {"place": str(registry.offices.elsewhere.pk)}).status_code == 400
    answer = maker.post("/apps/registry/new", form)
    assert answer.status_code == 302
    app = App.objects.get()
    assert maker.post(f"/apps/registry/{app.client_id}/approve").status_code == 403
    assert dpo.post(f"/apps/registry/{app.client_id}/approve").status_code == 302
    assert stands(App.objects.get())
    flow = Flow(app=App.objects.get(), reader=cast.alice, client=signed_in(cast.alice))
    assert flow.client.get(flow.address()).status_code == 200
    assert dpo.post(f"/apps/registry/{app.client_id}/end").status_code == 302
    assert not stands(App.objects.get())

