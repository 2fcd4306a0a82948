"""What a token must say before anybody is believed: each attack is named, none needs a network."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwe, jws
from joserfc.jwk import ECKey, OctKey, RSAKey

from egide.cloud.federation.fetch import Answer
from egide.cloud.federation.jose import Jwk, decrypt, open_signed, read_keys
from egide.cloud.federation.providers import KINDS, Assurance, Provider
from egide.cloud.federation.tokens import (
    LOGOUT_EVENT,
    OLDEST_S,
    SKEW_S,
    Expected,
    read_logout_token,
    read_userinfo,
    signed_part,
    verify_id_token,
)
from egide.errors import AssuranceError, ConfigError, ProviderError
from tests.cloud.federation.conftest import SECRET, pem_of

NOW_S = 1_795_295_600
ISSUER = "https://provider.example"
ACCESS = "an access token"
PROVIDER = Provider(
    key="psc", kind=KINDS["psc"], issuer=ISSUER, discovery=ISSUER, client_id="egide", acr=("eidas2",),
    redirect_uri="https://egide.example/federation/psc/callback", home="https://egide.example", plain_loopback=False,
    secret=SECRET,
)  # fmt: skip
EXPECTED = Expected(nonce="n-0123456789", access_token=ACCESS, now_s=NOW_S)
CLAIMS: dict[str, Any] = {
    "iss": ISSUER, "aud": "egide", "sub": "248289761001", "exp": NOW_S + 300, "iat": NOW_S, "nonce": "n-0123456789",
    "acr": "eidas2", "auth_time": NOW_S - 30, "sid": "s-1",
}  # fmt: skip
RSA = RSAKey.generate_key(2048)
OTHER = RSAKey.generate_key(2048)
EC = ECKey.generate_key("P-256")
UNSAFE = jws.JWSRegistry(algorithms=["HS256", "none", "RS256", "PS256", "ES256"], strict_check_header=False)


def published(*keys: tuple[str, Any]) -> tuple[Jwk, ...]:
    found = [{**key.as_dict(private=False), "kid": kid, "use": "sig"} for kid, key in keys]
    return read_keys(json.dumps({"keys": found}).encode())


KEYS = published(("one", RSA), ("two", EC))


def sign(claims: dict[str, Any], key: Any = RSA, **header: Any) -> str:
    return jws.serialize_compact({"alg": "RS256", "kid": "one", **header}, json.dumps(claims), key, registry=UNSAFE)


def verify(token: str, provider: Provider = PROVIDER, expected: Expected = EXPECTED) -> Any:
    return verify_id_token(provider, token, KEYS, expected)


def refused(step: str, run: Callable[[], object]) -> None:
    """Refused at that step, and nothing of the token is in the message."""
    with pytest.raises(ProviderError) as found:
        run()
    assert found.value.step == step
    assert "248289761001" not in str(found.value)


@pytest.mark.parametrize(("alg", "kid", "key"), [("RS256", "one", RSA), ("PS256", "one", RSA), ("ES256", "two", EC)])
def test_what_a_provider_signs_is_believed(alg: str, kid: str, key: Any) -> None:
    """Subject, level, session and time of sign-in come from a token of these algorithms."""
    found = verify(sign(CLAIMS, key, alg=alg, kid=kid))
    assert (found.sub, found.sid, found.assurance, found.auth_time_s) == (
        "248289761001", "s-1", Assurance.SUBSTANTIAL, NOW_S - 30,
    )  # fmt: skip


def alg_none() -> str:
    header = base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
    return f"{header}.{base64.urlsafe_b64encode(json.dumps(CLAIMS).encode()).decode().rstrip('=')}."


def signed_with_the_public_key() -> str:
    """Key confusion: a MAC whose secret is the key that everybody can read."""
    public = RSA.public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    head = base64.urlsafe_b64encode(b'{"alg":"HS256","kid":"one"}').decode().rstrip("=")
    body = base64.urlsafe_b64encode(json.dumps(CLAIMS).encode()).decode().rstrip("=")
    mac = base64.urlsafe_b64encode(hmac.digest(public, f"{head}.{body}".encode(), "sha256")).decode().rstrip("=")
    return f"{head}.{body}.{mac}"


@pytest.mark.parametrize(
    ("make", "step"),
    [
        pytest.param(alg_none, "alg", id="alg-none"),
        pytest.param(signed_with_the_public_key, "alg", id="key-confusion"),
        pytest.param(
            lambda: sign(CLAIMS, OctKey.import_key(SECRET), alg="HS256"), "alg", id="mac-with-the-client-secret"
        ),
        pytest.param(lambda: sign(CLAIMS, OTHER), "signature", id="another-key-under-a-known-name"),
        pytest.param(lambda: sign(CLAIMS, OTHER, kid="three"), "key", id="unknown-key"),
        pytest.param(
            lambda: sign(CLAIMS, OTHER, kid="three", jwk=OTHER.as_dict(private=False)), "key", id="key-in-the-token"
        ),
        pytest.param(
            lambda: sign(CLAIMS, OTHER, kid="three", jku="https://evil.example/keys"), "key", id="address-of-a-key"
        ),
        pytest.param(lambda: sign(CLAIMS, kid="two"), "key", id="rsa-under-the-name-of-an-ec-key"),
        pytest.param(lambda: sign(CLAIMS)[:-8] + "AAAAAAAA", "signature", id="altered-signature"),
        pytest.param(lambda: "a.b", "form", id="two-parts"),
        pytest.param(lambda: "é.b.c", "form", id="not-ascii"),
        pytest.param(lambda: "!!!.b.c", "form", id="not-base64"),
        pytest.param(lambda: "A" * 70_000 + ".b.c", "form", id="huge"),
    ],
)
def test_a_token_that_is_not_signed_by_the_provider_is_refused(make: Callable[[], str], step: str) -> None:
    """The token's header decides nothing: neither the algorithm's kind nor the key."""
    refused(step, lambda: verify(make()))


@pytest.mark.parametrize(
    ("changed", "step"),
    [
        pytest.param({"iss": "https://evil.example"}, "iss", id="another-issuer"),
        pytest.param({"iss": ISSUER + "/"}, "iss", id="almost-the-issuer"),
        pytest.param({"iss": None}, "iss", id="no-issuer"),
        pytest.param({"aud": "another"}, "aud", id="another-client"),
        pytest.param({"aud": ["egide", "another"]}, "aud", id="another-client-too"),
        pytest.param({"aud": []}, "aud", id="no-client"),
        pytest.param({"azp": "another"}, "azp", id="given-to-another-client"),
        pytest.param({"exp": NOW_S - SKEW_S}, "exp", id="expired"),
        pytest.param({"exp": None}, "exp", id="no-expiry"),
        pytest.param({"exp": True}, "exp", id="expiry-of-another-type"),
        pytest.param({"exp": float("1e300")}, "exp", id="expiry-beyond-time"),
        pytest.param({"iat": NOW_S + SKEW_S + 1}, "iat", id="from-the-future"),
        pytest.param({"iat": NOW_S - OLDEST_S - SKEW_S - 1}, "iat", id="from-long-ago"),
        pytest.param({"iat": None}, "iat", id="no-issue-time"),
        pytest.param({"nbf": NOW_S + SKEW_S + 1}, "nbf", id="not-yet"),
        pytest.param({"nonce": "n-of-another-sign-in"}, "nonce", id="replayed-nonce"),
        pytest.param({"nonce": None}, "nonce", id="no-nonce"),
        pytest.param({"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}, "at_hash", id="another-access-token"),
        pytest.param({"at_hash": 7}, "at_hash", id="hash-of-another-type"),
        pytest.param({"auth_time": NOW_S + SKEW_S + 1}, "auth_time", id="signed-in-tomorrow"),
        pytest.param({"sub": ""}, "sub", id="nobody"),
        pytest.param({"sub": "a" * 256}, "sub", id="too-long-a-subject"),
        pytest.param({"sub": 7}, "sub", id="subject-of-another-type"),
        pytest.param({"sid": 7}, "sid", id="session-of-another-type"),
    ],
)
def test_one_claim_beside_what_was_asked_is_refused(changed: dict[str, Any], step: str) -> None:
    """Every claim is for this provider, this client, this sign-in and this minute."""
    claims = {name: value for name, value in (CLAIMS | changed).items() if value is not None}
    refused(step, lambda: verify(sign(claims)))


def test_small_differences_of_clocks_are_let_pass() -> None:
    """A minute either way, and not a second more."""
    verify(sign(CLAIMS | {"exp": NOW_S - SKEW_S + 1, "iat": NOW_S + SKEW_S}))


def test_at_hash_is_the_left_half_of_the_access_token_s_hash() -> None:
    """Core 1.0, 3.1.3.6."""
    half = hashlib.sha256(ACCESS.encode()).digest()[:16]
    verify(sign(CLAIMS | {"at_hash": base64.urlsafe_b64encode(half).decode().rstrip("=")}))


@pytest.mark.parametrize("auth_time", [None, NOW_S - 300 - SKEW_S - 1])
def test_a_new_sign_in_that_was_asked_for_must_be_new(auth_time: int | None) -> None:
    """max_age: a session that the provider had open since this morning links nothing."""
    claims = {name: value for name, value in (CLAIMS | {"auth_time": auth_time}).items() if value is not None}
    refused("auth_time", lambda: verify(sign(claims), expected=replace(EXPECTED, max_age_s=300)))
    verify(sign(CLAIMS), expected=replace(EXPECTED, max_age_s=300))


@pytest.mark.parametrize(
    ("asked", "said", "level"),
    [
        (("eidas1",), "eidas1", Assurance.LOW), (("eidas1",), "eidas3", Assurance.HIGH),
        (("eidas2",), "eidas3", Assurance.HIGH), (("eidas2",), "eidas1", None), (("eidas2",), "gold", None),
        (("eidas2",), "", None), ((), "gold", Assurance.UNKNOWN), (("gold",), "gold", Assurance.UNKNOWN),
        (("gold",), "silver", None), (("eidas3", "eidas2"), "eidas2", Assurance.SUBSTANTIAL),
    ],
)  # fmt: skip
def test_the_level_is_what_was_asked_for_or_above(asked: tuple[str, ...], said: str, level: Assurance | None) -> None:
    """acr is read as eIDAS' levels; a word we do not know is enough only when it was asked for."""
    provider = replace(PROVIDER, acr=asked)
    token = sign(CLAIMS | {"acr": said})
    if level is None:
        with pytest.raises(AssuranceError):
            verify(token, provider)
    else:
        assert verify(token, provider).assurance is level


