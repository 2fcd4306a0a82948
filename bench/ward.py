"""A platform for a bench: keys, an open register, and a ward of objects that are enrolled and paired.

The objects are written into the tables by the bench, with certificates by the platform's CA: enrolment by EST
is not what is measured. Import only in a process whose EGIDE_DATA and EGIDE_KEYS are a bench's own.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import django
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from bench.presign import Signing

__all__ = ["DAY_MS", "Ward", "make_ward", "open_platform"]

DAY_MS: Final = 86_400_000
_PEM: Final = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@dataclass(frozen=True, slots=True, kw_only=True)
class Ward:
    """Objects that sign, one patient each. `patients[i]` is the account measured by `signings[i]`."""

    signings: list[Signing]
    patients: list[uuid.UUID]


def open_platform(*, now_ms: int) -> None:
    """Make the keys and the tables of this process's settings, and open the register."""
    django.setup()
    from django.conf import settings

    from egide.cloud.config.initialise import ensure_platform

    ensure_platform(settings.OPTIONS, now_ms=now_ms)


def make_ward(count: int, *, now_ms: int, since_ms: int = 0, pem_folder: Path | None = None) -> Ward:
    """Write `count` objects and patients into the tables, each pairing open since `since_ms`.

    With `pem_folder`, also write <object>.pem (chain and key) and ca.pem: what the generator connects with.
    """
    from django.conf import settings
    from django.db import transaction

    from egide.cloud.fleet.ca import authority
    from egide.cloud.fleet.models import Certificate, HealthObject, ObjectKey, Pairing
    from egide.cloud.people.service import create_account
    from egide.cloud.register.journal import append_statement
    from egide.trust.cose import PublicKey
    from egide.trust.identity import issue_object

    issuing = authority()
    if pem_folder is not None:
        pem_folder.mkdir(parents=True, exist_ok=True)
        (pem_folder / "ca.pem").write_bytes(settings.OPTIONS.read_key("ca-root.pem"))
    life = {"not_before_ms": now_ms - DAY_MS // 2, "not_after_ms": now_ms + 80 * DAY_MS}
    signings: list[Signing] = []
    patients: list[uuid.UUID] = []
    with transaction.atomic():
        for i in range(count):
            patient = create_account("patient", f"Bench Patient {i}", now_ms)
            owner = HealthObject.objects.create(model="bench-cgm", created_ms=now_ms)
            private = Ed25519PrivateKey.generate()
            public = PublicKey(private.public_key())
            uri, serial = f"urn:uuid:{owner.id}", x509.random_serial_number()
            issued = issue_object(issuing, public, uri=uri, serial=serial, **life)
            key = ObjectKey.objects.create(object=owner, thumbprint=public.thumbprint, spki=public.spki)
            certificate = Certificate.objects.create(
                object=owner, key=key, sha256=issued.fingerprint(hashes.SHA256()), serial=f"{serial:x}",
                der=issued.public_bytes(Encoding.DER), **life,
            )  # fmt: skip
            pairing = Pairing.objects.create(object=owner, patient=patient, since_ms=since_ms)
            signings.append(
                Signing(
                    object_id=str(owner.id), pairing_id=str(pairing.uuid), seed=private.private_bytes_raw(),
                    certificate=bytes(certificate.sha256),
                )
            )  # fmt: skip
            patients.append(patient.id)
            if pem_folder is not None:
                (pem_folder / f"{owner.id}.pem").write_bytes(
                    issued.public_bytes(Encoding.PEM)
                    + issuing.certificate.public_bytes(Encoding.PEM)
                    + private.private_bytes(*_PEM)
                )
        append_statement("enrolment", None, {"count": count}, now_ms=now_ms)
    return Ward(signings=signings, patients=patients)
