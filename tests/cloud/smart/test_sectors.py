"""An insurer's, an employer's, a bank's app gets nothing: it is refused at each step, and at each read afterwards."""

from __future__ import annotations

import pytest
from django.http import QueryDict
from django.test import RequestFactory

from egide.cloud.consent.families import FAMILIES
from egide.cloud.consent.grants import ForbiddenUseError
from egide.cloud.fhir.asked import Asked
from egide.cloud.fhir.reader import Reader
from egide.cloud.people.attested import ESTABLISHMENT
from egide.cloud.people.establishments import create_establishment
from egide.cloud.people.models import Establishment
from egide.cloud.register.journal import append_statement
from egide.cloud.release.door import why
from egide.cloud.smart.attested import stands
from egide.cloud.smart.consenting import Choice, agree
from egide.cloud.smart.models import App
from egide.cloud.smart.registry import Description, approve_app, register_app
from tests.cloud.conftest import NOW
from tests.cloud.smart.conftest import BACK, OWN, Flow, Registry, read
from tests.cloud.ward.conftest import give
from tests.support.cast import Cast

SECTORS = ("insurer", "employer", "bank")


def declared(place: Establishment, kind: str) -> None:
    """The register says from now on what this establishment is."""
    append_statement(ESTABLISHMENT, None, {"establishment": str(place.pk), "kind": kind, "group": None}, now_ms=NOW)


@pytest.mark.parametrize("kind", SECTORS)
def test_nobody_registers_an_app_of_such_a_place(registry: Registry, kind: str) -> None:
    """Whoever holds the office there."""
    place = create_establishment(kind, "Prévoyance du Lac", now_ms=NOW - 1_000)
    give(registry.offices.maker, "maker", place)
    said = Description(name="Bonus", about="Rewards steps.", scopes=OWN, redirect_uris=BACK)
    with pytest.raises(ForbiddenUseError):
        register_app(said, place, by=registry.offices.maker, now_ms=NOW)
    assert not App.objects.exists()


def test_an_app_that_waits_is_not_let_in_once_its_place_is_one(registry: Registry) -> None:
    """Two people there cannot say yes either."""
    app = registry.described()
    declared(registry.offices.here, "insurer")
    with pytest.raises(ForbiddenUseError):
        approve_app(app, by=registry.offices.dpo, now_ms=NOW)
    assert App.objects.get(pk=app.pk).approved is None


@pytest.mark.parametrize("kind", SECTORS)
def test_an_app_let_in_before_gets_nothing_at_its_next_read_and_asks_no_more(
    own: Flow, registry: Registry, kind: str
) -> None:
    """Its tokens are not given again, its code is no good, and its page is not shown."""
    told, code = own.tokens(), own.code()
    assert read("Observation?_count=1", told["access_token"])[0] == 200
    declared(registry.offices.here, kind)
    assert not stands(App.objects.get(pk=own.app.pk))
    assert read("Observation?_count=1", told["access_token"])[0] == 401
    assert own.refresh(told["refresh_token"])[0] in (400, 401)
    assert own.exchange(code)[0] in (400, 401)
    assert own.client.get(own.address()).status_code == 400


def test_no_patient_grants_it_anything(own: Flow, registry: Registry, cast: Cast) -> None:
    """Even where a request was read just before its place was declared."""
    from egide.cloud.smart.asking import read_request

    request = RequestFactory().get(own.address())
    request.user, request.session = cast.alice, own.client.session
    asked = read_request(request, cast.alice, now_ms=NOW)
    declared(registry.offices.here, "bank")
    choice = Choice(patient=cast.alice, scopes=asked.scopes, families=frozenset(FAMILIES), days="1")
    with pytest.raises(ForbiddenUseError):
        agree(request, asked, cast.alice, choice, now_ms=NOW)


def test_the_door_itself_refuses_what_is_asked_for_such_a_place(own: Flow, cast: Cast) -> None:
    """The rules hear of the sector over FHIR, whatever the patient granted."""
    own.tokens()
    for sector, allowed in (("", True), ("insurer", False)):
        reader = Reader(account=cast.alice, app=own.app.client_id, patient=cast.alice.pk, sector=sector)
        asked = Asked(request=RequestFactory().get("/"), reader=reader, query=QueryDict(), base="", now_ms=NOW)
        decision = why(asked.ask(cast.alice, until_ms=NOW), now_ms=NOW)
        assert decision.allowed is allowed
        assert allowed or decision.reason == "sector-forbidden"