def userinfo(body: bytes, kind: str = "application/json", provider: Provider = PROVIDER, status: int = 200) -> Any:
    answer = Answer(status=status, kind=kind, body=body)
    return read_userinfo(provider, answer, KEYS, "248289761001")


def test_userinfo_of_somebody_else_is_refused() -> None:
    """In any form: the subject is the ID token's, letter for letter."""
    for sub in ("248289761002", "", None, "248289761001 "):
        claims = {"sub": sub, "iss": ISSUER, "aud": "egide"}
        refused("sub", lambda claims=claims: userinfo(json.dumps(claims).encode()))  # type: ignore[misc]
    refused("sub", lambda: userinfo(sign(CLAIMS | {"sub": "other"}).encode(), "application/jwt"))


@pytest.mark.parametrize(
    ("body", "kind", "step"),
    [
        pytest.param(b"[]", "application/json", "form", id="a-list"),
        pytest.param(b'{"sub":"248289761001","sub":"other"}', "application/json", "form", id="a-name-twice"),
        pytest.param(b'{"sub":NaN}', "application/json", "form", id="not-json"),
        pytest.param(b"[" * 100_000, "application/json", "form", id="deep"),
        pytest.param(b'{"sub":"248289761001"}', "text/html", "userinfo", id="a-page"),
        pytest.param(alg_none().encode(), "application/jwt", "alg", id="alg-none"),
        pytest.param(sign(CLAIMS | {"aud": "another"}).encode(), "application/jwt", "aud", id="another-client"),
        pytest.param(sign(CLAIMS | {"iss": "https://evil.example"}).encode(), "application/jwt", "iss", id="issuer"),
        pytest.param(sign(CLAIMS, OTHER).encode(), "application/jwt", "signature", id="another-key"),
    ],
)
def test_userinfo_of_another_form_is_refused(body: bytes, kind: str, step: str) -> None:
    """JSON is strict; a token is signed like any other."""
    refused(step, lambda: userinfo(body, kind))


