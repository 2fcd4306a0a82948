"""Apps with keys: who they are is what they sign, once, for us, now. Services read on grounds alone."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import hmac
import json
import uuid
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

from egide.cloud.consent.grants import give_grant
from egide.cloud.release.journal import journal_of
from egide.cloud.smart.models import App
from egide.errors import MalformedError
from tests.cloud.conftest import NOW
from tests.cloud.smart.conftest import OWN, Flow, Registry, ask, read, signed_in
from tests.support.cast import Cast

TOKEN = "http://testserver/fhir/auth/token"
JWT = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
EC = ECKey.generate_key("P-384", parameters={"kid": "ec-1", "use": "sig", "alg": "ES384"})
RSA = RSAKey.generate_key(2048, parameters={"kid": "rsa-1", "use": "sig", "alg": "RS384"})
OTHER = ECKey.generate_key("P-384", parameters={"kid": "ec-1", "use": "sig", "alg": "ES384"})
KEYS = json.dumps(KeySet([EC, RSA]).as_dict(private=False))


def assertion(app: App, *, key: Any = EC, alg: str = "ES384", kid: str | None = None, **said: Any) -> str:
    claims = {
        "iss": app.client_id, "sub": app.client_id, "aud": TOKEN, "exp": NOW // 1000 + 240, "iat": NOW // 1000,
        "jti": str(uuid.uuid4()),
    } | said  # fmt: skip
    header = {"alg": alg, "kid": kid or key.kid, "typ": "JWT"}
    return jwt.encode(header, {k: v for k, v in claims.items() if v is not None}, key, algorithms=[alg])


def credentials(app: App, text: str, **said: str) -> tuple[int, dict[str, Any]]:
    asked = {
        "grant_type": "client_credentials", "scope": "system/Observation.rs", "client_assertion_type": JWT,
        "client_assertion": text,
    }  # fmt: skip
    return ask("token", **asked | said)


@pytest.fixture
def service(registry: Registry, cast: Cast) -> App:
    """A service of this hospital, for care, that Dr Bob answers for."""
    return registry.let_in(
        name="Entrepôt", scopes="system/Observation.rs", redirect_uris="", origins="", jwks=KEYS, service=True,
        purpose="TREAT", group="cohorte-1", responsible=cast.bob,
    )  # fmt: skip


@pytest.mark.parametrize(("key", "alg"), [(EC, "ES384"), (RSA, "RS384")], ids=["ES384", "RS384"])
def test_a_service_reads_who_granted_it_and_each_reading_is_in_their_journal(
    service: App, cast: Cast, key: Any, alg: str
) -> None:
    """Its scopes open nothing by themselves; a grant to it does, for its purpose."""
    status, told = credentials(service, assertion(service, key=key, alg=alg))
    assert status == 200, told
    assert told["expires_in"] <= 300
    assert "refresh_token" not in told
    path = f"Observation?patient={cast.alice.pk}&_count=1"
    assert read(path, told["access_token"])[0] == 403
    give_grant(cast.alice, service.client_id, families=None, purpose="TREAT", now_ms=NOW, until_ms=NOW + 10_000)
    status, bundle = read(path, told["access_token"])
    assert status == 200, bundle
    line = journal_of(cast.alice, limit=1)[0]
    assert (line.app, line.purpose, line.decision, line.ground) == (service.client_id, "TREAT", "yes", "grant")
    assert line.responsible == str(cast.bob.pk)
    page = signed_in(cast.alice).get("/me/journal", headers={"Accept-Language": "en"}).content.decode()
    assert "Entrepôt, for which Dr Bob Durand answers" in page
    assert read(f"Observation?patient={cast.charlie.pk}", told["access_token"])[0] == 403


def test_an_assertion_is_good_once(service: App) -> None:
    """Its number is kept for as long as it could be used."""
    text = assertion(service)
    assert credentials(service, text)[0] == 200
    assert credentials(service, text)[1]["error"] == "invalid_client"


def test_an_assertion_is_for_the_address_that_people_use(service: App, settings: Any) -> None:
    """Over HTTPS, as the configuration names it, though a front speaks HTTP to us."""
    settings.OPTIONS = dataclasses.replace(settings.OPTIONS, people_https=True)
    assert credentials(service, assertion(service))[0] == 401
    assert credentials(service, assertion(service, aud=TOKEN.replace("http://", "https://")))[0] == 200


def test_an_assertion_that_does_not_hold_is_refused(service: App) -> None:
    """For another, of another, too long, lapsed, not yet, without a number, by another key or algorithm."""
    for said in (
        {"aud": "https://other.example/token"}, {"aud": "http://testserver/fhir"},
        {"aud": [TOKEN, "https://x.example"]},
        {"iss": "another"}, {"sub": "another"}, {"exp": NOW // 1000}, {"exp": NOW // 1000 + 3600}, {"exp": None},
        {"exp": "soon"}, {"exp": True}, {"nbf": NOW // 1000 + 60}, {"iat": NOW // 1000 + 60}, {"jti": None},
        {"jti": ""},
        {"jti": 7}, {"jti": "x" * 300}, {"key": "other"}, {"kid": "rsa-1"}, {"kid": "unknown"},
        {"key": "rsa", "alg": "RS256"}, {"key": "rsa", "alg": "PS384"},
    ):  # fmt: skip
        plain = {name: value for name, value in RSA.as_dict(private=True).items() if name != "alg"}
        keys = {"other": OTHER, "rsa": RSAKey.import_key(plain)}
        forged: dict[str, Any] = said | ({"key": keys[str(said["key"])]} if "key" in said else {})
        assert credentials(service, assertion(service, **forged)) == (401, {"error": "invalid_client"})


def test_neither_none_nor_a_mac_over_the_public_key_is_a_signature(service: App) -> None:
    """alg none, and the confusion of a public key with a shared secret."""
    good = assertion(service)
    body = good.split(".")[1]

    def forged(header: dict[str, str], secret: bytes | None) -> str:
        head = base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()
        mac = hmac.new(secret, f"{head}.{body}".encode(), hashlib.sha384).digest() if secret else b""
        return f"{head}.{body}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"

    public = RSA.as_pem(private=False)
    for text in (
        forged({"alg": "none", "kid": "rsa-1"}, None), forged({"alg": "None", "kid": "rsa-1"}, None),
        forged({"alg": "HS384", "kid": "rsa-1"}, public), forged({"alg": "HS384", "kid": "rsa-1"}, KEYS.encode()),
        good.rsplit(".", 1)[0] + ".", good + "x", "not.a.token", "..", "",
    ):  # fmt: skip
        status, told = credentials(service, text)
        assert status in (400, 401)
        assert "access_token" not in told


def test_a_service_asks_for_no_more_and_in_no_other_way(service: App, registry: Registry) -> None:
    """No scope beyond its own, no code, no second proof of who it is."""
    assert credentials(service, assertion(service), scope="system/*.cruds user/Observation.rs")[1]["scope"] == (
        "system/Observation.rs"
    )
    assert credentials(service, assertion(service), scope="system/Patient.r")[1]["error"] == "invalid_scope"
    assert credentials(service, assertion(service), grant_type="authorization_code", code="x")[0] in (400, 401)
    assert credentials(service, assertion(service), client_secret="x")[1]["error"] == "invalid_client"
    person = registry.let_in(name="Carnet à clés", jwks=KEYS)
    assert credentials(person, assertion(person), scope="patient/Observation.rs")[1]["error"] == "unauthorized_client"


def test_a_confidential_app_shows_its_key_for_its_code_and_may_ask_what_its_token_is_worth(
    registry: Registry, cast: Cast
) -> None:
    """Without the assertion the code is worth nothing; introspection tells the owner alone."""
    app = registry.let_in(name="Carnet à clés", jwks=KEYS, scopes=OWN)
    flow = Flow(app=app, reader=cast.alice, client=signed_in(cast.alice))
    code = flow.code()
    assert flow.exchange(code)[1]["error"] == "invalid_client"
    status, told = flow.exchange(code, client_assertion_type=JWT, client_assertion=assertion(app))
    assert status == 200, told
    token = told["access_token"]

    def worth(by: App) -> dict[str, Any]:
        return ask("introspect", token=token, client_assertion_type=JWT, client_assertion=assertion(by))[1]

    mine = worth(app)
    assert (mine["active"], mine["patient"], mine["client_id"]) == (True, str(cast.alice.pk), app.client_id)
    assert set(mine["scope"].split()) == set(app.scopes.split())
    other = registry.let_in(name="Autre", jwks=KEYS, scopes=OWN)
    assert worth(other) == {"active": False}
    assert ask("introspect", token=token, client_id=app.client_id)[0] == 401


def test_keys_that_prove_nothing_are_not_registered(registry: Registry, cast: Cast) -> None:
    """A private or shared key, a short one, one of another kind: said at once."""
    for jwks in (
        "", "{}", "[]", '{"keys": []}', '{"keys": [{"kty": "oct", "k": "eA", "kid": "1"}]}',
        json.dumps(KeySet([EC]).as_dict(private=True)), json.dumps({"keys": [EC.as_dict(private=False)] * 2}),
        json.dumps({"keys": [ECKey.generate_key("P-256", parameters={"kid": "x"}).as_dict(private=False)]}),
        json.dumps({"keys": [{"kty": "RSA", "kid": "x", "e": "AQAB", "n": "v" * 171}]}),
    ):  # fmt: skip
        with pytest.raises(MalformedError):
            registry.described(
                scopes="system/Observation.rs", redirect_uris="", origins="", jwks=jwks, service=True, purpose="TREAT",
                group="g", responsible=cast.bob,
            )  # fmt: skip
