"""An app that a person let in reads what they left to it, and nothing beside."""

from __future__ import annotations

from tests.cloud.fhir.conftest import resources
from tests.cloud.smart.conftest import Flow, read


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
