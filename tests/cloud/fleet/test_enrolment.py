"""A claim lets one object in, once."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from egide.cloud.fleet import enrolment, issuing
from egide.cloud.fleet.ca import root_certificate, to_der
from egide.cloud.fleet.models import Certificate, Claim, ClaimAttempt, HealthObject, ObjectKey
from egide.cloud.fleet.service import (
    create_claim,
    create_object,
    enrol,
    renew,
    require_certificate,
    revoke_certificate,
    revoke_object,
)
from egide.cloud.fleet.tries import MAX_TRIES, WINDOW_MS, source_of
from egide.cloud.register.journal import fleet_version, open_statement
from egide.cloud.register.models import Statement
from egide.errors import (
    CertificateExpiredError,
    CertificateRevokedError,
    ClaimError,
    IdentityError,
    KeyInUseError,
    MalformedError,
    RefusedError,
    SignatureError,
    TooManyTriesError,
)
from egide.trust.claim import ClaimTicket, code_text
from egide.trust.identity import Usage, ca_pin, verify_chain

NOW = 1_800_000_000_000
HOUR = 3_600_000
DAY = 24 * HOUR
HERE, ELSEWHERE = "192.0.2.7", "198.51.100.9"
Request = Callable[..., bytes]


@pytest.fixture
def key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def ticket(meter: HealthObject) -> ClaimTicket:
    return create_claim(meter, HOUR, NOW)


def _enrol(ticket: ClaimTicket, csr: bytes, *, source: str = HERE, now_ms: int = NOW) -> issuing.Issued:
    return enrol(ticket.claim_id, code_text(ticket.code), csr, source, now_ms)


@pytest.mark.parametrize("kind", ["p256", "ed25519"])
def test_a_claim_gives_a_certificate_in_the_object_s_name(
    ticket: ClaimTicket, meter: HealthObject, request_for: Request, kind: str
) -> None:
    """Whatever name the request wishes for, the certificate is the object's, and chains to the root."""
    key = (
        ec.generate_private_key(ec.SECP256R1()) if kind == "p256" else ed25519.Ed25519PrivateKey.generate()
    )
    got = _enrol(ticket, request_for(key, name="an administrator"))
    assert [to_der(root_certificate())] == list(got.chain[1:])
    verified = verify_chain(got.certificate, got.chain[:1], got.chain[1:], at_ms=NOW, usage=Usage.OBJECT)
    assert verified.uuid == str(meter.pk)
    assert Certificate.objects.get().sha256 == verified.sha256
    assert verified.not_after_ms == NOW + 90 * DAY


def test_the_ticket_pins_the_root_and_names_the_listener(ticket: ClaimTicket) -> None:
    """What is scanned says where to go and whom to trust there; the table keeps no code."""
    assert ticket.ca_sha256 == ca_pin(root_certificate())
    assert ticket.url == "https://localhost:8443"
    claim = Claim.objects.get()
    assert ticket.code not in (bytes(claim.code_hash), claim.pk.bytes)


def test_an_enrolment_enters_the_register_with_the_tables(
    ticket: ClaimTicket, meter: HealthObject, key: ec.EllipticCurvePrivateKey, request_for: Request
) -> None:
    """The statement and the rows become true together, and intake sees that the fleet changed."""
    before = fleet_version()
    got = _enrol(ticket, request_for(key))
    assert fleet_version() > before
    statement = Statement.objects.get(kind="enrolment")
    assert statement.subject == meter.pk
    assert open_statement(statement).facts["certificate"] == got.row.sha256
    facts = open_statement(statement).facts
    assert (facts["claim"], facts["model"], facts["trust"]) == (ticket.claim_id, meter.model, meter.trust)


def test_a_used_claim_is_refused_to_another_key(
    ticket: ClaimTicket, key: ec.EllipticCurvePrivateKey, request_for: Request
) -> None:
    """One claim, one enrolment."""
    _enrol(ticket, request_for(key))
    with pytest.raises(ClaimError):
        _enrol(ticket, request_for(ec.generate_private_key(ec.SECP256R1())))
    assert Certificate.objects.count() == 1