def test_less_protection_than_was_agreed_is_refused() -> None:
    """Who signs must sign, who encrypts must encrypt: nobody on the way takes a layer off."""
    claims = json.dumps({"sub": "248289761001"}).encode()
    signing = replace(PROVIDER, kind=KINDS["franceconnect"])
    encrypting = replace(PROVIDER, decrypt_pem=pem_of(rsa.generate_private_key(public_exponent=65537, key_size=2048)))
    refused("userinfo", lambda: userinfo(claims, provider=signing))
    refused("userinfo", lambda: userinfo(claims, provider=encrypting))
    refused("userinfo", lambda: userinfo(sign(CLAIMS).encode(), "application/jwt", provider=encrypting))
    refused("userinfo", lambda: userinfo(claims, status=401))


def encrypt(plain: str, key: Any, alg: str, enc: str = "A256GCM", **header: Any) -> str:
    registry = jwe.JWERegistry(
        algorithms=["RSA-OAEP", "RSA-OAEP-256", "RSA1_5", "ECDH-ES", "dir", "A256GCM", "DEF"], strict_check_header=False
    )
    return jwe.encrypt_compact({"alg": alg, "enc": enc, **header}, plain, key, registry=registry)


@pytest.mark.parametrize(
    ("private", "alg"),
    [
        (rsa.generate_private_key(public_exponent=65537, key_size=2048), "RSA-OAEP-256"),
        (rsa.generate_private_key(public_exponent=65537, key_size=2048), "RSA-OAEP"),
        (ec.generate_private_key(ec.SECP256R1()), "ECDH-ES"),
    ],
    ids=["rsa-oaep-256", "rsa-oaep", "ecdh-es"],
)
def test_what_is_encrypted_must_hold_what_is_signed(private: Any, alg: str) -> None:
    """A nested token opens; claims that are only encrypted, which anybody can do, do not."""
    pem = pem_of(private)
    key = RSAKey.import_key(pem) if alg.startswith("RSA") else ECKey.import_key(pem)
    provider = replace(PROVIDER, decrypt_pem=pem)
    inside = signed_part(provider, encrypt(sign(CLAIMS), key, alg))
    assert verify(inside, provider).sub == CLAIMS["sub"]
    refused("nested", lambda: decrypt(encrypt(json.dumps(CLAIMS), key, alg), pem))
    refused("nested", lambda: decrypt(encrypt(encrypt(sign(CLAIMS), key, alg), key, alg), pem))
    refused("enc", lambda: decrypt(encrypt(sign(CLAIMS), key, alg)[:-4] + "AAAA", pem))
    refused("enc", lambda: decrypt(encrypt(sign(CLAIMS) * 20, key, alg, zip="DEF"), pem))
    refused("enc", lambda: signed_part(PROVIDER, encrypt(sign(CLAIMS), key, alg)))


