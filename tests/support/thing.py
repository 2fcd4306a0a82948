"""The fixed cast of the cloud's tests: a platform on the test database, people, and objects signed for by hand."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from django.conf import settings as django_settings

from egide.cloud.config.initialise import make_keys
from egide.cloud.fleet import ca, tries
from egide.cloud.fleet.models import Certificate, HealthObject, ObjectKey, Pairing
from egide.cloud.fleet.service import pair
from egide.cloud.intake import quarantine
from egide.cloud.intake.pipeline import Answer
from egide.cloud.intake.steps import Incoming
from egide.cloud.keys import provider
from egide.cloud.options import Options
from egide.cloud.people.models import Account
from egide.cloud.people.service import create_account
from egide.cloud.register import platform
from egide.cloud.register.epochs import open_log
from egide.cloud.register.journal import append_statement
from egide.cloud.register.store import current_log
from egide.measure.readings import Readings, Series
from egide.trust.answer import ReceiptAnswer, decode_answer, verify_refusal
from egide.trust.cose import PublicKey, SoftwareSigner
from egide.trust.envelope import Clock, Envelope, sign_readings
from egide.trust.identity import issue_object
from egide.trust.register.receipt import VerifiedReceipt, verify_receipt

__all__ = ["DAY", "NOW", "Thing", "code_of", "forget", "glucose", "incoming", "open_platform", "receipt_of"]

NOW = 1_800_000_000_000
DAY = 86_400_000


def forget() -> None:
    """Drop what processes remember of their keys."""
    for cached in (
        ca.authority, ca.issuing_certificate, ca.root_certificate, tries._key,
        provider.provider, platform.platform, platform.log_signer, quarantine._public,
    ):  # fmt: skip
        cached.cache_clear()


def made_keys(folder: Path) -> Options:
    """A keys folder as `egide up` makes it."""
    options = replace(django_settings.OPTIONS, keys=folder)
    make_keys(options, now_ms=NOW)
    return options


@contextmanager
def open_platform(options: Options, settings: Any) -> Iterator[Options]:
    """An open register on an empty database."""
    settings.OPTIONS = options
    forget()
    open_log(platform.log_signer(1).public_key, now_ms=NOW)
    yield options
    forget()


def glucose(first: int = 100, *, count: int = 12, at_ms: int = NOW - 3_600_000, code: str = "99504-3") -> Readings:
    """`count` values in mg/dL, one in five minutes from `at_ms`."""
    values = tuple(first + i for i in range(count))
    series = Series(code=code, unit="mg/dL", times=300_000_000 if count > 1 else 0, exponent=0, values=values)
    return Readings(t0_ms=at_ms, series=(series,))


@dataclass(kw_only=True)
class Thing:
    """An enrolled object, whose every byte a test may choose."""

    row: HealthObject
    certificate: Certificate
    pairing: Pairing
    signer: SoftwareSigner
    boot: bytes
    seq: int = 0

    @classmethod
    def enrol(
        cls, patient: Account, *, kind: str = "ed25519", since_ms: int = NOW - 40 * DAY, until_ms: int = NOW + 50 * DAY,
        valid_from_ms: int = NOW - DAY + 1,
    ) -> Thing:  # fmt: skip
        key = ed25519.Ed25519PrivateKey.generate() if kind == "ed25519" else ec.generate_private_key(ec.SECP256R1())
        signer = SoftwareSigner(key)
        row = HealthObject.objects.create(model="Glucometer G7", created_ms=NOW)
        pairing = pair(row, patient, NOW, since_ms=since_ms)
        return cls(
            row=row, certificate=issue(row, signer.public_key, valid_from_ms, until_ms), pairing=pairing, signer=signer,
            boot=os.urandom(8),
        )  # fmt: skip

    def envelope(self, readings: Readings | None = None, **changes: Any) -> bytes:
        """A good envelope, signed now, but for `changes`."""
        self.seq += 1
        arguments: dict[str, Any] = {
            "signer": self.signer, "certificate": bytes(self.certificate.sha256), "object_id": str(self.row.pk),
            "pairing_id": str(self.pairing.uuid), "iat": NOW // 1000, "cti": os.urandom(16), "seq": self.seq,
            "clock": Clock(self.boot, 10_000 + self.seq, True),
        }  # fmt: skip
        return sign_readings(readings or glucose(), **{**arguments, **changes})


def issue(row: HealthObject, key: PublicKey, first_ms: int, last_ms: int) -> Certificate:
    """A certificate of the platform's CA, written as enrolment writes it."""
    serial = secrets.randbits(158) + 1
    made = issue_object(
        ca.authority(), key, uri=f"urn:uuid:{row.pk}", not_before_ms=first_ms, not_after_ms=last_ms, serial=serial
    )
    der = made.public_bytes(Encoding.DER)
    known, _ = ObjectKey.objects.get_or_create(object=row, thumbprint=key.thumbprint, defaults={"spki": key.spki})
    certificate = Certificate.objects.create(
        object=row, key=known, sha256=hashlib.sha256(der).digest(), serial=f"{serial:x}", der=der,
        not_before_ms=first_ms, not_after_ms=last_ms,
    )  # fmt: skip
    append_statement("enrolment", row.pk, {}, now_ms=NOW)
    return certificate


def people() -> tuple[Account, Account, Account]:
    """Alice and Bob, patients; Charlie, a professional."""
    return (
        create_account("patient", "Alice Martin", NOW),
        create_account("patient", "Bob Durand", NOW),
        create_account("professional", "Charlie Petit", NOW),
    )


def incoming(data: bytes, *, source: str = "", at_ms: int = NOW) -> Incoming:
    return Incoming(data, source, at_ms)


def receipt_of(answer: Answer, data: bytes) -> VerifiedReceipt:
    """The receipt in an answer, verified as an object would."""
    decoded = decode_answer(answer.data)
    assert isinstance(decoded, ReceiptAnswer), answer.code
    assert decoded.digest == hashlib.sha256(data).digest()
    log = current_log()
    key = platform.log_signer(log.pk).public_key
    return verify_receipt(decoded.receipt, Envelope.parse(data).leaf(), key=key, log_uri=log.uri)


def code_of(answer: Answer, data: bytes) -> str:
    """The code in a refusal, verified as an object would."""
    decoded = decode_answer(answer.data)
    assert not isinstance(decoded, ReceiptAnswer)
    log = current_log()
    digest = hashlib.sha256(data).digest()
    refusal = verify_refusal(
        decoded.refusal, digest=digest, key=platform.log_signer(log.pk).public_key, log_uri=log.uri
    )
    assert (refusal.code, refusal.retryable) == (answer.code, answer.retryable)
    return refusal.code
