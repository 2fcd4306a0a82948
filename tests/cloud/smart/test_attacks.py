"""What thieves, other apps and clever links try: each is refused, and what they held is worth nothing after."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection
from django.test import Client

from egide.cloud.consent.restrictions import restrict
from egide.cloud.register.models import Statement
from egide.cloud.release.journal import journal_of
from egide.cloud.smart import tokens
from egide.cloud.smart.models import App, Code, Refresh, Token
from tests.cloud.smart.conftest import BACK, BASE, Flow, Registry, ask, challenge, read, signed_in
from tests.support.cast import Cast

EVIL = "https://evil.example/callback"


def answered(flow: Flow, address: str) -> dict[str, str]:
    """What the app is told at its own address."""
    answer = flow.client.get(address)
    assert answer.status_code == 303, answer.content
    assert answer.headers["Location"].startswith(BACK + "?")
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["Location"]).query).items()}


# The request


def test_nobody_is_sent_to_an_address_that_is_not_the_app_s_letter_by_letter(own: Flow) -> None:
    """No redirect at all: a page that says no; the same when somebody says yes by a form of their own."""
    for address in (
        EVIL, BACK + "/", BACK + "?x=1", BACK + "#f", "https://app.example:443/callback", "https://APP.example/callback",
        "https://app.example/callback/../callback", "https://user@app.example/callback", "http://app.example/callback",
        "https://app.example.evil.example/callback", "//app.example/callback", "javascript:alert(1)", "",
    ):  # fmt: skip
        asked = own.address(redirect_uri=address)
        for answer in (own.client.get(asked), own.client.post(asked, own.form())):
            assert answer.status_code == 400
            assert "Location" not in answer.headers
        assert not Code.objects.exists()


def test_an_address_is_never_guessed(own: Flow) -> None:
    """An app has one address and does not name it: it is not sent there."""
    assert own.client.get(own.address(redirect_uri=None)).status_code == 400


def test_a_request_that_does_not_hold_is_turned_back(own: Flow) -> None:
    """The app learns which error, and nothing is kept; `aud` missing, PKCE left out or made plain are such requests."""
    for said, error in (
        ({"aud": None}, "invalid_request"),
        ({"aud": "https://evil.example/fhir"}, "invalid_request"),
        ({"aud": BASE + "/Patient"}, "invalid_request"),
        ({"state": None}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code token"}, "unauthorized_client"),
        ({"scope": None}, "invalid_scope"),
        ({"scope": "openid fhirUser"}, "invalid_scope"),
        ({"scope": "patient/Condition.rs"}, "invalid_scope"),
        ({"scope": "system/Observation.rs"}, "invalid_scope"),
        ({"scope": "user/Observation.rs"}, "invalid_scope"),
        ({"scope": "patient/Observation.cud"}, "invalid_scope"),
        ({"launch": "not-one", "scope": "launch patient/Observation.rs"}, "invalid_request"),
    ):  # fmt: skip
        assert answered(own, own.address(**said))["error"] == error
        assert own.client.post(own.address(**said), own.form()).status_code in (303, 400)
        assert not Code.objects.exists()


def test_a_parameter_given_twice_is_none(own: Flow) -> None:
    """Whoever reads the first and whoever reads the last would each see another request."""
    for name, value in (("aud", BASE), ("redirect_uri", EVIL), ("scope", "patient/*.rs"), ("code_challenge", "x" * 43)):
        assert own.client.get(f"{own.address()}&{name}={value}").status_code == 400


def test_who_has_not_signed_in_is_asked_to_and_a_form_of_another_site_counts_for_nothing(own: Flow) -> None:
    """Neither a page nor a yes without the person's own session and our own form."""
    assert Client().get(own.address()).status_code == 302
    assert Client().post(own.address(), own.form()).status_code == 302
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = own.client.cookies
    assert strict.post(own.address(), own.form()).status_code == 400
    assert not Code.objects.exists()


def test_a_yes_needs_a_factor_of_the_last_five_minutes(own: Flow, at: list[int]) -> None:
    """It widens: who finds an open session gives no app anything."""
    at[0] += 5 * 60_000
    answer = own.client.post(own.address(), own.form())
    assert answer.status_code == 302
    assert "/security/confirm" in answer.headers["Location"] or "confirm" in answer.headers["Location"]
    assert not Code.objects.exists()


# Scopes


