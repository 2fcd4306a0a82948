"""What objects reach, each address: who may, what it says, and how it refuses."""

from __future__ import annotations

import base64
import io
import os
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs7 import load_der_pkcs7_certificates
from django.http import HttpResponse

from egide import cbor
from egide.cloud.fleet import views
from egide.cloud.fleet.ca import issuing_certificate, root_certificate, to_der
from egide.cloud.fleet.issuing import Issued
from egide.cloud.fleet.models import HealthObject
from egide.cloud.fleet.relay import IntakeAbsentError
from egide.cloud.fleet.service import create_claim, enrol, pair, revoke_certificate
from egide.cloud.fleet.tries import MAX_TRIES
from egide.cloud.http import objects_view
from egide.cloud.people.service import create_account
from egide.cloud.register.models import Witness
from egide.errors import EgideError
from egide.trust.anchors import Anchors
from egide.trust.claim import ClaimTicket, code_text
from egide.trust.identity import Usage, ca_pin, verify_chain, verify_crl
from egide.trust.limits import LIMITS
from egide.trust.register.checkpoint import COSIGNATURE, VerifierKey
from egide.trust.servertime import verify_time

from .conftest import Key, make_request, new_key

NOW = 1_800_000_000_000
HOUR = 3_600_000
EST = "/.well-known/est/"
Ask = Callable[..., HttpResponse]


@pytest.fixture
def ticket(meter: HealthObject) -> ClaimTicket:
    return create_claim(meter, HOUR, NOW)


@pytest.fixture
def key() -> Key:
    return new_key()


@pytest.fixture
def enrolled(ticket: ClaimTicket, key: Key) -> Issued:
    return enrol(ticket.claim_id, code_text(ticket.code), make_request(key), "192.0.2.1", NOW)


def _basic(ticket: ClaimTicket, code: bytes | None = None) -> dict[str, str]:
    pair = f"{ticket.claim_id}:{code_text(code or ticket.code)}"
    return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}


def _certificates(response: HttpResponse) -> list[bytes]:
    loaded = load_der_pkcs7_certificates(base64.b64decode(response.content))
    return [each.public_bytes(Encoding.DER) for each in loaded]


def _code(response: HttpResponse) -> tuple[int, str]:
    return response.status_code, response.content.decode().partition(":")[0]


def test_the_ca_is_there_for_whoever_pins_it(listener: Ask, ticket: ClaimTicket) -> None:
    """Root and issuing CA; the ticket's pin tells the true root from another."""
    response = listener("GET", EST + "cacerts")
    assert response["Content-Type"] == "application/pkcs7-mime"
    assert response["Content-Transfer-Encoding"] == "base64"
    found = [x509.load_der_x509_certificate(each) for each in _certificates(response)]
    assert {ticket.ca_sha256} <= {ca_pin(each) for each in found}
    assert {to_der(each) for each in found} == {to_der(root_certificate()), to_der(issuing_certificate())}


def test_a_claim_enrols_through_est(
    listener: Ask, ticket: ClaimTicket, meter: HealthObject, key: Key
) -> None:
    """HTTP Basic with the claim, base64 of a request: the answer holds the certificate and nothing else."""
    body = base64.encodebytes(make_request(key))
    response = listener("POST", EST + "simpleenroll", body, headers=_basic(ticket))
    assert response.status_code == 200
    assert response["Content-Type"] == "application/pkcs7-mime; smime-type=certs-only"
    assert response["Cache-Control"] == "no-store"
    [leaf] = _certificates(response)
    roots, chain = [to_der(root_certificate())], [to_der(issuing_certificate())]
    assert verify_chain(leaf, chain, roots, at_ms=NOW, usage=Usage.OBJECT).uuid == str(meter.pk)


def test_a_wrong_claim_is_unauthorised(listener: Ask, ticket: ClaimTicket, key: Key) -> None:
    """401 and a challenge, the same for a missing, an unknown and a wrong one; then 429."""
    body = base64.b64encode(make_request(key))
    refused = [listener("POST", EST + "simpleenroll", body)]
    refused += [
        listener("POST", EST + "simpleenroll", body, headers=_basic(ticket, os.urandom(20)))
        for _ in range(MAX_TRIES)
    ]
    assert {_code(each) for each in refused} == {(401, "claim-refused")}
    assert all(each["WWW-Authenticate"].startswith("Basic ") for each in refused)
    slowed = listener("POST", EST + "simpleenroll", body, headers=_basic(ticket))
    assert _code(slowed) == (429, "too-many-tries")
    assert int(slowed["Retry-After"]) > 0
    # A header that says another address changes nothing; another address does.
    lie = {**_basic(ticket), "X-Forwarded-For": "203.0.113.9", "Forwarded": "for=203.0.113.9"}
    assert listener("POST", EST + "simpleenroll", body, headers=lie).status_code == 429
    there = listener("POST", EST + "simpleenroll", body, headers=_basic(ticket), source="203.0.113.9")
    assert there.status_code == 200


