"""A token goes to its server and nowhere else; pages are all read, once; an error says what the server said."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from egide.client import BackendService, Bearer, Client
from egide.client.origin import require_base
from egide.errors import (
    AccessDeniedError,
    ConfigError,
    EgideError,
    MalformedError,
    NotFoundError,
    RefusedError,
    UnavailableError,
)
from tests.client.test_readings import observation

BASE = "https://ward.example/fhir"
SECRET = "a-token-that-nobody-else-may-see"
Answer = Callable[[httpx.Request], httpx.Response]


def bundle(*observations: dict[str, Any], following: str = "", **more: Any) -> httpx.Response:
    links = [{"relation": "next", "url": following}] if following else []
    entries = [{"resource": one, "search": {"mode": "match"}} for one in observations]
    body = {"resourceType": "Bundle", "type": "searchset", "link": links, "entry": entries, **more}
    return httpx.Response(200, content=json.dumps(body, default=float))


class Server:
    """Answers in turn, and remembers what it was asked."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers, self.asked = list(answers), list[httpx.Request]()
        self.waited = list[float]()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def client(self, auth: Any = None) -> Client:
        transport = httpx.MockTransport(self)
        return Client(BASE, auth or Bearer(SECRET), transport=transport, wait=self.waited.append)


def test_every_page_is_read_once_and_told() -> None:
    server = Server(
        bundle(observation(id="1"), observation(id="2"), following=f"{BASE}/Observation?cursor=b", total=3),
        bundle(observation(id="3")),
    )
    told = list[tuple[int, int | None]]()
    with server.client() as client:
        found = client.readings("p1", ["15074-8"], progress=lambda done, total: told.append((done, total)))
    assert [r.observation for r in found] == ["1", "2", "3"]
    assert told == [(2, 3), (3, None)]
    assert {request.headers["Authorization"] for request in server.asked} == {f"Bearer {SECRET}"}


def test_what_was_included_is_no_reading() -> None:
    body = json.loads(bundle(observation(id="1")).content)
    body["entry"].append({"resource": {"resourceType": "Device", "id": "d"}, "search": {"mode": "include"}})
    with Server(httpx.Response(200, json=body)).client() as client:
        assert len(client.readings("p1")) == 1


def test_a_period_is_asked_in_utc() -> None:
    server = Server(bundle())
    since = datetime.fromisoformat("2026-03-01T01:00:00+01:00")
    with server.client() as client:
        client.readings("p1", since=since, until=datetime(2026, 3, 2, tzinfo=UTC), progress=True)
    asked = server.asked[0].url.params
    assert asked.get_list("date") == ["ge2026-03-01T00:00:00.000Z", "lt2026-03-02T00:00:00.000Z"]
    assert "code" not in asked


def test_a_date_without_its_zone_is_refused() -> None:
    with Server().client() as client, pytest.raises(RefusedError, match="zone"):
        client.readings("p1", since=datetime(2026, 3, 1))  # noqa: DTZ001


@pytest.mark.parametrize(
    "following",
    [
        "https://elsewhere.example/fhir?cursor=b", "http://ward.example/fhir?cursor=b", "//elsewhere.example/x",
        "https://ward.example:8443/fhir", "https://ward.example@elsewhere.example/fhir", "https://[/",
    ],
)  # fmt: skip
def test_the_token_never_leaves_for_another_origin(following: str) -> None:
    server = Server(bundle(observation(), following=following))
    with server.client() as client, pytest.raises(MalformedError, match="address"):
        client.readings("p1")
    assert len(server.asked) == 1


def test_a_redirect_is_not_followed() -> None:
    server = Server(httpx.Response(302, headers={"Location": "https://elsewhere.example/"}))
    with server.client() as client, pytest.raises(MalformedError):
        client.readings("p1")
    assert len(server.asked) == 1


def test_pages_in_a_circle_end() -> None:
    page = bundle(observation(), following=f"{BASE}/Observation?cursor=a")
    with Server(page, page, page).client() as client, pytest.raises(MalformedError, match="circle"):
        client.readings("p1")


def outcome(status: int, **headers: str) -> httpx.Response:
    body = {"resourceType": "OperationOutcome", "issue": [{"code": "forbidden", "diagnostics": "no ground"}]}
    return httpx.Response(status, json=body, headers=headers)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (outcome(401), AccessDeniedError), (outcome(403), AccessDeniedError), (outcome(404), NotFoundError),
        (outcome(400), RefusedError), (outcome(500), UnavailableError), (httpx.Response(500), UnavailableError),
        (httpx.Response(200, text="<html>"), MalformedError), (httpx.Response(200, json=[]), MalformedError),
        (httpx.Response(200, json={"resourceType": "Patient"}), MalformedError),
    ],
)  # fmt: skip
def test_what_the_server_refuses_has_its_own_error(answer: httpx.Response, error: type[EgideError]) -> None:
    with Server(answer).client() as client, pytest.raises(error) as raised:
        client.readings("p1")
    assert type(raised.value) is error
    assert SECRET not in str(raised.value)


def test_a_busy_server_is_asked_again_when_it_says() -> None:
    server = Server(outcome(429, **{"Retry-After": "7"}), httpx.ConnectError("away"), outcome(503), bundle())
    with server.client() as client:
        assert len(client.readings("p1")) == 0
    assert server.waited == [7.0, 2.0, 4.0]


def test_a_server_that_stays_away_is_said_to_be() -> None:
    server = Server(*[httpx.ConnectError("away")] * 4)
    with server.client() as client, pytest.raises(UnavailableError):
        client.readings("p1")
    assert len(server.asked) == 4


