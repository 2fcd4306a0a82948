"""A small ward without a network: real keys and register, objects that sign, the real intake and release."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from django.conf import settings

from egide.cloud.config.initialise import make_keys
from egide.cloud.consent.service import start_follow_up
from egide.cloud.fleet import ca, tries
from egide.cloud.fleet.models import HealthObject, Pairing
from egide.cloud.fleet.service import create_claim, create_object, enrol, pair
from egide.cloud.intake.pipeline import Answer, Pipeline
from egide.cloud.intake.steps import Incoming
from egide.cloud.keys import provider
from egide.cloud.options import Options
from egide.cloud.people.models import Account
from egide.cloud.people.service import create_account
from egide.cloud.register import platform
from egide.cloud.register.epochs import open_log
from egide.cloud.vault.models import Envelope
from egide.measure.readings import Readings, Series, exact
from egide.trust.claim import code_text
from egide.trust.cose import SoftwareSigner
from egide.trust.envelope import Clock, sign_readings

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


def forget() -> None:
    """Let go of every key that this process has read."""
    for cached in (
        ca.authority, ca.issuing_certificate, ca.root_certificate, tries._key,
        provider.provider, platform.platform, platform.log_signer,
    ):  # fmt: skip
        cached.cache_clear()


def keys_in(folder: Path, *, now_ms: int) -> Options:
    """A keys folder as `egide up` makes it."""
    options: Options = replace(settings.OPTIONS, keys=folder)
    make_keys(options, now_ms=now_ms)
    return options


@contextmanager
def opened(options: Options, *, now_ms: int) -> Iterator[None]:
    """Use these keys, on an empty database, with a register just opened."""
    before, settings.OPTIONS = settings.OPTIONS, options
    forget()
    try:
        open_log(platform.log_signer(1).public_key, now_ms=now_ms)
        yield
    finally:
        settings.OPTIONS = before
        forget()


@dataclass(slots=True, kw_only=True)
class Thing:
    """An enrolled object that signs what it is given to send."""

    row: HealthObject
    signer: SoftwareSigner
    certificate: bytes  # SHA-256
    pairing: Pairing
    pipeline: Pipeline
    seq: int = 0
    boot: bytes = field(default_factory=lambda: os.urandom(8))

    def sign(self, *series: Series, t0_ms: int, iat_ms: int | None = None, seq: int | None = None) -> bytes:
        """An envelope; `iat_ms` is the object's clock when it signs (default: the last instant measured)."""
        readings = Readings(t0_ms=t0_ms, series=series)
        signed_ms = readings.span_ms()[1] if iat_ms is None else iat_ms
        if seq is None:
            self.seq += 1
            seq = self.seq
        return sign_readings(
            readings,
            signer=self.signer,
            certificate=self.certificate,
            object_id=str(self.row.pk),
            pairing_id=str(self.pairing.uuid),
            iat=signed_ms // 1000,
            cti=os.urandom(16),
            seq=seq,
            clock=Clock(self.boot, max(0, signed_ms - self.row.created_ms), True),
        )

    def send(
        self,
        *series: Series,
        t0_ms: int,
        iat_ms: int | None = None,
        received_ms: int | None = None,
        seq: int | None = None,
    ) -> int:
        """Sign and pass through intake; the entry's number in the register."""
        data = self.sign(*series, t0_ms=t0_ms, iat_ms=iat_ms, seq=seq)
        arrived = (
            Readings(t0_ms=t0_ms, series=series).span_ms()[1] + 1_000 if received_ms is None else received_ms
        )
        answer = self.deliver(data, arrived)
        assert not answer.code, answer.code
        return int(Envelope.objects.order_by("-entry").values_list("entry", flat=True)[0])

    def deliver(self, data: bytes, received_ms: int) -> Answer:
        return self.pipeline.process([Incoming(data, str(self.row.pk), received_ms)])[0]


@dataclass(slots=True, kw_only=True)
class Ward:
    """People and objects, since `start_ms`."""

    start_ms: int
    pipeline: Pipeline = field(default_factory=Pipeline)

    def patient(self, name: str) -> Account:
        return create_account("patient", name, self.start_ms)

    def professional(self, name: str, *follows: Account) -> Account:
        account = create_account("professional", name, self.start_ms)
        for patient in follows:
            start_follow_up(account, patient, now_ms=self.start_ms)
        return account

    def thing(self, model: str, patient: Account, *, trust: int = 4) -> Thing:
        """Declare, enrol and pair an object."""
        row = create_object(model, trust, self.start_ms)
        key = ed25519.Ed25519PrivateKey.generate()
        ticket = create_claim(row, HOUR_MS, self.start_ms)
        request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, None)
        issued = enrol(
            ticket.claim_id,
            code_text(ticket.code),
            request.public_bytes(Encoding.DER),
            "127.0.0.1",
            self.start_ms,
        )
        return Thing(
            row=row,
            signer=SoftwareSigner(key),
            certificate=hashlib.sha256(issued.certificate).digest(),
            pairing=pair(row, patient, self.start_ms),
            pipeline=self.pipeline,
        )


def spot(code: str, unit: str, text: str) -> Series:
    """One value at t0: `text` keeps its digits, "36.50" is 36.50."""
    number, exponent = exact(text)
    return Series(code=code, unit=unit, times=0, exponent=exponent, values=(number,))