def test_a_wrong_request_is_said(listener: Ask, ticket: ClaimTicket) -> None:
    """400 for its form, 413 for its size; the claim stays."""
    for body, expected in (
        (b"%%%", (400, "malformed")),
        (base64.b64encode(b"\x30\x00"), (400, "malformed")),
        (b"A" * (LIMITS.csr * 3 // 2 + 4), (413, "too-large")),
    ):
        assert _code(listener("POST", EST + "simpleenroll", body, headers=_basic(ticket))) == expected


def test_a_certificate_renews_itself(listener: Ask, enrolled: Issued, meter: HealthObject, key: Key) -> None:
    """The current certificate, proved by TLS, is the only credential."""
    body = base64.b64encode(make_request(key, name=str(meter.pk), uri=f"urn:uuid:{meter.pk}"))
    response = listener("POST", EST + "simplereenroll", body, certificate=enrolled.certificate)
    [leaf] = _certificates(response)
    assert leaf != enrolled.certificate
    other = base64.b64encode(make_request(key, name=str(uuid.uuid4())))
    assert _code(listener("POST", EST + "simplereenroll", other, certificate=enrolled.certificate)) == (
        403, "identity-unknown",
    )  # fmt: skip
    assert _code(listener("POST", EST + "simplereenroll", body)) == (403, "identity-unknown")


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/object"), ("POST", "/intake"), ("POST", EST + "simplereenroll")]
)
def test_a_certificate_that_does_not_count_is_refused_everywhere(
    listener: Ask, enrolled: Issued, method: str, path: str
) -> None:
    """Revoked, or not issued here, whatever it is shown for."""
    strange = to_der(issuing_certificate())
    assert _code(listener(method, path, certificate=strange)) == (403, "identity-unknown")
    revoke_certificate(enrolled.row, "stolen", NOW)
    assert _code(listener(method, path, certificate=enrolled.certificate)) == (403, "certificate-revoked")


def test_no_header_names_an_object(listener: Ask, enrolled: Issued) -> None:
    """What a proxy would say of a certificate is not believed: there is none in front."""
    pem = x509.load_der_x509_certificate(enrolled.certificate).public_bytes(Encoding.PEM).decode()
    lies = {
        "X-SSL-Client-Cert": pem.replace("\n", " "),
        "SSL-Client-Verify": "SUCCESS",
        "X-Forwarded-Client-Cert": "x",
        "Client-Cert": f":{base64.b64encode(enrolled.certificate).decode()}:",
    }
    assert _code(listener("GET", "/object", headers=lies)) == (403, "identity-unknown")


def test_an_object_learns_what_is_its_own(listener: Ask, enrolled: Issued, meter: HealthObject) -> None:
    """Its pairings, the broker's address, and anchors that load: never a patient."""
    alice = create_account("patient", "Alice Martin", NOW)
    pairing = pair(meter, alice, NOW)
    witness = VerifierKey(name="witness.example", kind=COSIGNATURE, public=bytes(32))
    Witness.objects.create(name=witness.name, url="https://w", vkey=witness.vkey)
    response = listener("GET", "/object", certificate=enrolled.certificate)
    told = cbor.decode(response.content, limit=LIMITS.anchors)
    assert told["pairings"] == [str(pairing.uuid)]
    assert told["mqtt"] == ["localhost", 8883]
    anchors = Anchors.load(told["anchors"].encode())
    assert anchors.roots == (to_der(root_certificate()),)
    assert [each.name for each in anchors.witnesses] == ["witness.example"]
    assert len(anchors.logs) == 1
    assert str(alice.pk).encode() not in response.content


def test_the_time_is_signed_for_the_one_who_asks(listener: Ask) -> None:
    """The nonce comes back under the platform's signature; a short or long one is refused."""
    nonce = os.urandom(32)
    response = listener("POST", "/time", nonce)
    assert response["Content-Type"] == "application/vnd.egide.time+cbor"
    assert verify_time(response.content, nonce=nonce, roots=[to_der(root_certificate())]).unix_ms == NOW
    assert _code(listener("POST", "/time", bytes(15))) == (400, "malformed")
    assert _code(listener("POST", "/time", bytes(65))) == (413, "too-large")


def test_the_list_follows_the_fleet_at_once(listener: Ask, enrolled: Issued) -> None:
    """A revocation is in the next answer, under a greater number."""
    before = verify_crl(listener("GET", "/crl").content, issuing_certificate(), at_ms=NOW)
    revoke_certificate(enrolled.row, "stolen", NOW)
    response = listener("GET", "/crl")
    after = verify_crl(response.content, issuing_certificate(), at_ms=NOW)
    assert response["Content-Type"] == "application/pkix-crl"
    assert (list(before.revoked), list(after.revoked)) == ([], [int(enrolled.row.serial, 16)])
    assert after.number > before.number


class FakeIntake:
    """An intake worker that answers what it is told to, and remembers what it was given."""

    def __init__(self, *answers: tuple[int, bytes] | EgideError) -> None:
        self.given: list[tuple[str, bytes]] = []
        self._answers = list(answers)

    def ask(self, object_id: str, envelope: bytes) -> tuple[int, bytes]:
        self.given.append((object_id, envelope))
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, EgideError):
            raise answer
        return answer