def test_a_lost_answer_is_given_again_to_the_same_key(
    ticket: ClaimTicket, key: ec.EllipticCurvePrivateKey, request_for: Request
) -> None:
    """An object cut off before the answer asks again, and gets the same, until the claim expires."""
    first = _enrol(ticket, request_for(key))
    again = _enrol(ticket, request_for(key), now_ms=NOW + HOUR - 1)
    assert again.certificate == first.certificate
    with pytest.raises(ClaimError):
        _enrol(ticket, request_for(key), now_ms=NOW + HOUR)


def test_a_revoked_certificate_is_not_given_again(
    ticket: ClaimTicket, key: ec.EllipticCurvePrivateKey, request_for: Request
) -> None:
    """A used claim revives nothing."""
    revoke_certificate(_enrol(ticket, request_for(key)).row, "stolen", NOW + 1)
    with pytest.raises(ClaimError):
        _enrol(ticket, request_for(key), now_ms=NOW + 2)


def test_the_race_of_two_tries_has_one_winner(
    ticket: ClaimTicket,
    key: ec.EllipticCurvePrivateKey,
    request_for: Request,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A claim used between the check and the write rolls the second enrolment back whole."""
    check = enrolment._claim

    def late(*given: object) -> Claim:
        claim = check(*given)  # type: ignore[arg-type]
        Claim.objects.update(used_ms=NOW)
        return claim

    monkeypatch.setattr(enrolment, "_claim", late)
    with pytest.raises(ClaimError):
        _enrol(ticket, request_for(key))
    assert not Certificate.objects.exists()
    assert not ObjectKey.objects.exists()
    assert not Statement.objects.filter(kind="enrolment").exists()


def test_every_wrong_claim_is_the_same_refusal(
    ticket: ClaimTicket, meter: HealthObject, key: ec.EllipticCurvePrivateKey, request_for: Request
) -> None:
    """Unknown, wrong, expired, of a revoked object, or no claim at all: nothing tells them apart."""
    csr, code = request_for(key), code_text(ticket.code)
    gone = create_object("Scale", 4, NOW)
    gone_ticket = create_claim(gone, HOUR, NOW)
    revoke_object(gone, "stolen", NOW)
    tries = [
        (str(uuid.uuid4()), code, NOW),
        (ticket.claim_id, code_text(os.urandom(20)), NOW),
        (ticket.claim_id, "", NOW),
        ("", code, NOW),
        (ticket.claim_id.upper(), code, NOW),
        (ticket.claim_id, code, NOW + HOUR),
        (gone_ticket.claim_id, code_text(gone_ticket.code), NOW),
    ]
    said = set()
    for claim_id, text, now_ms in tries:
        with pytest.raises(ClaimError) as refused:
            enrol(claim_id, text, csr, ELSEWHERE, now_ms)
        said.add((refused.value.code, str(refused.value)))
    assert len(said) == 1


def test_wrong_tries_slow_their_source_and_no_one_else(
    ticket: ClaimTicket, key: ec.EllipticCurvePrivateKey, request_for: Request
) -> None:
    """After ten wrong tries even the right code waits, from there only; the claim itself is never locked."""
    wrong = replace(ticket, code=bytes(20))
    for _ in range(MAX_TRIES):
        with pytest.raises(ClaimError):
            _enrol(wrong, request_for(key), source=ELSEWHERE)
    for tried in (wrong, ticket):
        with pytest.raises(TooManyTriesError):
            _enrol(tried, request_for(key), source=ELSEWHERE)
    assert ClaimAttempt.objects.count() == MAX_TRIES  # a try that was not judged does not prolong the wait
    assert _enrol(ticket, request_for(key), source=HERE).certificate


def test_the_wait_ends_with_the_window(
    ticket: ClaimTicket, key: ec.EllipticCurvePrivateKey, request_for: Request
) -> None:
    """Tries older than a quarter of an hour are forgotten, and deleted."""
    wrong = replace(ticket, code=bytes(20))
    for _ in range(MAX_TRIES):
        with pytest.raises(ClaimError):
            _enrol(wrong, request_for(key))
    assert _enrol(ticket, request_for(key), now_ms=NOW + WINDOW_MS).certificate
    assert not ClaimAttempt.objects.exists()


def test_a_source_is_a_keyed_hash_of_a_network(opened: object) -> None:
    """An IPv6 host cannot change source inside its /64, and no address is kept."""
    assert source_of("2001:db8::1") == source_of("2001:db8::2") != source_of("2001:db8:0:1::1")
    assert source_of("::ffff:192.0.2.7") == source_of("192.0.2.7") != source_of("192.0.2.8")
    assert source_of("fe80::1%eth0") == source_of("fe80::1")
    assert source_of("") == source_of("a unix socket")
    assert b"192.0.2.7" not in source_of("192.0.2.7")


def test_a_wrong_request_leaves_the_claim_unused_and_no_try(
    ticket: ClaimTicket, key: ec.EllipticCurvePrivateKey, request_for: Request
) -> None:
    """A broken or unproven request is refused for what it is; the claim still works after."""
    good = request_for(key)
    with pytest.raises(MalformedError):
        _enrol(ticket, good[:-1])
    with pytest.raises(SignatureError):
        _enrol(ticket, good[:-1] + bytes([good[-1] ^ 1]))
    assert not ClaimAttempt.objects.exists()
    assert _enrol(ticket, good).certificate


def test_no_two_objects_share_a_key(
    ticket: ClaimTicket, key: ec.EllipticCurvePrivateKey, request_for: Request
) -> None:
    """A copied key is refused to a second object."""
    _enrol(ticket, request_for(key))
    other = create_claim(create_object("Scale", 4, NOW), HOUR, NOW)
    with pytest.raises(KeyInUseError):
        _enrol(other, request_for(key))


def test_an_object_comes_back_with_a_new_claim(
    ticket: ClaimTicket, meter: HealthObject, key: ec.EllipticCurvePrivateKey, request_for: Request
) -> None:
    """After expiry, the same object keeps its name, with its old key or another."""
    first = _enrol(ticket, request_for(key))
    late = NOW + 200 * DAY
    with pytest.raises(CertificateExpiredError):
        renew(bytes(first.row.sha256), request_for(key), late)
    same = _enrol(create_claim(meter, HOUR, late), request_for(key), now_ms=late)
    other_key = ed25519.Ed25519PrivateKey.generate()
    other = _enrol(create_claim(meter, HOUR, late), request_for(other_key), now_ms=late)
    for got in (same, other):
        verified = verify_chain(got.certificate, got.chain[:1], got.chain[1:], at_ms=late, usage=Usage.OBJECT)
        assert verified.uuid == str(meter.pk)
    assert ObjectKey.objects.filter(object=meter).count() == 2


def test_a_revoked_key_never_comes_back(
    ticket: ClaimTicket, meter: HealthObject, key: ec.EllipticCurvePrivateKey, request_for: Request
) -> None:
    """After a theft of the key, the object needs a new one."""
    revoke_certificate(_enrol(ticket, request_for(key)).row, "stolen", NOW)
    with pytest.raises(KeyInUseError):
        _enrol(create_claim(meter, HOUR, NOW), request_for(key))
    fresh = request_for(ec.generate_private_key(ec.SECP256R1()))
    assert _enrol(create_claim(meter, HOUR, NOW), fresh).certificate


def test_renewal_keeps_the_name(
    ticket: ClaimTicket, meter: HealthObject, key: ec.EllipticCurvePrivateKey, request_for: Request
) -> None:
    """The same key or a new one; no name, or the same name; never another."""
    current = bytes(_enrol(ticket, request_for(key)).row.sha256)
    uri = f"urn:uuid:{meter.pk}"
    for csr in (
        request_for(key),
        request_for(key, name=str(meter.pk), uri=uri),
        request_for(ed25519.Ed25519PrivateKey.generate(), uri=uri),
    ):
        got = renew(current, csr, NOW + DAY)
        issuing, root = got.chain[:1], got.chain[1:]
        found = verify_chain(got.certificate, issuing, root, at_ms=NOW + DAY, usage=Usage.OBJECT)
        assert found.uri == uri
    for csr in (request_for(key, name="another"), request_for(key, uri=f"urn:uuid:{uuid.uuid4()}")):
        with pytest.raises(IdentityError):
            renew(current, csr, NOW + DAY)


def test_an_object_cannot_fill_the_tables_by_renewing(
    ticket: ClaimTicket, key: ec.EllipticCurvePrivateKey, request_for: Request
) -> None:
    """Ten certificates a day and object."""
    csr = request_for(key)
    current = bytes(_enrol(ticket, csr).row.sha256)
    for _ in range(issuing.MAX_A_DAY - 1):
        renew(current, csr, NOW)
    with pytest.raises(TooManyTriesError):
        renew(current, csr, NOW)
    assert renew(current, csr, NOW + DAY)


def test_only_an_enrolled_certificate_in_force_is_an_identity(
    ticket: ClaimTicket, meter: HealthObject, key: ec.EllipticCurvePrivateKey, request_for: Request
) -> None:
    """Unknown, expired, revoked, of a revoked object: each is refused by its own code."""
    row = _enrol(ticket, request_for(key)).row
    sha256 = bytes(row.sha256)
    assert require_certificate(sha256, now_ms=row.not_after_ms) == row
    with pytest.raises(IdentityError):
        require_certificate(bytes(32), now_ms=NOW)
    with pytest.raises(CertificateExpiredError):
        require_certificate(sha256, now_ms=row.not_after_ms + 1)
    revoke_object(meter, "lost", NOW + 5)
    with pytest.raises(CertificateRevokedError):
        require_certificate(sha256, now_ms=NOW + 6)
    with pytest.raises(CertificateRevokedError):
        renew(sha256, request_for(key), NOW + 6)


def test_a_revoked_object_s_claim_is_refused_whatever_its_date(
    ticket: ClaimTicket, meter: HealthObject, key: ec.EllipticCurvePrivateKey, request_for: Request
) -> None:
    """Even a claim that revocation did not end."""
    HealthObject.objects.filter(pk=meter.pk).update(revoked_ms=NOW)
    with pytest.raises(ClaimError):
        _enrol(ticket, request_for(key))


def test_an_object_revoked_meanwhile_gets_nothing(
    ticket: ClaimTicket,
    meter: HealthObject,
    key: ec.EllipticCurvePrivateKey,
    request_for: Request,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A revocation that lands between the check and the write wins."""
    sign = issuing._sign

    def late(*given: object) -> Certificate:
        HealthObject.objects.filter(pk=meter.pk).update(revoked_ms=NOW)
        return sign(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(issuing, "_sign", late)
    with pytest.raises(CertificateRevokedError):
        _enrol(ticket, request_for(key))
    assert not Certificate.objects.exists()


def test_no_claim_for_a_revoked_object_nor_without_end(meter: HealthObject) -> None:
    """A claim lives up to thirty days, for an object that still counts."""
    for ttl_ms in (0, -1, 31 * DAY):
        with pytest.raises(RefusedError):
            create_claim(meter, ttl_ms, NOW)
    revoke_object(meter, "lost", NOW)
    with pytest.raises(CertificateRevokedError):
        create_claim(meter, HOUR, NOW)


@pytest.mark.parametrize(
    ("model", "trust"), [("", 4), ("x" * 81, 4), ("a\nb", 4), ("Scale", 0), ("Scale", 6)]
)
def test_an_object_has_a_model_and_a_trust_level(model: str, trust: int) -> None:
    """Nothing else is stored."""
    with pytest.raises(RefusedError):
        create_object(model, trust, NOW)
