"""A hospital's gateway that writes over FHIR: registered, with a key of its own, and the real intake behind it."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.http import HttpResponse
from django.test import Client

from egide.cloud.fhir.writing import assertions, views
from egide.cloud.fhir.writing.registering import register_system
from egide.cloud.fleet.models import HealthObject
from egide.cloud.intake.pipeline import Pipeline
from egide.cloud.intake.steps import Incoming
from egide.cloud.keys.records import ESTABLISHMENT
from egide.cloud.people.establishments import create_establishment
from egide.cloud.people.models import Account, Establishment, Registration
from egide.trust.cose import SoftwareSigner
from tests.cloud.conftest import NOW
from tests.support.cast import Cast

BASE = "http://testserver/fhir"
IDENTIFIERS = "urn:oid:1.2.250.1.71.4.2.7"
Resource = dict[str, Any]


def heart_rate(
    patient: Account, value: str = "72", *, at: str = "2026-11-21T22:00:00+01:00", name: str = ""
) -> Resource:
    """A heart rate, as another system says it."""
    quantity = {"value": Decimal(value), "unit": "/min", "system": "http://unitsofmeasure.org", "code": "/min"}
    resource: Resource = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
        "subject": {"reference": f"Patient/{patient.pk}"},
        "effectiveDateTime": at,
        "valueQuantity": quantity,
    }
    return {**resource, "identifier": [{"system": IDENTIFIERS, "value": name}]} if name else resource


def with_changes(resource: Resource, **changes: Any) -> Resource:
    """A copy with elements replaced; None takes one away."""
    copied = {**copy.deepcopy(resource), **changes}
    return {key: value for key, value in copied.items() if value is not None}


def register_at(patient: Account, place: Establishment, *, since_ms: int) -> None:
    """The index row of a registration; how one is made is tested with people."""
    Registration.objects.get_or_create(
        patient=patient, establishment=place, until_ms=None, defaults={"since_ms": since_ms}
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """A registered system and its key."""

    row: HealthObject
    signer: SoftwareSigner
    now_s: int

    def post(self, path: str, body: Resource | bytes, **headers: str) -> HttpResponse:
        data = body if isinstance(body, bytes) else json.dumps(body, default=_number).encode()
        client = Client()
        given = {"Authorization": f"Bearer {self.token(data)}"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        answer = client.post(f"/fhir{path}", data, content_type="application/fhir+json", headers=given)
        assert isinstance(answer, HttpResponse)
        return answer

    def token(self, body: bytes, /, **changes: Any) -> str:
        """A token for this body; `changes` replace claims, and `header` the header's."""
        header = {"typ": assertions.TYPE, "alg": "ES256"} | changes.pop("header", {})
        digest = base64.urlsafe_b64encode(hashlib.sha256(body).digest()).rstrip(b"=").decode()
        name = f"urn:uuid:{self.row.pk}"
        claims = {
            "iss": name, "sub": name, "aud": BASE, "iat": self.now_s, "exp": self.now_s + 60, "jti": str(uuid.uuid4()),
            "body": digest,
        } | changes  # fmt: skip
        signed = b".".join(_encode(json.dumps(part).encode()) for part in (header, claims))
        return (signed + b"." + _encode(self.signer.sign(signed))).decode()


def gateway(place: Establishment, *, now_ms: int, name: str = "Ward gateway") -> Gateway:
    """Register one, as the command does."""
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    row = register_system(name, place, pem=pem, now_ms=now_ms)
    return Gateway(row=row, signer=SoftwareSigner(key), now_s=now_ms // 1000)


def real_intake(monkeypatch: pytest.MonkeyPatch, now_ms: int) -> Iterator[Pipeline]:
    """The real intake in this process, in place of the broker between the two; and the time."""
    pipeline = Pipeline()

    def take_in(envelope: bytes) -> bytes:
        return pipeline.process([Incoming(envelope, "", now_ms)])[0].data

    monkeypatch.setattr(views, "through_intake", take_in)
    monkeypatch.setattr(views, "_now_ms", lambda: now_ms)
    monkeypatch.setattr(assertions, "_now_s", lambda: now_ms // 1000)
    yield pipeline


@pytest.fixture
def place(cast: Cast) -> Establishment:
    """Where Alice and Charlie are known."""
    return Establishment.objects.get(pk=ESTABLISHMENT)


@pytest.fixture
def intake_here(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pipeline]:
    yield from real_intake(monkeypatch, NOW)


@pytest.fixture
def ward_gateway(cast: Cast, place: Establishment, intake_here: Pipeline) -> Gateway:
    """A gateway of the establishment where Alice is known."""
    return gateway(place, now_ms=NOW)


@pytest.fixture
def elsewhere(cast: Cast, intake_here: Pipeline) -> Gateway:
    """A gateway of a clinic that knows none of them."""
    clinic = create_establishment("clinic", "Clinique du Port", now_ms=NOW)
    return gateway(clinic, now_ms=NOW, name="Clinic gateway")


def said(answer: HttpResponse) -> Resource:
    """The resource of an answer, its decimals exact."""
    found: Resource = json.loads(answer.content, parse_float=Decimal)
    return found


def refusal(answer: HttpResponse) -> tuple[int, str, str]:
    """(status, stable code, expression) of an OperationOutcome."""
    resource = said(answer)
    assert resource["resourceType"] == "OperationOutcome", resource
    issue = resource["issue"][0]
    return answer.status_code, issue["details"]["coding"][0]["code"], (issue.get("expression") or [""])[0]


def _encode(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _number(value: Any) -> Any:
    assert isinstance(value, Decimal)
    return int(value) if value == value.to_integral_value() else float(value)