def test_more_than_was_registered_is_left_out_and_what_was_left_out_stays_out(own: Flow) -> None:
    """Escalation by the request, by the form, at the refresh: none gives what was not registered and left in."""
    wide = "launch/patient patient/*.cruds user/*.rs system/*.rs patient/Observation.rs offline_access"
    told = own.tokens(own.form(scope=["s0"]), scope=wide)
    assert set(told["scope"].split()) <= {"launch/patient", "patient/Observation.rs", "offline_access"}
    status, answer = own.refresh(told["refresh_token"], scope="patient/*.rs")
    assert (status, answer["error"]) == (400, "invalid_scope")
    assert own.client.post(own.address(), own.form(scope=["s0", "s9"])).status_code == 400


def test_a_narrower_scope_is_what_the_token_holds(own: Flow) -> None:
    """Vital signs only: the token says so, and glucose is not among what it reads."""
    told = own.tokens(own.form(vital="1"))
    assert "patient/Observation.rs?category=" in told["scope"]
    status, bundle = read("Observation?_count=200", told["access_token"])
    assert status == 200
    found = [entry["resource"] for entry in bundle["entry"]]
    for one in found:
        assert "vital-signs" in {coding["code"] for concept in one["category"] for coding in concept["coding"]}
    assert found
    assert "99504-3" not in {coding["code"] for one in found for coding in one["code"]["coding"]}


def test_a_family_that_was_left_out_was_never_measured_for_the_app(own: Flow) -> None:
    """The grant names families; the door holds to them, whatever the scopes say."""
    told = own.tokens(own.form(family=["weight"]))
    _, bundle = read("Observation?_count=500", told["access_token"])
    codes = {e["resource"]["code"]["coding"][0]["code"] for e in bundle["entry"]}
    assert codes == {"29463-7"}


# The code


def test_a_code_is_good_once_and_its_second_use_ends_what_the_first_gave(own: Flow) -> None:
    """Replay: the thief gets nothing, and the one who was robbed has to ask again."""
    code = own.code()
    status, told = own.exchange(code)
    assert status == 200
    assert read("Observation?_count=1", told["access_token"])[0] == 200
    assert own.exchange(code)[1]["error"] == "invalid_grant"
    assert read("Observation?_count=1", told["access_token"])[0] == 401
    assert own.refresh(told["refresh_token"])[1]["error"] == "invalid_grant"


def test_a_stolen_code_alone_is_worth_nothing(own: Flow) -> None:
    """Without its verifier and its address no token comes, and the owner can still use it."""
    for said in (
        {"code_verifier": None}, {"code_verifier": "x" * 43}, {"code_verifier": ""}, {"redirect_uri": EVIL},
        {"redirect_uri": None}, {"redirect_uri": BACK + "/"}, {"code": "guess"},
    ):  # fmt: skip
        code = own.code()
        status, told = own.exchange(said.get("code") or code, **{k: v for k, v in said.items() if k != "code"})
        assert status == 400
        assert told["error"] in ("invalid_grant", "invalid_request")
        assert "access_token" not in told
        assert own.exchange(code)[0] == 200


def test_a_verifier_that_is_the_challenge_does_not_pass(own: Flow) -> None:
    """Downgrade to plain at the token's address: the method is the one of the code."""
    code = own.code()
    assert own.exchange(code, code_verifier=challenge(own.verifier), code_challenge_method="plain")[0] == 400


def test_a_code_lapses_within_a_minute(own: Flow, at: list[int]) -> None:
    """At the exact minute it is over."""
    code = own.code()
    at[0] += 60_000
    assert own.exchange(code)[1]["error"] == "invalid_grant"


def test_a_code_is_its_app_s_alone(own: Flow, registry: Registry, cast: Cast) -> None:
    """Another app, let in as well, gets nothing by it."""
    other = Flow(app=registry.let_in(name="Autre"), reader=cast.alice, client=own.client, verifier=own.verifier)
    assert other.exchange(own.code())[1]["error"] == "invalid_grant"


# Tokens


def test_no_token_stands_anywhere_in_clear(own: Flow) -> None:
    """Codes, access tokens and refresh tokens are in the tables as SHA-256 alone."""
    code = own.code()
    _, told = own.exchange(code)
    kept = json.dumps([list(m.objects.values()) for m in (Code, Token, Refresh, App)], default=str)
    for secret in (code, told["access_token"], told["refresh_token"]):
        assert secret not in kept
        assert tokens.hash_of(secret) in kept