def test_a_server_that_stays_busy_is_said_to_be() -> None:
    with Server(*[outcome(429)] * 4).client() as client, pytest.raises(UnavailableError, match="429"):
        client.readings("p1")


def test_patients_are_listed() -> None:
    body = {"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Patient", "id": "p1"}}]}
    with Server(httpx.Response(200, json=body)).client() as client:
        assert client.patients() == ["p1"]


@pytest.mark.parametrize(
    "base",
    [
        "http://ward.example/fhir", "ward.example/fhir", "https://me:secret@ward.example/fhir", "ftp://localhost/fhir",
        "https://ward.example/fhir?x=1", "https:///fhir",
    ],
)  # fmt: skip
def test_an_address_that_would_show_the_token_is_refused(base: str) -> None:
    with pytest.raises(ConfigError):
        require_base(base)


@pytest.mark.parametrize("base", ["http://localhost:8000/fhir/", "http://127.0.0.1/fhir", BASE])
def test_this_machine_and_tls_will_do(base: str) -> None:
    assert not require_base(base).endswith("/")


@pytest.mark.parametrize("token", ["", "two words", "line\n", "é"])
def test_a_token_is_one_word(token: str) -> None:
    with pytest.raises(ConfigError):
        Bearer(token)


def test_no_token_is_ever_shown() -> None:
    assert SECRET not in repr(Bearer(SECRET))
    assert "PRIVATE" not in repr(BackendService("c", pem(ec.generate_private_key(ec.SECP384R1())), kid="k", scopes=[]))


def pem(key: Any) -> bytes:
    plain = serialization.NoEncryption()
    made: bytes = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    return made


CONFIGURATION = httpx.Response(200, json={"token_endpoint": "https://ward.example/fhir/auth/token"})


def given(seconds: int = 3600) -> httpx.Response:
    return httpx.Response(200, json={"access_token": SECRET, "token_type": "bearer", "expires_in": seconds})


@pytest.mark.parametrize("kind", ["pem-ec", "pem-rsa", "jwk-ec", "jwk-rsa"])
def test_a_service_signs_for_its_token_and_keeps_it(kind: str) -> None:
    """The assertion is for the token endpoint, short-lived, never the same twice; the token serves until it ends."""
    private: Any = (
        ec.generate_private_key(ec.SECP384R1()) if kind.endswith("ec") else rsa.generate_private_key(65537, 2048)
    )
    made: ECKey | RSAKey = (ECKey if kind.endswith("ec") else RSAKey).import_key(pem(private))
    key = pem(private) if kind.startswith("pem") else json.dumps(made.as_dict(private=True)).encode()
    auth = BackendService("service", key, kid="k1", scopes=["system/Observation.rs"])
    server = Server(CONFIGURATION, given(), bundle(), bundle(), CONFIGURATION, given())
    with server.client(auth) as client:
        client.readings("p1")
        client.readings("p1")
        assert [r.url.path for r in server.asked] == [
            "/fhir/.well-known/smart-configuration", "/fhir/auth/token", "/fhir/Observation", "/fhir/Observation",
        ]  # fmt: skip
        form = dict(httpx.QueryParams(server.asked[1].content.decode()))
        assert form["scope"] == "system/Observation.rs"
        token = jwt.decode(form["client_assertion"], made, algorithms=["ES384", "RS384"])
        assert token.header["kid"] == "k1"
        assert token.claims["aud"] == "https://ward.example/fhir/auth/token"
        assert token.claims["iss"] == token.claims["sub"] == "service"
        assert 0 < token.claims["exp"] - token.claims["iat"] <= 300
        assert len(token.claims["jti"]) >= 22
        auth._until = 0.0
        auth.token(client._http, BASE)
        again = dict(httpx.QueryParams(server.asked[-1].content.decode()))
        assert again["client_assertion"] != form["client_assertion"]


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        ([httpx.Response(404)], MalformedError),
        ([httpx.Response(200, json={"token_endpoint": "https://elsewhere.example/token"})], MalformedError),
        ([CONFIGURATION, httpx.Response(400, json={"error": "invalid_client"})], AccessDeniedError),
        ([CONFIGURATION, httpx.Response(200, json={"token": "x"})], MalformedError),
        ([CONFIGURATION, httpx.Response(200, json={"access_token": "x", "expires_in": 0})], MalformedError),
    ],
)  # fmt: skip
def test_a_service_that_gets_no_token_asks_for_no_reading(
    answers: list[httpx.Response], error: type[EgideError]
) -> None:
    auth = BackendService("service", pem(ec.generate_private_key(ec.SECP384R1())), kid="k1", scopes=[])
    server = Server(*answers)
    with server.client(auth) as client, pytest.raises(error):
        client.readings("p1")
    assert not any(r.url.path.endswith("Observation") for r in server.asked)


@pytest.mark.parametrize(
    "key", [b"nothing", b"{}", pem(ec.generate_private_key(ec.SECP256R1()))], ids=["text", "no-jwk", "p-256"]
)
def test_a_key_of_another_kind_is_refused_and_not_shown(key: bytes) -> None:
    with pytest.raises(ConfigError) as raised:
        BackendService("service", key, kid="k1", scopes=[])
    assert key.decode() not in str(raised.value)


def test_a_key_file_that_is_not_there_is_a_setting(tmp_path: Any) -> None:
    with pytest.raises(ConfigError):
        BackendService("service", tmp_path / "none.pem", kid="k1", scopes=[])