@pytest.fixture
def intake(monkeypatch: pytest.MonkeyPatch) -> FakeIntake:
    fake = FakeIntake((201, b"receipt"))
    monkeypatch.setattr(views, "relay", lambda: fake)
    return fake


def _post(listener: Ask, body: bytes = b"envelope", **more: Any) -> HttpResponse:
    return listener("POST", "/intake", body, content_type="application/cose", **more)


def test_an_envelope_reaches_intake_with_who_tls_proved(
    listener: Ask, enrolled: Issued, meter: HealthObject, intake: FakeIntake
) -> None:
    """With its certificate or, once that has expired, without: intake is told which."""
    known = _post(listener, b"one", certificate=enrolled.certificate)
    unknown = _post(listener, b"two")
    assert intake.given == [(str(meter.pk), b"one"), ("", b"two")]
    for response in (known, unknown):
        assert (response.status_code, response.content) == (201, b"receipt")
        assert response["Content-Type"] == "application/vnd.egide.answer+cbor"


class Gone(io.RawIOBase):
    """A connection that ends while it is read."""

    def read(self, *_: object) -> bytes:
        raise ConnectionResetError


def test_what_is_no_envelope_is_not_relayed(listener: Ask, intake: FakeIntake) -> None:
    """Another type, more than 62,000 bytes, or a length that is not said."""
    assert _code(listener("POST", "/intake", b"x", content_type="text/plain")) == (400, "malformed")
    assert _code(_post(listener, bytes(LIMITS.statement + 1))) == (413, "too-large")
    assert _code(_post(listener, CONTENT_LENGTH="")) == (400, "malformed")
    assert _code(_post(listener, CONTENT_LENGTH="²")) == (400, "malformed")
    cut: dict[str, Any] = {"CONTENT_LENGTH": "100", "wsgi.input": io.BytesIO(b"less")}
    assert _code(_post(listener, **cut)) == (400, "malformed")
    cut["wsgi.input"] = Gone()
    assert _code(_post(listener, **cut)) == (400, "malformed")
    assert intake.given == []
    assert _post(listener, bytes(LIMITS.statement)).status_code == 201


def test_a_flood_waits_and_the_others_do_not(
    listener: Ask, enrolled: Issued, intake: FakeIntake, settings: Any
) -> None:
    """Each object has its minute's share, and so has each address without a certificate."""
    for _ in range(settings.OPTIONS.intake_rate):
        assert _post(listener, certificate=enrolled.certificate).status_code == 201
    refused = _post(listener, certificate=enrolled.certificate)
    assert _code(refused) == (429, "too-fast")
    assert int(refused["Retry-After"]) >= 1
    assert _post(listener).status_code == 201


def test_without_intake_the_envelope_is_to_be_kept(
    listener: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """503, when to come back, and no answer that could be taken for a refusal."""
    monkeypatch.setattr(views, "relay", lambda: FakeIntake(IntakeAbsentError()))
    response = _post(listener)
    assert _code(response) == (503, "unavailable")
    assert response["Retry-After"] == "10"


def test_an_error_of_ours_shows_nothing(
    listener: Ask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An unforeseen error is a 500 with our words; the log has its type, and not its words."""

    def fail() -> None:
        raise ValueError("a secret")

    monkeypatch.setattr(views, "relay", fail)
    response = _post(listener)
    assert _code(response) == (500, "internal")
    assert "secret" not in response.content.decode()
    assert "objects-view-failed ValueError" in caplog.text
    assert "secret" not in caplog.text


def test_other_addresses_and_methods_are_refused(listener: Ask) -> None:
    """As text; a wrong method says which is right."""
    nowhere = listener("GET", "/admin")
    assert (*_code(nowhere), nowhere["X-Content-Type-Options"]) == (404, "not-found", "nosniff")
    response = listener("GET", "/intake")
    assert (response.status_code, response["Allow"]) == (405, "POST")


def test_an_error_without_a_status_is_ours(rf: Any) -> None:
    """A missing key is not the caller's fault."""

    @objects_view("GET")
    def view(_: object) -> HttpResponse:
        raise EgideError("x")

    response = view(rf.get("/"))
    assert (response.status_code, response.content) == (500, b"internal: x\n")
