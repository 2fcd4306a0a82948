"""How a person signs a grant or a withdrawal with their passkey, over fido2.

    ask     the statement is written, and its hash asked of the person's passkeys, which must recognise their holder
    check   what comes back is verified twice, by fido2 and by `egide.trust`: the passkey signed this very statement
    give, withdraw    what was signed, and nothing else, is entered in the register by grants.py (by projects.py, of
                      a part that one takes in research)

The statement waits on the server between the two requests (a session, never the browser): `Asked.statement`. Which
passkeys an account can use now is told by whoever keeps them (`Passkeys`); that they were enrolled for signing, and
not retired, by the register (credentials.py).
"""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from cbor2 import CBORError
from fido2.cose import CoseKey
from fido2.server import Fido2Server
from fido2.utils import websafe_encode
from fido2.webauthn import (
    AttestedCredentialData,
    AuthenticationResponse,
    PublicKeyCredentialDescriptor,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialType,
    UserVerificationRequirement,
)

from egide import cbor
from egide.cloud.consent.attested import read_statement
from egide.cloud.consent.credentials import in_force
from egide.cloud.consent.facts import ACCOUNT, APP, ESTABLISHMENT, TEAM, Holder
from egide.cloud.consent.grants import Reader, give_grant, holder_of, withdraw_grant
from egide.cloud.consent.models import Ground
from egide.cloud.people.models import Account
from egide.cloud.register.models import Statement
from egide.errors import MalformedError, RefusedError, SignatureError
from egide.trust.grant import (
    GRANT,
    MAX_SIGNING_MS,
    WITHDRAWAL,
    Consent,
    Credential,
    SignedConsent,
    VerifiedConsent,
    challenge_of,
    verify_consent,
)
from egide.trust.grant.entries import ENTERED_AS
from egide.trust.limits import LIMITS
from egide.trust.webauthn import Assertion, Place, counter_went_back, with_low_s

__all__ = [
    "READER_KINDS", "Asked", "Passkey", "Passkeys", "Reader", "Signed", "StatementStaleError", "ask", "check", "give",
    "last_signed", "new_nonce", "reader_uri", "require_about", "uri_of", "withdraw",
]  # fmt: skip

_NAME: Final = "Egide"
_KINDS: Final = tuple(ENTERED_AS.values())
#: What a statement calls each kind of holder.
READER_KINDS: Final = {ACCOUNT: "person", ESTABLISHMENT: "establishment", TEAM: "team", APP: "app"}


class StatementStaleError(RefusedError):
    """The statement was asked too long ago, or something was signed since."""

    code = "statement-stale"
    hint = "read the text again, and sign again"


@dataclass(frozen=True, slots=True)
class Passkey:
    """A passkey that an account can use now. `count`: its counter when it was last seen."""

    id: bytes
    count: int


class Passkeys(Protocol):
    """Whoever keeps the passkeys of accounts."""

    def of(self, account: uuid.UUID) -> Sequence[Passkey]:
        """Those that are not lost, retired or locked now."""

    def used(self, account: uuid.UUID, credential_id: bytes, count: int, *, copied: bool, now_ms: int) -> None:
        """Remember the counter. `copied`: it did not grow, so the key may be on another device: raise an event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """`options` go to `navigator.credentials.get` as JSON; `statement` stays on the server until the answer."""

    options: dict[str, Any]
    statement: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A consent that its signer's passkey signed. `copied`: its counter did not grow since it was last seen."""

    consent: Consent
    signed: SignedConsent
    copied: bool


def new_nonce() -> bytes:
    return os.urandom(16)


def last_signed(patient: uuid.UUID) -> bytes | None:
    """The hash of what was last signed for a patient: what the next consent names; None before the first."""
    rows = Statement.objects.filter(subject=patient, kind__in=_KINDS).order_by("-entry")
    for row in rows.iterator():
        said = read_statement(row)
        digest = said.facts.get("consent") if said else None
        if isinstance(digest, bytes):
            return digest
    return None


def ask(consent: Consent, passkeys: Passkeys) -> Asked:
    """Begin: what the browser is to be given, and what must be kept until it answers.

    Raises:
        RefusedError: the signer has no passkey that may sign, now and here.
    """
    signer = _uuid(consent.signer.uri)
    usable = [each for each in passkeys.of(signer) if _enrolled(signer, each, consent.place)]
    if not usable:
        raise RefusedError("no passkey of this account may sign here: enrol one, or go to the desk")
    statement = consent.encode()
    options, _ = _server(consent.place).authenticate_begin(
        [PublicKeyCredentialDescriptor(type=PublicKeyCredentialType.PUBLIC_KEY, id=each.id) for each in usable],
        user_verification=UserVerificationRequirement.REQUIRED,
        challenge=challenge_of(statement),
    )
    return Asked(options=dict(options), statement=statement)


