"""Signing: what is asked, what is checked, what is entered, and the proof that comes out of it."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace
from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from egide.cloud.consent.credentials import credentials_of, enrol_credential, in_force, retire_credential
from egide.cloud.consent.grants import give_grant, grants_of, withdraw_grant
from egide.cloud.consent.proof import consent_proof, signed_consents
from egide.cloud.consent.signing import (
    Passkey,
    StatementStaleError,
    ask,
    check,
    give,
    last_signed,
    reader_uri,
    withdraw,
)
from egide.cloud.register.journal import open_statement
from egide.cloud.register.models import Statement
from egide.cloud.register.publishing import publish
from egide.cloud.release.proof import platform_anchors
from egide.errors import MalformedError, NotFoundError, RefusedError, SignatureError, UnavailableError
from egide.trust.grant import GRANT, WITHDRAWAL, Consent, Named, Shown, verify_consent_proof
from tests.cloud.conftest import NOW
from tests.support.consents import RP, UP, b64
from tests.support.consents import Passkey as Authenticator
from tests.support.signing import People, meet
from tests.support.ward import DAY_MS, Ward

P256_N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
pytestmark = pytest.mark.database


@pytest.fixture(params=["ES256", "EdDSA"])
def phone(request: pytest.FixtureRequest) -> Authenticator:
    return Authenticator(key=ed25519.Ed25519PrivateKey.generate()) if request.param == "EdDSA" else Authenticator()


@pytest.fixture
def people(ward: Ward, phone: Authenticator) -> People:
    return meet(ward, phone)


# The whole way ------------------------------------------------------------------------------------


def test_what_is_signed_is_what_is_granted_and_what_the_file_proves(people: People) -> None:
    """Asked, signed, entered, proved with the anchors that anyone may pin; then withdrawn, and proved again."""
    asked = people.ask()
    options = json.loads(json.dumps(asked.options))["publicKey"]
    assert (options["rpId"], options["userVerification"]) == (RP, "required")
    assert [each["id"] for each in options["allowCredentials"]] == [b64(people.phone.id)]
    grant = people.give(people.sign(asked))
    [held] = grants_of(people.alice)
    assert (held.id, held.holder.id, held.purpose) == (grant, str(people.bob.pk), "TREAT")
    assert (held.data.families, held.until_ms) == (frozenset({"glucose", "pressure"}), NOW + 90 * DAY_MS)

    said = people.consent(kind=WITHDRAWAL, grant=f"urn:uuid:{grant}", until_ms=None, at_ms=NOW + DAY_MS)
    signed = people.sign(ask(said, people.keeper), now_ms=NOW + DAY_MS + 5_000)
    withdraw(signed, patient=people.alice, signer=people.alice, now_ms=NOW + DAY_MS + 5_000)
    assert grants_of(people.alice)[0].until_ms == NOW + DAY_MS + 5_000

    publish(now_ms=NOW + 2 * DAY_MS)
    (first, given), (second, taken) = signed_consents(people.alice.pk)
    assert (given.kind, taken.kind, taken.grant) == (GRANT, WITHDRAWAL, given.grant)
    for entry, consent in ((first, given), (second, taken)):
        file = consent_proof(people.alice.pk, entry, now_ms=NOW + 2 * DAY_MS)
        report = verify_consent_proof(file, platform_anchors())
        assert (report.consent, report.anchored, report.register_index) == (consent, True, entry & (2**40 - 1))
    assert taken.previous == last_of(first)


def last_of(entry: int) -> bytes:
    """The hash that stands in the clear in a statement."""
    return bytes(open_statement(Statement.objects.get(pk=entry)).facts["consent"])


def test_nothing_personal_lies_in_the_clear(people: People) -> None:
    """The statement in the register holds a hash; the text, the names and the assertion are sealed."""
    people.give(people.sign(people.ask()))
    body = bytes(Statement.objects.get(kind="grant").body)
    for words in ("Bob", "glucose", "autorisez", "webauthn.get", RP):
        assert words.encode() not in body


def test_each_consent_names_the_one_signed_before_it(people: People) -> None:
    """Whoever holds their own files notices one that is missing; an unsigned act does not count."""
    assert last_signed(people.alice.pk) is None
    one = people.sign(people.ask())
    people.give(one)
    give_grant(people.alice, people.bob, families=None, purpose="TREAT", now_ms=NOW + 30_000, until_ms=None)
    assert last_signed(people.alice.pk) == one.signed.digest
    two = people.sign(people.ask())
    assert two.consent.previous == one.signed.digest


def test_an_unsigned_withdrawal_works_at_once(people: People) -> None:
    """Narrowing never asks for a factor; there is then no signed consent to prove it by."""
    grant = people.give(people.sign(people.ask()))
    withdraw_grant(people.alice, grant, now_ms=NOW + 60_000)
    assert grants_of(people.alice)[0].until_ms == NOW + 60_000
    assert [consent.kind for _, consent in signed_consents(people.alice.pk)] == [GRANT]


# What is refused ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "how",
    [
        {"origin": "https://egide.example.evil.example"}, {"origin": "https://sub.egide.example"}, {"flags": UP},
        {"crossOrigin": True}, {"tokenBinding": {"status": "present"}}, {"type": "webauthn.create"},
    ],
    ids=str,
)
def test_an_answer_made_otherwise_is_refused(people: People, how: dict[str, Any]) -> None:
    """Another origin, nobody recognised, a page within another one."""
    with pytest.raises(SignatureError):
        people.sign(people.ask(), **how)
    assert people.keeper.of(people.alice.pk)[0].count == 0


def test_a_text_swapped_between_asking_and_checking_is_refused(people: People) -> None:
    """The signature is of what was asked: a statement that waited and changed does not verify."""
    asked = people.ask()
    answer = people.answer(asked)
    other = replace(Consent.decode(asked.statement), shown=Shown("Vous n’autorisez personne.", "1", "fr"))
    with pytest.raises(SignatureError):
        people.check(replace(asked, statement=other.encode()), answer)


def test_last_winters_answer_does_not_serve_a_new_grant(people: People) -> None:
    """For another challenge; and the old statement with its old answer is stale."""
    winter = people.ask(at_ms=NOW - 300_000)
    answer = people.answer(winter)
    people.give(people.check(winter, answer, now_ms=NOW), NOW)
    with pytest.raises(SignatureError):
        people.check(people.ask(), answer)
    with pytest.raises(StatementStaleError):
        people.check(winter, answer)


def test_a_signed_grant_is_entered_once(people: People) -> None:
    """The very same signed consent, given twice."""
    signed = people.sign(people.ask())
    people.give(signed)
    with pytest.raises(RefusedError):
        people.give(signed)
    assert len(grants_of(people.alice)) == 1


@pytest.mark.parametrize("now_ms", [NOW + 600_001, NOW - 1])
def test_an_answer_that_comes_late_is_refused(people: People, now_ms: int) -> None:
    """Ten minutes, and not before it was asked."""
    with pytest.raises(StatementStaleError):
        people.sign(people.ask(), now_ms=now_ms)


def test_something_else_signed_meanwhile_makes_a_statement_stale(people: People) -> None:
    """Two tabs: the second one is asked again, with the first one's consent before it."""
    first, second = people.ask(), people.ask()
    people.give(people.sign(first))
    with pytest.raises(StatementStaleError):
        people.sign(second)


