"""Bad input and stolen tokens: each a clear OperationOutcome with a stable code, never a 500, and nothing stored."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from django.test import Client

from egide.cloud.vault.models import Envelope
from tests.support.cast import Cast
from tests.support.fhir_profile import judge
from tests.support.writing import Gateway, heart_rate, refusal, said, with_changes

MB = 1024 * 1024
DEEP = b'{"resourceType":' + b"[" * 100_000 + b"]" * 100_000 + b"}"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        pytest.param(b" ", 400, "json-invalid", id="nothing"),
        pytest.param(b"[]", 400, "json-invalid", id="no-object"),
        pytest.param(b"\xff\xfe{}", 400, "json-invalid", id="not-utf-8"),
        pytest.param(b'{"a":1,"a":2}', 400, "json-invalid", id="a-key-twice"),
        pytest.param(b'{"a":{"b":1,"b":1}}', 400, "json-invalid", id="a-key-twice-inside"),
        pytest.param(b'{"a":NaN}', 400, "json-invalid", id="nan"),
        pytest.param(b'{"a":-Infinity}', 400, "json-invalid", id="infinity"),
        pytest.param(b'{"a":' + b"9" * 5_000 + b"}", 400, "json-invalid", id="a-number-of-5000-digits"),
        pytest.param(DEEP, 400, "json-invalid", id="deep"),
        pytest.param(b'{"a":"' + b"[" * 100_000 + b'"}', 422, "not-written-here", id="brackets-in-text-are-text"),
        pytest.param(b'{"a":"' + b"x" * (10 * MB) + b'"}', 413, "too-large", id="more-than-10-mb"),
        pytest.param(b'{"resourceType":"Patient"}', 422, "not-written-here", id="another-resource"),
    ],
)
def test_bytes_that_are_no_resource(ward_gateway: Gateway, body: bytes, status: int, code: str) -> None:
    """Refused by what is wrong with them."""
    before = Envelope.objects.count()
    answer = ward_gateway.post("/Observation", body)
    assert refusal(answer)[:2] == (status, code)
    assert judge(said(answer)) == []
    assert Envelope.objects.count() == before


def test_a_decompression_bomb_is_left_alone(cast: Cast, ward_gateway: Gateway) -> None:
    """What unpacks beyond 10 MB is refused; a request of gzip is read; what only says so, or has a tail, is refused."""
    bomb = gzip.compress(b" " * (200 * MB), compresslevel=9)
    assert refusal(ward_gateway.post("/Observation", bomb, Content_Encoding="gzip"))[:2] == (413, "too-large")
    good = gzip.compress(json.dumps(heart_rate(cast.alice), default=str).replace('"72"', "72").encode())
    assert ward_gateway.post("/Observation", good, Content_Encoding="gzip").status_code == 201
    for bad in (b"{}", good[:-4], good + good):
        assert refusal(ward_gateway.post("/Observation", bad, Content_Encoding="gzip"))[:2] == (400, "json-invalid")
    assert refusal(ward_gateway.post("/Observation", b"{}", Content_Encoding="br"))[:2] == (415, "not-supported")


def quantity(**changes: Any) -> dict[str, Any]:
    return {"value": 72, "system": "http://unitsofmeasure.org", "code": "/min"} | changes


@pytest.mark.parametrize(
    ("changes", "code", "expression"),
    [
        ({"effectiveDateTime": "2026-02-30T10:00:00Z"}, "time-refused", "Observation.effective"),
        ({"effectiveDateTime": "2026-11-21"}, "time-refused", "Observation.effective"),
        ({"effectiveDateTime": "2026-11-21T10:00:00"}, "time-refused", "Observation.effective"),
        ({"effectiveDateTime": "2026-11-21T25:00:00Z"}, "time-refused", "Observation.effective"),
        ({"effectiveDateTime": "0001-01-01T00:00:00+14:00"}, "time-refused", "Observation.effective"),
        ({"effectiveDateTime": "9999-12-31T23:59:59-14:00"}, "time-refused", "Observation.effective"),
        ({"effectiveDateTime": "2026-11-21T10:00:00.0001Z"}, "time-refused", "Observation.effective"),
        ({"effectiveDateTime": 12}, "time-refused", "Observation.effective"),
        ({"effectiveDateTime": None}, "element-missing", "Observation.effective"),
        ({"status": None}, "element-missing", "Observation.status"),
        ({"status": "entered-in-error"}, "element-invalid", "Observation.status"),
        ({"status": ["final"]}, "element-invalid", "Observation.status"),
        ({"subject": None}, "element-missing", "Observation.subject"),
        ({"subject": []}, "element-invalid", "Observation.subject"),
        ({"subject": {"reference": "https://elsewhere.test/fhir/Patient/1"}}, "element-invalid",
         "Observation.subject.reference"),
        ({"code": None}, "element-missing", "Observation.code.coding"),
        ({"code": {"coding": [{"system": "http://loinc.org", "code": "2160-0"}]}}, "metric-unknown",
         "Observation.code.coding"),
        ({"code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"},
                              {"system": "http://loinc.org", "code": "29463-7"}]}}, "metric-unknown",
         "Observation.code.coding"),
        ({"code": {"coding": [7]}}, "element-invalid", "Observation.code.coding"),
        ({"valueQuantity": quantity(value="72")}, "element-invalid", "Observation.value.value"),
        ({"valueQuantity": quantity(value=True)}, "element-invalid", "Observation.value.value"),
        ({"valueQuantity": quantity(value=10**40)}, "element-invalid", "Observation.value.value"),
        ({"valueQuantity": quantity(value=1e300)}, "element-invalid", "Observation.value.value"),
        ({"valueQuantity": quantity(value=1e-30)}, "element-invalid", "Observation.value.value"),
        ({"valueQuantity": quantity(comparator="<")}, "element-not-kept", "Observation.value.comparator"),
        ({"valueQuantity": quantity(system="http://example.org")}, "unit-refused", "Observation.value.system"),
        ({"valueQuantity": quantity(code="bpm")}, "unit-refused", "Observation.value.code"),
        ({"valueQuantity": None}, "element-missing", "Observation.value"),
        ({"valueQuantity": None, "valueString": "72"}, "element-not-kept", "Observation.value"),
        ({"dataAbsentReason": {}}, "element-not-kept", "Observation.dataAbsentReason"),
        ({"modifierExtension": [{"url": "urn:x"}]}, "element-not-kept", "Observation.modifierExtension"),
        ({"_status": {"extension": []}}, "element-not-kept", "Observation.status"),
        ({"colour": "red"}, "element-unknown", "Observation"),
        ({"component": []}, "element-not-kept", "Observation.component"),
        ({"identifier": [{"value": "a"}]}, "element-missing", "Observation.identifier.system"),
        ({"status": "amended"}, "element-missing",
         "Observation.extension('http://hl7.org/fhir/StructureDefinition/observation-replaces')"),
    ],
)  # fmt: skip
def test_an_error_names_its_element(
    cast: Cast, ward_gateway: Gateway, changes: dict[str, Any], code: str, expression: str
) -> None:
    """Its code is stable, its expression is FHIRPath, its words hold nothing of what was sent; nothing is stored."""
    before = Envelope.objects.count()
    resource = heart_rate(cast.alice)
    answer = ward_gateway.post("/Observation", with_changes(resource, **changes))
    assert refusal(answer) == (422, code, expression)
    assert judge(said(answer)) == []
    assert b"colour" not in answer.content
    assert Envelope.objects.count() == before


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": 1}, {"exp": "soon"}, {"iat": None}, {"aud": "http://elsewhere.test/fhir"}, {"aud": None},
        {"body": "AAAA"}, {"body": None}, {"sub": "urn:uuid:0"}, {"iss": "urn:uuid:0"}, {"iss": 7}, {"jti": ""},
        {"header": {"alg": "none"}}, {"header": {"alg": "HS256"}}, {"header": {"alg": "ES384"}},
        {"header": {"alg": ["ES256"]}}, {"header": {"crit": ["b64"]}},
    ],
    ids=str,
)  # fmt: skip
def test_a_token_that_does_not_hold(cast: Cast, ward_gateway: Gateway, changes: dict[str, Any]) -> None:
    """Expired, for another server, of another body, of nobody, unsigned or by another algorithm: 401, one answer."""
    body = json.dumps(heart_rate(cast.alice), default=float).encode()
    token = ward_gateway.token(body, **changes)
    answer = Client().post(
        "/fhir/Observation", body, content_type="application/fhir+json", headers={"Authorization": f"Bearer {token}"}
    )
    assert answer.status_code == 401, answer.content


def test_a_token_that_lives_long_is_refused(cast: Cast, ward_gateway: Gateway) -> None:
    """Five minutes at most, whatever it says."""
    body = json.dumps(heart_rate(cast.alice), default=float).encode()
    token = ward_gateway.token(body, exp=ward_gateway.now_s + 301)
    headers = {"Authorization": f"Bearer {token}"}
    answer = Client().post("/fhir/Observation", body, content_type="application/fhir+json", headers=headers)
    assert answer.status_code == 401


def test_a_stolen_token_carries_its_own_request_only(cast: Cast, ward_gateway: Gateway, elsewhere: Gateway) -> None:
    """Sent again, it stores nothing twice; with another body, or another's name, it is nothing."""
    body = json.dumps(heart_rate(cast.alice), default=float).encode()
    headers = {"Authorization": f"Bearer {ward_gateway.token(body)}"}
    send = {"content_type": "application/fhir+json", "headers": headers}
    first, again = (Client().post("/fhir/Observation", body, **send) for _ in range(2))  # type: ignore[arg-type]
    assert (first.status_code, again.status_code) == (201, 200)
    other = json.dumps(heart_rate(cast.alice, "99"), default=float).encode()
    assert Client().post("/fhir/Observation", other, **send).status_code == 401  # type: ignore[arg-type]
    forged = ward_gateway.token(body, iss=f"urn:uuid:{elsewhere.row.pk}", sub=f"urn:uuid:{elsewhere.row.pk}")
    headers = {"Authorization": f"Bearer {forged}"}
    answer = Client().post("/fhir/Observation", body, content_type="application/fhir+json", headers=headers)
    assert answer.status_code == 401


def test_a_system_s_token_reads_nothing(cast: Cast, ward_gateway: Gateway) -> None:
    """It lets one write: every search and every read is refused."""
    headers = {"Authorization": f"Bearer {ward_gateway.token(b'')}"}
    for path in (f"Observation?patient={cast.alice.pk}", "Observation/1-0-0", f"Patient/{cast.alice.pk}"):
        assert Client().get(f"/fhir/{path}", headers=headers).status_code in (401, 403, 404)
