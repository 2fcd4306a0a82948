"""The client against the platform itself, by the platform's own way in: no imitation of a server answers here."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal

import pytest
from joserfc.jwk import ECKey, KeySet

from egide.client import BackendService, Bearer, Client
from egide.cloud.consent.grants import give_grant
from egide.cloud.people.models import Account
from egide.cloud.release.door import Ask, release
from egide.cloud.release.journal import journal_of
from egide.cloud.smart.models import App
from egide.errors import AccessDeniedError
from tests.cloud.conftest import NOW
from tests.cloud.smart.conftest import Registry
from tests.support.cast import Cast
from tests.support.inprocess import InProcess

BASE = "http://localhost/fhir"
KEY = ECKey.generate_key("P-384", parameters={"kid": "k1", "use": "sig", "alg": "ES384"})


@pytest.fixture
def service(registry: Registry, cast: Cast) -> App:
    """A service of this hospital, for care."""
    return registry.let_in(
        name="Entrepôt", scopes="system/Observation.rs", redirect_uris="", origins="", service=True, purpose="TREAT",
        jwks=json.dumps(KeySet([KEY]).as_dict(private=False)), group="cohorte-1", responsible=cast.bob,
    )  # fmt: skip


@pytest.fixture
def client(service: App) -> Callable[[], Client]:
    def make() -> Client:
        auth = BackendService(
            service.client_id, KEY.as_pem(private=True), kid="k1", scopes=["system/Observation.rs"],
            clock=lambda: NOW / 1000,
        )  # fmt: skip
        return Client(BASE, auth, transport=InProcess())

    return make


def measured(patient: Account) -> set[tuple[str, int, Decimal]]:
    """(code, ms, value) of everything of a patient, as the door gives it to themselves."""
    ask = Ask(reader=patient, patient=patient, since_ms=0, until_ms=2**53, purpose="PATRQT", channel="page")
    return {
        (column.code.rpartition(":")[2], at_ms, Decimal(value).scaleb(column.exponent))
        for column in release(ask, now_ms=NOW).columns
        for at_ms, value in zip(column.times_ms, column.values, strict=True)
    }


def test_what_a_patient_granted_is_a_frame_and_nothing_else_is(
    client: Callable[[], Client], service: App, cast: Cast
) -> None:
    """Every value that was measured, once, exact, with its unit and its level; the journal names the service."""
    with client() as egide, pytest.raises(AccessDeniedError):
        egide.readings(str(cast.alice.pk))
    give_grant(cast.alice, service.client_id, families=None, purpose="TREAT", now_ms=NOW, until_ms=NOW + 10_000)
    with client() as egide:
        found = egide.readings(str(cast.alice.pk))
        with pytest.raises(AccessDeniedError):
            egide.readings(str(cast.charlie.pk))
    assert len(found) > 0
    assert all(r.unit and r.trust in range(1, 6) and r.patient == str(cast.alice.pk) for r in found)
    assert {(r.code, round(r.at.timestamp() * 1000), r.value) for r in found} == measured(cast.alice)
    assert len(found) == len(measured(cast.alice))
    frame = found.to_polars()
    assert frame.height == len(found)
    assert frame["at"].is_sorted()
    assert any(line.app == service.client_id and line.decision == "yes" for line in journal_of(cast.alice, limit=20))


def test_a_token_that_nobody_gave_opens_nothing(cast: Cast) -> None:
    transport = InProcess()
    with Client(BASE, Bearer("invented"), transport=transport) as egide, pytest.raises(AccessDeniedError):
        egide.readings(str(cast.alice.pk))
