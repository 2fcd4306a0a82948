"""Alice, whose phone holds a passkey that may sign; whoever keeps passkeys; what a browser answers."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from egide.cloud.consent.credentials import enrol_credential
from egide.cloud.consent.signing import (
    Asked,
    Passkey,
    Signed,
    ask,
    check,
    give,
    last_signed,
    new_nonce,
    reader_uri,
)
from egide.cloud.people.models import Account
from egide.trust.grant import GRANT, Consent, Named, Period, Shown
from egide.trust.webauthn import Assertion, Place
from tests.cloud.conftest import NOW
from tests.support.consents import ORIGIN, RP, b64
from tests.support.consents import Passkey as Authenticator
from tests.support.ward import DAY_MS, Ward

__all__ = ["Keeper", "People", "meet"]


@dataclass
class Keeper:
    """Whoever keeps passkeys: here, a dictionary."""

    keys: dict[uuid.UUID, list[Passkey]] = field(default_factory=dict)
    events: list[str] = field(default_factory=list)

    def of(self, account: uuid.UUID) -> Sequence[Passkey]:
        return self.keys.get(account, [])

    def used(self, account: uuid.UUID, credential_id: bytes, count: int, *, copied: bool, now_ms: int) -> None:
        self.keys[account] = [Passkey(k.id, count if k.id == credential_id else k.count) for k in self.keys[account]]
        if copied:
            self.events.append("copied-key")


@dataclass
class People:
    alice: Account
    bob: Account
    charlie: Account
    keeper: Keeper
    phone: Authenticator

    def consent(self, **other: Any) -> Consent:
        alice = Named(f"urn:uuid:{self.alice.pk}", "Alice Moreau")
        parts: dict[str, Any] = {
            "kind": GRANT, "grant": f"urn:uuid:{uuid.uuid4()}", "patient": alice, "signer": alice,
            "reader_kind": "person", "reader": Named(reader_uri(self.bob), "Dr Bob Durand"),
            "families": ("glucose", "pressure"), "period": Period(NOW - 30 * DAY_MS, None), "purpose": "TREAT",
            "until_ms": NOW + 90 * DAY_MS, "previous": last_signed(self.alice.pk), "nonce": new_nonce(), "at_ms": NOW,
            "shown": Shown("Vous autorisez Dr Bob Durand à voir votre glycémie.", "1", "fr"),
            "place": Place(RP, ORIGIN),
        }  # fmt: skip
        return Consent(**{**parts, **other})

    def ask(self, **other: Any) -> Asked:
        return ask(self.consent(**other), self.keeper)

    def answer(self, asked: Asked, *, phone: Authenticator | None = None, **how: Any) -> dict[str, Any]:
        """What the browser posts: only `options` reached it."""
        phone = phone or self.phone
        challenge = asked.options["publicKey"]["challenge"]
        return answer_of(phone, phone.get(base64.urlsafe_b64decode(challenge + "="), **how))

    def sign(self, asked: Asked, *, now_ms: int = NOW + 20_000, **how: Any) -> Signed:
        return self.check(asked, self.answer(asked, **how), now_ms=now_ms)

    def check(self, asked: Asked, answer: dict[str, Any], *, now_ms: int = NOW + 20_000) -> Signed:
        return check(asked.statement, answer, self.alice.pk, self.keeper, now_ms=now_ms)

    def give(self, signed: Signed, now_ms: int = NOW + 20_000) -> str:
        return give(signed, patient=self.alice, who=self.bob, signer=self.alice, now_ms=now_ms)


def answer_of(phone: Authenticator, made: Assertion) -> dict[str, Any]:
    """A PublicKeyCredential as `toJSON` gives it."""
    return {
        "id": b64(phone.id), "rawId": b64(phone.id), "type": "public-key", "clientExtensionResults": {},
        "authenticatorAttachment": "platform",
        "response": {
            "authenticatorData": b64(made.authenticator_data), "clientDataJSON": b64(made.client_data),
            "signature": b64(made.signature), "userHandle": None,
        },
    }


def meet(ward: Ward, phone: Authenticator) -> People:
    """Alice, whose phone holds a passkey that may sign; Bob and Charlie, who have none."""
    alice = ward.patient("Alice Moreau")
    enrol_credential(alice, phone.id, phone.cose, rp=RP, count=0, now_ms=NOW - DAY_MS)
    return People(
        alice=alice, bob=ward.professional("Dr Bob Durand"), charlie=ward.patient("Charlie Petit"),
        keeper=Keeper({alice.pk: [Passkey(phone.id, 0)]}), phone=phone,
    )  # fmt: skip
