"""A passkey made at sign-in signs a consent, until sign-in retires it."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from allauth.mfa.models import Authenticator

from egide.cloud.consent.credentials import credentials_of
from egide.cloud.consent.proof import consent_proof, signed_consents
from egide.cloud.consent.signing import Asked, Signed, ask, check, give, last_signed, new_nonce, reader_uri
from egide.cloud.people.models import Account
from egide.cloud.portal.signing_keys import SigninPasskeys, enter_passkeys
from egide.cloud.register.publishing import publish
from egide.cloud.release.proof import platform_anchors
from egide.cloud.signin.enrolment import factors_of, remove
from egide.cloud.signin.models import Notice
from egide.errors import RefusedError, SignatureError
from egide.trust.grant import GRANT, Consent, Named, Period, Shown, verify_consent_proof
from egide.trust.webauthn import Place
from tests.cloud.conftest import NOW
from tests.cloud.signin.authenticator import ORIGIN, Passkey
from tests.cloud.signin.conftest import enrol, enter_by_link, hands
from tests.support.ward import DAY_MS, Ward

__all__ = ["hands"]
pytestmark = pytest.mark.database
KEYS = SigninPasskeys()


@pytest.fixture
def alice(ward: Ward) -> Account:
    return ward.patient("Alice Moreau")


@pytest.fixture
def bob(ward: Ward) -> Account:
    return ward.professional("Dr Bob Durand")


@pytest.fixture
def phone(alice: Account) -> Passkey:
    """Made on the security page, with a session."""
    return enrol(enter_by_link(alice), counter=3)


def asked(alice: Account, bob: Account) -> Asked:
    me = Named(f"urn:uuid:{alice.pk}", "Alice Moreau")
    return ask(
        Consent(
            kind=GRANT, grant=f"urn:uuid:{uuid.uuid4()}", patient=me, signer=me, reader_kind="person",
            reader=Named(reader_uri(bob), "Dr Bob Durand"), families=("glucose",), period=Period(None, None),
            purpose="TREAT", until_ms=None, previous=last_signed(alice.pk), nonce=new_nonce(), at_ms=NOW,
            shown=Shown("Dr Bob Durand pourra voir votre glycémie.", "1", "fr"), place=Place("localhost", ORIGIN),
        ),
        KEYS,
    )  # fmt: skip


def signed(phone: Passkey, alice: Account, what: Asked, **over: Any) -> Signed:
    answer = phone.use(json.dumps(what.options), **over)
    return check(what.statement, json.loads(answer), alice.pk, KEYS, now_ms=NOW + 5_000)


def test_the_passkey_of_sign_in_signs_a_grant_that_anyone_can_check(
    alice: Account, bob: Account, phone: Passkey
) -> None:
    """Entered for signing just before, once; asked, signed, given, proved; its counter is remembered."""
    assert enter_passkeys(alice, rp="localhost", now_ms=NOW) == 1
    assert enter_passkeys(alice, rp="localhost", now_ms=NOW) == 1
    phone.counter = 4
    done = signed(phone, alice, asked(alice, bob))
    assert not done.copied
    assert [each.count for each in KEYS.of(alice.pk)] == [4]
    give(done, patient=alice, who=bob, signer=alice, now_ms=NOW + 5_000)
    publish(now_ms=NOW + DAY_MS)
    [(entry, said)] = signed_consents(alice.pk)
    report = verify_consent_proof(consent_proof(alice.pk, entry, now_ms=NOW + DAY_MS), platform_anchors())
    assert (report.consent, report.anchored) == (said, True)


def test_a_passkey_that_was_not_entered_is_not_asked(alice: Account, bob: Account, phone: Passkey) -> None:
    """Signing in with it is one thing, signing another."""
    assert phone.counter == 3
    with pytest.raises(RefusedError):
        asked(alice, bob)


def test_a_passkey_that_sign_in_retired_signs_no_more(alice: Account, bob: Account, phone: Passkey) -> None:
    """At once, and the register says so at the next asking."""
    enter_passkeys(alice, rp="localhost", now_ms=NOW)
    what = asked(alice, bob)
    remove(alice, factors_of(alice)[0].id, now_ms=NOW + 1_000)
    with pytest.raises(SignatureError):
        signed(phone, alice, what)
    assert enter_passkeys(alice, rp="localhost", now_ms=NOW + 2_000) == 0
    assert [each.ended is not None for each in credentials_of(alice.pk)] == [True]


def test_a_row_that_no_statement_names_is_not_entered(alice: Account, phone: Passkey) -> None:
    """Whoever writes in the table adds no key that signs."""
    row = Authenticator.objects.get(user=alice, type=Authenticator.Type.WEBAUTHN)
    row.data["credential"]["response"]["attestationObject"] = "AAAA"
    row.save()
    assert phone.id
    assert enter_passkeys(alice, rp="localhost", now_ms=NOW) == 0


def test_a_copied_passkey_is_told_to_its_owner(alice: Account, bob: Account, phone: Passkey) -> None:
    """The counter went back: a notice, as at sign-in."""
    enter_passkeys(alice, rp="localhost", now_ms=NOW)
    phone.counter = 2
    assert signed(phone, alice, asked(alice, bob)).copied
    assert Notice.objects.filter(account=alice, kind="copied-key").count() == 1