def test_a_retired_passkey_signs_nothing(people: People) -> None:
    """By the register, even while a row still says that it can be used; what it signed before still proves."""
    people.give(people.sign(people.ask()))
    asked = people.ask()
    retire_credential(people.alice, people.phone.id, now_ms=NOW + 30_000)
    with pytest.raises(SignatureError):
        people.sign(asked)
    with pytest.raises(RefusedError):
        people.ask()
    with pytest.raises(RefusedError):
        enrol_credential(people.alice, people.phone.id, people.phone.cose, rp=RP, count=0, now_ms=NOW + 40_000)
    publish(now_ms=NOW + DAY_MS)
    [(entry, _)] = signed_consents(people.alice.pk)
    report = verify_consent_proof(consent_proof(people.alice.pk, entry, now_ms=NOW + DAY_MS), platform_anchors())
    assert report.retired_ms == NOW + 30_000


def test_a_passkey_that_its_keeper_took_away_signs_nothing(people: People) -> None:
    """Lost, or locked: the keeper says so at once."""
    asked = people.ask()
    answer = people.answer(asked)
    people.keeper.keys.clear()
    with pytest.raises(SignatureError):
        people.check(asked, answer)


def test_a_passkey_that_only_a_row_knows_signs_nothing(people: People) -> None:
    """Whoever can write in the tables cannot add a key of their own to anybody."""
    forged = Authenticator(id=b"mallory's key")
    people.keeper.keys[people.alice.pk].append(Passkey(forged.id, 0))
    with pytest.raises(SignatureError):
        people.sign(people.ask(), phone=forged)


