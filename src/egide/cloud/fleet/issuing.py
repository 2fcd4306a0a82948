"""Turn a checked request into a certificate that is kept, and said in the register, in one transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from django.conf import settings

from egide.cloud.fleet.ca import authority, root_certificate, to_der
from egide.cloud.fleet.models import Certificate, Claim, HealthObject, ObjectKey
from egide.cloud.fleet.revocation import Revocations, require_not_revoked
from egide.cloud.register.journal import append_statement
from egide.errors import KeyInUseError, TooManyTriesError
from egide.trust.cose import PublicKey
from egide.trust.identity import VerifiedCsr, issue_object

__all__ = ["MAX_A_DAY", "Issued", "issue", "issued", "require_key_free"]

MAX_A_DAY: Final = 10  # certificates of one object
_BACKDATED_MS: Final = 5 * 60 * 1000  # for clocks that are a little late
_DAY_MS: Final = 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A certificate (DER), and what leads from it to the root: the issuing CA, then the root."""

    row: Certificate
    certificate: bytes
    chain: tuple[bytes, ...]


def issued(row: Certificate) -> Issued:
    return Issued(
        row=row,
        certificate=bytes(row.der),
        chain=(to_der(authority().certificate), to_der(root_certificate())),
    )


def require_key_free(owner: HealthObject, key: PublicKey) -> None:
    """Raises KeyInUseError when the key is another object's, or a certificate of it was revoked."""
    known = ObjectKey.objects.filter(thumbprint=key.thumbprint).first()
    if known is None:
        return
    if known.object_id != owner.pk:
        raise KeyInUseError("this key belongs to another object")
    said = Revocations.of(owner.pk)
    for sha256, revoked_ms in Certificate.objects.filter(key=known).values_list("sha256", "revoked_ms"):
        if revoked_ms is None and said.of_certificate(owner.pk, bytes(sha256)) is None:
            continue
        raise KeyInUseError("this key was revoked")


def issue(
    owner: HealthObject,
    csr: VerifiedCsr,
    *,
    claim: Claim | None,
    now_ms: int,
    also: Callable[[Certificate], None] = lambda _: None,
) -> Issued:
    """Issue to `owner`, by a claim or (None) as a renewal. `also` runs in the same transaction.

    Raises:
        KeyInUseError, CertificateRevokedError: the key, or the object, may not have one.
        TooManyTriesError: this object had MAX_A_DAY already.
    """
    require_key_free(owner, csr.public_key)
    recent = Certificate.objects.filter(object=owner, not_before_ms__gt=now_ms - _DAY_MS).count()
    if recent >= MAX_A_DAY:
        raise TooManyTriesError("this object has had too many certificates today")
    row = _sign(owner, csr.public_key, now_ms)

    def keep() -> None:
        require_not_revoked(owner.pk)
        require_key_free(owner, csr.public_key)
        row.key, _ = ObjectKey.objects.get_or_create(
            thumbprint=csr.public_key.thumbprint, defaults={"object": owner, "spki": csr.public_key.spki}
        )
        row.save(force_insert=True)
        also(row)

    append_statement(
        "enrolment",
        owner.pk,
        {
            "certificate": bytes(row.sha256),
            "key": csr.public_key.thumbprint,
            "not_after_ms": row.not_after_ms,
            "claim": str(claim.pk) if claim else None,
            "model": owner.model,
            "trust": int(owner.trust),
        },
        now_ms=now_ms,
        also=keep,
    )
    return issued(row)


def _sign(owner: HealthObject, key: PublicKey, now_ms: int) -> Certificate:
    issuing = authority()
    floor = int(issuing.certificate.not_valid_before_utc.timestamp()) * 1000
    ceiling = int(issuing.certificate.not_valid_after_utc.timestamp()) * 1000
    not_before = max(floor, (now_ms - _BACKDATED_MS) // 1000 * 1000)
    not_after = min(ceiling, (now_ms // 1000 + settings.OPTIONS.certificate_days * 86_400) * 1000)
    certificate = issue_object(
        issuing, key, uri=f"urn:uuid:{owner.pk}", not_before_ms=not_before, not_after_ms=not_after,
        serial=x509.random_serial_number(),
    )  # fmt: skip
    der = to_der(certificate)
    return Certificate(
        object=owner,
        sha256=hashlib.sha256(der).digest(),
        serial=f"{certificate.serial_number:x}",
        der=der,
        not_before_ms=not_before,
        not_after_ms=not_after,
    )
