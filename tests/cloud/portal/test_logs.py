"""No address and no message of an error reaches a log: the first names patients, the second quotes values."""

from __future__ import annotations

import logging

import pytest
from django.test import Client

from egide.cloud.fhir import views as fhir
from egide.cloud.portal import live
from egide.errors import StorageError
from tests.cloud.portal.conftest import Enter
from tests.support.cast import Cast


def test_a_refused_address_is_not_logged(cast: Cast, enter: Enter, caplog: pytest.LogCaptureFixture) -> None:
    """403, 404, 400 and 405 of addresses that name a patient leave nothing."""
    caplog.set_level(logging.DEBUG)
    client, patient = enter(cast.diane), str(cast.alice.pk)
    with caplog.at_level(logging.INFO):
        for path, status in (
            (f"/patients/{patient}", 403), (f"/patients/{patient}/nothing", 404),
            (f"/patients/{patient}/series?since=x", 400), (f"/fhir/Observation?patient={patient}", 403),
        ):  # fmt: skip
            assert client.get(path).status_code == status
        assert client.post(f"/patients/{patient}").status_code == 405
        assert Client(enforce_csrf_checks=True).post(f"/sign-in?next=/patients/{patient}").status_code == 400
        assert Client(headers={"host": f"{patient}.example"}).get("/").status_code == 400
    said = "".join(record.getMessage() for record in caplog.records if not record.name.startswith("django.db"))
    assert patient not in said


@pytest.mark.parametrize("error", [ValueError, StorageError])
@pytest.mark.parametrize("path", ["/me", "/fhir/Observation"])
def test_a_failure_is_told_by_its_code_and_type(
    cast: Cast, enter: Enter, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, path: str,
    error: type[Exception],
) -> None:  # fmt: skip
    """Enough to know that something is wrong; the value that the database would quote is not there."""

    def fail() -> int:
        raise error("DETAIL: Key (name)=(Alice Moreau) 5.4 mmol/L")

    monkeypatch.setattr(live, "now_ms", fail)
    monkeypatch.setattr(fhir, "_now_ms", fail)
    client = enter(cast.alice)
    client.raise_request_exception = False
    assert client.get(path).status_code >= 500
    said = "".join(record.getMessage() + str(record.exc_info or "") for record in caplog.records)
    assert error.__name__ in said
    assert ("storage-failed" if error is StorageError else "internal") in said
    assert "Alice" not in said
    assert "mmol" not in said