def test_a_refresh_token_is_good_once_and_its_second_use_ends_the_family(own: Flow) -> None:
    """Stolen and used by either: the next use by the other ends everything that came of it."""
    first = own.tokens()
    status, second = own.refresh(first["refresh_token"])
    assert status == 200
    assert second["refresh_token"] != first["refresh_token"]
    assert read("Observation?_count=1", first["access_token"])[0] == 401
    assert read("Observation?_count=1", second["access_token"])[0] == 200
    assert own.refresh(first["refresh_token"])[1]["error"] == "invalid_grant"
    assert read("Observation?_count=1", second["access_token"])[0] == 401
    assert own.refresh(second["refresh_token"])[1]["error"] == "invalid_grant"


def test_a_refresh_token_says_itself_which_public_app_it_is_of(own: Flow) -> None:
    """Clients in browsers leave the app's name out; a guess names nobody."""
    told = own.tokens()
    assert own.refresh(told["refresh_token"], client_id=None)[0] == 200
    assert own.refresh("guess", client_id=None)[0] == 401


def test_a_refresh_never_lasts_longer_than_the_first(own: Flow, at: list[int]) -> None:
    """Rotation renews nothing: ninety days after the yes the app has to ask again."""
    told = own.tokens(own.form(until="365"))
    at[0] += tokens.OFFLINE_MS - 1
    status, again = own.refresh(told["refresh_token"])
    assert status == 200
    at[0] += 1
    assert own.refresh(again["refresh_token"])[1]["error"] == "invalid_grant"


def test_an_access_token_lapses_within_the_hour(own: Flow, at: list[int]) -> None:
    """At the second that its answer named."""
    told = own.tokens()
    at[0] += told["expires_in"] * 1000
    assert told["expires_in"] <= 3600
    assert read("Observation?_count=1", told["access_token"])[0] == 401


def test_a_token_for_another_audience_opens_nothing(own: Flow) -> None:
    """A token of this very table whose audience is another address."""
    told = own.tokens()
    Token.objects.update(resource=["http://other.example/fhir"])
    assert read("Observation?_count=1", told["access_token"])[0] == 401
    assert read("Observation?_count=1", own.tokens()["access_token"], Host="localhost")[0] == 401


def test_a_token_in_an_address_is_refused(own: Flow) -> None:
    """Addresses end up in logs and histories."""
    token = own.tokens()["access_token"]
    assert read(f"Observation?access_token={token}", token)[0] == 401
    answer = own.client.get(f"/fhir/Observation?access_token={token}")
    assert answer.status_code == 401


def test_a_bad_token_never_falls_back_to_a_session(own: Flow) -> None:
    """Alice's browser with a token that is not good is nobody."""
    for header in ("Bearer nonsense", "Bearer ", "Basic eDp5", "Bearer " + "x" * 9_000):
        answer = own.client.get("/fhir/Observation?_count=1", headers={"Authorization": header})
        assert answer.status_code == 401


def test_an_app_of_one_patient_reads_no_other(own: Flow, cast: Cast, registry: Registry) -> None:
    """Patient switching: by the address, by an id, by the form; refusals of a record are in its journal."""
    token = own.tokens()["access_token"]
    for path in (f"Observation?patient={cast.charlie.pk}", f"Observation?subject=Patient/{cast.charlie.pk}"):
        assert read(path, token)[0] in (400, 403)
    answer = own.client.post(own.address(), own.form(patient=str(cast.charlie.pk)))
    told = parse_qs(urlsplit(answer.headers["Location"]).query)
    assert own.exchange(told["code"][0])[1]["patient"] == str(cast.alice.pk)


def test_a_professional_s_app_reads_the_patient_of_its_launch_and_no_other_of_theirs(
    cast: Cast, registry: Registry
) -> None:
    """Bob follows both; the token names Alice. Whom he does not follow he cannot choose."""
    from egide.cloud.consent.service import start_follow_up
    from tests.cloud.conftest import NOW

    start_follow_up(cast.bob, cast.charlie, now_ms=NOW)
    flow = Flow(app=registry.let_in(), reader=cast.bob, client=signed_in(cast.bob))
    assert flow.client.post(flow.address(), flow.form(patient=str(cast.diane.pk))).status_code == 400
    told = flow.tokens(flow.form(patient=str(cast.alice.pk)))
    assert told["patient"] == str(cast.alice.pk)
    assert read(f"Observation?patient={cast.alice.pk}&_count=1", told["access_token"])[0] == 200
    line = journal_of(cast.alice, limit=1)[0]
    assert (line.reader, line.app, line.ground) == (str(cast.bob.pk), flow.app.client_id, "care-team")
    status, bundle = read(f"Observation?patient={cast.charlie.pk}", told["access_token"])
    assert status in (400, 403) or not bundle.get("entry")