def test_another_accounts_session_cannot_answer(people: People) -> None:
    """The statement waits for its signer."""
    asked = people.ask()
    with pytest.raises(SignatureError):
        check(asked.statement, people.answer(asked), people.charlie.pk, people.keeper, now_ms=NOW)


@pytest.mark.parametrize("answer", [{}, {"id": 1}, {"id": "x", "rawId": "x", "type": "public-key", "response": {}}])
def test_an_answer_of_no_form_is_refused_as_such(people: People, answer: dict[str, Any]) -> None:
    """Whatever a browser posts, our error comes out."""
    with pytest.raises(MalformedError):
        people.check(people.ask(), answer)


def test_a_counter_that_goes_back_is_told_and_the_signature_stands(people: People) -> None:
    """A warning: the keeper raises the event, the person is not locked out of their own consent."""
    people.phone.count = 40
    assert not people.sign(people.ask()).copied
    people.phone.count = 7
    assert people.sign(people.ask()).copied
    assert people.keeper.events == ["copied-key"]
    assert people.keeper.of(people.alice.pk)[0].count == 41


def test_a_signature_in_its_other_form_is_kept_in_the_one_that_verifies(ward: Ward) -> None:
    """Half of what authenticators write has a high S."""
    people = meet(ward, Authenticator())
    asked = people.ask()
    answer = people.answer(asked)
    raw = base64.urlsafe_b64decode(answer["response"]["signature"] + "==")
    r, s = decode_dss_signature(raw)
    answer["response"]["signature"] = b64(encode_dss_signature(r, max(s, P256_N - s)))
    signed = people.check(asked, answer)
    assert decode_dss_signature(signed.signed.assertion.signature) == (r, min(s, P256_N - s))


# What is entered is what was signed ---------------------------------------------------------------


def test_a_grant_signed_for_another_reader_patient_or_act_is_not_entered(people: People) -> None:
    """The caller's arguments and the signature must agree."""
    signed = people.sign(people.ask())
    for wrong in (
        {"who": people.charlie}, {"who": "walking-app"}, {"patient": people.charlie}, {"signer": people.charlie},
    ):
        parts: dict[str, Any] = {"patient": people.alice, "who": people.bob, "signer": people.alice, **wrong}
        with pytest.raises(RefusedError):
            give(signed, **parts, now_ms=NOW + 20_000)
    with pytest.raises(RefusedError):
        withdraw(signed, patient=people.alice, signer=people.alice, now_ms=NOW + 20_000)
    assert grants_of(people.alice) == ()


def test_a_program_is_granted_by_its_own_name(people: People) -> None:
    """`app:` and its identifier."""
    asked = people.ask(reader_kind="app", reader=Named(reader_uri("walking-app"), "Marche"), purpose="PATRQT")
    signed = people.sign(asked)
    give(signed, patient=people.alice, who="walking-app", signer=people.alice, now_ms=NOW + 20_000)
    assert grants_of(people.alice)[0].holder.id == "walking-app"


# Credentials --------------------------------------------------------------------------------------