def test_encryption_that_we_did_not_agree_on_is_refused() -> None:
    """Neither a key shared with the provider nor RSA's old padding, whose errors tell secrets."""
    pem = pem_of(rsa.generate_private_key(public_exponent=65537, key_size=2048))
    refused("enc", lambda: decrypt(encrypt(sign(CLAIMS), OctKey.generate_key(256), "dir"), pem))
    head = base64.urlsafe_b64encode(b'{"alg":"RSA1_5","enc":"A256GCM"}').decode().rstrip("=")
    refused("enc", lambda: decrypt(f"{head}.AA.AA.AA.AA", pem))
    with pytest.raises(ConfigError):
        decrypt(encrypt(sign(CLAIMS), RSAKey.import_key(pem), "RSA-OAEP"), b"not a key")


def test_keys_that_cannot_sign_are_left_out() -> None:
    """Symmetric, for encryption, short, or not keys at all: a set that holds one is still read."""
    found = [
        {"kty": "oct", "k": "AAAA", "kid": "s"},
        {**RSA.as_dict(private=False), "use": "enc", "kid": "e"},
        {"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "short"},
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": "off-the-curve"},
        {"kty": "RSA"}, "key", None, {"kty": ["RSA"]},
        {**RSA.as_dict(private=True), "kid": "private"},
    ]  # fmt: skip
    keys = read_keys(json.dumps({"keys": found}).encode())
    assert [key.kid for key in keys] == ["private"]
    assert not keys[0].key.is_private
    for bad in (b"{}", b"[]", b'{"keys":{}}', json.dumps({"keys": [{}] * 33}).encode()):
        with pytest.raises(ProviderError):
            read_keys(bad)


def test_two_keys_of_one_name_choose_nothing() -> None:
    """Which of them signed is not for the token to say."""
    refused("key", lambda: open_signed(sign(CLAIMS), published(("one", RSA), ("one", OTHER))))


LOGOUT: dict[str, Any] = {
    "iss": ISSUER, "aud": "egide", "iat": NOW_S, "exp": NOW_S + 120, "jti": "j-1", "sid": "s-1",
    "events": {LOGOUT_EVENT: {}},
}  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "step"),
    [
        pytest.param({"events": {}}, "events", id="not-a-logout"),
        pytest.param({"events": None}, "events", id="an-id-token"),
        pytest.param({"nonce": "n"}, "nonce", id="an-id-token-with-an-event"),
        pytest.param({"sid": None}, "form", id="of-nobody"),
        pytest.param({"jti": None}, "form", id="without-number"),
        pytest.param({"aud": "another"}, "aud", id="of-another-client"),
        pytest.param({"iss": "https://evil.example"}, "iss", id="of-another-provider"),
        pytest.param({"exp": NOW_S - SKEW_S}, "exp", id="expired"),
    ],
)
def test_a_logout_token_of_another_kind_is_refused(changed: dict[str, Any], step: str) -> None:
    """Back-Channel Logout 1.0, 2.6: an ID token, a logout elsewhere or of nobody ends no session."""
    claims = {name: value for name, value in (LOGOUT | changed).items() if value is not None}
    refused(step, lambda: read_logout_token(PROVIDER, sign(claims), KEYS, now_s=NOW_S))
    assert read_logout_token(PROVIDER, sign(LOGOUT), KEYS, now_s=NOW_S).sid == "s-1"


@pytest.mark.parametrize("kind", ["JWT", "at+jwt", "logout+jwt+more", "logout", "application/"])
def test_a_token_that_says_it_is_another_ends_no_session(kind: str) -> None:
    """Back-Channel Logout 1.0, 2.4: its type, where it has one, is logout+jwt, in any letters."""
    refused("typ", lambda: read_logout_token(PROVIDER, sign(LOGOUT, typ=kind), KEYS, now_s=NOW_S))
    for good in ("logout+jwt", "application/logout+jwt", "Logout+JWT"):
        assert read_logout_token(PROVIDER, sign(LOGOUT, typ=good), KEYS, now_s=NOW_S).sid == "s-1"