def check(
    statement: bytes, answer: Mapping[str, Any], signer: uuid.UUID, passkeys: Passkeys, *, now_ms: int
) -> Signed:
    """Verify what a browser answered for the statement that waited, by the account that is signed in.

    Nothing is entered yet: `give` and `withdraw` do that.

    Raises:
        StatementStaleError: over ten minutes passed, or something else was signed meanwhile.
        MalformedError: not the answer of a browser.
        SignatureError: another passkey, or another statement, place or manner than was asked.
    """
    consent = Consent.decode(statement)
    if consent.signer.uri != f"urn:uuid:{signer}":
        raise SignatureError("the statement waits for another account's signature")
    if not 0 <= now_ms - consent.at_ms <= MAX_SIGNING_MS:
        raise StatementStaleError("the statement was asked too long ago")
    if last_signed(_uuid(consent.patient.uri)) != consent.previous:
        raise StatementStaleError("something else was signed since this was asked")
    credential_id, assertion = _read(answer)
    passkey = next((each for each in passkeys.of(signer) if each.id == credential_id), None)
    enrolled = _enrolled(signer, passkey, consent.place) if passkey else None
    if passkey is None or enrolled is None:
        raise SignatureError("this passkey may not sign for this account")
    _ask_fido2(consent.place, statement, enrolled.key.cose, passkey.id, answer)
    signed = SignedConsent(statement, with_low_s(assertion, enrolled.key))
    verified = verify_consent(signed, enrolled)
    return _remember(verified, signed, signer, passkey, passkeys, now_ms)


def give(signed: Signed, *, patient: Account, who: Reader, signer: Account, now_ms: int) -> str:
    """Enter a grant exactly as it was signed; return its id.

    Raises:
        RefusedError: it was signed for another patient or reader, or by another signer; or entered before.
        ForbiddenUseError, RefusedError: as `give_grant`.
    """
    consent = signed.consent
    require_about(consent, GRANT, patient, signer)
    if consent.reader_kind != READER_KINDS.get(holder_of(who).kind) or consent.reader.uri != reader_uri(who):
        raise RefusedError("the grant was signed for another reader")
    if Ground.objects.filter(pk=_uuid(consent.grant)).exists():
        raise RefusedError("this grant was entered before")
    return give_grant(
        patient, who, families=consent.families, purpose=consent.purpose, now_ms=now_ms, until_ms=consent.until_ms,
        data_since_ms=consent.period.since_ms, data_until_ms=consent.period.until_ms, given_by=signer,
        signature=signed.signed.encode(), grant_id=str(_uuid(consent.grant)),
    )  # fmt: skip


def withdraw(signed: Signed, *, patient: Account, signer: Account, now_ms: int) -> None:
    """Enter a withdrawal as it was signed. An unsigned one works as well, at once: `withdraw_grant`.

    Raises:
        NotFoundError, RefusedError: there is no such grant in force, or it was signed about another one.
    """
    consent = signed.consent
    require_about(consent, WITHDRAWAL, patient, signer)
    withdraw_grant(
        patient, str(_uuid(consent.grant)), now_ms=now_ms, by=signer, signature=signed.signed.encode()
    )


def reader_uri(who: Reader) -> str:
    """The name by which a statement calls a reader."""
    return uri_of(holder_of(who))


def uri_of(holder: Holder) -> str:
    """The same, of a holder."""
    return f"app:{holder.id}" if holder.kind == APP else f"urn:uuid:{holder.id}"


def require_about(consent: Consent, kind: str, patient: Account, signer: Account) -> None:
    """Raises RefusedError: another act, about another record, or signed by somebody else."""
    uris = (f"urn:uuid:{patient.pk}", f"urn:uuid:{signer.pk}")
    if consent.kind != kind or (consent.patient.uri, consent.signer.uri) != uris:
        raise RefusedError("this was signed about another record, by somebody else, or is another act")


def _remember(
    verified: VerifiedConsent, signed: SignedConsent, signer: uuid.UUID, passkey: Passkey, passkeys: Passkeys,
    now_ms: int,
) -> Signed:  # fmt: skip
    count = verified.passkey.counter
    copied = counter_went_back(passkey.count, count)
    passkeys.used(signer, passkey.id, max(count, passkey.count), copied=copied, now_ms=now_ms)
    return Signed(consent=verified.consent, signed=signed, copied=copied)


def _enrolled(signer: uuid.UUID, passkey: Passkey, place: Place) -> Credential | None:
    found = in_force(signer, hashlib.sha256(passkey.id).digest())
    return found.credential if found and found.credential.rp == place.rp else None


def _server(place: Place) -> Fido2Server:
    entity = PublicKeyCredentialRpEntity(name=_NAME, id=place.rp)
    return Fido2Server(entity, verify_origin=lambda origin: origin == place.origin)


def _read(answer: Mapping[str, Any]) -> tuple[bytes, Assertion]:
    try:
        read = AuthenticationResponse.from_dict(answer)
        response = read.response
        return read.raw_id, Assertion(
            bytes(response.authenticator_data), bytes(response.client_data), response.signature
        )
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, AssertionError, CBORError) as err:
        raise MalformedError("this is not a passkey's answer") from err


def _ask_fido2(place: Place, statement: bytes, key: bytes, credential_id: bytes, answer: Mapping[str, Any]) -> None:
    """The same question, put to an implementation that is not ours."""
    state = {
        "challenge": websafe_encode(challenge_of(statement)),
        "user_verification": UserVerificationRequirement.REQUIRED,
    }
    cose = CoseKey.parse(cbor.decode(key, limit=LIMITS.passkey_key))
    credential = AttestedCredentialData.create(bytes(16), credential_id, cose)
    try:
        _server(place).authenticate_complete(state, [credential], answer)
    except (ValueError, TypeError, KeyError, AttributeError) as err:
        raise SignatureError("the passkey did not sign this statement here") from err


def _uuid(uri: str) -> uuid.UUID:
    return uuid.UUID(uri.removeprefix("urn:uuid:"))