def test_scopes_open_nothing_that_the_person_could_not_open(cast: Cast, registry: Registry) -> None:
    """Diane follows nobody: no scope gives her app a record. What is hidden from Bob is hidden from his app."""
    wide = registry.let_in(scopes="launch/patient patient/*.rs user/*.rs")
    diane = Flow(app=wide, reader=cast.diane, client=signed_in(cast.diane))
    assert answered(diane, diane.address())["error"] == "access_denied"
    told = diane.tokens(diane.form(scope=["s0"]), scope="user/Observation.rs")
    assert read(f"Observation?patient={cast.alice.pk}", told["access_token"])[0] == 403
    restrict(cast.alice, families=None, who=cast.bob, now_ms=journal_of(cast.alice, limit=1)[0].at_ms)
    bob = Flow(app=wide, reader=cast.bob, client=signed_in(cast.bob))
    token = bob.tokens(bob.form(scope=["s0"]))["access_token"]
    assert not read(f"Observation?patient={cast.alice.pk}", token)[1].get("entry")


# Introspection and revocation


def test_what_a_token_is_worth_is_told_to_no_stranger(own: Flow, registry: Registry) -> None:
    """Neither to nobody, nor to an app that only knows its own name."""
    token = own.tokens()["access_token"]
    assert ask("introspect", token=token)[0] == 401
    assert ask("introspect", token=token, client_id="unknown")[0] == 401
    assert ask("introspect", token=token, client_id=registry.let_in(name="Autre").client_id)[1] == {"active": False}
    assert ask("introspect", token=token, client_id=own.app.client_id)[1] == {"active": False}


def test_an_app_ends_its_own_tokens_and_nobody_else_s(own: Flow, registry: Registry) -> None:
    """RFC 7009: of another's token nothing is said and nothing happens; of its own, the whole family ends."""
    told = own.tokens()
    other = registry.let_in(name="Autre")
    assert ask("revoke", token=told["refresh_token"], client_id=other.client_id)[0] == 200
    assert read("Observation?_count=1", told["access_token"])[0] == 200
    assert ask("revoke", token=told["refresh_token"], client_id=own.app.client_id)[0] == 200
    assert read("Observation?_count=1", told["access_token"])[0] == 401


# The app


def test_there_is_no_other_grant(own: Flow) -> None:
    """Neither a password, nor the implicit one, nor a device's."""
    for grant in (
        "password", "implicit", "urn:ietf:params:oauth:grant-type:device_code", "", "x",
    ):  # fmt: skip
        said = {"username": "alice", "password": "x", "code": "x", "client_id": own.app.client_id}
        status, told = ask("token", grant_type=grant, **said)
        assert status in (400, 401)
        assert "access_token" not in told


def test_a_public_app_that_shows_a_secret_is_refused(own: Flow) -> None:
    """Nobody has one: what is shown proves nothing."""
    assert own.exchange(own.code(), client_secret="x")[1]["error"] == "invalid_client"


@pytest.mark.parametrize(
    "change",
    [
        {"redirect_uris": BACK + " " + EVIL}, {"scopes": "patient/*.cruds"}, {"client_type": "confidential"},
        {"name": "Le ministère"}, {"allowed_origins": "https://evil.example"},
    ],
)  # fmt: skip
def test_a_row_changed_in_the_table_is_an_app_that_nobody_let_in(own: Flow, change: dict[str, str]) -> None:
    """The register's statement says what was approved; the table only points at it."""
    told = own.tokens()
    App.objects.update(**change)
    assert own.client.get(own.address()).status_code == 400
    assert read("Observation?_count=1", told["access_token"])[0] == 401
    assert own.refresh(told["refresh_token"])[0] == 401


def test_a_row_that_says_approved_is_not_approved(own: Flow, registry: Registry) -> None:
    """Nor is one whose statement was copied from another app."""
    waiting = registry.described(name="Pressée")
    App.objects.filter(pk=waiting.pk).update(approved=True)
    assert Flow(app=waiting, reader=own.reader, client=own.client).client.get(
        own.address(client_id=waiting.client_id)
    ).status_code == 400  # fmt: skip
    value = waiting.subject if connection.features.has_native_uuid_field else waiting.subject.hex
    with connection.cursor() as cursor:
        cursor.execute("UPDATE register_statement SET subject = %s WHERE kind = 'app'", [value])
    assert own.client.get(own.address(client_id=waiting.client_id)).status_code == 400
    assert Statement.objects.filter(kind="app", subject=waiting.subject).count() == 1