def test_a_passkey_is_enrolled_once_and_retired_once(people: People) -> None:
    """The same credential twice, or one that was never there."""
    with pytest.raises(RefusedError):
        enrol_credential(people.alice, people.phone.id, people.phone.cose, rp=RP, count=0, now_ms=NOW)
    with pytest.raises(RefusedError):
        retire_credential(people.alice, b"unknown", now_ms=NOW)
    retire_credential(people.alice, people.phone.id, now_ms=NOW)
    with pytest.raises(RefusedError):
        retire_credential(people.alice, people.phone.id, now_ms=NOW)
    [each] = credentials_of(people.alice.pk)
    assert each.ended is not None


def test_a_key_that_cannot_sign_is_refused_when_it_is_enrolled(people: People) -> None:
    """RS256, as some authenticators offer: it may sign in, it cannot sign a consent."""
    rsa = cbor2.dumps({1: 3, 3: -257, -1: bytes(200), -2: b"\x01\x00\x01"})
    with pytest.raises(MalformedError):
        enrol_credential(people.alice, b"rsa", rsa, rp=RP, count=0, now_ms=NOW)


def test_a_credential_statement_that_somebody_altered_says_nothing(people: People) -> None:
    """Moved to another account, relabelled, or with another byte: no passkey signs by it."""
    row = Statement.objects.get(kind="credential")
    mark = hashlib.sha256(people.phone.id).digest()
    body = bytes(row.body)
    for changed in (
        {"subject": people.charlie.pk}, {"body": body[:-1] + bytes((body[-1] ^ 1,))}, {"kind": "credential-end"},
    ):
        Statement.objects.filter(pk=row.pk).update(**changed)
        assert in_force(people.alice.pk, mark) is None
        assert in_force(people.charlie.pk, mark) is None
        Statement.objects.filter(pk=row.pk).update(subject=people.alice.pk, body=body, kind="credential")
    assert in_force(people.alice.pk, mark) is not None


def test_a_retirement_that_cannot_be_read_retires_all(people: People) -> None:
    """Damage must not bring a retired key back."""
    retire_credential(people.alice, people.phone.id, now_ms=NOW)
    Statement.objects.filter(kind="credential-end").update(body=b"")
    assert in_force(people.alice.pk, hashlib.sha256(people.phone.id).digest()) is None


# Proofs -------------------------------------------------------------------------------------------


def test_a_proof_waits_for_a_checkpoint_and_is_of_what_was_signed(people: People) -> None:
    """No checkpoint yet; an unsigned grant; another patient's entry; no entry at all."""
    people.give(people.sign(people.ask()))
    [(entry, _)] = signed_consents(people.alice.pk)
    with pytest.raises(UnavailableError):
        consent_proof(people.alice.pk, entry, now_ms=NOW + DAY_MS)
    publish(now_ms=NOW + DAY_MS)
    assert consent_proof(people.alice.pk, entry, now_ms=NOW + DAY_MS)
    give_grant(people.alice, people.bob, families=None, purpose="TREAT", now_ms=NOW + 30_000, until_ms=None)
    unsigned = Statement.objects.filter(kind="grant").order_by("-entry")[0].entry
    for patient, number in ((people.alice.pk, unsigned), (people.charlie.pk, entry), (people.alice.pk, 7)):
        with pytest.raises(NotFoundError):
            consent_proof(patient, number, now_ms=NOW + DAY_MS)


def test_a_consent_whose_passkey_the_register_lost_has_no_proof(people: People) -> None:
    """It is said, and no file is made that would not verify."""
    people.give(people.sign(people.ask()))
    publish(now_ms=NOW + DAY_MS)
    [(entry, _)] = signed_consents(people.alice.pk)
    other = Authenticator(id=b"another of Alice's")
    enrol_credential(people.alice, other.id, other.cose, rp=RP, count=0, now_ms=NOW + DAY_MS)
    Statement.objects.filter(kind="credential").order_by("entry")[:1].get().delete()
    with pytest.raises(NotFoundError):
        consent_proof(people.alice.pk, entry, now_ms=NOW + DAY_MS)
